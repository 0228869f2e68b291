"""Pictures that were made elsewhere, kept beside those made here: without attempts, charges or receipts."""

from dataclasses import replace

from sqlalchemy import Connection

from triptych.spec.records import PictureRecord, RunRecord, TileRecord
from triptych.store import reads
from triptych.store.statements import Statements
from triptych.store.writer import Writer


class ImportedStore:
    """The imports of one record store."""

    def __init__(self, writer: Writer, statements: Statements) -> None:
        self._writer, self._statements = writer, statements

    async def save(self, tile: TileRecord, picture: PictureRecord, run: RunRecord | None = None) -> TileRecord:
        """Keeps an imported tile with its picture at the end of its row, which is new where `run` is given. Returns the
        tile with its place. No receipt is made of it: nothing was done here that one could state. Raises StorageError."""

        def write(db: Connection) -> TileRecord:
            there = reads.tiles_of(db, [tile.run_id])[tile.run_id]
            placed = replace(tile, position=max((other.position for other in there), default=-1) + 1)
            rows = [
                *([self._statements.run(run)] if run is not None else []),
                *self._statements.tile(placed, [picture]),
            ]
            for row in rows:
                row.statement.run(db, row.values)
            return placed

        return await self._writer.call(write, locked=True)
