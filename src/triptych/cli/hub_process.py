"""What `triptych hub` runs: a hub until it is stopped. It loads what a hub needs and no more."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from triptych.app.hub import HubRules, hub_origin, open_hub
from triptych.cli.plain import log_plainly, say
from triptych.config.settings import Settings, load
from triptych.hub.directory import Rules
from triptych.network.meeting import Meeting
from triptych.network.stamp import BITS
from triptych.server.forwarded import proxy_of, served
from triptych.server.hub_app import hub_app
from triptych.server.listening import Server, listen, run_loop
from triptych.spec.clock import Clock, SystemClock

HOST, PORT = "127.0.0.1", 8750
HELP = MappingProxyType({
    "public": "The address that everybody knows this hub by: https://hub.example.",
    "host": "Address to listen on; put TLS in front of it.",
    "port": "Port to listen on; 0 takes a free one.",
    "proxy": "Address of the web server in front, or its network, where that is another machine. May be given again.",
    "peer": "Another hub whose nodes are listed here too. May be given again.",
    "stamp_bits": "Work that a node's first card asks for; each bit doubles it.",
    "data": "Data folder.",
})  # fmt: skip
"""What each option is for, by the name of its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubWanted:
    """What the command asks for: addresses as they were typed."""

    public: str
    host: str = HOST
    port: int = PORT
    proxies: Sequence[str] = ()
    peers: Sequence[str] = ()
    stamp_bits: int = BITS
    data: Path | None = None


def run_hub(wanted: HubWanted) -> None:
    """Runs a hub until it is stopped. Raises SettingsError, StorageError."""
    settings = load({"data": wanted.data})
    log_plainly(settings.log_level)
    peers = tuple(dict.fromkeys(hub_origin(one) for one in (*settings.hub_peers, *wanted.peers)))
    rules = HubRules(nodes=Rules(bits=wanted.stamp_bits))
    proxies = tuple(proxy_of(one) for one in wanted.proxies)
    run_loop(serve_hub(settings, hub_origin(wanted.public), wanted.host, wanted.port, rules, peers, proxies))


async def serve_hub(
    settings: Settings, url: str, host: str, port: int, rules: HubRules | None = None, peers: Sequence[str] = (), proxies: Sequence[str] = (),
) -> None:  # fmt: skip
    """Serves a hub until it is stopped; `peers` are the origins of hubs whose cards it takes over, `proxies` the web servers whose word is taken for
    where a call comes from. Raises SettingsError, StorageError."""
    clock = SystemClock()
    with listen(host, port, "port", "choose another --port") as listener:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as opened:
            found = await open_hub(settings.data, url, clock, rules, await _meetings(peers, clock, opened))
            opened.push_async_callback(found.close)
            if found.peers is not None:
                opened.push_async_callback(_ended, asyncio.create_task(found.peers.keep()))

            async def ready() -> None:
                at = listener.getsockname()
                say(f"The hub {url} listens at http://{at[0]}:{at[1]}   (stop with Ctrl+C)")

            await Server(served(hub_app(found), url, proxies, say), ready=ready, stop=lambda: asyncio.sleep(0)).serve(
                sockets=[listener]
            )


async def _meetings(peers: Sequence[str], clock: Clock, opened: contextlib.AsyncExitStack) -> list[Meeting]:
    if not peers:
        return []
    # A hub without peers asks nobody anything: the client is loaded where there are some, for it takes a tenth of a hub's memory.
    client = await opened.enter_async_context(import_module("triptych.http.client").HttpClient(clock))
    return [Meeting(one, client, clock, private=True) for one in peers]


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
