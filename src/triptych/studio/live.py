"""Tiles at work: what is shown of them between two writes to the store, and who listens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

from triptych.imaging.header import header
from triptych.router.merge import total_cost
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, TriptychError
from triptych.spec.image import UNKNOWN_COST, Billed, Cost
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import Progress
from triptych.spec.records import FINAL_STATES, AttemptRecord, PictureRecord, TileRecord
from triptych.store.base import Bus
from triptych.studio.views import Now, TileNews, TileView

_PAUSE_S = 0.125  # between two events of one tile about progress
_MOMENT_S = 0.05  # nobody sees that news is so old


@dataclass(slots=True, eq=False)
class Live:
    """One tile at work."""

    record: TileRecord
    blind: bool = False
    held: bool = True  # of a blind one: its row is not shown yet
    ending: bool = False  # its end is being stored
    over: bool = False  # it is stored
    api: bool = False  # asked for by a caller of the API
    batch: bool = False  # whether it waits for its turn in the queue
    resumed: bool = False  # it goes on with jobs from before a restart
    now: Now = field(default_factory=Now)
    pictures: tuple[PictureRecord, ...] = ()  # kept already, by position
    came: dict[str, bytes] = field(default_factory=dict, repr=False)  # by picture, what was kept while calls were out
    job_over: bool = False  # the job in the record has ended well
    arriving: asyncio.Lock = field(default_factory=asyncio.Lock)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    error: TriptychError | None = None
    seen: TileView | None = None  # as it was last shown
    preview: bytes | None = None
    previews: int = 0
    job_attempt: str | None = None
    stop: Literal["user", "shutdown"] | None = None
    task: "asyncio.Task[None] | None" = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    published: TileView | None = None  # as pages were told of it last
    published_at: float = float("-inf")
    later: "asyncio.Task[None] | None" = None
    followers: "set[asyncio.Queue[TileNews]]" = field(default_factory=set)

    def has_job(self) -> bool:
        """Whether a provider still works on a job of it."""
        return any(one.job is not None and one.outcome == "running" for one in self.attempts.values())

    def billed(self) -> Billed:
        """Over all attempts so far; one that is still out may be billed once something was sent."""
        found = {"unknown" if _is_out(attempt) else attempt.billed for attempt in self.attempts.values()}
        return "yes" if "yes" in found else "unknown" if "unknown" in found else "no"

    def cost(self) -> Cost | None:
        """Over all attempts so far, None when none of them was billed."""
        counted = [
            UNKNOWN_COST if attempt.outcome == "running" else attempt.cost or UNKNOWN_COST
            for attempt in self.attempts.values()
            if attempt.billed != "no" or _is_out(attempt)
        ]
        return total_cost(counted) if counted else None

    def fee(self) -> int:
        """What was booked as fee over all attempts so far, in micro-dollars."""
        return sum(attempt.fee_micro_usd for attempt in self.attempts.values())

    def take(self, progress: Progress) -> bytes | None:
        """Notes progress; returns a preview that may be shown."""
        now = self.now
        now.progress = progress.fraction if progress.fraction is not None else now.progress
        now.queue_position, now.eta_s = progress.queue_position, progress.eta_s
        now.note = progress.note
        if progress.preview is None:
            return None
        try:
            header(progress.preview)
        except HostileContentError:
            now.note = "A preview that is no picture was left out."
            return None
        self.preview = progress.preview
        self.previews += 1
        now.preview = f"/api/previews/{self.record.id}?v={self.previews}"
        return progress.preview


def _is_out(attempt: AttemptRecord) -> bool:
    """Whether something was sent for it whose end is not known yet."""
    return attempt.outcome == "running" and (bool(attempt.wires) or attempt.job is not None)


class Announcer:
    """Tells everybody what changed about a tile, and no more often than a page can draw."""

    def __init__(self, bus: Bus, clock: Clock, view: Callable[[Live], TileView]) -> None:
        self._bus = bus
        self._clock = clock
        self._view = view

    def view(self, live: Live) -> TileView:
        """The tile as it is now."""
        seen, record = live.seen, live.record
        over = seen is not None and seen.record is record and record.state in FINAL_STATES
        if seen is None or not over or seen.error is not live.error or seen.veiled is not live.blind or seen.held:
            seen = live.seen = self._view(live)
        return seen

    def now(self, live: Live) -> None:
        """Publishes what changed since the last time, if anything did."""
        if live.later is not None:
            live.later.cancel()
            live.later = None
        view, before = self.view(live), live.published
        live.published, live.published_at = view, self._clock.monotonic()
        if view.held is None or before is None:  # else there is nothing to be told; of a stop the curtain tells
            self._bus.announce("tile", lambda: _news(before, view), len(str(view.record.request.get("prompt", ""))))
        if live.followers and (changed := _changed(before.json if before is not None else {}, view.json)):
            self.tell(live, TileNews(fields=changed))

    def soon(self, live: Live) -> None:
        """Publishes at once, or together with what comes within the next moment."""
        wait = live.published_at + _PAUSE_S - self._clock.monotonic()
        if wait <= 0:
            self.now(live)
        elif live.later is None:
            live.later = asyncio.ensure_future(self._after(wait, live))

    def together(self, live: Live) -> None:
        """Publishes together with what comes next, or alone when nothing comes within a moment."""
        if live.later is None:
            live.later = asyncio.ensure_future(self._after(_MOMENT_S, live))

    async def _after(self, seconds: float, live: Live) -> None:
        await self._clock.sleep(seconds)
        live.later = None
        self.now(live)

    @staticmethod
    def tell(live: Live, news: TileNews) -> None:
        """Passes news on to everybody who follows this tile."""
        for follower in live.followers:
            follower.put_nowait(news)


def _changed(known: JsonObject, now: JsonObject) -> dict[str, Json]:
    """What somebody is told who knew the tile as it was before."""
    return {name: value for name, value in now.items() if known.get(name, ...) != value}


def _news(before: TileView | None, view: TileView) -> JsonObject | None:
    changed = _changed(before.page if before is not None else {}, view.page)
    return changed | {"run": view.record.run_id, "id": view.record.id} if changed else None


def follow(live: Live) -> AsyncIterator[TileNews]:
    """The news of a tile from this call on, ending with the one that has `ended` set."""
    queue: asyncio.Queue[TileNews] = asyncio.Queue()
    live.followers.add(queue)
    return _read(live, queue)


async def _read(live: Live, queue: "asyncio.Queue[TileNews]") -> AsyncIterator[TileNews]:
    try:
        while True:
            news = await queue.get()
            yield news
            if news.ended is not None:
                return
    finally:
        live.followers.discard(queue)
