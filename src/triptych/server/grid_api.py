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
from triptych.server.spoken import spoken
from triptych.server.studio_api import MAX_JSON, NEVER_OPENED, asked_of, attachment, reply
from triptych.spec.errors import BadRequestError
from triptych.studio.grid import Axis, axis_of
from triptych.studio.planning import Asked
from triptych.studio.views import RunView
from triptych.web.languages import words_of


class GridApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    def routes(self) -> list[Route]:
        return [
            Route("/api/grids/plan", self.plan, methods=["POST"]),
            Route("/api/grids", self.start, methods=["POST"]),
            Route("/api/grids/{id}/page", self.page, methods=["GET"]),
            Route("/api/grids/{id}/cells", self.cells, methods=["GET"]),
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

    async def page(self, request: Request) -> Response:
        """The grid as one HTML file: it is never opened here."""
        prices = request.query_params.get("prices", "1")
        if prices not in {"0", "1"}:
            raise BadRequestError(f"prices is {prices[:20]!r}; it takes 0 or 1.", param="prices")
        words = words_of(spoken(request, request.query_params.get("lang")))
        name, html = await self._app.grid_out.page(request.path_params["id"], prices=prices == "1", words=words)
        return _file(html, f"{name}.html", "text/html; charset=utf-8")

    async def cells(self, request: Request) -> Response:
        """Every cell as a file, CSV or JSON."""
        kind, run = request.query_params.get("type", "json"), request.path_params["id"]
        if kind == "json":
            name, data = await self._app.grid_out.json(run)
            return _file(data, f"{name}.json", "application/json")
        if kind == "csv":
            name, text = await self._app.grid_out.csv(run)
            return _file(text, f"{name}.csv", "text/csv; charset=utf-8; header=present")
        raise BadRequestError(f"type is {kind[:20]!r}; it takes json or csv.", param="type")


def _file(content: str | bytes, name: str, media_type: str) -> Response:
    return Response(content, 200, {**NEVER_OPENED, "Content-Disposition": attachment(name)}, media_type)


def _asked(body: Mapping[str, Any]) -> tuple[Asked, tuple[Axis, ...]]:
    axes = body.get("axes")
    if not isinstance(axes, list):
        raise BadRequestError("axes must be a list.", param="axes")
    return asked_of(body), tuple(map(axis_of, axes))
