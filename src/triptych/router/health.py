"""How endpoints are doing, from what happened to the requests sent to them: latency, success, breakers, retry tokens.

Every begin and end of an attempt is an event with a number; what is known is counted from the events (`triptych.router.fold`),
here as they happen and by anybody else from the receipts. It begins anew with each start, from the stored attempts on.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from triptych.router.fold import EndpointHealth, EventKind, Fold, HealthEvent, HealthRules, Record, sign_of
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError
from triptych.spec.ids import new_id
from triptych.spec.image import Operation
from triptych.spec.replacing import replace
from triptych.spec.routing import Breaker

Light = Literal["green", "grey", "amber", "red"]
"""Grey: too few to tell."""
Publish = Callable[[str, HealthEvent], None]
"""Takes an epoch and an event that no attempt will tell of."""
_ENOUGH = 3  # pictures, before a duration measured here stands for the card's own
_FOR_P95 = 20
_FOR_P90 = 10  # pictures, before one can be called slower than usual: one in ten is
_IN_A_ROW = 2  # failures that a light tells of, also where there are too few attempts for more


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The state of an endpoint and operation for people: a light and a sentence. `reason` is the code of the last
    failure, None when it worked since; `until_ms` is when it may be called again."""

    endpoint: str
    operation: Operation
    state: Light
    sentence: str
    latency_ms: int | None
    success_per_mille: int | None
    in_flight: int
    until_ms: int | None
    p95_ms: int | None = None
    peak_ms: int | None = None
    breaker: Breaker = "closed"
    reason: str | None = None
    retry_tokens_tenths: int = 100
    retries_paused: bool = False


class Health:
    """Everything the router knows of its endpoints' health. One per process. `epoch` names this start of it."""

    def __init__(self, clock: Clock, rules: HealthRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or HealthRules()
        self._fold = Fold(self._rules)
        self._errors: dict[tuple[str, Operation], TriptychError] = {}
        self._wall = self._time = clock.now_ms()
        self._publish: Publish | None = None
        self._untold: list[HealthEvent] = []
        self._used = False
        self.epoch = new_id("epo", self._wall)
        self.events = 0
        """The number of the last event."""

    def now_ms(self) -> int:
        """Wall time as events and snapshots have it. It never goes back: when the machine's clock is set back, it goes on
        from where it was. Otherwise a stranger, who has nothing but the events, could not tell how long anything lasted."""
        wall = self._clock.now_ms()
        self._time += max(0, wall - self._wall)
        self._wall = wall
        return self._time

    def publish_to(self, publish: Publish) -> None:
        """From now on `publish` is told of every event that no attempt tells of, and of those so far; but not before
        there is an attempt in this epoch: without one there is nothing to count."""
        self._publish = publish
        self._tell()

    def untold(self, event: HealthEvent) -> None:
        """Publishes an event of an attempt that will not be kept."""
        self._untold.append(event)
        self._tell()

    def _tell(self) -> None:
        if self._publish is not None and self._used:
            events, self._untold = self._untold, []
            for event in events:
                self._publish(self.epoch, event)

    def seed(self, endpoint: str, operation: Operation, samples: Iterable[tuple[int, bool]]) -> None:
        """Takes over stored attempts, (milliseconds, worked), newest first."""
        self.untold(self._count("seeded", endpoint, operation, samples=tuple(samples)))

    def begin(self, endpoint: str, operation: Operation) -> HealthEvent:
        """A request is on its way, or waits for its turn. The first one after a cooldown is the probe."""
        event = self._count("began", endpoint, operation)
        if not self._used:
            self._used = True
            self._tell()
        return event

    def worked(self, endpoint: str, operation: Operation, seconds: float, share: str = "") -> HealthEvent:
        """It brought a picture; `share` is its size and quality."""
        took_ms = round(seconds * 1000)
        return self._count("ended", endpoint, operation, sign="worked", took_ms=took_ms, share=share)

    def failed(self, endpoint: str, operation: Operation, error: TriptychError | None) -> HealthEvent:
        """It did not; None when it was stopped from here, which says nothing about the endpoint."""
        hint = None if error is None or error.retry_after_s is None else _milliseconds(error.retry_after_s)
        event = self._count("ended", endpoint, operation, sign=sign_of(error), retry_after_ms=hint)
        if error is not None and sign_of(error) not in {"none", "answered"}:
            self._errors[endpoint, operation] = error
        return event

    def may_retry(self, endpoint: str) -> bool:
        """Whether an endpoint has tokens left for trying again."""
        return self._fold.tokens(endpoint) * 2 > self._rules.full_tokens

    def state(self, endpoint: str, operation: Operation, share: str = "", at_ms: int | None = None) -> EndpointHealth:
        """What a decision is told; `share` is the size and quality it is about, `at_ms` the moment, else now."""
        return self._fold.project(endpoint, operation, share, self.now_ms() if at_ms is None else at_ms)

    def p95_ms(self, endpoint: str, operation: Operation, share: str) -> int | None:
        """What 95 of 100 stay below at this size and quality, else at the endpoint; None before there are enough to
        tell one in twenty."""
        record = self._fold.records.get((endpoint, operation))
        if record is None:
            return None
        now = self.now_ms()
        found = (record.measured(share, now), record.latency.measured(now))
        return next((seen.p95_ms for seen in found if seen is not None and seen.samples >= _FOR_P95), None)

    def typical_seconds(self, endpoint: str) -> tuple[int, int] | None:
        """p50 and p90 of what was measured here, rounded up to whole seconds; None before there is enough to tell."""
        measured = sorted(self._measured(endpoint))
        if len(measured) < _ENOUGH:
            return None
        p50, p90 = (measured[min(len(measured) - 1, len(measured) * part // 100)] for part in (50, 90))
        return -(-p50 // 1000), -(-p90 // 1000)

    def knows_slow(self, endpoint: str) -> bool:
        """Whether enough was measured here to call a picture slower than usual."""
        return len(self._measured(endpoint)) >= _FOR_P90

    def _measured(self, endpoint: str) -> list[int]:
        records = [self._fold.records.get((endpoint, operation)) for operation in get_args(Operation)]
        return [took_ms for record in records if record for took_ms in record.latency.durations]

    def wait_s(self, endpoint: str, operation: Operation) -> float:
        """Seconds until the endpoint may be called again; 0 when it may be called now."""
        record = self._fold.records.get((endpoint, operation))
        return self._wait_ms(record) / 1000 if record else 0.0

    def last_error(self, endpoint: str, operation: Operation) -> TriptychError | None:
        """What the endpoint's last failure was, None when it has had none since it last worked."""
        record = self._fold.records.get((endpoint, operation))
        return self._errors.get((endpoint, operation)) if record and record.troubled else None

    def under_way(self, endpoints: Collection[str]) -> int:
        """How many requests are under way at these, or wait for their turn there."""
        return sum(record.in_flight for (name, _), record in self._fold.records.items() if name in endpoints)

    def allow_probe(self, endpoint: str, operation: Operation) -> None:
        """Ends a cooldown early: the next request is the probe."""
        if (endpoint, operation) in self._fold.records:
            self.untold(self._count("probed", endpoint, operation))

    def forget(self, endpoint: str) -> None:
        """Closes the breakers of an endpoint, e.g. because its key was changed. Latency and in-flight stay."""
        if any(name == endpoint for name, _ in self._fold.records):
            self.untold(self._count("forgiven", endpoint, None))

    def view(self) -> tuple[HealthView, ...]:
        """Everything that was ever called or seeded, in order of name."""
        return tuple(self._view(name, operation) for name, operation in sorted(self._fold.records))

    def _count(self, kind: EventKind, endpoint: str, operation: Operation | None, **more: Any) -> HealthEvent:
        self.events += 1
        bare = HealthEvent(number=self.events, at_ms=self.now_ms(), kind=kind, endpoint=endpoint, operation=operation)
        event = replace(bare, **more)
        self._fold.apply(event)
        return event

    def _view(self, name: str, operation: Operation) -> HealthView:
        seen = self.state(name, operation)
        light, sentence = self._words(name, operation, seen)
        error = self.last_error(name, operation)
        return HealthView(
            endpoint=name,
            operation=operation,
            state=light,
            sentence=sentence,
            latency_ms=seen.latency_ms,
            success_per_mille=seen.success_per_mille,
            in_flight=seen.in_flight,
            until_ms=seen.open_until_ms,
            p95_ms=seen.p95_ms,
            peak_ms=seen.peak_ms,
            breaker=seen.breaker,
            reason=error.code if error else None,
            retry_tokens_tenths=self._fold.tokens(name),
            retries_paused=not self.may_retry(name),
        )

    def _words(self, name: str, operation: Operation, seen: EndpointHealth) -> tuple[Light, str]:
        record = self._fold.records[name, operation]
        wait = -(-self._wait_ms(record) // 1000)
        error = self.last_error(name, operation)
        why = f" Last: {error.message}" if error else ""
        if record.open_until is not None:
            if wait > 0 and not record.probing:
                return "red", f"Not called for another {wait} s after failures.{why}"
            return "amber", f"Being tried again after failures.{why}"
        if wait > 0:
            return "amber", f"Asked us to slow down: free again in {wait} s.{why}"
        return self._worked(record, seen, why)

    def _worked(self, record: Record, seen: EndpointHealth, why: str) -> tuple[Light, str]:
        """The light of an endpoint that may be called: it follows the share that worked."""
        if not record.outcomes:
            return "grey", "Not used yet."
        good, total = sum(record.outcomes), len(record.outcomes)
        counted = f"{good} of the last {total} worked."
        share = seen.success_per_mille
        if total < self._rules.amber_from_samples:
            if total >= _IN_A_ROW and not any(tuple(record.outcomes)[-_IN_A_ROW:]):
                return "amber", f"Failing: {counted}{why}"
            return "grey", f"Too few to tell: {counted}"
        if share is not None and share < self._rules.amber_below_per_mille:
            return "amber", f"Unreliable: {counted}{why}"
        usual = f"Takes about {_seconds(seen.latency_ms)}; " if seen.latency_ms is not None else ""
        return "green", f"{usual}{counted}"

    def _wait_ms(self, record: Record) -> int:
        now = self.now_ms()
        return max(0, record.free_at(now) - now)


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, rounded up, of what a provider said: at most a day."""
    return math.ceil(min(max(0.0, seconds), 86_400.0) * 1000)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 10_000 else f"{round(milliseconds / 1000)} s"
