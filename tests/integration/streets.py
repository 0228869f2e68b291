"""A small internet on one machine: hosts with addresses of their own and homes behind a NAT, in network namespaces.

The namespaces have no names: each lives as long as one process does, which ends when this one does, however that is. With the last
process in it a namespace goes, and with it its wires, its bridges and its rules. Nothing is left to be tidied up.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tests.integration.launcher import enter

T = TypeVar("T")
_HOUR = "3600"
NAT = """
table ip home {
  chain out { type nat hook postrouting priority 100; oifname "wire" masquerade; }
  chain through {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
  }
}
"""


class NoStreetsError(Exception):
    """Namespaces cannot be made here; the message says why."""


@dataclass
class Host:
    """A place where programs run, with an address. `holder` is the process that keeps its namespace; none for this machine."""

    address: str
    holder: int | None = None
    _inside: ThreadPoolExecutor | None = field(default=None, repr=False)

    def do(self, work: Callable[[], T]) -> T:
        """Does something there, such as opening a connection."""
        if self.holder is None:
            return work()
        if self._inside is None:
            self._inside = ThreadPoolExecutor(1, initializer=enter, initargs=(self.holder,))
        return self._inside.submit(work).result()

    def leave(self) -> None:
        if self._inside is not None:
            self._inside.shutdown()


def _run(command: list[str], text: str = "") -> None:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=90, check=False)
    except OSError as error:
        raise NoStreetsError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise NoStreetsError(f"{' '.join(command)}: {done.stderr.strip()[:300]}")


class Streets:
    """Everything is a list of commands for `ip`, one namespace at a time."""

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self.middle = self._namespace()
        self._ip(self.middle, "link add bridge type bridge", "link set bridge up", "link set lo up")

    def _namespace(self) -> int:
        """A new namespace; the process that keeps it."""
        try:
            keeper = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sh", "-c", f"echo; exec sleep {_HOUR}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise NoStreetsError(f"setpriv cannot be run: {error.strerror}") from None
        self._undo.callback(_end, keeper)
        assert keeper.stdout is not None
        assert keeper.stderr is not None
        if keeper.stdout.readline() != b"\n":
            raise NoStreetsError(f"no namespace can be made: {keeper.stderr.read().decode().strip()[:300]}")
        return keeper.pid

    def _ip(self, where: int, *lines: str) -> None:
        _run(["nsenter", "--net", "--target", str(where), "--", "ip", "-batch", "-"], "\n".join(lines) + "\n")

    def _wire(self, where: int, to: int, name: str, bridge: str) -> None:
        """A wire from a namespace, where it is called `wire`, to the bridge of another one."""
        self._ip(to, f"link add {name} type veth peer name wire netns {where}", f"link set {name} master {bridge} up")

    def host(self, number: int) -> Host:
        """One on the open internet."""
        where, address = self._namespace(), f"45.67.89.{number}"
        self._wire(where, self.middle, f"p{number}", "bridge")
        self._ip(where, "link set lo up", f"address add {address}/24 dev wire", "link set wire up")
        return self._made(Host(address, where))

    def way_in(self, host: Host, number: int) -> None:
        """Shows a host where the machines of a home are, as its router would be asked for them."""
        assert host.holder is not None
        self._ip(host.holder, f"route add 192.168.7.0/24 via 45.67.89.{number}")

    def homes(self, number: int, count: int) -> list[Host]:
        """Some machines in one home, whose router has the one address that the internet sees, and lets nobody in."""
        router = self.host(number)
        assert router.holder is not None
        self._ip(
            router.holder, "link add lan type bridge", "address add 192.168.7.1/24 dev lan", "link set lan up"
        )  # fmt: skip
        enter = ["nsenter", "--net", "--target", str(router.holder), "--"]
        _run([*enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        _run([*enter, "nft", "-f", "-"], NAT)
        found = []
        for machine in range(2, 2 + count):
            where, address = self._namespace(), f"192.168.7.{machine}"
            self._wire(where, router.holder, f"p{machine}", "lan")
            self._ip(where, "link set lo up", f"address add {address}/24 dev wire", "link set wire up",
                     "route add default via 192.168.7.1")  # fmt: skip
            found.append(self._made(Host(address, where)))
        return found

    def _made(self, host: Host) -> Host:
        self._undo.callback(host.leave)
        return host


def _end(keeper: "subprocess.Popen[bytes]") -> None:
    keeper.kill()
    keeper.communicate()


@contextmanager
def streets() -> Iterator[Streets]:
    """Raises NoStreetsError where the machine does not let one make them: without root, without `ip`, `nft` or their kernel parts."""
    if os.geteuid() != 0:
        raise NoStreetsError("it takes root")
    with ExitStack() as undo:
        yield Streets(undo)
