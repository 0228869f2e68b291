"""Watches and their checks."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, desc, select

from triptych.spec.drift import CheckRecord, WatchRecord
from triptych.store import tables
from triptych.store.codec import from_json, to_json
from triptych.store.statements import insert_into
from triptych.store.writer import Writer

T = TypeVar("T")
_watches, _checks = tables.watches, tables.watch_checks


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class DriftStore:
    """The watches of one record store. A save that has returned is durable. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def save_watch(self, watch: WatchRecord) -> None:
        values = {"id": watch.id, "created_ms": watch.created_ms, "deleted": watch.deleted, "body": to_json(watch)}

        def save(db: Connection) -> None:
            insert = insert_into(_watches, db.dialect.name).values(**values)
            kept = {name: insert.excluded[name] for name in ("deleted", "body")}
            db.execute(insert.on_conflict_do_update(index_elements=["id"], set_=kept))

        await self._writer.call(save)

    async def watch(self, watch_id: str) -> WatchRecord | None:
        query = select(_watches.c.body).where(_watches.c.id == watch_id)
        body = await self._read(lambda db: db.execute(query).scalar())
        return None if body is None else from_json(WatchRecord, body)

    async def watches(self) -> tuple[WatchRecord, ...]:
        """Those that are not deleted, oldest first."""
        query = select(_watches.c.body).where(_watches.c.deleted.is_(False)).order_by(_watches.c.created_ms)
        bodies = await self._read(lambda db: db.execute(query).scalars().all())
        return tuple(from_json(WatchRecord, body) for body in bodies)

    async def save_check(self, check: CheckRecord) -> None:
        def save(db: Connection) -> None:
            insert = insert_into(_checks, db.dialect.name).values(**_row(check))
            kept = {name: insert.excluded[name] for name in ("state", "body")}
            db.execute(insert.on_conflict_do_update(index_elements=["id"], set_=kept))

        await self._writer.call(save)

    async def begin_check(self, check: CheckRecord) -> bool:
        """Keeps a new check, unless one of the same watch is running: then nothing is written. Look and write are one
        transaction, across programs."""
        running = select(_checks.c.id).where(_checks.c.watch_id == check.watch_id, _checks.c.state == "running")

        def begin(db: Connection) -> bool:
            if db.execute(running.limit(1)).first() is not None:
                return False
            db.execute(_checks.insert().values(**_row(check)))
            return True

        return await self._writer.call(begin, locked=True)

    async def checks(self, watch_id: str, limit: int = 60) -> tuple[CheckRecord, ...]:
        """The newest checks of a watch, newest first."""
        query = select(_checks.c.body).where(_checks.c.watch_id == watch_id)
        ordered = query.order_by(desc(_checks.c.created_ms), desc(_checks.c.id)).limit(limit)
        bodies = await self._read(lambda db: db.execute(ordered).scalars().all())
        return tuple(from_json(CheckRecord, body) for body in bodies)

    async def check(self, check_id: str) -> CheckRecord | None:
        query = select(_checks.c.body).where(_checks.c.id == check_id)
        body = await self._read(lambda db: db.execute(query).scalar())
        return None if body is None else from_json(CheckRecord, body)


def _row(check: CheckRecord) -> dict[str, Any]:
    return {"id": check.id, "watch_id": check.watch_id, "created_ms": check.created_ms, "state": check.state,
            "body": to_json(check)}  # fmt: skip
