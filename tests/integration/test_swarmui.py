"""SwarmUI in the studio and on a node: found at its port, added, drawn with, told about, stopped."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pybase64
import pytest
from PIL import Image
from tests.emulators.swarmui import MODELS, SwarmUI, swarmui
from tests.unit.node.job_tools import picture, wanted

from triptych.app import onboarding
from triptych.app.container import App, open_app
from triptych.config.settings import load
from triptych.http.client import HttpClient
from triptych.network.job import described
from triptych.node.backends import find
from triptych.node.backends.base import Glimpse
from triptych.node.backends.find import engine_at, engines_here
from triptych.provider_kit import local_servers
from triptych.providers.swarm import SwarmModel, swarm_models
from triptych.server.application import build
from triptych.spec.clock import SystemClock
from triptych.spec.errors import (
    BadRequestError,
    EmptyAnswerError,
    ExpiredError,
    NotConfiguredError,
    ProviderFailedError,
    SettingsError,
)
from triptych.spec.image import ImageRequest, InputImage, Size
from triptych.spec.json import Json
from triptych.spec.model import CallContext, CallEvent, JobHandle, Progress, Sent
from triptych.studio.planning import Asked

WORDS, SDXL = "a heron over the weir", MODELS[0]


@pytest.fixture
async def them() -> AsyncIterator[SwarmUI]:
    async with swarmui() as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(SystemClock()) as made:
        yield made


def model(them: SwarmUI, client: HttpClient, name: str = SDXL) -> SwarmModel:
    table = {"engine": "swarm-ui", "base_url": them.url + "/", "models": [name]}
    return swarm_models("attic", table, client, SystemClock())[1][0]


def asked(**changed: object) -> ImageRequest:
    return replace(ImageRequest(prompt=WORDS, seed=7, size=Size(128, 64)), **changed)  # type: ignore[arg-type]


class Ear:
    """Hears what a call tells; `until` is set at its first progress."""

    def __init__(self) -> None:
        self.heard: list[CallEvent] = []
        self.begun = asyncio.Event()

    async def tell(self, event: CallEvent) -> None:
        self.heard.append(event)
        if isinstance(event, Progress):
            self.begun.set()

    def context(self) -> CallContext:
        return CallContext(call_id="c", deadline=SystemClock().monotonic() + 60, tell=self.tell)


async def test_it_is_found_added_by_a_click_and_drawn_with(
    them: SwarmUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = replace(local_servers.SWARM, port=int(them.url.rpartition(":")[2]))
    monkeypatch.setattr(onboarding, "KNOWN", (here,))
    app = await open_app(load({"data": tmp_path, "browser": False}, {}))
    transport = httpx.ASGITransport(build(app), raise_app_exceptions=False)
    mine = {"X-Triptych-Session": app.session}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700", headers=mine) as web:
        (found,) = (await web.post("/api/local-servers")).json()["servers"]
        assert (found["name"], found["models"]) == ("SwarmUI", MODELS)
        assert (await web.put(f"/api/local-servers/{found['row']}", json={"models": [SDXL]})).status_code == 200
    data = await _drawn(app, f"{found['row']}/officialstablediffusion-sd_xl_base_1.0")
    assert Image.open(io.BytesIO(data)).size == (128, 64)
    await app.close()


async def _drawn(app: App, name: str) -> bytes:
    run = await app.studio.start(Asked(text=f"{WORDS} --size 128x64", models=(name,)))
    view = await app.studio.wait(run.tiles[0].record.id)
    assert view.record.state == "done", view.record.error
    return await app.studio.pictures.bytes_of(view.pictures[0].sha256)


async def test_it_tells_how_far_it_is_and_keeps_nothing(them: SwarmUI, client: HttpClient) -> None:
    ear, one = Ear(), model(them, client)
    found = await one.generate(asked(previews=2, options={"attic": {"steps": 9, "sampler": "euler"}}), ear.context())
    assert (found.billed, found.images[0].seed, found.model_served) == ("no", 7, SDXL)
    (sent,) = them.asked
    assert sent == {
        "session_id": "session-0", "images": 1, "prompt": WORDS, "negativeprompt": "", "model": SDXL, "width": 128, "height": 64,
        "steps": 9, "cfgscale": 7.0, "donotsave": True, "sampler": "euler", "seed": 7,
    }  # fmt: skip
    assert them.files == {}
    told = [event for event in ear.heard if isinstance(event, Progress)]
    assert [event.fraction for event in told] == [0.25, 0.5, 0.75]
    assert [event.preview is not None for event in told] == [False, True, True]
    (record,) = [event.wire for event in ear.heard if isinstance(event, Sent)]
    assert "session-0" not in (record.body or "")
    assert WORDS in (record.body or "")


@pytest.mark.parametrize("saves", [False, True])
async def test_without_a_connection_that_tells_the_picture_comes_at_once(
    them: SwarmUI, client: HttpClient, *, saves: bool
) -> None:
    them.deaf, them.saves = True, saves
    ear = Ear()
    found = await model(them, client).generate(asked(), ear.context())
    assert Image.open(io.BytesIO(found.images[0].data)).size == (128, 64)
    assert (len(them.asked), len(them.files)) == (1, int(saves))
    assert not [event for event in ear.heard if isinstance(event, Progress)]


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_call_that_is_stopped_stops_it(them: SwarmUI, client: HttpClient, *, deaf: bool) -> None:
    them.gate, them.deaf = asyncio.Event(), deaf
    drawing = asyncio.create_task(model(them, client).generate(asked(), Ear().context()))
    while not them.asked:
        await asyncio.sleep(0.01)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert them.stopped == [{"session_id": "session-0", "other_sessions": False}]


async def test_it_changes_a_picture_and_within_a_mask_white_changes(them: SwarmUI, client: HttpClient) -> None:
    source, out = picture("64x64"), io.BytesIO()
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 16, 64))
    mask.save(out, "PNG")
    backend = await engine_at(them.url, client, SystemClock())
    listed = (described(source, "image/png", "edit"), described(out.getvalue(), "image/png", "mask"))
    order = wanted(model=SDXL, pictures=(source, out.getvalue()), images=listed, strength=0.5, guidance=4.0)
    backend.check(order)
    drawn = await backend.draw(order, _unheard)
    assert (len(drawn.pictures), drawn.sampler) == (1, "euler/normal")
    (sent,) = them.asked
    assert (sent["sampler"], sent["scheduler"]) == ("euler", "normal"), "whatever this server would draw with by itself"
    assert (sent["initimagecreativity"], sent["cfgscale"], sent["width"], sent["height"]) == (0.5, 4.0, 64, 64)
    assert pybase64.b64decode(sent["initimage"].partition(",")[2]) == source
    painted = Image.open(io.BytesIO(pybase64.b64decode(sent["maskimage"].partition(",")[2])))
    white = np.asarray(painted.convert("L"))
    assert (white[:, :16].min(), white[:, 16:].max()) == (255, 0)


async def _unheard(_glimpse: Glimpse) -> None:
    """Takes what is told and says nothing."""


@pytest.mark.parametrize("deaf", [False, True])
async def test_its_own_words_are_told(them: SwarmUI, client: HttpClient, *, deaf: bool) -> None:
    them.deaf, them.fault = deaf, "All available backends failed to load the model."
    with pytest.raises(ProviderFailedError, match="backends failed to load") as told:
        await model(them, client).generate(asked(), Ear().context())
    assert (told.value.billed, told.value.provider) == ("no", "attic")
    them.fault, them.silent = None, True
    with pytest.raises(EmptyAnswerError, match="without a picture"):
        await model(them, client).generate(asked(), Ear().context())
    them.saves, them.silent = True, False
    them.files = _Forgetful()
    with pytest.raises(EmptyAnswerError):
        await model(them, client).generate(asked(), Ear().context())


class _Forgetful(dict[str, bytes]):
    """Files that are gone when they are asked for."""

    def get(self, *_: object) -> None:  # type: ignore[override]
        return None


async def test_what_cannot_be_drawn_is_said_before(them: SwarmUI, client: HttpClient) -> None:
    one = model(them, client)
    with pytest.raises(BadRequestError, match="setting for SwarmUI"):
        one.plan(asked(options={"attic": {"steps": "all"}}))
    with pytest.raises(BadRequestError, match="needs the picture"):
        one.plan(asked(mask=InputImage(b"", "image/png", "", 1, 1)))
    job = JobHandle(provider="attic", endpoint="", job_id="", state={})
    with pytest.raises(ExpiredError):
        await one.resume(job, asked(), Ear().context())
    assert not await one.cancel(job)
    assert (await one.check()).ok
    them.models.clear()
    assert (await one.check()).message == f"The SwarmUI at {them.url} lists no models."
    good: dict[str, Json] = {"engine": "swarm-ui", "base_url": them.url}
    for wrong in ({**good, "base_url": "ftp://x"}, {**good, "colour": 1}):
        with pytest.raises(SettingsError, match=r"endpoints\.attic"):
            swarm_models("attic", wrong, client, SystemClock())
    assert them.asked == []


async def test_a_node_finds_it(them: SwarmUI, client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    here = replace(local_servers.SWARM, port=int(them.url.rpartition(":")[2]))
    monkeypatch.setattr(find, "SWARM", here)
    (backend,) = await engines_here(client, SystemClock(), (here,))
    assert backend.name == f"the SwarmUI at {them.url}"
    assert [(one.id, one.engine) for one in await backend.models()] == [(name, "swarm-ui") for name in MODELS]
    them.models.clear()
    assert await engines_here(client, SystemClock(), (here,)) == []
    with pytest.raises(NotConfiguredError, match="lists no models"):
        await engine_at(them.url, client, SystemClock())
