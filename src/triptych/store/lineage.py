"""Families of tiles, in a few queries whatever their size, and what is said of their branches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import CTE, Connection, Table, case, delete, desc, func, literal, select

from triptych.spec.lineage import Family, KeyVisual, Link, TileMarks
from triptych.spec.records import RunRecord, TileRecord
from triptych.store import tables
from triptych.store.codec import from_json
from triptych.store.statements import insert_into
from triptych.store.writer import Writer

T = TypeVar("T")
MOST_DEPTH = 2_000
"""Generations that are followed: a circle, which nothing here makes, ends there."""
MOST_KEYS = 5_000
_CHUNK = 500  # names in one IN (…)
_tiles, _marks, _keys = tables.tiles, tables.tile_marks, tables.key_visuals


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class LineageStore:
    """The lineage of one record store. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def family(self, tile_id: str, most: int) -> Family:
        """Everything that comes from where this tile comes from at first, `most` tiles of it; nothing for a tile that
        is not there."""
        return await self._read(lambda db: _family(db, tile_id, most))

    async def first(self, tile_id: str) -> str | None:
        """The tile that this one comes from at first; itself where it comes from none, None where it is not there."""
        return await self._read(lambda db: db.execute(_first(tile_id)).scalar())

    async def tiles(self, ids: Sequence[str]) -> Mapping[str, TileRecord]:
        """Tiles by id; what is not there is left out."""
        return await self._read(lambda db: _by_id(db, _tiles, TileRecord, ids))

    async def runs(self, ids: Sequence[str]) -> Mapping[str, RunRecord]:
        """Runs by id; what is not there is left out."""
        return await self._read(lambda db: _by_id(db, tables.runs, RunRecord, ids))

    async def made(self, hashes: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Of pictures by their hash, the tile and the id of the first that was made here."""

        def read(db: Connection) -> Mapping[str, tuple[str, str]]:
            pictures, found = tables.pictures, dict[str, tuple[str, str]]()
            for part in _chunks(hashes):
                query = select(pictures.c.sha256, pictures.c.tile_id, pictures.c.id).where(pictures.c.sha256.in_(part))
                for sha256, tile, picture in db.execute(query.order_by(desc(pictures.c.created_ms), pictures.c.id)):
                    found[sha256] = (tile, picture)
            return found

        return await self._read(read)

    # What is said of branches.

    async def mark(self, tile_id: str, *, pinned: bool | None = None, pruned: bool | None = None) -> TileMarks:
        """Changes what is said of a tile; None leaves a thing as it is. Returns what was said before."""

        def write(db: Connection) -> TileMarks:
            row = db.execute(select(_marks).where(_marks.c.tile_id == tile_id)).first()
            before = TileMarks() if row is None else TileMarks(pinned=row.pinned, pruned=row.pruned)
            values = {
                "pinned": before.pinned if pinned is None else pinned,
                "pruned": before.pruned if pruned is None else pruned,
            }
            _put(db, _marks, {"tile_id": tile_id}, values)
            return before

        return await self._writer.call(write, locked=True)

    async def keys(self) -> tuple[KeyVisual, ...]:
        """The key visuals, the newest choice first."""
        query = select(_keys).order_by(desc(_keys.c.chosen_ms), _keys.c.scope).limit(MOST_KEYS)
        return await self._read(lambda db: tuple(_key(row) for row in db.execute(query)))

    async def keys_among(self, tiles: Sequence[str]) -> frozenset[str]:
        """The pictures of these tiles that are key visuals."""

        def read(db: Connection) -> frozenset[str]:
            column = _keys.c.picture_id
            return frozenset(
                picture
                for part in _chunks(tiles)
                for picture in db.execute(select(column).where(_keys.c.tile_id.in_(part))).scalars()
            )

        return await self._read(read)

    async def choose_key(self, key: KeyVisual) -> KeyVisual | None:
        """Makes a picture the key visual of its scope. Returns the one that was it before."""

        def write(db: Connection) -> KeyVisual | None:
            row = db.execute(select(_keys).where(_keys.c.scope == key.scope)).first()
            values = {"tile_id": key.tile, "picture_id": key.picture, "chosen_ms": key.chosen_ms}
            _put(db, _keys, {"scope": key.scope}, values)
            return None if row is None else _key(row)

        return await self._writer.call(write, locked=True)

    async def drop_key(self, scope: str) -> KeyVisual | None:
        """Leaves a scope without a key visual. Returns the one that it had."""

        def write(db: Connection) -> KeyVisual | None:
            row = db.execute(select(_keys).where(_keys.c.scope == scope)).first()
            db.execute(delete(_keys).where(_keys.c.scope == scope))
            return None if row is None else _key(row)

        return await self._writer.call(write, locked=True)


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    names = list(dict.fromkeys(ids))
    return [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]


def _by_id(db: Connection, table: Table, kind: type[T], ids: Sequence[str]) -> Mapping[str, T]:
    found = (
        row for part in _chunks(ids) for row in db.execute(select(table.c.id, table.c.body).where(table.c.id.in_(part)))
    )
    return {id_: from_json(kind, body) for id_, body in found}


def _put(db: Connection, table: Table, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
    insert = insert_into(table, db.dialect.name).values(**key, **values)
    db.execute(insert.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def _key(row: Any) -> KeyVisual:
    return KeyVisual(scope=row.scope, tile=row.tile_id, picture=row.picture_id, chosen_ms=row.chosen_ms)


def _first(tile_id: str) -> Any:
    start = select(_tiles.c.id, _tiles.c.comes_from, literal(0).label("depth")).where(_tiles.c.id == tile_id)
    up = start.cte("up", recursive=True)
    before = select(_tiles.c.id, _tiles.c.comes_from, up.c.depth + 1).join(up, _tiles.c.id == up.c.comes_from)
    up = up.union_all(before.where(up.c.depth < MOST_DEPTH))
    return select(up.c.id).order_by(desc(up.c.depth)).limit(1)


def _down(root: str) -> CTE:
    start = select(_tiles.c.id, _tiles.c.comes_from, _tiles.c.run_id, _tiles.c.created_ms, literal(0).label("depth"))
    down = start.where(_tiles.c.id == root).cte("down", recursive=True)
    after = select(
        _tiles.c.id, _tiles.c.comes_from, _tiles.c.run_id, _tiles.c.created_ms, down.c.depth + 1
    ).join(down, _tiles.c.comes_from == down.c.id)  # fmt: skip
    return down.union_all(after.where(down.c.depth < MOST_DEPTH))


def _family(db: Connection, tile_id: str, most: int) -> Family:
    root = db.execute(_first(tile_id)).scalar()
    if root is None:
        return Family(links=(), whole=True)
    down, runs, ledger, picks = _down(root), tables.runs, tables.ledger, tables.picks
    picked = select(picks.c.id).where(picks.c.run_id == down.c.run_id, picks.c.body.not_like('%"winner":null%'))
    query = (
        select(
            down.c.id,
            down.c.run_id,
            down.c.comes_from,
            down.c.depth,
            runs.c.blind,
            picked.exists().label("picked"),
            _marks.c.pinned,
            _marks.c.pruned,
        )
        .join(runs, runs.c.id == down.c.run_id)
        .outerjoin(_marks, _marks.c.tile_id == down.c.id)
        .order_by(down.c.depth, down.c.created_ms, down.c.id)
        .limit(most + 1)
    )
    rows = db.execute(query).all()
    known = func.coalesce(func.sum(case((ledger.c.known, ledger.c.amount_micro_usd), else_=0)), 0)
    unknown = func.coalesce(func.sum(case((ledger.c.known, 0), else_=1)), 0)
    settled = select(ledger.c.tile_id, known, unknown).join(down, down.c.id == ledger.c.tile_id)
    settled = settled.where(ledger.c.kind == "settle").group_by(ledger.c.tile_id)
    spent = {tile: (int(amount), int(count)) for tile, amount, count in db.execute(settled)}
    links = tuple(
        Link(
            tile=row.id, run=row.run_id, origin=row.comes_from if row.depth else None, depth=row.depth,
            veiled=bool(row.blind) and not row.picked, pinned=bool(row.pinned), pruned=bool(row.pruned), spent_micro_usd=spent.get(row.id, (0, 0))[0],
            unknown=spent.get(row.id, (0, 0))[1],
        )
        for row in rows[:most]
    )  # fmt: skip
    return Family(links=links, whole=len(rows) <= most)
