"""Newcomers: at most one decision of twenty, one job at a time, and all of it can be computed again."""

import asyncio
import hashlib
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.network.audit_world import Paper
from tests.unit.node.job_tools import SHOWN
from tests.unit.router_doubles import FakeModel, Stage, Step, StuckClock, card
from tests.unit.test_router_decide import NOW, asked, made, reasons, state

from triptych.app.audit_book import Book
from triptych.app.audit_ways import on_probation
from triptych.network.audit import Lesson
from triptych.network.reputation import HALF_LIFE_MS, PROBATION_JOBS, About, Opinion
from triptych.router.bundle import policy_bytes
from triptych.router.decide import ONE_OF, decide
from triptych.router.limits import Limits
from triptych.router.policy import BALANCED, CHEAPEST, FASTEST, SHIPPED
from triptych.router.rerun import rerun
from triptych.router.sealed import seal, unseal
from triptych.spec.model import LANES
from triptych.spec.routing import EndpointState, Policy, Snapshot

JOBS = 1000
SHARE, CHANCE = JOBS // ONE_OF, 3.5 * (JOBS / ONE_OF * (1 - 1 / ONE_OF)) ** 0.5
"""What newcomers get of so many at most, and how far chance may lead away from it: once in some thousand."""


def nonce(number: int) -> str:
    return hashlib.sha256(f"newcomers {number}".encode()).hexdigest()[:32]


def free(endpoint: str, **changes: Any) -> EndpointState:
    """One that costs nothing, is fast and never failed: whoever is let in with it is behind it."""
    return state(endpoint, **{"lane": "community", "price_micro_usd": 0, "latency_ms": 1, "newcomer": 0, **changes})


def old(endpoint: str, **changes: Any) -> EndpointState:
    return state(endpoint, **{"price_micro_usd": 40_000, "latency_ms": 9_000, **changes})


@pytest.mark.parametrize("policy", SHIPPED.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("crowd", [1, 40])
def test_of_a_thousand_jobs_newcomers_get_one_of_twenty_however_many_they_are(policy: Policy, crowd: int) -> None:
    states = (old("x/a"), old("y/a"), *(free(f"new-{number}/a") for number in range(crowd)))
    snapshot = Snapshot(taken_ms=NOW, endpoints=states)
    firsts = [decide(policy, snapshot, asked("a"), nonce(number), snapshot_id="s").order[0] for number in range(JOBS)]
    given_ = sum(one.startswith("new-") for one in firsts)
    assert given_ <= SHARE + CHANCE
    if policy is CHEAPEST or policy is FASTEST:
        assert given_ >= SHARE - CHANCE, "what is best by the policy comes first whenever it is let in"


def test_over_a_thousand_jobs_a_newcomer_stays_below_its_share_until_it_has_shown_itself() -> None:
    """Three owners, one of them new. What comes of a job is counted as this studio counts it."""
    seen, now, given_, graduated = Opinion(at_ms=NOW), NOW, 0, None
    chosen = Random(5)
    for number in range(3 * JOBS):
        now += chosen.randrange(1, 60_000)
        new = seen.standing(now) == "probation"
        late = free("new/a", newcomer=0 if new else None)
        first = made(CHEAPEST, asked("a"), old("x/a"), old("y/a"), late, nonce=nonce(number)).order[0]
        if first != "new/a":
            continue
        looked = chosen.random() < seen.audit_rate(now)
        seen, given_ = seen.audited("match", "x", now) if looked else seen.worked(now), given_ + 1
        if new:
            share, left = (number + 1) / ONE_OF, 1 - 1 / ONE_OF
            assert given_ <= share + 3.5 * (share * left) ** 0.5 + 1
        elif graduated is None:
            graduated = number
    assert graduated is not None
    assert abs(graduated - PROBATION_JOBS * ONE_OF) <= 3.5 * ONE_OF * (PROBATION_JOBS * (1 - 1 / ONE_OF)) ** 0.5
    assert given_ > 3 * JOBS - graduated, "then it gets what its price and its speed are worth"


def test_where_there_is_nobody_else_newcomers_get_it_all() -> None:
    for number in range(50):
        assert made(BALANCED, asked("a"), free("m/a"), free("n/a"), nonce=nonce(number)).order


def test_a_newcomer_with_what_was_asked_for_comes_before_another_model_and_before_a_painter() -> None:
    for number in range(60):
        one = made(CHEAPEST, asked("a", other_models=True), free("new/a"), old("x/b"), nonce=nonce(number))
        assert one.order[0] == "new/a"
        two = made(CHEAPEST, asked("auto"), free("new/a"), old("painter/b", is_ai=False), nonce=nonce(number))
        assert two.order[0] == "new/a"


def test_one_that_has_something_in_hand_is_the_last_unless_it_was_asked_for_by_name() -> None:
    for number in range(60):
        decision = made(
            CHEAPEST, asked("a"), free("busy/a", newcomer=1), free("idle/a"), old("x/a"), nonce=nonce(number)
        )
        assert decision.order[-1] == "busy/a"
        assert reasons(decision)["busy/a"] == "probation"
        named = made(CHEAPEST, asked("busy/a"), free("busy/a", newcomer=1), old("x/a"), nonce=nonce(number))
        assert named.order == ("busy/a",)


def test_it_stands_in_the_decision_and_nobody_can_leave_it_out() -> None:
    snapshot = Snapshot(taken_ms=NOW, endpoints=(old("x/a"), free("new/a")))
    shut = next(nonce(n) for n in range(99) if decide(CHEAPEST, snapshot, asked("a"), nonce(n)).order[0] == "x/a")
    stored = decide(CHEAPEST, snapshot, asked("a"), shut, decision_id="dec_1")
    assert reasons(stored) == {"x/a": "picked", "new/a": "probation"}
    assert stored.order == ("x/a", "new/a"), "it is tried where the others fail"
    body = seal(snapshot).body
    assert b'"newcomer":0' in body
    assert rerun(stored, policy_bytes(CHEAPEST), body).differences == ()
    assert rerun(stored, policy_bytes(CHEAPEST), body.replace(b'"newcomer":0,', b"")).differences


def test_a_snapshot_without_newcomers_has_no_word_of_them() -> None:
    assert b"newcomer" not in seal(Snapshot(taken_ms=NOW, endpoints=(old("x/a"),))).body


@given(st.lists(st.sampled_from([None, 0, 1, 3]), min_size=1, max_size=6), st.integers(0, 10**6))
def test_whoever_is_no_newcomer_stands_as_without_them(hands: list[int | None], number: int) -> None:
    states = [old(f"{at}/a", newcomer=one) for at, one in enumerate(hands)]
    settled = [one for one in states if one.newcomer is None]
    order = made(BALANCED, asked("a"), *states, nonce=nonce(number)).order
    if settled:
        alone = made(BALANCED, asked("a"), *settled, nonce=nonce(number)).order
        assert tuple(one for one in order if one in alone) == alone
    busy = [one.endpoint for one in states if one.newcomer]
    assert set(order[len(order) - len(busy) :]) == set(busy)


async def test_all_endpoints_of_a_newcomer_have_one_job_in_hand_together() -> None:
    limits = Limits(StuckClock())
    first = await limits.enter("node/one/a", "generate", 60.0, "mira")
    order: list[str] = []

    async def enter(endpoint: str, operation: Any) -> None:
        place = await limits.enter(endpoint, operation, 60.0, "mira")
        order.append(endpoint)
        limits.leave(place, None, worked=True)

    tasks = [asyncio.ensure_future(enter("node/two/b", "edit")), asyncio.ensure_future(enter("node/one/a", "generate"))]
    await asyncio.sleep(0)
    assert limits.crowded("node/two/b", "generate", "mira")
    assert not limits.crowded("node/two/b", "generate", "noah")
    assert not order
    limits.leave(first, None, worked=True)
    await asyncio.gather(*tasks)
    assert order == ["node/two/b", "node/one/a"], "in the order in which they came"
    assert limits.view()["mira", "newcomer"].limit == 1, "doing well makes it no wider"


async def test_the_snapshot_counts_what_a_newcomer_has_in_hand_at_all_its_endpoints() -> None:
    slow, other, known = (FakeModel(card(name), Step(hang=name == "new/a")) for name in ("new/a", "new/b", "old/b"))
    stage = Stage([slow, other, known])
    for model in (slow, other):
        stage.registry.set(model.card.id, newcomer="mira")
    running: asyncio.Future[Any] = asyncio.ensure_future(stage.run(model="new/a"))
    await slow.started.wait()
    routed = await stage.run(model="b")
    assert routed.endpoint == "old/b"
    seen = unseal(list(stage.store.snapshots.values())[-1].encode())
    assert {one.endpoint: one.newcomer for one in seen.endpoints if one.family == "b"} == {"new/b": 1, "old/b": None}
    running.cancel()


def neighbour(lane: str) -> Any:
    """A node as far as probation looks at it."""
    return SimpleNamespace(lane=lane, id="node", card=SimpleNamespace(owner="mira"))


async def test_people_whom_one_knows_are_no_newcomers_and_others_until_they_have_shown_themselves(
    tmp_path: Path,
) -> None:
    book = Book(Paper(), tmp_path)
    about = About("mira", "sdxl")
    stranger, model = neighbour("community"), SHOWN
    found = [bool(on_probation(book, neighbour(lane), model, NOW)) for lane in LANES[:4]]
    assert found == [False, False, True, True], LANES
    for _ in range(PROBATION_JOBS):
        assert on_probation(book, stranger, model, NOW) == "mira"
        await book.worked(about, NOW)
    assert on_probation(book, stranger, model, NOW) == "mira", "nobody has looked yet"
    await book.learn([Lesson(about, "match", "x")] * 12, NOW)
    assert on_probation(book, stranger, model, NOW) == ""
    await book.fault(about, NOW)
    assert on_probation(book, stranger, model, NOW) == "mira", "one mismatch puts it back"
    assert on_probation(book, stranger, model, NOW + 2 * HALF_LIFE_MS) == ""
