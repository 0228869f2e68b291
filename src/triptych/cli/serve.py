"""`triptych serve`: the studio and the API on this machine."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from rich.text import Text

from triptych.app.container import App, watch_keys
from triptych.cli.output import err
from triptych.cli.session import opened
from triptych.config.settings import Settings
from triptych.server.application import build
from triptych.server.auth import is_loopback
from triptych.spec.errors import SettingsError

if sys.platform == "win32":
    from asyncio import run as run_loop
else:
    from uvloop import run as run_loop

GRACE_S = 3


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingsError when the address may not or cannot be used."""
    if not is_loopback(settings.host):
        raise SettingsError(
            f"host is {settings.host}: this server has no sign-in yet, so it listens on this machine only.",
            hint="Use 127.0.0.1, and an SSH tunnel to reach it from elsewhere.", param="host",
        )  # fmt: skip
    return _listen(settings.host, settings.port, "port", "start with --port 0 for a free port")


def bind_public(settings: Settings) -> socket.socket | None:
    """The socket of the public door; None when none is wanted. Raises SettingsError when it cannot be used."""
    if settings.public_port is None:
        return None
    return _listen(settings.public_host, settings.public_port, "public_port", "choose another public_port")


def _listen(host: str, port: int, param: str, way_out: str) -> socket.socket:
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


def open_browser(url: str) -> None:
    """Opens the page where there is a browser to open; says nothing where there is none."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)


def run_server(settings: Settings) -> None:
    """Serves until it is stopped, on the fastest event loop there is."""
    run_loop(serve(settings))


async def serve(settings: Settings) -> None:
    """Serves until it is stopped."""
    with bind(settings) as listener, bind_public(settings) or contextlib.nullcontext() as public:
        async with opened(settings) as app:
            await serve_app(app, listener, public)


async def serve_app(app: App, listener: socket.socket, public: socket.socket | None = None) -> None:
    """Serves an opened application on a socket until it is stopped, and its public part on another."""
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    stopping = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await app.receipts.start()
        await app.studio.recover(app.owners.alive)
        watching = [asyncio.create_task(watch_keys(app)), asyncio.create_task(app.drift.keep())]
        yield
        for task in watching:
            task.cancel()

    async def ready() -> None:
        # What is there now stays until the end: left out of every later search for garbage, 7 % of a picture's CPU time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        err.print(Text.assemble("Triptych is at ", (url, "bold"), "   (stop with Ctrl+C)"))
        if public is not None:
            shown, number = public.getsockname()[:2]
            err.print(Text(f"What is public is at http://{f'[{shown}]' if ':' in shown else shown}:{number}"))
        if app.settings.browser and has_display():
            await asyncio.to_thread(open_browser, url)

    async def stop() -> None:
        stopping.set()
        await app.studio.shutdown()

    config = uvicorn.Config(
        build(app, lifespan, stopping, None if public is None else public.getsockname()[1]), log_config=None, access_log=False, lifespan="on", server_header=False,
        timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=75,
    )  # fmt: skip
    await Server(config, ready=ready, stop=stop).serve(sockets=[listener] if public is None else [listener, public])


def has_display() -> bool:
    """Whether a browser could show anything here."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return not isinstance(browser, webbrowser.GenericBrowser) or isinstance(browser, webbrowser.BackgroundBrowser)
