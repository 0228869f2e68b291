"""The web UI as an engine: one picture a call, how far it is, and that it stops."""

import asyncio
import io
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pybase64
import pytest
from PIL import Image
from tests.unit.node.job_tools import WORDS, picture, wanted

from triptych.http.message import HttpRequest, HttpResponse
from triptych.network.job import described
from triptych.node.backends.base import Glimpse
from triptych.node.backends.find import engine_at, engines_here
from triptych.node.backends.image_model import ModelBackend
from triptych.node.backends.web_ui import web_ui_backend
from triptych.provider_kit.local_servers import KNOWN
from triptych.provider_kit.playback import PlayedClock, PlayedTransport
from triptych.providers.webui import STEPS, web_ui_models
from triptych.spec.errors import (
    BadRequestError,
    EmptyAnswerError,
    ExpiredError,
    NotConfiguredError,
    NotSentError,
    ProviderFailedError,
    SettingsError,
)
from triptych.spec.image import ImageRequest, InputImage, Size
from triptych.spec.model import CallContext, CallEvent, JobHandle, Sent

URL = "http://127.0.0.1:7860"
MODELS: list[dict[str, Any]] = [{"title": "v1-5.safetensors [6ce0161689]", "model_name": "v1-5", "sha256": "ab" * 32}, {"title": "x"},
          {"title": "sdxl.safetensors", "model_name": "sdxl", "sha256": None}]  # fmt: skip


class Ticking(PlayedClock):
    """A clock on which others get their turn."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


class Ui(PlayedTransport):
    """A web UI as it answers; `hold` keeps a picture back until it is let go."""

    def __init__(self, **changed: Any) -> None:
        super().__init__(self._said, Ticking())
        self.changed, self.hold = changed, asyncio.Event()
        self.hold.set()

    def _said(self, request: HttpRequest) -> HttpResponse:
        path = request.url.removeprefix(URL).partition("?")[0]
        body = self.changed.get(path.rpartition("/")[2])
        if isinstance(body, HttpResponse):
            return body
        if body is None:
            known: dict[str, Any] = {
                "/sdapi/v1/sd-models": MODELS,
                "/sdapi/v1/txt2img": {"images": [_b64(picture("512x512"))], "parameters": {}, "info": "{}"},
                "/sdapi/v1/img2img": {"images": ["data:image/png;base64," + _b64(picture("64x64"))]},
                "/sdapi/v1/progress": {"progress": 0.5, "state": {"sampling_step": 9}, "current_image": _b64(picture(shade=3))},
                "/sdapi/v1/interrupt": {},
            }  # fmt: skip
            if path not in known:
                return HttpResponse(status=404, body=b"{}")
            body = known[path]
        return HttpResponse(status=200, headers={"content-type": "application/json"}, body=msgspec.json.encode(body))

    async def send(self, request: HttpRequest, **given: Any) -> HttpResponse:
        if request.url.endswith("txt2img"):
            await self.hold.wait()
        return await super().send(request, **given)

    def sent(self, path: str) -> list[Any]:
        return [one.json for one in self.seen if one.url.endswith(path)]


def _b64(data: bytes) -> str:
    return pybase64.b64encode(data).decode()


async def opened(ui: Ui) -> ModelBackend:
    return await web_ui_backend(URL + "/", ui, ui.clock)


async def unheard(_glimpse: Glimpse) -> None:
    """Takes what is told and says nothing."""


async def test_it_draws_with_the_noise_of_the_cpu_and_each_picture_by_its_seed() -> None:
    ui = Ui()
    engine = await opened(ui)
    models = await engine.models()
    assert [(one.id, one.digest) for one in models] == [("v1-5", "ab" * 32), ("sdxl", None)]
    asked = wanted(model="v1-5", size="512x512", n=2, guidance=5.0)
    engine.check(asked)
    drawn = await engine.draw(asked, unheard)
    assert (len(drawn.pictures), drawn.steps, drawn.sampler) == (2, STEPS, "Euler")
    sent = ui.sent("txt2img")
    assert [(one["prompt"], one["seed"], one["cfg_scale"], one["steps"]) for one in sent] == [
        (WORDS, 7, 5.0, STEPS),
        (WORDS, 8, 5.0, STEPS),
    ]
    assert sent[0]["override_settings"] == {
        "sd_model_checkpoint": MODELS[0]["title"],
        "randn_source": "CPU",
        "samples_format": "png",
    }
    assert not sent[0]["save_images"], "what others ask for is not left on the disk"
    assert all(not guarded for guarded in ui.guarded)


async def test_it_says_how_far_it_is_and_shows_it() -> None:
    ui = Ui()
    engine, seen = await opened(ui), list[Glimpse]()
    ui.hold.clear()

    async def tell(glimpse: Glimpse) -> None:
        seen.append(glimpse)
        ui.hold.set()

    await engine.draw(wanted(model="v1-5", steps=30, previews=1), tell)
    assert (seen[0].step, seen[0].steps, seen[0].preview) == (9, 30, picture(shade=3))


async def test_a_job_that_is_cancelled_interrupts_it() -> None:
    ui = Ui()
    engine, begun = await opened(ui), asyncio.Event()
    ui.hold.clear()

    async def tell(_glimpse: Glimpse) -> None:
        begun.set()
        await asyncio.sleep(0)

    drawing = asyncio.create_task(engine.draw(wanted(model="v1-5"), tell))
    await begun.wait()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert ui.sent("interrupt") == [{}]


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"size": "500x500"}, "size"), ({"size": "32x512"}, "size"), ({"quality": "high"}, "quality"), ({"output_format": "jpeg"}, "output_format"),
     ({"strength": 0.4}, "strength"), ({"seed": 2**32}, "seed")],
)  # fmt: skip
async def test_what_it_would_not_do_exactly_it_refuses(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestError) as told:
        (await opened(Ui())).check(wanted(model="v1-5", **changed))
    assert told.value.param == field


@pytest.mark.parametrize("answer", [{"images": []}, {"images": ["%%"]}, {"images": [7]}, []])
async def test_an_answer_without_a_picture_is_a_failure(answer: Any) -> None:
    engine = await opened(Ui(txt2img=answer))
    with pytest.raises(EmptyAnswerError):
        await engine.draw(wanted(model="v1-5"), unheard)


async def test_a_fault_of_the_engine_is_a_failure() -> None:
    engine = await opened(Ui(txt2img=HttpResponse(status=500, body=b'{"detail": "CUDA out of memory"}')))
    with pytest.raises(ProviderFailedError, match="500"):
        await engine.draw(wanted(model="v1-5"), unheard)


async def test_engines_are_told_apart_by_what_they_answer() -> None:
    clock = PlayedClock()

    def compatible(request: HttpRequest) -> HttpResponse:
        if request.url == "http://127.0.0.1:8000/v1/models":
            return HttpResponse(status=200, body=b'{"data": [{"id": "flux"}]}')
        return HttpResponse(status=404, body=b"{}")

    assert (await engine_at(URL, Ui(), clock)).name == f"the web UI at {URL}"
    assert (
        "http://127.0.0.1:8000/v1"
        in (await engine_at("http://127.0.0.1:8000", PlayedTransport(compatible, clock), clock)).name
    )
    nothing = PlayedTransport(lambda _: NotSentError("Nothing listens there."), clock)
    with pytest.raises(NotConfiguredError, match=r"Nothing listens there\."):
        await engine_at(URL, nothing, clock)
    assert [one.name for one in await engines_here(Ui(), clock, KNOWN)] == [f"the web UI at {URL}"]
    assert await engines_here(nothing, clock, KNOWN) == []


async def test_it_changes_a_picture_and_within_a_mask_white_changes() -> None:
    ui = Ui()
    engine = await opened(ui)
    source, out = picture("64x64"), io.BytesIO()
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 16, 64))
    mask.save(out, "PNG")
    listed = (described(source, "image/png", "edit"), described(out.getvalue(), "image/png", "mask"))
    asked = wanted(model="sdxl", pictures=(source, out.getvalue()), images=listed, strength=0.5, guidance=4.0)
    engine.check(asked)
    drawn = await engine.draw(asked, unheard)
    assert drawn.pictures == (picture("64x64"),)
    (sent,) = ui.sent("img2img")
    assert [pybase64.b64decode(one) for one in sent["init_images"]] == [source]
    assert (sent["denoising_strength"], sent["cfg_scale"], sent["width"], sent["inpainting_fill"]) == (0.5, 4.0, 64, 1)
    white = np.asarray(Image.open(io.BytesIO(pybase64.b64decode(sent["mask"]))).convert("L"))
    assert (white[:, :16].min(), white[:, 16:].max()) == (255, 0)
    with pytest.raises(BadRequestError, match="strength"):
        engine.check(wanted(model="sdxl", strength=0.5))


async def test_it_is_a_model_of_the_studio_by_a_table() -> None:
    ui = Ui()
    table = {"engine": "web-ui", "base_url": URL, "models": ["v1-5"]}
    _, (model,) = web_ui_models("attic", table, ui, ui.clock)
    heard: list[CallEvent] = []

    async def tell(event: CallEvent) -> None:
        heard.append(event)

    context = CallContext(call_id="c", deadline=ui.clock.monotonic() + 100, tell=tell)
    request = ImageRequest(prompt=WORDS, seed=7, size=Size(512, 512), options={"attic": {"steps": 9}})
    found = await model.generate(request, context)
    assert (found.images[0].seed, found.billed, model.card.lane) == (7, "no", "local")
    assert ui.sent("txt2img")[0]["steps"] == 9
    assert isinstance(heard[0], Sent)
    assert (await model.check()).ok
    with pytest.raises(BadRequestError, match="setting for the web UI"):
        model.plan(replace(request, options={"attic": {"steps": "all"}}))
    with pytest.raises(BadRequestError, match="needs the picture"):
        model.plan(replace(request, mask=InputImage(b"", "image/png", "", 1, 1)))
    with pytest.raises(ExpiredError):
        await model.resume(JobHandle(provider="attic", endpoint="", job_id="", state={}), request, context)
    assert not await model.cancel(JobHandle(provider="attic", endpoint="", job_id="", state={}))
    for wrong in ({**table, "base_url": "ftp://x"}, {**table, "colour": 1}):
        with pytest.raises(SettingsError, match=r"endpoints\.attic"):
            web_ui_models("attic", wrong, ui, ui.clock)
