"""Pictures made elsewhere, brought in as results, as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.body import whole_body
from triptych.server.studio_api import MAX_UPLOAD, reply


class ImportApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [Route("/api/imports", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        require_session(request, self._app.session)
        query = request.query_params
        data = await whole_body(request, MAX_UPLOAD)
        made = await self._app.imports.take(data, name=query.get("name", ""), run_id=query.get("run"))
        return reply({"run": made.run.page, "tile": made.tile.page}, 201)
