"""Key-visual kits, the sheets made of them and what clients said: kept whole, found by kit."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, desc, insert, select, update

from triptych.spec.kit import BallotRecord, KitRecord, SheetRecord
from triptych.store import tables
from triptych.store.writer import Writer

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_MOST = 200


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class KitStore:
    """The kits of one record store. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def add(self, kit: KitRecord) -> None:
        await self._writer.call(lambda db: _add(db, tables.kits, kit, {"updated_ms": kit.updated_ms}))

    async def get(self, kit_id: str) -> KitRecord | None:
        return await self._read(lambda db: _one(db, tables.kits, kit_id, KitRecord))

    async def all(self, picture: str | None = None) -> tuple[KitRecord, ...]:
        """The latest kits, the last changed first; of one key visual when it is named."""
        query = select(tables.kits.c.body).order_by(desc(tables.kits.c.updated_ms), desc(tables.kits.c.id)).limit(_MOST)

        def read(db: Connection) -> tuple[KitRecord, ...]:
            found = [_decode(body, KitRecord) for body in db.execute(query).scalars()]
            return tuple(kit for kit in found if picture in (None, kit.picture))

        return await self._read(read)

    async def change(self, kit_id: str, change: Callable[[KitRecord], KitRecord]) -> KitRecord | None:
        """Changes a kit in one transaction; None when there is none. What `change` raises is raised."""

        def write(db: Connection) -> KitRecord | None:
            kit = _one(db, tables.kits, kit_id, KitRecord)
            if kit is None:
                return None
            changed = change(kit)
            mine = update(tables.kits).where(tables.kits.c.id == kit_id)
            db.execute(mine.values(updated_ms=changed.updated_ms, body=_encoder.encode(changed).decode()))
            return changed

        return await self._writer.call(write, locked=True)

    async def delete(self, kit_id: str) -> bool:
        """Deletes a kit with its sheets and ballots; no picture is touched."""

        def write(db: Connection) -> bool:
            for table in (tables.kit_ballots, tables.kit_sheets):
                db.execute(delete(table).where(table.c.kit_id == kit_id))
            return bool(db.execute(delete(tables.kits).where(tables.kits.c.id == kit_id)).rowcount)

        return await self._writer.call(write, locked=True)

    async def add_sheet(self, sheet: SheetRecord) -> None:
        await self._writer.call(lambda db: _add(db, tables.kit_sheets, sheet, {"kit_id": sheet.kit_id}))

    async def sheet(self, sheet_id: str) -> SheetRecord | None:
        return await self._read(lambda db: _one(db, tables.kit_sheets, sheet_id, SheetRecord))

    async def sheets(self, kit_id: str) -> tuple[SheetRecord, ...]:
        """The sheets of a kit, oldest first."""
        return await self._read(lambda db: _of(db, tables.kit_sheets, kit_id, SheetRecord))

    async def save_ballot(self, ballot: BallotRecord) -> None:
        """Keeps what a client said, in place of what the same copy of the sheet said before."""
        table = tables.kit_ballots
        same = (table.c.kit_id == ballot.kit_id, table.c.copy == _copy(ballot))

        def write(db: Connection) -> None:
            db.execute(delete(table).where(*same))
            _add(db, table, ballot, {"kit_id": ballot.kit_id, "copy": _copy(ballot), "created_ms": ballot.received_ms})

        await self._writer.call(write, locked=True)

    async def ballots(self, kit_id: str) -> tuple[BallotRecord, ...]:
        """What clients said about a kit, oldest first."""
        return await self._read(lambda db: _of(db, tables.kit_ballots, kit_id, BallotRecord))

    async def delete_ballot(self, kit_id: str, ballot_id: str) -> bool:
        table = tables.kit_ballots
        statement = delete(table).where(table.c.kit_id == kit_id, table.c.id == ballot_id)
        return bool(await self._writer.call(lambda db: db.execute(statement).rowcount))


def _copy(ballot: BallotRecord) -> str:
    return f"{ballot.sheet_id}/{ballot.ballot}"


def _add(db: Connection, table: Table, record: Any, more: dict[str, Any]) -> None:
    values = {"id": record.id, "body": _encoder.encode(record).decode(), **more}
    if "created_ms" not in more:
        values["created_ms"] = record.created_ms
    db.execute(insert(table).values(values))


def _decode(body: str, kind: type[T]) -> T:
    return msgspec.json.decode(body, type=kind)


def _one(db: Connection, table: Table, id_: str, kind: type[T]) -> T | None:
    body = db.execute(select(table.c.body).where(table.c.id == id_)).scalar()
    return None if body is None else _decode(body, kind)


def _of(db: Connection, table: Table, kit_id: str, kind: type[T]) -> tuple[T, ...]:
    query = select(table.c.body).where(table.c.kit_id == kit_id).order_by(table.c.created_ms, table.c.id)
    return tuple(_decode(body, kind) for body in db.execute(query).scalars())
