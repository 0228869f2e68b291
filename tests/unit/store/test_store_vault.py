"""Provider keys at rest."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from triptych.spec.errors import BadRequestError, StorageError
from triptych.store.base import Vault
from triptych.store.vault import FileVault

KEY = "sk-very-secret-0123456789"


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_keys_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    vault: Vault = FileVault(tmp_path / "keys")
    assert await vault.names() == ()
    assert await vault.get("openai") is None
    assert await vault.remove("openai") is False
    await vault.put("openai", "first")
    await vault.put("openai", KEY)
    await vault.put("fal", "schlüssel-ключ")
    again = FileVault(tmp_path / "keys")
    assert await again.names() == ("fal", "openai")
    assert await again.get("openai") == KEY
    assert await again.get("fal") == "schlüssel-ключ"
    assert await again.remove("openai") is True
    assert await vault.names() == ("fal",)


async def test_no_file_shows_a_key_or_is_open_to_others(tmp_path: Path) -> None:
    vault = FileVault(tmp_path / "keys")
    await vault.put("openai", KEY)
    files = _files(tmp_path)
    assert {path.name for path in files} == {"keys.key", "openai.sealed"}
    for path in files:
        assert KEY.encode() not in path.read_bytes()
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in repr(vault)


async def test_programs_that_start_together_agree_on_the_master_key(tmp_path: Path) -> None:
    vaults = [FileVault(tmp_path / "keys") for _ in range(8)]
    await asyncio.gather(*(vault.put(f"p{n}", f"value{n}") for n, vault in enumerate(vaults)))
    assert [await vaults[0].get(f"p{n}") for n in range(8)] == [f"value{n}" for n in range(8)]


async def test_a_master_key_that_is_passed_in_is_written_nowhere(tmp_path: Path) -> None:
    vault = FileVault(tmp_path / "keys", master_key=b"k" * 32)
    await vault.put("openai", KEY)
    assert [path.name for path in _files(tmp_path)] == ["openai.sealed"]
    assert await FileVault(tmp_path / "keys", master_key=b"k" * 32).get("openai") == KEY
    with pytest.raises(StorageError, match="cannot be opened") as caught:
        await FileVault(tmp_path / "keys", master_key=b"x" * 32).get("openai")
    assert "Enter the key again" in str(caught.value)
    with pytest.raises(StorageError, match="5 bytes and not 32"):
        FileVault(tmp_path, master_key=b"short")


async def _swapped(folder: Path) -> None:
    await FileVault(folder).put("fal", "another")
    (folder / "fal.sealed").replace(folder / "openai.sealed")


async def _truncated(folder: Path) -> None:
    path = folder / "openai.sealed"
    path.write_bytes(path.read_bytes()[:40])


async def _garbled(folder: Path) -> None:
    (folder / "openai.sealed").write_bytes(b"\x00\xff not a sealed key")


async def _flipped(folder: Path) -> None:
    path = folder / "openai.sealed"
    content = bytearray(path.read_bytes())
    content[-10] = ord("A") if content[-10] != ord("A") else ord("B")
    path.write_bytes(bytes(content))


async def _keyless(folder: Path) -> None:
    folder.with_name("keys.key").unlink()


async def _bad_master(folder: Path) -> None:
    folder.with_name("keys.key").write_bytes(b"***")


@pytest.mark.parametrize("damage", [_swapped, _truncated, _garbled, _flipped, _keyless, _bad_master])
async def test_a_damaged_vault_says_the_way_out(tmp_path: Path, damage: object) -> None:
    folder = tmp_path / "keys"
    await FileVault(folder).put("openai", KEY)
    assert callable(damage)
    await damage(folder)
    with pytest.raises(StorageError) as caught:
        await FileVault(folder).get("openai")
    assert caught.value.hint is not None
    assert "enter" in caught.value.hint.lower()
    assert KEY not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_lost_master_key_is_not_silently_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    await FileVault(folder).put("openai", KEY)
    master = folder.with_name("keys.key")
    saved = master.read_bytes()
    master.unlink()
    with pytest.raises(StorageError, match="is gone"):
        await FileVault(folder).put("fal", "another")
    assert not master.exists()
    master.write_bytes(saved)
    assert await FileVault(folder).get("openai") == KEY


@pytest.mark.parametrize("name", ["", "../openai", "a/b", "OpenAI", ".hidden", "a" * 65, "a\x00b"])
async def test_a_name_is_a_provider_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await FileVault(tmp_path / "keys").put(name, KEY)
    assert caught.value.param == "name"
    assert _files(tmp_path) == []


@pytest.mark.parametrize("value", ["", "two\nlines", f"{KEY}\ud800"])
async def test_a_key_is_one_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await FileVault(tmp_path / "keys").put("openai", value)
    assert caught.value.param == "value"
    assert KEY not in str(caught.value)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be used"):
        await FileVault(tmp_path / "file" / "keys").put("openai", KEY)


async def test_a_change_by_another_process_shows(tmp_path: Path) -> None:
    here, there = FileVault(tmp_path / "keys"), FileVault(tmp_path / "keys")
    seen = [await here.stamp()]
    for value in ("first", "second"):
        await asyncio.sleep(0.02)
        await there.put("openai", value)
        seen.append(await here.stamp())
    await asyncio.sleep(0.02)
    await there.remove("openai")
    seen.append(await here.stamp())
    assert len(set(seen)) == 4
