"""Whether quoted headlines stand in pictures, as docs/reference/studio-api.md has it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.server.auth import require_session
from triptych.server.studio_api import reply


class HeadlineApi:
    """Handlers over one application. Reading takes a while of the processor, so it is the page's to ask for."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/images/{id}/headline", self.picture, methods=["POST"]),
            Route("/api/kits/{id}/formats/{format}/headline", self.format, methods=["POST"]),
        ]

    async def picture(self, request: Request) -> Response:
        require_session(request, self._app.session)
        return reply((await self._app.headlines.picture(request.path_params["id"])).json)

    async def format(self, request: Request) -> Response:
        require_session(request, self._app.session)
        path = request.path_params
        return reply((await self._app.headlines.format(path["id"], path["format"])).json)
