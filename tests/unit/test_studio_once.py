"""Whatever comes between: what is started is started whole and once."""

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.studio_doubles import bench, hang, model

from triptych.server import body
from triptych.spec.errors import ConflictError
from triptych.spec.records import RunRecord, TileRecord
from triptych.store.base import Added, IdempotencyRecord
from triptych.studio.planning import Asked


async def test_a_start_that_nobody_waits_for_any_more_is_begun_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        keep, storing, gate = b.store.save_run, asyncio.Event(), asyncio.Event()

        async def slow(
            run: RunRecord, tiles: Sequence[TileRecord] = (), answer: IdempotencyRecord | None = None
        ) -> None:
            await keep(run, tiles, answer)
            storing.set()
            await gate.wait()

        b.store.save_run = slow  # type: ignore[method-assign]
        starting = asyncio.create_task(b.studio.start(Asked(text="x", models=("a/one",))))
        await storing.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        gate.set()
        (run,) = (await b.studio.runs()).runs
        async with asyncio.timeout(60):
            while (await b.studio.tile(run.tiles[0].record.id)).record.state != "done":
                await asyncio.sleep(0.002)


async def test_a_retry_that_nobody_waits_for_any_more_is_begun_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        old = (await b.studio.wait_run(run.record.id)).tiles[0].record.id
        keep, storing, gate = b.store.add_tiles, asyncio.Event(), asyncio.Event()

        async def slow(
            tiles: Sequence[TileRecord], answer: IdempotencyRecord | None = None, *, once: bool = False
        ) -> Added:
            added = await keep(tiles, answer, once=once)
            storing.set()
            await gate.wait()
            return added

        b.store.add_tiles = slow  # type: ignore[method-assign]
        trying = asyncio.create_task(b.studio.retry(old))
        await storing.wait()
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying
        gate.set()
        tiles = (await b.studio.wait_run(run.record.id)).tiles
        assert [tile.record.state for tile in tiles] == ["done", "done"]


async def test_two_quick_retries_in_two_processes_make_one_picture(tmp_path: Path) -> None:
    one = model("a/one")
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        old = (await b.studio.wait_run(run.record.id)).tiles[0].record.id
        one.play = hang
        other = b.restarted()
        ends = await asyncio.gather(b.studio.retry(old), other.retry(old), return_exceptions=True)
        (refused,) = [end for end in ends if isinstance(end, BaseException)]
        assert isinstance(refused, ConflictError)
        more = await asyncio.gather(*(one.retry(old, confirm=True) for one in (b.studio, other, b.studio, other)))
        assert sorted(tile.record.position for tile in more) == [2, 3, 4, 5]
        await other.shutdown()


async def test_two_quick_retries_make_one_picture(tmp_path: Path) -> None:
    one, two = model("a/one"), model("b/two")
    async with bench(tmp_path, one, two) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        old = (await b.studio.wait_run(run.record.id)).tiles[0].record.id
        one.play = two.play = hang
        ends = await asyncio.gather(b.studio.retry(old), b.studio.retry(old), return_exceptions=True)
        (refused,) = [end for end in ends if isinstance(end, ConflictError)]
        assert (refused.param, refused.message) == ("confirm", "This picture is being made again already.")
        assert len((await b.studio.run(run.record.id)).tiles) == 2
        await b.studio.retry(old, model="b/two")
        await b.studio.retry(old, confirm=True)
        assert sorted(tile.record.position for tile in (await b.studio.run(run.record.id)).tiles) == [0, 1, 2, 3]


async def test_every_page_is_told_that_a_row_was_hidden(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        await b.studio.wait_run(run.record.id)
        seen = b.bus.subscribe(None)
        await b.studio.hide(run.record.id)
        event = await anext(seen)
        assert (event.type, event.data) == ("hidden", {"id": run.record.id})


async def test_much_data_is_hashed_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noting(data: bytes) -> object:
        threads.append(threading.get_ident())
        return hashlib.new("sha256", data)

    monkeypatch.setattr(body.hashlib, "sha256", noting)  # type: ignore[attr-defined]
    for size in (10, 2 << 20):
        assert await body.sha256_of(bytes(size)) == hashlib.new("sha256", bytes(size)).hexdigest()
    assert threads[0] == threading.get_ident() != threads[1]
