"""The gallery's pictures: looked for, marked, and at last deleted."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    desc,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)

from triptych.spec.gallery import GalleryEntry, GalleryPage, GallerySearch, Marks, Print, Purged
from triptych.spec.records import PictureRecord, TileRecord
from triptych.store import tables
from triptych.store.codec import from_json, json_value, to_json
from triptych.store.gallery_words import SEQ_BITS, notes, postgres_match, signs, sqlite_match
from triptych.store.statements import Statements
from triptych.store.writer import Writer

T = TypeVar("T")
Change = Callable[[Marks], Marks]
_CHUNK = 500  # names in one IN (…)
_SLACK = 2  # per cent by which a picture's shape may differ from the one looked for
_HASH = re.compile(r'"([0-9a-f]{64})"')
_table = tables.gallery
_MARKS = (
    _table.c.id,
    _table.c.stars,
    _table.c.verdict,
    _table.c.tags,
    _table.c.project,
    _table.c.trashed_ms,
    _table.c.alt,
)


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class GalleryStore:
    """The gallery of one record store. Pictures of blind rows are not in it until one of the row was picked, or the
    row opened. Every method
    may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader, statements: Statements) -> None:
        self._writer, self._read, self._statements = writer, read, statements

    async def page(
        self, search: GallerySearch, *, start: int | None = None, skip: int = 0, limit: int = 100
    ) -> GalleryPage:
        """Some of what is found, newest first: from the entry `start` (a `seq`; None: the newest) on, without the first
        `skip` of them."""
        return await self._read(lambda db: _page(db, search, start, skip, limit))

    async def count(self, search: GallerySearch, *, start: int | None = None) -> int:
        """How many are found from `start` on."""
        return await self._read(lambda db: db.execute(_counted(db, search, start)).scalar() or 0)

    async def ids(self, search: GallerySearch, limit: int) -> tuple[str, ...]:
        """The newest ones, by id."""
        query = _found(search, None, _table.c.id).order_by(desc(_table.c.seq)).limit(limit)
        return await self._read(lambda db: tuple(db.execute(_for(db, query, search)).scalars()))

    async def entries(self, ids: Sequence[str]) -> tuple[GalleryEntry, ...]:
        """Pictures by id, in that order, those in the trash too; what is not there is left out."""

        def read(db: Connection) -> tuple[GalleryEntry, ...]:
            found = {entry.id: entry for part in _chunks(ids) for entry in _entries(db, _table.c.id.in_(part))}
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


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    names = list(dict.fromkeys(ids))
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))


def _page(db: Connection, search: GallerySearch, start: int | None, skip: int, limit: int) -> GalleryPage:
    # First the places, out of the narrow index, then the rows of this page.
    places = _found(search, start, _table.c.seq).order_by(desc(_order(db, search))).limit(limit + 1).offset(skip)
    found = list(db.execute(_for(db, places, search)).scalars())
    entries = [entry for part in _chunks(found[:limit]) for entry in _entries(db, _table.c.seq.in_(part))]
    return GalleryPage(
        entries=tuple(sorted(entries, key=lambda entry: -entry.seq)),
        next_seq=found[limit] if len(found) > limit else None,
    )


def _found(search: GallerySearch, start: int | None, *columns: Any) -> Select[Any]:
    """What is looked for but for its words."""
    query = select(*columns).where(
        _table.c.trashed_ms.is_not(None) if search.trashed else _table.c.trashed_ms.is_(None)
    )
    query = query.where(_shown()).where(*_columns(search))
    if start is not None:
        query = query.where(_table.c.seq <= start)
    if search.failed is not None:
        failed = select(tables.tiles.c.run_id).where(literal_column("tiles.state IN ('blocked', 'failed', 'lost')"))
        query = query.where(_table.c.run_id.in_(failed) if search.failed else _table.c.run_id.not_in(failed))
    return query


def _shown() -> ColumnElement[bool]:
    """Not of a blind row that is blind still."""
    picked = select(tables.picks.c.id).where(
        tables.picks.c.run_id == _table.c.run_id, tables.picks.c.body.not_like('%"winner":null%')
    )
    opened = select(tables.runs.c.id).where(tables.runs.c.id == _table.c.run_id, tables.runs.c.blind.is_(False))
    return or_(_table.c.blind.is_(False), picked.exists(), opened.exists())


def _counted(db: Connection, search: GallerySearch, start: int | None) -> Select[Any]:
    """How many are found. Where SQLite's index of words alone says which, it is counted without the rows: all that it finds but
    the few that are thrown away or blind."""
    match = sqlite_match(search) if db.dialect.name == "sqlite" else ""
    if not match or _wordless(search) or search.trashed or search.failed is not None or list(_columns(search)):
        return _for(db, _found(search, start, func.count()), search)
    row: ColumnElement[int] = literal_column("gallery_words.rowid")
    hidden = select(_table.c.seq).where(or_(_table.c.trashed_ms.is_not(None), not_(_shown())))
    query = select(func.count()).select_from(text("gallery_words")).where(text("gallery_words MATCH :match").bindparams(match=match))  # fmt: skip
    return query.where(row.not_in(hidden)).where(*[] if start is None else [row <= start])


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
    # The plus keeps the planner from walking the gallery and asking the index about each (sqlite.org/optoverview.html,
    # section 8): newest first is the order of the index's own rows.
    row: ColumnElement[int] = literal_column("+gallery_words.rowid")
    found = text("gallery_words MATCH :match").bindparams(match=match)
    return query.select_from(text("gallery_words")).where(found, _table.c.seq == row)


def _wordless(search: GallerySearch) -> bool:
    """Whether its free text is nothing but punctuation: there is no word to look for, so nothing is found."""
    return bool(search.text.strip()) and not postgres_match(GallerySearch(text=search.text))


def _order(db: Connection, search: GallerySearch) -> ColumnElement[int]:
    if db.dialect.name != "sqlite":
        return _table.c.seq
    if sqlite_match(search) and not _wordless(search):
        return literal_column("gallery_words.rowid")
    # With the plus it does not walk all rows by their order to find the few: the narrow index does.
    return literal_column("+gallery.seq") if search.trashed or search.failed else _table.c.seq


def _entries(db: Connection, which: ColumnElement[bool]) -> Iterator[GalleryEntry]:
    query = select(_table, tables.tiles.c.body).join(tables.tiles, tables.tiles.c.id == _table.c.tile_id).where(which)
    for row in db.execute(query):
        yield GalleryEntry(
            seq=row.seq, id=row.id, tile=from_json(TileRecord, row.body), sha256=row.sha256, created_ms=row.created_ms,
            width=row.width, height=row.height, cost_micro_usd=row.cost_micro_usd, tone=row.tone, marks=_read_marks(row),
        )  # fmt: skip


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
