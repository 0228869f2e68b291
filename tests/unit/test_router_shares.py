"""Traffic agrees with what the rules predict, and does not when somebody throws the dice until a friend wins."""

import hashlib

from triptych.router.decide import decide
from triptych.router.policy import BALANCED, CHEAPEST, SHIPPED
from triptych.router.shares import FEW, Traffic, chances, compare, had_choice
from triptych.spec.routing import Decision, EndpointState, Features, Policy, Snapshot

ASKED = Features(model="a", operation="generate")
SNAPSHOT = Snapshot(
    taken_ms=1,
    endpoints=tuple(
        EndpointState(
            endpoint=f"{name}/a", family="a", lane="commercial", ready=True, price_micro_usd=price,
            latency_ms=latency, success_per_mille=990, in_flight=load,
        )
        for name, price, latency, load in (("one", 40_000, 9_000, 0), ("two", 40_000, 7_000, 1), ("three", 90_000, 8_000, 0))
    ),
)  # fmt: skip


def made(number: int, policy: Policy, *, throws: int = 1, friend: str = "") -> Decision:
    """One decision; with more than one throw the dice are thrown again until the friend comes first."""
    for throw in range(throws):
        nonce = hashlib.sha256(f"{number} {throw}".encode()).hexdigest()[:32]
        found = decide(policy, SNAPSHOT, ASKED, nonce, decision_id=f"dec_{number}")
        if found.order[0] == friend:
            break
    return found


def over(decisions: list[Decision], policy: Policy) -> Traffic:
    return compare(chances(decision, policy, SNAPSHOT) for decision in decisions)


def test_honest_traffic_is_as_predicted_under_every_shipped_policy() -> None:
    for policy in SHIPPED.values():
        found = over([made(number, policy) for number in range(200)], policy)
        assert {share.verdict for share in found.shares} == {"as predicted"}, policy.name
        assert sum(share.first for share in found.shares) == found.decisions == 200
        assert abs(sum(share.expected_x1000 for share in found.shares) - 200_000) <= len(found.shares)


def test_a_second_throw_for_a_friend_is_seen() -> None:
    rigged = over([made(number, BALANCED, throws=2, friend="three/a") for number in range(200)], BALANCED)
    verdicts = {share.endpoint: share.verdict for share in rigged.shares}
    assert verdicts["three/a"] == "more than predicted"
    others = [share for share in rigged.shares if share.endpoint != "three/a"]
    assert sum(share.first for share in others) * 1000 < sum(share.expected_x1000 for share in others) * 0.95


def test_what_the_rules_rule_out_is_seen_at_once() -> None:
    """Under `cheapest` the dear one never comes first: a single tampered decision stands out however many there are."""
    honest = [made(number, CHEAPEST) for number in range(FEW)]
    dear = decide(BALANCED, Snapshot(taken_ms=1, endpoints=SNAPSHOT.endpoints[2:]), ASKED, "00", decision_id="dec_x")
    found = over([*honest, dear], CHEAPEST)
    verdicts = {share.endpoint: share.verdict for share in found.shares}
    assert verdicts["three/a"] == "more than predicted"


def test_few_decisions_tell_nothing() -> None:
    found = over([made(number, BALANCED) for number in range(FEW - 1)], BALANCED)
    assert {share.verdict for share in found.shares} == {"too few to tell"}


def test_where_one_endpoint_is_possible_there_is_no_choice() -> None:
    named = Features(model="one/a", operation="generate")
    assert not had_choice(decide(BALANCED, SNAPSHOT, named, "00"))
    assert had_choice(made(1, BALANCED))
