"""The first minutes over HTTP, as docs/reference/studio-api.md has them: the sample row, and servers of this machine."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.onboarding import local_servers, make_sample
from triptych.server.auth import require_session
from triptych.server.studio_api import reply


class OnboardingApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/sample", self.sample, methods=["POST"]),
            Route("/api/local-servers", self.look, methods=["POST"]),
        ]

    async def sample(self, request: Request) -> Response:
        require_session(request, self._app.session)
        run = await make_sample(self._app)
        return reply({"run": None if run is None else run.json})

    async def look(self, request: Request) -> Response:
        """Asks the known ports of this machine, and only when a person wants it."""
        require_session(request, self._app.session)
        return reply({"servers": await local_servers(self._app.client, self._app.clock)})
