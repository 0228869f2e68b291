"""Whose calls a hub sees. Behind a web server every call comes from that server, and whose it is stands in `X-Forwarded-For`, which is
believed of those alone whom the operator named. Where nobody is named, or nothing is said, all the world is one network to the hub: its limits are
then of all guests together. Nothing fails by that, so it is said aloud.
"""

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych.hub.directory import is_home
from triptych.hub.quota import network_of
from triptych.server.listening import GRACE_S
from triptych.spec.errors import SettingsError

ITSELF = ("127.0.0.1", "::1")
"""Who is believed without being named: this machine."""
ENOUGH = 20  # calls of one address at home and of nobody else
_HEADER = b"x-forwarded-for"
_WAY_OUT = "See *Run a hub*."


def proxy_of(text: str) -> str:
    """The address or network of a web server whose word is taken for where a call comes from. Raises SettingsError."""
    try:
        return str(ipaddress.ip_network(text.strip()) if "/" in text else ipaddress.ip_address(text.strip()))
    except ValueError:
        raise SettingsError(f"{text!r} is no address of a web server.", param="proxy",
                            hint="Write the one that it calls from: 172.17.0.1, or a network such as 10.0.0.0/24.") from None  # fmt: skip


def faces_the_world(origin: str) -> bool:
    """Whether an origin is one that people elsewhere know: no address at home and no name without a dot."""
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".localhost", ".internal"))


class Callers:
    """An application behind a web server, which notices when it does not see whose calls it gets. It looks until it knows."""

    def __init__(self, app: ASGIApp, say: Callable[[str], None]) -> None:
        self._app, self._say = app, say
        self._knows, self._seen, self._only = False, 0, ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._knows and scope["type"] == "http":
            self._look(scope)
        await self._app(scope, receive, send)

    def _look(self, scope: Scope) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        said = b",".join(value for name, value in scope["headers"] if name == _HEADER).decode("latin1")
        claimed = {one.strip() for one in said.split(",")} - {""}
        self._seen += 1
        self._only = self._only or address
        if not is_home(network_of(address)) or address != self._only or address in claimed:
            self._knows = True
        elif claimed:
            self._tell(f"{address} hands on calls and says whose they are, and it is not believed. If it is your web server, name it "
                       f"with --proxy {address}.")  # fmt: skip
        elif self._seen >= ENOUGH:
            self._tell(f"All of {ENOUGH} calls came from {address}. The web server there does not say whose they are: let it send "
                       "X-Forwarded-For.")  # fmt: skip

    def _tell(self, why: str) -> None:
        self._knows = True
        self._say(f"WARNING: {why} Until then all guests share what is meant for one network. {_WAY_OUT}")


def served(app: ASGIApp, url: str, proxies: Sequence[str], say: Callable[[str], None]) -> uvicorn.Config:
    """How a hub is served that everybody knows by `url`: who calls is who the web servers at `proxies` and on this machine say. `say` tells the
    operator what is wrong with that."""
    watched = Callers(app, say) if faces_the_world(url) else app
    return uvicorn.Config(watched, log_config=None, access_log=False, lifespan="off", server_header=False,
                          timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=75,
                          forwarded_allow_ips=[*ITSELF, *proxies])  # fmt: skip
