"""Receipts: kept with the tile they are about, in the same transaction as its end. `signed` has their way into the log."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from triptych.spec.model import JobHandle
from triptych.spec.records import AttemptRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision
from triptych.store import reads, tables
from triptych.store.prepared import Prepared
from triptych.store.statements import Statements
from triptych.store.stories import Stories, Story
from triptych.store.writer import Writer

T = TypeVar("T")
_MOST_FRESH = 256  # a few kilobytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecord:
    """One receipt. `body` is the signed text; `private` opens its commitments and stays here; `log_index` is its place
    in the log named `log_origin`, None while it waits for that. `seq` counts the receipts of one `signer`."""

    id: str
    tile_id: str
    signer: str
    seq: int
    created_ms: int
    body: str
    private: str
    log_origin: str | None = None
    log_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is stored about a tile when it ends, and the number its receipt gets. `job` is the one that the tile still
    had at a provider before this end."""

    seq: int
    run: RunRecord | None
    attempts: tuple[AttemptRecord, ...]
    decisions: tuple[Decision, ...]
    job: JobHandle | None = None


_Papers = tuple[ReceiptRecord, tuple[AttemptRecord, ...]]


class Maker(Protocol):
    """Who makes receipts. `signer` names its key."""

    @property
    def signer(self) -> str: ...
    def make(self, tile: TileRecord, pictures: Sequence[PictureRecord], facts: Facts) -> ReceiptRecord | None:
        """The receipt for a tile that ends, None where there is to be none. Called in the writer's thread, and again
        when a transaction is run again."""
        ...

    def made(self) -> None:
        """Called after a receipt was kept."""
        ...


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class Receipts:
    """The receipts of one record store. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader, statements: Statements) -> None:
        self._writer, self._read, self._statements = writer, read, statements
        self._fresh: OrderedDict[str, _Papers] = OrderedDict()
        self.stories = Stories()
        self.maker: Maker | None = None
        """Who makes the receipts of tiles that end here; None where there are none."""

    async def end(self, maker: Maker, tile: TileRecord, pictures: Sequence[PictureRecord]) -> None:
        """Keeps a tile's end, its pictures and its receipt, all or nothing. A tile gets one receipt and no second."""
        told = self.stories.told(tile.id)

        def close(db: Connection) -> _Papers | None:
            story = told or _read_story(db, tile)
            for rows in self._statements.tile(tile, pictures):
                rows.statement.run(db, rows.values)
            if _of_tile(db, tile.id) is not None:
                return None
            last = _LAST.rows(db, {"signer": maker.signer})[0][0]
            facts = Facts(
                seq=0 if last is None else last + 1,
                run=story.run,
                attempts=story.attempts_in_order(),
                decisions=story.decisions_in_order(),
                job=story.job,
            )
            receipt = maker.make(tile, pictures, facts)
            if receipt is None:
                return None
            _INSERT.run(db, [{name: getattr(receipt, name) for name in _COLUMNS}])
            return receipt, facts.attempts

        with self.stories.writing(tile.id):
            papers = await self._writer.call(close, locked=True)
        self.stories.end(tile.id)
        if papers is not None:
            self._remember(tile.id, papers)
            maker.made()

    def _remember(self, tile_id: str, papers: _Papers) -> None:
        """What was just kept is asked for once more at once, for the answer to whoever wanted it."""
        self._fresh[tile_id] = papers
        if len(self._fresh) > _MOST_FRESH:
            self._fresh.popitem(last=False)

    async def get(self, receipt_id: str) -> ReceiptRecord | None:
        query = select(tables.receipts).where(tables.receipts.c.id == receipt_id)
        return await self._read(lambda db: _record(db.execute(query).mappings().first()))

    async def of_tile(self, tile_id: str) -> ReceiptRecord | None:
        return await self._read(lambda db: _of_tile(db, tile_id))

    async def with_attempts(self, tile_id: str) -> tuple[ReceiptRecord | None, tuple[AttemptRecord, ...]]:
        """The receipt of a tile and its attempts, in one look. Right after the tile's end the place in the log is still
        open."""
        if (fresh := self._fresh.pop(tile_id, None)) is not None:
            return fresh
        return await self._read(lambda db: (_of_tile(db, tile_id), reads.attempts_of(db, tile_id)))


def _read_story(db: Connection, tile: TileRecord) -> Story:
    before = reads.one(db, tables.tiles, TileRecord, tile.id)
    return Story(
        run=reads.one(db, tables.runs, RunRecord, tile.run_id),
        job=before.job if before else None,
        attempts={one.id: one for one in reads.attempts_of(db, tile.id)},
        decisions={one.id: one for one in reads.decisions_of(db, tile.id)},
    )


_table = tables.receipts
_COLUMNS = tuple(ReceiptRecord.__dataclass_fields__)
_INSERT = Prepared(_table.insert())
_LAST = Prepared(select(func.max(_table.c.seq)).where(_table.c.signer == bindparam("signer")))
_OF_TILE = Prepared(select(*(_table.c[name] for name in _COLUMNS)).where(_table.c.tile_id == bindparam("tile")))


def _record(row: RowMapping | None) -> ReceiptRecord | None:
    return None if row is None else ReceiptRecord(**row)


def _of_tile(db: Connection, tile_id: str) -> ReceiptRecord | None:
    return next(
        (ReceiptRecord(**dict(zip(_COLUMNS, row, strict=True))) for row in _OF_TILE.rows(db, {"tile": tile_id})), None
    )
