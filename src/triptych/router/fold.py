"""What is known of the endpoints, counted from numbered events: latency, success, breakers, load, retry tokens.

    event, event, event ─▶ Fold.apply ─▶ Fold.project(endpoint, operation, share, moment)

The router counts its own attempts with it as they happen, and whoever reads the log counts the same attempts from the
receipts (`triptych.router.derive`): one set of rules, whole numbers only, no clock. So both get the same to the integer.

Events are numbered from 1 within an *epoch*, one start of a router, and their times never go back. The rules, by kind:

- `began`: one more is in flight. The first one after a cooldown is the probe.
- `ended`: one fewer is in flight, and no probe is out. Then by its sign: `worked` adds a success and a duration (to the
  endpoint's latency and to that of its size and quality), gives a token back and closes the breaker. `refused` opens it.
  `not_sent`, `overloaded`, `failed`, `ambiguous` add a failure, take tokens (`not_sent` takes none), and several in a row,
  or one while it is not closed, open the breaker; but one that is overloaded and says for how long is only left alone for
  that time. `empty` closes a breaker that is not closed, else it is as `failed`. `answered` closes it. `none` is nothing.
- `seeded`: durations and successes from before this epoch.
- `probed`: a person or a request ends a cooldown early. `forgiven`: all breakers of an endpoint are closed, its tokens
  are full, e.g. because its key was changed.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from triptych.router.latency import SHARES, Latency, Measured
from triptych.spec.errors import AuthError, BillingError, ModelUnavailableError, TriptychError
from triptych.spec.image import Operation
from triptych.spec.routing import Breaker, Sign

EventKind = Literal["began", "ended", "seeded", "probed", "forgiven"]
PROBE_MS = 2000  # while one request finds out, the others look again soon
_HARD = (AuthError, BillingError, ModelUnavailableError)  # the next request fails in the same way
_SICK: frozenset[Sign] = frozenset({"not_sent", "overloaded", "failed", "ambiguous"})
_ENOUGH = 3  # pictures of a size and quality, before their durations stand for the endpoint's


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """When a breaker opens and for how long, and when retries pause. Milliseconds; the cooldown doubles with each failed
    probe up to the longest. Tokens are counted in tenths, as gRPC's retry throttling has it (proposal A6): a failure
    takes ten, a success gives one back, and at half or less nothing is tried again."""

    failures_to_open: int = 5
    cooldown_ms: int = 30_000
    hard_cooldown_ms: int = 15_000
    longest_cooldown_ms: int = 600_000
    longest_limit_ms: int = 3_600_000
    window: int = 50
    weight_per_cent: int = 30  # of the newest latency in the average
    amber_below_per_mille: int = 800
    amber_from_samples: int = 5
    full_tokens: int = 100
    failure_tokens: int = 10
    success_tokens: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """One thing that happened at `at_ms`, wall time that never goes back. `operation` is None when it is about all of
    them; `share`, `sign`, `took_ms` and `retry_after_ms` (the provider's own word) are an end's; `samples` are those of
    `seeded`: (milliseconds, worked), newest first."""

    number: int
    at_ms: int
    kind: EventKind
    endpoint: str
    operation: Operation | None = None
    share: str = ""
    sign: Sign | None = None
    took_ms: int | None = None
    retry_after_ms: int | None = None
    samples: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """One endpoint and operation at a moment. `open_until_ms` is wall time: not to be called before. `here` says that
    the latencies are for the size and quality that was asked about. `in_flight` counts those who wait for their turn."""

    latency_ms: int | None = None
    p95_ms: int | None = None
    peak_ms: int | None = None
    here: bool = False
    success_per_mille: int | None = None
    in_flight: int = 0
    breaker: Breaker = "closed"
    open_until_ms: int | None = None


def sign_of(error: TriptychError | None) -> Sign:
    """What an error says about the endpoint; None when it was stopped from here."""
    if error is None:
        return "none"
    if isinstance(error, _HARD):
        return "refused"
    if error.failure == "failed":
        return "empty" if error.status == 200 else "failed"
    if error.failure in {"not_sent", "overloaded", "ambiguous"}:
        return error.failure
    return "answered" if error.failure == "blocked" or error.status is not None else "none"


class Record:
    """What is known of one endpoint and operation. Times are wall milliseconds."""

    def __init__(self, rules: HealthRules) -> None:
        self._rules = rules
        self.latency = self._stopwatch()
        self._shares: dict[str, Latency] = {}  # the same by size and quality
        self.outcomes: deque[bool] = deque(maxlen=rules.window)
        self.in_flight = 0
        self.row = 0  # failures one after the other
        self.open_until: int | None = None  # None: the breaker is closed
        self.cooldown = 0
        self.probing = False
        self.limited_until = 0
        self.troubled = False  # since the last failure nothing showed that it works

    def success_per_mille(self) -> int | None:
        return sum(self.outcomes) * 1000 // len(self.outcomes) if self.outcomes else None

    def free_at(self, now_ms: int) -> int:
        """From when on it may be called; not later than now when it may be called now."""
        if self.open_until is None:
            return self.limited_until
        return max(self.limited_until, self.open_until, now_ms + PROBE_MS if self.probing else 0)

    def breaker(self, now_ms: int) -> Breaker:
        if self.open_until is None:
            return "closed"
        return "open" if self.probing or now_ms < self.open_until else "half_open"

    def measured(self, share: str, now_ms: int) -> Measured | None:
        """What was measured for a size and quality, once there is enough to tell."""
        apart = self._shares.get(share)
        seen = apart.measured(now_ms) if apart is not None else None
        return seen if seen is not None and seen.samples >= _ENOUGH else None

    def add(self, took_ms: int, share: str, now_ms: int) -> None:
        self.latency.add(took_ms, now_ms)
        if not share:
            return
        if share not in self._shares and len(self._shares) < SHARES:
            self._shares[share] = self._stopwatch()
        if share in self._shares:
            self._shares[share].add(took_ms, now_ms)

    def open(self, cooldown: int, now_ms: int) -> None:
        if self.open_until is not None and self.open_until > now_ms:
            return  # a request from before it opened came back; it tells nothing new
        self.cooldown = min(max(cooldown, self.cooldown * 2), self._rules.longest_cooldown_ms)
        self.open_until = now_ms + self.cooldown

    def close(self) -> None:
        self.row = 0
        self.open_until = None
        self.cooldown = 0
        self.troubled = False

    def _stopwatch(self) -> Latency:
        return Latency(self._rules.window, self._rules.weight_per_cent)


class Fold:
    """The state after some events."""

    def __init__(self, rules: HealthRules) -> None:
        self.rules = rules
        self.records: dict[tuple[str, Operation], Record] = {}
        self._tokens: dict[str, int] = {}  # of each endpoint, in tenths, for all its operations

    def apply(self, event: HealthEvent) -> None:
        """Counts one more event; they are given in the order of their numbers."""
        if event.operation is None:
            self._forgive(event.endpoint)
            return
        record = self._record(event.endpoint, event.operation)
        match event.kind:
            case "began":
                record.in_flight += 1
                record.probing |= record.open_until is not None and event.at_ms >= record.open_until
            case "ended":
                record.in_flight = max(0, record.in_flight - 1)
                record.probing = False
                self._ended(record, event)
            case "seeded":
                for took_ms, worked in reversed(event.samples):
                    record.outcomes.append(worked)
                    if worked:
                        record.latency.add(took_ms, event.at_ms)
            case "probed":
                record.limited_until = event.at_ms
                record.probing = False
                record.open_until = None if record.open_until is None else event.at_ms
            case "forgiven":
                self._forgive(event.endpoint)

    def project(self, endpoint: str, operation: Operation, share: str, now_ms: int) -> EndpointHealth:
        """What a snapshot taken at `now_ms` says for requests of this operation, size and quality."""
        record = self.records.get((endpoint, operation))
        if record is None:
            return EndpointHealth()
        free_at = record.free_at(now_ms)
        apart = record.measured(share, now_ms)
        seen = apart or record.latency.measured(now_ms)
        return EndpointHealth(
            latency_ms=seen.usual_ms if seen else None,
            p95_ms=seen.p95_ms if seen else None,
            peak_ms=seen.peak_ms if seen else None,
            here=apart is not None,
            success_per_mille=record.success_per_mille(),
            in_flight=record.in_flight,
            breaker=record.breaker(now_ms),
            open_until_ms=free_at if free_at > now_ms else None,
        )

    def tokens(self, endpoint: str) -> int:
        """Retry tokens left, in tenths."""
        return self._tokens.get(endpoint, self.rules.full_tokens)

    def _record(self, endpoint: str, operation: Operation) -> Record:
        key = (endpoint, operation)
        if key not in self.records:
            self.records[key] = Record(self.rules)
        return self.records[key]

    def _ended(self, record: Record, event: HealthEvent) -> None:
        sign = event.sign
        if sign == "empty":
            # To a probe a whole answer says that the endpoint works: it is about this prompt.
            sign = "failed" if record.open_until is None else "answered"
        if sign == "worked":
            record.outcomes.append(True)
            record.add(event.took_ms or 0, event.share, event.at_ms)
            self._pay(event.endpoint, self.rules.success_tokens)
            record.close()
        elif sign == "answered":
            record.close()
        elif sign == "refused":
            record.troubled = True
            record.open(self.rules.hard_cooldown_ms, event.at_ms)
        elif sign in _SICK:
            if sign != "not_sent":  # what never left may be tried again freely
                self._pay(event.endpoint, -self.rules.failure_tokens)
            self._sicken(record, event)

    def _sicken(self, record: Record, event: HealthEvent) -> None:
        record.troubled = True
        record.outcomes.append(False)
        if event.sign == "overloaded" and event.retry_after_ms is not None:
            # It works and says when: the hint is kept instead of counting towards the breaker.
            hint = min(event.retry_after_ms, self.rules.longest_limit_ms)
            record.limited_until = max(record.limited_until, event.at_ms + hint)
        else:
            record.row += 1
        if record.open_until is not None or record.row >= self.rules.failures_to_open:
            record.open(self.rules.cooldown_ms, event.at_ms)

    def _pay(self, endpoint: str, tokens: int) -> None:
        self._tokens[endpoint] = min(self.rules.full_tokens, max(0, self.tokens(endpoint) + tokens))

    def _forgive(self, endpoint: str) -> None:
        self._tokens.pop(endpoint, None)
        for (name, _), record in self.records.items():
            if name == endpoint:
                record.close()
                record.limited_until = 0
