"""Who may ask: the Host and Origin checks of a server on this machine, and the page's session token.

A page of another site can make a browser send requests to 127.0.0.1. It cannot forge `Host` or `Origin`, and it cannot
read the token in our page; a DNS name that is rebound to 127.0.0.1 shows up in `Host`.
"""

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from triptych.server.errors import error_response
from triptych.spec.errors import TriptychError

SESSION_HEADER = "x-triptych-session"
GOOG_KEY = "x-goog-api-key"


class ForbiddenError(TriptychError):
    """The request does not come from where it must."""

    code = "forbidden"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class LocalOnly:
    """Refuses requests whose Host is not this machine or whose Origin is another site."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(Request(scope))) is not None:
            await error_response(problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    @staticmethod
    def _problem(request: Request) -> ForbiddenError | None:
        host = request.headers.get("host", "")
        if not is_loopback(_name_of(host)):
            return ForbiddenError(f"This server answers on this machine only; the request was for {host!r}.",
                                  hint="Open http://127.0.0.1 with the port it was started on.")  # fmt: skip
        origin = request.headers.get("origin")
        if origin not in (None, "null") and origin.lower() not in {f"http://{host.lower()}", f"https://{host.lower()}"}:
            return ForbiddenError(f"A page of {origin} may not use this server.", hint="Use the studio's own page.")
        if origin == "null" and request.method not in {"GET", "HEAD"}:
            return ForbiddenError(
                "A page without an origin may not change anything here.", hint="Use the studio's own page."
            )
        return None


def _name_of(host: str) -> str:
    """The name in a Host header; empty for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def require_session(request: Request, token: str) -> None:
    """Raises ForbiddenError unless the request carries the token of the page that this server served."""
    if not hmac.compare_digest(request.headers.get(SESSION_HEADER, "").encode(), token.encode()):
        raise ForbiddenError("This page belongs to an earlier start of the server.", hint="Reload the page.")


def caller_key(request: Request) -> str | None:
    """A stable, unreadable name for the API key a client sent, for its budget; None without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        value = request.headers.get(GOOG_KEY, "")
    if not value.strip():
        return None
    return "key_" + hashlib.sha256(value.strip().encode()).hexdigest()[:16]
