"""The open network as people have it: two hubs, three nodes at home behind one NAT, a studio somewhere else; one command each.

Where the machine lets one make network namespaces every part has an address of its own, and nobody can reach the nodes from
outside. Where it does not, the same runs on loopback, and the end of the test run says so aloud.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.emulators import held_port
from tests.integration.launching import Launcher
from tests.integration.streets import Host, NoStreetsError, streets
from tests.unit.cli_tools import clean_environment

from triptych.network import node_receipt

_PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Program:
    """One of the commands at work."""

    id: int
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def heard(self, pattern: str) -> "re.Match[str] | None":
        return re.search(pattern, self.said, re.MULTILINE)

    def runs(self) -> bool:
        """Whether it has not ended; one that has stands as a zombie until somebody waits for it."""
        told = Path(f"/proc/{self.id}/stat").read_text("utf-8", "replace")
        return told.rpartition(")")[2].split()[0] != "Z"


@dataclass
class Town:
    """Who lives where. `why` says why there are no namespaces; empty where there are."""

    folder: Path
    launcher: Launcher
    hubs: list[Host]
    homes: list[Host]
    studio: Host
    ports: list[int]
    why: str = ""
    programs: list[Program] = field(default_factory=list)

    def origin(self, number: int) -> str:
        return f"http://{self.hubs[number].address}:{self.ports[number]}"

    def start(self, host: Host, name: str, *words: str, **environ: str) -> Program:
        log = self.folder / f"{name}.log"
        log.touch()
        said = {**clean_environment(), "NO_COLOR": "1", "TRIPTYCH_SAMPLE": "false", **environ}
        program = Program(self.launcher.start(log, [*words, "--data", str(self.folder / name)], said, host.holder), log)
        self.programs.append(program)
        return program

    def kill(self, program: Program) -> None:
        self.programs.remove(program)
        os.kill(program.id, signal.SIGKILL)

    def until(self, true: Callable[[], Any], seconds: float = 180) -> Any:
        """What it gives once it gives something. A program that has ended by itself is told at once."""
        end = time.monotonic() + seconds
        while not (found := true()):
            told = "\n".join(f"{one.log.name}\n{one.said}" for one in self.programs)
            assert all(one.runs() for one in self.programs), told
            assert time.monotonic() < end, told
            time.sleep(0.05)
        return found


@pytest.fixture
def town(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Town]:
    launcher = Launcher()
    with ExitStack() as undo:
        undo.callback(launcher.end)
        try:
            made = undo.enter_context(streets())
            hosts = [made.host(number) for number in (1, 2, 3)]
            homes, why = made.homes(9, 3), ""
            made.way_in(hosts[0], 9)
        except NoStreetsError as error:
            why = str(error)
            here = Host("127.0.0.1")
            hosts, homes = [here] * 3, [here] * 3
            record_property(
                "aloud",
                f"No network namespaces here ({why}): the open network was tried on loopback alone, without a NAT.",
            )
        ports = [8750, 8750] if not why else [undo.enter_context(held_port()) for _ in range(2)]
        yield Town(tmp_path, launcher, hosts[:2], homes, hosts[2], ports, why)


@dataclass
class Page:
    """What a person at the studio's page does."""

    host: Host
    url: str
    session: str = ""

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "X-Triptych-Session": self.session}
        asked = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)

        def work() -> bytes:
            with _PLAIN.open(asked, timeout=90) as answer:
                found: bytes = answer.read()
                return found

        found = self.host.do(work)
        return json.loads(found) if found[:1] == b"{" else found


def comes_in(outside: Host, home: Host) -> bool:
    """Whether somebody outside reaches a machine at home: a port that nobody listens at is refused by the machine itself, but
    where the router lets nobody in nothing comes back."""

    def knock() -> bool:
        try:
            socket.create_connection((home.address, 9), timeout=1).close()
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
        return True

    return outside.do(knock)


@pytest.mark.allow_hosts(["127.0.0.1", "45.67.89.1", "45.67.89.2", "192.168.7.2", "192.168.7.3"])  # leads nowhere else
def test_three_nodes_at_home_draw_for_a_studio_and_the_first_hub_dies_in_mid_run(town: Town) -> None:
    hubs = [
        town.start(town.hubs[at], f"hub{at}", "hub", "--public", town.origin(at), "--host", town.hubs[at].address, "--port",
                   str(town.ports[at]), "--stamp-bits", "3", "--peer", town.origin(1 - at))
        for at in (0, 1)
    ]  # fmt: skip
    joined = [one for at in (0, 1) for one in ("--join", town.origin(at))]
    nodes = [town.start(home, f"node{at}", "node", *joined, "--painters") for at, home in enumerate(town.homes)]
    both = f"{town.origin(0)} {town.origin(1)}"
    studio = town.start(town.studio, "studio", "serve", "--port", "0", "--no-browser", TRIPTYCH_HUBS=both)
    page = Page(town.studio, town.until(lambda: studio.heard(r"Triptych is at (http://\S+)"))[1])
    page.session = page.ask("/api/state")["session"]
    for one in nodes:
        town.until(lambda one=one: one.heard("^waiting ·"))  # type: ignore[misc]
    page.ask("/api/network/community", {"given": True}, "PUT")

    def there() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = page.ask("/api/network/pull", {})["nodes"]
        return found if len(found) == 3 and not any(one["reason"] for one in found) else []

    listed = town.until(there)
    if not town.why:
        assert comes_in(town.homes[1], town.homes[0]), "who is at home, too"
        assert not comes_in(town.hubs[0], town.homes[0])
    models = [next(one for one in node["endpoints"] if one.endswith("/aurora")) for node in listed]
    run = page.ask("/api/runs", {"text": "a heron {at dawn, in fog} --size 640x640", "models": models})
    assert len(run["tiles"]) == 6

    def tiles() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = page.ask(f"/api/runs/{run['id']}")["tiles"]
        return found

    town.until(lambda: carried(town, page, 0) or carried(town, page, 1))
    first = 0 if carried(town, page, 0) else 1
    town.kill(hubs[first])
    others = carried(town, page, 1 - first)
    before = [one["state"] for one in tiles()]
    assert set(before) != {"done"}, "the hub was to die in mid-run"

    def over() -> list[dict[str, Any]]:
        found = tiles()
        return found if all(one["ended_ms"] for one in found) else []

    ended = town.until(over)
    assert [one["state"] for one in ended] == ["done"] * 6, [one.get("error") for one in ended]
    assert carried(town, page, 1 - first) > others, "what was left went through the second hub"
    assert checked(town, page, ended) == {one["id"] for one in listed}
    for one in nodes:
        town.until(lambda one=one: one.heard(r"at 1 of 2 hubs"))  # type: ignore[misc]


def carried(town: Town, page: Page, number: int) -> int:
    """How many answers of nodes a hub says that it has carried."""
    found = Page(page.host, town.origin(number)).ask("/hub/v1/cards")["cards"]
    return sum(one["jobs"] for one in found)


def checked(town: Town, page: Page, tiles: list[dict[str, Any]]) -> set[str]:
    """The nodes that signed the pictures, byte by byte."""
    with contextlib.closing(sqlite3.connect(f"file:{town.folder}/studio/triptych.db?mode=ro", uri=True)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM network_memory WHERE scope = 'node-receipts'")]
    receipts = [node_receipt.read(page.ask(f"/api/network/receipts/{name}")["receipt"].encode()) for name in names]
    signed = {one.sha256: found.body.node for found in receipts for one in found.body.outputs}
    pictures = [page.ask(picture["url"]) for tile in tiles for picture in tile["images"]]
    return {signed[hashlib.sha256(data).hexdigest()] for data in pictures}
