"""Web push over HTTP, as docs/reference/studio-api.md has it: a browser asks for word that rows are done, and takes it back."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triptych.app.container import App
from triptych.app.push import read_subscription
from triptych.server.auth import require_session
from triptych.server.body import json_object, whole_body
from triptych.server.studio_api import reply
from triptych.spec.errors import BadRequestError

MAX_BODY = 8192


class PushApi:
    """Handlers over one application."""

    def __init__(self, app: App) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        return [
            Route("/api/push/key", self.key, methods=["POST"]),
            Route("/api/push", self.subscribe, methods=["PUT"]),
            Route("/api/push", self.unsubscribe, methods=["DELETE"]),
        ]

    async def key(self, request: Request) -> Response:
        """What a browser subscribes for; the first one to ask has it made."""
        require_session(request, self._app.session)
        return reply({"key": await self._app.push.public_key()})

    async def subscribe(self, request: Request) -> Response:
        """Takes a browser in, after a message on trial; one that is there already is taken as it is."""
        require_session(request, self._app.session)
        asked = read_subscription(json_object(await whole_body(request, MAX_BODY)))
        await self._app.push.subscribe(asked)
        return Response(status_code=204)

    async def unsubscribe(self, request: Request) -> Response:
        require_session(request, self._app.session)
        endpoint = json_object(await whole_body(request, MAX_BODY)).get("endpoint")
        if not isinstance(endpoint, str):
            raise BadRequestError("endpoint names the subscription to forget.", param="endpoint")
        await self._app.push.unsubscribe(endpoint)
        return Response(status_code=204)
