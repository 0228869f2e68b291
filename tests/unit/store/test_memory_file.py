"""The memory of a hub in a file: it does what the one in a database does."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from triptych.spec.clock import SystemClock
from triptych.spec.errors import StorageError
from triptych.store.memory_file import MemoryFile
from triptych.store.network import NetworkMemory
from triptych.store.records import open_store

Memory = MemoryFile | NetworkMemory


@pytest.fixture(params=["file", "database"])
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Memory]:
    if request.param == "file":
        found = await MemoryFile.open(tmp_path / "memory.db")
        yield found
        await found.close()
    else:
        store = await open_store(f"sqlite:///{tmp_path / 'studio.db'}", SystemClock())
        yield store.network
        await store.close()


async def test_both_keep_replace_and_forget_alike(memory: Memory) -> None:
    await memory.save("a", {"x": "1", "y": "2"}, 5)
    await memory.save("b", {"x": "other"}, 5)
    await memory.save("a", {"x": "3"}, 6)
    await memory.save("a", {}, 7)
    assert await memory.all("a") == {"x": "3", "y": "2"}
    assert (await memory.get("a", "x"), await memory.get("a", "z")) == ("3", None)
    assert [await memory.once("once", "n", "", 1), await memory.once("once", "n", "", 2)] == [True, False]
    assert [await memory.take("a", "x"), await memory.take("a", "x")] == ["3", None]
    await memory.forget("a", "y", "nobody")
    assert await memory.all("a") == {}
    await memory.forget("once")
    assert await memory.once("once", "n", "", 3)
    assert await memory.all("b") == {"x": "other"}


async def test_of_many_at_the_same_time_one_has_it(memory: Memory) -> None:
    assert sum(await asyncio.gather(*(memory.once("spent", "token", "", 1) for _ in range(20)))) == 1
    await memory.save("tokens", {"t": "body"}, 1)
    found = await asyncio.gather(*(memory.take("tokens", "t") for _ in range(20)))
    assert sorted(found, key=str) == [None] * 19 + ["body"]


async def test_what_was_kept_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    code = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom triptych.store.memory_file import MemoryFile\n"
        "async def go():\n    found = await MemoryFile.open(Path(sys.argv[1]))\n    await found.once('spent', 'token', '', 1)\n    os._exit(9)\n"
        "asyncio.run(go())"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await MemoryFile.open(path)
    assert not await again.once("spent", "token", "", 2)
    await again.close()


async def test_a_file_of_another_kind_or_a_newer_one_is_said_to_be_that(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.db"
    wrong.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        await MemoryFile.open(wrong)
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StorageError, match="newer version"):
        await MemoryFile.open(newer)


async def test_what_fails_is_told_to_all_who_wait(tmp_path: Path) -> None:
    found = await MemoryFile.open(tmp_path / "memory.db")
    await found._call(lambda db: db.execute("PRAGMA query_only = 1"))
    said = await asyncio.gather(*(found.save("a", {str(n): ""}, 1) for n in range(3)), return_exceptions=True)
    assert all(isinstance(one, StorageError) for one in said)
    found._db.execute("PRAGMA query_only = 0")
    await found.save("a", {"x": ""}, 1)
    await found.close()
