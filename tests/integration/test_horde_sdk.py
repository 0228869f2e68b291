"""The official client of AI Horde as a worker of a studio and of a node, over a real port: what is asked is popped, uploaded, submitted."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import httpx2 as httpx
import pytest
from horde_sdk.ai_horde_api.ai_horde_clients import AIHordeAPIAsyncManualClient
from horde_sdk.ai_horde_api.apimodels import (
    AIHordeHeartbeatRequest,
    AIHordeHeartbeatResponse,
    AllWorkersDetailsRequest,
    AllWorkersDetailsResponse,
    FindUserRequest,
    ImageGenerateJobPopRequest,
    ImageGenerateJobPopResponse,
    ImageGenerationJobSubmitRequest,
    JobSubmitResponse,
    ModifyWorkerRequest,
    ModifyWorkerResponse,
    SingleWorkerDetailsResponse,
    SingleWorkerNameDetailsRequest,
    UserDetailsResponse,
)
from horde_sdk.ai_horde_api.consts import GENERATION_STATE, WORKER_TYPE
from horde_sdk.generic_api.apimodels import RequestErrorResponse
from PIL import Image
from tests.integration.node_world import until, world_of
from tests.integration.test_node_workers import Place, checked
from tests.unit.node.job_tools import wanted

from triptych.app.container import App, open_app
from triptych.app.node_workers import NodeHouse
from triptych.catalog.load import load_cards
from triptych.config.settings import load
from triptych.network import node_receipt
from triptych.network.card import BRIDGED
from triptych.network.job import Done
from triptych.node.horde.house import House
from triptych.server.application import build
from triptych.server.workers_door import workers_door
from triptych.studio.planning import Asked

MODEL, OURS = "AlbedoBase XL (SDXL)", "workers/albedobase-xl-sdxl"


def webp(colour: str, side: int = 512) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, format="WEBP")
    return out.getvalue()


@dataclass
class Worker:
    """What reGen does with the SDK, one call at a time."""

    client: AIHordeAPIAsyncManualClient
    session: aiohttp.ClientSession
    key: str
    name: str = "attic"

    async def pop(self, **changed: Any) -> ImageGenerateJobPopResponse | RequestErrorResponse:
        asked = ImageGenerateJobPopRequest(**{
            "apikey": self.key, "name": self.name, "models": [MODEL], "bridge_agent": "AI Horde Worker reGen:10.1.1:https://example",
            "max_pixels": 1024 * 1024, "nsfw": False, "threads": 1, "amount": 1, "allow_img2img": True, "allow_painting": True, **changed,
        })  # fmt: skip
        return await self.client.submit_request(asked, ImageGenerateJobPopResponse)

    async def found(self) -> ImageGenerateJobPopResponse:
        """The next job."""
        async with asyncio.timeout(60):
            while True:
                answer = await self.pop()
                assert isinstance(answer, ImageGenerateJobPopResponse), answer
                if answer.id_ is not None:
                    return answer
                await asyncio.sleep(0.01)

    async def put(self, url: str | None, picture: bytes) -> int:
        assert url is not None
        async with self.session.put(url, data=picture) as answer:
            return answer.status

    async def submit(
        self, job: ImageGenerateJobPopResponse, **changed: Any
    ) -> JobSubmitResponse | RequestErrorResponse:
        said = ImageGenerationJobSubmitRequest(**{
            "apikey": self.key, "id": str(job.ids[0].root), "generation": "R2", "state": GENERATION_STATE.ok,
            "seed": int(job.payload.seed or 0), **changed,
        })  # fmt: skip
        return await self.client.submit_request(said, JobSubmitResponse)


@asynccontextmanager
async def joined(house: House) -> AsyncIterator[Worker]:
    """A worker at the door of a house, which it finds as reGen does: by an address in its settings."""
    async with workers_door(house, "127.0.0.1:0"), aiohttp.ClientSession() as session:
        assert house.address is not None
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("horde_sdk.ai_horde_api.apimodels.base.AI_HORDE_BASE_URL", house.address)
            yield Worker(AIHordeAPIAsyncManualClient(session), session, await house.new_key("me"))


class Door(Protocol):
    """Where a worker joins. `drawn` is what came of asking there for a heron in no fog, with seed 7, as 512x512 pixels."""

    worker: Worker

    async def known(self) -> None: ...

    async def drawn(self) -> bytes: ...


@dataclass
class Home:
    app: App
    worker: Worker

    async def ask(self, text: str) -> str:
        run = await self.app.studio.start(Asked(text=text, models=(OURS,)))
        return run.tiles[0].record.id

    async def known(self) -> None:
        """The worker has asked once, so its models are there."""
        assert isinstance(await self.worker.pop(), ImageGenerateJobPopResponse)
        await self.app.horde.refresh()

    async def drawn(self) -> bytes:
        view = await self.app.studio.wait(await self.ask("a heron --no fog --seed 7 --size 512x512"))
        assert view.record.state == "done", view.record.error
        (shown,) = view.pictures
        assert (view.record.lane, shown.seed) == ("pinned", 7)
        return await self.app.studio.pictures.bytes_of(shown.sha256)


@dataclass
class Behind:
    """A node at a hub, which the worker draws for: what it is asked is sealed, what it answers is signed."""

    place: Place
    worker: Worker

    async def known(self) -> None:
        """The worker has drawn the three pictures of the trial, so its models are on the node's card."""
        assert isinstance(await self.worker.pop(), ImageGenerateJobPopResponse)
        for colour in ("white", "grey", "black"):
            job = await self.worker.found()
            assert await self.worker.put(job.r2_upload, webp(colour)) == 200
            assert isinstance(await self.worker.submit(job), JobSubmitResponse)
        await until(lambda: self.place.house.models or self.place.house.fault)
        assert self.place.house.fault is None

    async def drawn(self) -> bytes:
        asked = wanted(model=MODEL, prompt="a heron", negative_prompt="fog", size="512x512")
        reply, found = await self.place.ask(asked)
        assert checked(reply, asked, found) == "ok"
        assert isinstance(reply.news, Done)
        signed = node_receipt.read(reply.news.receipt.encode()).body
        assert (signed.node, signed.engine, signed.seed) == (self.place.node.keys.id, BRIDGED, 7)
        (picture,) = reply.pictures
        return picture


@asynccontextmanager
async def studio_door(folder: Path) -> AsyncIterator[Home]:
    app = await open_app(load({"data": folder, "browser": False}, {}))
    async with joined(app.horde) as worker:
        yield Home(app, worker)
    await app.close()


@asynccontextmanager
async def node_door(folder: Path) -> AsyncIterator[Behind]:
    async with world_of(folder) as world, httpx.AsyncClient() as unused:
        house = NodeHouse(folder / "node", world.clock, load_cards())
        node = await world.node(None, workers=house)
        async with joined(house) as worker, world.working(node):
            yield Behind(Place(world, house, node, unused), worker)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with studio_door(tmp_path) as made:
        yield made


@pytest.mark.parametrize("door", [studio_door, node_door])
async def test_a_picture_is_popped_uploaded_and_submitted(
    tmp_path: Path, door: Callable[[Path], AbstractAsyncContextManager[Door]]
) -> None:
    async with door(tmp_path) as there:
        await there.known()
        drawn = asyncio.create_task(there.drawn())
        job = await there.worker.found()
        assert (job.model, job.payload.prompt, job.payload.seed) == (MODEL, "a heron###fog", "7")
        assert (job.payload.width, job.payload.height, job.payload.n_iter) == (512, 512, 1)
        assert (job.payload.ddim_steps, job.payload.cfg_scale) == (30, 7.0), "the settings that the model is made for"
        picture = webp("teal")
        assert job.r2_uploads == [job.r2_upload]
        assert await there.worker.put(job.r2_upload, picture) == 200
        told = await there.worker.submit(job)
        assert isinstance(told, JobSubmitResponse)
        assert told.reward > 0
        assert await drawn == picture


async def test_the_account_the_workers_and_their_maintenance_are_shown(home: Home) -> None:
    await home.known()
    client, key = home.worker.client, home.worker.key
    beat = await client.submit_request(AIHordeHeartbeatRequest(), AIHordeHeartbeatResponse)
    assert isinstance(beat, AIHordeHeartbeatResponse)
    user = await client.submit_request(FindUserRequest(apikey=key), UserDetailsResponse)
    assert isinstance(user, UserDetailsResponse)
    assert user.username == "me#1"
    everyone = await client.submit_request(AllWorkersDetailsRequest(type=WORKER_TYPE.all), AllWorkersDetailsResponse)
    assert isinstance(everyone, AllWorkersDetailsResponse)
    assert [(one.name, one.models, one.online) for one in everyone.root] == [("attic", [MODEL], True)]
    one = await client.submit_request(SingleWorkerNameDetailsRequest(worker_name="attic"), SingleWorkerDetailsResponse)
    assert isinstance(one, SingleWorkerDetailsResponse)
    change = ModifyWorkerRequest(apikey=key, worker_id=str(one.id_), maintenance=True, maintenance_msg="new fans")
    changed = await client.submit_request(change, ModifyWorkerResponse)
    assert isinstance(changed, ModifyWorkerResponse)
    assert changed.maintenance is True
    refused = await home.worker.pop()
    assert isinstance(refused, RequestErrorResponse)
    assert refused.message == "new fans"


async def test_why_nothing_came_is_told_by_reason(home: Home) -> None:
    await home.known()
    await home.ask("a heron --size 1024x1024")
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while True:
            idle = await home.worker.pop(name="cellar", max_pixels=512 * 512)
            assert isinstance(idle, ImageGenerateJobPopResponse)
            if idle.skipped.max_pixels:
                break
    assert (idle.id_, idle.skipped.max_pixels) == (None, 1)


async def test_a_wrong_key_gets_nothing(home: Home) -> None:
    home.worker.key = "A" * 22
    refused = await home.worker.pop()
    assert isinstance(refused, RequestErrorResponse)
    assert "No key like this" in refused.message
    assert not home.app.horde.desk.workers()


async def test_the_page_shows_who_is_there_and_makes_keys(home: Home) -> None:
    await home.known()
    headers = {"X-Triptych-Session": home.app.session}
    transport = httpx.ASGITransport(build(home.app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700", headers=headers) as page:
        told = (await page.get("/api/workers")).json()
        assert (told["address"], told["keys"]) == (home.app.horde.address, ["me"])
        assert [(one["name"], one["key"], one["here"], one["models"]) for one in told["workers"]] == [
            ("attic", "me", True, [MODEL])
        ]
        made = (await page.post("/api/workers/keys", json={"name": "Mira"})).json()
        assert await home.app.horde.owner_of(made["key"]) == "Mira"
        assert (await page.post("/api/workers/keys", json={"name": "no/name"})).status_code == 400
        assert (await page.delete("/api/workers/keys/Mira")).json()["keys"] == ["me"]
        assert (await page.delete("/api/workers/keys/Mira")).status_code == 404
        stranger = await page.post("/api/workers/keys", json={"name": "x"}, headers={"X-Triptych-Session": "guess"})
        assert stranger.status_code == 403
