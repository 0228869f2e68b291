"""The statements that keep records, for both databases, and the rows that go with them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Table, bindparam, false, func, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import Insert

from triptych.spec.records import AttemptRecord, PickRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision
from triptych.store import tables
from triptych.store.codec import search_words, to_json
from triptych.store.gallery_words import SEQ_BITS, gallery_row
from triptych.store.prepared import Prepared
from triptych.store.writer import RowMaker, Rows

_ORDER = (tables.runs, tables.tiles, tables.pictures, tables.attempts, tables.snapshots, tables.decisions, tables.picks,
          tables.gallery)  # fmt: skip
_NUMBERED = (tables.runs, tables.gallery)
_MARKED = (
    "id",
    "seq",
    "blind",
    "project",
    "stars",
    "verdict",
    "trashed_ms",
    "shape",
    "tone",
    "colours",
    "tags",
    "alt",
    "notes",
    "signs",
)
"""Of the gallery: what stays when its picture is saved again."""


def insert_into(table: Table, dialect: str) -> Any:
    """An INSERT that knows ON CONFLICT. Both dialects have the same methods, but no common type for them."""
    return sqlite_insert(table) if dialect == "sqlite" else postgres_insert(table)


def _next_seq(table: Table) -> ColumnElement[int]:
    start = bindparam("seq_start", type_=BigInteger)
    end = bindparam("seq_end", type_=BigInteger)
    others = table.alias()
    taken = select(func.max(others.c.seq) + 1).where(others.c.seq >= start, others.c.seq < end).scalar_subquery()
    return func.coalesce(taken, start)


def _upsert(table: Table, dialect: str, fixed: Sequence[str]) -> Insert:
    statement = insert_into(table, dialect).values({column.name: bindparam(column.name) for column in table.c})
    if table in _NUMBERED:
        statement = statement.values(seq=_next_seq(table))
    if table is tables.gallery:
        mine = tables.runs.c.id == bindparam("run_id")
        statement = statement.values(project=select(tables.runs.c.project).where(mine).scalar_subquery(),
                                     blind=func.coalesce(select(tables.runs.c.blind).where(mine).scalar_subquery(), false()))  # fmt: skip
    if table is tables.snapshots:
        kept: Insert = statement.on_conflict_do_nothing(index_elements=["id"])
        return kept
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in fixed}
    finished: Insert = statement.on_conflict_do_update(index_elements=["id"], set_=changed)
    return finished


class Statements:
    """The inserts of one dialect, made once so that they are compiled once."""

    def __init__(self, dialect: str) -> None:
        self._upserts = {
            table.name: Prepared(_upsert(table, dialect, _MARKED if table is tables.gallery else ("id", "seq")))
            for table in _ORDER
        }

    def _rows(self, table: Table, made: Sequence[tuple[str, RowMaker]]) -> Rows:
        return Rows(_ORDER.index(table), self._upserts[table.name], made)

    def run(self, run: RunRecord) -> Rows:
        return self._rows(tables.runs, [(run.id, partial(_run, run))])

    def tiles(self, values: Sequence[TileRecord]) -> Rows:
        return self._rows(tables.tiles, [(tile.id, partial(_tile, tile)) for tile in values])

    def pictures(self, values: Sequence[PictureRecord]) -> Rows:
        return self._rows(tables.pictures, [(picture.id, partial(_picture, picture)) for picture in values])

    def tile(self, tile: TileRecord, pictures: Sequence[PictureRecord]) -> Sequence[Rows]:
        """A tile with pictures of it, which then are in the gallery."""
        return [self.tiles([tile]), *([self.pictures(pictures), self.gallery(tile, pictures)] if pictures else [])]

    def gallery(self, tile: TileRecord, pictures: Sequence[PictureRecord]) -> Rows:
        """The places of pictures in the gallery, with nothing said about them yet."""
        return self._rows(tables.gallery, [(one.id, partial(gallery_row, tile, one)) for one in pictures])

    def attempt(self, attempt: AttemptRecord) -> Rows:
        return self._rows(tables.attempts, [(attempt.id, partial(_attempt, attempt))])

    def snapshot(self, id_: str, body: str) -> Rows:
        return self._rows(tables.snapshots, [(id_, lambda: {"id": id_, "body": body})])

    def decision(self, decision: Decision, tile_id: str) -> Rows:
        return self._rows(tables.decisions, [(decision.id, partial(_decision, decision, tile_id))])

    def pick(self, pick: PickRecord) -> Rows:
        return self._rows(tables.picks, [(pick.id, partial(_pick, pick))])


def _run(run: RunRecord) -> dict[str, Any]:
    start = run.created_ms << SEQ_BITS
    return {
        "id": run.id,
        "seq_start": start,
        "seq_end": start + (1 << SEQ_BITS),
        "created_ms": run.created_ms,
        "source": run.source,
        "deleted": run.deleted,
        "words": " ".join(search_words(run.text)),
        "body": to_json(run),
        "project": run.settings.get("project"),
        "blind": run.settings.get("blind") is True and run.settings.get("opened") is not True,
    }


def _tile(tile: TileRecord) -> dict[str, Any]:
    return {
        "id": tile.id,
        "run_id": tile.run_id,
        "position": tile.position,
        "state": tile.state,
        "owner": tile.owner,
        "created_ms": tile.created_ms,
        "updated_ms": tile.updated_ms,
        "body": to_json(tile),
        "comes_from": tile.parent.tile if tile.parent is not None else tile.retry_of,
        "trashed_ms": tile.trashed_ms,
    }


def _picture(picture: PictureRecord) -> dict[str, Any]:
    return {
        "id": picture.id,
        "tile_id": picture.tile_id,
        "position": picture.position,
        "sha256": picture.sha256,
        "created_ms": picture.created_ms,
        "body": to_json(picture),
    }


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "tile_id": attempt.tile_id,
        "number": attempt.number,
        "endpoint": attempt.endpoint,
        "started_ms": attempt.started_ms,
        "ended_ms": attempt.ended_ms,
        "outcome": attempt.outcome,
        "body": to_json(attempt),
    }


def _decision(decision: Decision, tile_id: str) -> dict[str, Any]:
    return {"id": decision.id, "tile_id": tile_id, "taken_ms": decision.taken_ms, "body": to_json(decision)}


def _pick(pick: PickRecord) -> dict[str, Any]:
    values = {name: getattr(pick, name) for name in ("id", "run_id", "task", "created_ms")}
    return values | {"body": to_json(pick)}
