"""The door by which friends come in: a port of its own, behind which is what the studio of a friend needs of a hub, and nothing else.

No page of the studio and no call of its API is behind it, and none of a hub's calls that are for nodes: the one node of this hub is
beside it and comes from inside.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from triptych.app.sharing import Closing, Door
from triptych.http.transport import Transport
from triptych.hub.hub import Hub
from triptych.server.errors import HANDLERS
from triptych.server.forwarded import proxy_of, served
from triptych.server.hub_api import PREFIX, HubApi
from triptych.server.hub_app import hub_app
from triptych.server.inside import Inside
from triptych.server.join_page import welcome
from triptych.server.listening import listen
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError

OUTSIDE = frozenset({
    (PREFIX, "GET"), (f"{PREFIX}/cards", "GET"), (f"{PREFIX}/relay/{{node}}", "POST"), (f"{PREFIX}/tokens", "GET"), (f"{PREFIX}/revocations", "GET"),
    (f"{PREFIX}/tokens", "POST"), (f"{PREFIX}/log/{{path:path}}", "GET"),
})  # fmt: skip
"""What a studio needs of a hub."""


def door_app(hub: Hub) -> ASGIApp:
    """What is behind the door."""
    routes = [
        route for route in HubApi(hub).routes() if any((route.path, one) in OUTSIDE for one in route.methods or ())
    ]
    anything = Route("/{path:path}", _nothing, methods=["GET", "POST", "PUT"])
    return Starlette(routes=[Route("/join", welcome), *routes, anything], exception_handlers=HANDLERS)


async def _nothing(request: Request) -> Response:
    raise NotFoundError(
        f"There is nothing at {request.url.path[:100]}.", hint="Paste an invite on the page Network of Triptych."
    )


class Quiet(uvicorn.Server):
    """A server beside another one, which minds the signals. `there` is set once it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.there = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.there.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HubDoor(Door):
    """The door as a server of this process. `proxies` are the web servers in front of it, whose word is taken for where a call comes from; `say`
    tells whoever runs it what is wrong with that. Raises SettingsError for what is no address."""

    def __init__(self, proxies: Sequence[str] = (), say: Callable[[str], None] = lambda _: None) -> None:
        self._proxies, self._say = tuple(proxy_of(one) for one in proxies), say

    def listen(self, host: str, port: int) -> socket.socket:
        """See `Door.listen`."""
        return listen(host, port, "share_port", "choose another share_port")

    async def open(self, listener: socket.socket, hub: Hub) -> Closing:
        """See `Door.open`."""
        server = Quiet(served(door_app(hub), hub.url, self._proxies, self._say))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.there.wait()

        async def close() -> None:
            server.should_exit = True
            await asyncio.wait({serving})
            listener.close()

        return close

    def inside(self, origin: str, hub: Hub, outside: Transport, clock: Clock) -> Transport:
        """See `Door.inside`."""
        return Inside(origin, hub_app(hub), outside, clock)
