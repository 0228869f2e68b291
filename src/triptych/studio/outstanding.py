"""Jobs that are still out at a provider, from before a restart: what is said of them, and how they end."""

from collections.abc import Iterable, Sequence

import structlog

from triptych.router.execute import Router
from triptych.spec.clock import Clock
from triptych.spec.errors import CancelledByUserError, StorageError, TriptychError
from triptych.spec.image import FREE, UNKNOWN_COST, Billed, Cost
from triptych.spec.model import JobHandle
from triptych.spec.records import AttemptRecord, TileError
from triptych.spec.replacing import replace
from triptych.spec.routing import Leg
from triptych.store.base import RecordStore
from triptych.studio.failures import cost_after, tile_error
from triptych.studio.live import Live

_NOT_AT_THE_PROVIDER = frozenset({"lost", "cancelled", "internal"})  # ends of an attempt that are not those of its job
_log = structlog.get_logger("triptych.studio")


def leg_of(attempt: AttemptRecord, job: JobHandle) -> Leg:
    """The job of an attempt as something to go on with."""
    return Leg(job, attempt.offset, attempt.count, attempt.reservation)


def lost(attempt: AttemptRecord, now_ms: int, billed: Billed, fee_micro_usd: int = 0) -> AttemptRecord:
    """An attempt whose end nobody was told. One that another goes on with is not billed: the bill is that one's."""
    error = TileError(
        code="lost", failure="ambiguous", message="The server stopped meanwhile.", hint=None, billed=billed
    )
    cost = FREE if billed == "no" else UNKNOWN_COST
    return replace(attempt, ended_ms=now_ms, outcome="failed", error=error, billed=billed, cost=cost,
                   fee_micro_usd=fee_micro_usd)  # fmt: skip


def superseded(attempts: Iterable[AttemptRecord], by: AttemptRecord, now_ms: int) -> list[AttemptRecord]:
    """The attempts whose job another one goes on with, as they end by that."""
    return [
        lost(one, now_ms, "no")
        for one in attempts
        if one.outcome == "running" and one.id != by.id and by.job is not None and _same(one.job, by.job)
    ]


def unheard(attempts: Sequence[AttemptRecord]) -> list[AttemptRecord]:
    """The last attempt of each job of which no end at the provider is known: it may be paid for, whatever is written."""
    last: dict[tuple[str, str, str], AttemptRecord] = {}
    for one in sorted(attempts, key=lambda attempt: attempt.number):
        if one.job is not None:
            last[one.job.provider, one.job.endpoint, one.job.job_id] = one
    return [one for one in last.values() if one.outcome == "running" or _ended_here(one)]


def _ended_here(attempt: AttemptRecord) -> bool:
    return attempt.error is not None and attempt.error.code in _NOT_AT_THE_PROVIDER


def _same(one: JobHandle | None, other: JobHandle) -> bool:
    named = None if one is None else (one.provider, one.endpoint, one.job_id)
    return named == (other.provider, other.endpoint, other.job_id)


class Outstanding:
    """Ends the jobs of tiles that are over before anybody went on with them. What cannot be written stays open in the
    ledger, and the next start closes it."""

    def __init__(self, store: RecordStore, router: Router, clock: Clock) -> None:
        self._store = store
        self._router = router
        self._clock = clock

    async def stop(self, live: Live) -> None:
        """Asks the providers to stop what a tile still has there, on a person's word."""
        for one in [*live.attempts.values()]:
            if one.outcome == "running" and one.job is not None:
                await self._stop(live, one, one.job)

    async def _stop(self, live: Live, attempt: AttemptRecord, job: JobHandle) -> None:
        try:
            ending, fee = await self._router.give_up(leg_of(attempt, job), live.record.id)
        except StorageError as error:
            _log.warning("a stopped job was left open", tile=live.record.id, error=error.message)
            return
        said = tile_error(CancelledByUserError(ending.message or "Stopped.", billed=ending.billed))
        await self._save(live, replace(
            attempt, ended_ms=self._clock.now_ms(), outcome="failed", error=said, billed=ending.billed,
            cost=ending.cost, fee_micro_usd=fee,
        ))  # fmt: skip

    async def close(self, live: Live) -> None:
        """Before the end of a tile from before a restart is written: what is left of its attempts ends as unknown."""
        left = [one for one in live.attempts.values() if one.outcome == "running"] if live.resumed else []
        if not left:
            return
        try:
            fees = await self._router.budget.fees_of(live.record.id)
        except StorageError as error:
            _log.warning("fees not read", tile=live.record.id, error=error.message)
            fees = {}
        for one in left:
            await self._save(live, lost(one, self._clock.now_ms(), "unknown", fees.get(one.reservation, 0)))

    async def _save(self, live: Live, attempt: AttemptRecord) -> None:
        live.attempts[attempt.id] = attempt
        try:
            await self._store.save_attempt(attempt)
        except StorageError as error:
            _log.warning("end of an attempt not kept", attempt=attempt.id, error=error.message)

    async def settle(self, live: Live) -> None:
        """After the end of a tile: no reservation of it stays open, nor any whose end could not be written."""
        try:
            if live.resumed:
                await self._router.budget.reconcile(live.record.id)
        except StorageError as error:
            _log.warning("reservations left open", tile=live.record.id, error=error.message)
        await self._router.budget.settle_late()


def bill_of(live: Live, error: TriptychError) -> tuple[Billed, Cost | None]:
    """What a tile that failed has cost, where the error alone may not know of everything that is out."""
    if error.billed == "no" and live.billed() != "no":
        return live.billed(), live.cost()
    return error.billed, cost_after(error)
