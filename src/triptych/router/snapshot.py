"""All endpoints as a decision sees them, for one request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from triptych.router.data_policy import DataPolicy, data_policy
from triptych.router.decide import distance, other_models
from triptych.router.fold import EndpointHealth
from triptych.router.health import Health
from triptych.router.latency import share_of
from triptych.router.parts import price_of
from triptych.router.price import Price
from triptych.router.registry import Endpoint
from triptych.router.sealed import Sealed, seal
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Adjustment, ImageRequest, Operation
from triptych.spec.model import Lane, ModelCard
from triptych.spec.replacing import replace
from triptych.spec.routing import EndpointState, Features, LatencySource, Policy, Reason, Snapshot

_SIZE_FIELDS = frozenset({"size", "aspect_ratio", "resolution"})
Liking = Mapping[str, tuple[int, int]]
"""By model family: how much the user likes it and how sure that is, as strength and standard deviation in milli-logits."""
NO_LIKING: Liking = {}
Taste = Callable[[Operation], Liking]
"""What is known of the user's taste now, for one kind of task."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A snapshot with its hash, the endpoints it is of, what each would make of the request, and in the models' own words why
    they cannot serve it."""

    snapshot: Snapshot
    sealed: Sealed
    endpoints: Mapping[str, Endpoint]
    refusals: Mapping[str, BadRequestError]
    adjustments: Mapping[str, tuple[Adjustment, ...]]


def in_question(endpoints: Mapping[str, Endpoint], features: Features, policy: Policy) -> Mapping[str, Endpoint]:
    """Those that a decision looks at: all others are left out as another model."""
    if other_models(policy, features):
        return endpoints
    if features.model in endpoints:
        return {features.model: endpoints[features.model]}
    return {
        name: endpoint
        for name, endpoint in endpoints.items()
        if not distance(features.model, name, endpoint.model.card.family, None)
    }


def take(
    endpoints: Mapping[str, Endpoint],
    request: ImageRequest,
    features: Features,
    policy: Policy,
    *,
    health: Health,
    price: Price,
    taken_ms: int,
    liking: Liking = NO_LIKING,
) -> Sight:
    """Looks at every endpoint at `taken_ms`, a moment of `health.now_ms`. Of those that are left out as another model only
    name, family and lane are noted."""
    share = share_of(features.megapixels_x100, features.quality)
    looked_at = in_question(endpoints, features, policy)
    states: list[EndpointState] = []
    refusals: dict[str, BadRequestError] = {}
    planned: dict[str, tuple[Adjustment, ...]] = {}
    newcomers = _in_hand(endpoints, health)
    for name, endpoint in endpoints.items():
        card = endpoint.model.card
        if name not in looked_at:
            states.append(_elsewhere(name, card.family, card.lane))
            continue
        planned[name], refusal = _plan(endpoint, request)
        supports = _supports(card, request, planned[name], refusal, pinned=features.model == name, taken_ms=taken_ms)
        if refusal is not None:
            refusals[name] = refusal
        cost = None if supports else price_of(card, request, price).amount_micro_usd
        seen = health.state(name, features.operation, share, taken_ms)
        state = _state(endpoint, supports, cost, seen, liking.get(card.family, (None, None)))
        states.append(replace(state, newcomer=newcomers[endpoint.newcomer]) if endpoint.newcomer else state)
    snapshot = Snapshot(
        taken_ms=taken_ms, endpoints=tuple(states),
        operation=features.operation, share=share, epoch=health.epoch, events=health.events,
    )  # fmt: skip
    return Sight(snapshot, seal(snapshot), dict(endpoints), refusals, planned)


def _in_hand(endpoints: Mapping[str, Endpoint], health: Health) -> Mapping[str, int]:
    """By newcomer, how many jobs from here it has in hand, whichever of its endpoints they are at."""
    owned: dict[str, set[str]] = {}
    for name, endpoint in endpoints.items():
        if endpoint.newcomer:
            owned.setdefault(endpoint.newcomer, set()).add(name)
    return {newcomer: health.under_way(names) for newcomer, names in owned.items()}


@lru_cache(maxsize=512)
def _elsewhere(name: str, family: str, lane: Lane) -> EndpointState:
    """An endpoint of another model than was asked for: the same one in every snapshot."""
    return EndpointState(endpoint=name, family=family, lane=lane, ready=False)


def _state(
    endpoint: Endpoint,
    supports: tuple[Reason, ...],
    price_micro_usd: int | None,
    seen: EndpointHealth,
    liked: tuple[int | None, int | None],
) -> EndpointState:
    card = endpoint.model.card
    data: DataPolicy = data_policy(card)
    typical = _typical_ms(card)
    source: LatencySource | None = "card" if typical is not None else None
    if seen.latency_ms is not None:
        source = "here" if seen.here else "endpoint"
    return EndpointState(
        endpoint=card.id,
        family=card.family,
        lane=card.lane,
        ready=endpoint.ready,
        enabled=endpoint.enabled,
        is_ai=card.is_ai,
        supports=supports,
        price_micro_usd=price_micro_usd,
        latency_ms=seen.latency_ms if seen.latency_ms is not None else typical,
        latency_from=source,
        p95_ms=seen.p95_ms,
        peak_ms=seen.peak_ms,
        success_per_mille=seen.success_per_mille,
        in_flight=seen.in_flight,
        breaker=seen.breaker,
        open_until_ms=seen.open_until_ms,
        training=data.training,
        retention_days=data.retention_days,
        region=data.region,
        taste=liked[0],
        taste_sd=liked[1],
    )


def _typical_ms(card: ModelCard) -> int | None:
    return card.typical_seconds[0] * 1000 if card.typical_seconds else None


def _supports(
    card: ModelCard,
    request: ImageRequest,
    adjustments: tuple[Adjustment, ...],
    refusal: BadRequestError | None,
    *,
    pinned: bool,
    taken_ms: int,
) -> tuple[Reason, ...]:
    """The reasons for which a request cannot be served at an endpoint, after what the model itself made of it."""
    caps = card.capabilities
    # Too many pictures do not exclude a model that was named itself: it says in its adjustments which are left out.
    crowded = len(request.images) > caps.max_input_images and (not pinned or caps.max_input_images == 0)
    served = {a.feature for a in adjustments if a.kind != "unsupported"}
    today = datetime.fromtimestamp(taken_ms // 1000, UTC).date().isoformat()
    rules: tuple[tuple[bool, Reason], ...] = (
        (card.retires is not None and card.retires <= today, "retired"),
        (request.operation not in caps.operations, "operation_unsupported"),
        (request.mask is not None and not caps.mask and "mask" not in served, "mask_unsupported"),
        (crowded, "too_many_inputs"),
    )
    reasons = [reason for applies, reason in rules if applies]
    if refusal is not None and not reasons:
        reasons.append(_reason_for(refusal))
    return tuple(reasons)


def _plan(endpoint: Endpoint, request: ImageRequest) -> tuple[tuple[Adjustment, ...], BadRequestError | None]:
    per_call = max(1, endpoint.model.card.capabilities.max_images_per_call)
    try:
        return endpoint.model.plan(replace(request, n=min(request.n, per_call)).seen_by(endpoint.model.card.id)), None
    except BadRequestError as refusal:
        return (), refusal


def _reason_for(refusal: BadRequestError) -> Reason:
    if refusal.param in _SIZE_FIELDS:
        return "size_unsupported"
    return "mask_unsupported" if refusal.param == "mask" else "request_unsupported"
