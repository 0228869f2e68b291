"""The queries that look records up."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    desc,
    literal,
    literal_column,
    select,
    text,
    tuple_,
)

from triptych.spec.errors import BadRequestError
from triptych.spec.records import FINAL_STATES, AttemptRecord, PickRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision
from triptych.store import tables
from triptych.store.base import IdempotencyRecord, PolicyActivation, RunPage
from triptych.store.codec import from_json, search_terms
from triptych.store.prepared import Prepared

T = TypeVar("T")
_CHUNK = 500  # names in one IN (…)


def _of_tile(table: Table, order: str) -> Prepared:
    query = select(table.c.body).where(table.c.tile_id == bindparam("tile"))
    return Prepared(query.order_by(table.c[order], table.c.id))


_BODIES = {
    name: Prepared(select(table.c.body).where(table.c.id == bindparam("id")))
    for name, table in tables.METADATA.tables.items()
    if "id" in table.c and "body" in table.c
}
_ATTEMPTS, _DECISIONS = _of_tile(tables.attempts, "number"), _of_tile(tables.decisions, "taken_ms")


def one(connection: Connection, table: Table, kind: type[T], id_: str) -> T | None:
    """A record by its id."""
    body = body_of(connection, table, id_)
    return None if body is None else from_json(kind, body)


def _grouped(
    connection: Connection, table: Table, parent: "Column[Any]", kind: type[T], ids: Sequence[str]
) -> Mapping[str, tuple[T, ...]]:
    found: dict[str, list[T]] = {id_: [] for id_ in ids}
    names = list(found)
    for start in range(0, len(names), _CHUNK):
        query = select(parent, table.c.body).where(parent.in_(names[start : start + _CHUNK]))
        for name, body in connection.execute(query.order_by(table.c.position, table.c.id)):
            found[name].append(from_json(kind, body))
    return {name: tuple(records) for name, records in found.items()}


def tiles_of(connection: Connection, run_ids: Sequence[str]) -> Mapping[str, tuple[TileRecord, ...]]:
    """The tiles of each run by position; an empty tuple for a run without any."""
    return _grouped(connection, tables.tiles, tables.tiles.c.run_id, TileRecord, run_ids)


def pictures_of(connection: Connection, tile_ids: Sequence[str]) -> Mapping[str, tuple[PictureRecord, ...]]:
    """The pictures of each tile by position; an empty tuple for a tile without any."""
    return _grouped(connection, tables.pictures, tables.pictures.c.tile_id, PictureRecord, tile_ids)


def attempts_of(connection: Connection, tile_id: str) -> tuple[AttemptRecord, ...]:
    return tuple(from_json(AttemptRecord, body) for (body,) in _ATTEMPTS.rows(connection, {"tile": tile_id}))


def tile_of(connection: Connection, attempt_id: str) -> str | None:
    """The tile that an attempt is for."""
    found: str | None = connection.execute(
        select(tables.attempts.c.tile_id).where(tables.attempts.c.id == attempt_id)
    ).scalar()
    return found


def decisions_of(connection: Connection, tile_id: str) -> tuple[Decision, ...]:
    return tuple(from_json(Decision, body) for (body,) in _DECISIONS.rows(connection, {"tile": tile_id}))


def recent_decisions(connection: Connection, limit: int) -> tuple[Decision, ...]:
    """Newest first: ids begin with the time."""
    query = select(tables.decisions.c.body).order_by(desc(tables.decisions.c.id)).limit(limit)
    return tuple(from_json(Decision, body) for body in connection.execute(query).scalars())


def policy_activations(connection: Connection, limit: int) -> tuple[PolicyActivation, ...]:
    """Newest first."""
    table = tables.policy_activations
    query = select(table.c.policy_id, table.c.active_ms).order_by(desc(table.c.seq)).limit(limit)
    return tuple(PolicyActivation(name, ms) for name, ms in connection.execute(query))


def body_of(connection: Connection, table: Table, id_: str) -> str | None:
    """The text of a policy or snapshot, to the byte."""
    return next((str(body) for (body,) in _BODIES[table.name].rows(connection, {"id": id_})), None)


def unfinished_tiles(connection: Connection) -> tuple[TileRecord, ...]:
    """Oldest first."""
    table = tables.tiles
    # Written out and not bound: the database uses its partial index only for the condition it was made with.
    states: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in sorted(FINAL_STATES)]
    query = select(table.c.body).where(table.c.state.not_in(states)).order_by(table.c.created_ms, table.c.id)
    return tuple(from_json(TileRecord, body) for body in connection.execute(query).scalars())


def endpoint_samples(connection: Connection, endpoint: str, limit: int) -> tuple[tuple[int, bool], ...]:
    table = tables.attempts
    query = (
        select(table.c.ended_ms - table.c.started_ms, table.c.outcome)
        .where(table.c.endpoint == endpoint, table.c.ended_ms.is_not(None), table.c.outcome != "running")
        .order_by(desc(table.c.ended_ms), desc(table.c.id))
        .limit(limit)
    )
    return tuple((int(took), outcome == "done") for took, outcome in connection.execute(query))


def runs(
    connection: Connection, *, before: str | None, limit: int, query_text: str | None, source: str | None
) -> RunPage:
    """A page of runs that are not deleted, newest first. Raises BadRequestError for a `before` that names no run."""
    table = tables.runs
    if limit < 1:
        raise BadRequestError(f"limit is {limit}: ask for at least one run.", param="limit")
    query = select(table.c.id, table.c.body).where(table.c.deleted.is_(False))
    if source is not None:
        query = query.where(table.c.source == source)
    start = None if before is None else _seq_of(connection, before)
    searched = bool(query_text and query_text.strip())
    if searched:
        terms = search_terms(query_text or "")
        if not terms:
            return RunPage(runs=(), next_before=None)  # nothing but punctuation: no word to look for
        if connection.dialect.name == "sqlite":
            query = _sqlite_search(query, terms, start)
        else:
            query = _postgres_search(query, terms)
    if not (searched and connection.dialect.name == "sqlite"):
        if start is not None:
            query = query.where(tuple_(table.c.seq, table.c.id) < tuple_(literal(start), literal(before)))
        query = query.order_by(desc(table.c.seq), desc(table.c.id))
    rows = connection.execute(query.limit(limit + 1)).all()
    page = rows[:limit]
    return RunPage(
        runs=tuple(from_json(RunRecord, body) for _, body in page),
        next_before=page[-1][0] if len(rows) > limit else None,
    )


def _seq_of(connection: Connection, run_id: str) -> int:
    seq: int | None = connection.execute(select(tables.runs.c.seq).where(tables.runs.c.id == run_id)).scalar()
    if seq is None:
        raise BadRequestError(
            f"before names {run_id!r}, and there is no such run.", hint="Start at the newest: leave before out.",
            param="before",
        )  # fmt: skip
    return seq


def _sqlite_search(query: Select[Any], terms: list[list[str]], start: int | None) -> Select[Any]:
    # Ordered by the row number of the index itself, so that the newest matches of a common word are found first
    # instead of sorting them all. Words are letters and digits only, so quoting them is enough.
    match = " AND ".join('"' + " ".join(words) + '" *' for words in terms)
    found = text("run_words MATCH :match").bindparams(match=match)
    row: ColumnElement[int] = literal_column("run_words.rowid")
    # The plus keeps the planner from walking the runs and asking the index about each (sqlite.org/optoverview.html,
    # section 8: a term with a unary + uses no index).
    joined: ColumnElement[int] = literal_column("+run_words.rowid")
    query = query.select_from(text("run_words")).where(found, tables.runs.c.seq == joined)
    if start is not None:
        query = query.where(row < start)
    return query.order_by(desc(row))


def _postgres_search(query: Select[Any], terms: list[list[str]]) -> Select[Any]:
    match = " & ".join("(" + " <-> ".join([*words[:-1], words[-1] + ":*"]) + ")" for words in terms)
    found = text("word_vector @@ to_tsquery('simple', :match)").bindparams(match=match)
    return query.where(found)


def idempotent(connection: Connection, key: str, scope: str) -> IdempotencyRecord | None:
    table = tables.idempotency
    row = connection.execute(select(table).where(table.c.key == key, table.c.scope == scope)).first()
    return None if row is None else IdempotencyRecord(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def picks(connection: Connection, task: str | None) -> tuple[PickRecord, ...]:
    """Oldest first."""
    table = tables.picks
    query = select(table.c.body).order_by(table.c.created_ms, table.c.id)
    if task is not None:
        query = query.where(table.c.task == task)
    return tuple(from_json(PickRecord, body) for body in connection.execute(query).scalars())


def picks_of(connection: Connection, run_ids: Sequence[str]) -> Mapping[str, tuple[PickRecord, ...]]:
    """Those of each run, oldest first; an empty tuple for a run without any."""
    found: dict[str, list[PickRecord]] = {id_: [] for id_ in run_ids}
    names, table = list(found), tables.picks
    for start in range(0, len(names), _CHUNK):
        query = select(table.c.run_id, table.c.body).where(table.c.run_id.in_(names[start : start + _CHUNK]))
        for run_id, body in connection.execute(query.order_by(table.c.created_ms, table.c.id)):
            found[run_id].append(from_json(PickRecord, body))
    return {name: tuple(records) for name, records in found.items()}


def picks_among(connection: Connection, picture_ids: Sequence[str]) -> tuple[PickRecord, ...]:
    """See RecordStore.picks_among."""
    names, table = list(dict.fromkeys(picture_ids)), tables.picks
    runs = select(tables.tiles.c.run_id).join(tables.pictures, tables.pictures.c.tile_id == tables.tiles.c.id)
    here: list[str] = []
    for start in range(0, len(names), _CHUNK):
        chunk = tables.pictures.c.id.in_(names[start : start + _CHUNK])
        here += connection.execute(runs.where(chunk).distinct()).scalars().all()
    found: list[PickRecord] = []
    places = list(dict.fromkeys(here))
    chunks = [places[start : start + _CHUNK] for start in range(0, len(places), _CHUNK)]
    for which in (table.c.run_id.is_(None), *(table.c.run_id.in_(chunk) for chunk in chunks)):
        found += [
            from_json(PickRecord, body) for body in connection.execute(select(table.c.body).where(which)).scalars()
        ]
    return tuple(sorted(found, key=lambda pick: (pick.created_ms, pick.id)))


def rejections(connection: Connection) -> tuple[PickRecord, ...]:
    """See RecordStore.rejections."""
    table = tables.picks
    query = select(table.c.body).where(table.c.body.like('%"winner":null%')).order_by(table.c.created_ms, table.c.id)
    return tuple(from_json(PickRecord, body) for body in connection.execute(query).scalars())


def veiled(connection: Connection) -> Mapping[str, tuple[str, ...]]:
    """See RecordStore.veiled."""
    picks, runs, tiles = tables.picks, tables.runs, tables.tiles
    picked = select(picks.c.id).where(picks.c.run_id == runs.c.id, picks.c.body.not_like('%"winner":null%'))
    query = select(tiles.c.run_id, tiles.c.id).join(runs, runs.c.id == tiles.c.run_id)
    found: dict[str, list[str]] = {}
    for run_id, tile_id in connection.execute(query.where(runs.c.blind, ~picked.exists())):
        found.setdefault(run_id, []).append(tile_id)
    return {run_id: tuple(names) for run_id, names in found.items()}
