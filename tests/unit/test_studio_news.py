"""What pages are told of a tile that was given to an endpoint: with the word that it was sent, or soon without it."""

import asyncio
from pathlib import Path

from tests.unit.studio_doubles import WIRE, bench, model, picture, result, until

from triptych.spec.image import ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.studio.planning import Asked

GIVEN = {"endpoint", "lane"}


async def test_an_endpoint_that_takes_its_time_before_it_sends_is_named_within_a_moment(tmp_path: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def play(request: ImageRequest, context: CallContext) -> ImageResult:
        asked.set()
        await go.wait()
        await context.tell(Sent(WIRE))
        return result(picture())

    async with bench(tmp_path, model("a/one", play=play)) as b:
        start, seen = b.bus.last_id(), b.bus.subscribe(None)
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        assert (await anext(seen)).type == "run"
        upcoming = asyncio.ensure_future(anext(seen))
        await asked.wait()
        await asyncio.sleep(0)
        assert not upcoming.done()
        assert (await b.studio.tile(run.tiles[0].record.id)).record.endpoint == "a/one"  # stored all the same
        b.clock.advance(0.06)
        await until(upcoming.done)
        assert set(upcoming.result().data) >= GIVEN
        assert "state" not in upcoming.result().data
        go.set()
        sent = (await anext(seen)).data
        assert (sent["state"], GIVEN & set(sent)) == ("sent", set())
        await b.studio.wait_run(run.record.id)
        later = b.bus.subscribe(start)  # who comes back is told the same
        told = [await anext(later) for _ in range(4)]
        assert [event.type for event in told] == ["run", "tile", "tile", "tile"]
        assert set(told[1].data) >= GIVEN
        assert [event.data.get("state") for event in told[1:3]] == [None, "sent"]
