"""What the router tells about a tile while it works, as state: stored first, announced after."""

from collections.abc import Callable, Sequence

import structlog

from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError
from triptych.spec.model import Accepted, Answered, CallEvent, JobHandle, ModelCard, Progress, Sent, WireRecord
from triptych.spec.records import AttemptRecord, TileRecord, TileState
from triptych.spec.replacing import replace
from triptych.spec.routing import (
    Attempt,
    AttemptEnded,
    AttemptEvent,
    AttemptStarted,
    Decided,
    RouteEvent,
    Tell,
    Waiting,
)
from triptych.store.base import RecordStore
from triptych.studio.failures import attempt_error
from triptych.studio.live import Announcer, Live
from triptych.studio.outstanding import superseded
from triptych.studio.views import Now, TileNews

_BEFORE_SENT = frozenset({"queued", "waiting"})
MAX_WIRES = 200  # of one attempt; a provider decides how many pictures there are to be fetched
_log = structlog.get_logger("triptych.studio")


class Hearing:
    """Listens for all tiles. Raises StorageError to whoever tells, so that nothing is sent that was not written; mere
    progress of a call that is out already is announced all the same."""

    def __init__(
        self, store: RecordStore, clock: Clock, announcer: Announcer, card_of: Callable[[str], ModelCard | None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._card_of = card_of

    def of(self, live: Live) -> Tell:
        """The listener for one tile."""

        async def tell(event: RouteEvent) -> None:
            await self._hear(live, event)

        return tell

    async def save(
        self, live: Live, record: TileRecord, attempt: AttemptRecord | None = None, gone: Sequence[AttemptRecord] = ()
    ) -> None:
        """Stores, then announces; an attempt together with the state that it brings, and with those `gone` whose place it
        takes. The record in memory is new at once, so that whatever comes next builds on it."""
        await self._keep(live, record, attempt, gone)
        self._announcer.now(live)

    async def _keep(
        self, live: Live, record: TileRecord, attempt: AttemptRecord | None, gone: Sequence[AttemptRecord]
    ) -> None:
        live.record = replace(record, updated_ms=self._clock.now_ms())
        if attempt is None:
            await self._store.save_tile(live.record)
        else:
            await self._store.save_attempt(attempt, live.record, gone)

    async def _hear(self, live: Live, event: RouteEvent) -> None:
        match event:
            case Decided(decision):
                live.record = replace(live.record, decision_id=decision.id)
            case AttemptStarted(attempt):
                await self._started(live, attempt)
            case AttemptEvent(attempt_id, told):
                await self._called(live, attempt_id, told)
            case Waiting():
                await self._waiting(live, event)
            case AttemptEnded(attempt):
                await self._ended(live, attempt)

    async def _called(self, live: Live, attempt_id: str, event: CallEvent) -> None:
        match event:
            case Sent(wire):
                await self._sent(live, attempt_id, wire)
            case Answered(wire):
                self._answered(live, attempt_id, wire)
            case Accepted(job):
                await self._accepted(live, attempt_id, job)
            case Progress():
                await self._progress(live, event)

    async def _started(self, live: Live, attempt: Attempt) -> None:
        kept = AttemptRecord(
            id=attempt.id, tile_id=live.record.id, number=attempt.number, endpoint=attempt.endpoint,
            started_ms=attempt.started_ms, hedge=attempt.hedge, epoch=attempt.epoch, operation=attempt.operation,
            share=attempt.share, began=attempt.began, began_ms=attempt.began_ms, offset=attempt.offset,
            count=attempt.count, reservation=attempt.reservation, job=attempt.job,
        )  # fmt: skip
        live.attempts[attempt.id] = kept
        live.now.retry = None
        if attempt.hedge:
            await self._store.save_attempt(kept)
            # The tile stays with the first one until a picture came; whom else it was sent to is said at once.
            live.now.note = f"It takes longer than usual, so {attempt.endpoint} was asked too."
            self._announcer.now(live)
            return
        card = self._card_of(attempt.endpoint)
        state: TileState = "queued" if live.record.state == "waiting" else live.record.state
        lane = card.lane if card else live.record.lane
        if kept.job is not None and kept.job == live.record.job:
            live.job_attempt = kept.id
        # In the same write as what goes on with its job: at no moment is a job out that nothing running names.
        gone = superseded(live.attempts.values(), kept, self._clock.now_ms())
        await self._keep(live, replace(live.record, state=state, endpoint=attempt.endpoint, lane=lane), kept, gone)
        self._announcer.together(live)  # most often it is sent at once
        live.attempts |= {one.id: one for one in gone}

    async def _sent(self, live: Live, attempt_id: str, wire: WireRecord) -> None:
        attempt = live.attempts[attempt_id]
        attempt = replace(attempt, wires=(*attempt.wires, wire))
        live.attempts[attempt_id] = attempt
        if live.record.state in _BEFORE_SENT:
            await self.save(live, self._begun(live, "sent"), attempt)
        else:
            await self._store.save_attempt(attempt)

    @staticmethod
    def _answered(live: Live, attempt_id: str, wire: WireRecord) -> None:
        """Kept in memory, and stored with what follows: the job that was accepted, or the attempt's end."""
        attempt = live.attempts[attempt_id]
        live.attempts[attempt_id] = replace(attempt, wires=with_answer(attempt.wires, wire))

    async def _accepted(self, live: Live, attempt_id: str, job: JobHandle) -> None:
        # The tile names the first job, each attempt its own: a restart goes on with those whose attempts still run.
        live.attempts[attempt_id] = replace(live.attempts[attempt_id], job=job)
        await self._store.save_attempt(live.attempts[attempt_id])
        if live.record.job is None:
            live.job_attempt = attempt_id
            state: TileState = "sent" if live.record.state in _BEFORE_SENT else live.record.state
            live.job_over = False
            await self.save(live, replace(self._begun(live, state), job=job))

    async def _progress(self, live: Live, progress: Progress) -> None:
        preview = live.take(progress)
        if preview is not None:
            self._announcer.tell(live, TileNews(preview=preview))
        if live.record.state not in _BEFORE_SENT | {"sent"}:
            self._announcer.soon(live)
            return
        try:
            await self.save(live, self._begun(live, "working"))
        except StorageError as error:
            _log.warning("progress not kept", tile=live.record.id, error=error.message)
            self._announcer.soon(live)

    def _begun(self, live: Live, state: TileState) -> TileRecord:
        started = live.record.started_ms if live.record.started_ms is not None else self._clock.now_ms()
        return replace(live.record, state=state, started_ms=started)

    async def _waiting(self, live: Live, event: Waiting) -> None:
        until = self._clock.now_ms() + round(event.seconds * 1000)
        retry = {"in_s": round(event.seconds, 1), "attempt": event.attempt, "of": event.of, "until_ms": until}
        live.now = Now(note=event.error.message, retry=retry)
        await self.save(live, replace(live.record, state="waiting"))

    async def _ended(self, live: Live, attempt: Attempt) -> None:
        kept = replace(
            live.attempts[attempt.id], ended_ms=attempt.ended_ms, outcome=attempt.outcome,
            error=attempt_error(attempt), cost=attempt.cost, billed=attempt.billed, fee_micro_usd=attempt.fee_micro_usd,
            ended=attempt.ended, sign=attempt.sign, took_ms=attempt.took_ms, retry_after_ms=attempt.retry_after_ms,
        )  # fmt: skip
        live.attempts[attempt.id] = kept
        if attempt.id == live.job_attempt and live.stop is None:
            live.job_over = attempt.outcome == "done"
            if attempt.outcome == "failed":
                live.record = replace(live.record, job=None)  # it ended at the provider: nothing to go on with
        gone = superseded(live.attempts.values(), kept, self._clock.now_ms())
        await self._store.save_attempt(kept, superseded=gone)
        live.attempts |= {one.id: one for one in gone}


def with_answer(wires: tuple[WireRecord, ...], wire: WireRecord) -> tuple[WireRecord, ...]:
    """The calls of an attempt with one more answer: in its own place for a submit, added up for polls one after the
    other, at the end for everything else."""
    if wire.step == "submit":
        sent = next((place for place, one in enumerate(wires) if one.step == "submit" and one.ms is None), len(wires))
        return (*wires[:sent], wire, *wires[sent + 1 :])
    last = wires[-1] if wires else None
    if last is not None and wire.step == last.step == "poll" and (wire.method, wire.url) == (last.method, last.url):
        both = replace(wire, calls=last.calls + wire.calls, ms=(last.ms or 0) + (wire.ms or 0))
        return (*wires[:-1], both)
    return (*wires, wire)[:MAX_WIRES]
