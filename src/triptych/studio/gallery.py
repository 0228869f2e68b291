"""The gallery: everything that was made, looked for, marked, thrown away and taken back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

import numpy as np
import structlog

from triptych.imaging.prints import distances, words_near
from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, HostileContentError, NotFoundError, TriptychError
from triptych.spec.gallery import GalleryEntry, GallerySearch, Marks, Print, Verdict
from triptych.spec.json import JsonObject
from triptych.store.base import BlobStore
from triptych.store.gallery import GalleryStore
from triptych.studio.pictures import DERIVED
from triptych.studio.search import Query, read_query
from triptych.studio.terms import read_project

MOST_AT_ONCE = 10_000
"""Pictures that one call may change."""
MOST_PAGE = 200
TRASH_MS = 30 * 24 * 3_600_000
_MOST_TAGS, _MOST_LETTERS, _MOST_STARS, _MOST_ALT = 40, 60, 5, 1000
_SIMILAR, _FAR = 60, 20  # pictures at most, and the difference of 64 bits from which two are not alike
_ADOPTED, _LOOKED, _EVERY_MS = 500, 50, 3_600_000
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


class Gallery:
    """One per process. Every method may raise StorageError; those that take a query BadRequestError, which names what is
    wrong in it."""

    def __init__(self, store: GalleryStore, blobs: BlobStore, looker: Looker, registry: Registry, clock: Clock) -> None:
        self._store, self._blobs, self._looker, self._registry, self._clock = store, blobs, looker, registry, clock
        self._work: asyncio.Task[None] | None = None
        self._worked_ms: int | None = None

    async def page(self, text: str, *, start: int | None = None, skip: int = 0, limit: int = 100) -> JsonObject:
        """Some of what a query finds, newest first, see `GalleryStore.page`."""
        search = await self._search(text)
        await self._wake()
        page = await self._store.page(search, start=start, skip=skip, limit=max(1, min(limit, MOST_PAGE)))
        top = start if start is not None else page.entries[0].seq if page.entries else None
        return {
            "pictures": [self.json(entry) for entry in page.entries], "start": _text(top), "next": _text(page.next_seq),
        }  # fmt: skip

    async def count(self, text: str, *, start: int | None = None) -> int:
        """How many pictures a query finds."""
        return await self._store.count(await self._search(text), start=start)

    async def ids(self, text: str) -> tuple[str, ...]:
        """The newest pictures that a query finds, as many as one call may change."""
        return await self._store.ids(await self._search(text), MOST_AT_ONCE)

    async def tags(self) -> tuple[str, ...]:
        return await self._store.tags()

    async def projects(self) -> tuple[str, ...]:
        return await self._store.projects()

    async def similar(self, picture_id: str) -> JsonObject:
        """Pictures that look alike, the nearest first, with the number of bits that differ (0 to 64). `unseen` counts those
        that nobody has looked at yet. Raises NotFoundError."""
        shapes = await self._store.shapes()
        names, found = [name for name, _ in shapes], dict(shapes)
        if picture_id not in found:
            await self._look_now(picture_id)
            shapes = await self._store.shapes()
            names, found = [name for name, _ in shapes], dict(shapes)
        if picture_id not in found:
            return {"pictures": [], "unseen": len(await self._store.unseen(MOST_AT_ONCE))}
        bits = await asyncio.to_thread(distances, found[picture_id], list(found.values()))
        near = [int(at) for at in np.argsort(bits, kind="stable")[: _SIMILAR + 1] if bits[at] < _FAR]
        apart = {names[at]: int(bits[at]) for at in near if names[at] != picture_id}
        entries = await self._store.entries(list(apart))
        return {
            "pictures": [{**self.json(entry), "differs": apart[entry.id]} for entry in entries],
            "unseen": len(await self._store.unseen(MOST_AT_ONCE)),
        }  # fmt: skip

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
        parent = entry.tile.parent
        return {
            "id": entry.id, "tile": entry.tile.id, "run": entry.tile.run_id, "sha256": entry.sha256,
            "url": f"/api/images/{entry.id}", "thumb": f"/api/images/{entry.id}/thumb", "width": entry.width,
            "height": entry.height, "created_ms": entry.created_ms, "prompt": str(entry.tile.request.get("prompt") or ""),
            "model": model, "name": str((entry.tile.imported or {}).get("maker") or (card.name if card else model.rpartition("/")[2])), "maker": card.maker if card else "",
            "cost_micro_usd": entry.cost_micro_usd, "tone": entry.tone,
            "parent": None if parent is None else {"tile": parent.tile, "picture": parent.picture},
            **_state(entry.marks),
        }  # fmt: skip

    # Inside.

    async def _search(self, text: str) -> GallerySearch:
        query: Query = read_query(text)
        references = [await self._hash_of(mark) for mark in query.references]
        return replace(
            query.search, colours=tuple(words_near(colour) for colour in query.colours), references=tuple(references)
        )

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
        """Takes up what is new, and begins to look at pictures and to empty the trash, where that was not done lately."""
        now = self._clock.now_ms()
        busy = self._work is not None and not self._work.done()
        if busy or (
            self._worked_ms is not None and now - self._worked_ms < _EVERY_MS and not await self._store.unseen(1)
        ):
            return
        if self._worked_ms is None:
            await self._store.adopt(_ADOPTED)
        self._worked_ms = now
        self._work = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            while await self._store.adopt(_ADOPTED):
                pass
            await self.empty_trash()
            while unseen := await self._store.unseen(_LOOKED):
                for sha256 in dict.fromkeys(sha256 for _, sha256 in unseen):
                    await self._look(sha256)
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

    async def empty_trash(self) -> int:
        """Deletes for good what was thrown away 30 days ago. Returns how many pictures that were."""
        count = 0
        while (gone := await self._store.purge(self._clock.now_ms() - TRASH_MS)).pictures:
            count += len(gone.pictures)
            for sha256 in gone.hashes:
                await self._blobs.remove(sha256, DERIVED)
        return count


def _text(seq: int | None) -> str | None:
    return None if seq is None else str(seq)  # larger than a number in JavaScript holds exactly


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
