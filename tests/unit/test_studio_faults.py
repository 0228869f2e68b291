"""What becomes of pictures that were paid for when the store is away, or when somebody stops at the wrong moment."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.unit.studio_doubles import WIRE, bench, model, picture, result

from triptych.spec.errors import StorageError
from triptych.spec.image import ImageRequest, ImageResult
from triptych.spec.model import CallContext, Progress, Sent
from triptych.spec.records import PictureRecord, TileRecord
from triptych.studio.planning import Asked


async def test_a_stop_while_the_end_is_stored_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        keep, ending, gate = b.store.save_tile, asyncio.Event(), asyncio.Event()

        async def slow(tile: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None:
            if tile.state == "done":
                ending.set()
                await gate.wait()
            await keep(tile, pictures)

        b.store.save_tile = slow  # type: ignore[method-assign]
        id_ = (await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id
        await ending.wait()
        stopping = [asyncio.create_task(b.studio.cancel(id_)), asyncio.create_task(b.studio.shutdown())]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*stopping)
        ended = await b.studio.tile(id_)
        assert (ended.record.state, len(ended.pictures)) == ("done", 1)


async def test_a_picture_outlives_a_database_that_is_away_for_a_moment(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        keep, away, tried = b.store.save_tile, [True], asyncio.Event()

        async def locked(tile: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None:
            if away[0]:
                if tile.state == "done":
                    tried.set()
                raise StorageError("The database is locked.")
            await keep(tile, pictures)

        async def draws(request: ImageRequest, context: CallContext) -> ImageResult:
            await context.tell(Sent(WIRE))
            b.store.save_tile = locked  # type: ignore[method-assign]
            await context.tell(Progress(fraction=0.5))
            return result(picture())

        b.registry.models["a/one"] = model("a/one", play=draws)
        id_ = (await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id
        waiting = asyncio.create_task(b.studio.wait(id_))
        async with asyncio.timeout(60):
            await tried.wait()
            assert not waiting.done()
            assert (await b.studio.tile(id_)).record.state == "receiving"
            away[0] = False
            while not waiting.done():
                b.clock.advance(30)
                await asyncio.sleep(0.002)
        assert ((await waiting).record.state, (await waiting).record.billed) == ("done", "yes")
        kept = await b.store.tile(id_)
        assert kept is not None
        assert kept.state == "done"
