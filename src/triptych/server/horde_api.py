"""The calls of AI Horde that a worker makes, API version 2.5, on an address of their own: `http://HOST:PORT/api/`.

What is said here is in plain text, and who asks shows a key in plain text. So it is heard at home only: the address that it listens at
may not be a public one, and no caller may come from one.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec
import pybase64
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych import __version__
from triptych.node.horde.desk import Idle, Worker
from triptych.node.horde.house import House
from triptych.node.horde.uploads import MOST_BYTES, PATH
from triptych.node.horde.wire import Change, HordeError, Pop, Submit, idle_body, job_body
from triptych.server.body import whole_body
from triptych.server.errors import as_json
from triptych.spec.errors import TooLargeError, TriptychError
from triptych.spec.json import Json

KEY = "apikey"
_MAX_POP, _MAX_SUBMIT = 512 << 10, (MOST_BYTES * 4 // 3) + (64 << 10)
_Said = TypeVar("_Said")
Handler = Callable[[Request], Awaitable[Response]]


class HordeApi:
    """Handlers over the workers of one house."""

    def __init__(self, house: House) -> None:
        self._house, self._desk = house, house.desk

    def routes(self) -> list[Route]:
        return [
            Route("/api/v2/generate/pop", self.pop, methods=["POST"]),
            Route("/api/v2/generate/submit", self.submit, methods=["POST"]),
            Route(f"{PATH}{{job}}.webp", self.upload, methods=["PUT"]),
            Route("/api/v2/find_user", self.find_user),
            Route("/api/v2/workers", self.workers),
            Route("/api/v2/workers/name/{name}", self.named),
            Route("/api/v2/workers/{id}", self.worker),
            Route("/api/v2/workers/{id}", self.change, methods=["PUT"]),
            Route("/api/v2/workers/{id}", self.forget, methods=["DELETE"]),
            Route("/api/v2/status/heartbeat", self.heartbeat),
            Route("/{path:path}", self.nothing, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]

    async def _owner(self, request: Request) -> str:
        return await self._house.owner_of(request.headers.get(KEY, ""))

    async def pop(self, request: Request) -> Response:
        """Work for a worker, or why there is none for it."""
        owner = await self._owner(request)
        said = _read(await whole_body(request, _MAX_POP), Pop)
        found = self._desk.pop(owner, said)
        if isinstance(found, Idle):
            return _json(idle_body(found.skipped, found.message))
        upload = self._house.uploads.url(_reached(request), found.job, found.seconds)
        return _json(job_body(found.asked, found.job, upload, round(found.seconds)))

    async def upload(self, request: Request) -> Response:
        """A picture, at an address that came with its job."""
        job = request.path_params["job"]
        most = self._house.uploads.check(job, request.query_params)
        self._desk.wanted(job)
        self._desk.bring(job, await whole_body(request, most))
        return Response(status_code=200)

    async def submit(self, request: Request) -> Response:
        """How a job ended."""
        owner = await self._owner(request)
        said = _read(await whole_body(request, _MAX_SUBMIT), Submit)
        reward = self._desk.submit(owner, said, _inline(said))
        return _json({"reward": reward})

    async def find_user(self, request: Request) -> Response:
        """Whose key it is."""
        owner = await self._owner(request)
        own = [one for one in self._desk.workers() if one.owner == owner]
        return _json({
            "username": f"{owner}#1", "id": 1, "kudos": round(sum(one.kudos for one in own), 2), "worker_count": len(own),
            "worker_ids": [one.id for one in own], "worker_invited": 0, "trusted": True, "flagged": False, "moderator": False,
            "pseudonymous": False, "suspicious": 0, "concurrency": 1, "usage": {"megapixelsteps": 0.0, "requests": 0},
            "contributions": {"megapixelsteps": 0.0, "fulfillments": sum(one.served for one in own)},
        })  # fmt: skip

    async def workers(self, request: Request) -> Response:
        """All of them. As at the Horde it needs no key: names, models, and what they did."""
        name = request.query_params.get("name")
        if request.query_params.get("type", "all") not in {"image", "all", ""}:
            return _json([])
        return _json([self._shown(one) for one in self._desk.workers() if name in {None, "", one.name}])

    async def named(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = next((one for one in self._desk.workers() if one.name == name), None)
        return _json(self._shown(self._desk.worker("" if found is None else found.id)))

    async def worker(self, request: Request) -> Response:
        return _json(self._shown(self._desk.worker(request.path_params["id"])))

    async def change(self, request: Request) -> Response:
        """Maintenance, and what its owner says of it."""
        worker = self._desk.worker(request.path_params["id"], await self._owner(request))
        said = _read(await whole_body(request, _MAX_POP), Change)
        self._desk.change(worker, said)
        changed = {"maintenance": worker.maintenance, "info": worker.info}
        return _json({name: value for name, value in changed.items() if value is not None})

    async def forget(self, request: Request) -> Response:
        worker = self._desk.worker(request.path_params["id"], await self._owner(request))
        self._desk.forget(worker)
        return _json({"deleted_id": worker.id, "deleted_name": worker.name})

    async def heartbeat(self, _: Request) -> Response:
        return _json({"message": "OK", "version": __version__})

    async def nothing(self, request: Request) -> Response:
        raise HordeError(404, "NotFound", f"Workers join here, and there is nothing at {request.url.path[:100]}.")

    def _shown(self, one: Worker) -> dict[str, Json]:
        here, models = self._desk.here(one), list[Json](one.said.models)
        return {
            "type": "image", "name": one.name, "id": one.id, "online": here, "requests_fulfilled": one.served, "kudos_rewards": one.kudos,
            "threads": one.said.threads or 1, "maintenance_mode": one.maintenance, "paused": False, "info": one.info, "nsfw": True,
            "trusted": True, "flagged": False, "uncompleted_jobs": one.failed, "models": models, "owner": f"{one.owner}#1",
            "bridge_agent": one.said.bridge_agent or "unknown:0:unknown", "max_pixels": one.said.max_pixels,
            "img2img": one.said.allow_img2img is not False, "painting": bool(one.said.allow_painting), "post-processing": False,
            "lora": False, "performance": f"{one.served} pictures",
        }  # fmt: skip


class AtHome:
    """Refuses whoever does not come from this machine or from a network at home, and pages of a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller = (scope.get("client") or ("",))[0]
            if not at_home(caller):
                fault = HordeError(403, "UnsafeIP", "Workers join from the owner's own networks alone.")
                await (await _told(Request(scope), fault))(scope, receive, send)
                return
            if any(name == b"origin" for name, _ in scope["headers"]):
                fault = HordeError(403, "UnsafeIP", "A page of a browser is no worker.")
                await (await _told(Request(scope), fault))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def at_home(address: str) -> bool:
    """Whether an address is of this machine or of a network that the Internet does not lead to (RFC 1918, RFC 4193, RFC 6598, and what
    else IANA's registries call not globally reachable)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not (found.is_global or found.is_unspecified or found.is_multicast)


def horde_app(house: House) -> ASGIApp:
    """The calls of workers, and nothing else."""
    return AtHome(
        Starlette(routes=HordeApi(house).routes(), exception_handlers={HordeError: _told, TriptychError: _said})
    )


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HordeError)
    return _json({"message": error.message, "rc": error.rc}, error.status)


async def _said(_: Request, error: Exception) -> Response:
    """An error of ours in the Horde's form."""
    words = error.message if isinstance(error, TriptychError) else ""
    too_large = isinstance(error, TooLargeError)
    return _json(
        {"message": words, "rc": "ImageValidationFailed" if too_large else "BadRequest"}, 413 if too_large else 500
    )


def _read(body: bytes, kind: type[_Said]) -> _Said:
    """Raises HordeError (400), which names the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HordeError(400, "BadRequest", f"Input payload validation failed: {error}") from None


def _inline(said: Submit) -> bytes | None:
    """A picture that came with the word that it is done."""
    if said.state not in {None, "ok"} or said.censored or said.generation in {None, "", "R2"}:
        return None
    try:
        return pybase64.b64decode(said.generation or "", validate=True)
    except ValueError:
        raise HordeError(400, "ImageValidationFailed", "The picture is no base64.") from None


def _reached(request: Request) -> str:
    """The address that the caller reached this server at, as the socket has it: no header can change it."""
    host, port = request.scope.get("server") or ("127.0.0.1", 0)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _json(value: Mapping[str, Json] | list[dict[str, Json]], status: int = 200) -> Response:
    return Response(as_json(value), status, {"cache-control": "no-store"}, "application/json")
