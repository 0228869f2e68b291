"""ComfyUI as its protocol page has it: uploads, a queue that checks a workflow and runs it, history, views, and a WebSocket that tells.

Workflows are checked input by input against a table of node classes and run over sizes and words: what comes out is a picture whose colour
depends on everything that led to it. Runs in the event loop of the test.
"""

import asyncio
import hashlib
import io
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, WSMsgType, web
from PIL import Image
from tests.emulators.at_home import listening

CHECKPOINTS, UPSCALERS = ["dreamshaper_8.safetensors", "sd/v1-5.ckpt"], ["4x-ultra.pth"]
STEPS_TOLD = 3
LINK = "link"
CLASSES: dict[str, dict[str, Any]] = {
    "CheckpointLoaderSimple": {"ckpt_name": CHECKPOINTS},
    "UpscaleModelLoader": {"model_name": UPSCALERS},
    "CLIPTextEncode": {"text": str, "clip": LINK},
    "FluxGuidance": {"conditioning": LINK, "guidance": float},
    "EmptyLatentImage": {"width": int, "height": int, "batch_size": int},
    "KSampler": {"model": LINK, "positive": LINK, "negative": LINK, "latent_image": LINK, "seed": int, "steps": int, "cfg": float,
                 "sampler_name": ["euler", "dpmpp_2m"], "scheduler": ["normal", "karras"], "denoise": float},
    "VAEDecode": {"samples": LINK, "vae": LINK},
    "VAEEncode": {"pixels": LINK, "vae": LINK},
    "LoadImage": {"image": str},
    "ImageScale": {"image": LINK, "upscale_method": ["lanczos", "bilinear"], "width": int, "height": int, "crop": ["disabled", "center"]},
    "ImageToMask": {"image": LINK, "channel": ["red", "green", "blue", "alpha"]},
    "SetLatentNoiseMask": {"samples": LINK, "mask": LINK},
    "ImageUpscaleWithModel": {"upscale_model": LINK, "image": LINK},
    "PreviewImage": {"images": LINK},
    "SaveImage": {"images": LINK, "filename_prefix": str},
}  # fmt: skip
FORMS = {int: "INT", float: "FLOAT", str: "STRING"}


class NodeError(Exception):
    """A node that failed while it ran."""


@dataclass
class ComfyUI:
    """What it keeps. `gate` holds a job before its sampler, `failing` is a node class that raises, `deaf` refuses WebSockets."""

    url: str = ""
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    failing: str | None = None
    deaf: bool = False
    flags: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)  # folders
    interrupted: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        made = web.Application(client_max_size=64 << 20)
        made.add_routes([
            web.get("/system_stats", self.stats), web.get("/internal/folder_paths", self.folder_paths), web.get("/object_info/{name}", self.about), web.post("/upload/image", self.upload),
            web.post("/prompt", self.prompt), web.get("/history/{id}", self.past), web.get("/queue", self.waiting),
            web.post("/queue", self.take_off), web.post("/interrupt", self.interrupt), web.get("/view", self.view), web.get("/ws", self.ws),
        ])  # fmt: skip
        return made

    async def stats(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"system": {"os": "posix", "comfyui_version": "0.3.65", "argv": ["main.py", *self.flags]}, "devices": []}
        )

    async def folder_paths(self, _: web.Request) -> web.Response:
        return web.json_response({"checkpoints": self.checkpoints, "loras": [], "custom_nodes": []})

    async def about(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in CLASSES:
            return web.json_response({})
        required = {
            one: [kind] if isinstance(kind, list) else [FORMS.get(kind, "*"), {}] for one, kind in CLASSES[name].items()
        }
        return web.json_response({name: {"input": {"required": required}, "name": name}})

    async def upload(self, request: web.Request) -> web.Response:
        fields: dict[str, Any] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            fields[part.name or ""] = (part.filename, await part.read()) if part.filename else (await part.text())
        if "image" not in fields:
            return web.Response(status=400)
        name, data = fields["image"]
        folder, stem = fields.get("type", "input"), 0
        fresh = name
        while (folder, fresh) in self.files and fields.get("overwrite") != "true":
            stem += 1
            fresh = f"{name.rpartition('.')[0]} ({stem}).{name.rpartition('.')[2]}"
        self.files[folder, fresh] = data
        return web.json_response({"name": fresh, "subfolder": "", "type": folder})

    async def prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            return web.json_response({"error": {"type": "no_prompt", "message": "No prompt provided", "details": "", "extra_info": {}},
                                      "node_errors": {}}, status=400)  # fmt: skip
        unknown = [node["class_type"] for node in graph.values() if node["class_type"] not in CLASSES]
        if unknown:
            words = {
                "type": "invalid_prompt",
                "message": f"Cannot execute because node {unknown[0]} does not exist.",
                "details": "",
                "extra_info": {},
            }
            return web.json_response({"error": words, "node_errors": {}}, status=400)
        faults = {id_: {"errors": found, "dependent_outputs": [], "class_type": node["class_type"]}
                  for id_, node in graph.items() if (found := list(self._faults(graph, node)))}  # fmt: skip
        if faults:
            words = {
                "type": "prompt_outputs_failed_validation",
                "message": "Prompt outputs failed validation",
                "details": "",
                "extra_info": {},
            }
            return web.json_response({"error": words, "node_errors": faults}, status=400)
        id_ = f"{len(self.prompts):08x}-0000-4000-8000-000000000000"
        self.prompts.append(body)
        self.running[id_] = asyncio.create_task(self._run(id_, graph, body.get("client_id", "")))
        return web.json_response({"prompt_id": id_, "number": len(self.prompts), "node_errors": {}})

    def _faults(self, graph: dict[str, Any], node: dict[str, Any]) -> Any:
        given = node["inputs"]
        for name, kind in CLASSES[node["class_type"]].items():
            about = {"details": name, "extra_info": {"input_name": name}}
            if name not in given:
                yield {"type": "required_input_missing", "message": "Required input is missing", **about}
            elif kind is LINK or isinstance(given[name], list):
                good = isinstance(given[name], list) and len(given[name]) == 2 and given[name][0] in graph
                if not good:
                    yield {"type": "bad_linked_input", "message": "Bad linked input", **about}
            elif isinstance(kind, list):
                if given[name] not in kind:
                    details = f"{name}: '{given[name]}' not in {kind}"
                    yield {
                        "type": "value_not_in_list",
                        "message": "Value not in list",
                        "details": details,
                        "extra_info": {},
                    }
            elif not isinstance(given[name], (int, float) if kind is float else kind):
                yield {"type": "invalid_input_type", "message": "Failed to convert an input value", **about}
            elif node["class_type"] == "LoadImage" and self._loaded(given[name]) is None:
                yield {"type": "custom_validation_failed", "message": "Custom validation failed for node",
                       "details": f"image - Invalid image file: {given[name]}", "extra_info": {}}  # fmt: skip
            elif name in {"width", "height"} and (given[name] < 16 or given[name] > 16384):
                yield {"type": "value_smaller_than_min", "message": "Value is out of bounds", **about}

    def _loaded(self, name: str) -> bytes | None:
        folder = "temp" if name.endswith(" [temp]") else "input"
        return self.files.get((folder, name.removesuffix(" [temp]")))

    async def _run(self, id_: str, graph: dict[str, Any], client: str) -> None:
        await asyncio.sleep(0)  # the answer to the prompt goes first
        messages: list[Any] = []
        try:
            await self._say(client, "execution_start", prompt_id=id_)
            outputs = {}
            for key, node in graph.items():
                if node["class_type"] in {"PreviewImage", "SaveImage"}:
                    outputs[key] = {"images": [await self._shown(id_, graph, key, client)]}
        except NodeError as error:
            told = {
                "prompt_id": id_,
                "node_id": "5",
                "node_type": self.failing,
                "exception_message": str(error),
                "exception_type": "E",
            }
            messages.append(["execution_error", told])
            self._ended(id_, {}, "error", messages)
            await self._say(client, "execution_error", **told)
            return
        except asyncio.CancelledError:
            self._ended(id_, {}, "error", [["execution_interrupted", {"prompt_id": id_}]])
            await self._say(client, "execution_interrupted", prompt_id=id_)
            return
        self._ended(id_, outputs, "success", messages)
        await self._say(client, "executing", node=None, prompt_id=id_)

    def _ended(self, id_: str, outputs: Any, status: str, messages: list[Any]) -> None:
        del self.running[id_]
        self.history[id_] = {"prompt": [], "outputs": outputs, "meta": {},
                             "status": {"status_str": status, "completed": status == "success", "messages": messages}}  # fmt: skip

    async def _shown(self, id_: str, graph: dict[str, Any], key: str, client: str) -> dict[str, str]:
        picture = await self._value(id_, graph, [key, 0], client)
        folder = "temp" if graph[key]["class_type"] == "PreviewImage" else "output"
        name = f"ComfyUI_{len(self.files):05}_.png"
        self.files[folder, name] = picture
        return {"filename": name, "subfolder": "", "type": folder}

    async def _value(self, id_: str, graph: dict[str, Any], link: Any, client: str) -> Any:
        """What a node gives: a picture as PNG for those that end a workflow, else its size and a digest of what led to it."""
        node = graph[link[0]]
        kind, given = node["class_type"], node["inputs"]
        if kind == self.failing:
            raise NodeError("CUDA out of memory")
        inner = {
            name: await self._value(id_, graph, value, client)
            for name, value in given.items()
            if isinstance(value, list)
        }
        if kind == "KSampler":
            if self.gate is not None:
                await self.gate.wait()
            await self._sampled(id_, link[0], client)
        plain = {name: value for name, value in given.items() if not isinstance(value, list)}
        if kind == "LoadImage":
            data = self._loaded(given["image"]) or b""
            size = Image.open(io.BytesIO(data)).size
            plain = {"picture": hashlib.sha256(data).hexdigest()}
        elif "width" in plain:
            size = (plain["width"], plain["height"])
        else:
            own = [
                inner[name]
                for name in ("latent_image", "samples", "pixels", "images", "image", "mask")
                if name in inner
            ]
            size = own[0][0] if own else (0, 0)
        if kind == "ImageUpscaleWithModel":
            size = (size[0] * 4, size[1] * 4)
        digest = hashlib.sha256(
            json.dumps([kind, plain, {n: v[1] for n, v in inner.items()}], sort_keys=True).encode()
        ).hexdigest()
        return _png(size, digest) if kind in {"PreviewImage", "SaveImage"} else (size, digest)

    async def _sampled(self, id_: str, node: str, client: str) -> None:
        await self._say(client, "executing", node=node, prompt_id=id_)
        for step in range(1, STEPS_TOLD + 1):
            await self._say(client, "progress", value=step, max=STEPS_TOLD, prompt_id=id_, node=node)
            with suppress(ConnectionResetError):
                if (socket := self.sockets.get(client)) is not None:
                    await socket.send_bytes(struct.pack(">II", 1, 2) + _png((8, 8), f"{step}0ff00"))
            await asyncio.sleep(0)

    async def _say(self, client: str, kind: str, **data: Any) -> None:
        socket = self.sockets.get(client)
        with suppress(ConnectionResetError):
            if socket is not None:
                await socket.send_str(json.dumps({"type": kind, "data": data}))

    async def past(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        return web.json_response({id_: self.history[id_]} if id_ in self.history else {})

    async def waiting(self, _: web.Request) -> web.Response:
        return web.json_response({"queue_running": [[0, id_, {}, {}, []] for id_ in self.running], "queue_pending": []})

    async def take_off(self, request: web.Request) -> web.Response:
        assert "delete" in await request.json()
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        id_ = (await request.json()).get("prompt_id")
        self.interrupted.append(id_)
        if id_ in self.running:
            self.running[id_].cancel()
        return web.Response()

    async def view(self, request: web.Request) -> web.Response:
        found = self.files.get((request.query.get("type", "output"), request.query["filename"]))
        return web.Response(status=404) if found is None else web.Response(body=found, content_type="image/png")

    async def ws(self, request: web.Request) -> web.StreamResponse:
        if self.deaf:
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = request.query["clientId"]
        self.sockets[client] = socket
        await socket.send_str(
            json.dumps({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client}})
        )
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        self.sockets.pop(client, None)
        return socket


def _png(size: tuple[int, int], digest: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, f"#{digest[:6]}").save(out, "PNG", compress_level=1)
    return out.getvalue()


@asynccontextmanager
async def comfyui() -> AsyncIterator[ComfyUI]:
    """One that listens on a free port."""
    made = ComfyUI()
    async with listening(made.app()) as made.url:
        try:
            yield made
        finally:
            for task in made.running.values():
                task.cancel()
            for socket in list(made.sockets.values()):
                await socket.close()
