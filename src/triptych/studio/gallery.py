"""The gallery: everything that was made, looked for, marked, thrown away and taken back."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

import msgspec
import numpy as np
import structlog

from triptych.imaging.prints import distances, words_near
from triptych.imaging.tools.job import ToolError
from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError, HostileContentError, NotFoundError, TriptychError
from triptych.spec.gallery import ByTime, GalleryEntry, GallerySearch, Marks, Order, Place, Print, Verdict
from triptych.spec.image import AspectRatio
from triptych.spec.json import JsonObject
from triptych.store.base import BlobStore
from triptych.store.gallery import GalleryStore
from triptych.studio.meaning import Embedder, Meanings
from triptych.studio.pictures import DERIVED
from triptych.studio.search import Query, read_query
from triptych.studio.terms import read_project
from triptych.studio.views import TileView, picture_json

MOST_AT_ONCE = 10_000
"""Pictures that one call may change."""
MOST_PAGE = 200
TRASH_MS = 30 * 24 * 3_600_000
_MOST_TAGS, _MOST_LETTERS, _MOST_STARS, _MOST_ALT = 40, 60, 5, 1000
_SIMILAR, _FAR = 60, 20  # pictures at most, and the difference of 64 bits from which two are not alike
_ADOPTED, _LOOKED, _EVERY_MS = 500, 50, 3_600_000
RATIOS = tuple(
    AspectRatio(*each)
    for each in (
        (1, 1),
        (5, 4),
        (4, 3),
        (3, 2),
        (16, 9),
        (2, 1),
        (21, 9),
        (4, 5),
        (3, 4),
        (2, 3),
        (9, 16),
        (1, 2),
        (9, 21),
    )
)
"""Shapes that are offered where there are such pictures."""
_SLACK = 0.02  # as the search has it
_CURSOR = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,19})\.([0-9]{1,19}))?")
_ENDLESS = 2**63
_NOT_SEEN = Print(shape="", tone="#808080")
_log = structlog.get_logger("triptych.gallery")


class Looker(Protocol):
    """What is needed of imaging."""

    async def look(self, data: bytes) -> Print: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkChange:
    """What to change; None leaves a thing as it is. `project` may be the empty text, for none; `trashed` throws away or
    takes back; `alt` may be the empty text, for the prompt."""

    stars: int | None = None
    verdict: Verdict | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    project: str | None = None
    trashed: bool | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked of the gallery: a query, whose days are those of `zone` (an IANA name), and from where on."""

    text: str = ""
    zone: str = "UTC"
    order: Order = "newest"
    start: Place | None = None
    skip: int = 0


class Gallery:
    """One per process. Every method may raise StorageError; those that take a query BadRequestError, which names what is
    wrong in it."""

    def __init__(
        self,
        store: GalleryStore,
        blobs: BlobStore,
        looker: Looker,
        embedder: Embedder,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._store, self._blobs, self._looker, self._registry, self._clock = store, blobs, looker, registry, clock
        self._meanings = Meanings(store, blobs, embedder)
        self._work: asyncio.Task[None] | None = None
        self._worked_ms: int | None = None

    async def page(self, ask: Ask, *, limit: int = 100) -> JsonObject:
        """Some of what a query finds, in its order, see `GalleryStore.page`."""
        search = await self._search(ask)
        await self._wake()
        page = await self._store.page(search, start=ask.start, skip=ask.skip, limit=max(1, min(limit, MOST_PAGE)))
        return {
            "pictures": [self.json(entry) for entry in page.entries], "start": cursor(ask.start or page.start),
            "next": cursor(page.next),
        }  # fmt: skip

    async def count(self, ask: Ask) -> int:
        """How many pictures a query finds."""
        return await self._store.count(await self._search(ask), start=ask.start)

    async def ids(self, ask: Ask, limit: int = MOST_AT_ONCE) -> tuple[str, ...]:
        """The pictures that a query finds from a place on, in its order: at most as many as one call may change."""
        search = await self._search(ask)
        return await self._store.ids(search, max(1, min(limit, MOST_AT_ONCE)), start=ask.start, skip=ask.skip)

    async def pictures(self, ids: Sequence[str]) -> JsonObject:
        """Pictures by id, as many as a page may have, without those of blind rows."""
        if not 1 <= len(ids) <= MOST_PAGE:
            raise BadRequestError(f"{len(ids)} pictures are named; a call takes 1 to {MOST_PAGE}.", param="pictures")
        return {"pictures": [self.json(entry) for entry in await self._store.entries(ids, shown=True)]}

    async def values(self) -> JsonObject:
        """What can be looked for, of what there is: models, shapes, tags and projects, each by name."""
        sizes = await self._store.sizes()
        return {
            "models": await self._store.models(), "ratios": [str(ratio) for ratio in RATIOS if _is_there(ratio, sizes)],
            "tags": await self._store.tags(), "projects": await self._store.projects(),
        }  # fmt: skip

    async def similar(self, picture_id: str) -> JsonObject:
        """Pictures that look alike, the nearest first, with the number of bits that differ (0 to 64); and the picture itself.
        `unseen` counts those that nobody has looked at yet. Raises NotFoundError."""
        shapes = await self._store.shapes()
        names, found = [name for name, _ in shapes], dict(shapes)
        if picture_id not in found:
            await self._look_now(picture_id)
            shapes = await self._store.shapes()
            names, found = [name for name, _ in shapes], dict(shapes)
        if picture_id not in found:
            return {"picture": None, "pictures": [], "unseen": len(await self._store.unseen(MOST_AT_ONCE))}
        bits = await asyncio.to_thread(distances, found[picture_id], list(found.values()))
        near = [int(at) for at in np.argsort(bits, kind="stable")[: _SIMILAR + 1] if bits[at] < _FAR]
        apart = {names[at]: int(bits[at]) for at in near if names[at] != picture_id}
        entries = await self._store.entries([picture_id, *apart])
        return {
            "picture": next((self.json(entry) for entry in entries if entry.id == picture_id), None),
            "pictures": [{**self.json(entry), "differs": apart[entry.id]} for entry in entries if entry.id in apart],
            "unseen": len(await self._store.unseen(MOST_AT_ONCE)),
        }  # fmt: skip

    async def showing_the_like(self, picture_id: str) -> JsonObject:
        """Pictures that show the like, the nearest first, with how alike they are (0 to 1000), by the network of this machine;
        and the picture itself, None while its row is blind. `seen` says whether the network has seen it, `unseen` how many it has
        not. Raises NotFoundError, and ConflictError when the network cannot be used."""
        if not await self._store.entries([picture_id]):
            raise NotFoundError("There is no such picture.", param="id")
        (entry, *_) = await self._store.entries([picture_id], shown=True) or (None,)
        if entry is None:
            return {"picture": None, "pictures": [], "seen": False, "unseen": await self._meanings.unseen(MOST_AT_ONCE)}
        try:
            await self._meanings.look_now(entry.sha256)
        except ToolError as error:
            raise ConflictError(error.message, hint=error.hint, param="by") from error
        await self._wake()
        near = await self._meanings.nearest(picture_id, entry.sha256)
        ids = near.ids if near is not None else {}
        pictures = [{**self.json(each), "alike": ids[each.id]} for each in await self._store.entries(list(ids))]
        unseen = await self._meanings.unseen(MOST_AT_ONCE)
        return {"picture": self.json(entry), "pictures": pictures, "seen": near is not None, "unseen": unseen}

    async def change(self, ids: Sequence[str], change: MarkChange) -> JsonObject:
        """Changes the marks of pictures. The answer has the marks as they are now, and `before`, which `restore` takes."""
        _check(ids, change)
        before = await self._store.change(ids, self._changed(change))
        return {"before": _states(before), "pictures": await self._states_of(ids)}

    async def marks(self, ids: Sequence[str]) -> JsonObject:
        """What is said about pictures, of those that are there."""
        _count(ids)
        return await self._states_of(ids)

    async def restore(self, states: Mapping[str, Marks]) -> JsonObject:
        """Gives pictures the marks that they had."""
        _count(states)
        await self._store.restore(states)
        return {"pictures": await self._states_of(list(states))}

    async def throw_tile(self, tile: TileView, *, trashed: bool) -> JsonObject:
        """Throws a tile without a picture away, or takes it back, and returns what changed of it. Raises ConflictError for
        one that is at work, or of which nothing is told yet, and for one with pictures, which are thrown away themselves."""
        if tile.held or not tile.ended:
            raise ConflictError("This tile is at work.", hint="Stop it first.", param="id")
        if tile.pictures:
            raise ConflictError("This tile has a picture.", hint="Throw the picture away.", param="id")
        kept = await self._store.tiles.throw(tile.record.id, self._clock.now_ms() if trashed else None)
        return {"id": tile.record.id, "run": tile.record.run_id, "trashed_ms": kept.trashed_ms if kept else None}

    async def close(self) -> None:
        """Stops looking at pictures; the rest is for the next time."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def json(self, entry: GalleryEntry) -> JsonObject:
        """A picture as the page shows it."""
        known = self._registry.endpoints().get(entry.tile.endpoint or entry.tile.model)
        card = known.model.card if known is not None else None
        model = entry.tile.endpoint or entry.tile.model
        parent, prompt = entry.tile.parent, str(entry.tile.request.get("prompt") or "")
        shown = picture_json(entry.picture, entry.tile, prompt, blind=False)
        return {
            "id": entry.id, "tile": entry.tile.id, "run": entry.tile.run_id, "sha256": entry.sha256,
            **{name: shown[name] for name in ("url", "thumb", "view", "media_type", "filename")}, "width": entry.width,
            "height": entry.height, "created_ms": entry.created_ms, "prompt": prompt,
            "model": model, "name": str((entry.tile.imported or {}).get("maker") or (card.name if card else model.rpartition("/")[2])), "maker": card.maker if card else "",
            "cost_micro_usd": entry.cost_micro_usd, "tone": entry.tone,
            "parent": None if parent is None else {"tile": parent.tile, "picture": parent.picture},
            "watch": msgspec.to_builtins(entry.watch), **_state(entry.marks),
        }  # fmt: skip

    # Inside.

    async def _search(self, ask: Ask) -> GallerySearch:
        query: Query = read_query(ask.text, ask.zone)
        references = [await self._hash_of(mark) for mark in query.references]
        colours = tuple(words_near(colour) for colour in query.colours)
        return replace(query.search, colours=colours, references=tuple(references), order=ask.order)

    async def _hash_of(self, mark: str) -> str:
        if not mark.startswith("img_"):
            return mark
        (entry, *_) = await self._store.entries([mark]) or (None,)
        if entry is None:
            raise BadRequestError(
                f"ref:{mark[:40]} names no picture.", hint="Take the id or the hash of a picture.", param="q"
            )
        return entry.sha256

    async def _states_of(self, ids: Sequence[str]) -> JsonObject:
        return _states({entry.id: entry.marks for entry in await self._store.entries(ids)})

    def _changed(self, change: MarkChange) -> Callable[[Marks], Marks]:
        now = self._clock.now_ms()
        removed = {tag.casefold() for tag in change.remove_tags}

        def apply(marks: Marks) -> Marks:
            there = {tag.casefold(): tag for tag in (*marks.tags, *change.add_tags) if tag.casefold() not in removed}
            trashed = marks.trashed_ms
            if change.trashed is not None:
                trashed = (marks.trashed_ms or now) if change.trashed else None
            return Marks(
                stars=marks.stars if change.stars is None else change.stars, verdict=change.verdict or marks.verdict,
                tags=tuple(there.values())[:_MOST_TAGS], project=marks.project if change.project is None else change.project or None,
                trashed_ms=trashed, alt=marks.alt if change.alt is None else change.alt.strip() or None,
            )  # fmt: skip

        return apply

    async def _wake(self) -> None:
        """Takes up what is new, and begins to look at pictures, where that was not done lately."""
        now = self._clock.now_ms()
        busy = self._work is not None and not self._work.done()
        if busy or (
            self._worked_ms is not None and now - self._worked_ms < _EVERY_MS
            and not await self._store.unseen(1) and not await self._meanings.waits()
        ):  # fmt: skip
            return
        if self._worked_ms is None:
            await self._store.adopt(_ADOPTED)
        self._worked_ms = now
        self._work = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            while await self._store.adopt(_ADOPTED):
                pass
            while unseen := await self._store.unseen(_LOOKED):
                for sha256 in dict.fromkeys(sha256 for _, sha256 in unseen):
                    await self._look(sha256)
            await self._meanings.catch_up()
        except TriptychError as error:
            _log.warning("the gallery could not be brought up to date", reason=error.message)

    async def _look(self, sha256: str) -> None:
        data = await self._blobs.get(sha256)
        try:
            seen = await self._looker.look(data) if data is not None else _NOT_SEEN
        except HostileContentError:
            seen = _NOT_SEEN
        await self._store.save_print(sha256, seen)

    async def _look_now(self, picture_id: str) -> None:
        found = await self._store.entries([picture_id])
        if not found:
            raise NotFoundError("There is no such picture.", param="id")
        await self._look(found[0].sha256)

    async def keep(self) -> None:
        """Empties the trash now and every hour, whether or not somebody looks at the gallery, until it is cancelled."""
        while True:
            try:
                await self.empty_trash()
            except TriptychError as error:
                _log.warning("the trash could not be emptied", reason=error.message)
            await self._clock.sleep(_EVERY_MS / 1000)

    async def empty_trash(self) -> int:
        """Deletes for good what was thrown away 30 days ago; tiles without a picture leave their rows. Returns how many
        pictures that were."""
        count, before_ms = 0, self._clock.now_ms() - TRASH_MS
        while await self._store.tiles.hide(before_ms):
            pass
        while (gone := await self._store.purge(before_ms)).pictures:
            count += len(gone.pictures)
            await self._store.embeddings.forget(gone.hashes)
            for sha256 in gone.hashes:
                await self._blobs.remove(sha256, DERIVED)
        return count


def _is_there(ratio: AspectRatio, sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether a picture is found by this shape."""
    return any(abs(width * ratio.height / (height * ratio.width) - 1) <= _SLACK for width, height in sizes)


def cursor(place: Place | None) -> str | None:
    """A place as the page carries it, which is no number: JavaScript does not hold such large ones exactly."""
    if place is None:
        return None
    return f"{place.seq}" if place.value is None else f"{place.seq}.{place.value + 1}.{place.top}"


def read_cursor(text: str, order: Order) -> Place:
    """Raises BadRequestError for what no page of this order answered."""
    found = _CURSOR.fullmatch(text)
    seq, value, top = (int(part) if part else None for part in found.groups()) if found else (None, None, None)
    if seq is None or max(seq, value or 0, top or 0) >= _ENDLESS or (value is None) != (order in get_args(ByTime)):
        raise BadRequestError(f"cursor is {text[:40]!r}; it takes what a page of this order gave.", param="cursor")
    return Place(seq=seq, value=None if value is None else value - 1, top=top)


def _state(marks: Marks) -> JsonObject:
    return {"stars": marks.stars, "verdict": marks.verdict, "tags": list(marks.tags), "project": marks.project,
            "trashed_ms": marks.trashed_ms, "alt": marks.alt}  # fmt: skip


def _states(marks: Mapping[str, Marks]) -> JsonObject:
    return {id_: _state(each) for id_, each in marks.items()}


def _count(ids: Sequence[str] | Mapping[str, Marks]) -> None:
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise BadRequestError(f"{len(ids)} pictures are named; a call takes 1 to {MOST_AT_ONCE:,}.", param="pictures")


def _check(ids: Sequence[str], change: MarkChange) -> None:
    _count(ids)
    if change.stars is not None and not 0 <= change.stars <= _MOST_STARS:
        raise BadRequestError(f"stars is {change.stars}; it takes 0 to {_MOST_STARS}.", param="stars")
    if change.verdict is not None and change.verdict not in get_args(Verdict):
        raise BadRequestError(
            f"verdict is {change.verdict!r}; it takes {', '.join(get_args(Verdict))}.", param="verdict"
        )
    if change.alt is not None and len(change.alt) > _MOST_ALT:
        raise BadRequestError(f"alt has {len(change.alt)} letters; the limit is {_MOST_ALT}.", param="alt")
    if change.project:
        read_project("project", change.project)
    for tag in change.add_tags:
        if not 1 <= len(tag.strip()) <= _MOST_LETTERS or '"' in tag or tag != tag.strip():
            raise BadRequestError(f"A tag has 1 to {_MOST_LETTERS} letters, without quotes.", param="add_tags")
