"""A second request beside one that takes long."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.router_doubles import OK, PRICE, FakeModel, Stage, Step, StuckClock, card, fail

from triptych.router.budget import Caps
from triptych.router.bundle import policy_bytes, policy_from, policy_id, policy_json, read_bundle
from triptych.router.errand import DETACH
from triptych.router.policy import CHEAPEST, in_words
from triptych.spec.errors import (
    AmbiguousError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    SettingsError,
    TriptychError,
)  # fmt: skip
from triptych.spec.routing import AttemptStarted, Hedge, RoutedResult

HANGS = Step(hang=True)
POLICY = replace(CHEAPEST, hedge=Hedge(extra_micro_usd=2 * PRICE))


def stage(*first: Step, second: tuple[Step, ...] = (OK,), measured: int = 20, **cards: Any) -> Stage:
    """one/a, measured well, and two/a, a little dearer, which serves the same model."""
    made = Stage([
        FakeModel(card("one/a", caps={"cancel": True}), *first),
        FakeModel(card("two/a", **cards), *second, price=PRICE + 1),
    ])  # fmt: skip
    for _ in range(measured):
        made.router.health.begin("one/a", "generate")
        made.router.health.worked("one/a", "generate", 4.0)
    return made


async def hedged(on: Stage, **options: Any) -> RoutedResult:
    made = await on.run(model="a", **{"policy": POLICY, "hedge": True, **options})
    assert isinstance(made, RoutedResult)
    return made


async def test_after_p95_the_same_model_is_asked_elsewhere_and_the_first_picture_counts() -> None:
    on = stage(HANGS)
    made = await hedged(on)
    assert made.endpoint == "two/a"
    slow, quick = made.attempts
    assert (slow.endpoint, slow.hedge, slow.outcome, slow.error_code, slow.billed) == (
        "one/a", False, "failed", "cancelled", "unknown",
    )  # fmt: skip
    assert (quick.endpoint, quick.hedge, quick.outcome, quick.billed) == ("two/a", True, "done", "yes")
    assert [event.hedge for event in on.told(AttemptStarted)] == [False, True]
    assert 4.0 in on.clock.slept
    assert (made.billed, made.cost.amount_micro_usd) == ("yes", None)  # what was stopped may have been billed
    assert on.store.open() == []
    assert on.router.health_view()[0].in_flight == on.router.health_view()[1].in_flight == 0
    assert [view.under_way for view in on.router.limits.view().values()] == [0, 0]


async def test_an_accepted_job_that_loses_is_stopped_at_the_provider() -> None:
    on = stage(Step(hang=True, accept=True))
    await hedged(on)
    assert [job.job_id for job in on.models[0].cancelled] == ["job-1"]


async def test_who_is_in_time_is_alone() -> None:
    on = stage(OK)
    on.router._hedges._clock = StuckClock()  # p95 never passes
    made = await hedged(on)
    assert (made.endpoint, on.models[1].submitted) == ("one/a", [])


@pytest.mark.parametrize(("on", "options"), [
    (lambda: stage(HANGS), {"hedge": False}),
    (lambda: stage(HANGS), {"policy": CHEAPEST}),
    (lambda: stage(HANGS), {"policy": replace(CHEAPEST, hedge=Hedge(extra_micro_usd=PRICE))}),  # it costs one more
    (lambda: stage(HANGS, measured=19), {}),
    (lambda: stage(HANGS, family="b"), {"model": "auto"}),
    (lambda: stage(HANGS), {"model": "one/a"}),
])  # fmt: skip
async def test_nobody_else_is_asked_without(on: Callable[[], Stage], options: dict[str, Any]) -> None:
    made = on()
    running = asyncio.ensure_future(made.run(**{"model": "a", "policy": POLICY, "hedge": True, **options}))
    await made.models[0].started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert made.models[1].submitted == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert made.store.open() == []


async def test_an_unknown_price_is_not_paid_twice() -> None:
    on = stage(HANGS)
    on.models[1].price = None
    running = asyncio.ensure_future(on.run(model="a", policy=POLICY, hedge=True))
    await on.models[0].started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert on.models[1].submitted == []


class Later(FakeModel):
    """Answers by its script as soon as the other one has been asked."""

    def __init__(self, *steps: Step, behind: FakeModel) -> None:
        super().__init__(card("one/a"), *steps)
        self.behind = behind

    async def generate(self, request: Any, context: Any) -> Any:
        self.started.set()
        await self.behind.started.wait()
        return await super().generate(request, context)


def later(first: Step, *second: Step) -> Stage:
    other = FakeModel(card("two/a"), *second, price=PRICE + 1)
    made = Stage([Later(first, behind=other), other])
    for _ in range(20):
        made.router.health.begin("one/a", "generate")
        made.router.health.worked("one/a", "generate", 4.0)
    return made


async def test_the_first_one_can_still_win() -> None:
    on = later(OK, HANGS)
    made = await hedged(on)
    assert made.endpoint == "one/a"
    assert [(a.endpoint, a.billed) for a in made.attempts] == [("one/a", "yes"), ("two/a", "unknown")]
    assert on.store.open() == []


async def test_when_neither_brings_one_what_may_have_been_billed_is_sent_nowhere_else() -> None:
    on = later(fail(OverloadedError), fail(AmbiguousError))
    with pytest.raises(AmbiguousError) as caught:
        await hedged(on)
    assert caught.value.billed == "unknown"
    assert (len(on.models[0].submitted), len(on.models[1].submitted)) == (1, 1)
    assert on.store.open() == []


async def test_push_back_ends_it() -> None:
    on = later(fail(ProviderFailedError, charge=0, billed="no"), fail(RateLimitedError, retry_after_s=1))
    with pytest.raises(TriptychError):
        await hedged(on)
    assert len(on.models[1].submitted) == 1
    refused = stage(fail(RateLimitedError, retry_after_s=1), HANGS)
    running = asyncio.ensure_future(refused.run(model="a", policy=POLICY, hedge=True))
    while len(refused.models[0].submitted) < 2:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert refused.models[1].submitted == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_cap_holds_for_both_together() -> None:
    on = later(OK, OK)
    running = asyncio.ensure_future(on.run(model="a", policy=POLICY, hedge=True, caps=Caps(run=2 * PRICE)))
    await on.models[0].started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert on.models[1].submitted == []  # no money could be reserved for it
    assert sum(entry.amount_micro_usd for entry in on.store.open()) == PRICE
    on.models[1].started.set()
    assert (await running).endpoint == "one/a"
    assert on.store.open() == []


@pytest.mark.parametrize("words", [(), (DETACH,)])
async def test_a_stop_reaches_both(words: tuple[str, ...]) -> None:
    on = stage(Step(hang=True, accept=True), second=(HANGS,))
    running = asyncio.ensure_future(on.run(model="a", policy=POLICY, hedge=True))
    await on.models[1].started.wait()
    running.cancel(*words)
    with pytest.raises(asyncio.CancelledError):
        await running
    # A job that a provider accepted is left as it is when this process ends.
    assert [entry.endpoint for entry in on.store.open()] == (["one/a"] if words else [])


def test_a_policy_says_it_and_one_without_keeps_its_name() -> None:
    assert "hedge" not in policy_json(CHEAPEST)
    assert policy_id(POLICY) != policy_id(CHEAPEST)
    assert read_bundle(policy_bytes(POLICY)) == POLICY
    assert any("Where you ask for it" in words for words in in_words(POLICY))
    for wrong in ({"after": "p50"}, {"most": 2}, {"most": 0}, {"extra_micro_usd": -1}, {"more": 1}, 7):
        with pytest.raises(SettingsError, match="hedge"):
            policy_from({**json.loads(policy_bytes(POLICY)), "hedge": wrong})
