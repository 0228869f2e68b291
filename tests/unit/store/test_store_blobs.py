"""Bytes by hash, in a folder and in a bucket."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from triptych.spec.errors import BadRequestError, SettingsError, StorageError
from triptych.store import blobs as module
from triptych.store.base import BlobStore
from triptych.store.blobs import ObjectBlobs, open_blobs

DATA = b"\x89PNG some picture"
SHA = hashlib.sha256(DATA).hexdigest()


class Bucket:
    """As much of S3 as an object store needs: PUT, GET and HEAD of whole objects, without looking at signatures."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.writes = 0
        self.fault: tuple[int, str] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        key = request.path
        if self.fault is not None:
            status, code = self.fault
            return web.Response(status=status, text=f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")
        if request.method == "PUT":
            self.objects[key] = await request.read()
            self.writes += 1
            return web.Response(headers={"ETag": '"1"'})
        if key not in self.objects:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        headers = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2026 08:00:00 GMT"}
        return web.Response(body=self.objects[key], headers=headers)


@pytest.fixture
async def bucket() -> AsyncIterator[tuple[Bucket, str]]:
    made = Bucket()
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{key:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield made, f"http://127.0.0.1:{port}"
    await runner.cleanup()


def _in_bucket(endpoint: str) -> ObjectBlobs:
    options = {"endpoint": endpoint, "region": "here", "access_key_id": "id", "secret_access_key": "not-a-secret"}
    return open_blobs("s3://pictures/prefix", options)


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectBlobs:
    if request.param == "folder":
        return open_blobs(tmp_path / "new" / "blobs")
    made: tuple[Bucket, str] = request.getfixturevalue("bucket")
    return _in_bucket(made[1])


async def test_bytes_come_back_by_their_hash(blobs: ObjectBlobs) -> None:
    store: BlobStore = blobs
    assert await store.has(SHA) is False
    assert await store.get(SHA) is None
    assert await store.put(DATA) == SHA
    assert await store.put(DATA) == SHA
    assert await store.has(SHA) is True
    assert await store.get(SHA) == DATA
    empty = await store.put(b"")
    assert await store.get(empty) == b""
    large = os.urandom(3 << 20)
    assert await store.get(await store.put(large)) == large


async def test_derived_bytes_are_kept_beside_and_replaced(blobs: ObjectBlobs) -> None:
    assert await blobs.get_derived(SHA, "thumb-256") is None
    await blobs.put_derived(SHA, "thumb-256", b"one")
    await blobs.put_derived(SHA, "thumb-256", b"two")
    assert await blobs.get_derived(SHA, "thumb-256") == b"two"
    assert await blobs.get_derived(SHA, "thumb-512") is None
    assert await blobs.has(SHA) is False


async def test_many_at_once_keep_each_once(blobs: ObjectBlobs) -> None:
    pictures = [f"picture {n % 5}".encode() for n in range(30)]
    hashes = await asyncio.gather(*(blobs.put(picture) for picture in pictures))
    assert hashes == [hashlib.sha256(picture).hexdigest() for picture in pictures]
    assert [await blobs.get(sha256) for sha256 in hashes[:5]] == pictures[:5]


@pytest.mark.parametrize("sha256", ["", "ab", "../../etc/passwd", SHA.upper(), SHA + "0", SHA[:-1] + "/"])
async def test_a_name_that_is_no_hash_is_refused(blobs: ObjectBlobs, sha256: str) -> None:
    for call in (blobs.get, blobs.has):
        with pytest.raises(BadRequestError) as caught:
            await call(sha256)
        assert caught.value.param == "sha256"


@pytest.mark.parametrize("kind", ["", "../thumb", "a/b", "Thumb", "."])
async def test_a_kind_that_is_no_name_is_refused(blobs: ObjectBlobs, kind: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await blobs.put_derived(SHA, kind, DATA)
    assert caught.value.param == "kind"


async def test_files_are_sharded_and_nothing_else_is_left(tmp_path: Path) -> None:
    blobs = open_blobs(f"file://{tmp_path}")
    await blobs.put(DATA)
    await blobs.put_derived(SHA, "thumb", b"small")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    shard = f"{SHA[:2]}/{SHA[2:4]}/{SHA}"
    assert files == sorted([shard, f"derived/thumb/{shard}"])


async def test_objects_go_under_the_prefix_once(bucket: tuple[Bucket, str]) -> None:
    made, endpoint = bucket
    blobs = _in_bucket(endpoint)
    await blobs.put(DATA)
    await blobs.put(DATA)
    assert list(made.objects) == [f"/pictures/prefix/{SHA[:2]}/{SHA[2:4]}/{SHA}"]
    assert made.writes == 1


async def test_the_bytes_are_on_the_disk_before_they_get_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = open_blobs(tmp_path)
    named: list[tuple[str, bool]] = []
    final = tmp_path / SHA[:2] / SHA[2:4] / SHA
    flush = module._flush

    def watched(path: Path) -> None:
        named.append((path.name if path.is_dir() else "content", final.exists()))
        flush(path)

    monkeypatch.setattr(module, "_flush", watched)
    await blobs.put(DATA)
    assert named == [("content", False), (SHA[2:4], True), (SHA[:2], True), (tmp_path.name, True)]


async def test_only_folders_that_may_be_new_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = open_blobs(tmp_path)
    await blobs.put(DATA)
    named: list[Path] = []
    flush = module._flush

    def watched(path: Path) -> None:
        named.append(path)
        flush(path)

    monkeypatch.setattr(module, "_flush", watched)
    leaf = tmp_path / SHA[:2] / SHA[2:4]

    async def flushed(name: str) -> list[Path]:
        named.clear()
        await blobs.put(b"other bytes", name)
        return [path for path in named if path.is_dir()]

    other = "00" if SHA[2:4] != "00" else "01"
    assert await flushed(SHA[:4] + "0" * 60) == [leaf]
    assert await flushed(SHA[:2] + other + "0" * 60) == [leaf.parent / other, leaf.parent]
    for path in leaf.iterdir():
        path.unlink()
    leaf.rmdir()
    assert await flushed(SHA[:4] + "1" * 60) == [leaf, leaf.parent]


@pytest.mark.parametrize("step", ["write", "flush"])
async def test_a_full_disk_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    blobs = open_blobs(tmp_path)

    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "write") if step == "write" else (module, "_flush")), full)
        with pytest.raises(StorageError, match="The disk is full") as caught:
            await blobs.put(DATA)
    assert str(tmp_path) in caught.value.message
    assert "Free some space" in str(caught.value.hint)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert await blobs.put(DATA) == SHA
    assert await blobs.get(SHA) == DATA


async def test_of_files_written_together_only_the_one_that_fails_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, write = open_blobs(tmp_path), os.write

    def broken(handle: int, data: memoryview) -> int:
        if bytes(data) == b"picture 3":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return write(handle, data[:4])  # a disk may take less than it is given

    monkeypatch.setattr(os, "write", broken)
    pictures = [f"picture {n}".encode() for n in range(8)]
    kept = await asyncio.gather(*map(blobs.put, pictures), return_exceptions=True)
    assert isinstance(kept[3], StorageError)
    fresh = open_blobs(tmp_path)
    for number, (picture, sha256) in enumerate(zip(pictures, kept, strict=True)):
        if number != 3:
            assert await fresh.get(str(sha256)) == picture
    assert not list((tmp_path / "incoming").iterdir())


async def test_a_bucket_that_refuses_is_named(bucket: tuple[Bucket, str]) -> None:
    made, endpoint = bucket
    blobs = _in_bucket(endpoint)
    made.fault = (403, "AccessDenied")
    with pytest.raises(StorageError, match="s3://pictures/prefix") as caught:
        await blobs.put(DATA)
    assert "not-a-secret" not in str(caught.value) + str(caught.value.upstream)
    with pytest.raises(StorageError):
        await blobs.has(SHA)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=str(tmp_path)):
        open_blobs(tmp_path / "file" / "blobs")


@pytest.mark.parametrize("location", ["ftp://host/x", "gs://bucket", "http://host/"])
def test_another_kind_of_place_is_refused(location: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_blobs(location)
    assert caught.value.param == "blobs"
