import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.router_doubles import OK, PRICE, FakeModel, Stage, Step, StuckClock, card, fail

from triptych.router.budget import Caps
from triptych.router.policy import CHEAPEST, PINNED
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BadRequestError,
    BillingError,
    BlockedError,
    BudgetError,
    CancelledByUserError,
    EmptyAnswerError,
    ExpiredError,
    HostileContentError,
    ModelUnavailableError,
    NotConfiguredError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    StorageError,
    TriptychError,
    UnknownModelError,
)  # fmt: skip
from triptych.spec.image import SEEDS, Adjustment, Cost, ImageRequest, ItemFailure
from triptych.spec.routing import (
    Arrived,
    Attempt,
    AttemptEnded,
    AttemptEvent,
    AttemptStarted,
    Decided,
    Retry,
    RouteEvent,
    Waiting,
)


def two(*steps: Step, **changes: Any) -> tuple[FakeModel, FakeModel, Stage]:
    """The same model at two endpoints, the second dearer; the first plays the steps."""
    first, second = FakeModel(card("one/a"), *steps, **changes), FakeModel(card("two/a"), price=PRICE + 1)
    return first, second, Stage([first, second])


async def failing(stage: Stage, **options: Any) -> TriptychError:
    with pytest.raises(TriptychError) as caught:
        await stage.run(**options)
    assert stage.store.open() == []
    return caught.value


async def test_the_way_of_a_request_is_told_in_order_and_the_decision_is_stored_first() -> None:
    model = FakeModel(card())
    stage = Stage([model])
    result = await stage.run()
    assert [type(e) for e in stage.events] == [Decided, AttemptStarted, AttemptEvent, AttemptEnded]
    assert stage.store.decisions == [("tile_1", stage.events[0].decision)]  # type: ignore[union-attr]
    assert result.endpoint == "one/a"
    assert result.model_served == "a-v1"
    assert result.decisions == (stage.store.decisions[0][1].id,)
    assert (result.cost, result.billed) == (Cost(PRICE, "provider"), "yes")
    assert [(a.number, a.outcome, a.billed) for a in result.attempts] == [(1, "done", "yes")]
    assert [e.kind for e in stage.store.entries] == ["reserve", "settle"]
    assert stage.store.known_sum() == model.charged == PRICE


async def test_not_sent_is_tried_again_here_after_growing_waits() -> None:
    model = FakeModel(card(), fail(NotSentError, sent=False), fail(NotSentError, sent=False), OK)
    stage = Stage([model])
    result = await stage.run()
    waits = stage.told(Waiting)
    assert [(w.attempt, w.of) for w in waits] == [(2, 3), (3, 3)]
    assert 0.5 <= waits[0].seconds <= 0.6
    assert 1.0 <= waits[1].seconds <= 1.2
    assert [a.number for a in result.attempts] == [1, 2, 3]
    assert [e.kind for e in stage.store.entries] == ["reserve", "release", "reserve", "release", "reserve", "settle"]


async def test_after_the_last_try_here_it_goes_on_elsewhere() -> None:
    first, _, stage = two(fail(NotSentError, sent=False))
    result = await stage.run(model="a")
    assert len(first.submitted) == 3
    assert result.endpoint == "two/a"
    assert result.billed == "yes"
    assert result.cost == Cost(PRICE + 1, "provider")


async def test_a_provider_s_own_hint_is_waited_for_and_not_shortened() -> None:
    _, _, stage = two(fail(RateLimitedError, retry_after_s=18), OK)
    result = await stage.run(model="a")
    assert result.endpoint == "one/a"
    assert 18 <= stage.told(Waiting)[0].seconds <= 18 * 1.2


async def test_a_hint_beyond_the_limit_goes_elsewhere_at_once() -> None:
    first, _, stage = two(fail(RateLimitedError, retry_after_s=3600))
    result = await stage.run(model="a")
    assert (result.endpoint, len(first.submitted), stage.told(Waiting)) == ("two/a", 1, [])


async def test_a_hint_beyond_the_limit_with_nowhere_to_go_is_passed_on() -> None:
    stage = Stage([FakeModel(card(), fail(RateLimitedError, retry_after_s=3600))])
    error = await failing(stage)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == 3600
    assert [a.error_code for a in error.attempts if isinstance(a, Attempt)] == ["rate_limited"]


async def test_no_wait_goes_past_the_deadline() -> None:
    stage = Stage([FakeModel(card(), fail(OverloadedError, retry_after_s=20))])
    error = await failing(stage, deadline_s=15.0)
    assert isinstance(error, OverloadedError)
    assert stage.told(Waiting) == []


@pytest.mark.parametrize("error", [AuthError, BillingError, NotConfiguredError, ModelUnavailableError])
async def test_these_are_not_repeated_here_but_tried_elsewhere(error: type[TriptychError]) -> None:
    first, _, stage = two(fail(error))
    result = await stage.run(model="a")
    assert (result.endpoint, len(first.submitted)) == ("two/a", 1)


@pytest.mark.parametrize(
    "error",
    [
        AmbiguousError,
        ExpiredError,
        RejectedError,
        BadRequestError,
        BlockedError,
        HostileContentError,
        CancelledByUserError,
        ProviderFailedError,
        EmptyAnswerError,
    ],
)
async def test_these_end_it(error: type[TriptychError]) -> None:
    first, second, stage = two(fail(error))
    caught = await failing(stage, model="a")
    assert type(caught) is error
    assert (len(first.submitted), len(second.submitted)) == (1, 0)


async def test_a_failure_that_was_billed_is_not_paid_for_again_elsewhere() -> None:
    _, second, stage = two(fail(ProviderFailedError, billed="yes", amount_micro_usd=7, charge=7))
    error = await failing(stage, model="a")
    assert (error.billed, error.amount_micro_usd, second.submitted) == ("yes", 7, [])
    assert stage.store.known_sum() == 7


@pytest.mark.parametrize("error", [ProviderFailedError, EmptyAnswerError, HostileContentError, BlockedError])
async def test_what_may_have_been_billed_is_sent_nowhere_else(error: type[TriptychError]) -> None:
    first, second = FakeModel(card("one/a"), fail(error, charge=PRICE)), FakeModel(card("two/b"), price=PRICE + 1)
    stage = Stage([first, second])
    caught = await failing(stage, model="auto", allow_model_failover=True)
    assert (caught.billed, len(first.submitted), second.submitted) == ("unknown", 1, [])
    assert [(e.amount_micro_usd, e.known) for e in stage.store.of_kind("settle")] == [(PRICE, False)]


@pytest.mark.parametrize("error", [ProviderFailedError, EmptyAnswerError])
async def test_a_failure_that_cost_nothing_goes_on_elsewhere(error: type[TriptychError]) -> None:
    _, _, stage = two(fail(error, billed="no"))
    result = await stage.run(model="a")
    assert (result.endpoint, result.billed, result.cost) == ("two/a", "yes", Cost(PRICE + 1, "provider"))


async def test_a_failure_of_a_free_endpoint_goes_on_elsewhere() -> None:
    free, paid = FakeModel(card("one/a"), fail(ProviderFailedError), price=0), FakeModel(card("two/a"))
    assert (await Stage([free, paid]).run(model="a")).endpoint == "two/a"
    assert len(free.submitted) == 1


@pytest.mark.parametrize(("billed", "calls"), [("no", 2), ("unknown", 1), ("yes", 1)])
async def test_an_empty_answer_is_repeated_once_and_only_when_it_was_not_billed(billed: str, calls: int) -> None:
    model = FakeModel(card(), fail(EmptyAnswerError, billed=billed))
    error = await failing(Stage([model]))
    assert error.code == "no_image"
    assert len(model.submitted) == calls


async def test_a_block_goes_to_another_model_only_when_the_user_allowed_one() -> None:
    blocked = FakeModel(card("one/a"), fail(BlockedError, billed="no"))
    same, other = FakeModel(card("two/a"), price=PRICE + 1), FakeModel(card("three/b"), price=PRICE + 2)
    stage = Stage([blocked, same, other])
    assert isinstance(await failing(stage, model="auto"), BlockedError)
    assert (len(blocked.submitted), same.submitted, other.submitted) == (1, [], [])
    result = await stage.run(model="one/a", allow_model_failover=True)
    assert (result.endpoint, same.submitted) == ("three/b", [])


async def test_after_an_accepted_job_nothing_is_submitted_again() -> None:
    for error in (NotSentError, RateLimitedError, AuthError):
        first, second, stage = two(fail(error, accept=True))
        caught = await failing(stage, model="a")
        assert caught.billed == "unknown"
        assert (len(first.submitted), len(second.submitted)) == (1, 0)
        assert [(e.kind, e.known) for e in stage.store.entries] == [("reserve", True), ("settle", False)]


async def test_pinned_policy_does_not_fail_over() -> None:
    _, second, stage = two(fail(AuthError))
    assert isinstance(await failing(stage, model="a", policy=PINNED), AuthError)
    assert second.submitted == []


async def test_a_wait_ends_early_on_request() -> None:
    model = FakeModel(card(), fail(OverloadedError, retry_after_s=30), OK)
    stage = Stage([model], clock=StuckClock())
    assert stage.router.retry_now("tile_1") is False
    running = asyncio.ensure_future(stage.run())
    while not stage.told(Waiting):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert stage.router.retry_now("tile_2") is False
    assert stage.router.retry_now("tile_1") is True
    assert (await running).endpoint == "one/a"


async def test_seeds_that_count_up_stay_seeds() -> None:
    model = FakeModel(card())
    await Stage([model]).run(ImageRequest(prompt="x", n=3, seed=SEEDS - 2))
    assert sorted(r.seed or 0 for r in model.requests) == [0, SEEDS - 2, SEEDS - 1]


async def test_n_is_sent_as_several_calls_whose_seeds_count_up() -> None:
    model = FakeModel(card(caps={"max_images_per_call": 2}))
    model.adjustments = (Adjustment("seed", "native", "sent as asked"), Adjustment("n", "native", "sent as asked"))
    stage = Stage([model])
    result = await stage.run(ImageRequest(prompt="x", n=5, seed=7))
    assert sorted((r.n, r.seed) for r in model.requests) == [(1, 11), (2, 7), (2, 9)]
    assert [image.seed for image in result.images] == [7, 7, 9, 9, 11]
    assert result.cost == Cost(5 * PRICE, "provider")
    assert [(a.feature, a.kind) for a in result.adjustments] == [("n", "emulated"), ("seed", "emulated")]
    assert result.adjustments[0].detail == "asked for 5, sent as 3 calls"


async def test_one_failing_call_never_spoils_the_others() -> None:
    model = FakeModel(card(), OK, fail(BlockedError, billed="no"), fail(AmbiguousError, charge=PRICE), OK)
    stage = Stage([model])
    result = await stage.run(ImageRequest(prompt="x", n=4))
    assert len(result.images) == 2
    assert result.failures == (
        ItemFailure(index=1, code="blocked", message="blocked happened.", billed="no"),
        ItemFailure(index=2, code="ambiguous", message="ambiguous happened.", billed="unknown"),
    )
    assert (result.billed, result.cost) == ("yes", Cost(None, "unknown"))
    assert stage.store.open() == []


async def test_when_all_calls_fail_the_most_telling_error_is_raised_with_all_attempts() -> None:
    model = FakeModel(card(), fail(RejectedError), fail(AmbiguousError, charge=PRICE), fail(RejectedError))
    error = await failing(Stage([model]), request=ImageRequest(prompt="x", n=3))
    assert isinstance(error, AmbiguousError)
    assert (error.billed, len(error.attempts)) == ("unknown", 3)


async def test_a_call_that_goes_on_elsewhere_is_split_again_for_that_endpoint() -> None:
    first = FakeModel(card("one/a", caps={"max_images_per_call": 4}), fail(AuthError))
    second = FakeModel(card("two/a", lane="community"), price=PRICE + 1)
    stage = Stage([first, second])
    result = await stage.run(ImageRequest(prompt="x", n=4, seed=1), model="a")
    assert [r.seed for r in second.requests] == [1, 2, 3, 4]
    assert [image.seed for image in result.images] == [1, 2, 3, 4]
    assert (result.endpoint, result.lane) == ("two/a", "community")


async def test_pictures_from_different_endpoints_say_where_they_are_from() -> None:
    _, _, stage = two(OK, fail(AuthError))
    result = await stage.run(ImageRequest(prompt="x", n=2), model="a")
    assert [image.metadata["endpoint"] for image in result.images] == ["one/a", "two/a"]
    assert [image.cost for image in result.images] == [Cost(PRICE, "provider"), Cost(PRICE + 1, "provider")]


async def test_a_cap_without_room_for_all_calls_refuses_before_the_first() -> None:
    model = FakeModel(card())
    stage = Stage([model])
    error = await failing(stage, request=ImageRequest(prompt="x", n=4), caps=Caps(run=3 * PRICE))
    assert isinstance(error, BudgetError)
    assert (error.amount_micro_usd, model.submitted, stage.store.entries) == (4 * PRICE, [], [])


async def test_a_dearer_endpoint_beyond_the_cap_leaves_the_first_failure_standing() -> None:
    _, second, stage = two(fail(AuthError))
    error = await failing(stage, model="a", caps=Caps(run=PRICE))
    assert isinstance(error, AuthError)
    assert error.detail is not None
    assert "spending cap" in error.detail
    assert second.submitted == []


async def test_a_full_disk_when_the_sending_is_noted_counts_as_sent() -> None:
    stage = Stage([FakeModel(card())])

    async def tell(event: RouteEvent) -> None:
        if isinstance(event, AttemptEvent):
            raise StorageError("The disk is full.")

    error = await failing(stage, tell=tell)
    assert (error.code, error.billed) == ("storage", "unknown")
    assert stage.store.of_kind("settle")[0].known is False


async def test_a_ledger_that_cannot_be_written_leaves_the_reservation_open_and_keeps_the_picture() -> None:
    stage = Stage([FakeModel(card())])
    stage.store.fail_close = True
    result = await stage.run()
    assert len(result.images) == 1
    assert len(stage.store.open()) == 1


async def test_pictures_that_cannot_be_kept_still_end_their_attempt_for_health() -> None:
    stage = Stage([FakeModel(card())])

    async def tell(event: RouteEvent) -> None:
        if isinstance(event, Arrived):
            raise StorageError("The disk is full.")
        await stage.tell(event)

    await failing(stage, request=ImageRequest(prompt="x", n=2), tell=tell)
    assert [attempt.attempt.outcome for attempt in stage.told(AttemptEnded)] == ["done", "done"]
    (view,) = stage.router.health_view()
    assert (view.in_flight, view.success_per_mille) == (0, 1000)


async def test_a_free_model_is_never_billed_even_if_its_fate_is_unknown() -> None:
    error = await failing(Stage([FakeModel(card(), fail(AmbiguousError), price=0)]))
    assert error.billed == "no"


async def test_unknown_model_names_the_near_ones() -> None:
    stage = Stage([FakeModel(card("one/flux")), FakeModel(card("two/seedream"))])
    error = await failing(stage, model="fluxx")
    assert isinstance(error, UnknownModelError)
    assert error.param == "model"
    assert "flux" in (error.hint or "")
    assert stage.store.decisions == []


async def test_a_model_that_ended_is_told_with_its_day_and_what_came_after() -> None:
    stage = Stage([FakeModel(card("openai/gpt-image-2.5-flare")), FakeModel(card("two/gpt-image-1.5"))])
    for name in ("gpt-image-1", "openai/gpt-image-1"):
        error = await failing(stage, model=name)
        assert isinstance(error, UnknownModelError)
        assert error.message == f"There is no model “{name}” any more: it ended on 2026-10-23."
        assert error.hint == "Its successor here is openai/gpt-image-2.5-flare."
    error = await failing(stage, model="grok-imagine-image-quality")
    assert error.hint == "None that came after it is here."


async def test_a_name_that_another_still_has_is_no_model_that_ended() -> None:
    stage = Stage([FakeModel(card("box/gpt-image-1", family="gpt-image-1"))])
    assert (await stage.run(model="gpt-image-1")).endpoint == "box/gpt-image-1"


async def test_a_decision_with_nothing_to_try_is_stored_and_explained() -> None:
    stage = Stage(
        [FakeModel(card("one/a")), FakeModel(card("two/a", capabilities=card().capabilities, retires="2020-01-01"))]
    )
    stage.registry.set("one/a", ready=False, reason="No key for One. Set ONE_API_KEY.")
    error = await failing(stage, model="a")
    assert isinstance(error, NotConfiguredError)
    assert error.message == "No key for One. Set ONE_API_KEY."
    assert "two/a was retired" in (error.detail or "")
    assert [c.reason for c in stage.store.decisions[0][1].candidates] == ["no_key", "retired"]


async def test_no_models_at_all_says_so() -> None:
    assert isinstance(await failing(Stage([]), model="auto"), NotConfiguredError)


async def test_a_cooling_endpoint_is_waited_for_when_there_is_no_other() -> None:
    model = FakeModel(card(), fail(RateLimitedError, retry_after_s=40), OK)
    stage = Stage([model])
    await failing(stage, deadline_s=10.0)
    result = await stage.run()
    assert result.endpoint == "one/a"
    assert 30 < stage.told(Waiting)[0].seconds <= 40


async def test_a_cooling_endpoint_is_left_for_another() -> None:
    first, _, stage = two(fail(RateLimitedError, retry_after_s=40))
    await stage.run(model="a", policy=replace(CHEAPEST, retry=Retry(max_attempts=1)))
    assert (await stage.run(model="a")).endpoint == "two/a"
    assert len(first.submitted) == 1


async def test_a_cooldown_beyond_the_limit_is_an_error_that_says_when_and_why() -> None:
    stage = Stage([FakeModel(card(), fail(RateLimitedError, retry_after_s=500))])
    await failing(stage)
    error = await failing(stage)
    assert isinstance(error, OverloadedError)
    assert error.retry_after_s == pytest.approx(500)
    assert "rate_limited happened." in error.message


async def test_what_it_would_decide_touches_nothing() -> None:
    _, _, stage = two()
    decision = stage.router.decide_for(ImageRequest(prompt="x"), "a", max_price_micro_usd=PRICE)
    assert decision.order == ("one/a",)
    assert (stage.store.decisions, stage.store.entries, stage.events) == ([], [], [])
    with pytest.raises(UnknownModelError):
        stage.router.decide_for(ImageRequest(prompt="x"), "nope")


async def test_a_provider_that_gave_a_job_back_unworked_is_left_for_another() -> None:
    first, _, stage = two(fail(OverloadedError, accept=True))
    result = await stage.run(model="a")
    assert (result.endpoint, len(first.submitted)) == ("two/a", 1)


async def test_nothing_new_is_begun_after_the_deadline() -> None:
    _, second, stage = two(replace(fail(AuthError), seconds=20.0))
    assert isinstance(await failing(stage, model="a", deadline_s=15.0), AuthError)
    assert second.submitted == []


async def test_a_breaker_that_opens_meanwhile_is_waited_for() -> None:
    stage = Stage([FakeModel(card(), *[fail(NotSentError, sent=False)] * 5, OK)])
    await stage.run(policy=replace(CHEAPEST, retry=Retry(max_attempts=6)))
    assert [wait.seconds >= 30 for wait in stage.told(Waiting)] == [False, False, False, False, True]


async def test_a_cooldown_ends_early_on_request() -> None:
    model = FakeModel(card(), fail(RateLimitedError, retry_after_s=40), OK)
    stage = Stage([model], clock=StuckClock())
    await failing(stage, deadline_s=10.0)
    running = asyncio.ensure_future(stage.run())
    while not stage.told(Waiting):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert stage.router.retry_now("tile_1") is True
    assert (await running).endpoint == "one/a"
    assert len(stage.told(Waiting)) == 1
