"""Open models without PyTorch: what a folder holds, how it is fitted into a machine, and the process that draws and may die."""

import asyncio
import json
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.adapter_kit import picture

from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.folder import OpenModel, Part, find_models, read_folder
from triptych.imaging.diffusion.job import Begun, DrawDiedError, DrawError, Drawing, DrawJob, Hear, Loading, News, Step
from triptych.imaging.diffusion.memory import GIB, Machine, place, roomiest
from triptych.providers.local import NO_EXTRA, LocalModel, local_card, sampling
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError, BlockedError, ExpiredError, ProviderFailedError
from triptych.spec.image import ImageRequest, Size
from triptych.spec.model import CallContext, CallEvent, JobHandle, Progress, Sent

# A folder, written as diffusers writes it, with headers in the place of weights.


def weights(path: Path, shape: tuple[int, ...] = (1000,), dtype: str = "F16") -> None:
    header = json.dumps({"__metadata__": {}, "w": {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def folder(place: Path, pipeline: str = "StableDiffusionPipeline", **more: Any) -> Path:
    parts = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None],
    } | more
    place.mkdir(parents=True)
    (place / "model_index.json").write_text(json.dumps({"_class_name": pipeline, **parts}))
    weights(place / "unet" / "diffusion_pytorch_model.safetensors", (3, 1000))
    weights(place / "vae" / "diffusion_pytorch_model.safetensors", (500,), "F32")
    (place / "unet" / "config.json").write_text('{"sample_size": 96}')
    (place / "vae" / "config.json").write_text('{"block_out_channels": [1, 2, 3, 4]}')
    return place


def test_a_folder_is_read_without_loading_it(tmp_path: Path) -> None:
    found = read_folder(folder(tmp_path / "SD Two"))
    assert found.parts == (Part(name="unet", numbers=3000, bits=16), Part(name="vae", numbers=500, bits=32))
    assert (found.side, found.grid, found.variant, found.glimpses) == (768, 8, None, True)
    card = local_card(found)
    assert (card.id, card.lane, card.free, card.license) == ("local/sd-two", "local", True, None)
    assert card.capabilities.operations == ("generate", "edit")


def test_what_was_kept_beside_it_is_on_its_card(tmp_path: Path) -> None:
    place = folder(tmp_path / "x")
    (place / "triptych.json").write_text(
        '{"name": "Quick One", "maker": "A", "license": "MIT", "steps": 2, "guidance": 0.0}'
    )
    found = read_folder(place)
    card = local_card(found)
    assert (card.name, card.maker, card.license) == ("Quick One", "A", "MIT")
    assert (sampling(found).steps, sampling(found).guidance) == (2, 0.0)
    (place / "triptych.json").write_text('{"name": 7, "steps": "many"}')
    found = read_folder(place)
    assert (local_card(found).name, sampling(found).steps) == ("x", 25)


def test_a_variant_is_used_where_nothing_else_is_there(tmp_path: Path) -> None:
    place = folder(tmp_path / "x")
    weights(place / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    assert read_folder(place).variant is None
    (place / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    found = read_folder(place)
    assert (found.variant, found.parts[0].numbers) == ("fp16", 1000)


def test_what_could_run_code_is_left_out(tmp_path: Path) -> None:
    folder(tmp_path / "a")
    folder(tmp_path / "b", "SomebodysPipeline")
    folder(tmp_path / "c", unet=["os", "system"])
    pickled = folder(tmp_path / "d")
    (pickled / "unet" / "diffusion_pytorch_model.safetensors").rename(pickled / "unet" / "diffusion_pytorch_model.bin")
    broken = folder(tmp_path / "e")
    (broken / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\xff" * 20)
    (folder(tmp_path / "f") / "model_index.json").write_text("[")
    (tmp_path / "no model").mkdir()
    found, left = find_models(tmp_path)
    assert [one.folder.name for one in found] == ["a"]
    assert [line.split()[0] for line in left] == [
        "b",
        "c",
        "d/unet",
        "diffusion_pytorch_model.safetensors",
        "model_index.json",
    ]
    assert find_models(tmp_path / "nowhere") == ((), ())


# How it is fitted into a machine.

BIG = (Part(name="text_encoder", numbers=4 * GIB, bits=16), Part(name="transformer", numbers=6 * GIB, bits=16),
       Part(name="vae", numbers=GIB // 10, bits=16))  # fmt: skip
SMALL = (Part(name="unet", numbers=GIB, bits=16),)


def on(device: Any, free: float, main: float = 64.0) -> Machine:
    return Machine(device=device, name=device, free=int(free * GIB), main=int(main * GIB))


@pytest.mark.parametrize(
    ("parts", "here", "way", "precision"),
    [
        (BIG, on("cuda", 80), "whole", "bfloat16"),
        (BIG, on("cuda", 18), "parts", "bfloat16"),
        (BIG, on("cuda", 18, main=8), "eighths", "bfloat16"),
        (BIG, on("cuda", 6), "layers", "bfloat16"),
        (BIG, on("mps", 24), "whole", "bfloat16"),
        (BIG, on("mps", 18), "eighths", "bfloat16"),
        (SMALL, on("cpu", 16), "whole", "float32"),
        (SMALL, on("cpu", 5), "whole", "bfloat16"),
        (BIG, on("cpu", 24), "whole", "bfloat16"),
    ],
)  # fmt: skip
def test_the_quickest_way_that_fits_is_taken(parts: tuple[Part, ...], here: Machine, way: str, precision: str) -> None:
    found = place(parts, here, 1 << 20, 1)
    assert found is not None
    assert (found.way, found.precision) == (way, precision)


def test_what_does_not_fit_is_not_tried() -> None:
    assert place(BIG, on("cuda", 1), 1 << 20, 1) is None
    assert place(BIG, on("cpu", 8), 1 << 20, 1) is None
    assert place(BIG, on("cuda", 6, main=8), 1 << 20, 1) is None


def test_as_many_are_drawn_at_once_as_there_is_room_for() -> None:
    assert [getattr(place(SMALL, on("cuda", free), 1 << 20, 4), "at_once", 0) for free in (4, 5, 6, 80)] == [1, 2, 3, 4]


def test_of_several_cards_the_one_with_the_most_room_draws() -> None:
    assert [roomiest(free) for free in ([5], [4, 9, 9], [7, 2])] == [0, 1, 0]
    free = [int(one * GIB) for one in (3, 24, 11)]
    here = Machine(device="cuda", name="c", free=free[roomiest(free)], main=64 * GIB, card=roomiest(free))
    found = place(BIG, here, 1 << 20, 1)
    assert (here.place, getattr(found, "way", None)) == ("cuda:1", "whole")
    assert [on(device, 1).place for device in ("cpu", "mps")] == ["cpu", "mps"]


# The process that draws.

SAYS = """
import json, sys, threading, time
def say(head, body=b""):
    sys.stdout.buffer.write(json.dumps({**head, "length": len(body)}).encode() + b"\\n" + body); sys.stdout.flush()
stop = threading.Event()
def draw(job):
    say({"loading": True}); say({"begun": {"device": "none"}})
    if job["prompt"] == "die": sys.exit(3)
    if job["prompt"] == "rave": sys.stdout.write("[]\\n"); sys.stdout.flush(); time.sleep(60)
    if job["prompt"] == "refuse": return say({"error": "It will not.", "hint": "Ask nicely."})
    for step in range(2 if job["prompt"] != "slow" else 600):
        say({"step": 0.25}, b"shown")
        if stop.wait(0.05 if job["prompt"] == "slow" else 0) and job["prompt"] != "deaf": return say({"stopped": True})
    if job["prompt"] == "deaf": time.sleep(60)
    say({"done": [3, None], "unread": 5}, b"one")
for line in sys.stdin.buffer:
    head = json.loads(line); sys.stdin.buffer.read(head["length"])
    if head["op"] == "stop": stop.set()
    else: stop.clear(); threading.Thread(target=draw, args=(head["job"],)).start()
    if head["op"] == "draw" and head["job"]["prompt"] == "die": sys.exit(3)
"""


def job(prompt: str = "a fox") -> DrawJob:
    return DrawJob(folder="x", prompt=prompt, seeds=(1, 2), width=64, height=64, steps=2, guidance=1.0)


@pytest.fixture
async def easel() -> AsyncIterator[Easel]:
    made = Easel(command=(sys.executable, "-c", SAYS))
    yield made
    await made.aclose()


async def draw(easel: Easel, prompt: str = "a fox", seconds: float = 60.0) -> tuple[Drawing, list[News]]:
    heard: list[News] = []

    async def hear(news: News) -> None:
        heard.append(news)

    return await easel.draw(job(prompt), b"", seconds=seconds, hear=hear), heard


async def test_news_and_pictures_come_out_of_the_process(easel: Easel) -> None:
    made, heard = await draw(easel)
    assert made == Drawing(pictures=(b"one", None), unread=5)
    assert heard == [Loading(), Begun({"device": "none"}), Step(0.25, b"shown"), Step(0.25, b"shown")]
    first = easel.pid
    await draw(easel)
    assert easel.pid == first is not None


@pytest.mark.parametrize("prompt", ["die", "rave"])
async def test_a_process_that_dies_takes_its_job_along_and_nothing_else(easel: Easel, prompt: str) -> None:
    with pytest.raises(DrawDiedError, match="ended before its work was done"):
        await draw(easel, prompt)
    assert easel.pid is None
    assert (await draw(easel))[0].unread == 5


async def test_a_refusal_is_told_and_the_process_stays(easel: Easel) -> None:
    await draw(easel)
    first = easel.pid
    with pytest.raises(DrawError, match="It will not") as raised:
        await draw(easel, "refuse")
    assert (raised.value.hint, easel.pid) == ("Ask nicely.", first)


async def begun(easel: Easel, prompt: str) -> "asyncio.Task[Drawing]":
    """A job that is being drawn."""
    there = asyncio.Event()

    async def hear(news: News) -> None:
        if isinstance(news, Step):
            there.set()

    task = asyncio.create_task(easel.draw(job(prompt), b"", seconds=60, hear=hear))
    await there.wait()
    return task


async def test_who_stops_need_not_wait_and_the_model_stays(easel: Easel) -> None:
    task = await begun(easel, "slow")
    first = easel.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await draw(easel))[0].pictures[0] == b"one"
    assert easel.pid == first


async def test_a_process_that_does_not_stop_is_ended(easel: Easel) -> None:
    easel._stop_s = 0.2
    task = await begun(easel, "deaf")
    first = easel.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await draw(easel))[0].pictures[0] == b"one"
    assert easel.pid != first


async def test_time_that_is_over_is_told(easel: Easel) -> None:
    with pytest.raises(DrawDiedError, match="not done within 1 s"):
        await draw(easel, "slow", seconds=1.0)


async def test_a_process_that_nobody_needs_gives_back_its_memory() -> None:
    easel = Easel(command=(sys.executable, "-c", SAYS), idle_s=0.05)
    await draw(easel)
    while easel.pid is not None:
        await asyncio.sleep(0.01)
    assert (await draw(easel))[0].unread == 5
    await easel.aclose()


async def test_a_program_that_cannot_be_started_is_told() -> None:
    with pytest.raises(DrawDiedError):
        await draw(Easel(command=("/nowhere/at/all",)))


# The model.


class StandIn(Easel):
    """Answers at once."""

    def __init__(self, answer: Drawing | DrawError) -> None:
        super().__init__()
        self.answer, self.jobs = answer, list[DrawJob]()

    async def draw(self, job: DrawJob, data: bytes, *, seconds: float, hear: Hear) -> Drawing:
        self.jobs.append(job)
        if isinstance(self.answer, DrawError):
            raise self.answer
        for news in (Loading(), Begun({"device": "none"}), Step(0.5, b"shown")):
            await hear(news)
        return self.answer


def local(tmp_path: Path, answer: Drawing | DrawError, *, there: bool = True) -> tuple[LocalModel, StandIn]:
    model: OpenModel = read_folder(folder(tmp_path / "one"))
    easel = StandIn(answer)
    return LocalModel(local_card(model), model, easel, SystemClock(), lambda: there), easel


async def made(model: LocalModel, request: ImageRequest) -> tuple[Any, list[CallEvent]]:
    told: list[CallEvent] = []

    async def tell(event: CallEvent) -> None:
        told.append(event)

    context = CallContext(call_id="1", deadline=model.clock.monotonic() + 60, tell=tell)
    return await model.generate(request, context), told


async def test_a_request_becomes_a_job_and_its_record(tmp_path: Path) -> None:
    model, easel = local(tmp_path, Drawing(pictures=(b"a", None), unread=3))
    asked = ImageRequest(
        prompt="a fox",
        n=2,
        seed=5,
        size=Size(512, 640),
        negative_prompt="snow",
        previews=1,
        options={"local": {"steps": 9}},
    )
    result, told = await made(model, asked)
    job = easel.jobs[0]
    assert (job.seeds, job.width, job.height, job.steps, job.negative, job.previews) == (
        (5, 6),
        512,
        640,
        9,
        "snow",
        True,
    )
    assert [one.seed for one in result.images] == [5]
    assert [one.index for one in result.failures] == [1]
    assert ("prompt", "adjusted") in {(one.feature, one.kind) for one in result.adjustments}
    sent = next(one for one in told if isinstance(one, Sent)).wire
    assert (sent.method, sent.url, json.loads(sent.body or "")["device"]) == ("RUN", "local:one", "none")
    assert [one.preview for one in told if isinstance(one, Progress)] == [None, b"shown"]
    assert result.billed == "no"


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Drawing(pictures=(None,)), BlockedError), (DrawError("No room.", "Close something."), ProviderFailedError)],
)
async def test_failures_are_ours_and_free(tmp_path: Path, answer: Any, error: type[BlockedError]) -> None:
    model, _ = local(tmp_path, answer)
    with pytest.raises(error) as raised:
        await made(model, ImageRequest(prompt="a fox"))
    assert raised.value.billed == "no"


@pytest.mark.parametrize(
    ("told", "options", "card", "kind"),
    [({}, {}, True, "native"), ({"guidance": 0.0}, {}, False, "unsupported"), ({"guidance": 0.0}, {"guidance": 4.0}, False, "native"),
     ({}, {"guidance": 1.0}, True, "unsupported")],
)  # fmt: skip
async def test_a_negative_prompt_is_taken_only_where_it_is_read(
    tmp_path: Path, told: dict[str, float], options: dict[str, Any], card: bool, kind: str
) -> None:
    (folder(tmp_path / "one") / "triptych.json").write_text(json.dumps(told))
    model, easel = read_folder(tmp_path / "one"), StandIn(Drawing(pictures=(b"a",)))
    here = LocalModel(local_card(model), model, easel, SystemClock(), lambda: True)
    assert here.card.capabilities.negative_prompt == card
    result, _ = await made(here, ImageRequest(prompt="a fox", negative_prompt="snow", options={"local": options}))
    (became,) = [one for one in result.adjustments if one.feature == "negative_prompt"]
    assert (became.kind, easel.jobs[0].negative, easel.jobs[0].prompt) == (
        kind,
        "snow" if kind == "native" else None,
        "a fox",
    )
    if kind == "unsupported":
        assert "only with a guidance above 1" in became.detail


def test_a_model_that_was_taught_its_guidance_reads_no_negative_prompt(tmp_path: Path) -> None:
    taught = folder(tmp_path / "a")
    (taught / "unet" / "config.json").write_text('{"time_cond_proj_dim": 256}')
    assert not read_folder(taught).reads_negative(7.5)
    assert not read_folder(folder(tmp_path / "b", is_distilled=True)).reads_negative(7.5)


@pytest.mark.parametrize(("steps", "strength", "least"), [(2, 0.4, "0.5"), (1, 0.75, "1"), (30, 0.03, "0.04")])
def test_steps_that_leave_nothing_to_change_are_named(tmp_path: Path, steps: int, strength: float, least: str) -> None:
    model, _ = local(tmp_path, Drawing(pictures=(b"a",)))
    asked = ImageRequest(prompt="a fox", images=(picture(),), options={"local": {"steps": steps, "strength": strength}})
    with pytest.raises(BadRequestError, match="would change nothing of the picture") as raised:
        model.plan(asked)
    assert (raised.value.param, raised.value.hint) == (
        "options.local.strength", f"Set options.local.strength to {least} or more, or other steps.")  # fmt: skip
    model.plan(replace(asked, options={"local": {"steps": steps, "strength": float(least)}}))


async def test_previews_that_did_not_come_are_told(tmp_path: Path) -> None:
    for shown, kind in ((0, "unsupported"), (2, "native")):
        model, _ = local(tmp_path / str(shown), Drawing(pictures=(b"a",), shown=shown))
        result, _ = await made(model, ImageRequest(prompt="a fox", previews=1))
        assert [one.kind for one in result.adjustments if one.feature == "previews"] == [kind]


async def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    model, easel = local(tmp_path, Drawing(pictures=(b"a",)), there=False)
    with pytest.raises(BadRequestError, match="an extra"):
        await made(model, ImageRequest(prompt="a fox"))
    assert not easel.jobs
    assert (await model.check()).message == NO_EXTRA


async def test_wrong_settings_are_named(tmp_path: Path) -> None:
    model, _ = local(tmp_path, Drawing(pictures=(b"a",)))
    with pytest.raises(BadRequestError, match="wrong"):
        model.plan(ImageRequest(prompt="a fox", options={"local": {"steps": 0}}))
    handle = JobHandle(provider="local", endpoint="local/one", job_id="1", state={})
    with pytest.raises(ExpiredError):
        await model.resume(handle, ImageRequest(prompt="a fox"), CallContext(call_id="1", deadline=0, tell=None))  # type: ignore[arg-type]
    assert not await model.cancel(handle)
