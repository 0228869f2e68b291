"""Routing as values: what the policy is told, what it answers, and what a request on its way reports.

Everything that takes part in a decision is an integer, a string or a boolean, so that a decision can be computed again
anywhere with the same result.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from triptych.spec.errors import TriptychError
from triptych.spec.image import Adjustment, Billed, Cost, GeneratedImage, ImageResult, ItemFailure, Operation, Usage
from triptych.spec.model import CallEvent, JobHandle, Lane

Strategy = Literal["best", "draw", "two_choices", "thompson"]
Tie = Literal["price", "latency", "load", "nonce"]
Breaker = Literal["closed", "open", "half_open"]
LatencySource = Literal["here", "endpoint", "card"]
Reason = Literal[
    "picked", "ranked_lower", "other_model", "no_key", "disabled", "operation_unsupported", "mask_unsupported",
    "too_many_inputs", "size_unsupported", "lane_floor", "no_community", "price_cap", "unhealthy", "retired",
    "request_unsupported", "price_unknown", "policy_filter", "data_training", "data_retention", "data_region",
    "probation",
]  # fmt: skip
"""Why a candidate was picked or not. One word each; the page and the docs explain them."""
Sign = Literal["worked", "refused", "not_sent", "overloaded", "failed", "ambiguous", "empty", "answered", "none"]
"""What the end of an attempt says about the endpoint: `worked` a picture came; `refused` the next one would fail in the
same way (key, credit, model gone); `empty` a whole answer without a picture; `answered` a verdict on the request, which
shows that the endpoint works; `none` nothing, e.g. it was stopped from here; the others are failure classes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field of the endpoint or the request. With an unknown value it is false, whatever the `op`,
    but for `known`."""

    field: str
    op: str
    value: "int | bool | str | tuple[int | str, ...]"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every part holds; so it holds when there is none."""

    parts: "tuple[Filter, ...]" = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when at least one part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class NotOf:
    """Holds when its part does not."""

    part: "Filter"


Filter = Condition | AllOf | AnyOf | NotOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Points for one unit of each thing; the endpoint with the fewest points is the best. Units: micro-dollars,
    milliseconds, failures in a thousand, requests in flight, steps in the order of lanes. `taste`: points saved by one
    milli-logit of drawn taste, under `thompson` alone."""

    price: int = 0
    latency: int = 0
    failure: int = 0
    load: int = 0
    lane: int = 0
    taste: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What stands for a number that nobody knows; None puts an endpoint behind all those whose number is known. What
    was never compared has the taste 0 with the standard deviation `taste_sd`, in milli-logits: it is tried, too."""

    price_micro_usd: int | None = None
    latency_ms: int | None = None
    success_per_mille: int = 1000
    taste_sd: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Who is tried after a failure: the same model elsewhere, and another model if the user allowed one."""

    same_model: bool = True
    other_models: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often one endpoint is tried, and the longest wait for it in seconds."""

    max_attempts: int = 3
    wait_limit_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What the router takes for itself of each call that was billed: `per_mille` thousandths of the charge, and
    `per_request_micro_usd` besides."""

    per_mille: int = 0
    per_request_micro_usd: int = 0

    def on(self, amount_micro_usd: int | None) -> int:
        """The fee of one call in whole micro-dollars, rounded down. A call that costs nothing has none; of one whose
        charge nobody knows there is the part per request alone."""
        if amount_micro_usd == 0:
            return 0
        return (amount_micro_usd or 0) * self.per_mille // 1000 + self.per_request_micro_usd


NO_FEES = Fees()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """A request that takes longer than `after` of its endpoint is sent to another one that serves the same model, `most`
    times, for no more than `extra_micro_usd` in all; the first picture counts. Only where the user asked for it."""

    after: Literal["p95"] = "p95"
    most: int = 1
    extra_micro_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A published rule set: with a snapshot, features and a nonce it says all that decides. `catalogue` is the hash of
    the cards it is used with, None in a policy that is not active."""

    name: str
    summary: str = ""
    filters: Filter = AllOf()
    strategy: Strategy = "best"
    draw_power: int = 1
    weights: Weights = Weights()
    assumed: Assumed = Assumed()
    tie_break: tuple[Tie, ...] = ("nonce",)
    fallback: Fallback = Fallback()
    retry: Retry = Retry()
    fees: Fees = Fees()
    hedge: Hedge | None = None
    catalogue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a decision may know of a request. Never the prompt."""

    model: str  # "auto", a family, or provider/model
    operation: Operation
    n: int = 1
    megapixels_x100: int = 100
    quality: str = "auto"
    input_images: int = 0
    mask: bool = False
    lane_floor: Lane | None = None
    max_price_micro_usd: int | None = None
    other_models: bool = False  # the user allowed another model after a failure
    no_training: bool = False  # only where what is sent is not trained on
    max_retention_days: int | None = None  # 0: only where nothing is kept
    regions: tuple[str, ...] = ()  # only where it is handled in one of these; empty for anywhere
    no_community: bool = False  # not in the lane `community`, which the order of lanes alone cannot leave out


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What the user asks of whoever is sent the prompt; an endpoint whose card does not say so is out. `no_community`: and nobody
    in the lane `community`."""

    no_training: bool = False
    max_retention_days: int | None = None
    regions: tuple[str, ...] = ()
    no_community: bool = False


NO_FLOORS = Floors()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """One endpoint at the moment of a decision. `price_micro_usd` is for these features; None when unknown. Latencies
    are for this size and quality where they were measured (`here`), else for the endpoint, else what its card says."""

    endpoint: str
    family: str
    lane: Lane
    ready: bool
    enabled: bool = True
    is_ai: bool = True
    supports: tuple[Reason, ...] = ()  # reasons for which this request cannot be served here; empty when it can
    price_micro_usd: int | None = None
    latency_ms: int | None = None
    latency_from: LatencySource | None = None
    p95_ms: int | None = None
    peak_ms: int | None = None  # jumps up with each slow answer and comes down slowly
    success_per_mille: int | None = None
    in_flight: int = 0  # or waiting for their turn
    breaker: Breaker = "closed"
    open_until_ms: int | None = None  # wall time: not called before, by the breaker or by the provider's own word
    training: Literal["no", "yes"] | None = None  # whether what is sent is trained on, by the card; None: not known
    retention_days: int | None = None
    region: str | None = None
    taste: int | None = None  # strength in the user's own side-by-side picks, in milli-logits; None: never compared
    taste_sd: int | None = None  # its standard deviation, in milli-logits; None: that of what was never compared
    newcomer: int | None = None  # on probation: jobs from here that its owner has in hand; None: it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All endpoints at one moment, in milliseconds of wall time. `operation` and `share` say for which requests the
    latencies hold; `events` is the number of the last event of `epoch` (one start of the router) that was seen, so that
    the numbers can be worked out again from the outcomes in the log. Empty in snapshots from before there were events."""

    taken_ms: int
    endpoints: tuple[EndpointState, ...]
    operation: Operation | None = None
    share: str = ""
    epoch: str = ""
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One endpoint and what became of it. `rank` is 0 for the first choice, -1 when out of the question."""

    endpoint: str
    rank: int
    reason: Reason
    price_micro_usd: int | None = None
    latency_ms: int | None = None
    points: int | None = None  # by the policy's weights, fewest first; below 0 by taste; None when out
    detail: str | None = None  # which of the policy's filters, as a path
    taste: int | None = None  # the taste that was drawn under `thompson`, in milli-logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which endpoints are tried, in which order, and why each other one is not. `policy` is the name of the policy."""

    id: str
    policy: str
    nonce: str
    features: Features
    taken_ms: int
    candidates: tuple[Candidate, ...]
    policy_id: str = ""  # SHA-256 of the policy and the snapshot; empty in decisions from before there were any
    snapshot_id: str = ""
    nonce_from: Literal["client", "router"] = "router"

    @property
    def order(self) -> tuple[str, ...]:
        """Endpoints to try, best first."""
        return tuple(c.endpoint for c in sorted(self.candidates, key=lambda c: c.rank) if c.rank >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one endpoint. From `epoch` on: its two events, as what is known of the endpoint is counted from them
    (`triptych.router.fold`); empty in attempts from before there were events."""

    id: str
    number: int
    endpoint: str
    started_ms: int
    ended_ms: int | None = None
    outcome: Literal["running", "done", "failed"] = "running"
    error_code: str | None = None
    error_message: str | None = None
    billed: Billed = "no"
    cost: Cost | None = None
    hedge: bool = False  # sent beside one that takes long
    epoch: str = ""
    operation: Operation | None = None
    share: str = ""  # size and quality, as latency is measured by
    began: int = 0  # the number of the event
    began_ms: int = 0  # the event's time; earlier than `started_ms` when it had to wait for its turn
    ended: int | None = None
    sign: Sign | None = None
    took_ms: int | None = None
    retry_after_ms: int | None = None  # the provider's own word
    offset: int = 0  # it is to make `count` pictures of the request, from this one on
    count: int = 0
    reservation: str = ""  # of the ledger; empty where nothing was held
    fee_micro_usd: int = 0  # booked beside `cost`; by the estimate where the bill is not known
    job: JobHandle | None = None  # of an earlier attempt, which this one goes on with and takes the place of


@dataclass(frozen=True, slots=True)
class Leg:
    """A job from before a restart that is gone on with: `count` pictures from `offset` on, paid from `reservation`. In
    records that do not say so, `count` is 0: as many as one call makes, from the first on."""

    job: JobHandle
    offset: int = 0
    count: int = 0
    reservation: str = ""


# What a routed request tells its caller, in order.


@dataclass(frozen=True, slots=True)
class Decided:
    decision: Decision


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    attempt: Attempt

    @property
    def hedge(self) -> bool:
        """Whether it is sent beside one that takes long."""
        return self.attempt.hedge


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    attempt_id: str
    event: CallEvent


@dataclass(frozen=True, slots=True)
class Waiting:
    """A retry is due in `seconds`; `error` is why the last attempt did not work."""

    seconds: float
    attempt: int
    of: int
    error: TriptychError


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Arrived:
    """Pictures of one of several calls, from position `offset` of the request on, while others may still be out. They
    come again in the RoutedResult, and may be told twice."""

    offset: int
    endpoint: str
    result: ImageResult


RouteEvent = Decided | AttemptStarted | AttemptEvent | Waiting | AttemptEnded | Arrived
Tell = Callable[[RouteEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedResult:
    """The answer to a routed request: pictures of one or more calls to one endpoint, and how they came about."""

    endpoint: str
    model_served: str
    lane: Lane
    images: tuple[GeneratedImage, ...]
    adjustments: tuple[Adjustment, ...]
    failures: tuple[ItemFailure, ...]
    usage: Usage
    cost: Cost
    billed: Billed
    attempts: tuple[Attempt, ...]
    decisions: tuple[str, ...] = field(default=())
