"""Tiles without a picture, thrown away and taken back. What they cost and how they went stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from sqlalchemy import Connection, select

from triptych.spec.records import TileRecord
from triptych.store import reads, tables
from triptych.store.codec import from_json
from triptych.store.statements import Statements
from triptych.store.writer import Writer

T = TypeVar("T")


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class ThrownTiles:
    """Of one record store. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader, statements: Statements) -> None:
        self._writer, self._read, self._statements = writer, read, statements

    async def throw(self, tile_id: str, at_ms: int | None) -> TileRecord | None:
        """Throws a tile away, or takes it back where `at_ms` is None; one that was thrown away before keeps its time.
        Returns it as it is then, None where it is not there."""

        def write(db: Connection) -> TileRecord | None:
            tile = reads.one(db, tables.tiles, TileRecord, tile_id)
            if tile is None or (tile.trashed_ms is None) == (at_ms is None):
                return tile
            return self._put(db, replace(tile, trashed_ms=at_ms))

        return await self._writer.call(write, locked=True)

    async def hide(self, before_ms: int, limit: int = 200) -> int:
        """Takes out of their rows for good what was thrown away before that. Returns how many tiles that were."""
        tiles = tables.tiles
        old = tiles.c.trashed_ms < before_ms
        query = select(tiles.c.id).where(old).limit(limit)
        if not (ids := tuple(await self._read(lambda db: db.execute(query).scalars().all()))):
            return 0

        def write(db: Connection) -> int:
            bodies = db.execute(select(tiles.c.body).where(tiles.c.id.in_(ids), old)).scalars().all()
            for body in bodies:
                self._put(db, replace(from_json(TileRecord, body), trashed_ms=None, hidden=True))
            return len(bodies)

        return await self._writer.call(write, locked=True)

    def _put(self, db: Connection, tile: TileRecord) -> TileRecord:
        rows = self._statements.tiles([tile])
        rows.statement.run(db, rows.values)
        return tile
