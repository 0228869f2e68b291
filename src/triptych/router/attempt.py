"""One attempt at one endpoint: reserve, call, settle, record.

Whatever happens (an error, a stop, a fault in a model), the reservation is closed once and the attempt is told as ended;
but for a job that is left to be resumed by the next process.
"""

import asyncio
from dataclasses import dataclass

import structlog

from triptych.router.budget import Budget, Hold
from triptych.router.errand import DETACH, Errand
from triptych.router.fold import HealthEvent
from triptych.router.health import Health
from triptych.router.limits import Limits, Pass
from triptych.router.parts import Outcome, Part
from triptych.router.price import Price
from triptych.router.shielded import finish
from triptych.router.verdict import Ending, ended_with_error, ended_with_result, interrupted
from triptych.spec.clock import Clock
from triptych.spec.errors import AmbiguousError, StorageError, TriptychError
from triptych.spec.ids import new_id
from triptych.spec.image import ImageResult, Operation
from triptych.spec.model import Accepted, CallContext, CallEvent, ImageModel, JobHandle, Sent
from triptych.spec.replacing import replace
from triptych.spec.routing import Arrived, Attempt, AttemptEvent, AttemptStarted

_log = structlog.get_logger(__name__)
_STOP_LIMIT_S = 5.0  # how long a provider is given to confirm that it stopped a job


class Watch:
    """What one call has told so far: from `sent` on it may be billed, from `job` on it can be asked about."""

    def __init__(self, errand: Errand, attempt_id: str, job: JobHandle | None) -> None:
        self._errand = errand
        self._attempt_id = attempt_id
        self.sent = job is not None
        self.job = job

    async def tell(self, event: CallEvent) -> None:
        """Notes and passes on an event of the call."""
        if isinstance(event, Sent):
            self.sent = True
        elif isinstance(event, Accepted):
            self.sent, self.job = True, event.job
        await self._errand.tell(AttemptEvent(self._attempt_id, event))


@dataclass(frozen=True, slots=True)
class _Booking:
    """A call that is paid for: what is asked where, on which reservation; `job` when it goes on with an earlier one,
    `began` when it was counted from its wait for a turn on."""

    part: Part
    endpoint: str
    hold: Hold | None
    job: JobHandle | None = None
    began: HealthEvent | None = None
    hedge: bool = False
    under_way: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class _Running:
    """Its attempt, once it has begun. `started` is in monotonic seconds."""

    attempt: Attempt
    watch: Watch
    started: float


class Attempts:
    """Makes single attempts. `grace_s` is how long after its deadline a call is given up that did not end by itself."""

    def __init__(
        self, budget: Budget, health: Health, limits: Limits, clock: Clock, price: Price, grace_s: float
    ) -> None:
        self._budget = budget
        self._health = health
        self._limits = limits
        self._clock = clock
        self._price = price
        self._grace_s = grace_s

    async def generate(
        self, errand: Errand, part: Part, endpoint: str, *, hedge: bool = False, under_way: asyncio.Event | None = None
    ) -> Outcome:
        """One new call, once there is room for it; `under_way` is set when it begins. The outcome has `tried` False when
        none came in time, or no money could be reserved for it."""
        operation = errand.operation
        # Who has to wait for its turn is load from now on: a decision counts it.
        newcomer, crowded = errand.endpoints[endpoint].newcomer, self._limits.crowded
        began = self._health.begin(endpoint, operation) if crowded(endpoint, operation, newcomer) else None
        place: Pass | None = None
        booking: _Booking | None = None
        try:
            place = await self._limits.enter(endpoint, operation, errand.deadline, newcomer)
            estimate = self._price(errand.endpoints[endpoint].model.card, part.request)
            hold = await self._budget.reserve(errand.payer, endpoint, estimate, errand.policy.fees)
            booking = _Booking(part, endpoint, hold, began=began, hedge=hedge, under_way=under_way)
        except TriptychError as error:
            return Outcome(part=part, endpoint=endpoint, error=error, tried=False)
        finally:
            if booking is None:
                self._give_up(place, began, operation)
        outcome: Outcome | None = None
        try:
            outcome = await self._make(errand, booking)
        finally:
            worked = outcome is not None and outcome.result is not None
            self._limits.leave(place, outcome.error if outcome is not None else None, worked=worked)
        return outcome

    def _give_up(self, place: Pass | None, began: HealthEvent | None, operation: Operation) -> None:
        """Nothing comes of a call: its place goes to the next, and who counted it hears that it is over."""
        if place is not None:
            self._limits.leave(place, None, worked=False)
        if began is not None:
            self._health.untold(began)
            self._health.untold(self._health.failed(began.endpoint, operation, None))

    async def resume(self, errand: Errand, part: Part, job: JobHandle, hold: Hold | None) -> Outcome:
        """Goes on with a job that was accepted earlier, on the reservation made for it."""
        return await self._make(errand, _Booking(part, job.endpoint, hold, job))

    async def _make(self, errand: Errand, booking: _Booking) -> Outcome:
        started = self._clock.monotonic()
        began = booking.began or self._health.begin(booking.endpoint, errand.operation)
        booking = replace(booking, began=began)
        running: _Running | None = None
        ending: Ending | None = None
        stopped = detached = False
        try:
            attempt = errand.journal.number(self._attempt(errand, booking, began))
            made = _Running(attempt, Watch(errand, attempt.id, booking.job), started)
            # A job that is out has an end to be told, also when its attempt is stopped, or not written, as it begins.
            running = made if booking.job is not None else None
            await errand.tell(AttemptStarted(attempt))
            running = made
            if booking.under_way is not None:
                booking.under_way.set()
            ending = await self._call(errand, booking, running)
        except asyncio.CancelledError as stop:
            stopped = True
            detached = stop.args == (DETACH,) and _job(booking, running) is not None
            raise
        finally:
            if detached:
                self._health.untold(self._health.failed(booking.endpoint, errand.operation, None))
            else:
                await finish(self._conclude(errand, booking, running, ending, stopped=stopped))
        return Outcome(
            part=booking.part,
            endpoint=booking.endpoint,
            result=ending.result,
            error=ending.error,
            accepted=running.watch.job is not None,
        )

    def _attempt(self, errand: Errand, booking: _Booking, began: HealthEvent) -> Attempt:
        now_ms = self._clock.now_ms()
        return Attempt(
            id=new_id("att", now_ms), number=0, endpoint=booking.endpoint, started_ms=now_ms, hedge=booking.hedge,
            epoch=self._health.epoch, operation=errand.operation, share=errand.share,
            began=began.number, began_ms=began.at_ms, offset=booking.part.offset, count=booking.part.request.n,
            reservation=booking.hold.entry.reservation if booking.hold is not None else "", job=booking.job,
        )  # fmt: skip

    async def _call(self, errand: Errand, booking: _Booking, running: _Running) -> Ending:
        model, watch, free = errand.endpoints[booking.endpoint].model, running.watch, _is_free(booking)
        context = CallContext(call_id=running.attempt.id, deadline=errand.deadline, tell=watch.tell)
        left = errand.deadline - self._clock.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left) + self._grace_s):
                result = await _start(model, booking, context)
        except TriptychError as error:
            return ended_with_error(error, sent=watch.sent, accepted=watch.job is not None, free=free)
        except TimeoutError:
            late = AmbiguousError(
                f"{model.card.name} did not answer within its time.",
                provider=model.card.provider,
                hint="It may have been billed. Look at the provider's own list before trying again.",
            )
            return ended_with_error(late, sent=True, accepted=True, free=free)
        return ended_with_result(result, free=free)

    async def _conclude(
        self, errand: Errand, booking: _Booking, running: _Running | None, ending: Ending | None, *, stopped: bool
    ) -> None:
        """The pictures of one of many calls first, then money, then health, then the word that it is over: whatever
        stops the others, or this process, what was paid for is kept."""
        if ending is None:
            ending = await self._stop(errand, booking, running, stopped=stopped)
        fee = 0
        try:
            await _tell_arrived(errand, booking, ending)
        finally:
            try:
                if booking.hold is not None:
                    fee = await self._budget.close(booking.hold, ending.billed, ending.cost)
            finally:
                await self._count(errand, booking, running, ending, fee)

    async def _count(
        self, errand: Errand, booking: _Booking, running: _Running | None, ending: Ending, fee: int
    ) -> None:
        if ending.result is not None and running is not None:
            seconds = self._clock.monotonic() - running.started
            ended = self._health.worked(booking.endpoint, errand.operation, seconds, errand.share)
        else:
            ended = self._health.failed(booking.endpoint, errand.operation, ending.error)
        if running is not None:
            await self._tell_end(errand, running, ending, ended, fee)
        elif booking.began is not None:
            self._health.untold(booking.began)
            self._health.untold(ended)

    async def _tell_end(self, errand: Errand, running: _Running, ending: Ending, ended: HealthEvent, fee: int) -> None:
        try:
            await errand.journal.end(
                running.attempt,
                event=ended,
                billed=ending.billed,
                cost=ending.cost,
                fee_micro_usd=fee,
                error_code=ending.code,
                error_message=ending.message,
            )
        except StorageError as error:
            # Pictures that were paid for are not given up because their attempt could not be written down.
            self._health.untold(ended)
            _log.warning("end of an attempt not kept", attempt=running.attempt.id, error=error.message)

    async def _stop(self, errand: Errand, booking: _Booking, running: _Running | None, *, stopped: bool) -> Ending:
        """Asks the provider to stop a job that it accepted, and says what the interruption means for the money."""
        model = errand.endpoints[booking.endpoint].model
        job = _job(booking, running)
        sent = running.watch.sent if running else booking.job is not None
        confirmed = stopped and job is not None and await stop_job(model, job)
        return interrupted(sent=sent, free=_is_free(booking), confirmed=confirmed, stopped=stopped)


async def stop_job(model: ImageModel, job: JobHandle) -> bool:
    """Asks a provider to stop a job, where it can. True when it confirms that."""
    if not model.card.capabilities.cancel:
        return False
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            return await model.cancel(job)
    except (TriptychError, TimeoutError):
        return False


async def _tell_arrived(errand: Errand, booking: _Booking, ending: Ending) -> None:
    if booking.part.one_of_many and ending.result is not None and ending.result.images:
        await errand.tell(Arrived(booking.part.offset, booking.endpoint, ending.result))


async def _start(model: ImageModel, booking: _Booking, context: CallContext) -> ImageResult:
    request = booking.part.request.seen_by(model.card.id)
    if booking.job is not None:
        return await model.resume(booking.job, request, context)
    return await model.generate(request, context)


def _job(booking: _Booking, running: _Running | None) -> JobHandle | None:
    return running.watch.job if running else booking.job


def _is_free(booking: _Booking) -> bool:
    return booking.hold is not None and booking.hold.estimate.amount_micro_usd == 0
