"""The first minutes over HTTP, as docs/reference/studio-api.md has them: the sample row, and servers of this machine."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.model_views import listed
from triptych.app.onboarding import MOST_WORKFLOW, add_local, add_workflow, local_servers, make_sample
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError

MAX_BODY = 1 << 16


class OnboardingApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/sample", self.sample, methods=["POST"]),
            Route("/api/local-servers", self.look, methods=["POST"]),
            Route("/api/local-servers/{row}", self.add, methods=["PUT"]),
            Route("/api/local-servers/{row}", self.remove, methods=["DELETE"]),
            Route("/api/local-servers/{row}/workflows/{name}", self.workflow, methods=["PUT"]),
        ]

    async def sample(self, request: Request) -> Response:
        require_session(request, self._app.session)
        run = await make_sample(self._app)
        return reply({"run": None if run is None else run.json})

    async def look(self, request: Request) -> Response:
        """Asks the known ports of this machine, and only when a person wants it."""
        require_session(request, self._app.session)
        return reply({"servers": await local_servers(self._app)})

    async def add(self, request: Request) -> Response:
        """Adds some models of a server that is there now."""
        require_session(request, self._app.session)
        models = json_object(await whole_body(request, MAX_BODY)).get("models")
        if not isinstance(models, list) or not all(isinstance(one, str) for one in models):
            raise BadRequestError("models must be a list of names.", param="models")
        await add_local(self._app, request.path_params["row"], models)
        return await self._listed()

    async def remove(self, request: Request) -> Response:
        """Takes out what was added here; pictures made with it stay."""
        require_session(request, self._app.session)
        await self._app.own_rows.remove(request.path_params["row"])
        return await self._listed()

    async def workflow(self, request: Request) -> Response:
        """Adds a workflow, in its program's API format, as a model; says which of its nodes take what."""
        require_session(request, self._app.session)
        row, name = request.path_params["row"], request.path_params["name"]
        return reply(await add_workflow(self._app, row, name, await whole_body(request, MOST_WORKFLOW)))

    async def _listed(self) -> Response:
        return reply(listed(self._app.models, self._app.router, self._app.picks))
