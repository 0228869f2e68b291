"""The calls of ComfyUI's server, without a key: `server.py` and `execution.py` at commit a125cd8, read on 2026-11-20."""

import json
import re
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, Part
from triptych.http.transport import Sockets, Transport
from triptych.imaging.sniff import sniff
from triptych.provider_kit.upstream import as_count, as_list, as_object, as_text, dig, read_json
from triptych.providers.comfyui.graphs import Graph
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    ModelUnavailableError,
    NotSentError,
    ProviderFailedError,
    RejectedError,
    TriptychError,
)
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import Progress

ASK_S = 15.0
MOST_MODELS = 200
_FILES = re.compile(r"(?:ckpt|unet|model|vae|clip|lora)_name")
"""Inputs that name a file in one of the server's folders."""
_PREVIEW, _PREVIEW_WITH_WORDS = 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message about a job: how far it is, or that it is over, with the words of its fault."""

    progress: Progress | None = None
    over: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Comfy:
    """A server at an address, which may be at home."""

    url: str
    client: Transport
    sockets: Sockets | None = field(repr=False)
    clock: Clock = field(repr=False)

    async def models(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The checkpoints and the models that enlarge. Raises TriptychError when it does not answer."""
        return (await self._choices("CheckpointLoaderSimple", "ckpt_name"),
                await self._choices("UpscaleModelLoader", "model_name"))  # fmt: skip

    async def _choices(self, node: str, name: str) -> tuple[str, ...]:
        answer = await self._send(
            HttpRequest(method="GET", url=f"{self.url}/object_info/{node}", step="check"), self.soon()
        )
        listed = as_list(dig(read_json(answer), node, "input", "required", name))
        # A list of names, or since 2025 the word COMBO and the list among its settings.
        options = (
            listed[0]
            if listed and isinstance(listed[0], list)
            else dig(listed[1] if len(listed) > 1 else None, "options")
        )
        found = [one for one in as_list(options) if isinstance(one, str) and one.isprintable() and 0 < len(one) <= 200]
        return tuple(found[:MOST_MODELS])

    async def about(self) -> JsonObject:
        """What it says of itself: its version, the flags that it was started with, its devices. Raises TriptychError."""
        answer = await self._send(HttpRequest(method="GET", url=f"{self.url}/system_stats", step="check"), self.soon())
        return as_object(read_json(answer))

    async def folders(self, kind: str) -> tuple[str, ...]:
        """Where its files of a kind lie on its own machine; none where it does not say. Raises TriptychError."""
        asked = HttpRequest(method="GET", url=f"{self.url}/internal/folder_paths", step="check")
        answer = await self._send(asked, self.soon())
        listed = as_object(read_json(answer)).get(kind) if answer.status == 200 else None
        return tuple(one for one in as_list(listed) if isinstance(one, str))

    async def upload(self, data: bytes, deadline: float) -> str:
        """Puts a picture into the server's temporary folder; the name to load it by. Raises TriptychError."""
        kind = (sniff(data) or "image/png").partition("/")[2]
        parts = (Part(name="image", data=data, filename=f"triptych.{kind}", media_type=f"image/{kind}"),
                 Part(name="type", data=b"temp"), Part(name="overwrite", data=b"false"))  # fmt: skip
        answer = await self._send(HttpRequest(url=f"{self.url}/upload/image", parts=parts, step="check"), deadline)
        body = as_object(read_json(answer))
        name, folder = as_text(body.get("name")), as_text(body.get("subfolder"))
        if answer.status != 200 or name is None:
            raise ProviderFailedError(
                f"ComfyUI did not take the picture (status {answer.status}).", status=answer.status, billed="no"
            )
        return f"{f'{folder}/' if folder else ''}{name} [temp]"

    def asking(self, graph: Graph, client: str) -> HttpRequest:
        """The request that queues a workflow; `client` hears how far it is."""
        return HttpRequest(url=f"{self.url}/prompt", json={"prompt": graph, "client_id": client})

    async def queue(self, request: HttpRequest, deadline: float) -> str:
        """Queues a workflow; the id of its job. Raises RejectedError with the server's own words, ModelUnavailableError where it has a
        file no more, and what sending raises."""
        answer = await self._send(request, deadline)
        body = as_object(read_json(answer))
        job = as_text(body.get("prompt_id"))
        if answer.status != 200:
            raise _refused(body, answer.status)
        if job is None or not all(char.isalnum() or char in "-_" for char in job):
            raise ProviderFailedError("ComfyUI took the workflow without an id.", status=answer.status, billed="no")
        return job

    def hear(self, client: str, deadline: float) -> AbstractAsyncContextManager[AsyncIterator[str | bytes]]:
        """What the server says to a client. Raises NotSentError where no connection comes about."""
        if self.sockets is None:
            raise NotSentError("This client does not listen to WebSockets.")
        ways = self.url.replace("http", "ws", 1)
        return self.sockets.messages(f"{ways}/ws?{urlencode({'clientId': client})}", deadline=deadline)

    async def pictures(self, job: str, deadline: float) -> list[Json] | None:
        """Where the pictures of a job lie, once it is over; None while it is not. Raises ProviderFailedError for one that failed."""
        answer = await self._send(HttpRequest(method="GET", url=f"{self.url}/history/{job}", step="poll"), deadline)
        found = as_object(as_object(read_json(answer)).get(job))
        if not found:
            return None
        status = as_object(found.get("status"))
        if status.get("status_str") == "error":
            raise ProviderFailedError(f"ComfyUI could not draw it: {_of_messages(status)}", billed="no",
                                      hint="Look at ComfyUI’s own window.")  # fmt: skip
        outputs = as_object(found.get("outputs")).values()
        return [one for output in outputs for one in as_list(as_object(output).get("images")) if isinstance(one, dict)]

    async def waits(self, job: str, deadline: float) -> bool:
        """Whether a job waits or is drawn now."""
        answer = await self._send(HttpRequest(method="GET", url=f"{self.url}/queue", step="poll"), deadline)
        body = as_object(read_json(answer))
        entries = [*as_list(body.get("queue_running")), *as_list(body.get("queue_pending"))]
        return any(job in entry for entry in entries if isinstance(entry, list))

    async def view(self, place: Json, deadline: float) -> bytes:
        """A picture by where it lies. Raises ProviderFailedError where it is gone."""
        asked = {name: as_text(as_object(place).get(name)) or "" for name in ("filename", "subfolder", "type")}
        answer = await self._send(
            HttpRequest(method="GET", url=f"{self.url}/view?{urlencode(asked)}", step="fetch"), deadline
        )
        if answer.status != 200:
            raise ProviderFailedError(
                f"ComfyUI drew the picture and does not give it (status {answer.status}).", billed="no"
            )
        return answer.body

    async def stop(self, job: str) -> None:
        """Takes a job off the queue, and stops it where it is drawn. Raises TriptychError."""
        for path, body in (("queue", {"delete": [job]}), ("interrupt", {"prompt_id": job})):
            await self._send(HttpRequest(url=f"{self.url}/{path}", json=body, step="cancel"), self.soon())

    async def there(self) -> bool:
        """Raises TriptychError when nothing answers."""
        answer = await self._send(HttpRequest(method="GET", url=f"{self.url}/system_stats", step="check"), self.soon())
        return answer.status == 200

    def soon(self) -> float:
        return self.clock.monotonic() + ASK_S

    async def _send(self, request: HttpRequest, deadline: float) -> HttpResponse:
        limit = deadline if request.step in {"submit", "fetch"} else min(deadline, self.soon())
        return await self.client.send(request, deadline=limit, allow_private=True)


def understood(message: str | bytes, job: str) -> Heard | None:
    """What a message says of a job; None for those that say nothing of it."""
    if isinstance(message, bytes):
        preview = _preview(message)
        return None if preview is None else Heard(progress=Progress(preview=preview))
    try:
        body = as_object(msgspec.json.decode(message))
    except (msgspec.DecodeError, RecursionError):
        return None
    kind, data = as_text(body.get("type")), as_object(body.get("data"))
    if kind == "progress" and data.get("prompt_id") in {None, job}:
        value, most = as_count(data.get("value")), as_count(data.get("max"))
        return Heard(progress=Progress(fraction=min(1.0, value / most))) if value is not None and most else None
    return _end(kind, data) if data.get("prompt_id") == job else None


def _end(kind: str | None, data: JsonObject) -> Heard | None:
    """The word that a job is over; None for any other."""
    if kind == "execution_success" or (kind == "executing" and "node" in data and data["node"] is None):
        return Heard(over=True)
    if kind == "execution_error":
        return Heard(over=True, fault=_fault(data))
    return Heard(over=True, fault="it was interrupted.") if kind == "execution_interrupted" else None


def _preview(frame: bytes) -> bytes | None:
    """The encoded picture of a binary message: event, then format, then the picture (1); or event, length, words, picture (4)."""
    if len(frame) < 8:
        return None
    event, second = struct.unpack_from(">II", frame)
    data = frame[8:] if event == _PREVIEW else frame[8 + second :] if event == _PREVIEW_WITH_WORDS else b""
    return data if sniff(data) in {"image/jpeg", "image/png", "image/webp"} else None


def _fault(data: Any) -> str:
    node, words = as_text(data.get("node_type")), as_text(data.get("exception_message"))
    return f"{f'{node}: ' if node else ''}{(words or 'it did not say why').strip()[:400]}"


def _of_messages(status: Any) -> str:
    for message in as_list(status.get("messages")):
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            return _fault(as_object(message[1]))
    return "it did not say why"


def _refused(body: Any, status: int) -> TriptychError:
    """The verdict on a workflow, in the server's own words."""
    faults = [as_object(fault) for node in as_object(body.get("node_errors")).values()
              for fault in as_list(as_object(node).get("errors"))]  # fmt: skip
    words = "; ".join(
        " ".join(filter(None, (as_text(one.get("message")), as_text(one.get("details"))))) for one in faults
    )
    words = words or as_text(dig(body, "error", "message")) or as_text(body.get("error")) or json.dumps(body)[:200]
    gone = any(
        one.get("type") == "value_not_in_list" and _FILES.match(as_text(one.get("details")) or "") for one in faults
    )
    kind = ModelUnavailableError if gone else RejectedError if status < 500 else ProviderFailedError
    return kind(f"ComfyUI does not take this: {words[:400]}", status=status, billed="no", upstream=words[:400],
                hint="Look whether the model is still in its folder." if gone else "Look at the workflow in ComfyUI.")  # fmt: skip
