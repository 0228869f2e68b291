"""Tools of this machine: what they make, over tiny networks that are real files, and how they fail."""

import asyncio
import hashlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.tiny_onnx import bright_is_subject, enlarger

from triptych.catalog import load_cards
from triptych.imaging.tools import enlarge
from triptych.imaging.tools.bench import ToolBench
from triptych.imaging.tools.cutout import cut_out
from triptych.imaging.tools.job import ToolError, ToolJob, Weights
from triptych.imaging.tools.network import open_network
from triptych.providers.tools import ToolCard, tools
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError, ExpiredError, HostileContentError, ProviderFailedError, SettingsError
from triptych.spec.image import ImageRequest, InputImage, Size
from triptych.spec.model import CallContext, CallEvent, ImageModel, JobHandle, Progress, Sent

MEMORY = 4096


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, len(mode)), dtype=np.uint8)
    return Image.fromarray(noise, mode)


def as_file(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def kept(folder: Path, data: bytes) -> Weights:
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{sha256}.onnx"
    path.write_bytes(data)
    return Weights(path=str(path), sha256=sha256)


def given(image: Image.Image) -> InputImage:
    data = as_file(image)
    return InputImage(data, "image/png", hashlib.sha256(data).hexdigest(), image.width, image.height, "edit")


async def ignore(_: float) -> None:
    """Nobody listens."""


# What they make.


@pytest.mark.parametrize("size", [(70, 50), (32, 32), (33, 97)])
@pytest.mark.parametrize("by", [2, 4])
def test_tiles_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], by: int
) -> None:
    net, source = open_network(kept(tmp_path, enlarger(4, blur=3))), picture(*size)
    told: list[float] = []
    out = (size[0] * by, size[1] * by)
    whole = enlarge.enlarged(source, net, 4, out, lambda _: None)
    monkeypatch.setattr(enlarge, "TILE", 32)
    tiled = enlarge.enlarged(source, net, 4, out, told.append)
    assert tiled.size == out
    assert np.abs(np.asarray(tiled, dtype=int) - np.asarray(whole, dtype=int)).max() <= 1
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == -(-size[0] // 32) * -(-size[1] // 32)


def test_transparency_is_enlarged_with_the_picture(tmp_path: Path) -> None:
    source = picture(40, 30, "RGBA")
    made = enlarge.enlarged(source, open_network(kept(tmp_path, enlarger())), 4, (160, 120), lambda _: None)
    assert made.mode == "RGBA"
    alpha = source.getchannel("A").resize((160, 120), Image.Resampling.LANCZOS)
    assert made.getchannel("A").tobytes() == alpha.tobytes()


def test_a_network_of_another_factor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="The network made"):
        enlarge.enlarged(picture(20, 20), open_network(kept(tmp_path, enlarger(2))), 4, (80, 80), lambda _: None)


def subject() -> Image.Image:
    image = Image.new("RGB", (120, 80), (10, 20, 200))
    image.paste((250, 240, 230), (40, 20, 80, 60))
    return image


def test_the_subject_is_cut_out(tmp_path: Path) -> None:
    made = cut_out(subject(), open_network(kept(tmp_path, bright_is_subject())), 64, "imagenet", lambda _: None)
    assert (made.mode, made.size) == ("RGBA", (120, 80))
    middle: Any = made.getpixel((60, 40))
    assert (middle[:3], middle[3] > 230) == ((250, 240, 230), True)
    assert made.getpixel((5, 5))[3] < 25  # type: ignore[index]
    edge = np.asarray(made)[40, 36:44].astype(int)
    soft = edge[(edge[:, 3] > 30) & (edge[:, 3] < 225)]
    assert len(soft)
    assert (soft[:, 2] - soft[:, 0]).max() < 40  # none of the blue ground is left in what is half the subject's


def test_what_was_transparent_stays_so(tmp_path: Path) -> None:
    source = subject().convert("RGBA")
    source.putalpha(Image.new("L", source.size, 0))
    source.paste((250, 240, 230, 255), (40, 20, 60, 60))
    made = cut_out(source, open_network(kept(tmp_path, bright_is_subject())), 64, "imagenet", lambda _: None)
    assert made.getpixel((70, 40))[3] == 0  # type: ignore[index]


def test_a_picture_in_which_nothing_stands_out_is_said_to_be_one(tmp_path: Path) -> None:
    net = open_network(kept(tmp_path, bright_is_subject()))
    with pytest.raises(ToolError, match="No subject"):
        cut_out(Image.new("RGB", (40, 40), (90, 90, 90)), net, 32, "imagenet", lambda _: None)


# Weights are used only when they are the ones that were named.


def test_another_file_is_not_opened(tmp_path: Path) -> None:
    weights = kept(tmp_path, enlarger())
    Path(weights.path).write_bytes(enlarger(2))
    with pytest.raises(ToolError, match="not the one"):
        open_network(weights)


def test_what_is_no_network_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be loaded"):
        open_network(kept(tmp_path, b"no network"))


def test_a_file_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    weights = kept(tmp_path, enlarger())
    Path(weights.path).unlink()
    with pytest.raises(ToolError, match="cannot be read"):
        open_network(weights)


# The process.


async def test_a_job_runs_in_a_process_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []

    async def hear(share: float) -> None:
        told.append(share)

    job = ToolJob(kind="enlarge", width=800, height=40, memory_mib=MEMORY, weights=kept(tmp_path, enlarger()), factor=4)
    source = picture(200, 10)
    made = Image.open(io.BytesIO(await ToolBench().run(job, as_file(source), seconds=60, hear=hear)))
    assert (made.size, made.format) == ((800, 40), "PNG")
    assert made.tobytes() == source.resize((800, 40), Image.Resampling.NEAREST).tobytes()
    assert told == [0.5, 1.0]


async def test_a_picture_on_its_side_keeps_its_shape() -> None:
    image, out = Image.new("RGB", (30, 20), "red"), io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = 6
    image.save(out, "JPEG", exif=tags)
    job = ToolJob(kind="resample", width=60, height=40, memory_mib=MEMORY)
    made = await ToolBench().run(job, out.getvalue(), seconds=60, hear=ignore)
    assert Image.open(io.BytesIO(made)).size == (40, 60)


@pytest.mark.parametrize("words", ["import os; os.abort()", "print('this is no JSON')", "pass"])
async def test_a_process_that_dies_is_an_error_and_no_more(words: str) -> None:
    bench = ToolBench((sys.executable, "-c", words))
    with pytest.raises(ToolError, match="ended before"):
        await bench.run(ToolJob(kind="resample", width=4, height=4, memory_mib=MEMORY), as_file(picture(2, 2)), seconds=60,
                        hear=ignore)  # fmt: skip


async def test_a_process_is_held_to_its_memory() -> None:
    job = ToolJob(kind="resample", width=8000, height=8000, memory_mib=64)
    with pytest.raises(ToolError):
        await ToolBench().run(job, as_file(picture(2000, 2000)), seconds=60, hear=ignore)


async def test_time_runs_out_and_a_cancelled_job_leaves_no_process() -> None:
    bench = ToolBench((sys.executable, "-c", "import time; time.sleep(600)"))
    job = ToolJob(kind="resample", width=4, height=4, memory_mib=MEMORY)
    with pytest.raises(ToolError, match="within"):
        await bench.run(job, as_file(picture(2, 2)), seconds=0.05, hear=ignore)
    begun: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        begun.append(await start(*command, **options))
        return begun[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", noted)
        task = asyncio.create_task(bench.run(job, as_file(picture(2, 2)), seconds=60, hear=ignore))
        while not begun:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert begun[0].returncode is not None


@pytest.mark.parametrize("left", [60, -40])
async def test_a_damaged_picture_is_the_pictures_fault(left: int) -> None:
    data = as_file(picture(20, 20))[:left]
    request = replace(asked("upscale", Size(40, 20)), images=(replace(given(picture(20, 10)), data=data),))
    context = CallContext(call_id="c", deadline=SystemClock().monotonic() + 60, tell=lambda _: asyncio.sleep(0))
    with pytest.raises(HostileContentError) as caught:
        await model("lanczos").generate(request, context)
    assert caught.value.billed == "no"


# As models.


def model(name: str, where: str | None = "/nowhere", bench: ToolBench | None = None) -> ImageModel:
    made = tools(load_cards(), SystemClock(), bench or ToolBench(), lambda _: where)
    return next(one for one in made if one.card.id == f"tools/{name}")


def asked(task: Any, size: Size | None = None, **more: Any) -> ImageRequest:
    return ImageRequest(prompt="Enlarge", images=(given(picture(20, 10)),), task=task, size=size, **more)


async def test_plain_enlargement_says_what_it_is() -> None:
    told: list[CallEvent] = []

    async def tell(event: CallEvent) -> None:
        told.append(event)

    context = CallContext(call_id="c", deadline=SystemClock().monotonic() + 60, tell=tell)
    result = await model("lanczos").generate(asked("upscale", Size(40, 20)), context)
    assert (result.billed, result.cost.amount_micro_usd, result.model_served) == ("no", 0, "lanczos")
    assert [(note.feature, note.kind) for note in result.adjustments] == [("detail", "emulated")]
    assert "no new detail" in result.adjustments[0].detail
    assert Image.open(io.BytesIO(result.images[0].data)).size == (40, 20)
    sent = next(event for event in told if isinstance(event, Sent)).wire
    assert '"engine": "pillow"' in str(sent.body)
    assert "Enlarge" not in str(sent.body)


async def test_a_network_as_a_model(tmp_path: Path) -> None:
    made = tools(load_cards(), SystemClock(), ToolBench(), lambda _: kept(tmp_path, bright_is_subject()).path)
    found = next(one for one in made if one.card.id == "tools/u2netp")
    told: list[CallEvent] = []

    async def tell(event: CallEvent) -> None:
        told.append(event)

    context = CallContext(call_id="c", deadline=SystemClock().monotonic() + 60, tell=tell)
    with pytest.raises(ProviderFailedError, match="not the one that this model names") as caught:
        await found.generate(asked("remove_background"), context)  # the tiny one is not the file that the card names
    assert caught.value.billed == "no"
    assert not any(isinstance(event, Progress) for event in told)


@pytest.mark.parametrize(
    ("name", "request_", "param"),
    [("lanczos", asked("upscale"), "size"), ("lanczos", asked("upscale", Size(60, 30)), "size"),
     ("lanczos", asked("remove_background"), "task"), ("lanczos", ImageRequest(prompt="a kettle"), "task"),
     ("u2netp", asked("upscale", Size(40, 20)), "task")],
)  # fmt: skip
def test_what_a_tool_cannot_do_is_named(name: str, request_: ImageRequest, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        model(name).plan(request_)
    assert caught.value.param == param


def test_a_result_that_is_too_large_is_refused_before() -> None:
    large = ImageRequest(prompt="", images=(given(picture(9000, 500)),), task="upscale", size=Size(36000, 2000))
    with pytest.raises(BadRequestError, match="too large"):
        model("lanczos").plan(large)


def test_what_a_tool_does_not_take_is_said() -> None:
    request = asked("remove_background", seed=4, quality="high")
    notes = {note.feature: note.kind for note in model("u2netp").plan(request)}
    assert notes == {"seed": "unsupported", "quality": "unsupported"}


async def test_without_its_weights_or_the_extra_a_network_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = model("u2netp", where=None)
    with pytest.raises(BadRequestError, match="weights of U²-Net light are not here") as caught:
        absent.plan(asked("remove_background"))
    assert "4.6 MB" in str(caught.value.hint)
    assert (await absent.check()).ok is False
    monkeypatch.setattr("triptych.providers.tools.model.installed", lambda: False)
    with pytest.raises(BadRequestError) as caught:
        absent.plan(asked("remove_background"))
    assert "pip install 'triptych[tools]'" in caught.value.message
    assert (await model("lanczos").check()).ok


async def test_a_tool_keeps_no_jobs() -> None:
    job = JobHandle(provider="tools", endpoint="tools/lanczos", job_id="1", state={})
    context = CallContext(call_id="c", deadline=0.0, tell=lambda _: asyncio.sleep(0))
    with pytest.raises(ExpiredError):
        await model("lanczos").resume(job, asked("upscale"), context)
    assert await model("lanczos").cancel(job) is False


def test_every_card_of_a_tool_says_what_its_engine_needs() -> None:
    cards = [card for card in load_cards() if card.provider == "tools"]
    assert {card.id for card in cards} >= {"tools/lanczos", "tools/u2netp"}
    for card in cards:
        tool = ToolCard.of(card)
        assert (card.free, card.lane, card.license is not None, card.draws) == (True, "local", True, False)
        assert card.is_ai == (tool.weights is not None)
        if tool.weights is not None:
            assert tool.weights.url.startswith("https://")
            assert len(bytes.fromhex(tool.weights.sha256)) == 32


def test_a_card_that_names_no_engine_is_refused() -> None:
    card = next(card for card in load_cards() if card.provider == "demo")
    with pytest.raises(SettingsError):
        ToolCard.of(card)
