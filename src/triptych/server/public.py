"""The public door: on a port of its own, what everybody may see and nothing else.

The log, its policies and snapshots, usage, and the witness. No page of the studio, no prompt, no call that spends. So it can
stand behind any reverse proxy, or on an open address, whatever host name it is asked under.
"""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych.server.errors import HANDLERS
from triptych.spec.errors import NotFoundError


async def _front(_: Request) -> Response:
    return RedirectResponse("/usage")


async def _nothing(request: Request) -> Response:
    raise NotFoundError(
        f"There is nothing public at {request.url.path[:100]}.",
        hint="See /usage, /log/checkpoint and /.well-known/triptych/keys.",
    )


def public_app(routes: Sequence[BaseRoute]) -> ASGIApp:
    """The routes that are public, as an application of their own. Pages of other sites may read them: a verifier in a page
    has to."""
    return Starlette(
        routes=[Route("/", _front), *routes, Route("/{path:path}", _nothing, methods=["GET", "POST"])],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET"])],
        exception_handlers=HANDLERS,
    )


class Doors:
    """Two applications on two ports of one server: which one answers is said by the port that was reached, which nobody
    can forge as they can a header."""

    def __init__(self, private: ASGIApp, public: ASGIApp, public_port: int) -> None:
        self._private, self._public, self._port = private, public, public_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reached = scope.get("server") or (None, None)
        public = scope["type"] == "http" and reached[1] == self._port
        await (self._public if public else self._private)(scope, receive, send)
