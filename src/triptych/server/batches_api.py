"""The queue of batches, as docs/reference/studio-api.md has it. Every change needs the page's session token."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import MAX_JSON, reply
from triptych.spec.errors import BadRequestError


class BatchesApi:
    """Handlers over one application. Each change answers with the whole queue as it is then."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/queue", self.queue, methods=["GET"]),
            Route("/api/queue/{id}/pause", self._change(self.pause), methods=["POST"]),
            Route("/api/queue/{id}/resume", self._change(self.resume), methods=["POST"]),
            Route("/api/queue/{id}/order", self._change(self.order), methods=["PUT"]),
            Route("/api/queue/{id}/cancel", self._change(self.cancel), methods=["POST"]),
        ]

    def _change(
        self, change: Callable[[str, dict[str, Any]], Awaitable[None]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def changed(request: Request) -> Response:
            require_session(request, self._app.session)
            body = await whole_body(request, MAX_JSON)
            await change(request.path_params["id"], json_object(body) if body else {})
            return await self.queue(request)

        return changed

    async def queue(self, _: Request) -> Response:
        return reply(await self._app.batches.view())

    async def pause(self, run_id: str, _: dict[str, Any]) -> None:
        await self._app.batches.pause(run_id)

    async def resume(self, run_id: str, _: dict[str, Any]) -> None:
        await self._app.batches.resume(run_id)

    async def order(self, run_id: str, body: dict[str, Any]) -> None:
        tiles = body.get("tiles")
        if not isinstance(tiles, list) or not all(isinstance(tile, str) for tile in tiles):
            raise BadRequestError("tiles must be a list of ids of tiles.", param="tiles")
        await self._app.batches.reorder(run_id, tiles)

    async def cancel(self, run_id: str, body: dict[str, Any]) -> None:
        keep, running = body.get("keep"), body.get("running", False)
        if keep is not None and not isinstance(keep, str):
            raise BadRequestError("keep must be the id of a tile, or null.", param="keep")
        if not isinstance(running, bool):
            raise BadRequestError("running must be true or false.", param="running")
        await self._app.batches.cancel(run_id, keep=keep, running=running)
