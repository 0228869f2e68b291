"""All emulators in one thread: one server, one port for each, found by the port that a request came in on."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from tests.emulators import wire
from tests.emulators.base import Call, Emulator, FilePart, Form, Recorded, Refuse, Reply, json_reply
from tests.emulators.scenario import Kind, Scenario, scenario_from_json, scenario_from_text
from uvicorn.protocols.http.h11_impl import H11Protocol

CONTROL = "/_emu/"


class Switchboard:
    """The ASGI application behind all ports."""

    def __init__(self, emulators: Mapping[str, Emulator]) -> None:
        self._emulators = emulators
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}

    def at_port(self, port: int) -> Emulator | None:
        return next((one for one in self._emulators.values() if one.port == port), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        emulator = self.at_port(scope["server"][1])
        if scope["type"] != "http" or emulator is None:
            return
        request = Request(scope, receive)
        try:
            raw = await request.body()
        except ClientDisconnect:
            return
        if request.url.path.startswith(CONTROL):
            await wire.send_reply(control(emulator, request, raw), Scenario(), send)
            return
        await self._serve(emulator, request, raw, send)

    async def _serve(self, emulator: Emulator, request: Request, raw: bytes, send: Send) -> None:
        try:
            call = await self._record(emulator, request, raw)
        except ValueError as error:
            await wire.send_reply(json_reply({"emulator": str(error)}, 400), Scenario(), send)
            return
        scenario = call.scenario
        reply = wire.before_the_vendor(scenario) or wire.damage(answer(emulator, call), scenario.kind)
        in_job = emulator.delays_jobs and call.recorded.step == "submit"
        await wire.hold(replace(scenario, delay_s=0) if in_job else scenario)
        if scenario.kind is Kind.CUT_AFTER_READ:
            transport = self.transports.get(tuple(request.scope["client"]))
            emulator.cut_connections += 1
            if transport is not None:
                wire.reset_connection(transport)
            return
        await wire.send_reply(reply, scenario, send)

    async def _record(self, emulator: Emulator, request: Request, raw: bytes) -> Call:
        path = request.url.path
        step = emulator.step(request.method, path)
        wanted = request.headers.get("x-emu-scenario")
        scenario = scenario_from_text(wanted) if wanted else emulator.playlist.take(step)
        if scenario is None:
            scenario = emulator.default if step == "submit" else Scenario()
        if wanted:
            emulator.check_kind(scenario.kind)
        emulator.begin(scenario)
        recorded = Recorded(
            number=len(emulator.requests),
            method=request.method,
            path=path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=await parse(request, raw),
            step=step,
            scenario=scenario,
        )
        emulator.requests.append(recorded)
        return Call(emulator, recorded, raw)


def answer(emulator: Emulator, call: Call) -> Reply:
    try:
        return emulator.answer(call)
    except Refuse as refusal:
        return refusal.reply


async def parse(request: Request, raw: bytes) -> Any:
    """The body as a value: JSON, a form, or the bytes that came when it is neither."""
    if not raw:
        return None
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        try:
            return json.loads(raw)
        except ValueError:
            return raw
    try:
        async with request.form(max_part_size=4 * 1024 * 1024) as form:
            items = form.multi_items()
            return Form(
                tuple((name, value) for name, value in items if isinstance(value, str)),
                tuple([await read_file(name, value) for name, value in items if isinstance(value, UploadFile)]),
            )
    except HTTPException:
        return raw


async def read_file(name: str, upload: UploadFile) -> FilePart:
    return FilePart(name, upload.filename or "", upload.headers.get("content-type"), await upload.read())


def control(emulator: Emulator, request: Request, raw: bytes) -> Reply:
    """The same handles by HTTP, for a client in another process."""
    match (request.method, request.url.path.removeprefix(CONTROL)):
        case ("POST", "play"):
            try:
                emulator.play(scenario_from_json(json.loads(raw)))
            except (ValueError, TypeError) as error:
                return json_reply({"emulator": str(error)}, 400)
            return json_reply({"pending": [one.kind.value for one in emulator.playlist.pending]})
        case ("POST", "reset"):
            emulator.reset()
            return json_reply({})
        case ("GET", "requests"):
            return json_reply([describe(one) for one in emulator.requests])
        case ("GET", "state"):
            state = {
                "name": emulator.name,
                "pending": [one.kind.value for one in emulator.playlist.pending],
                "submits": len(emulator.submits),
                "charged_micro_usd": emulator.charged_micro_usd,
                "violations": getattr(emulator, "violations", []),
            }
            return json_reply(state)
    return json_reply({"emulator": "play, reset, requests, state"}, 404)


def describe(one: Recorded) -> dict[str, Any]:
    hidden = {"authorization", "x-goog-api-key", "apikey"}
    body = one.body
    if isinstance(body, Form):
        body = {"fields": body.fields, "files": [[part.name, part.filename, len(part.data)] for part in body.files]}
    elif isinstance(body, bytes):
        body = f"<{len(body)} bytes>"
    headers = {name: "<key>" if name in hidden else value for name, value in one.headers.items()}
    return {"method": one.method, "path": one.path, "step": one.step, "headers": headers, "body": body}


def protocol_for(board: Switchboard) -> type[asyncio.Protocol]:
    """The server's protocol with a hand on its connection, for answers that end in a reset."""

    class Wired(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client is not None:
                board.transports[self.client] = transport
            self._cut_unread("connect")

        def data_received(self, data: bytes) -> None:
            if not self._cut_unread(""):
                super().data_received(data)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                board.transports.pop(self.client, None)
            super().connection_lost(exc)

        def _cut_unread(self, variant: str) -> bool:
            emulator = board.at_port(self.server[1] or 0) if self.server else None
            if self.transport.is_closing():
                return True
            if emulator is None or not emulator.playlist.take_cut(variant):
                return False
            emulator.cut_connections += 1
            wire.reset_connection(self.transport)
            return True

    return Wired


class Harness:
    """Starts and stops the server. `port_base` 0 takes free ports; else the ports count up from it."""

    def __init__(self, emulators: Mapping[str, Emulator], port_base: int = 0) -> None:
        self._sockets: list[socket.socket] = []
        for position, emulator in enumerate(emulators.values()):
            # Named, because asyncio turns the delay of small writes off only for sockets that say they are TCP.
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port_base + position if port_base else 0))
            self._sockets.append(listener)
            emulator.port = listener.getsockname()[1]
        board = Switchboard(emulators)
        config = uvicorn.Config(
            board,
            http=protocol_for(board),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="emulators", daemon=True)

    def start(self) -> None:
        self._thread.start()
        for _ in range(6000):
            if self._server.started or not self._thread.is_alive():
                break
            self._thread.join(0.01)
        if not self._server.started:
            raise OSError("the emulators did not start")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        for listener in self._sockets:
            listener.close()

    def _run(self) -> None:
        self._server.run(sockets=self._sockets)


@contextmanager
def held_port() -> Iterator[int]:
    """A port of loopback where nobody listens, which no other program is given meanwhile: a connection to it is refused until a server that
    is told this number listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do, so that one of them can have it beside this
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
