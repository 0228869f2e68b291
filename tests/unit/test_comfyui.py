"""ComfyUI as models, against its emulator on loopback: what is sent, what is heard, what comes of it."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.emulators.comfyui import CHECKPOINTS, UPSCALERS, ComfyUI, comfyui
from tests.unit.studio_doubles import picture

from triptych.http.client import HttpClient
from triptych.providers.comfyui import (
    Comfy,
    ComfyModel,
    checkpoint_card,
    read_workflow,
    upscaler_card,
    workflow_card,
)
from triptych.providers.comfyui.server import understood
from triptych.spec.clock import SystemClock
from triptych.spec.errors import (
    BadRequestError,
    ExpiredError,
    ModelUnavailableError,
    NotSentError,
    ProviderFailedError,
    RejectedError,
)
from triptych.spec.image import ImageRequest, InputImage, Size
from triptych.spec.model import Accepted, CallContext, CallEvent, JobHandle, Progress, Sent


@dataclass
class World:
    them: ComfyUI
    client: HttpClient
    heard: list[CallEvent] = field(default_factory=list)

    @property
    def server(self) -> Comfy:
        return Comfy(self.them.url, self.client, self.client, SystemClock())

    def model(self, file: str = CHECKPOINTS[0]) -> ComfyModel:
        return ComfyModel(checkpoint_card("comfyui", file), self.server, SystemClock())

    def context(self, seconds: float = 60) -> CallContext:
        async def tell(event: CallEvent) -> None:
            self.heard.append(event)

        return CallContext(call_id="c", deadline=SystemClock().monotonic() + seconds, tell=tell)

    def sent(self, class_type: str) -> list[dict[str, Any]]:
        """The inputs of the nodes of a class, in the latest workflow."""
        return [node["inputs"] for node in self.them.prompts[-1]["prompt"].values() if node["class_type"] == class_type]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with comfyui() as them, HttpClient(SystemClock()) as client:
        yield World(them, client)


def given_picture(width: int, height: int, role: str = "edit", data: bytes | None = None) -> InputImage:
    data = data or picture(width, height)
    return InputImage(data, "image/png", hashlib.sha256(data).hexdigest(), width, height, role)  # type: ignore[arg-type]


def size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


async def test_what_it_has_is_listed(world: World) -> None:
    assert await world.server.models() == (tuple(CHECKPOINTS), tuple(UPSCALERS))
    assert (await world.model().check()).ok


async def test_words_become_a_picture_with_progress_and_previews(world: World) -> None:
    asked = ImageRequest(prompt="a heron", negative_prompt="fog", seed=7, size=Size(512, 768), previews=2)
    found = await world.model().generate(asked, world.context())
    assert size(found.images[0].data) == (512, 768)
    assert (found.images[0].seed, found.billed, found.cost.amount_micro_usd) == (7, "no", 0)
    assert {one.feature: one.kind for one in found.adjustments} == {
        "negative_prompt": "native", "previews": "native", "seed": "native", "size": "native",
    }  # fmt: skip
    assert [one["text"] for one in world.sent("CLIPTextEncode")] == ["a heron", "fog"]
    assert world.sent("KSampler")[0] | {"seed": 7, "steps": 25, "denoise": 1.0} == world.sent("KSampler")[0]
    told = [one for one in world.heard if isinstance(one, Progress)]
    assert [one.fraction for one in told if one.preview is None and one.fraction] == [1 / 3, 2 / 3, 1.0]
    assert [one.fraction for one in told if one.preview] == [1 / 3, 2 / 3, 1.0]
    assert all(size(one.preview) == (8, 8) for one in told if one.preview)
    assert sum(one.preview is not None for one in told) == 3
    first, second = [type(one) for one in world.heard if isinstance(one, Sent | Accepted)]
    assert (first, second) == (Sent, Accepted)
    assert not [name for folder, name in world.them.files if folder != "temp"], "nothing stays in the user's folders"


async def test_a_picture_is_edited_and_a_mask_keeps_the_rest(world: World) -> None:
    source = given_picture(300, 203)
    found = await world.model().generate(ImageRequest(prompt="in snow", images=(source,)), world.context())
    assert size(found.images[0].data) == (304, 200)
    assert {one.feature: one.kind for one in found.adjustments}["size"] == "adjusted"
    assert world.sent("KSampler")[0]["denoise"] == 0.75
    alpha = Image.new("RGBA", (300, 203), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (0, 0, 100, 203))
    out = io.BytesIO()
    alpha.save(out, "PNG")
    mask = given_picture(300, 203, data=out.getvalue())
    await world.model().generate(ImageRequest(prompt="in snow", images=(source,), mask=mask), world.context())
    names = [one["image"].removesuffix(" [temp]") for one in world.sent("LoadImage")]
    white = np.asarray(Image.open(io.BytesIO(world.them.files["temp", names[1]])).convert("L"))
    assert world.them.files["temp", names[0]] == source.data
    assert (white[:, :100].min(), white[:, 100:].max()) == (255, 0), "white is what changes"
    assert world.sent("KSampler")[0]["denoise"] == 1.0
    assert world.sent("SetLatentNoiseMask")
    with pytest.raises(BadRequestError, match="needs the picture"):
        world.model().plan(ImageRequest(prompt="x", mask=mask))


async def test_a_picture_is_enlarged(world: World) -> None:
    model = ComfyModel(upscaler_card("comfyui", UPSCALERS[0]), world.server, SystemClock())
    asked = ImageRequest(prompt="", images=(given_picture(40, 50),), task="upscale", size=Size(80, 100))
    found = await model.generate(asked, world.context())
    assert size(found.images[0].data) == (80, 100)
    with pytest.raises(BadRequestError, match="for upscale alone"):
        model.plan(ImageRequest(prompt="a heron"))


async def test_without_a_connection_to_listen_on_it_looks(world: World) -> None:
    world.them.deaf = True
    found = await world.model().generate(ImageRequest(prompt="a heron", seed=1, size=Size(64, 64)), world.context())
    assert size(found.images[0].data) == (64, 64)
    assert len(world.them.prompts) == 1


async def test_what_goes_wrong_is_said_in_its_own_words(world: World) -> None:
    world.them.failing = "VAEDecode"
    with pytest.raises(ProviderFailedError, match="VAEDecode: CUDA out of memory"):
        await world.model().generate(ImageRequest(prompt="x"), world.context())
    world.them.failing = None
    with pytest.raises(ModelUnavailableError, match="not in"):
        await world.model("gone.safetensors").generate(ImageRequest(prompt="x"), world.context())
    with pytest.raises(RejectedError, match="sampler_name: 'no' not in"):
        await world.model().generate(
            ImageRequest(prompt="x", options={"comfyui": {"sampler_name": "no"}}), world.context()
        )
    with pytest.raises(BadRequestError, match="setting for ComfyUI"):
        world.model().plan(ImageRequest(prompt="x", options={"comfyui": {"steps": "many"}}))
    with pytest.raises(NotSentError, match="no time left"):
        await world.model().generate(ImageRequest(prompt="x"), world.context(-1))


async def test_a_job_is_stopped_and_one_that_goes_on_is_picked_up(world: World) -> None:
    world.them.gate = asyncio.Event()
    asked = ImageRequest(prompt="a heron", seed=3, size=Size(64, 64))
    model, context = world.model(), world.context()
    task = asyncio.create_task(model.generate(asked, context))
    while not (jobs := [one.job for one in world.heard if isinstance(one, Accepted)]):
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.them.gate.set()
    found = await model.resume(jobs[0], asked, world.context())
    assert (size(found.images[0].data), found.images[0].seed) == ((64, 64), 3)
    with pytest.raises(ExpiredError):
        await model.resume(JobHandle(provider="comfyui", endpoint="x", job_id="gone", state={}), asked, world.context())
    world.them.gate.clear()
    task = asyncio.create_task(model.generate(asked, context))
    while len(jobs := [one.job for one in world.heard if isinstance(one, Accepted)]) < 2:
        await asyncio.sleep(0.005)
    assert await model.cancel(jobs[1])
    with pytest.raises(ProviderFailedError, match="interrupted"):
        await task
    assert world.them.interrupted == [jobs[1].job_id]


FLUX = {
    "10": {"class_type": "CLIPTextEncode", "inputs": {"text": "old words", "clip": ["1", 1]}, "_meta": {"title": "CLIP Text Encode"}},
    "11": {"class_type": "FluxGuidance", "inputs": {"conditioning": ["10", 0], "guidance": 3.5}},
    "12": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["1", 1]}},
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINTS[0]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "3": {"class_type": "KSampler", "inputs": {"model": ["1", 0], "positive": ["11", 0], "negative": ["12", 0], "latent_image": ["5", 0],
          "seed": 1, "steps": 4, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["1", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "mine"}},
}  # fmt: skip


async def test_a_workflow_of_the_users_is_a_model(world: World) -> None:
    found = read_workflow(json.dumps(FLUX).encode())
    assert found.told() == {
        "prompt": ["10 CLIPTextEncode"], "negative": ["12 CLIPTextEncode"], "seed": ["3 KSampler"], "size": ["5 EmptyLatentImage"],
    }  # fmt: skip
    model = ComfyModel(workflow_card("comfyui", "My flux", found), world.server, SystemClock(), found)
    assert model.card.id == "comfyui/my-flux"
    asked = ImageRequest(prompt="a heron", negative_prompt="fog", seed=9, size=Size(128, 64))
    made = await model.generate(asked, world.context())
    assert size(made.images[0].data) == (128, 64)
    assert sorted(one["text"] for one in world.sent("CLIPTextEncode")) == ["a heron", "fog"]
    assert world.sent("KSampler")[0]["seed"] == 9
    assert FLUX["10"]["inputs"]["text"] == "old words", "the workflow itself is not changed"  # type: ignore[index]


def changed(**nodes: Any) -> bytes:
    return json.dumps(FLUX | nodes).encode()


def test_titles_say_more_than_classes() -> None:
    image = {"class_type": "LoadImage", "inputs": {"image": "a.png"}}
    found = read_workflow(changed(
        **{"20": {**image, "_meta": {"title": "Mask"}}, "21": image, "22": {"class_type": "Any", "inputs": {"text": "z"}, "_meta": {"title": " prompt "}}}
    ))  # fmt: skip
    assert found.prompt == (("22", "text"),)
    assert (found.mask, found.images) == ((("20", "image"),), (("21", "image"),))
    card = workflow_card("comfyui", "w", found)
    assert (card.capabilities.operations, card.capabilities.max_input_images, card.capabilities.mask) == (
        ("edit",),
        1,
        True,
    )
    none = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["10", 0]}}
    sampler = {"class_type": "KSampler", "inputs": {**FLUX["3"]["inputs"], "negative": ["13", 0]}}  # type: ignore[dict-item]
    zeroed = read_workflow(changed(**{"13": none, "3": sampler}))
    assert (zeroed.prompt, zeroed.negative) == ((("10", "text"),), ()), "one text for both is no negative prompt"


@pytest.mark.parametrize(("data", "words"), [
    (b"no", "no JSON"), (b"[]", "API format"), (b"{}", "API format"), (b'{"nodes": [], "links": []}', "as it is drawn"),
    (b'{"1": {"class_type": 3}}', "API format"), (json.dumps({"9": FLUX["9"] | {"class_type": "Sink"}}).encode(), "No picture comes out"),
    (json.dumps({"9": FLUX["9"]}).encode(), "takes the prompt"), (b" " * (2 << 20), "MB"),
])  # fmt: skip
def test_what_is_no_workflow_is_refused_with_what_is_missing(data: bytes, words: str) -> None:
    with pytest.raises(BadRequestError, match=words) as told:
        read_workflow(data)
    assert told.value.param == "workflow"


_json = st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["inputs", "class_type", "positive", "negative", "text", "seed", "image", "1", "2", "_meta", "title", "type", "data", "prompt_id", "value", "max"]), inner, max_size=4))  # fmt: skip


@given(st.dictionaries(st.sampled_from("123"), st.fixed_dictionaries({
    "class_type": st.sampled_from(["KSampler", "SaveImage", "LoadImage", "CLIPTextEncode", "EmptyLatentImage"]),
    "inputs": st.dictionaries(st.sampled_from(["positive", "negative", "text", "seed", "width", "height", "image"]),
                              st.sampled_from([["1", 0], ["2", 0], ["9", 0], 5, "x", None, []])),
    "_meta": _json,
})))  # fmt: skip
def test_any_graph_is_a_workflow_or_is_refused(graph: dict[str, Any]) -> None:
    """Also one that goes in circles."""
    try:
        found = read_workflow(json.dumps(graph).encode())
    except BadRequestError:
        return
    made = found.filled(prompt="p", negative="n", seed=1, size=(64, 64), images=("a",) * 3, mask="m")
    assert made.keys() == found.graph.keys()
    assert all(
        made[id_]["inputs"][name] == "p"
        for id_, name in found.prompt
        if (id_, name) not in (*found.negative, *found.images)
    )


@given(_json.map(json.dumps) | st.binary(max_size=40))
def test_any_message_is_understood_or_let_be(message: str | bytes) -> None:
    heard = understood(message, "job")
    assert heard is None or heard.progress or heard.over
