"""The memory of a hub in a file beside its key and its log: small texts by scope and name, as `NetworkMemory` has them in a database.

A hub runs for months on a small machine and needs one table, so it is spared what a studio's database loads. One thread writes; what is asked
for at the same time becomes durable together.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from triptych.spec.errors import StorageError
from triptych.store.durable import flush_folder
from triptych.store.faults import at

T = TypeVar("T")
_Work = Callable[[sqlite3.Connection], Any]
_TABLE = """CREATE TABLE IF NOT EXISTS memory (scope TEXT NOT NULL, name TEXT NOT NULL, updated_ms INTEGER NOT NULL, body TEXT NOT NULL,
PRIMARY KEY (scope, name)) WITHOUT ROWID"""
_KEEP = "INSERT INTO memory (scope, name, updated_ms, body) VALUES (?, ?, ?, ?) ON CONFLICT (scope, name) DO "
_REPLACE = _KEEP + "UPDATE SET updated_ms = excluded.updated_ms, body = excluded.body"
_VERSION = 1


class MemoryFile:
    """One open file. A save that has returned is durable. Every method may raise StorageError."""

    def __init__(self, path: Path, db: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        """Use `open`."""
        self._place, self._db, self._thread = f"The file {path}", db, thread
        self._waiting: list[tuple[_Work, asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens a file, made where there is none, for its user alone. Raises StorageError for one that is none of this kind."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="triptych-memory")
        db = await asyncio.get_running_loop().run_in_executor(thread, _opened, path)
        return cls(path, db, thread)

    async def close(self) -> None:
        """Waits for what is being written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
        self._thread.shutdown()

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        """Keeps a text under each name, in the place of what was there."""
        rows = [(scope, name, now_ms, body) for name, body in bodies.items()]
        if rows:
            await self._call(lambda db: db.executemany(_REPLACE, rows))

    async def once(self, scope: str, name: str, body: str, now_ms: int) -> bool:
        """Keeps a text unless there is one under that name; whether it did."""
        row = (scope, name, now_ms, body)
        kept: bool = await self._call(lambda db: db.execute(_KEEP + "NOTHING", row).rowcount == 1)
        return kept

    async def take(self, scope: str, name: str) -> str | None:
        """Removes a text and gives it; None when it is not there."""
        query = "DELETE FROM memory WHERE scope = ? AND name = ? RETURNING body"
        return _first(await self._call(lambda db: db.execute(query, (scope, name)).fetchall()))

    async def get(self, scope: str, name: str) -> str | None:
        query = "SELECT body FROM memory WHERE scope = ? AND name = ?"
        return _first(await self._call(lambda db: db.execute(query, (scope, name)).fetchall()))

    async def all(self, scope: str) -> dict[str, str]:
        """Every text of a scope by its name."""
        query = "SELECT name, body FROM memory WHERE scope = ? ORDER BY name"
        return dict(await self._call(lambda db: db.execute(query, (scope,)).fetchall()))

    async def forget(self, scope: str, *names: str) -> None:
        """Forgets some names of a scope, or all of it."""
        if names:
            rows = [(scope, name) for name in names]
            await self._call(lambda db: db.executemany("DELETE FROM memory WHERE scope = ? AND name = ?", rows))
        else:
            await self._call(lambda db: db.execute("DELETE FROM memory WHERE scope = ?", (scope,)))

    async def _call(self, work: _Work) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            work, self._waiting = self._waiting, []
            said = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._together, [one for one, _ in work]
            )
            for (_, answer), found in zip(work, said, strict=True):
                if answer.cancelled():
                    continue
                if isinstance(found, Exception):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)

    def _together(self, work: list[_Work]) -> list[Any]:
        """All in one transaction; what goes wrong with one goes wrong with all of it."""
        try:
            with at(self._place), self._db:
                self._db.execute("BEGIN IMMEDIATE")
                return [one(self._db) for one in work]
        except StorageError as error:
            return [error] * len(work)


def _opened(path: Path) -> sqlite3.Connection:
    with at(f"The file {path}"):
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -512", "busy_timeout = 5000"):
            db.execute(f"PRAGMA {pragma}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            db.close()
            raise StorageError(f"{path} is of a newer version of this program.", hint="Update Triptych.")
        db.execute(_TABLE)
        db.execute(f"PRAGMA user_version = {_VERSION}")
        flush_folder(path.parent)
        return db


def _first(rows: list[tuple[str]]) -> str | None:
    return rows[0][0] if rows else None
