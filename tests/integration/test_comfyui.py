"""ComfyUI in the studio and on a node: found at its port, added, a workflow brought in, drawn with."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest
from PIL import Image
from tests.emulators.comfyui import CHECKPOINTS, UPSCALERS, ComfyUI, comfyui
from tests.unit.node.job_tools import picture, wanted
from tests.unit.test_comfyui import FLUX

from triptych.app import onboarding
from triptych.app.container import App, open_app
from triptych.config.settings import load
from triptych.http.client import HttpClient
from triptych.network.job import described
from triptych.node.backends import find
from triptych.node.backends.base import Glimpse
from triptych.node.backends.find import engine_at, engines_here
from triptych.node.trial import try_out
from triptych.provider_kit import local_servers
from triptych.provider_kit.local_servers import Known
from triptych.server.application import build
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError
from triptych.studio.planning import Asked


@pytest.fixture
async def them(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ComfyUI]:
    """One at the port where it is looked for."""
    async with comfyui() as made:
        here = Known(
            name="ComfyUI",
            port=int(made.url.rpartition(":")[2]),
            path=local_servers.COMFY.path,
            is_it=local_servers.COMFY.is_it,
        )
        for module in (onboarding, find):
            monkeypatch.setattr(module, "COMFY", here)
        monkeypatch.setattr(onboarding, "KNOWN", (here,))
        yield made


async def opened(data: Path, toml: str = "") -> App:
    (data / "triptych.toml").write_text(toml)
    return await open_app(load({"data": data, "browser": False}, {}))


def page(app: App) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build(app), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8700", headers={"X-Triptych-Session": app.session}
    )


async def drawn(app: App, model: str, text: str) -> bytes:
    run = await app.studio.start(Asked(text=text, models=(model,)))
    view = await app.studio.wait(run.tiles[0].record.id)
    assert view.record.state == "done", view.record.error
    return await app.studio.pictures.bytes_of(view.pictures[0].sha256)


async def test_it_is_found_added_by_a_click_and_kept(them: ComfyUI, tmp_path: Path) -> None:
    app = await opened(tmp_path)
    async with page(app) as web:
        (found,) = (await web.post("/api/local-servers")).json()["servers"]
        assert (found["name"], found["models"]) == ("ComfyUI", [*CHECKPOINTS, *UPSCALERS])
        row = found["row"]
        chosen = [CHECKPOINTS[0], UPSCALERS[0]]
        assert (await web.put(f"/api/local-servers/{row}", json={"models": chosen})).status_code == 200
        assert (await web.put(f"/api/local-servers/{row}", json={"models": ["no.ckpt"]})).status_code == 400
        brought = await web.put(f"/api/local-servers/{row}/workflows/My flux", content=json.dumps(FLUX))
        assert brought.json()["takes"]["prompt"] == ["10 CLIPTextEncode"]
        wrong = await web.put(f"/api/local-servers/{row}/workflows/x", content=b"{}")
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "workflow")
        assert (await web.put("/api/local-servers/local-8000/workflows/x", content=json.dumps(FLUX))).status_code == 404
        assert (await web.post("/api/local-servers")).json()["servers"][0]["added"] == [*chosen, "My flux"]
    data = await drawn(app, f"{row}/dreamshaper_8", "a heron --size 128x64")
    assert Image.open(io.BytesIO(data)).size == (128, 64)
    await app.close()
    app = await opened(tmp_path)
    assert Image.open(io.BytesIO(await drawn(app, f"{row}/my-flux", "a heron --size 64x64"))).size == (64, 64)
    async with page(app) as web:
        assert (await web.delete(f"/api/local-servers/{row}")).status_code == 200
    assert not [one for one in app.models.endpoints() if one.startswith(row)]
    await app.close()


async def test_one_in_another_room_stands_in_the_settings(them: ComfyUI, tmp_path: Path) -> None:
    toml = f'[endpoints.attic]\nengine = "comfyui"\nbase_url = "{them.url}"\nname = "The attic"\nmodels = ["{CHECKPOINTS[0]}"]\n'
    app = await opened(tmp_path, toml)
    assert app.models.provider("attic").name == "The attic"
    assert Image.open(io.BytesIO(await drawn(app, "attic/dreamshaper_8", "a heron --size 64x64"))).size == (64, 64)
    await app.close()


async def test_a_node_draws_with_it(them: ComfyUI) -> None:
    seen: list[Glimpse] = []

    async def tell(glimpse: Glimpse) -> None:
        seen.append(glimpse)

    clock, usual = SystemClock(), vars(find)["COMFY"]
    async with HttpClient(clock) as client:
        backend = await engine_at(them.url, client, clock)
        assert [(one.id, one.engine, one.caps) for one in await backend.models()] == [
            (file, "comfyui", ("t2i", "i2i", "inpaint")) for file in CHECKPOINTS
        ]
        assert await try_out(backend, CHECKPOINTS[0], clock, size="64x64") >= 0
        source = picture("64x64")
        asked = wanted(
            model=CHECKPOINTS[0], pictures=(source,), images=(described(source, "image/png", "edit"),), n=2, previews=1
        )
        backend.check(asked)
        made = await backend.draw(asked, tell)
        assert len(set(made.pictures)) == 2
        assert any(one.preview for one in seen)
        made = await backend.draw(wanted(model=CHECKPOINTS[0], size="64x64", steps=9, guidance=3.0), tell)
        sampled = them.prompts[-1]["prompt"]["5"]["inputs"]
        assert (made.steps, made.sampler, sampled["steps"], sampled["cfg"]) == (9, "euler/normal", 9, 3.0)
        with pytest.raises(BadRequestError, match="size"):
            backend.check(wanted(model=CHECKPOINTS[0], size="70x70"))
        assert [one.name for one in await engines_here(client, clock, (usual,))] == [f"the ComfyUI at {them.url}"]
