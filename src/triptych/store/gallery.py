"""The gallery's pictures: looked for, marked, and at last deleted."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    desc,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
    update,
)

from triptych.spec.drift import WatchRecord
from triptych.spec.gallery import GalleryEntry, GalleryPage, GallerySearch, Marks, Place, Print, Purged, Watched
from triptych.spec.records import PictureRecord, RunRecord, TileRecord
from triptych.store import tables
from triptych.store.codec import from_json, json_value, to_json
from triptych.store.embeddings import Embeddings
from triptych.store.gallery_order import by_value, in_order, newest, onwards, value_of
from triptych.store.gallery_words import SEQ_BITS, notes, postgres_match, signs, sqlite_match
from triptych.store.statements import Statements
from triptych.store.thrown import ThrownTiles
from triptych.store.writer import Writer

T = TypeVar("T")
Change = Callable[[Marks], Marks]
_CHUNK = 500  # names in one IN (…)
_SLACK = 2  # per cent by which a picture's shape may differ from the one looked for
_MANY = 20_000  # failures from which most rows have one
_SOME = 1_000  # pictures of which there are few
_NEWEST = 2_000  # pictures among which a common word fills a page
# The plus keeps the planner from walking the gallery and asking the index about each (sqlite.org/optoverview.html,
# section 8): newest first is the order of the index's own rows.
_row: ColumnElement[int] = literal_column("+gallery_words.rowid")
_HASH = re.compile(r'"([0-9a-f]{64})"')
_table = tables.gallery
_MARKS = (
    _table.c.id, _table.c.stars, _table.c.verdict, _table.c.tags, _table.c.project, _table.c.trashed_ms, _table.c.alt,
)  # fmt: skip


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class GalleryStore:
    """The gallery of one record store. Pictures of blind rows are not in it until one of the row was picked, or the
    row opened. Every method
    may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader, statements: Statements) -> None:
        self._writer, self._read, self._statements = writer, read, statements
        self.tiles = ThrownTiles(writer, read, statements)
        self.embeddings = Embeddings(writer, read)

    async def page(
        self, search: GallerySearch, *, start: Place | None = None, skip: int = 0, limit: int = 100
    ) -> GalleryPage:
        """Some of what is found, in the order of the search: from `start` (None: the first one) on, without the first
        `skip` of them."""
        return await self._read(lambda db: _page(db, search, start, skip, limit))

    async def count(self, search: GallerySearch, *, start: Place | None = None) -> int:
        """How many are found from `start` on; in an order by something else than time all of that list."""
        return await self._read(lambda db: db.execute(_counted(db, search, start)).scalar() or 0)

    async def ids(
        self, search: GallerySearch, limit: int, *, start: Place | None = None, skip: int = 0
    ) -> tuple[str, ...]:
        """The ids of what `page` would find, in its order."""

        def read(db: Connection) -> tuple[str, ...]:
            seqs = [seq for seq, _ in _places_of(db, search, start, skip, limit)]
            parts = (select(_table.c.seq, _table.c.id).where(_table.c.seq.in_(part)) for part in _chunks(seqs))
            names = {seq: str(id_) for part in parts for seq, id_ in db.execute(part)}
            return tuple(names[seq] for seq in seqs)

        return await self._read(read)

    async def entries(self, ids: Sequence[str], *, shown: bool = False) -> tuple[GalleryEntry, ...]:
        """Pictures by id, in that order, those in the trash too; what is not there is left out, with `shown` also what is of
        a blind row still."""
        also = _shown() if shown else true()

        def read(db: Connection) -> tuple[GalleryEntry, ...]:
            parts = (and_(_table.c.id.in_(part), also) for part in _chunks(ids))
            found = {entry.id: entry for which in parts for entry in _entries(db, which)}
            return tuple(found[id_] for id_ in dict.fromkeys(ids) if id_ in found)

        return await self._read(read)

    async def change(self, ids: Sequence[str], change: Change) -> Mapping[str, Marks]:
        """Changes the marks of pictures, in one transaction. Returns what they were, of those that are there."""

        def write(db: Connection) -> Mapping[str, Marks]:
            before = _marks(db, ids)
            _put(db, {id_: change(marks) for id_, marks in before.items()})
            return before

        return await self._writer.call(write, locked=True)

    async def restore(self, marks: Mapping[str, Marks]) -> int:
        """Gives pictures these marks. Returns how many of them are there."""

        def write(db: Connection) -> int:
            there = _marks(db, list(marks))
            _put(db, {id_: marks[id_] for id_ in there})
            return len(there)

        return await self._writer.call(write, locked=True)

    async def alt(self, picture_id: str) -> str | None:
        """What a person says that a picture shows."""
        query = select(_table.c.alt).where(_table.c.id == picture_id)
        return await self._read(lambda db: db.execute(query).scalar())

    async def tags(self) -> tuple[str, ...]:
        """Every tag that is in use, by name."""
        query = select(_table.c.tags).where(_table.c.tags != "[]").distinct()
        bodies = await self._read(lambda db: db.execute(query).scalars().all())
        return tuple(sorted({str(tag) for body in bodies for tag in _names(body)}))

    async def projects(self) -> tuple[str, ...]:
        """Every project that has a picture, by name."""
        query = select(_table.c.project).where(_table.c.project.is_not(None)).distinct()
        return await self._read(lambda db: tuple(sorted(str(name) for name in db.execute(query).scalars())))

    async def models(self) -> tuple[str, ...]:
        """Every model that was ever asked, by name. Each is the next one in the index, so that no other row is read."""
        asked = tables.attempts.c.endpoint
        first = select(func.min(asked).label("name")).cte("asked", recursive=True)
        after = select(func.min(asked)).where(asked > first.c.name).correlate(first)
        names = first.union_all(select(after.scalar_subquery()).select_from(first).where(first.c.name.is_not(None)))
        return await self._read(lambda db: tuple(filter(None, db.execute(select(names.c.name)).scalars())))

    async def sizes(self) -> tuple[tuple[int, int], ...]:
        """Every width and height that a picture has."""
        sizes = select(_table.c.width, _table.c.height).distinct()
        return await self._read(lambda db: tuple((width, height) for width, height in db.execute(sizes)))

    # What pictures look like.

    async def unseen(self, limit: int) -> tuple[tuple[str, str], ...]:
        """Pictures that nobody has looked at yet, newest first, with the hashes of their bytes."""
        query = select(_table.c.id, _table.c.sha256).where(_table.c.shape.is_(None)).order_by(desc(_table.c.seq))
        return await self._read(lambda db: tuple((id_, sha) for id_, sha in db.execute(query.limit(limit))))

    async def save_print(self, sha256: str, seen: Print) -> None:
        """Keeps what all pictures with these bytes look like."""
        colours = " ".join(seen.colours)

        def write(db: Connection) -> None:
            mine = _table.c.sha256 == sha256
            values = {"shape": seen.shape, "tone": seen.tone, "colours": colours}
            for row in db.execute(select(*_MARKS).where(mine)).all():
                one = update(_table).where(_table.c.id == row.id)
                db.execute(one.values(**values, signs=signs(_read_marks(row), colours)))

        await self._writer.call(write, locked=True)

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """The id and the difference hash of every picture that is not in the trash, newest first."""
        query = _found(GallerySearch(), None, _table.c.id, _table.c.shape).where(_table.c.shape != "")
        ordered = query.order_by(desc(_table.c.seq))
        return await self._read(lambda db: tuple((id_, shape) for id_, shape in db.execute(ordered)))

    async def hashes(self) -> tuple[tuple[str, str], ...]:
        """The id and the hash of the bytes of every picture that is not in the trash, newest first."""
        query = _found(GallerySearch(), None, _table.c.id, _table.c.sha256).order_by(desc(_table.c.seq))
        return await self._read(lambda db: tuple((id_, sha256) for id_, sha256 in db.execute(query)))

    # Pictures of earlier versions, and those whose time is over.

    async def adopt(self, limit: int) -> int:
        """Takes up pictures that were made before there was a gallery, the newest first. Returns how many; at zero all
        are in it."""
        there = select(_table.c.id).where(_table.c.id == tables.pictures.c.id).exists()
        query = (
            select(tables.pictures.c.body, tables.tiles.c.body)
            .join(tables.tiles, tables.tiles.c.id == tables.pictures.c.tile_id)
            .where(~there).order_by(desc(tables.pictures.c.created_ms)).limit(limit)
        )  # fmt: skip
        found = await self._read(lambda db: db.execute(query).all())
        rows = [
            self._statements.gallery(from_json(TileRecord, tile), [from_json(PictureRecord, picture)])
            for picture, tile in found
        ]
        if rows:
            await self._writer.rows(*rows)
        return len(rows)

    async def purge(self, before_ms: int, limit: int = 200) -> Purged:
        """Deletes pictures for good that were thrown away before that, oldest first. The bytes stay; their hashes are
        returned where no other picture, tile or run names them."""
        trashed = _table.c.trashed_ms < before_ms
        query = select(_table.c.id).where(trashed).order_by(_table.c.trashed_ms).limit(limit)
        ids = tuple(await self._read(lambda db: db.execute(query).scalars().all()))
        if not ids:
            return Purged()

        def write(db: Connection) -> list[str]:
            mine = tables.pictures.c.id.in_(select(_table.c.id).where(_table.c.id.in_(ids), trashed))
            bodies = list(db.execute(select(tables.pictures.c.body).where(mine)).scalars())
            db.execute(delete(tables.pictures).where(mine))
            db.execute(delete(_table).where(_table.c.id.in_(ids), trashed))
            return bodies

        bodies = await self._writer.call(write, locked=True)
        hashes = {name for body in bodies for name in _HASH.findall(body)}
        named = await self._read(lambda db: _named(db, hashes))
        return Purged(pictures=ids, hashes=tuple(sorted(hashes - named)))


def _chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    names = list(dict.fromkeys(ids))
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))


def _page(db: Connection, search: GallerySearch, start: Place | None, skip: int, limit: int) -> GalleryPage:
    # First the places, out of the narrow index, then the rows of this page.
    found = _places_of(db, search, start, skip, limit + 1)
    top = start.top if start else db.execute(newest()).scalar() if by_value(search) else None
    places = [Place(seq=seq, value=value, top=top) for seq, value in found]
    rows = {entry.seq: entry for part in _chunks([seq for seq, _ in found[:limit]])
            for entry in _entries(db, _table.c.seq.in_(part))}  # fmt: skip
    return GalleryPage(
        entries=tuple(rows[seq] for seq, _ in found[:limit] if seq in rows),
        start=places[0] if places else None,
        next=places[limit] if len(places) > limit else None,
    )


def _places_of(
    db: Connection, search: GallerySearch, start: Place | None, skip: int, limit: int
) -> list[tuple[int, int | None]]:
    """The `seq` of what is found, each with the value that the order goes by."""
    if (found := _newest(db, search, start, skip + limit)) is not None:
        return [(seq, None) for seq in found[skip:]]
    return [(seq, value) for seq, value in db.execute(_places(db, search, start).limit(limit).offset(skip))]


def _newest(db: Connection, search: GallerySearch, start: Place | None, wanted: int) -> list[int] | None:
    """The places of the newest that are found, as many as are wanted; None when they have to be looked for otherwise.
    PostgreSQL does not know how common a word is that may go on, and would fetch and sort all that have it."""
    match = "" if db.dialect.name == "sqlite" or _wordless(search) else postgres_match(search)
    if not match or search.order != "newest":
        return None
    order = select(_table.c.seq).order_by(desc(_table.c.seq)).offset(_NEWEST).limit(1)
    oldest = db.execute(order.where(*onwards(search, start))).scalar()
    # Said in this way the words are no matter for their index.
    has = text("(word_vector @@ to_tsquery('simple', :match)) IS TRUE").bindparams(match=match)
    query = _found(search, start, _table.c.seq).where(has).order_by(desc(_table.c.seq)).limit(wanted)
    found = list(db.execute(query if oldest is None else query.where(_table.c.seq > oldest)).scalars())
    return found if oldest is None or len(found) == wanted else None


def _places(db: Connection, search: GallerySearch, start: Place | None) -> Select[Any]:
    """The places of what is found, in order: `seq`, and the value that the order goes by."""
    match = sqlite_match(search) if db.dialect.name == "sqlite" and not _wordless(search) else ""
    rare = _is_rare(db, search)
    if by_value(search):
        if not match:
            query = _found(search, start, _table.c.seq, value_of(search), rare=rare)
            return in_order(_for(db, query, search), search, _table.c.seq, sort=rare)
        among = [_row.in_(_found(search, start, _table.c.seq, rare=True).correlate(None))] if rare else []
        words = _matching(match, literal_column("gallery_words.rowid"), *among).correlate(None)
        few = rare or _few(db, words, _SOME)
        # Few are fetched and sorted; of many the order's index is walked, and each is looked for among them.
        seq: ColumnElement[int] = _table.c.seq if few else literal_column("+gallery.seq")
        query = _found(search, start, _table.c.seq, value_of(search), rare=few)
        return in_order(query.where(seq.in_(words)), search, _table.c.seq, sort=few)
    if not rare:
        return in_order(
            _for(db, _found(search, start, _table.c.seq, value_of(search)), search), search, _order(db, search)
        )
    if match:
        few_of = _found(search, start, _table.c.seq, rare=True)
        row: ColumnElement[int] = literal_column("gallery_words.rowid")
        return in_order(_matching(match, row, _row.in_(few_of)).add_columns(value_of(search)), search, row)
    # With the plus it does not walk all rows by their order to find the few.
    few_first = _found(search, start, _table.c.seq, value_of(search), rare=True)
    return in_order(few_first, search, literal_column("+gallery.seq"))


def _matching(match: str, column: ColumnElement[int], *where: ColumnElement[bool]) -> Select[Any]:
    """What SQLite's index of words finds, without the rows."""
    query = select(column).select_from(text("gallery_words"))
    return query.where(text("gallery_words MATCH :match").bindparams(match=match)).where(*where)


def _found(search: GallerySearch, start: Place | None, *columns: Any, rare: bool = False) -> Select[Any]:
    """What is looked for but for its words. With `rare` SQLite begins with what other tables say, unless it is looked for in
    the trash."""
    there: ColumnElement[Any] = literal_column("+gallery.trashed_ms") if rare else _table.c.trashed_ms
    query = (
        select(*columns)
        .select_from(_table)
        .where(_table.c.trashed_ms.is_not(None) if search.trashed else there.is_(None))
    )
    query = query.where(_shown(), *_columns(search))
    query = query.where(*(told if wanted else not_(told) for wanted, told in _elsewhere(search)))
    return query.where(*onwards(search, start))


def _elsewhere(search: GallerySearch) -> Iterator[tuple[bool, ColumnElement[bool]]]:
    """What other tables say of pictures, and whether that is looked for or left out: rows in which a model failed, key visuals,
    and what drift checks made. The rows of those are hidden ones."""
    if search.failed is not None:
        yield search.failed, _table.c.run_id.in_(_failed())
    if search.keyed is not None:
        yield search.keyed, _table.c.id.in_(select(tables.key_visuals.c.picture_id))
    checks = select(tables.runs.c.id).where(
        tables.runs.c.deleted, tables.runs.c.body.contains('"watch":"', autoescape=True)
    )
    if search.watched is not None:
        yield search.watched, _table.c.run_id.in_(checks)
    for name in search.checks:
        # In JSON a quote within a text has a backslash before it, so no prompt can look like this.
        of = [tables.runs.c.body.contains(f'"{field}":"{name}"', autoescape=True) for field in ("watch", "check")]
        yield True, _table.c.run_id.in_(checks.where(or_(*of)))


def _shown() -> ColumnElement[bool]:
    """Not of a blind row that is blind still."""
    picked = select(tables.picks.c.id).where(
        tables.picks.c.run_id == _table.c.run_id, tables.picks.c.body.not_like('%"winner":null%')
    )
    opened = select(tables.runs.c.id).where(tables.runs.c.id == _table.c.run_id, tables.runs.c.blind.is_(False))
    return or_(_table.c.blind.is_(False), picked.exists(), opened.exists())


def _counted(db: Connection, search: GallerySearch, start: Place | None) -> Select[Any]:
    """How many are found. Where there are words SQLite counts what their index finds, without the rows: all but the few that
    are thrown away, blind or left out; or all that are among what else is looked for."""
    if by_value(search):
        search, start = replace(search, order="newest"), Place(seq=start.top) if start and start.top else None
    match = sqlite_match(search) if db.dialect.name == "sqlite" else ""
    if not match or _wordless(search):
        return _for(db, _found(search, start, func.count(), rare=_is_rare(db, search)), search)
    told = list(_elsewhere(search))
    if search.trashed or list(_columns(search)) or any(wanted for wanted, _ in told):
        among = _found(search, start, _table.c.seq, rare=_is_rare(db, search))
        return _matching(match, func.count(), _row.in_(among))
    left_out = [or_(_table.c.trashed_ms.is_not(None), not_(_shown())), *(each for _, each in told)]
    query = _matching(match, func.count(), *(_row.not_in(select(_table.c.seq).where(each)) for each in left_out))
    return query if start is None else query.where(_row >= start.seq if search.order == "oldest" else _row <= start.seq)


def _columns(search: GallerySearch) -> Iterator[ColumnElement[bool]]:
    for name in search.projects:
        yield _table.c.project == name
    for low, high in search.costs:
        yield _table.c.cost_micro_usd.between(low, high)
    for low, high in search.times:
        yield _table.c.seq.between(low << SEQ_BITS, min(high + 1 << SEQ_BITS, 2**63) - 1)
    for ratio in search.ratios:
        across, down = _table.c.width * ratio.height * 100, _table.c.height * ratio.width
        yield across.between(down * (100 - _SLACK), down * (100 + _SLACK))


def _for(db: Connection, query: Select[Any], search: GallerySearch) -> Select[Any]:
    """With the words that are looked for, in this database's way."""
    if _wordless(search):
        return query.where(false())
    if db.dialect.name != "sqlite":
        match = postgres_match(search)
        return (
            query.where(text("word_vector @@ to_tsquery('simple', :match)").bindparams(match=match)) if match else query
        )
    match = sqlite_match(search)
    if not match:
        return query
    return query.select_from(text("gallery_words")).where(
        text("gallery_words MATCH :match").bindparams(match=match), _table.c.seq == _row
    )


def _wordless(search: GallerySearch) -> bool:
    """Whether its free text is nothing but punctuation: there is no word to look for, so nothing is found."""
    return bool(search.text.strip()) and not postgres_match(GallerySearch(text=search.text))


def _order(db: Connection, search: GallerySearch) -> ColumnElement[int]:
    words = db.dialect.name == "sqlite" and sqlite_match(search) and not _wordless(search)
    return literal_column("gallery_words.rowid") if words else _table.c.seq


def _is_rare(db: Connection, search: GallerySearch) -> bool:
    """Whether SQLite looks for the few first and not from the newest on."""
    if db.dialect.name != "sqlite" or _wordless(search):
        return False
    if search.trashed or search.keyed or search.watched or search.checks:
        return True
    if search.failed:
        return _few(db, _failed(), _MANY)
    # Asking is a walk through the narrow index; with words that is less than their rows, of which few may fit.
    words = bool(sqlite_match(search)) and bool(list(_columns(search)))
    return words and _few(db, _found(search, None, _table.c.seq), _SOME)


def _few(db: Connection, query: Select[Any], most: int) -> bool:
    some = query.limit(most + 1).subquery()
    return (db.execute(select(func.count()).select_from(some)).scalar() or 0) <= most


def _failed() -> Select[Any]:
    """The rows in which a model failed, without those whose failures were thrown away. As the index has it."""
    state: ColumnElement[bool] = literal_column("tiles.state IN ('blocked', 'failed', 'lost')")
    return select(tables.tiles.c.run_id).where(state, tables.tiles.c.trashed_ms.is_(None))


def _entries(db: Connection, which: ColumnElement[bool]) -> Iterator[GalleryEntry]:
    tile, kept = tables.tiles.c, tables.pictures.c
    whole = select(_table, tile.body, kept.body.label("picture")).where(which)
    query = whole.join(tables.tiles, tile.id == _table.c.tile_id).join(tables.pictures, kept.id == _table.c.id)
    rows = db.execute(query).all()
    watched = _watched(db, {row.run_id for row in rows})
    for row in rows:
        yield GalleryEntry(
            seq=row.seq, id=row.id, tile=from_json(TileRecord, row.body), picture=from_json(PictureRecord, row.picture), sha256=row.sha256, created_ms=row.created_ms,
            width=row.width, height=row.height, cost_micro_usd=row.cost_micro_usd, tone=row.tone, marks=_read_marks(row), watch=watched.get(row.run_id),
        )  # fmt: skip


def _watched(db: Connection, runs: Collection[str]) -> Mapping[str, Watched]:
    """By run, the drift watch that it is a check of."""
    table = tables.runs
    query = select(table.c.id, table.c.body).where(
        table.c.id.in_(runs), table.c.deleted, table.c.body.contains('"watch":"', autoescape=True)
    )
    found: dict[str, tuple[str, str]] = {}
    for run_id, body in db.execute(query):
        settings = from_json(RunRecord, body).settings
        found[run_id] = (str(settings.get("watch")), str(settings.get("check")))
    named = select(tables.watches.c.id, tables.watches.c.body).where(
        tables.watches.c.id.in_({w for w, _ in found.values()})
    )
    names = {id_: from_json(WatchRecord, body).name for id_, body in db.execute(named)} if found else {}
    return {
        run: Watched(watch=watch, name=names.get(watch, "a watch"), check=check)
        for run, (watch, check) in found.items()
    }


def _names(body: str) -> tuple[str, ...]:
    names = json_value(body)
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _read_marks(row: Any) -> Marks:
    return Marks(stars=row.stars, verdict=row.verdict, tags=_names(row.tags), project=row.project,
                 trashed_ms=row.trashed_ms, alt=row.alt)  # fmt: skip


def _marks(db: Connection, ids: Sequence[str]) -> dict[str, Marks]:
    return {
        row.id: _read_marks(row)
        for part in _chunks(ids)
        for row in db.execute(select(*_MARKS).where(_table.c.id.in_(part)))
    }


def _put(db: Connection, marks: Mapping[str, Marks]) -> None:
    colours = {
        id_: words
        for part in _chunks(list(marks))
        for id_, words in db.execute(select(_table.c.id, _table.c.colours).where(_table.c.id.in_(part)))
    }
    for id_, each in marks.items():
        values = {
            "stars": each.stars, "verdict": each.verdict, "tags": to_json(list(each.tags)), "project": each.project,
            "trashed_ms": each.trashed_ms, "alt": each.alt, "notes": notes(each), "signs": signs(each, colours[id_]),
        }  # fmt: skip
        db.execute(update(_table).where(_table.c.id == id_).values(**values))


def _named(db: Connection, hashes: set[str]) -> set[str]:
    """Those of the hashes that some record still names."""
    found: set[str] = set()
    for table in (tables.pictures, tables.tiles, tables.runs):
        for body in db.execute(select(table.c.body).execution_options(yield_per=1000)).scalars():
            found.update(hashes.intersection(_HASH.findall(body)))
    return found
