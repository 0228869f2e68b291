"""A hub as an application of its own: the hub's calls, and nothing else."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych.hub.hub import Hub
from triptych.server.errors import HANDLERS
from triptych.server.hub_api import HubApi
from triptych.server.hub_mailbox import MAILBOX, PREFIX
from triptych.server.join_page import welcome
from triptych.spec.errors import NotFoundError


async def _nothing(request: Request) -> Response:
    raise NotFoundError(f"This is a hub, and there is nothing at {request.url.path[:100]}.", hint=f"See {PREFIX}.")


def routes(api: HubApi) -> list[Route]:
    """All that a hub answers, and so what a web server in front of it passes on."""
    return [*api.routes(), Route("/join", welcome)]


def hub_app(hub: Hub) -> ASGIApp:
    """The application over an open hub."""
    anything = Route("/{path:path}", _nothing, methods=["GET", "POST", "PUT"])
    api = HubApi(hub)
    others = Starlette(routes=[*routes(api), anything], exception_handlers=HANDLERS)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waits = scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", MAILBOX)
        await (api.waits if waits else others)(scope, receive, send)

    return app
