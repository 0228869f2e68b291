"""A tile whose pictures are made by several jobs at a provider: after a restart each goes on, and none is sent again."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.studio_doubles import WIRE, Bench, FakeModel, bench, model, picture, result

from triptych.spec.errors import ExpiredError
from triptych.spec.image import Cost, ImageRequest, ImageResult
from triptych.spec.model import Accepted, CallContext, JobHandle, Sent
from triptych.studio.views import TileView

EACH = 10_000
PLACES = {0: "job-0", 1: "job-1", 2: "job-2"}


def handle(name: str) -> JobHandle:
    return JobHandle(provider="a", endpoint="a/one", job_id=name, state={})


def jobs(ends: int | None) -> FakeModel:
    """One picture a call, each by a job of its own, told apart by the seed; only the one at place `ends` ever ends."""

    async def play(request: ImageRequest, context: CallContext) -> ImageResult:
        place = (request.seed or 0) - 100
        await context.tell(Sent(WIRE))
        await context.tell(Accepted(handle(PLACES[place])))
        if place != ends:
            await asyncio.Event().wait()
        return painted(request)

    return model("a/one", play=play, seed=True)


def painted(request: ImageRequest) -> ImageResult:
    return result(picture(40, request.seed or 0), cost=Cost(EACH, "provider"))


async def goes_on(request: ImageRequest, context: CallContext) -> ImageResult:
    await asyncio.sleep(0)
    return painted(request)


async def start_and_die(b: Bench, *, came: int) -> str:
    request = ImageRequest(prompt="x", n=3, seed=100)
    tile = (await b.studio.start_single(request, model="a/one")).tiles[0].record.id
    async with asyncio.timeout(60):
        while True:
            attempts = await b.store.attempts_of(tile)
            ended = [one for one in attempts if one.outcome == "done"]
            if sum(one.job is not None for one in attempts) == 3 and len(ended) == came:
                return tile
            await asyncio.sleep(0.002)


async def after_a_crash(b: Bench, *, came: int) -> TileView:
    tile = await start_and_die(b, came=came)
    second = b.restarted()
    await second.recover()
    view = await second.wait(tile)
    live = b.studio._tiles.get(tile)
    assert live is not None
    assert live.task is not None
    live.task.cancel()
    return view


async def books(b: Bench, tile: str) -> list[tuple[int, bool]]:
    entries = await b.store.ledger(tile_id=tile)
    held = [one.reservation for one in entries if one.kind == "reserve" and one.endpoint]
    closed = [one for one in entries if one.kind == "settle"]
    assert sorted(held) == sorted(one.reservation for one in closed), "each is settled, once"
    return [(one.amount_micro_usd, one.known) for one in closed]


@pytest.mark.parametrize("ended", [None, 1])
async def test_every_job_goes_on_and_nothing_is_sent_again(tmp_path: Path, ended: int | None) -> None:
    one = jobs(ended)
    one.replay = goes_on
    async with bench(tmp_path, one) as b:
        view = await after_a_crash(b, came=0 if ended is None else 1)
        assert (view.record.state, view.record.billed) == ("done", "yes")
        assert [shot.height for shot in view.pictures] == [100, 101, 102]
        assert [shot.position for shot in view.pictures] == [0, 1, 2]
        assert len(one.asked) == 3
        assert [job.job_id for job in one.resumed] == [name for place, name in PLACES.items() if place != ended]
        assert view.record.cost == Cost(3 * EACH, "provider")
        assert await books(b, view.record.id) == [(EACH, True)] * 3
        assert [note for note in view.record.adjustments if note.feature == "pictures"] == []


async def test_a_job_that_is_gone_takes_no_other_with_it(tmp_path: Path) -> None:
    one = jobs(1)

    async def forgets(request: ImageRequest, context: CallContext) -> ImageResult:
        if request.seed == 102:
            raise ExpiredError("It has forgotten this job.")
        return await goes_on(request, context)

    one.replay = forgets
    async with bench(tmp_path, one) as b:
        view = await after_a_crash(b, came=1)
        assert view.record.state == "done"
        assert [shot.position for shot in view.pictures] == [0, 1]
        (note,) = [note for note in view.record.adjustments if note.feature == "pictures"]
        assert note.detail == "1 of 3 pictures did not come: It has forgotten this job."
        assert sorted(known for _, known in await books(b, view.record.id)) == [False, True, True]


async def test_a_stop_in_order_leaves_every_job_to_be_gone_on_with(tmp_path: Path) -> None:
    one = jobs(0)
    one.replay = goes_on
    async with bench(tmp_path, one) as b:
        tile = await start_and_die(b, came=1)
        await b.studio.shutdown()
        second = b.restarted()
        await second.recover()
        view = await second.wait(tile)
        assert (view.record.state, len(view.pictures), len(one.asked)) == ("done", 3, 3)
        assert [job.job_id for job in one.resumed] == ["job-1", "job-2"]
