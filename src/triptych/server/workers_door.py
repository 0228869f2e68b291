"""The address where workers made for AI Horde join, beside a studio or a node: off unless one is named, and never a public one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn

from triptych.node.horde.house import House
from triptych.server.auth import is_loopback
from triptych.server.door import Quiet
from triptych.server.horde_api import at_home, horde_app
from triptych.server.listening import GRACE_S, listen
from triptych.spec.errors import SettingsError

PORT = 8760


def read_address(text: str) -> tuple[str, int]:
    """`192.168.1.5:8760`, `[fd00::5]:8760`, or the address alone. Raises SettingsError for what is none, and for a public one."""
    host, port = text.strip(), str(PORT)
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    host = "127.0.0.1" if host == "localhost" else host
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65535):
        raise SettingsError(
            f"workers is {text!r}; it takes an address and a port: 192.168.1.5:{PORT}.", param="workers"
        )
    if not (is_loopback(host) or at_home(host)):
        raise SettingsError(
            f"workers is {text!r}: what workers are sent is in plain text, so they are heard at one address of this machine or of a network "
            "at home, and at no public one.",
            hint=f"Name the address that this machine has at home: 192.168.1.5:{PORT}.", param="workers",
        )  # fmt: skip
    return host, int(port)


@contextlib.asynccontextmanager
async def workers_door(house: House, address: str | None) -> AsyncIterator[None]:
    """Hears workers while it is open; does nothing without an address. Raises SettingsError where it cannot be used."""
    if address is None:
        yield
        return
    host, port = read_address(address)
    listener = listen(host, port, "workers", "name another port")
    config = uvicorn.Config(horde_app(house), log_config=None, access_log=False, lifespan="off", server_header=False,
                            timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=75)  # fmt: skip
    server = Quiet(config)
    number = listener.getsockname()[1]
    tasks = [asyncio.create_task(server.serve(sockets=[listener])), asyncio.create_task(house.keep())]
    await server.there.wait()
    house.address = f"http://{f'[{host}]' if ':' in host else host}:{number}/api/"
    try:
        yield
    finally:
        house.address = None
        tasks[1].cancel()
        server.should_exit = True
        await asyncio.wait(tasks)
        listener.close()
