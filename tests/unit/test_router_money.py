"""Over any sequence of faults and stops, the ledger agrees with what the providers took."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.router_doubles import OK, PRICE, FakeModel, Stage, Step, card, fail

from triptych.router.budget import Caps
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BlockedError,
    EmptyAnswerError,
    HostileContentError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)  # fmt: skip
from triptych.spec.image import ImageRequest
from triptych.spec.routing import AttemptEnded, AttemptStarted

_CHARGED: dict[str, Any] = {"billed": "yes", "amount_micro_usd": PRICE // 2, "charge": PRICE // 2}
HONEST = [
    OK,
    Step(charge=PRICE // 3),
    fail(NotSentError, sent=False),
    fail(OverloadedError),
    fail(RateLimitedError, retry_after_s=5),
    fail(RateLimitedError, retry_after_s=500),
    fail(AuthError),
    fail(RejectedError),
    fail(BlockedError, billed="no"),
    fail(BlockedError, **_CHARGED),
    fail(ProviderFailedError, billed="no", accept=True),
    fail(ProviderFailedError, **_CHARGED),
    fail(EmptyAnswerError, billed="no"),
]
"""Steps whose provider says truly what it took."""
SILENT = [
    Step(tell_cost=False, say="unknown"),
    Step(tell_cost=False),
    fail(AmbiguousError, charge=PRICE),
    fail(AmbiguousError),
    fail(ProviderFailedError, charge=PRICE),
    fail(EmptyAnswerError, charge=PRICE),
    fail(HostileContentError, charge=PRICE),
    fail(NotSentError, accept=True, charge=PRICE),
    fail(RateLimitedError, accept=True, charge=PRICE),
    fail(AuthError, accept=True, charge=PRICE),
    fail(BlockedError, charge=PRICE),
]
"""Steps after which nobody can tell."""

_script = st.lists(st.sampled_from([*HONEST, *SILENT]), min_size=1, max_size=6)
_honest = st.lists(st.sampled_from(HONEST), min_size=1, max_size=6)
_caps = st.none() | st.integers(0, 8 * PRICE)


def _stage(first: list[Step], second: list[Step], per_call: int) -> Stage:
    return Stage(
        [FakeModel(card("one/a", caps={"max_images_per_call": per_call}), *first), FakeModel(card("two/a"), *second)]
    )


async def _play(stage: Stage, n: int, caps: Caps, stop_after: int | None, seed: int | None = None) -> None:
    running = asyncio.ensure_future(
        stage.run(
            ImageRequest(prompt="x", n=n, seed=seed),
            model="a",
            caps=caps,
            api_key="k",
            project="p",
            allow_model_failover=True,
        )
    )
    if stop_after is not None:
        for _ in range(stop_after):
            await asyncio.sleep(0)
        running.cancel()
    try:
        await running
    except (TriptychError, asyncio.CancelledError):
        return


@settings(max_examples=150, deadline=None)
@given(_honest, _honest, st.integers(1, 4), st.integers(1, 4), _caps)
async def test_what_is_known_is_exactly_what_was_charged(
    first: list[Step], second: list[Step], per_call: int, n: int, cap: int | None
) -> None:
    stage = _stage(first, second, per_call)
    await _play(stage, n, Caps(run=cap, key=cap, project=cap), None)
    assert stage.store.known_sum() == sum(model.charged for model in stage.models)
    assert all(entry.known for entry in stage.store.entries)


@settings(max_examples=250, deadline=None)
@given(
    first=_script,
    second=_script,
    per_call=st.integers(1, 4),
    n=st.integers(1, 4),
    cap=_caps,
    stop_after=st.none() | st.integers(0, 60),
)
async def test_no_fault_and_no_stop_unbalances_the_ledger(
    *, first: list[Step], second: list[Step], per_call: int, n: int, cap: int | None, stop_after: int | None
) -> None:
    stage = _stage(first, second, per_call)
    await _play(stage, n, Caps(run=cap, day=cap, project=cap), stop_after)
    store = stage.store
    assert store.open() == []
    closings = Counter(entry.reservation for entry in store.entries if entry.kind != "reserve")
    assert set(closings.values()) <= {1}
    assert cap is None or all(spent <= cap for spent in store.highest.values())
    spent = await store.spend()
    assert cap is None or spent.amount_micro_usd <= cap
    charged = sum(model.charged for model in stage.models)
    unknown = sum(e.amount_micro_usd for e in store.of_kind("settle") if not e.known)
    assert store.known_sum() <= charged <= store.known_sum() + unknown


@settings(max_examples=150, deadline=None)
@given(_script, _script, st.none() | st.integers(0, 60))
async def test_after_an_ambiguous_end_nothing_is_sent_again(
    first: list[Step], second: list[Step], stop_after: int | None
) -> None:
    stage = _stage(first, second, 1)
    await _play(stage, 1, Caps(), stop_after)
    ended = [event.attempt for event in stage.told(AttemptEnded)]
    submitted = sum(len(model.submitted) for model in stage.models)
    assert submitted <= len(ended) == len({attempt.id for attempt in ended})
    assert stop_after is not None or submitted == len(ended)
    codes = [attempt.error_code for attempt in ended]
    assert "ambiguous" not in codes[:-1]
    assert "cancelled" not in codes[:-1]
    assert all(attempt.billed == "no" for attempt in ended[:-1])
    assert all(attempt.outcome == "failed" for attempt in ended[:-1])


@settings(max_examples=150, deadline=None)
@given(_script, _script, st.integers(1, 4), st.integers(1, 4))
async def test_no_part_of_a_request_may_be_paid_for_twice(
    first: list[Step], second: list[Step], per_call: int, n: int
) -> None:
    """A picture is known by its seed: whoever may have been paid for it was the last to be asked for it."""
    stage = _stage(first, second, per_call)
    await _play(stage, n, Caps(), None, seed=100)
    asked = {
        call: range(request.seed or 0, (request.seed or 0) + request.n)
        for model in stage.models
        for call, request in zip(model.submitted, model.requests, strict=True)
    }
    ended = [event.attempt for event in stage.told(AttemptEnded)]
    for seed in range(100, 100 + n):
        billed = [attempt.billed for attempt in ended if seed in asked[attempt.id]]
        assert billed
        assert set(billed[:-1]) <= {"no"}


_dear = st.lists(st.sampled_from([OK, Step(charge=5 * PRICE), fail(AuthError)]), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(_dear, _dear, st.integers(1, 4), st.integers(PRICE, 30 * PRICE))
async def test_after_a_charge_above_the_cap_nothing_more_is_sent(
    first: list[Step], second: list[Step], n: int, cap: int
) -> None:
    """A call sent was one that had room; what passes the cap is the surprise of calls that were out already, and where
    so little is left that a surprise could pass the cap, that is one."""
    stage = _stage(first, second, 1)
    for _ in range(3):
        await _play(stage, n, Caps(day=cap), None)
    charged = sum(model.charged for model in stage.models)
    assert charged <= cap - PRICE + 5 * PRICE
    submitted = [len(model.submitted) for model in stage.models]
    if charged >= cap:
        await _play(stage, n, Caps(day=cap), None)
        assert [len(model.submitted) for model in stage.models] == submitted


async def test_side_by_side_where_every_cap_could_hold_a_surprise_and_else_one_after_another() -> None:
    for cap, side_by_side in ((3 * 5 * PRICE, True), (3 * 5 * PRICE - 1, False), (None, True)):
        model = FakeModel(card())
        stage = Stage([model])
        await _play(stage, 3, Caps(project=cap), None)
        told = [type(event) for event in stage.events if isinstance(event, AttemptStarted | AttemptEnded)]
        assert (told[:3] == [AttemptStarted] * 3) is side_by_side
        assert len(model.submitted) == 3


async def test_of_calls_side_by_side_every_one_may_be_a_surprise_and_no_further_is_sent() -> None:
    model = FakeModel(card(), Step(charge=20 * PRICE))
    stage = Stage([model])
    caps = Caps(run=15 * PRICE)
    await _play(stage, 3, caps, None)
    await _play(stage, 3, caps, None)
    assert (len(model.submitted), model.charged) == (3, 60 * PRICE)
