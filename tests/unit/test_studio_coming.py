"""Pictures that were on their way into the store when the process died: those whose bytes are kept are not lost."""

import asyncio
from pathlib import Path

from tests.unit.studio_doubles import WIRE, Bench, Play, bench, model, picture, result

from triptych.spec.errors import StorageError
from triptych.spec.image import Cost, ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.studio.views import TileView

COST = Cost(67_000, "table")


async def several(request: ImageRequest, context: CallContext) -> ImageResult:
    await context.tell(Sent(WIRE))
    return result(*(picture(40, 40 + place) for place in range(request.n)))


async def dies_with(b: Bench, n: int, kept: int) -> tuple[str, asyncio.Event]:
    """A tile whose process dies with so many of its files kept; the next process has looked after it. The event lets
    the writes that never came through fail."""
    put, left, there, over = b.blobs.put, [kept], asyncio.Event(), asyncio.Event()

    async def keep(data: bytes, sha256: str | None = None) -> str:
        if left[0] > 0:
            await put(data, sha256)
        left[0] -= 1
        if left[0] <= 0:
            there.set()
            await over.wait()
            raise StorageError("The process is gone.")
        return sha256 or ""

    b.blobs.put = keep  # type: ignore[method-assign]
    run = await b.studio.start_single(ImageRequest(prompt="x", n=n), model="a/one")
    async with asyncio.timeout(60):
        await there.wait()
    b.blobs.put = put  # type: ignore[method-assign]
    await b.restarted().recover()
    return run.tiles[0].record.id, over


async def seen(b: Bench, tile: str) -> TileView:
    view = await b.restarted().tile(tile)
    live = b.studio._tiles.get(tile)
    assert live is not None
    assert live.task is not None
    live.task.cancel()
    return view


async def made(tmp_path: Path, play: Play, *, per_call: int, n: int, kept: int) -> tuple[TileView, int]:
    one = model("a/one", play=play, max_images_per_call=per_call)
    async with bench(tmp_path, one) as b:
        tile, over = await dies_with(b, n, kept)
        view = await seen(b, tile)
        over.set()
        for shot in view.pictures:
            assert await b.blobs.has(shot.sha256)
        return view, len(one.asked)


async def test_a_picture_whose_file_was_kept_is_done(tmp_path: Path) -> None:
    view, asked = await made(tmp_path, several, per_call=4, n=1, kept=1)
    assert (view.record.state, view.record.billed, view.record.cost) == ("done", "yes", COST)
    assert (len(view.pictures), asked) == (1, 1)
    assert view.record.coming == ()


async def test_of_several_pictures_those_are_shown_whose_files_were_kept(tmp_path: Path) -> None:
    view, asked = await made(tmp_path, several, per_call=4, n=3, kept=2)
    assert (view.record.state, view.record.billed, asked) == ("done", "yes", 1)
    assert [shot.height for shot in view.pictures] == [40, 41]
    (note,) = [note for note in view.record.adjustments if note.feature == "pictures"]
    assert note.detail == "1 of 3 pictures did not come: the server stopped before they were kept"


async def test_without_any_file_it_is_lost_and_known_to_be_billed(tmp_path: Path) -> None:
    view, asked = await made(tmp_path, several, per_call=4, n=1, kept=0)
    assert (view.record.state, view.record.billed, view.record.cost) == ("lost", "yes", COST)
    assert (view.pictures, asked) == ((), 1)


async def test_a_picture_of_one_of_several_calls_is_kept_too(tmp_path: Path) -> None:
    view, asked = await made(tmp_path, several, per_call=1, n=2, kept=1)
    assert (view.record.state, asked) == ("lost", 2)
    assert len(view.pictures) == 1
    assert view.record.error is not None
    assert "1 of 2 arrived before that and is kept." in view.record.error.message
