"""Grids, as docs/reference/studio-api.md has them. Both calls need the page's session token."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.idempotency import Idempotency
from triptych.server.openai_fields import nonce_header
from triptych.server.studio_api import MAX_JSON, asked_of, reply
from triptych.spec.errors import BadRequestError
from triptych.studio.grid import Axis, axis_of
from triptych.studio.planning import Asked
from triptych.studio.views import RunView


class GridApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        return [
            Route("/api/grids/plan", self.plan, methods=["POST"]),
            Route("/api/grids", self.start, methods=["POST"]),
        ]

    async def plan(self, request: Request) -> Response:
        """Every cell with its price; nothing is started."""
        require_session(request, self._app.session)
        asked, axes = _asked(json_object(await whole_body(request, MAX_JSON)))
        return reply((await self._app.grids.plan(asked, axes)).json)

    async def start(self, request: Request) -> Response:
        """All cells that can be made, as one batch."""
        require_session(request, self._app.session)
        body, studio = await whole_body(request, MAX_JSON), self._app.studio
        (asked, axes), nonce = _asked(json_object(body)), nonce_header(request)

        async def again(tile: str) -> RunView:
            return await studio.run((await studio.tile(tile)).record.run_id)

        run = await self._idempotency.once(
            request, body, lambda claim: self._app.grids.start(asked, axes, nonce, claim), again
        )
        answer = reply(run.value.page, 202)
        if run.replayed:
            answer.headers["Idempotent-Replayed"] = "true"
        return answer


def _asked(body: Mapping[str, Any]) -> tuple[Asked, tuple[Axis, ...]]:
    axes = body.get("axes")
    if not isinstance(axes, list):
        raise BadRequestError("axes must be a list.", param="axes")
    return asked_of(body), tuple(map(axis_of, axes))
