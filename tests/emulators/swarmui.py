"""SwarmUI as its API pages have it: sessions, the list of models, one picture by a call or by a WebSocket that tells, and the stop.

Every route takes JSON by POST with `session_id` in it; one that is not known answers 401 and `invalid_session_id`. A WebSocket route takes
the same object as its first message. What is drawn is a picture whose colour depends on everything that was asked. Runs in the event loop
of the test.
"""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pybase64
from aiohttp import web
from PIL import Image
from tests.emulators.at_home import listening

MODELS = ["OfficialStableDiffusion/sd_xl_base_1.0.safetensors", "flux1-dev"]
KNOWN = {
    "session_id": str, "images": int, "prompt": str, "negativeprompt": str, "model": str, "width": int, "height": int, "cfgscale": float,
    "steps": int, "seed": int, "initimage": str, "initimagecreativity": float, "maskimage": str, "donotsave": bool, "sampler": str,
    "scheduler": str,
}  # fmt: skip
TOLD = 3


@dataclass
class SwarmUI:
    """What it keeps. `gate` holds a picture before it is drawn, `fault` is said in its place, `deaf` refuses WebSockets, `saves` keeps what it
    draws though it was asked not to, `silent` closes without a word of a picture."""

    url: str = ""
    sessions: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    stopped: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=lambda: [*MODELS])
    hashes: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    fault: str | None = None
    deaf: bool = False
    saves: bool = False
    silent: bool = False

    def app(self) -> web.Application:
        made = web.Application(client_max_size=64 << 20)
        made.add_routes([
            web.post("/API/GetNewSession", self.new_session), web.post("/API/ListModels", self.list_models),
            web.post("/API/GetModelHash", self.model_hash),
            web.post("/API/GenerateText2Image", self.generate), web.get("/API/GenerateText2ImageWS", self.tell),
            web.post("/API/InterruptAll", self.interrupt), web.get("/View/{path:.*}", self.view),
        ])  # fmt: skip
        return made

    async def new_session(self, request: web.Request) -> web.Response:
        await request.json()
        self.sessions.append(f"session-{len(self.sessions)}")
        return web.json_response({"session_id": self.sessions[-1], "user_id": "local", "output_append_user": False, "version": "0.9.9",
                                  "server_id": "abc", "permissions": ["*"]})  # fmt: skip

    def _stranger(self, body: dict[str, Any]) -> dict[str, str] | None:
        if body.get("session_id") in self.sessions:
            return None
        return {"error_id": "invalid_session_id", "error": "Invalid session ID. You may need to refresh the page."}

    async def list_models(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (no := self._stranger(body)) is not None:
            return web.json_response(no, status=401)
        if not isinstance(body.get("path"), str) or not isinstance(body.get("depth"), int):
            return web.json_response({"error": "Missing required parameter 'path' or 'depth'."}, status=400)
        files = [{"name": name, "title": name, "standard_width": 1024, "standard_height": 1024} for name in self.models]
        return web.json_response({"folders": [], "files": files})

    async def model_hash(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (no := self._stranger(body)) is not None:
            return web.json_response(no, status=401)
        found = self.hashes.get(body["modelName"]) if body.get("subtype") == "Stable-Diffusion" else None
        return web.json_response({"error": "That model does not exist."} if found is None else {"hash": found})

    def _checked(self, body: dict[str, Any]) -> str | None:
        """What is wrong with a request, in the server's words."""
        for name, value in body.items():
            kind = KNOWN.get(name)
            if kind is None or not isinstance(value, (int, float) if kind is float else kind):
                return f"Invalid value for param {name} - {value!r}"
        if body.get("model") not in self.models:
            return f"Invalid value for param model - no such model '{body.get('model')}'"
        return self.fault

    async def _draw(self, body: dict[str, Any]) -> str:
        self.asked.append(body)
        if self.gate is not None:
            await self.gate.wait()
        said = json.dumps({name: value for name, value in body.items() if name != "session_id"}, sort_keys=True)
        data = _png((body["width"], body["height"]), hashlib.sha256(said.encode()).hexdigest())
        if body.get("donotsave") and not self.saves:
            return f"data:image/png;base64,{pybase64.b64encode(data).decode()}"
        place = f"local/raw/2026-11-22/a heron {len(self.files)}.png"
        self.files[place] = data
        return f"View/{place}"

    async def generate(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (no := self._stranger(body)) is not None:
            return web.json_response(no, status=401)
        if (words := self._checked(body)) is not None:
            return web.json_response({"error": words})
        return web.json_response({"images": [] if self.silent else [await self._draw(body)]})

    async def tell(self, request: web.Request) -> web.StreamResponse:
        if self.deaf:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        body = json.loads(await socket.receive_str())
        no = self._stranger(body) or ({"error": words} if (words := self._checked(body)) is not None else None)
        if no is not None:
            await socket.send_json(no)
            await socket.close()
            return socket
        await socket.send_json(
            {"status": {"waiting_gens": 1, "loading_models": 0, "waiting_backends": 1, "live_gens": 0}}
        )
        preview = pybase64.b64encode(_png((8, 8), "406080", "JPEG")).decode()
        for step in range(1, TOLD + 1):
            told = {"batch_index": "0", "overall_percent": step / (TOLD + 1), "current_percent": 0.5}
            await socket.send_json(
                {"gen_progress": told | ({"preview": f"data:image/jpeg;base64,{preview}"} if step > 1 else {})}
            )
        place = await self._draw(body)
        if not self.silent:
            await socket.send_json({"image": place, "batch_index": "0", "metadata": "{}"})
        await socket.send_json({"socket_intention": "close"})
        with suppress(asyncio.TimeoutError):
            await socket.receive(timeout=2)  # time for one more request
        return socket

    async def interrupt(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (no := self._stranger(body)) is not None:
            return web.json_response(no, status=401)
        self.stopped.append(body)
        return web.json_response({"success": True})

    async def view(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["path"])
        return web.Response(status=404) if data is None else web.Response(body=data, content_type="image/png")


def _png(size: tuple[int, int], digest: str, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, f"#{digest[:6]}").save(out, kind)
    return out.getvalue()


@asynccontextmanager
async def swarmui() -> AsyncIterator[SwarmUI]:
    """One that listens on a free port."""
    made = SwarmUI()
    async with listening(made.app()) as made.url:
        yield made
