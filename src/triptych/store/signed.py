"""Signed statements, and which entries the log has: of statements and of receipts, in one order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Table,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from triptych.store import tables
from triptych.store.prepared import Prepared
from triptych.store.receipts import Reader
from triptych.store.writer import Writer

MOST_AT_ONCE = 4096
_TABLES: tuple[Table, ...] = (tables.receipts, tables.statements)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRecord:
    """One statement. `body` is the signed text; `log_index` is its place in the log named `log_origin`, None while it
    waits for that."""

    id: str
    kind: str
    signer: str
    created_ms: int
    body: str
    log_origin: str | None = None
    log_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What is to be an entry of the log: a receipt or a statement as it was signed."""

    id: str
    created_ms: int
    body: str


class Signed:
    """The statements of one record store. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def keep(self, record: StatementRecord) -> bool:
        """Keeps a statement; False when one of that id is there already, which stays as it is."""
        table = tables.statements

        def keep(db: Connection) -> bool:
            if db.execute(select(table.c.id).where(table.c.id == record.id)).first() is not None:
                return False
            db.execute(table.insert(), {name: getattr(record, name) for name in _COLUMNS})
            return True

        return await self._writer.call(keep, locked=True)

    async def get(self, statement_id: str) -> StatementRecord | None:
        query = select(tables.statements).where(tables.statements.c.id == statement_id)
        row = await self._read(lambda db: db.execute(query).mappings().first())
        return None if row is None else StatementRecord(**row)

    async def latest(self, kind: str, limit: int) -> tuple[StatementRecord, ...]:
        """Those of one kind, newest first."""
        table = tables.statements
        query = select(table).where(table.c.kind == kind)
        query = query.order_by(table.c.created_ms.desc(), table.c.id.desc()).limit(limit)
        return await self._read(lambda db: tuple(StatementRecord(**row) for row in db.execute(query).mappings()))

    async def snapshots(self, ids: Sequence[str]) -> dict[str, str]:
        """The bodies of snapshots by their ids, in the order asked for; without those that are not there."""
        table = tables.snapshots
        query = select(table.c.id, table.c.body).where(table.c.id.in_(ids))
        found = await self._read(lambda db: {str(row.id): str(row.body) for row in db.execute(query)})
        return {one: found[one] for one in ids if one in found}


class Leaves:
    """Receipts and statements on their way into the log. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def unlogged(self, signers: Sequence[str], limit: int) -> tuple[Leaf, ...]:
        """Those that no log has yet, oldest first."""
        query = _unlogged(len(signers))
        values = {"most": limit} | {f"signer_{number}": name for number, name in enumerate(signers)}
        found = await self._read(lambda db: query.rows(db, values))
        return tuple(Leaf(id=row[0], created_ms=row[1], body=row[2]) for row in found)

    async def at(self, origin: str, start: int, end: int) -> tuple[tuple[int, Leaf], ...]:
        """The first 4,096 receipts at entries `start` to `end - 1` of a log, each with its place, in their order."""
        table = tables.receipts
        query = select(table.c.id, table.c.created_ms, table.c.body, table.c.log_index).where(
            table.c.log_origin == origin, table.c.log_index >= start, table.c.log_index < end
        )
        query = query.order_by(table.c.log_index).limit(MOST_AT_ONCE)
        return tuple((int(row.log_index), _leaf(row)) for row in await self._read(lambda db: db.execute(query).all()))

    async def waiting(self) -> int:
        """How many no log has yet."""
        queries = [select(func.count()).where(table.c.log_index.is_(None)) for table in _TABLES]
        return await self._read(lambda db: sum(int(db.execute(query).scalar() or 0) for query in queries))

    async def next_index(self, origin: str) -> int:
        """One more than the last place in a log that is written down here."""
        queries = [select(func.max(table.c.log_index)).where(table.c.log_origin == origin) for table in _TABLES]
        found = await self._read(lambda db: [db.execute(query).scalar() for query in queries])
        return max((int(last) + 1 for last in found if last is not None), default=0)

    async def logged(self, origin: str, places: Mapping[str, int]) -> None:
        """Writes down where leaves are in a log; one that has a place already keeps it."""

        def note(db: Connection) -> None:
            rows = [{"leaf": id_, "origin": origin, "place": index} for id_, index in places.items()]
            for table in _TABLES:
                _PLACED[table.name].run(db, rows)

        await self._writer.call(note)


@cache
def _unlogged(signers: int) -> Prepared:
    """Leaves of that many signers: `signer_0`, `signer_1`, …, at the `most` so many."""
    names: list[BindParameter[str]] = [bindparam(f"signer_{number}") for number in range(signers)]
    parts = [
        select(table.c.id, table.c.created_ms, table.c.body, literal_column(str(rank)).label("rank"))
        .where(table.c.log_index.is_(None), or_(false(), *(table.c.signer == name for name in names)))
        .order_by(table.c.created_ms, table.c.id)
        .limit(bindparam("most"))
        .subquery()
        for rank, table in enumerate(reversed(_TABLES))  # a statement before the receipts of its millisecond
    ]
    both = union_all(*(select(part) for part in parts)).subquery()
    query = select(both.c.id, both.c.created_ms, both.c.body)
    return Prepared(query.order_by(both.c.created_ms, both.c.rank, both.c.id).limit(bindparam("most")))


_PLACED = {
    table.name: Prepared(
        update(table)
        .where(table.c.id == bindparam("leaf"), table.c.log_index.is_(None))
        .values(log_origin=bindparam("origin"), log_index=bindparam("place"))
    )
    for table in _TABLES
}
_COLUMNS = tuple(StatementRecord.__dataclass_fields__)


def _leaf(row: Row[*tuple[object, ...]]) -> Leaf:
    return Leaf(id=row.id, created_ms=row.created_ms, body=row.body)
