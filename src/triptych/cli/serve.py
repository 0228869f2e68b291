"""`triptych serve`: the studio and the API on this machine."""

import asyncio
import contextlib
import gc
import socket
import webbrowser
from collections.abc import AsyncIterator

import uvicorn
from rich.text import Text

from triptych.app.container import App, watch_keys
from triptych.cli.output import err
from triptych.cli.session import opened
from triptych.cli.share import ShareWanted, share
from triptych.config.settings import Settings
from triptych.server.application import build
from triptych.server.auth import is_loopback
from triptych.server.door import HubDoor
from triptych.server.listening import GRACE_S, Server, listen, run_loop
from triptych.server.workers_door import workers_door
from triptych.spec.errors import SettingsError

__all__ = ["GRACE_S", "Server", "listen", "run_loop", "run_server", "serve", "serve_app"]


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raises SettingsError when the address may not or cannot be used."""
    if not is_loopback(settings.host):
        raise SettingsError(
            f"host is {settings.host}: this server has no sign-in yet, so it listens on this machine only.",
            hint="Use 127.0.0.1, and an SSH tunnel to reach it from elsewhere.", param="host",
        )  # fmt: skip
    return listen(settings.host, settings.port, "port", "start with --port 0 for a free port")


def bind_public(settings: Settings) -> socket.socket | None:
    """The socket of the public door; None when none is wanted. Raises SettingsError when it cannot be used."""
    if settings.public_port is None:
        return None
    return listen(settings.public_host, settings.public_port, "public_port", "choose another public_port")


def open_browser(url: str) -> None:
    """Opens the page where there is a browser to open; says nothing where there is none."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)


def run_server(settings: Settings, shared: ShareWanted | None = None) -> None:
    """Serves until it is stopped, on the fastest event loop there is."""
    run_loop(serve(settings, shared))


async def serve(settings: Settings, shared: ShareWanted | None = None) -> None:
    """Serves until it is stopped."""
    with bind(settings) as listener, bind_public(settings) or contextlib.nullcontext() as public:
        async with opened(settings) as app, workers_door(app.horde, settings.workers):
            await serve_app(app, listener, public, shared)


async def serve_app(
    app: App, listener: socket.socket, public: socket.socket | None = None, shared: ShareWanted | None = None
) -> None:
    """Serves an opened application on a socket until it is stopped, and its public part on another."""
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    stopping = asyncio.Event()
    app.sharing.door = HubDoor(app.settings.share_proxies, lambda line: err.print(Text(line)))

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await app.receipts.start()
        await app.studio.recover(app.owners.alive)
        watching = [
            asyncio.create_task(watch_keys(app)),
            asyncio.create_task(app.drift.keep()),
            asyncio.create_task(app.gallery.keep()),
            asyncio.create_task(app.push.keep()),
            asyncio.create_task(app.neighbours.keep()),
            asyncio.create_task(app.audits.keep()),
        ]
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
        if app.horde.address is not None:
            err.print(Text(f"Workers join at {app.horde.address}"))
        if shared is not None:
            await share(app, shared)
        if app.settings.browser and has_display():
            await asyncio.to_thread(open_browser, url)

    async def stop() -> None:
        stopping.set()
        await app.sharing.close()
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
