"""What becomes of unfinished tiles when the server stops or dies, and that nothing is sent twice."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.studio_doubles import WIRE, Bench, bench, hang, model, paints, picture, result, until

from triptych.spec.errors import ConflictError, ExpiredError
from triptych.spec.image import FREE, ImageRequest, ImageResult
from triptych.spec.json import Json
from triptych.spec.model import Accepted, CallContext, JobHandle, Sent
from triptych.spec.records import TileRecord
from triptych.store.base import IdempotencyRecord
from triptych.studio.planning import Asked
from triptych.studio.service import Studio

JOB = JobHandle(provider="a", endpoint="a/one", job_id="9f3", state={"poll": "/jobs/9f3"})


async def job(request: ImageRequest, context: CallContext) -> ImageResult:
    """A job at the provider that never ends."""
    await context.tell(Sent(WIRE))
    await context.tell(Accepted(JOB))
    await asyncio.Event().wait()
    raise AssertionError


async def abandoned(b: Bench, text: str, *models: str) -> tuple[TileRecord, ...]:
    """A run whose process dies: its tasks go on in memory and can write no more."""
    run = await b.studio.start(Asked(text=text, models=models))
    ids = [tile.record.id for tile in run.tiles]
    async with asyncio.timeout(60):
        while True:
            first = await b.store.tile(ids[0])
            if first is not None and (first.job is not None or first.state == "working"):
                break
            await asyncio.sleep(0.002)
    records = [await b.store.tile(id_) for id_ in ids]
    return tuple(record for record in records if record is not None)


async def ends(studio: Studio, tile_id: str) -> tuple[str, str]:
    view = await studio.wait(tile_id)
    return view.record.state, view.record.billed


async def test_a_job_is_re_attached_by_its_id_and_not_sent_again(tmp_path: Path) -> None:
    one = model("a/one", play=job)
    async with bench(tmp_path, one) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        second = b.restarted()
        go = asyncio.Event()

        async def waits(request: ImageRequest, context: CallContext) -> ImageResult:
            await go.wait()
            return result(picture())

        one.replay = waits
        assert await second.recover() == 1
        assert (await second.tile(tile.id)).json["note"] == "Re-attaching to job 9f3"
        go.set()
        assert await ends(second, tile.id) == ("done", "yes")
        assert (len(one.asked), one.resumed) == (1, [JOB])
        assert (await second.spend())["today"] == {
            "amount_micro_usd": 67_000,
            "unknown": 0,
            "guessed_micro_usd": 0,
            "fee_micro_usd": 0,
        }


async def test_two_processes_that_start_together_re_attach_a_job_once(tmp_path: Path) -> None:
    one = model("a/one", play=job)
    async with bench(tmp_path, one) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        second, third = b.build("second"), b.build("third")
        taken = await asyncio.gather(*(one.recover(lambda owner: owner != "first") for one in (second, third)))
        assert sum(taken) == 1
        kept = await b.store.tile(tile.id)
        assert kept is not None
        holder, other = (second, third) if kept.owner == "second" else (third, second)
        if not (await other.tile(tile.id)).ended:
            with pytest.raises(ConflictError, match="Another process"):
                await other.cancel(tile.id)
        assert await ends(holder, tile.id) == ("done", "yes")
        assert len(one.resumed) == 1
        assert [a.outcome for a in await b.store.attempts_of(tile.id)] == ["failed", "done"]


async def test_a_job_goes_on_beside_those_that_have_every_place(tmp_path: Path) -> None:
    """It is out already, and a provider keeps it for its own time only."""
    one = model("a/one", play=job)
    async with bench(tmp_path, one) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        one.play = hang
        second = b.restarted()
        await second.start(Asked(text="y --n 8", models=("a/one",)))
        await until(lambda: len(one.asked) == 9)
        await second.recover(lambda owner: owner == "second")
        assert await ends(second, tile.id) == ("done", "yes")
        await second.shutdown()


async def test_a_re_attached_tile_has_the_terms_of_its_run(tmp_path: Path) -> None:
    one = model("a/one", play=job)
    one.replay = hang
    async with bench(tmp_path, one) as b:
        run = await b.studio.start_single(ImageRequest(prompt="x"), model="a/one", source="api")
        tile = run.tiles[0].record.id
        async with asyncio.timeout(60):
            while (await b.studio.tile(tile)).record.job is None:
                await asyncio.sleep(0.002)
        second = b.restarted()
        await second.recover()
        live = second._tiles.get(tile)
        assert live is not None
        assert (live.api, live.batch) == (True, False)
        await second.shutdown()


async def test_a_job_that_is_gone_may_have_been_billed(tmp_path: Path) -> None:
    async def gone(request: ImageRequest, context: CallContext) -> ImageResult:
        raise ExpiredError("No such job.")

    one = model("a/one", play=job)
    one.replay = gone
    async with bench(tmp_path, one) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        second = b.restarted()
        await second.recover()
        assert await ends(second, tile.id) == ("failed", "unknown")
        assert len(one.asked) == 1


async def test_a_call_in_flight_is_lost_and_never_sent_again_by_itself(tmp_path: Path) -> None:
    one = model("a/one", play=hang)
    async with bench(tmp_path, one) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        second = b.restarted()
        assert await second.recover() == 1
        ended = await second.tile(tile.id)
        assert (ended.record.state, ended.record.billed) == ("lost", "unknown")
        assert ended.record.error is not None
        assert "may have been billed" in ended.record.error.message
        assert len(one.asked) == 1
        assert (await second.spend())["today"] == {
            "amount_micro_usd": 67_000,
            "unknown": 1,
            "guessed_micro_usd": 67_000,
            "fee_micro_usd": 0,
        }
        assert [a.outcome for a in (await second.detail(tile.id)).attempts] == ["failed"]
        try:
            await second.retry(tile.id)
        except ConflictError as error:
            assert error.billed == "unknown"
        else:
            raise AssertionError("it was sent again without a word")
        assert await second.recover() == 0


async def test_free_models_of_this_machine_simply_run_again(tmp_path: Path) -> None:
    painter = model("demo/aurora", lane="local", free=True, play=hang)
    async with bench(tmp_path, painter) as b:
        (tile,) = await abandoned(b, "x", "demo/aurora")
        second = b.restarted()
        painter.play = paints
        await second.recover()
        assert (await second.wait(tile.id)).record.state == "done"


async def test_what_was_never_sent_is_started(tmp_path: Path) -> None:
    one = model("a/one", play=hang)
    async with bench(tmp_path, one) as b:
        tiles = await abandoned(b, "x --n 10", "a/one")
        await until(lambda: len(one.asked) == 8)
        queued = [t.id for t in tiles if (await b.studio.tile(t.id)).record.state == "queued"]
        assert len(queued) == 2
        one.play = paints
        second = b.restarted()
        await second.recover()
        assert [await ends(second, id_) for id_ in queued] == [("done", "yes")] * 2
        assert len(one.asked) == 10


async def test_a_start_picture_that_is_gone_is_said_and_nothing_was_billed(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        request = ImageRequest(prompt="x")
        run = await b.studio.start_single(request, model="a/one")
        await b.studio.wait_run(run.record.id)
        body: dict[str, Json] = {"prompt": "x", "n": 1, "images": [
            {"sha256": "0" * 64, "media_type": "image/png", "width": 1, "height": 1, "role": "edit"}]}  # fmt: skip
        fresh = TileRecord(id="tile_lost", run_id=run.record.id, position=1, model="a/one", state="queued", created_ms=1,
                           updated_ms=1, ratio=1.0, request=body)  # fmt: skip
        await b.store.save_tile(fresh)
        second = b.restarted()
        await second.recover()
        assert await ends(second, "tile_lost") == ("lost", "no")


async def test_tiles_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one", play=hang)) as b:
        (tile,) = await abandoned(b, "x", "a/one")
        second = b.restarted()
        assert await second.recover(lambda owner: owner == "first") == 0
        kept = await b.store.tile(tile.id)
        assert kept is not None
        assert kept.state in {"sent", "working"}


async def test_an_orderly_end_keeps_jobs_and_what_costs_nothing(tmp_path: Path) -> None:
    one, two, three = (
        model("a/one", play=job),
        model("b/two", play=hang),
        model("demo/x", play=hang, lane="local", free=True),
    )
    async with bench(tmp_path, one, two, three) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one", "b/two", "demo/x")))
        kept, out, free = (tile.record.id for tile in run.tiles)
        await until(lambda: bool(one.asked and two.asked and three.asked))
        async with asyncio.timeout(60):
            while (await b.studio.tile(kept)).record.job is None or (
                await b.studio.tile(out)
            ).record.state != "working":
                await asyncio.sleep(0.002)
        await b.studio.shutdown()
        assert one.cancelled == []
        assert await ends(b.studio, out) == ("lost", "unknown")

        async def free_of_charge(request: ImageRequest, context: CallContext) -> ImageResult:
            return replace(await paints(request, context), billed="no", cost=FREE)

        three.play = free_of_charge
        second = b.restarted()
        assert await second.recover() == 2
        assert await ends(second, free) == ("done", "no")
        assert await ends(second, kept) == ("done", "yes")
        assert one.resumed == [JOB]
        assert (await second.spend())["today"] == {
            "amount_micro_usd": 134_000,
            "unknown": 1,
            "guessed_micro_usd": 67_000,
            "fee_micro_usd": 0,
        }


async def test_an_orderly_end_leaves_what_was_never_sent_to_the_next_start(tmp_path: Path) -> None:
    one = model("a/one", play=hang)
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text="x --n 10", models=("a/one",)))
        await until(lambda: len(one.asked) == 8)
        await b.studio.shutdown()
        one.play = paints
        second = b.restarted()
        assert await second.recover() == 2
        states = [(await ends(second, tile.record.id))[0] for tile in run.tiles]
        assert sorted(states) == ["done"] * 2 + ["lost"] * 8
        assert len(one.asked) == 10


async def test_a_reload_in_the_middle_shows_the_same_picture(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one", play=hang)) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        tile = run.tiles[0].record.id
        async with asyncio.timeout(60):
            while (await b.studio.tile(tile)).json["progress"] != 0.1:
                await asyncio.sleep(0.002)
        shown = (await b.studio.runs()).runs[0].tiles[0].json
        assert shown == (await b.studio.tile(tile)).json
        assert (shown["state"], shown["cancellable"]) == ("working", True)


async def test_a_picture_that_was_paid_for_and_not_kept_is_said_to_be_billed(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        keeping = asyncio.Event()

        async def never(data: bytes, sha256: str | None = None) -> str:
            keeping.set()
            await asyncio.Event().wait()
            raise AssertionError

        keep, b.blobs.put = b.blobs.put, never  # type: ignore[method-assign]
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        tile = run.tiles[0].record.id
        await keeping.wait()
        second = b.restarted()
        b.blobs.put = keep  # type: ignore[method-assign]
        await second.recover()
        assert await ends(second, tile) == ("lost", "yes")
        assert (await second.spend())["today"] == {
            "amount_micro_usd": 67_000,
            "unknown": 0,
            "guessed_micro_usd": 0,
            "fee_micro_usd": 0,
        }
        live = b.studio._tiles.get(tile)
        assert live is not None
        assert live.task is not None
        live.task.cancel()


async def test_a_start_frees_keys_whose_process_is_gone(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        key = IdempotencyRecord(key="k", scope="s", body_sha256="ab", created_ms=b.clock.now_ms())
        assert await b.store.begin_idempotent(key) is None
        await b.restarted().recover()
        assert await b.store.begin_idempotent(key) == key
        b.clock.advance(601)
        await b.restarted().recover()
        assert await b.store.begin_idempotent(key) is None
        await b.store.finish_idempotent("k", "s", 102, "tile_1")
        b.clock.advance(8 * 24 * 3600)
        await b.restarted().recover()
        assert await b.store.begin_idempotent(key) is None
