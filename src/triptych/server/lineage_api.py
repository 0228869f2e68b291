"""Where pictures come from, as docs/reference/studio-api.md has it: the tree, what is said of branches, key visuals."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError

MAX_BODY = 1 << 12
_MARKS = ("pinned", "pruned")


class LineageApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/lineage/{id}", self.tree, methods=["GET"]),
            Route("/api/lineage/{id}", self.mark, methods=["PATCH"]),
            Route("/api/lineage/{id}/way", self.way, methods=["GET"]),
            Route("/api/key-visuals", self.keys, methods=["GET"]),
            Route("/api/key-visuals/{id}", self.choose, methods=["PUT"]),
            Route("/api/key-visuals/{id}", self.drop, methods=["DELETE"]),
        ]

    async def tree(self, request: Request) -> Response:
        pruned = request.query_params.get("pruned") == "1"
        return reply(await self._app.lineage.tree(request.path_params["id"], pruned=pruned))

    async def way(self, request: Request) -> Response:
        return reply(await self._app.lineage.way(request.path_params["id"]))

    async def mark(self, request: Request) -> Response:
        require_session(request, self._app.session)
        body = json_object(await whole_body(request, MAX_BODY))
        for name, value in body.items():
            if name not in _MARKS or not isinstance(value, bool):
                raise BadRequestError("pinned and pruned take true or false.", param=name[:64])
        done = await self._app.lineage.mark(request.path_params["id"], **{name: body.get(name) for name in _MARKS})
        return reply(done)

    async def keys(self, _: Request) -> Response:
        return reply(await self._app.lineage.keys())

    async def choose(self, request: Request) -> Response:
        require_session(request, self._app.session)
        return reply(await self._app.lineage.choose_key(request.path_params["id"]))

    async def drop(self, request: Request) -> Response:
        require_session(request, self._app.session)
        return reply(await self._app.lineage.drop_key(request.path_params["id"]))
