"""A server on a socket: how it listens, says that it is ready, and stops."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator

import uvicorn

from triptych.spec.errors import SettingsError

if sys.platform == "win32":
    from asyncio import run as run_loop
else:
    from uvloop import run as run_loop

__all__ = ["GRACE_S", "Server", "listen", "run_loop"]

GRACE_S = 3


def listen(host: str, port: int, param: str, way_out: str) -> socket.socket:
    """A listening socket. Raises SettingsError, which names `param` and the way out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches off Nagle's delay, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise SettingsError(f"Port {port} of {host} cannot be used: {error.strerror or error}.",
                            hint=f"Another Triptych may be running: open it, or {way_out}.", param=param) from None  # fmt: skip
    return listener


class Server(uvicorn.Server):
    """uvicorn that says where the studio is once it can make pictures, and that stops in order: event streams end,
    tiles end and their callers are told, then the connections close."""

    def __init__(
        self, config: uvicorn.Config, *, ready: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopped = asyncio.ensure_future(self._stop())
        await super().shutdown(sockets)
        await stopped

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The same signals as uvicorn's own, which raises them again at the end: that would cut off what is closed
        after the server, the database last."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
