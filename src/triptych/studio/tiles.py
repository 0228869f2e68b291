"""The way of each tile: one task per tile, state in the store before it is announced, one failure never another's.

queued ─▶ sent ─▶ working ─▶ receiving ─▶ done
             ╰▶ waiting ─▶ …          ╰▶ blocked · failed · cancelled · lost
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal

import structlog

from triptych.router.errand import DETACH
from triptych.router.execute import Router
from triptych.spec.clock import Clock
from triptych.spec.errors import BudgetError, CancelledByUserError, EmptyAnswerError, StorageError, TriptychError
from triptych.spec.image import UNKNOWN_COST, ImageRequest
from triptych.spec.records import FINAL_STATES, PictureRecord, TileRecord, TileState
from triptych.spec.replacing import replace
from triptych.spec.routing import Arrived, Leg, RoutedResult, RouteEvent, Tell
from triptych.store.base import RecordStore
from triptych.studio.arrivals import Arrivals
from triptych.studio.failures import bill_words, came_words, internal_error, state_after, tile_error
from triptych.studio.hearing import Hearing
from triptych.studio.ingest import Intake
from triptych.studio.live import Announcer, Live
from triptych.studio.outstanding import Outstanding, bill_of
from triptych.studio.places import Places
from triptych.studio.queue import Queue
from triptych.studio.shared import Shared
from triptych.studio.terms import Terms
from triptych.studio.views import Now, TileNews

_ANSWER_S = 0.01  # in which the places of a row are on their way to the page
_SAVE_AGAIN_S = (1.0, 5.0, 15.0)  # a lock held by another program, a server that restarts
_log = structlog.get_logger("triptych.studio")


class Tiles:
    """All tiles at work in this process. `spent` is called when money moved, `kept` with the hashes of pictures that came for
    the page, `ended` when one of a blind
    row is over, with those of its row."""

    def __init__(
        self,
        *,
        store: RecordStore,
        router: Router,
        intake: Intake,
        announcer: Announcer,
        hearing: Hearing,
        clock: Clock,
        spent: Callable[[], Awaitable[None]],
        ended: Callable[[Live, Sequence[Live]], Awaitable[None]],
        queue: Queue,
        kept: Callable[[Iterable[str]], None],
    ) -> None:
        self._store = store
        self._kept = kept
        self._router = router
        self._intake = intake
        self._announcer = announcer
        self._hearing = hearing
        self._clock = clock
        self._arrivals = Arrivals(store, intake, announcer)
        self._spent = Shared(spent)
        self._ended = ended
        self._queue = queue
        self._live: dict[str, Live] = {}
        self.veiled: set[str] = set()  # the runs whose makers are hidden
        self._places = Places()
        self._outstanding = Outstanding(store, router, clock)

    def get(self, tile_id: str) -> Live | None:
        """A tile at work, None when it is not (any more)."""
        return self._live.get(tile_id)

    def enlist(self, record: TileRecord, *, blind: bool = False, pictures: tuple[PictureRecord, ...] = ()) -> Live:
        """Takes a saved tile in, with the pictures kept so far, so that it is shown with what is known of it in memory."""
        live = Live(record=record, blind=blind, pictures=pictures)
        self._live[record.id] = live
        if blind:
            self.veiled.add(record.run_id)
        live.published = self._announcer.view(live)
        return live

    def unveil(self, run_id: str) -> None:
        """What happens from now on to the tiles of this run is told with their makers."""
        self.veiled.discard(run_id)
        for live in self._live.values():
            if live.record.run_id == run_id:
                live.blind = False

    @property
    def any_blind(self) -> bool:
        """Whether a tile whose maker is hidden is still at work: that money moves would tell that it does."""
        return any(live.blind and not live.over for live in self._live.values())

    def start(self, live: Live, request: ImageRequest, terms: Terms, *, answer_first: bool = False) -> None:
        """Begins the work on an enlisted tile; with `answer_first` nothing is decided while whoever asked is answered."""
        record = live.record
        live.batch = terms.batch
        live.api = terms.api
        work, now = self._router.run, asyncio.get_running_loop().time
        soonest = now() + _ANSWER_S if answer_first else 0.0

        async def call() -> RoutedResult:
            if (wait := soonest - now()) > 0:
                await asyncio.sleep(wait)
            return await work(
                request, model=record.model, run_id=record.run_id, tile_id=record.id, tell=self._tell(live, request),
                caps=terms.caps, lane_floor=terms.lane_floor, allow_model_failover=terms.allow_model_failover,
                floors=terms.floors, nonce=record.nonce or terms.nonce, deadline_s=terms.deadline_s, api_key=terms.api_key,
                hedge=terms.hedge, project=terms.project,
            )  # fmt: skip

        self._launch(live, request, call)

    def resume(self, live: Live, legs: Sequence[Leg], request: ImageRequest, terms: Terms) -> None:
        """Goes on with jobs from before a restart."""
        record = live.record
        live.batch, live.api, live.resumed = terms.batch, terms.api, True
        live.now.note = f"Re-attaching to job {', '.join(leg.job.job_id[:24] for leg in legs)}"
        self._announcer.now(live)
        self._launch(
            live,
            request,
            lambda: self._router.resume(
                legs, request, run_id=record.run_id, tile_id=record.id, tell=self._tell(live, request),
                deadline_s=terms.deadline_s, api_key=terms.api_key, project=terms.project,
            ),
        )  # fmt: skip

    def _tell(self, live: Live, request: ImageRequest) -> Tell:
        hear = self._hearing.of(live)

        async def tell(event: RouteEvent) -> None:
            await (self._arrivals.take(live, request, event) if isinstance(event, Arrived) else hear(event))

        return tell

    async def stop(self, live: Live, *, wait: bool = True) -> None:
        """Cancels on a person's word, and waits until it is over. A tile whose pictures are being kept is let finish."""
        await self._interrupt(live, "user")
        if wait:
            await live.ended.wait()

    async def shutdown(self) -> None:
        """Ends all work: what has a job at a provider stays as it is, to be re-attached, and so does what was never sent
        or costs nothing, to be started anew; the rest ends as lost. Pictures that have come are kept first."""
        self._queue.close()
        waiting = list(self._live.values())
        for live in waiting:
            await self._interrupt(live, "shutdown")
        await asyncio.gather(*(live.ended.wait() for live in waiting))

    @staticmethod
    async def _interrupt(live: Live, stop: Literal["user", "shutdown"]) -> None:
        if live.task is not None:
            await live.begun.wait()  # a task that is cancelled before its first step never gets to its last one
        over = live.record.state == "receiving" or live.record.state in FINAL_STATES
        if not over and not live.ending and live.task is not None and live.stop is None:
            live.stop = stop
            live.task.cancel(DETACH if stop == "shutdown" else None)

    def _launch(self, live: Live, request: ImageRequest, call: Callable[[], Awaitable[RoutedResult]]) -> None:
        live.task = asyncio.create_task(self._see_through(live, request, call), name=live.record.id)

    async def _see_through(
        self, live: Live, request: ImageRequest, call: Callable[[], Awaitable[RoutedResult]]
    ) -> None:
        """The tile task: whatever happens inside ends in a final state of this tile alone."""
        live.begun.set()
        try:
            while not await self._turn(live, request, call):
                pass
        except asyncio.CancelledError:
            await self._stopped(live)
        except TriptychError as error:
            await self._failed(live, error)
        except Exception:  # noqa: BLE001 - the boundary: a fault in one tile ends that tile
            _log.exception("internal error in a tile", tile=live.record.id)
            billed = live.billed()
            cost = UNKNOWN_COST if billed != "no" else None
            error_record = internal_error(billed=billed)
            await self._end(live, replace(live.record, state="failed", error=error_record, billed=billed, cost=cost))
        finally:
            self._dismiss(live)

    async def _turn(self, live: Live, request: ImageRequest, call: Callable[[], Awaitable[RoutedResult]]) -> bool:
        """Works on the tile when its turn has come. False when a cap had no room and nothing was sent: the batch is
        paused then, and the tile waits in it again."""
        async with self._queue.turn(live), self._place(live, request):
            try:
                result = await call()
            except BudgetError as error:
                if not live.batch or live.billed() != "no":
                    raise
                await self._queue.hold(live, error)
                live.now = Now()
                await self._hearing.save(live, replace(live.record, state="queued", started_ms=None))
                return False
            await self._receive(live, request, result)
            return True

    def _place(self, live: Live, request: ImageRequest) -> AbstractAsyncContextManager[None]:
        """What goes on with a job submits nothing: it is asked for at once, before its provider forgets it."""
        return nullcontext() if live.resumed else self._places.take(live.record.model, request.n, api=live.api)

    async def _receive(self, live: Live, request: ImageRequest, result: RoutedResult) -> None:
        live.now = Now(preview=live.now.preview)
        record = replace(
            live.record, state="receiving", endpoint=result.endpoint, model_served=result.model_served,
            lane=result.lane, billed=result.billed, cost=result.cost, adjustments=result.adjustments,
            usage=result.usage,
        )  # fmt: skip
        live.record = record  # from here on it is not stopped any more
        if not result.images:
            raise EmptyAnswerError("The provider answered with success and no picture.", billed=result.billed,
                                   amount_micro_usd=result.cost.amount_micro_usd)  # fmt: skip
        try:
            taken = await self._intake.read(record.id, request, result, kept=live.pictures, came=live.came)
            await self._expect(live, replace(record, adjustments=taken.adjustments, coming=taken.pictures))
            await self._intake.keep(taken)
            if not live.api:  # nobody may ever look at what a caller of the API got
                self._kept(picture.sha256 for picture in taken.pictures)
        except TriptychError as error:
            error.billed, error.amount_micro_usd = result.billed, result.cost.amount_micro_usd
            raise
        live.preview = None
        await self._end(live, replace(live.record, state="done", job=None), taken.pictures)

    async def _expect(self, live: Live, record: TileRecord) -> None:
        try:
            await self._hearing.save(live, record)
        except StorageError as error:
            _log.warning("a state was not kept", tile=record.id, error=error.message)  # the pictures still may be

    async def _failed(self, live: Live, error: TriptychError) -> None:
        live.error = error
        billed, cost = bill_of(live, error)
        if live.record.state == "receiving":
            cost = live.record.cost
        error.billed, error.amount_micro_usd = billed, cost.amount_micro_usd if cost else error.amount_micro_usd
        await self._end(
            live,
            replace(live.record, state=state_after(error), error=tile_error(error), billed=billed, cost=cost, job=None),
        )

    async def _stopped(self, live: Live) -> None:
        """After a cancellation. A job at a provider outlives this process when it is the process that ends, and what
        was never sent or costs nothing stays as it is stored: the next start goes on with it, as after a kill."""
        if live.stop != "user" and (live.record.job is not None or live.has_job()):
            return
        if live.stop == "user":
            await self._outstanding.stop(live)
        async with live.arriving:  # what is on its way into the store is kept first
            billed, cost = live.billed(), live.cost()
        if live.stop == "shutdown" and (billed == "no" or (live.record.lane == "local" and billed == "unknown")):
            return
        state: TileState = "cancelled" if live.stop == "user" or billed == "no" else "lost"
        who = "Stopped" if live.stop == "user" else "The server stopped"
        came = f" {came_words(live.pictures, live.record)}" if live.pictures else ""
        words = bill_words(billed, cost, live.fee())
        error = CancelledByUserError(f"{who}.{came} {words}", hint="Retry when you want it after all.", billed=billed)
        error.amount_micro_usd = cost.amount_micro_usd if cost else None
        live.error = error
        await self._end(
            live, replace(live.record, state=state, error=tile_error(error), billed=billed, cost=cost, job=None)
        )

    async def _end(self, live: Live, record: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None:
        """The final state, with `pictures` where they have come just now. Nobody sees it before it is stored: what is shown can be
        asked for. When not even that can be stored it is still announced, with the reason."""
        live.ending = True
        await self._outstanding.close(live)
        now = self._clock.now_ms()
        final = replace(record, coming=(), fee_micro_usd=live.fee(), ended_ms=now, updated_ms=now)
        whole = tuple(pictures) or live.pictures
        try:
            await self._save_end(final, whole)
        except StorageError as error:
            _log.error("a tile could not be stored", tile=record.id, error=error.message)
            live.error = error
            final = replace(final, state="failed", error=tile_error(error, billed=record.billed))
        else:
            live.pictures = whole
        live.record, live.now = final, Now()
        await self._outstanding.settle(live)
        live.over = True
        if live.blind:
            row = [one for one in self._live.values() if one.record.run_id == live.record.run_id]
            await self._ended(live, row)
        else:
            self._announcer.now(live)
        await self._spent()

    async def _save_end(self, final: TileRecord, pictures: Sequence[PictureRecord]) -> None:
        """Pictures that have come are worth some patience with the database."""
        for seconds in _SAVE_AGAIN_S if pictures else ():
            try:
                await self._store.save_tile(final, pictures)
            except StorageError as error:
                _log.warning("pictures not kept yet", tile=final.id, error=error.message)
                await self._clock.sleep(seconds)
            else:
                return
        await self._store.save_tile(final, pictures)

    def _dismiss(self, live: Live) -> None:
        if live.later is not None:
            live.later.cancel()
        self._announcer.tell(live, TileNews(ended=self._announcer.view(live)))
        self._live.pop(live.record.id, None)
        live.ended.set()
