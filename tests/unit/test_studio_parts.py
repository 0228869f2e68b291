"""Tiles whose pictures come by several calls: each is kept when it comes, whatever becomes of the others."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.studio_doubles import WIRE, FakeModel, bench, model, picture, result, until

from triptych.spec.errors import BlockedError
from triptych.spec.image import Cost, ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.spec.records import FINAL_STATES, PictureRecord, TileRecord
from triptych.studio.service import Studio


def halting(after: int) -> FakeModel:
    """A model with one picture a call that answers the first calls and then no more."""
    calls: list[ImageRequest] = []

    async def play(request: ImageRequest, context: CallContext) -> ImageResult:
        calls.append(request)
        number = len(calls)
        await context.tell(Sent(WIRE))
        if number > after:
            await asyncio.Event().wait()
        return result(picture(40, 40 + number), cost=Cost(10_000, "provider"))

    return model("a/one", play=play)


async def pictures_of(studio: Studio, tile: str) -> int:
    return len((await studio.tile(tile)).pictures)


async def when_there_are(studio: Studio, tile: str, count: int) -> None:
    async with asyncio.timeout(60):
        while await pictures_of(studio, tile) < count:
            await asyncio.sleep(0.002)


async def refuses(request: ImageRequest, context: CallContext) -> ImageResult:
    await context.tell(Sent(WIRE))
    raise BlockedError("Not this.")


@pytest.mark.parametrize(("one", "n", "state"), [
    (model("a/one"), 1, "done"), (model("a/one"), 3, "done"), (model("a/one", max_images_per_call=4), 3, "done"),
    (model("a/one", play=refuses), 1, "blocked"),
])  # fmt: skip
async def test_nobody_sees_what_the_store_does_not_know_yet(one: FakeModel, n: int, state: str, tmp_path: Path) -> None:
    async with bench(tmp_path, one) as b:
        save, writes = b.store.save_tile, 0

        async def looks(tile: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None:
            nonlocal writes
            for _ in range(5):  # others have their turn, too
                await asyncio.sleep(0)
            view, writes = await b.studio.tile(tile.id), writes + 1
            assert view.record.state not in FINAL_STATES
            for shown in view.pictures:
                assert (await b.studio.pictures.record(shown.id)).tile_id == tile.id
            await save(tile, pictures)

        b.store.save_tile = looks  # type: ignore[method-assign]
        id_ = (await b.studio.start_single(ImageRequest(prompt="x", n=n), model="a/one")).tiles[0].record.id
        ended = await b.studio.wait(id_)
        assert (ended.record.state, len(ended.pictures)) == (state, n if state == "done" else 0)
        assert ended.record.error is None or ended.record.error.code != "internal_error"
        assert writes


async def test_pictures_are_announced_one_by_one_and_keep_their_places(tmp_path: Path) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    started: list[int] = []

    async def play(request: ImageRequest, context: CallContext) -> ImageResult:
        number = len(started)
        started.append(number)
        await context.tell(Sent(WIRE))
        await gates[number].wait()
        return result(picture(40, 40 + number))

    async with bench(tmp_path, model("a/one", play=play)) as b:
        seen = b.bus.subscribe(None)
        id_ = (await b.studio.start_single(ImageRequest(prompt="x", n=3), model="a/one")).tiles[0].record.id
        await until(lambda: len(started) == 3)
        for count, number in enumerate((2, 0, 1), 1):
            gates[number].set()
            await when_there_are(b.studio, id_, count)
        before = {shot.id: shot.position for shot in (await b.studio.tile(id_)).pictures}
        ended = await b.studio.wait(id_)
        assert [shot.height for shot in ended.pictures] == [40, 41, 42]
        assert {shot.id: shot.position for shot in ended.pictures} == before
        stored = (await b.store.pictures_of([id_]))[id_]
        assert [shot.id for shot in stored] == [shot.id for shot in ended.pictures]
        counts: list[int] = []
        while not counts or counts[-1] < 3:
            event = await anext(seen)
            images = event.data.get("images")
            if event.type == "tile" and isinstance(images, list):
                counts.append(len(images))
        assert counts == [1, 2, 3]


async def test_a_stopped_tile_keeps_what_came_and_says_what_it_cost(tmp_path: Path) -> None:
    async with bench(tmp_path, halting(2)) as b:
        id_ = (await b.studio.start_single(ImageRequest(prompt="x", n=4), model="a/one")).tiles[0].record.id
        await when_there_are(b.studio, id_, 2)
        ended = await b.studio.cancel(id_)
        assert (ended.record.state, ended.record.billed) == ("cancelled", "yes")
        assert ended.record.error is not None
        assert "2 of 4 arrived before that" in ended.record.error.message
        assert len((await b.store.pictures_of([id_]))[id_]) == 2


async def test_pictures_on_their_way_into_the_store_are_kept_when_somebody_stops(tmp_path: Path) -> None:
    async with bench(tmp_path, halting(1)) as b:
        keep, coming, gate = b.blobs.put, asyncio.Event(), asyncio.Event()

        async def slow(data: bytes, sha256: str | None = None) -> str:
            coming.set()
            await gate.wait()
            return await keep(data)

        b.blobs.put = slow  # type: ignore[method-assign]
        id_ = (await b.studio.start_single(ImageRequest(prompt="x", n=2), model="a/one")).tiles[0].record.id
        await coming.wait()
        stopping = asyncio.create_task(b.studio.cancel(id_))
        await asyncio.sleep(0)
        gate.set()
        assert len((await stopping).pictures) == 1


async def test_after_a_crash_the_pictures_that_came_are_there(tmp_path: Path) -> None:
    async with bench(tmp_path, halting(2)) as b:
        id_ = (await b.studio.start_single(ImageRequest(prompt="x", n=4), model="a/one")).tiles[0].record.id
        await when_there_are(b.studio, id_, 2)
        second = b.restarted()
        assert await second.recover() == 1
        tile = await second.tile(id_)
        assert (tile.record.state, len(tile.pictures)) == ("lost", 2)
        assert tile.record.error is not None
        assert "2 of 4 arrived before that" in tile.record.error.message
