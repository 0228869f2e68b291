"""A decision is made again anywhere with the same result."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import log2
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors import make
from tests.vectors.many import policies, stored

from triptych.router.bundle import policy_bytes, policy_from, policy_id
from triptych.router.canonical import canonical, digest
from triptych.router.decide import decide, draw_weight
from triptych.router.draw import FRACTION_BITS, chance, log2_fixed, race
from triptych.router.policy import BALANCED, CHEAPEST, FASTEST, OPEN_FIRST, PINNED, SHIPPED
from triptych.router.rerun import rerun
from triptych.router.sealed import seal, unseal
from triptych.router.trial import try_out
from triptych.spec.errors import BadRequestError
from triptych.spec.routing import Candidate, Decision, EndpointState, Features, Policy, Snapshot, Strategy

VECTORS = json.loads(make.FILE.read_text("utf-8"))
ROOT = Path(__file__).parents[2]
ASKED = Features(model="a", operation="generate")


def state(endpoint: str, **changes: Any) -> EndpointState:
    return EndpointState(**{"endpoint": endpoint, "family": "a", "lane": "commercial", "ready": True, **changes})


def test_the_golden_decisions_are_as_they_were_published() -> None:
    assert json.loads(json.dumps(make.vectors())) == VECTORS


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["nonce"][:6])
def test_a_golden_decision_follows_from_the_file_alone(case: dict[str, Any]) -> None:
    policy = policy_from(VECTORS["policies"][case["policy_id"]])
    snapshot = unseal(canonical(case["snapshot"]))
    decision = decide(policy, snapshot, msgspec.convert(case["features"], Features), case["nonce"])
    assert decision.candidates == msgspec.convert(case["candidates"], tuple[Candidate, ...])
    assert (decision.policy_id, decision.snapshot_id) == (case["policy_id"], case["snapshot_id"])
    assert digest(canonical(case["snapshot"])) == case["snapshot_id"]


def test_the_golden_cases_walk_every_reason_and_strategy() -> None:
    reasons = {candidate["reason"] for case in VECTORS["cases"] for candidate in case["candidates"]}
    assert {"picked", "ranked_lower", "other_model", "policy_filter", "unhealthy", "lane_floor", "no_community", "price_cap",
            "price_unknown", "data_training", "data_retention", "data_region", "no_key", "disabled", "probation"} <= reasons  # fmt: skip
    assert {policy["strategy"] for policy in VECTORS["policies"].values()} == {
        "best",
        "draw",
        "two_choices",
        "thompson",
    }


def many(count: int) -> list[tuple[Decision, bytes, bytes]]:
    made = []
    for number in range(count):
        case = make.case(number)
        policy = make.POLICIES[number % len(make.POLICIES)]
        body = canonical(case["snapshot"])
        features = msgspec.convert(case["features"], Features)
        decision = decide(policy, unseal(body), features, case["nonce"], decision_id=f"dec_{number}")
        made.append((decision, policy_bytes(policy), body))
    return made


def test_ten_thousand_decisions_come_out_the_same_in_another_process() -> None:
    """The other process has their bytes alone. Every candidate counts, not only the first."""
    lines, expected = zip(*stored(10_000), strict=True)
    # Another hash seed, so that nothing leans on the order of a set.
    environment = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "tests.vectors.rerun"]
    ran = subprocess.run(command, input=b"\n".join(lines), capture_output=True, env=environment, cwd=ROOT, check=True)
    assert ran.stdout.decode().splitlines() == [f"{fingerprint} 0" for fingerprint in expected]
    assert len(set(expected)) > 8000


def test_the_many_decisions_are_of_every_policy_that_is_shipped_and_of_every_strategy() -> None:
    assert {*SHIPPED.values(), PINNED} <= set(policies())
    assert {policy.strategy for policy in policies()} == set(get_args(Strategy))


def test_a_changed_policy_snapshot_nonce_or_candidate_is_found() -> None:
    stored, policy, snapshot = next(entry for entry in many(60) if len(entry[0].order) > 2)
    assert rerun(stored, policy, snapshot).differences == ()
    assert rerun(stored, policy_bytes(OPEN_FIRST), snapshot).differences
    assert rerun(stored, policy, snapshot.replace(b'"taken_ms":179', b'"taken_ms":279')).differences
    assert rerun(replace(stored, candidates=stored.candidates[1:]), policy, snapshot).differences
    assert rerun(replace(stored, policy_id="0" * 64), policy, snapshot).differences
    first, second, *rest = stored.candidates
    swapped = (replace(second, rank=0, reason="picked"), replace(first, rank=1, reason="ranked_lower"), *rest)
    assert any("order" in line for line in rerun(replace(stored, candidates=swapped), policy, snapshot).differences)


def test_a_policy_that_is_not_in_its_canonical_form_is_told() -> None:
    stored, policy, snapshot = many(1)[0]
    spaced = json.dumps(json.loads(policy), indent=1).encode()
    told = rerun(replace(stored, policy_id=digest(spaced)), spaced, snapshot).differences
    assert told == ("the policy was not published in its canonical form",)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"format":"x","taken_ms":1,"endpoints":[]}', b"[]", b"\xff"])
def test_what_is_no_snapshot_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        unseal(body)


def test_a_snapshot_has_one_name_whatever_the_order_and_comes_back_whole() -> None:
    states = (state("x/a", price_micro_usd=0, supports=("retired",)), state("y/a", enabled=False))
    one, two = Snapshot(taken_ms=5, endpoints=states), Snapshot(taken_ms=5, endpoints=states[::-1])
    assert seal(one) == seal(two)
    assert unseal(seal(one).body) == one
    assert seal(one).id != seal(replace(one, taken_ms=6)).id


@given(st.integers(1, 2**64))
def test_the_logarithm_in_whole_numbers_is_the_logarithm(value: int) -> None:
    exact = log2(Fraction(value))
    assert abs(log2_fixed(value) / 2**FRACTION_BITS - exact) < 1e-8


@given(st.integers(1, 2**64 - 1))
def test_the_logarithm_never_falls(value: int) -> None:
    assert log2_fixed(value) <= log2_fixed(value + 1)


def test_a_draw_gives_each_its_share() -> None:
    weights = {"x/a": 6, "y/a": 3, "z/a": 1}
    firsts = Counter(min(weights, key=lambda e: race(chance("p", str(i), e), weights[e])) for i in range(4000))
    # Five standard deviations around the expected share of 4,000 draws.
    for endpoint, weight in weights.items():
        share = weight / 10
        assert abs(firsts[endpoint] - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5


def test_taking_one_away_keeps_the_order_of_the_others() -> None:
    states = tuple(state(f"{p}/a", price_micro_usd=40_000, latency_ms=9000) for p in "uvwxyz")
    for nonce in map(str, range(50)):
        order = decide(BALANCED, Snapshot(taken_ms=0, endpoints=states), ASKED, nonce).order
        fewer = decide(BALANCED, Snapshot(taken_ms=0, endpoints=states[1:]), ASKED, nonce).order
        assert fewer == tuple(name for name in order if name != states[0].endpoint)


def test_the_weight_halves_with_twice_the_points_and_never_goes_out() -> None:
    assert draw_weight(19_999, 9_999, 1) * 2 == draw_weight(9_999, 9_999, 1)
    assert draw_weight(19_999, 9_999, 2) * 4 == draw_weight(9_999, 9_999, 2)
    assert draw_weight(10**15, 0, 4) == 1


def test_balanced_sends_most_to_the_better_one_and_some_to_the_other() -> None:
    states = (
        state("x/a", price_micro_usd=20_000, latency_ms=5_000),
        state("y/a", price_micro_usd=40_000, latency_ms=10_000),
    )
    snapshot = Snapshot(taken_ms=0, endpoints=states)
    firsts = Counter(decide(BALANCED, snapshot, ASKED, str(i)).order[0] for i in range(1000))
    assert 740 < firsts["x/a"] < 860  # 4 to 1


def test_two_choices_takes_the_one_with_less_to_do() -> None:
    two = replace(BALANCED, strategy="two_choices")
    states = (state("x/a", peak_ms=9_000, in_flight=3), state("y/a", peak_ms=20_000, in_flight=0))
    for nonce in "abcdef":
        assert decide(two, Snapshot(taken_ms=0, endpoints=states), ASKED, nonce).order[0] == "y/a"
    three = (*states, state("z/a", peak_ms=90_000, in_flight=9))
    firsts = Counter(decide(two, Snapshot(taken_ms=0, endpoints=three), ASKED, str(i)).order[0] for i in range(300))
    assert firsts["z/a"] == 0
    assert firsts["x/a"] > 50


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(CHEAPEST, ("c/a", "o/a", "u/a")), (FASTEST, ("o/a", "c/a", "u/a")), (OPEN_FIRST, ("u/a", "o/a", "c/a"))],
    ids=lambda value: value.name if isinstance(value, Policy) else None,
)
def test_the_shipped_policies_do_what_they_say(policy: Policy, expected: tuple[str, ...]) -> None:
    states = (
        state("c/a", price_micro_usd=1, latency_ms=900), state("o/a", lane="community", price_micro_usd=5, latency_ms=3),
        state("u/a", lane="local"),
    )  # fmt: skip
    assert decide(policy, Snapshot(taken_ms=0, endpoints=states), ASKED, "n").order == expected


def test_a_trial_counts_what_would_change() -> None:
    entries = many(200)
    snapshots = {d.snapshot_id: body.decode() for d, _, body in entries}
    mine = [d for d, _, _ in entries if d.policy_id == policy_id(CHEAPEST)]
    same = try_out(CHEAPEST, mine, snapshots)
    assert (same.looked_at, same.left_out, same.changes, same.was) == (len(mine), 0, (), same.would_be)
    other = try_out(FASTEST, mine, snapshots)
    assert len(other.changes) > 0
    assert try_out(FASTEST, [replace(mine[0], snapshot_id="")], snapshots).left_out == 1
