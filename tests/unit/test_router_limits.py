"""How many may be under way, who waits, and when trying again pauses."""

import asyncio
from typing import Any

import pytest
from tests.unit.router_doubles import FakeClock, FakeModel, Stage, StuckClock, card, fail

from triptych.router.features import features_of
from triptych.router.health import Health
from triptych.router.latency import Latency, share_of
from triptych.router.limits import LimitRules, Limits, Pass
from triptych.spec.errors import NotSentError, OverloadedError, ProviderFailedError, RateLimitedError
from triptych.spec.image import ImageRequest

A = "one/a"
FULL = OverloadedError("Full.")


def view(limits: Limits) -> tuple[int, int, int]:
    (seen,) = limits.view().values()
    return seen.limit, seen.under_way, seen.waiting


def small(clock: Any = None, **rules: int) -> Limits:
    return Limits(clock or StuckClock(), LimitRules(**{"first": 2, **rules}))


async def enter(limits: Limits) -> Pass:
    return await limits.enter(A, "generate", 60.0)


async def test_who_finds_no_room_waits_in_order_of_arrival() -> None:
    limits = small()
    first, _ = await enter(limits), await enter(limits)
    order: list[int] = []

    async def one(number: int) -> None:
        place = await enter(limits)
        order.append(number)
        limits.leave(place, None, worked=False)

    waiting = [asyncio.ensure_future(one(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert view(limits) == (2, 2, 3)
    assert limits.waiting(A, "generate") == 3
    limits.leave(first, None, worked=False)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert view(limits) == (2, 1, 0)


async def test_nobody_waits_beyond_the_deadline_and_nothing_was_sent() -> None:
    limits = small(FakeClock())
    await enter(limits)
    await enter(limits)
    with pytest.raises(OverloadedError, match="busy") as caught:
        await enter(limits)
    assert caught.value.billed == "no"
    assert view(limits) == (2, 2, 0)


async def test_one_that_is_stopped_while_waiting_leaves_no_trace() -> None:
    limits = small()
    first, second = await enter(limits), await enter(limits)
    waiting, also = asyncio.ensure_future(enter(limits)), asyncio.ensure_future(enter(limits))
    await asyncio.sleep(0)
    waiting.cancel()
    limits.leave(first, None, worked=False)  # its turn comes in the moment in which it is stopped
    await asyncio.gather(waiting, return_exceptions=True)
    await also
    limits.leave(second, None, worked=False)
    assert view(limits) == (2, 1, 0)


async def test_it_grows_by_one_for_each_full_round_and_only_where_it_is_made_use_of() -> None:
    limits = small(first=4)
    for _ in range(4):
        places = [await enter(limits) for _ in range(4)]
        for place in places:
            limits.leave(place, None, worked=True)
    assert view(limits)[0] > 4
    grown = view(limits)[0]
    for _ in range(50):
        limits.leave(await enter(limits), None, worked=True)
    assert view(limits)[0] == grown


async def test_it_shrinks_once_for_all_that_went_out_together() -> None:
    limits = small(first=10)
    places = [await enter(limits) for _ in range(10)]
    for place in places:
        limits.leave(place, FULL, worked=False)
    assert view(limits)[0] == 7
    limits.leave(await enter(limits), FULL, worked=False)
    assert view(limits)[0] == 4
    for _ in range(20):
        limits.leave(await enter(limits), FULL, worked=False)
    assert view(limits)[0] == 1


async def test_other_errors_do_not_shrink_it_and_it_stays_below_its_most() -> None:
    limits = small(first=2, most=3)
    for _ in range(40):
        places = [await enter(limits), await enter(limits)]
        limits.leave(places[0], ProviderFailedError("Broke."), worked=False)
        limits.leave(places[1], None, worked=True)
    assert view(limits)[0] <= 3
    assert view(limits)[1] == 0


async def test_the_router_keeps_the_limit_and_a_decision_counts_who_waits() -> None:
    model = FakeModel(card())
    stage = Stage([model])
    stage.router.limits = stage.router._attempts._limits = small(first=1)
    held = await enter(stage.router.limits)
    running = asyncio.ensure_future(stage.run())
    while not stage.router.limits.waiting(A, "generate"):
        await asyncio.sleep(0)
    assert model.submitted == []
    assert stage.store.entries == []  # no money is held for who only waits
    limits = stage.router.limits
    wish = stage.router._wish(ImageRequest(prompt="p"), features_of(ImageRequest(prompt="p"), A), None, None)
    _, sight = stage.router._chooser.decide(wish)
    assert sight.snapshot.endpoints[0].in_flight == 1
    limits.leave(held, None, worked=False)
    assert (await running).endpoint == A
    assert view(limits) == (2, 0, 0)  # a full round went well


async def test_a_turn_that_does_not_come_ends_the_request_without_a_charge() -> None:
    stage = Stage([FakeModel(card())])
    stage.router._attempts._limits = Limits(stage.clock, LimitRules(first=1))
    await stage.router._attempts._limits.enter(A, "generate", 60.0)
    with pytest.raises(OverloadedError, match="turn did not come"):
        await stage.run()
    assert stage.store.entries == []


def test_retries_pause_at_half_of_the_tokens_and_come_back_slowly() -> None:
    health = Health(FakeClock())

    def attempt(error: Any) -> None:
        health.begin(A, "generate")
        if error is None:
            health.worked(A, "generate", 1.0)
        else:
            health.failed(A, "generate", error)

    for _ in range(4):
        attempt(RateLimitedError("Slow down.", retry_after_s=1))
    assert health.may_retry(A)
    attempt(RateLimitedError("Slow down.", retry_after_s=1))
    (seen,) = health.view()
    assert (health.may_retry(A), seen.retries_paused, seen.retry_tokens_tenths) == (False, True, 50)
    attempt(None)
    assert health.may_retry(A)
    attempt(NotSentError("No route."))
    assert health.view()[0].retry_tokens_tenths == 51
    for _ in range(200):
        attempt(None)
    assert health.view()[0].retry_tokens_tenths == 100


async def test_while_retries_pause_an_overloaded_endpoint_is_tried_once_and_then_another() -> None:
    first, second = FakeModel(card(A), fail(OverloadedError)), FakeModel(card("two/a"), price=50_000)
    stage = Stage([first, second])
    for _ in range(3):
        stage.router.health.begin(A, "edit")
        stage.router.health.failed(A, "edit", RateLimitedError("Slow down.", retry_after_s=1))
    result = await stage.run(model="a")
    assert result.endpoint == "two/a"
    assert len(first.submitted) == 2  # the second failure takes the tokens to half


def test_latency_is_told_apart_by_size_and_quality_once_there_is_enough() -> None:
    health = Health(FakeClock())
    for seconds, share in [(2.0, "1mp/low"), (2.0, "1mp/low"), (40.0, "4mp/high"), (2.0, "1mp/low")]:
        health.begin(A, "generate")
        health.worked(A, "generate", seconds, share)
    low, high = health.state(A, "generate", "1mp/low"), health.state(A, "generate", "4mp/high")
    assert (low.latency_ms, low.p95_ms, low.here) == (2000, 2000, True)
    assert (high.p95_ms, high.here) == (40_000, False)  # one sample says too little: that of the whole endpoint
    assert share_of(104, "auto") == "1mp/auto"
    assert [share_of(size, "low") for size in (60, 61, 450, 451)] == ["small/low", "1mp/low", "4mp/low", "large/low"]


def test_a_peak_jumps_up_and_comes_down_with_time() -> None:
    latency = Latency(50, 30)
    assert latency.measured(0) is None
    latency.add(1000, now_ms=0)
    latency.add(100_000, now_ms=1000)
    soon, later, at_last = (latency.measured(now) for now in (1000, 61_000, 10_000_000))
    assert soon is not None
    assert later is not None
    assert at_last is not None
    assert soon.peak_ms == 100_000
    assert at_last.usual_ms < later.peak_ms < 50_000
    assert at_last.peak_ms == at_last.usual_ms
    assert soon.p95_ms == 100_000
