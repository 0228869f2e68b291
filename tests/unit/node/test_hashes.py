"""The hashes of weights: those of `sha256sum`, read once for each file as it is, and kept."""

import hashlib
import os
from pathlib import Path

import pytest

from triptych.node.hashes import Hashes, Reading

DATA = b"weights" * 1000


def file(place: Path, name: str = "model.safetensors", data: bytes = DATA) -> Path:
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(data)
    return place / name


async def test_a_file_is_read_once_and_anew_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, kept = file(tmp_path / "m"), tmp_path / "weights.json"
    right = hashlib.sha256(DATA).hexdigest()
    assert await Hashes(kept).of(here) == right
    count, reads = hashlib.file_digest, list[str]()

    def counted(opened: object, name: str) -> object:
        reads.append(name)
        return count(opened, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counted)
    again = Hashes(kept)
    assert [await again.of(here), await again.of(here)] == [right, right]
    assert not reads
    stat = here.stat()
    here.write_bytes(DATA[::-1])
    os.utime(here, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert await again.of(here) == hashlib.sha256(DATA[::-1]).hexdigest()
    assert len(reads) == 1


async def test_a_large_file_says_what_is_read_and_how_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.node.hashes.LARGE", 1 << 20)
    data, said = bytes(range(256)) * (20 << 12), list[Reading]()
    here = file(tmp_path / "m", data=data)
    hashes = Hashes(tmp_path / "weights.json", said.append)
    assert await hashes.of(file(tmp_path / "m", "small", data[: (1 << 20) - 1])) is not None
    assert said == [], "it is read in a moment"
    assert await hashes.of(here) == hashlib.sha256(data).hexdigest()
    assert {one.file for one in said} == {"model.safetensors"}
    assert (said[0].read, said[-1].read) == (0, len(data))
    assert [one.read for one in said] == sorted({one.read for one in said})
    assert len(said) == 11
    assert str(said[0]) == "Reading model.safetensors, once, for its hash: 0 % of 0.0 GB"
    count = len(said)
    await hashes.of(here)
    assert len(said) == count, "once"


async def test_what_was_kept_and_cannot_be_read_is_read_anew(tmp_path: Path) -> None:
    here, kept = file(tmp_path / "m"), tmp_path / "weights.json"
    kept.write_bytes(b"{not json")
    assert await Hashes(kept).of(here) == hashlib.sha256(DATA).hexdigest()
    assert str(here) in kept.read_text()


async def test_where_nothing_can_be_kept_or_read_it_says_so_or_goes_on(tmp_path: Path) -> None:
    here = file(tmp_path / "m")
    assert await Hashes(tmp_path / "nowhere" / "weights.json").of(here) == hashlib.sha256(DATA).hexdigest()
    assert await Hashes(tmp_path / "weights.json").of(tmp_path / "gone.safetensors") is None


async def test_several_files_are_one_hash_of_what_sha256sum_says(tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "weights.json")
    one, two = file(tmp_path / "m", "b"), file(tmp_path / "m", "a", b"other")
    said = f"{hashlib.sha256(b'other').hexdigest()}  unet/a\n{hashlib.sha256(DATA).hexdigest()}  unet/b\n"
    assert await hashes.of_all([("unet/b", one), ("unet/a", two)]) == hashlib.sha256(said.encode()).hexdigest()
    assert await hashes.of_all([("unet/b", one), ("unet/a", tmp_path / "gone")]) is None
