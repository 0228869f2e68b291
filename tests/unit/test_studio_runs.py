"""Runs and tiles: their states, their failures, and that none of them is another's."""

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.unit.studio_doubles import WIRE, bench, hang, model, paints, picture, result, until

from triptych.router.budget import Caps
from triptych.spec.errors import (
    BadRequestError,
    BlockedError,
    BudgetError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    StorageError,
    UnknownModelError,
)
from triptych.spec.image import Adjustment, AspectRatio, Cost, ImageRequest, ImageResult, ItemFailure, Size
from triptych.spec.model import Accepted, CallContext, JobHandle, Progress, Sent
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.small import THUMB


async def blocked(request: ImageRequest, context: CallContext) -> ImageResult:
    await context.tell(Sent(WIRE))
    raise BlockedError("Refused: violence.", billed="no", upstream="content_policy", provider="b")


async def broken(request: ImageRequest, context: CallContext) -> ImageResult:
    await context.tell(Sent(WIRE))
    raise ZeroDivisionError


async def test_tiles_fill_in_on_their_own_and_one_failure_is_nobody_elses(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two", play=blocked), model("c/three", play=broken)) as b:
        run = await b.studio.start(Asked(text="a kettle --ar 4:5", models=("a/one", "b/two", "c/three")))
        assert [tile.json["state"] for tile in run.tiles] == ["queued"] * 3
        assert [tile.json["ratio"] for tile in run.tiles] == [0.8] * 3
        done = await b.studio.wait_run(run.record.id)
        assert [tile.record.state for tile in done.tiles] == ["done", "blocked", "failed"]
        one, two, three = done.tiles
        assert one.record.billed == "yes"
        assert one.record.cost == Cost(67_000, "table")
        assert two.record.error is not None
        assert (two.record.error.message, two.record.error.billed, two.record.error.upstream) == (
            "Refused: violence.", "no", "content_policy"
        )  # fmt: skip
        assert two.record.error.hint is not None
        assert three.record.error is not None
        assert (three.record.error.code, three.record.billed) == ("internal", "unknown")
        shot = one.json["images"]
        assert isinstance(shot, list)
        assert shot[0]["filename"].startswith("kettle_one_")
        assert await b.studio.pictures.bytes_of(one.pictures[0].sha256) == picture()


async def test_events_follow_the_store_and_name_only_what_changed(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        seen = b.bus.subscribe(None)
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        await b.studio.wait_run(run.record.id)
        events = [await anext(seen)]
        while events[-1].type != "spend":
            events.append(await anext(seen))
        assert events[0].type == "run"
        tiles = [event.data for event in events if event.type == "tile"]
        assert [t["state"] for t in tiles if "state" in t] == ["sent", "receiving", "done"]
        assert (tiles[0]["state"], tiles[0]["endpoint"], tiles[0]["lane"]) == ("sent", "a/one", "commercial")  # in one
        assert all(t["run"] == run.record.id and "prompt" not in t for t in tiles)
        assert events[-1].data["today"] == {
            "amount_micro_usd": 67_000,
            "unknown": 0,
            "guessed_micro_usd": 0,
            "fee_micro_usd": 0,
        }


async def test_prompts_models_and_n_make_tiles_of_one_picture(tmp_path: Path) -> None:
    one, two = model("a/one"), model("b/two")
    async with bench(tmp_path, one, two) as b:
        run = await b.studio.start(Asked(text="{red, blue} kite --seed 7 --repeat 2", models=("a/one", "b/two"), n=2))
        assert len(run.tiles) == 2 * 2 * 2 * 2
        await b.studio.wait_run(run.record.id)
        assert {request.n for request in one.asked} == {1}
        assert sorted((r.prompt, r.seed) for r in one.asked) == [
            (f"{colour} kite", 7 + k) for colour in ("blue", "red") for k in range(4)
        ]


async def test_an_over_large_run_is_refused_with_the_number_and_the_price(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        asked = Asked(text=" ".join(["{a,b,c,d,e,f,g,h}"] * 20), models=("a/one",))
        view = await b.studio.plan(asked)
        assert not view.allowed
        assert view.prompts == 8**20
        assert view.reason is not None
        assert "1,152,921,504,606,846,976 prompts" in view.reason
        assert "$" in view.reason
        with pytest.raises(BadRequestError, match="at most 40 prompts"):
            await b.studio.start(asked)
        assert (await b.studio.runs()).runs == ()


async def test_a_plan_counts_prices_and_says_what_each_model_makes_of_it(tmp_path: Path) -> None:
    free = model("demo/aurora", lane="local", free=True)
    adjusting, keyless = model("a/one"), model("b/two")
    adjusting.adjusts = (Adjustment("seed", "unsupported", "none here"), Adjustment("n", "native", "as asked"))
    async with bench(tmp_path, free, adjusting, keyless) as b:
        b.registry.without_key.add("b/two")
        view = await b.studio.plan(Asked(text="{a, b} --n 2 --stlye x", models=("demo/aurora", "a/one", "b/two")))
        assert (view.prompts, view.images, view.seconds) == (2, 8, (8, 20))
        assert view.per_model["a/one"].cost == Cost(4 * 67_000, "table")
        assert view.per_model["demo/aurora"].cost == Cost(0, "free")
        assert [item.feature for item in view.per_model["a/one"].adjustments] == ["seed"]
        assert (view.per_model["b/two"].ok, view.per_model["b/two"].reason) == (False, "No key for it.")
        assert view.allowed
        assert [note.kind for note in view.notes] == ["unknown"]
        assert msgspec.to_builtins(view.chips) == ({"name": "n", "text": "--n 2", "value": 2},)


async def test_models_in_the_text_go_first_and_unknown_ones_get_near_names(tmp_path: Path) -> None:
    async with bench(tmp_path, model("google/gemini-3.1-flash"), model("a/flux-2"), model("b/flux-2-pro")) as b:
        view = await b.studio.plan(Asked(text="x --m gemini", models=("a/flux-2",)))
        assert view.models == ("google/gemini-3.1-flash",)
        assert (await b.studio.plan(Asked(text="x @gemini"))).models == ("google/gemini-3.1-flash",)
        for asked, near in (
            (Asked(text="x", models=("google/gemini-3.1-flsh",)), "google/gemini-3.1-flash"),
            (Asked(text="x --m flux"), "a/flux-2 or b/flux-2-pro"),
            (Asked(text="x --m qqqq"), "Ready now: google/gemini-3.1-flash, a/flux-2, b/flux-2-pro."),
        ):
            view = await b.studio.plan(asked)
            assert (view.allowed, view.models, [note.kind for note in view.notes]) == (False, (), ["error"])
            assert near in (view.reason or "")
            assert view.notes[0].message == view.reason
            with pytest.raises(UnknownModelError):
                await b.studio.start(asked)


async def test_a_setting_for_one_model_reaches_that_model_only(tmp_path: Path) -> None:
    flux, gpt = model("a/flux-2"), model("b/gpt-image")
    async with bench(tmp_path, flux, gpt) as b:
        asked = Asked(text="x --s 100 --s 250@flux --q 4@nobody", models=("a/flux-2", "b/gpt-image"))
        run = await b.studio.start(asked)
        await b.studio.wait_run(run.record.id)
        assert (flux.asked[0].knobs, gpt.asked[0].knobs) == ({"stylize": 250}, {"stylize": 100})
        assert [note["token"] for note in run.json["notes"]] == ["@nobody"]  # type: ignore[union-attr, index, call-overload]


async def test_a_size_nobody_can_make_is_an_error_that_names_the_sizes(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one", sizes=("1024x1024", "1536x1024"))) as b:
        view = await b.studio.plan(Asked(text="x --size 9999x9999", models=("a/one",)))
        assert not view.allowed
        assert view.reason is not None
        assert "1024x1024, 1536x1024" in view.reason
        with pytest.raises(BadRequestError, match="1536x1024") as caught:
            await b.studio.start_single(ImageRequest(prompt="x", size=Size(16, 16)), model="a/one")
        assert caught.value.param == "size"


async def test_caps_refuse_before_anything_is_sent(tmp_path: Path) -> None:
    one = model("a/one")
    async with bench(tmp_path, one) as b:
        with pytest.raises(BudgetError, match=r"\$0\.10"):
            await b.studio.start(Asked(text="x --n 2 --budget 0.10", models=("a/one",)))
        b.caps[0] = Caps(day=100_000)
        await b.studio.wait_run((await b.studio.start(Asked(text="x", models=("a/one",)))).record.id)
        view = await b.studio.plan(Asked(text="x", models=("a/one",)))
        assert not view.allowed
        assert "$0.033" in (view.reason or "")
        assert len(one.asked) == 1


async def test_a_price_is_never_rounded_to_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        b.caps[0] = Caps(run=1)
        assert "$0.000001" in ((await b.studio.plan(Asked(text="x", models=("a/one",)))).reason or "")


async def test_retry_makes_that_tile_alone_again_with_its_own_model_and_request(tmp_path: Path) -> None:
    one, two = model("a/one"), model("b/two", play=blocked)
    async with bench(tmp_path, one, two) as b:
        run = await b.studio.start(Asked(text="x --s 5 --ar 4:5 --seed 3", models=("a/one", "b/two")))
        done = await b.studio.wait_run(run.record.id)
        two.play = paints
        again = await b.studio.retry(done.tiles[1].record.id)
        assert (again.record.model, again.record.retry_of, again.record.run_id, again.record.position) == (
            "b/two", done.tiles[1].record.id, run.record.id, 2
        )  # fmt: skip
        assert (await b.studio.wait(again.record.id)).record.state == "done"
        assert len(one.asked) == 1
        assert two.asked[0] == two.asked[1]
        other = await b.studio.retry(done.tiles[1].record.id, model="a/one")
        assert (await b.studio.wait(other.record.id)).record.endpoint == "a/one"
        assert one.asked[1].aspect_ratio == AspectRatio(4, 5)


async def test_what_may_have_been_billed_is_retried_only_when_confirmed(tmp_path: Path) -> None:
    one = model("a/one", play=broken)
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        tile = run.tiles[0].record.id
        await b.studio.wait(tile)
        with pytest.raises(ConflictError, match="may have been billed"):
            await b.studio.retry(tile)
        one.play = paints
        assert (await b.studio.wait((await b.studio.retry(tile, confirm=True)).record.id)).record.state == "done"


async def test_a_tile_at_work_cannot_be_retried_but_cancelled(tmp_path: Path) -> None:
    one, two = model("a/one", play=hang), model("b/two")
    async with bench(tmp_path, one, two) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one", "b/two")))
        tile = run.tiles[0].record.id
        await until(lambda: bool(one.asked))
        await b.studio.wait(run.tiles[1].record.id)
        with pytest.raises(ConflictError, match="at work"):
            await b.studio.retry(tile)
        ended = await b.studio.cancel(tile)
        assert (ended.record.state, ended.record.billed) == ("cancelled", "unknown")
        assert ended.record.error is not None
        assert "may have been billed" in ended.record.error.message
        assert (await b.studio.spend())["today"] == {
            "amount_micro_usd": 134_000,
            "unknown": 1,
            "guessed_micro_usd": 67_000,
            "fee_micro_usd": 0,
        }
        assert (await b.studio.cancel(tile)).record == (await b.studio.tile(tile)).record


async def test_a_queued_tile_that_is_cancelled_was_not_billed(tmp_path: Path) -> None:
    one = model("a/one", play=hang)
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text="x --n 10", models=("a/one",)))
        await until(lambda: len(one.asked) == 8)
        ended = await b.studio.cancel(run.tiles[9].record.id)
        assert (ended.record.state, ended.record.billed, ended.record.cost) == ("cancelled", "no", None)
        assert len(one.asked) == 8


async def test_one_rate_limit_waits_and_leaves_the_others_alone(tmp_path: Path) -> None:
    tries = 0

    async def limited(request: ImageRequest, context: CallContext) -> ImageResult:
        nonlocal tries
        tries += 1
        await context.tell(Sent(WIRE))
        if tries == 1:
            raise RateLimitedError("Too many requests.", retry_after_s=18)
        return result(picture())

    async with bench(tmp_path, model("a/one", play=limited), model("b/two")) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one", "b/two")))
        slow, quick = (tile.record.id for tile in run.tiles)
        assert (await b.studio.wait(quick)).record.state == "done"
        async with asyncio.timeout(60):
            while (await b.studio.tile(slow)).record.state != "waiting":
                await asyncio.sleep(0.002)
        shown = (await b.studio.tile(slow)).json["retry"]
        assert isinstance(shown, dict)
        assert (shown["attempt"], shown["of"]) == (2, 3)
        assert 18 <= shown["in_s"] <= 22
        await b.studio.retry_now(slow)
        assert (await b.studio.wait(slow)).record.state == "done"
        detail = await b.studio.detail(slow)
        assert [(a.number, a.outcome) for a in detail.attempts] == [(1, "failed"), (2, "done")]
        assert detail.attempts[0].wires == (WIRE,)
        assert detail.json["request"] == {"prompt": "x", "n": 1}
        assert len(detail.decisions) == 1
        with pytest.raises(ConflictError):
            await b.studio.retry_now(slow)


async def test_previews_are_kept_in_memory_and_events_are_held_back(tmp_path: Path) -> None:
    frames = [picture(8, 10, colour=colour) for colour in ("red", "green", "blue")]
    go = asyncio.Event()

    async def draws(request: ImageRequest, context: CallContext) -> ImageResult:
        for place in range(60):
            await context.tell(Progress(fraction=place / 60, preview=frames[place % 3]))
        await context.tell(Progress(fraction=0.99, preview=b"<svg onload=x>"))
        await go.wait()
        return result(picture())

    async with bench(tmp_path, model("a/one", play=draws)) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        tile = run.tiles[0].record.id
        news = b.studio.follow(tile)
        seen = []
        await until(lambda: b.studio.preview(tile) == frames[2])
        before = b.bus.last_id()
        b.clock.advance(1)
        await until(lambda: b.bus.last_id() > before)
        assert (await b.studio.tile(tile)).json["preview"] == f"/api/previews/{tile}?v=60"
        go.set()
        async for one in news:
            seen.append(one)
        assert sum(one.preview is not None for one in seen) == 60
        assert sum("progress" in one.fields for one in seen) <= 4
        assert seen[-1].ended is not None
        assert seen[-1].ended.record.state == "done"
        assert b.studio.preview(tile) is None
        async for one in b.studio.follow(tile):
            assert one.ended is not None


async def test_an_empty_success_is_a_failure_and_a_missing_picture_is_said(tmp_path: Path) -> None:
    async def three_of_four(request: ImageRequest, context: CallContext) -> ImageResult:
        await context.tell(Sent(WIRE))
        pictures = [picture(), picture(), b"<html>no</html>"]
        return result(*pictures, failures=(ItemFailure(index=2, code="blocked", message="Refused: gore."),))

    async def nothing(request: ImageRequest, context: CallContext) -> ImageResult:
        await context.tell(Sent(WIRE))
        return result()

    async with bench(
        tmp_path, model("a/one", play=three_of_four, max_images_per_call=4), model("b/two", play=nothing)
    ) as b:
        run = await b.studio.start_single(ImageRequest(prompt="{a, b} --no x", n=4), model="a/one")
        done = await b.studio.wait(run.tiles[0].record.id)
        assert (done.record.state, len(done.pictures)) == ("done", 2)
        assert done.json["prompt"] == "{a, b} --no x"
        said = {item.feature: item.detail for item in done.record.adjustments}["pictures"]
        assert said.startswith("2 of 4 pictures did not come: Refused: gore.; ")
        empty = await b.studio.start_single(ImageRequest(prompt="x"), model="b/two")
        ended = await b.studio.wait(empty.tiles[0].record.id)
        assert ended.record.error is not None
        assert (ended.record.state, ended.record.error.code, ended.record.billed) == ("failed", "no_image", "yes")


async def test_a_hostile_answer_fails_the_tile_and_says_so(tmp_path: Path) -> None:
    async def svg(request: ImageRequest, context: CallContext) -> ImageResult:
        await context.tell(Sent(WIRE))
        return result(b"<svg xmlns='x'><script/></svg>")

    async with bench(tmp_path, model("a/one", play=svg)) as b:
        ended = await b.studio.wait((await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id)
        assert ended.record.error is not None
        assert ended.record.error.code == "hostile_content"
        assert "SVG" in ended.record.error.message
        assert (ended.record.billed, ended.record.cost) == ("yes", Cost(67_000, "table"))


async def test_bytes_are_kept_as_they_came_unless_another_format_was_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        plain = await b.studio.wait((await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id)
        assert await b.blobs.get(plain.pictures[0].sha256) == picture()
        other = await b.studio.start(Asked(text="x --format webp --ar 16:9", models=("a/one",)))
        done = await b.studio.wait(other.tiles[0].record.id)
        assert (done.pictures[0].media_type, done.pictures[0].width) == ("image/webp", 40)
        said = {item.feature: (item.kind, item.detail) for item in done.record.adjustments}
        assert said["output_format"] == ("emulated", "the model sent PNG; converted to WEBP here")
        assert said["aspect_ratio"] == ("adjusted", "asked for 16:9, it came as 40x50")


async def test_a_blind_run_does_not_name_its_models_in_file_names(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.start(Asked(text="x --blind", models=("a/one",)))
        await b.studio.wait_run(run.record.id)
        body = (await b.studio.run(run.record.id)).tiles[0].json["images"]
        assert isinstance(body, list)
        assert "one" not in body[0]["filename"]


async def test_uploads_edits_and_masks(tmp_path: Path) -> None:
    one = model("a/one")
    async with bench(tmp_path, one, model("b/two", operations=("generate",))) as b:
        source = await b.studio.upload(picture(60, 30))
        mask = await b.studio.upload(picture(60, 30, colour="white"))
        small = await b.studio.upload(picture(30, 30))
        asked = Asked(text="x --sref @img2", models=("a/one", "b/two"),
                      images=(PictureRef(sha256=source.sha256), PictureRef(sha256=small.sha256, role="subject")))  # fmt: skip
        view = await b.studio.plan(asked)
        assert [plan.ok for plan in view.per_model.values()] == [True, False]
        run = await b.studio.start(Asked(text=asked.text, models=("a/one",), images=asked.images, mask=mask.sha256))
        assert run.tiles[0].record.ratio == 2.0
        await b.studio.wait_run(run.record.id)
        assert [(image.role, image.width) for image in one.asked[0].images] == [("edit", 60), ("style", 30)]
        again = await b.studio.retry(run.tiles[0].record.id)
        await b.studio.wait(again.record.id)
        assert one.asked[1] == one.asked[0]
        wrong = await b.studio.plan(Asked(text="x", models=("a/one",), images=asked.images, mask=small.sha256))
        assert "30x30" in (wrong.reason or "")
        with pytest.raises(BadRequestError, match="HTML"):
            await b.studio.upload(b"<!doctype html><p>")
        with pytest.raises(BadRequestError, match="limit is 50 MB"):
            await b.studio.upload(bytes(51 * 1024 * 1024))
        with pytest.raises(NotFoundError):
            await b.studio.plan(Asked(text="x", models=("a/one",), images=(PictureRef(sha256="0" * 64),)))


async def test_a_model_is_added_to_a_row(tmp_path: Path) -> None:
    one, two = model("a/one"), model("b/two")
    async with bench(tmp_path, one, two) as b:
        run = await b.studio.start(Asked(text="{x, y} --m one --n 2 --s 9@two", models=()))
        added = await b.studio.add_model(run.record.id, "b/two")
        assert [tile.record.position for tile in added] == [4, 5, 6, 7]
        view = await b.studio.wait_run(run.record.id)
        assert len(view.tiles) == 8
        assert sorted(request.prompt for request in two.asked) == ["x", "x", "y", "y"]
        assert two.asked[0].knobs == {"stylize": 9}


async def test_rows_are_hidden_and_brought_back(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.start(Asked(text="a red fox", models=("a/one",)))
        await b.studio.wait_run(run.record.id)
        assert [one.record.id for one in (await b.studio.runs(text="fox")).runs] == [run.record.id]
        await b.studio.hide(run.record.id)
        assert (await b.studio.runs()).runs == ()
        await b.studio.restore(run.record.id)
        assert len((await b.studio.runs()).runs) == 1
        with pytest.raises(NotFoundError):
            await b.studio.run("run_none")


async def test_small_copies_are_made_when_a_picture_comes_for_the_page_else_on_the_first_look(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        done = await b.studio.wait((await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id)
        async with asyncio.timeout(60):
            while await b.blobs.get_derived(done.pictures[0].sha256, THUMB) is None:
                await asyncio.sleep(0.01)
        made = b.workshop.thumbs
        for _ in range(2):
            assert await b.studio.pictures.thumb(done.pictures[0].id) == b"thumb320"  # 5:4, so its short side is 256
            assert await b.studio.pictures.view(done.pictures[0].id) == b"thumb1024"
        assert b.workshop.thumbs == made == 2

    async with bench(tmp_path / "api", model("a/one")) as b:
        called = await b.studio.start_single(ImageRequest(prompt="x"), model="a/one")
        done = await b.studio.wait(called.tiles[0].record.id)
        assert b.workshop.thumbs == 0
        assert (await b.studio.pictures.thumb(done.pictures[0].id)).startswith(b"thumb")
        assert b.workshop.thumbs == 2


async def test_a_full_disk_fails_the_tile_and_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:

        async def full(data: bytes, sha256: str | None = None) -> str:
            raise StorageError("The disk is full.", hint="Free some space.")

        b.blobs.put = full  # type: ignore[method-assign]
        ended = await b.studio.wait((await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id)
        assert ended.record.error is not None
        assert (ended.record.error.code, ended.record.billed) == ("storage", "yes")
        assert ended.record.cost == Cost(67_000, "table")


async def test_a_job_is_stored_before_anything_else_happens(tmp_path: Path) -> None:
    kept: list[object] = []

    async with bench(tmp_path) as b:

        async def queued(request: ImageRequest, context: CallContext) -> ImageResult:
            await context.tell(Sent(WIRE))
            await context.tell(Accepted(JobHandle(provider="a", endpoint="a/one", job_id="9f3", state={})))
            unfinished = await b.store.unfinished_tiles()
            kept.append(unfinished[0].job)
            return result(picture())

        b.registry.models["a/one"] = model("a/one", play=queued)
        done = await b.studio.wait((await b.studio.start(Asked(text="x", models=("a/one",)))).tiles[0].record.id)
        assert kept == [JobHandle(provider="a", endpoint="a/one", job_id="9f3", state={})]
        assert (done.record.state, done.record.job) == ("done", None)


async def test_text_that_cannot_be_kept_is_refused_with_the_place(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        with pytest.raises(BadRequestError, match="Character 3"):
            await b.studio.plan(Asked(text="ab\ud800", models=("a/one",)))
        with pytest.raises(BadRequestError, match="at most 32000"):
            await b.studio.start(Asked(text="x" * 32_001, models=("a/one",)))
        with pytest.raises(BadRequestError, match="empty"):
            await b.studio.start(Asked(text=" --ar 1:1", models=("a/one",)))
        with pytest.raises(BadRequestError, match="No model"):
            await b.studio.start(Asked(text="x"))


async def test_auto_is_priced_and_made_by_an_ai_model_where_one_can_be_used(tmp_path: Path) -> None:
    painter = model("demo/aurora", lane="local", free=True)
    painter.card = replace(painter.card, is_ai=False)
    async with bench(tmp_path, painter, model("a/one")) as b:
        assert (await b.studio.plan(Asked(text="x --m auto"))).total == Cost(67_000, "table")
        run = await b.studio.start_single(ImageRequest(prompt="x"), model="auto", api_key="key_1")
        done = await b.studio.wait(run.tiles[0].record.id)
        assert (done.record.model, done.record.endpoint, done.json["name"]) == ("auto", "a/one", "One")
        settings = (await b.studio.run(run.record.id)).json["settings"]
        assert isinstance(settings, dict)
        assert "api_key" not in settings
        b.registry.without_key.add("a/one")
        assert (await b.studio.plan(Asked(text="x --m auto"))).total == Cost(0, "free")


async def test_a_family_stands_for_all_that_serve_it(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/kite-1", family="kite"), model("b/kite-1", family="kite")) as b:
        b.registry.without_key.add("a/kite-1")
        run = await b.studio.start(Asked(text="x", models=("kite",)))
        done = await b.studio.wait(run.tiles[0].record.id)
        assert (done.record.model, done.record.endpoint) == ("kite", "b/kite-1")


async def test_pictures_that_have_come_are_kept_whoever_wants_to_stop(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        keep, gate = b.blobs.put, asyncio.Event()

        async def slow(data: bytes, sha256: str | None = None) -> str:
            await gate.wait()
            return await keep(data)

        b.blobs.put = slow  # type: ignore[method-assign]
        run = await b.studio.start(Asked(text="x", models=("a/one", "b/two")))
        one, two = (tile.record.id for tile in run.tiles)
        async with asyncio.timeout(60):
            for id_ in (one, two):
                while (await b.studio.tile(id_)).record.state != "receiving":
                    await asyncio.sleep(0.002)
        stopping = [asyncio.create_task(b.studio.cancel(one)), asyncio.create_task(b.studio.shutdown())]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*stopping)
        assert [(await b.studio.tile(id_)).record.state for id_ in (one, two)] == ["done", "done"]


async def test_a_start_does_not_wait_for_any_picture(tmp_path: Path) -> None:
    one = model("a/one", play=hang)
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text="x --n 10 --repeat 4", models=("a/one",)))
        assert len(run.tiles) == 40
        assert one.asked == []
