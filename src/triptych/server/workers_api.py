"""The owner's workers over HTTP, as docs/reference/network-api.md has it: who is there, and the keys that let them in."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError

MAX_BODY = 16 * 1024


class WorkersApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/workers", self.shown),
            Route("/api/workers/keys", self.new_key, methods=["POST"]),
            Route("/api/workers/keys/{name}", self.take_back, methods=["DELETE"]),
        ]

    async def shown(self, _: Request) -> Response:
        """Where workers are heard (null where they are not), who came since the start, and for whom there are keys."""
        house = self._app.horde
        desk = house.desk
        return reply({
            "address": house.address, "keys": list(await house.keys()),
            "workers": [
                {"id": one.id, "name": one.name, "key": one.owner, "here": desk.here(one), "maintenance": one.maintenance,
                 "models": list(one.said.models), "in_hand": desk.in_hand(one), "served": one.served, "failed": one.failed,
                 "agent": one.said.bridge_agent, "joined_ms": one.joined_ms}
                for one in desk.workers()
            ],
        })  # fmt: skip

    async def new_key(self, request: Request) -> Response:
        """A key for the worker of one person: `{"name": "Mira"}`. The answer is the only place where it is ever shown."""
        require_session(request, self._app.session)
        name = json_object(await whole_body(request, MAX_BODY)).get("name")
        if not isinstance(name, str):
            raise BadRequestError("name is missing.", param="name")
        return reply({"name": name, "key": await self._app.horde.new_key(name)})

    async def take_back(self, request: Request) -> Response:
        require_session(request, self._app.session)
        await self._app.horde.take_back(request.path_params["name"])
        return await self.shown(request)
