"""What a client gets of a kit and what comes back, as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.picks_api import question_of, tell_order
from triptych.server.spoken import spoken
from triptych.server.studio_api import NEVER_OPENED, attachment, reply
from triptych.spec.errors import BadRequestError
from triptych.studio.kit_client import read_asked
from triptych.studio.kit_votes import MOST_BYTES
from triptych.web.languages import words_of

MAX_BODY = 4096


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
            Route("/api/kits/{id}/votes/{ballot}/picks", self.take, methods=["POST"]),
            Route("/api/kits/{id}/votes/{ballot}/picks", self.give_back, methods=["DELETE"]),
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
        asked = read_asked(body.get("of", "formats"), blind=said["blind"], prices=said["prices"],
                           language=spoken(request, body.get("lang")))  # fmt: skip
        sheet = await self._app.kits.clients.create(request.path_params["id"], asked)
        return reply({"id": sheet.id, "url": f"/api/sheets/{sheet.id}", "pictures": len(sheet.shown)}, 201)

    async def sheet(self, request: Request) -> Response:
        """The sheet as a file: it is never opened here."""
        name, html = await self._app.kits.clients.html(request.path_params["id"], words_of)
        headers = {**NEVER_OPENED, "Content-Disposition": attachment(f"{name}.html")}
        return Response(html, 200, headers, "text/html; charset=utf-8")

    async def paper(self, request: Request) -> Response:
        """A contact sheet as PDF."""
        query = request.query_params
        words = words_of(spoken(request, query.get("lang")))
        asked = read_asked(query.get("of", "formats"), prices=query.get("prices") == "1")
        name, data = await self._app.kits.clients.paper(request.path_params["id"], asked, words)
        return Response(
            data, 200, {**NEVER_OPENED, "Content-Disposition": attachment(f"{name}.pdf")}, "application/pdf"
        )

    async def votes(self, request: Request) -> Response:
        kit = await self._app.kits.kits.get(request.path_params["id"])
        told = await self._app.kits.clients.votes(kit.id)
        return reply({**told, "ranking": dict(await self._app.kits.picks.offers(kit.id))})

    async def receive(self, request: Request) -> Response:
        """Takes the file that a client saved, or the text they copied, and says which kit it is about."""
        require_session(request, self._app.session)
        ballot = await self._app.kits.clients.receive(await whole_body(request, MOST_BYTES))
        answers = sum(bool(said.vote or said.rank or said.comment) for said in ballot.said)
        return reply({"id": ballot.id, "kit": ballot.kit_id, "client": ballot.client, "answers": answers}, 201)

    async def take(self, request: Request) -> Response:
        """Takes what a client said into the user's own ranking, for one of its questions."""
        require_session(request, self._app.session)
        body, path = json_object(await whole_body(request, MAX_BODY)), request.path_params
        made = await self._app.kits.picks.take(path["id"], path["ballot"], question_of(body.get("question")))
        self._tell(path["id"])
        return reply({"picks": len(made)}, 201)

    async def give_back(self, request: Request) -> Response:
        """Takes it out of the ranking again; the votes stay."""
        require_session(request, self._app.session)
        path = request.path_params
        forgotten = await self._app.kits.picks.give_back(path["id"], path["ballot"])
        self._tell(path["id"])
        return reply({"forgotten": forgotten})

    def _tell(self, kit: str) -> None:
        self._app.kits.kits.tell(kit, None, votes=True)
        tell_order(self._app)

    async def forget(self, request: Request) -> Response:
        """Forgets what a client said, and what was taken of it into the ranking."""
        require_session(request, self._app.session)
        await self._app.kits.picks.give_back(request.path_params["id"], request.path_params["ballot"])
        tell_order(self._app)
        await self._app.kits.clients.forget(request.path_params["id"], request.path_params["ballot"])
        return Response(status_code=204)
