"""Content credentials of files: put in, read, taken out, and what a changed byte does."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.credential_tools import KINDS, key_in, manifest, picture, upstream

from triptych.imaging import credentials
from triptych.imaging.bare import bare, has_credentials
from triptych.imaging.credentials import PARENT, CredentialsError
from triptych.imaging.workshop import Workshop
from triptych.spec.errors import HostileContentError, StorageError

needed = pytest.mark.skipif(not credentials.installed(), reason="c2pa-python is not installed")
kinds = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop(processes=1)
    yield made
    await made.close()


@needed
@kinds
async def test_they_are_read_and_taken_out_again_byte_for_byte(workshop: Workshop, tmp_path: Path, kind: str) -> None:
    plain = picture(kind)
    signed = upstream(tmp_path, plain, kind)
    assert (has_credentials(plain), has_credentials(signed), bare(plain), bare(signed)) == (False, True, plain, plain)
    said = await workshop.read_credentials(signed)
    assert (said["state"], said["issuer"], said["generator"], said["problems"]) == (
        "untrusted", "Triptych, self-signed", "Painter of Elsewhere", [],
    )  # fmt: skip
    trusted = await workshop.read_credentials(signed, key_in(tmp_path / "elsewhere").root)
    assert trusted["state"] == "valid"
    assert (await workshop.inspect(signed)).width == 48


@needed
@kinds
async def test_the_guarded_process_signs_without_the_key_and_keeps_the_parent(
    workshop: Workshop, tmp_path: Path, kind: str
) -> None:
    key, asked = key_in(tmp_path / "own"), list[bytes]()

    def sign(data: bytes) -> bytes:
        asked.append(data)
        return key.sign(data)

    parent = upstream(tmp_path, picture(kind), kind)
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    said = manifest() | {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened]}}]}
    made = await workshop.embed_credentials(parent, said, chain=key.chain, sign=sign, parent=parent)
    assert (len(asked), bare(made)) == (1, bare(parent))
    read = await workshop.read_credentials(made, key.root)
    assert (read["state"], read["ingredients"], read["problems"]) == ("valid", 1, [])


@needed
@kinds
async def test_any_byte_that_is_changed_is_noticed(workshop: Workshop, tmp_path: Path, kind: str) -> None:
    signed = upstream(tmp_path, picture(kind), kind)
    chance = random.Random(7)
    for place in chance.sample(range(len(signed)), 60):
        changed = bytearray(signed)
        changed[place] ^= 1 << chance.randrange(8)
        try:
            said = await workshop.read_credentials(bytes(changed))
        except HostileContentError:
            continue  # no longer a picture, or no manifest any more
        # The zeros that fill up the room left for the signature are covered by nothing; every other byte is.
        padding = signed[place] == 0 and bare(bytes(changed)) == bare(signed)
        assert said["state"] == "broken" or padding, place


@needed
async def test_a_broken_manifest_is_an_error_and_no_crash(workshop: Workshop, tmp_path: Path) -> None:
    signed = upstream(tmp_path, picture())
    start = signed.index(b"caBX") + 4
    for length in (8, 200, 2000):  # the box, its description, its first manifest
        junk = signed[:start] + bytes(b ^ 0x5A for b in signed[start : start + length]) + signed[start + length :]
        try:
            assert (await workshop.read_credentials(junk))["state"] == "broken", length
        except HostileContentError:
            continue
    with pytest.raises(HostileContentError):
        await workshop.read_credentials(picture())
    assert (await workshop.inspect(picture())).width == 48, "the process is still there"


@needed
async def test_a_key_that_fails_makes_no_file(workshop: Workshop, tmp_path: Path) -> None:
    key, other = key_in(tmp_path / "own"), key_in(tmp_path / "other")
    wrong = await workshop.embed_credentials(picture(), manifest(), chain=key.chain, sign=other.sign)
    assert (await workshop.read_credentials(wrong))["state"] == "broken"
    with pytest.raises(HostileContentError):
        await workshop.embed_credentials(picture(), manifest(), chain="no chain", sign=key.sign)
    with pytest.raises(HostileContentError):
        await workshop.embed_credentials(picture(), {"assertions": 7}, chain=key.chain, sign=key.sign)


async def test_without_the_package_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    key = key_in(tmp_path)
    with pytest.raises(CredentialsError, match="not installed"):
        credentials.read(picture(), "image/png")
    with pytest.raises(CredentialsError, match="not installed"):
        credentials.embed(picture(), "image/png", manifest(), key.chain, key.sign, None)


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xeb", b"RIFF\x10\0\0\0WEBP"]), st.binary(max_size=300))
def test_taking_out_holds_on_any_bytes(start: bytes, rest: bytes) -> None:
    data = start + rest
    left = bare(data)
    assert len(left) <= len(data)
    assert has_credentials(data) == (len(left) < len(data))


def test_the_key_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    path = tmp_path / "credentials.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (key_in(tmp_path).chain, key.chain.count("BEGIN CERTIFICATE"), key.root in key.chain) == (key.chain, 2, True)
    assert "PRIVATE" not in key.chain + repr(key)
    for wrong in (b"", b"rubbish", key.chain.encode()):
        path.write_bytes(wrong)
        with pytest.raises(StorageError):
            key_in(tmp_path)


async def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    found = await asyncio.gather(*(asyncio.to_thread(key_in, tmp_path) for _ in range(6)))
    assert len({one.chain for one in found}) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["credentials.key"]
