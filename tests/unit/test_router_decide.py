import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.router.bundle import MOST_POINTS, MOST_TASTE
from triptych.router.decide import decide, score
from triptych.router.draw import deviate
from triptych.router.policy import BALANCED, BEST_FOR_ME, CHEAPEST, FASTEST, PINNED, SHIPPED
from triptych.spec.model import LANES
from triptych.spec.routing import Assumed, Candidate, Decision, EndpointState, Features, Policy, Snapshot, Weights

NOW = 1_790_000_000_000


def state(endpoint: str, **changes: Any) -> EndpointState:
    return EndpointState(
        **{"endpoint": endpoint, "family": endpoint.partition("/")[2], "lane": "commercial", "ready": True, **changes}
    )


def made(policy: Policy, features: Features, *states: EndpointState, nonce: str = "n") -> Decision:
    return decide(policy, Snapshot(taken_ms=NOW, endpoints=states), features, nonce, decision_id="dec_1")


def asked(model: str, **changes: Any) -> Features:
    return Features(**{"model": model, "operation": "generate", **changes})


def reasons(decision: Decision) -> dict[str, str]:
    return {c.endpoint: c.reason for c in decision.candidates}


def test_a_named_endpoint_is_pinned_even_when_another_serves_the_same_model() -> None:
    decision = made(CHEAPEST, asked("x/a"), state("x/a", price_micro_usd=9), state("y/a", price_micro_usd=1))
    assert decision.order == ("x/a",)
    assert reasons(decision) == {"x/a": "picked", "y/a": "other_model"}


def test_a_family_is_every_endpoint_of_it_cheapest_first_and_unknown_price_last() -> None:
    decision = made(
        CHEAPEST, asked("a"),
        state("u/a"), state("x/a", price_micro_usd=9), state("y/a", price_micro_usd=1), state("z/b", price_micro_usd=0),
    )  # fmt: skip
    assert decision.order == ("y/a", "x/a", "u/a")
    assert reasons(decision)["z/b"] == "other_model"


def test_latency_order_puts_unmeasured_last_and_price_breaks_ties() -> None:
    decision = made(
        FASTEST, asked("a"),
        state("u/a", price_micro_usd=0), state("x/a", latency_ms=5, price_micro_usd=9), state("y/a", latency_ms=5, price_micro_usd=1),
    )  # fmt: skip
    assert decision.order == ("y/a", "x/a", "u/a")


def test_auto_takes_every_endpoint_and_what_is_no_ai_model_last() -> None:
    decision = made(
        CHEAPEST, asked("auto"), state("d/painter", price_micro_usd=0, is_ai=False), state("x/a", price_micro_usd=5)
    )
    assert decision.order == ("x/a", "d/painter")


def test_another_model_only_when_allowed_and_after_the_same_model_elsewhere() -> None:
    states = (
        state("x/a", price_micro_usd=9), state("y/a", price_micro_usd=9), state("z/b", price_micro_usd=0),
    )  # fmt: skip
    decision = made(CHEAPEST, asked("x/a", other_models=True), *states)
    assert decision.order == ("x/a", "y/a", "z/b")
    assert made(PINNED, asked("x/a", other_models=True), *states).order == ("x/a",)


def test_without_failover_only_the_first_is_tried() -> None:
    decision = made(
        replace(PINNED, weights=CHEAPEST.weights),
        asked("a"),
        state("x/a", price_micro_usd=1),
        state("y/a", price_micro_usd=2),
    )
    assert decision.order == ("x/a",)
    assert decision.candidates[1] == Candidate(
        endpoint="y/a", rank=-1, reason="ranked_lower", price_micro_usd=2, points=2
    )


@pytest.mark.parametrize(
    ("changes", "features", "reason"),
    [
        ({"enabled": False}, {}, "disabled"),
        ({"ready": False}, {}, "no_key"),
        ({"supports": ("mask_unsupported", "retired"), "ready": False}, {}, "mask_unsupported"),
        ({"lane": "community"}, {"lane_floor": "pinned"}, "lane_floor"),
        ({"price_micro_usd": 11}, {"max_price_micro_usd": 10}, "price_cap"),
        ({}, {"max_price_micro_usd": 10}, "price_unknown"),
        ({"open_until_ms": NOW + 1}, {}, "unhealthy"),
    ],
)
def test_each_way_to_be_out_has_its_reason(changes: dict[str, Any], features: dict[str, Any], reason: str) -> None:
    decision = made(CHEAPEST, asked("a", **features), state("x/a", **changes))
    assert decision.order == ()
    assert reasons(decision) == {"x/a": reason}


def test_the_edges_of_the_rules_are_inside() -> None:
    on_the_edge = state("x/a", lane="pinned", price_micro_usd=10, open_until_ms=NOW)
    assert made(CHEAPEST, asked("a", lane_floor="pinned", max_price_micro_usd=10), on_the_edge).order == ("x/a",)


def test_equal_endpoints_are_drawn_by_the_nonce_and_none_stands_in_front() -> None:
    states = (state("x/a", price_micro_usd=1), state("y/a", price_micro_usd=1))
    firsts = [made(CHEAPEST, asked("a"), *states, nonce=str(i)).order[0] for i in range(400)]
    assert 150 < firsts.count("x/a") < 250


def test_shipped_policies_are_known_by_their_names() -> None:
    assert all(name == policy.name for name, policy in SHIPPED.items())


_numbers = st.none() | st.integers(0, 3)
_states = st.lists(
    st.builds(
        EndpointState,
        endpoint=st.sampled_from([f"{p}/{m}" for p in "wxyz" for m in "abc"]),
        family=st.sampled_from(["a", "b"]),
        lane=st.sampled_from(LANES),
        ready=st.booleans(),
        enabled=st.booleans(),
        is_ai=st.booleans(),
        supports=st.sampled_from([(), (), ("retired",), ("size_unsupported", "retired")]),
        price_micro_usd=_numbers,
        latency_ms=_numbers,
        breaker=st.sampled_from(["closed", "closed", "half_open", "open"]),
        peak_ms=_numbers,
        in_flight=st.integers(0, 3),
        open_until_ms=st.none() | st.integers(NOW - 1, NOW + 1),
        taste=st.none() | st.integers(-2, 2),
        taste_sd=_numbers,
    ),
    unique_by=lambda s: s.endpoint,
    max_size=8,
)
_features = st.builds(
    Features,
    model=st.sampled_from(["auto", "a", "x/a", "none"]),
    operation=st.just("generate"),
    lane_floor=st.none() | st.sampled_from(LANES),
    max_price_micro_usd=_numbers,
    other_models=st.booleans(),
)
_policies = st.sampled_from([*SHIPPED.values(), PINNED, replace(BALANCED, strategy="two_choices")])


@given(_policies, _states, _features, st.text(max_size=4), st.randoms())
def test_the_laws_of_a_decision(
    policy: Policy, states: list[EndpointState], features: Features, nonce: str, random: Any
) -> None:
    decision = made(policy, features, *states, nonce=nonce)
    shuffled = list(states)
    random.shuffle(shuffled)
    assert made(policy, features, *shuffled, nonce=nonce) == decision
    assert sorted(c.endpoint for c in decision.candidates) == sorted(s.endpoint for s in states)
    assert all((c.rank == 0) == (c.reason == "picked") for c in decision.candidates)
    ranks = [c.rank for c in decision.candidates if c.rank >= 0]
    assert ranks == list(range(len(ranks)))
    assert decision.order == () or policy.fallback.same_model or len(decision.order) == 1
    by_name = {s.endpoint: s for s in states}
    for name in decision.order:
        assert by_name[name].ready
        assert by_name[name].enabled
        assert not by_name[name].supports


# Taste.

PLAIN_TASTE = replace(BEST_FOR_ME, weights=Weights(taste=1), assumed=Assumed(taste_sd=1000))


def test_a_model_that_is_picked_more_often_comes_first_and_its_draw_explains_its_place() -> None:
    states = (state("x/a", taste=900, taste_sd=0), state("y/a", taste=-900, taste_sd=0))
    decision = made(PLAIN_TASTE, asked("a"), *states)
    assert [(c.endpoint, c.taste, c.points) for c in decision.candidates] == [("x/a", 900, -900), ("y/a", -900, 900)]
    assert all(c.taste is None for c in made(CHEAPEST, asked("a"), *states).candidates)


def test_what_was_never_compared_is_tried_as_often_as_its_uncertainty_says() -> None:
    """Against a strength of one standard deviation that is known for sure: 15.9 of 100, by the normal distribution."""
    states = (state("x/a", taste=1000, taste_sd=0), state("new/a"))
    firsts = [made(PLAIN_TASTE, asked("a"), *states, nonce=str(i)).order[0] for i in range(2000)]
    assert firsts.count("new/a") / 2000 == pytest.approx(0.159, abs=0.03)


def test_no_model_is_hidden_by_the_policy_for_ones_own_taste() -> None:
    states = (state("x/a", taste=1000, taste_sd=100, price_micro_usd=1), state("new/b"))
    assert set(made(BEST_FOR_ME, asked("auto", other_models=True), *states).order) == {"x/a", "new/b"}
    assert {made(BEST_FOR_ME, asked("auto"), *states, nonce=str(i)).order[0] for i in range(300)} == {"x/a", "new/b"}


def test_price_and_time_weigh_as_the_policy_says_beside_taste() -> None:
    """A tenth of a logit is worth one cent."""
    liked = state("x/a", taste=100, taste_sd=0, price_micro_usd=10_001, latency_ms=0, success_per_mille=1000)
    cheap = state("y/a", taste=0, taste_sd=0, price_micro_usd=0, latency_ms=0, success_per_mille=1000)
    assert made(BEST_FOR_ME, asked("a"), liked, cheap).order == ("y/a", "x/a")
    assert made(BEST_FOR_ME, asked("a"), replace(liked, price_micro_usd=9_999), cheap).order == ("x/a", "y/a")


def test_the_deviates_are_those_of_a_bell_curve() -> None:
    drawn = [deviate("0" * 64, str(number), "x/a") for number in range(4000)]
    assert statistics.mean(drawn) == pytest.approx(0, abs=60)
    assert statistics.stdev(drawn) == pytest.approx(1000, abs=40)
    assert sum(abs(z) < 1960 for z in drawn) / 4000 == pytest.approx(0.95, abs=0.015)


def test_the_largest_sums_of_points_stay_whole_numbers_of_every_json_reader() -> None:
    most = Weights(**MOST_POINTS)
    worst = state(
        "x/a", lane="commercial", price_micro_usd=10**10, latency_ms=10**10, success_per_mille=0, in_flight=10**5
    )
    _, points = score(replace(BEST_FOR_ME, weights=most), worst)
    assert points + most.taste * 7 * MOST_TASTE < 2**53
