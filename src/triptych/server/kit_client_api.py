"""What a client gets of a kit and what comes back, as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import attachment, reply
from triptych.spec.errors import BadRequestError
from triptych.studio.kit_client import read_asked
from triptych.studio.kit_votes import MOST_BYTES

MAX_BODY = 4096
_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
         "Content-Security-Policy": "default-src 'none'; sandbox"}  # fmt: skip


class KitClientApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/kits/{id}/sheets", self.create, methods=["POST"]),
            Route("/api/kits/{id}/paper", self.paper, methods=["GET"]),
            Route("/api/kits/{id}/votes", self.votes, methods=["GET"]),
            Route("/api/kits/{id}/votes/{ballot}", self.forget, methods=["DELETE"]),
            Route("/api/sheets/{id}", self.sheet, methods=["GET"]),
            Route("/api/votes", self.receive, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Makes a sheet; its file is at `url`."""
        require_session(request, self._app.session)
        body = json_object(await whole_body(request, MAX_BODY))
        said = {name: body.get(name, False) for name in ("blind", "prices")}
        if wrong := next((name for name, value in said.items() if not isinstance(value, bool)), None):
            raise BadRequestError(f"{wrong} must be true or false.", param=wrong)
        asked = read_asked(body.get("of", "formats"), blind=said["blind"], prices=said["prices"])
        sheet = await self._app.kits.clients.create(request.path_params["id"], asked)
        return reply({"id": sheet.id, "url": f"/api/sheets/{sheet.id}", "pictures": len(sheet.shown)}, 201)

    async def sheet(self, request: Request) -> Response:
        """The sheet as a file: it is never opened here."""
        name, html = await self._app.kits.clients.html(request.path_params["id"])
        headers = {**_KEPT, "Content-Disposition": attachment(f"{name}.html")}
        return Response(html, 200, headers, "text/html; charset=utf-8")

    async def paper(self, request: Request) -> Response:
        """A contact sheet as PDF."""
        query = request.query_params
        asked = read_asked(query.get("of", "formats"), prices=query.get("prices") == "1")
        name, data = await self._app.kits.clients.paper(request.path_params["id"], asked)
        return Response(data, 200, {**_KEPT, "Content-Disposition": attachment(f"{name}.pdf")}, "application/pdf")

    async def votes(self, request: Request) -> Response:
        kit = await self._app.kits.kits.get(request.path_params["id"])
        return reply(await self._app.kits.clients.votes(kit.id))

    async def receive(self, request: Request) -> Response:
        """Takes the file that a client saved, or the text they copied, and says which kit it is about."""
        require_session(request, self._app.session)
        ballot = await self._app.kits.clients.receive(await whole_body(request, MOST_BYTES))
        answers = sum(bool(said.vote or said.rank or said.comment) for said in ballot.said)
        return reply({"id": ballot.id, "kit": ballot.kit_id, "client": ballot.client, "answers": answers}, 201)

    async def forget(self, request: Request) -> Response:
        require_session(request, self._app.session)
        await self._app.kits.clients.forget(request.path_params["id"], request.path_params["ballot"])
        return Response(status_code=204)
