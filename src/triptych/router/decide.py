"""The decision: a pure function of policy, snapshot, features and nonce. No clock, no I/O, no floats.

The rules, in the order in which they apply:

1. A model written as `provider/model` is that endpoint and no other; a family is every endpoint that serves it; `auto`
   is every endpoint. Other models take part only when the user allowed it, and come last.
2. An endpoint is out when it cannot serve the request, is below the lane floor, in the lane that is left out, or below one of the data floors, is switched
   off, has no key, costs more than the limit (or nobody knows what it costs while there is a limit), does not pass the
   policy's filters, or is not to be called yet. The first of these is its reason.
3. The rest are ordered in groups: what was asked for, the same model elsewhere, other models; under `auto` what is not
   an AI model last; newcomers, which are on probation, behind all others of the same kind, but in one decision of
   twenty, which the nonce draws for all of them together; a newcomer that has a job from here in hand behind those, unless
   it was asked for by its own name; what has an unknown number that the policy weighs and assumes nothing for, last.
4. Within a group by the policy's strategy: fewest points; a draw with more luck for fewer points; the better of two
   endpoints drawn at random; or fewest points after a draw of each one's taste. Equal ones by the policy's tie-breaks, of which the last is the nonce, so that nobody
   stands in front by rule.
5. Without fallback only the first is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from triptych.router.bundle import policy_id as id_of_policy
from triptych.router.draw import HASH_BITS, chance, deviate, race
from triptych.router.filters import failing
from triptych.router.sealed import seal
from triptych.spec.model import LANES
from triptych.spec.routing import Candidate, Decision, EndpointState, Features, Policy, Reason, Snapshot, Tie

AUTO = "auto"
FULL_WEIGHT = 1 << 40  # of the endpoint with the fewest points in a draw
NEWCOMERS, ONE_OF = "newcomers", 20  # decisions in which newcomers stand among the others
_Group = tuple[int, bool, int, int]


@dataclass(frozen=True, slots=True)
class _Runner:
    """An endpoint that can be picked. `group` comes before points, `draw` is its number in every draw of this nonce."""

    state: EndpointState
    group: _Group
    points: int
    draw: int
    taste: int | None


def distance(model: str, endpoint: str, family: str, pinned_family: str | None) -> int:
    """How far an endpoint is from what was asked for: 0 it is that, 1 the same model elsewhere, 2 another model.
    `pinned_family` is the family of the endpoint that `model` names exactly, None when it names none."""
    if pinned_family is not None:
        return 0 if endpoint == model else 1 if family == pinned_family else 2
    return 0 if model in {AUTO, family} else 2


def other_models(policy: Policy, features: Features) -> bool:
    """Whether another model may stand in: both the user and the policy have to allow it."""
    return features.other_models and policy.fallback.other_models


def decide(
    policy: Policy,
    snapshot: Snapshot,
    features: Features,
    nonce: str,
    *,
    decision_id: str = "",
    snapshot_id: str | None = None,
) -> Decision:
    """Orders all endpoints of the snapshot; each of them is in the answer once, with the reason for its place.
    `decision_id` is only a name. `snapshot_id` is for who has computed it already."""
    pinned_family = next((e.family for e in snapshot.endpoints if e.endpoint == features.model), None)
    others = other_models(policy, features)
    name = id_of_policy(policy)
    out: list[Candidate] = []
    able: list[_Runner] = []
    let_in = chance(name, nonce, NEWCOMERS) < (1 << HASH_BITS) // ONE_OF
    for state in snapshot.endpoints:
        far = distance(features.model, state.endpoint, state.family, pinned_family)
        if far > 0 and not others:
            out.append(_out(state, "other_model"))
            continue
        if (reason := exclusion(state, features)) is not None:
            out.append(_out(state, reason))
        elif (path := failing(policy.filters, state, features)) is not None:
            out.append(_out(state, "policy_filter", path))
        elif state.breaker == "open" or (state.open_until_ms or 0) > snapshot.taken_ms:
            out.append(_out(state, "unhealthy"))
        else:
            stand_in = features.model == AUTO and not state.is_ai
            unknown, points = score(policy, state)
            taste = drawn_taste(policy, state, name, nonce) if policy.strategy == "thompson" else None
            points -= policy.weights.taste * (taste or 0)
            late = _late(state, features, let_in=let_in)
            able.append(
                _Runner(state, (far, stand_in, late, unknown), points, chance(name, nonce, state.endpoint), taste)
            )
    return Decision(
        id=decision_id,
        policy=policy.name,
        policy_id=name,
        snapshot_id=seal(snapshot).id if snapshot_id is None else snapshot_id,
        nonce=nonce,
        features=features,
        taken_ms=snapshot.taken_ms,
        candidates=(
            *(_placed(policy, rank, runner) for rank, runner in enumerate(_ordered(policy, able))),
            *sorted(out, key=lambda candidate: candidate.endpoint),
        ),
    )


def _late(state: EndpointState, features: Features, *, let_in: bool) -> int:
    """How far behind an endpoint stands as a newcomer: 0 not at all, 1 behind all others, 2 behind other newcomers, too, because it
    has something in hand."""
    if state.newcomer is None or state.endpoint == features.model:
        return 0
    return 2 if state.newcomer else int(not let_in)


def exclusion(state: EndpointState, features: Features) -> Reason | None:
    """The first of the request's own limits, or of the endpoint's, that puts it out of the question."""
    limit, price, floor = features.max_price_micro_usd, state.price_micro_usd, features.lane_floor
    days, regions = features.max_retention_days, features.regions
    if state.supports:
        return state.supports[0]
    rules: tuple[tuple[bool, Reason], ...] = (
        (floor is not None and LANES.index(state.lane) > LANES.index(floor), "lane_floor"),
        (features.no_community and state.lane == "community", "no_community"),
        (features.no_training and state.training != "no", "data_training"),
        (days is not None and (state.retention_days is None or state.retention_days > days), "data_retention"),
        (bool(regions) and state.region not in regions, "data_region"),
        (not state.enabled, "disabled"),
        (not state.ready, "no_key"),
        (limit is not None and price is None, "price_unknown"),
        (limit is not None and price is not None and price > limit, "price_cap"),
    )
    return next((reason for applies, reason in rules if applies), None)


def score(policy: Policy, state: EndpointState) -> tuple[int, int]:
    """(how many weighed numbers nobody knows, points for the rest)."""
    weights, assumed = policy.weights, policy.assumed
    price = assumed.price_micro_usd if state.price_micro_usd is None else state.price_micro_usd
    latency = assumed.latency_ms if state.latency_ms is None else state.latency_ms
    success = assumed.success_per_mille if state.success_per_mille is None else state.success_per_mille
    unknown = (weights.price > 0 and price is None) + (weights.latency > 0 and latency is None)
    points = (
        weights.price * (price or 0)
        + weights.latency * (latency or 0)
        + weights.failure * (1000 - success)
        + weights.load * state.in_flight
        + weights.lane * LANES.index(state.lane)
    )
    return unknown, points


def drawn_taste(policy: Policy, state: EndpointState, policy_id: str, nonce: str) -> int:
    """How much the user may like this endpoint, in milli-logits: drawn by the nonce around what is known, the wider the
    less is known (Thompson sampling). So what nobody has compared yet comes first at times."""
    deviation = policy.assumed.taste_sd if state.taste_sd is None else state.taste_sd
    return (state.taste or 0) + deviation * deviate(policy_id, nonce, state.endpoint) // 1000


def _ordered(policy: Policy, able: Sequence[_Runner]) -> list[_Runner]:
    ordered: list[_Runner] = []
    for _, group in groupby(sorted(able, key=lambda runner: runner.group), key=lambda runner: runner.group):
        ordered += _within(policy, list(group))
    return ordered


def _within(policy: Policy, group: list[_Runner]) -> list[_Runner]:
    """A group by the policy's strategy. Names come last in every key, for two draws that are equal."""
    if policy.strategy == "draw":
        least = min(runner.points for runner in group)
        weights = {r.state.endpoint: draw_weight(r.points, least, policy.draw_power) for r in group}
        return sorted(group, key=lambda r: (race(r.draw, weights[r.state.endpoint]), r.state.endpoint))
    if policy.strategy == "two_choices":
        drawn = sorted(group, key=lambda r: (r.draw, r.state.endpoint))
        return [*sorted(drawn[:2], key=_peak_load), *drawn[2:]]
    return sorted(group, key=lambda r: (r.points, *_ties(policy.tie_break, r), r.state.endpoint))


def draw_weight(points: int, least: int, power: int) -> int:
    """The weight in a draw: full for the fewest points; with twice as many points half of it, or a quarter, or an
    eighth, by the power. Never nothing."""
    return max(1, FULL_WEIGHT * int((least + 1) ** power) // int((points + 1) ** power))


def _peak_load(runner: _Runner) -> tuple[bool, int]:
    """Peak latency times what is under way there; what was never measured goes behind what was."""
    peak = runner.state.peak_ms if runner.state.peak_ms is not None else runner.state.latency_ms
    return peak is None, (peak or 0) * (runner.state.in_flight + 1)


def _ties(ties: tuple[Tie, ...], runner: _Runner) -> tuple[int, ...]:
    key: list[int] = []
    for tie in ties:
        if tie == "nonce":
            key.append(runner.draw)
        elif tie == "load":
            key.append(runner.state.in_flight)
        else:
            value = runner.state.price_micro_usd if tie == "price" else runner.state.latency_ms
            key += [value is None, value or 0]
    return tuple(key)


def _placed(policy: Policy, rank: int, runner: _Runner) -> Candidate:
    reason: Reason = "picked" if rank == 0 else "probation" if runner.group[2] else "ranked_lower"
    return Candidate(
        endpoint=runner.state.endpoint,
        rank=rank if rank == 0 or policy.fallback.same_model else -1,
        reason=reason,
        price_micro_usd=runner.state.price_micro_usd,
        latency_ms=runner.state.latency_ms,
        points=runner.points,
        taste=runner.taste,
    )


def _out(state: EndpointState, reason: Reason, detail: str | None = None) -> Candidate:
    return _left_out(state.endpoint, reason, state.price_micro_usd, state.latency_ms, detail)


@lru_cache(maxsize=512)
def _left_out(endpoint: str, reason: Reason, price: int | None, latency: int | None, detail: str | None) -> Candidate:
    return Candidate(
        endpoint=endpoint, rank=-1, reason=reason, price_micro_usd=price, latency_ms=latency, detail=detail
    )
