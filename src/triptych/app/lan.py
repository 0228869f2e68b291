"""Found in this machine's own network, by mDNS and DNS-SD (RFC 6762, RFC 6763): the extra `triptych[lan]`, off until it is asked for.

What is said is a name, an address and the id of the node: no invite, no model, no prompt. What is heard is anybody's word. Only the id
of a node that is pinned by an invite makes anything of it: its card is signed by that key, wherever it is found.
"""

import asyncio
import hashlib
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit

from triptych.app.shared import address_of
from triptych.spec.errors import NotConfiguredError, SettingsError

SERVICE = "_triptych._tcp.local."
LOOK_S = 3.0
MOST = 32  # that are listed; a network with more has somebody in it who plays
_MOST_CHARS = 60


@dataclass(frozen=True, slots=True)
class Service:
    """One service as it is said: its name in the network, the addresses and the port, and short texts by name."""

    name: str
    addresses: tuple[str, ...]
    port: int
    texts: Mapping[str, str] = field(default_factory=dict)


class Air(Protocol):
    """What carries it."""

    async def say(self, service: Service) -> Callable[[], Awaitable[None]]:
        """Says it until what is returned is called."""
        ...

    async def hear(self, seconds: float) -> list[Service]:
        """What is said in that time."""
        ...


@dataclass(frozen=True, slots=True)
class Nearby:
    """A studio that shares in this network, as it says itself: what it is called, the id of its node, and where its hub is."""

    name: str
    node: str
    hub: str


class Lan:
    """Says and hears. Raises NotConfiguredError where the extra is not installed."""

    def __init__(self, air: Air | None = None) -> None:
        self._air = air

    def _carrier(self) -> Air:
        if self._air is None:
            if find_spec("zeroconf") is None:
                raise NotConfiguredError("Finding others in this network needs the extra triptych[lan].",
                                         hint="Install it: pip install triptych[lan].")  # fmt: skip
            self._air = ZeroconfAir()
        return self._air

    async def say(self, name: str, node: str, url: str) -> Callable[[], Awaitable[None]]:
        """Says that a node shares at the address of its hub, until what is returned is called. Raises NotConfiguredError."""
        found = urlsplit(url)
        host, port = found.hostname or "", found.port or 80
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            raise NotConfiguredError("In this network only an address of this machine can be said, and no name.",
                                     hint="Share by the address that is found.", param="lan") from None  # fmt: skip
        return await self._carrier().say(Service(label(node), (address,), port, {"v": "1", "name": name, "node": node}))

    async def look(self, seconds: float = LOOK_S) -> tuple[Nearby, ...]:
        """Those that share in this network now. Raises NotConfiguredError."""
        heard = [found for one in await self._carrier().hear(seconds) if (found := read(one)) is not None]
        return tuple(
            sorted({one.node: one for one in heard}.values(), key=lambda one: (one.name.casefold(), one.node))
        )[:MOST]


def label(node: str) -> str:
    """What a node is called as a host of this network: letters and figures, which is all that a host's name may have beside hyphens within it.
    A node's id may begin with one, and have underscores."""
    return hashlib.sha256(node.encode()).hexdigest()[:16]


def read(service: Service) -> Nearby | None:
    """What a service says, as far as it has the right shape and its address is in a network at home; None for anything else."""
    node, name = service.texts.get("node", ""), " ".join(service.texts.get("name", "").split())[:_MOST_CHARS]
    if not (len(node) == 43 and node.isascii() and node.replace("-", "").replace("_", "").isalnum()):
        return None
    if not name or not name.isprintable() or not 0 < service.port < 65536:
        return None
    for text in service.addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if address.is_global or address.is_multicast or address.is_unspecified:
            continue
        try:
            return Nearby(name, node, address_of(str(address), service.port))
        except SettingsError:
            continue  # an address with a scope, which no link can name
    return None


class ZeroconfAir:
    """The air by the package zeroconf."""

    async def say(self, service: Service) -> Callable[[], Awaitable[None]]:
        """See `Air.say`."""
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        sender = AsyncZeroconf()
        info = AsyncServiceInfo(
            SERVICE, f"{service.name}.{SERVICE}", parsed_addresses=list(service.addresses), port=service.port,
            properties=dict(service.texts), server=f"triptych-{service.name}.local.",
        )  # fmt: skip
        await sender.async_register_service(info, allow_name_change=True)

        async def close() -> None:
            await sender.async_unregister_service(info)
            await sender.async_close()

        return close

    async def hear(self, seconds: float) -> list[Service]:
        """See `Air.hear`."""
        from zeroconf import ServiceStateChange
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

        names: set[str] = set()

        def noted(zeroconf: object, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            del zeroconf, service_type
            if state_change is ServiceStateChange.Added and len(names) < 4 * MOST:
                names.add(name)

        async with AsyncZeroconf() as hearer:
            browser = AsyncServiceBrowser(hearer.zeroconf, SERVICE, handlers=[noted])
            await asyncio.sleep(seconds)
            found: list[Service] = []
            for name in sorted(names):
                info = AsyncServiceInfo(SERVICE, name)
                if await info.async_request(hearer.zeroconf, 500):
                    texts = {key.decode(errors="replace"): (value or b"").decode(errors="replace")
                             for key, value in info.properties.items()}  # fmt: skip
                    found.append(Service(name, tuple(info.parsed_addresses()), info.port or 0, texts))
            await browser.async_cancel()
        return found
