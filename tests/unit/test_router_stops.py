"""Stops, faults and restarts: whatever happens, the reservation is closed and the attempt is told as ended."""

import asyncio
from typing import Any

import pytest
from tests.unit.router_doubles import OK, PRICE, FakeModel, FakeStore, Stage, Step, card, fail

from triptych.router.errand import DETACH
from triptych.spec.errors import (
    AmbiguousError,
    ExpiredError,
    NotSentError,
    StorageError,
    TriptychError,
)  # fmt: skip
from triptych.spec.image import Cost, ImageRequest
from triptych.spec.records import AttemptRecord, LedgerEntry
from triptych.spec.routing import Arrived, AttemptEnded, AttemptStarted, Decided, Leg, RouteEvent


async def failing(stage: Stage, **options: Any) -> TriptychError:
    with pytest.raises(TriptychError) as caught:
        await stage.run(**options)
    assert stage.store.open() == []
    return caught.value


@pytest.mark.parametrize(
    ("step", "kind", "billed"),
    [
        (Step(hang=True, sent=False, charge=0), "release", "no"),
        (Step(hang=True), "settle", "unknown"),
        (Step(hang=True, accept=True), "settle", "unknown"),
    ],
)
async def test_a_stop_closes_the_reservation_and_tells_what_it_means(step: Step, kind: str, billed: str) -> None:
    model = FakeModel(card(caps={"cancel": True}), step)
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run())
    await model.started.wait()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [e.kind for e in stage.store.entries] == ["reserve", kind]
    ended = stage.told(AttemptEnded)[0].attempt
    assert (ended.error_code, ended.billed) == ("cancelled", billed)
    assert len(model.cancelled) == int(step.accept)


async def test_a_stop_of_a_free_call_costs_nothing() -> None:
    model = FakeModel(card(caps={"cancel": True}), Step(hang=True, accept=True), price=0)
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run())
    await model.started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stage.told(AttemptEnded)[0].attempt.billed == "no"
    assert stage.store.open() == []


async def test_a_stop_while_the_reservation_is_written_takes_it_back() -> None:
    stage = Stage([FakeModel(card())])
    stage.store.gate = asyncio.Event()
    running = asyncio.ensure_future(stage.run())
    while not stage.told(Decided):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    stage.store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [e.kind for e in stage.store.entries] == ["reserve", "release"]


async def test_a_job_is_left_to_be_resumed_when_the_process_ends() -> None:
    model = FakeModel(card(caps={"cancel": True, "max_images_per_call": 1}), Step(hang=True, accept=True))
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run(ImageRequest(prompt="x", n=2)))
    while len(model.submitted) < 2:
        await asyncio.sleep(0)
    running.cancel(DETACH)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (len(stage.store.open()), model.cancelled, stage.told(AttemptEnded)) == (2, [], [])
    model.steps = [OK]
    result = await stage.router.resume(
        [Leg(model.job())], ImageRequest(prompt="x", n=2), run_id="run_1", tile_id="tile_1", tell=stage.tell
    )
    assert (len(result.images), [f.billed for f in result.failures]) == (1, ["unknown"])
    assert [(e.kind, e.known) for e in stage.store.entries[2:]] == [("settle", False), ("settle", True)]
    assert stage.router.health_view()[0].in_flight == 0


async def test_a_call_without_a_job_is_closed_when_the_process_ends() -> None:
    model = FakeModel(card(), Step(hang=True))
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run())
    await model.started.wait()
    running.cancel(DETACH)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(e.kind, e.known) for e in stage.store.entries] == [("reserve", True), ("settle", False)]
    assert stage.told(AttemptEnded)[0].attempt.billed == "unknown"


async def test_a_second_stop_does_not_reach_the_closing_of_the_reservation() -> None:
    model = FakeModel(card(), Step(hang=True))
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run())
    await model.started.wait()
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(5):
        await asyncio.sleep(0)
    assert [e.kind for e in stage.store.entries] == ["reserve", "settle"]


async def test_a_fault_in_one_of_several_calls_does_not_lose_the_pictures_of_the_others() -> None:
    stage = Stage([FakeModel(card(), Step(crash=True), fail(NotSentError, sent=False), OK)])
    made = await stage.run(ImageRequest(prompt="x", n=2))
    assert len(made.images) == 1
    assert [(failure.index, failure.billed) for failure in made.failures] == [(0, "unknown")]
    assert [e.kind for e in stage.store.entries[-2:]] == ["reserve", "settle"]
    assert stage.store.known_sum() == PRICE
    assert stage.store.open() == []


async def test_a_fault_in_all_of_several_calls_is_raised_after_all_have_ended() -> None:
    stage = Stage([FakeModel(card(), Step(crash=True))])
    with pytest.raises(RuntimeError):
        await stage.run(ImageRequest(prompt="x", n=2))
    assert [e.kind for e in stage.store.entries] == ["reserve", "reserve", "settle", "settle"]


async def test_pictures_are_not_lost_with_the_word_that_their_attempt_ended() -> None:
    stage = Stage([FakeModel(card())])

    async def forgetful(event: RouteEvent) -> None:
        if isinstance(event, AttemptEnded):
            raise StorageError("The database is locked.")

    made = await stage.run(tell=forgetful)
    assert (len(made.images), made.billed) == (1, "yes")
    assert [e.kind for e in stage.store.entries] == ["reserve", "settle"]


async def test_several_calls_keep_what_came_when_one_could_not_be_written_down() -> None:
    stage = Stage([FakeModel(card())])
    begun: list[RouteEvent] = []

    async def forgetful(event: RouteEvent) -> None:
        if isinstance(event, AttemptStarted):
            begun.append(event)
            if len(begun) == 2:
                raise StorageError("The database is locked.")

    made = await stage.run(ImageRequest(prompt="x", n=2), tell=forgetful)
    assert (len(made.images), [failure.code for failure in made.failures]) == (1, ["storage"])
    assert stage.store.open() == []


async def test_a_stop_of_one_of_several_calls_closes_them_all() -> None:
    model = FakeModel(card(), Step(hang=True))
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run(ImageRequest(prompt="x", n=3)))
    while len(model.submitted) < 3:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(stage.store.of_kind("settle")) == 3
    assert stage.store.open() == []


async def test_a_fault_in_a_model_closes_the_reservation_and_ends_the_attempt() -> None:
    stage = Stage([FakeModel(card(), Step(crash=True))])
    with pytest.raises(RuntimeError):
        await stage.run()
    assert [(e.kind, e.known) for e in stage.store.entries] == [("reserve", True), ("settle", False)]
    assert stage.told(AttemptEnded)[0].attempt.error_code == "internal"


async def test_a_model_that_never_ends_is_given_up_and_may_have_been_billed() -> None:
    stage = Stage([FakeModel(card(), Step(hang=True, sent=False))], grace_s=0.01)
    error = await failing(stage, deadline_s=0.0)
    assert isinstance(error, AmbiguousError)
    assert error.billed == "unknown"


async def test_resume_goes_on_with_the_job_on_its_own_reservation() -> None:
    model = FakeModel(card(), Step(hang=True, accept=True))
    stage = Stage([model])
    running = asyncio.ensure_future(stage.run())
    await model.started.wait()
    before = list(stage.store.entries)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stage.store.entries = before  # as a crash leaves it: reserved and never closed
    stage.store.attempts["tile_1"] = (
        AttemptRecord(id="att_1", tile_id="tile_1", number=1, endpoint="one/a", started_ms=0),
    )
    model.steps = [OK]
    result = await stage.router.resume(
        [Leg(model.job())], ImageRequest(prompt="x", n=2), run_id="run_1", tile_id="tile_1", tell=stage.tell
    )
    assert (len(model.submitted), len(model.resumed), len(result.images)) == (1, 1, 1)
    assert [f.billed for f in result.failures] == ["unknown"]
    assert result.cost == Cost(None, "unknown")
    assert [a.number for a in result.attempts] == [2]
    assert [(e.kind, e.known) for e in stage.store.entries] == [("reserve", True), ("settle", True)]


async def test_resume_that_cannot_reach_the_provider_may_have_been_billed() -> None:
    model = FakeModel(card(), fail(NotSentError))
    stage = Stage([model])
    with pytest.raises(AmbiguousError) as caught:
        await stage.router.resume(
            [Leg(model.job())], ImageRequest(prompt="x"), run_id="r", tile_id="t", tell=stage.tell
        )
    assert caught.value.billed == "unknown"
    assert model.submitted == []


async def test_resume_at_an_endpoint_that_is_gone_settles_as_unknown() -> None:
    model = FakeModel(card())
    stage = Stage([model])
    payer_entry = (await stage.run(), stage.store.of_kind("reserve"))[1][0]
    stage.store.entries = [payer_entry]
    stage.registry.known = {}
    with pytest.raises(ExpiredError):
        await stage.router.resume(
            [Leg(model.job())], ImageRequest(prompt="x"), run_id="r", tile_id="tile_1", tell=stage.tell
        )
    assert [(e.kind, e.known) for e in stage.store.entries] == [("reserve", True), ("settle", False)]


async def test_a_stop_while_the_money_is_settled_does_not_lose_the_picture_of_that_call() -> None:
    class Slow(FakeStore):
        gate_of_close = asyncio.Event()

        async def close_reservation(self, entry: LedgerEntry, fee: LedgerEntry | None = None) -> bool:
            await self.gate_of_close.wait()
            return await super().close_reservation(entry, fee)

    slow = Slow()
    stage = Stage([FakeModel(card(), OK, Step(hang=True))], store=slow)
    running = asyncio.ensure_future(stage.run(ImageRequest(prompt="x", n=2)))
    async with asyncio.timeout(60):
        while not stage.told(Arrived):
            await asyncio.sleep(0)
    running.cancel()
    slow.gate_of_close.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [event.offset for event in stage.told(Arrived)] == [0]
    assert stage.store.open() == []
    assert stage.store.known_sum() == PRICE
