"""What a hub costs: the time that it adds to a picture, the messages that one process carries, and the memory of idle nodes.

`python -m benchmarks.hub [--pictures N] [--turns N] [--nodes N]`. A hub, a node and an engine run as processes of their own on loopback; this
process is the studio. The engine is a server with OpenAI's Images API that has its picture ready: 1.5 MB of noise. In each turn it is asked
directly, and then through node and hub, sealed, with the receipt checked. Memory is that of the command `triptych hub` itself. Where time and
messages are measured, the same hub runs with the allowance of guests lifted, so that one address may ask as often as it likes.

Nothing fails here but a wrong answer. Linux only.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import secrets
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import msgspec
from PIL import Image

from triptych.http.client import HttpClient
from triptych.http.message import HttpRequest
from triptych.http.transport import EncodedBody
from triptych.network import card as cards
from triptych.network import job, remote, stamp
from triptych.network.card import CardBody, CardModel, Load, Policy, Work
from triptych.network.job import Job, Submit
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting, Message
from triptych.network.ohttp.keys import NodeKey
from triptych.network.remote import Line
from triptych.server.listening import run_loop
from triptych.spec.clock import SystemClock
from triptych.tlog.note import Signer

MIB = 1 << 20
SIZE = "704x720"  # 1.5 MB as noise
HUB = """
import asyncio, sys
from triptych.app.hub import HubRules
from triptych.cli.hub_process import serve_hub
from triptych.config.settings import load
from triptych.hub.directory import Rules
from triptych.hub.quota import Allowance
from triptych.server.listening import run_loop
port, data = int(sys.argv[1]), sys.argv[2]
rules = HubRules(nodes=Rules(bits=1), guests=Allowance(burst=10**9, per_minute=10**9, at_once=10**6, writes=10**9))
run_loop(serve_hub(load({"data": data}), f"http://127.0.0.1:{port}", "127.0.0.1", port, rules))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that answers at an address."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise SystemExit(f"{command[:3]} ended with {process.returncode}")
            with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=5):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process in MB of 1,000,000 bytes: `resident` with all that it shares with others, `own` without."""

    resident: float
    own: float

    @classmethod
    def of(cls, process: "subprocess.Popen[bytes]") -> "Memory":
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
        found = {line.partition(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
        return cls(found["Rss"], found["Private_Clean"] + found["Private_Dirty"])

    def __str__(self) -> str:
        return f"{self.resident:.1f} ({self.own:.1f} its own)"


def highest(process: "subprocess.Popen[bytes]") -> float:
    """The most resident memory that a process has had, in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def cpu(process: "subprocess.Popen[bytes] | None") -> float:
    """Seconds of processor time, user and system; of this process itself without one."""
    if process is None:
        return time.process_time()
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quickest(values: Sequence[float]) -> float:
    """The mean of the quickest tenth: what comes closest to a machine that does nothing else."""
    ordered = sorted(values)[: max(1, len(values) // 10)]
    return statistics.mean(ordered)


def spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f} ({ordered[len(ordered) // 10]:.1f} to {ordered[-1 - len(ordered) // 10]:.1f})"


# The engine.


class _Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ready: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        found = self.path.rstrip("/").endswith("/models")
        self._answer(
            200 if found else 404, b'{"object":"list","data":[{"id":"noise","object":"model"}]}' if found else b"{}"
        )

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/images/generations"):
            self._answer(404, b"{}")
            return
        size = asked.get("size", SIZE)
        picture = self.ready.get(size) or self.ready.setdefault(size, _picture(size))
        told = base64.b64encode(_marked(picture)).decode()
        self._answer(200, json.dumps({"created": 1, "data": [{"b64_json": told}]}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _picture(size: str) -> bytes:
    """Noise, which no format makes smaller."""
    width, height = map(int, size.split("x"))
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(3 * width * height)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _marked(picture: bytes) -> bytes:
    """The same picture under another number, so that no two jobs get the same bytes: a text chunk before its end."""
    chunk = b"tEXtjob\0" + secrets.token_hex(8).encode()
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return picture[:-12] + framed + picture[-12:]


def serve_engine(port: int) -> None:
    """Serves until it is ended."""
    _Engine.ready[SIZE] = _picture(SIZE)
    ThreadingHTTPServer(("127.0.0.1", port), _Engine).serve_forever()


# The time that is added.


async def direct(client: HttpClient, url: str) -> float:
    """Milliseconds until the engine's picture is here as bytes."""
    began = time.perf_counter()
    body = EncodedBody(
        json.dumps({"model": "noise", "prompt": "noise", "n": 1, "size": SIZE}).encode(), "application/json"
    )
    found = await client.send(
        HttpRequest(url=f"{url}/v1/images/generations"), deadline=time.monotonic() + 60, allow_private=True, body=body
    )
    picture = base64.b64decode(msgspec.json.decode(found.body)["data"][0]["b64_json"])
    if found.status != 200 or len(picture) < 1_400_000:
        raise SystemExit(f"the engine answered {found.status} with {len(picture)} bytes")
    return 1000 * (time.perf_counter() - began)


async def sealed(line: Line) -> float:
    """Milliseconds until the picture is here, sealed on its way, its receipt checked."""
    began = time.perf_counter()
    asked = Submit.of(
        Job(model="noise", prompt="noise", seed=1, nonce=job.capability(), sent_ms=SystemClock().now_ms(), size=SIZE)
    )
    name = await remote.submit(line, asked)
    found = await remote.follow(line, asked, name, time.monotonic() + 60, _heard)
    if len(found.pictures) != 1:
        raise SystemExit("no picture came")
    return 1000 * (time.perf_counter() - began)


async def _heard(*_: object) -> None:
    """Nobody watches."""


async def added(pictures: int, folder: Path) -> None:
    """Asks the engine and the node in turn."""
    at, door, clock = free_port(), free_port(), SystemClock()
    url, engine = f"http://127.0.0.1:{at}", f"http://127.0.0.1:{door}"
    node = [
        sys.executable,
        "-m",
        "triptych",
        "node",
        "--hub",
        url,
        "--engine",
        engine,
        "--nsfw",
        "--data",
        str(folder / "node"),
    ]
    with (
        running([sys.executable, "-m", "benchmarks.hub", "--engine", str(door)], f"{engine}/v1/models") as source,
        running([sys.executable, "-c", HUB, str(at), str(folder / "hub")], f"{url}/hub/v1") as hub,
        running(node, f"{url}/hub/v1") as drawing,
    ):
        async with HttpClient(clock) as client:
            meeting = Meeting(url, client, clock, private=True)
            while not (listed := [one for one in (await meeting.listed()).cards if one.here]):
                if drawing.poll() is not None:
                    raise SystemExit("the node ended")
                await asyncio.sleep(0.2)
            line = Line(cards.read(listed[0].card.encode()), [meeting], "the node", clock)
            for _ in range(5):
                await direct(client, engine), await sealed(line)
            plain, through = [], []
            for turn in range(pictures):  # who is first is who was last
                for way in (("direct", "sealed"), ("sealed", "direct"))[turn % 2]:
                    if way == "direct":
                        plain.append(await direct(client, engine))
                    else:
                        through.append(await sealed(line))
            more = [one - other for one, other in zip(through, plain, strict=True)]
            print(f"a picture of 1.5 MB, {pictures} each way in turn, ms: direct {spread(plain)}, sealed {spread(through)}, added {spread(more)}; "
                  f"the quickest tenths: direct {quickest(plain):.1f}, sealed {quickest(through):.1f}, so {quickest(through) - quickest(plain):.1f} added")  # fmt: skip
            processes = {"engine": source, "hub": hub, "node": drawing, "studio": None}
            for name, ask in (("direct", partial(direct, client, engine)), ("sealed", partial(sealed, line))):
                used = {one: cpu(process) for one, process in processes.items()}
                for _ in range(pictures):
                    await ask()
                spent = (
                    f"{one} {1000 * (cpu(process) - used[one]) / pictures:.1f}" for one, process in processes.items()
                )
                print(f"CPU of a picture, {name}, ms: {', '.join(spent)}")


# Messages a second, and idle nodes.


@dataclass
class IdleNode:
    """A node that waits at a hub. `drawn` is what it answers, None while nothing is to come."""

    signer: Signer
    meeting: Meeting
    drawn: bytes | None = None

    @property
    def id(self) -> str:
        return kid_of(self.signer.key.public)

    async def join(self) -> None:
        """Shows a card, with the little work that this hub asks for."""
        now = SystemClock().now_ms()
        done = stamp.make(self.id, now, 1)
        work = None if done is None else Work(made_ms=done.made_ms, counter=done.counter)
        model = CardModel(
            id="sdxl",
            family="sdxl",
            engine="none",
            precision="fp16",
            max_px=MIB,
            steps_max=50,
            caps=("t2i",),
            digest="ab" * 32,
        )
        keys = cards.encode_keys([NodeKey.from_private(1, os.urandom(32)).config])
        body = CardBody(id=self.id, hpke=keys, hubs=(self.meeting.origin,), models=(model,), load=Load(queue=0, p50_ms=4000), policy=Policy(nsfw=False),
                        price=None, seq=now, issued_ms=now, expires_ms=now + 900_000, pow=work)  # fmt: skip
        await self.meeting.publish(cards.sign(body, self.signer))

    async def wait(self) -> None:
        """Fetches and answers until it is cancelled."""
        while True:
            found = await self.meeting.fetch(self.signer, 1, 25)
            if isinstance(found, Message):
                await self.meeting.answer(self.signer, 1, found.id, self.drawn or b"")


async def idle(count: int, folder: Path) -> None:
    """Memory of the command `triptych hub` before and after so many nodes wait at it."""
    at, clock = free_port(), SystemClock()
    url = f"http://127.0.0.1:{at}"
    command = [
        sys.executable,
        "-m",
        "triptych",
        "hub",
        "--public",
        url,
        "--port",
        str(at),
        "--stamp-bits",
        "1",
        "--data",
        str(folder),
    ]
    with running(command, f"{url}/hub/v1") as hub:
        empty = Memory.of(hub)
        async with HttpClient(clock) as client:
            nodes = [IdleNode(Signer.generate("node"), Meeting(url, client, clock, private=True)) for _ in range(count)]
            began, used = time.perf_counter(), cpu(hub)
            for start in range(0, count, 20):
                await asyncio.gather(*(one.join() for one in nodes[start : start + 20]))
            took, spent = time.perf_counter() - began, cpu(hub) - used
            waiting = [asyncio.create_task(one.wait()) for one in nodes]
            await _all_here(nodes)
            first, used = Memory.of(hub), cpu(hub)
            await asyncio.sleep(40)  # each has asked anew at least once
            last, polls = Memory.of(hub), cpu(hub) - used
            most = highest(hub)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    print(f"memory of `triptych hub`, MB: {empty} empty, {first} with {count} nodes that wait, {last} after 40 s, at most {most:.1f}; "
          f"{count} cards in {took:.1f} s, {1000 * spent / count:.1f} ms of CPU each; waiting took {100 * polls / 40:.0f} % of a core")  # fmt: skip


async def _all_here(nodes: Sequence[IdleNode]) -> None:
    for _ in range(120):
        if sum(one.here for one in (await nodes[0].meeting.listed()).cards) == len(nodes):
            return
        await asyncio.sleep(1)
    raise SystemExit("not all nodes are waiting")


async def carried(turns: int, folder: Path) -> None:
    """How many messages one hub carries a second, small ones and pictures."""
    at, clock = free_port(), SystemClock()
    url = f"http://127.0.0.1:{at}"
    with running([sys.executable, "-c", HUB, str(at), str(folder / "hub")], f"{url}/hub/v1") as hub:
        async with HttpClient(clock) as client:
            nodes = [IdleNode(Signer.generate("node"), Meeting(url, client, clock, private=True)) for _ in range(16)]
            for one in nodes:
                await one.join()
            waiting = [asyncio.create_task(node.wait()) for node in nodes for _ in range(2)]
            await _all_here(nodes)
            for name, size, count in (
                ("2 KiB there, 64 KiB back", 65_520, 400),
                ("2 KiB there, 1.5 MB back", 24 * 65_536 - 16, 60),
            ):
                for one in nodes:
                    one.drawn = os.urandom(size)
                rates, busy = [], []
                for _ in range(turns + 1):
                    began, used = time.perf_counter(), cpu(hub)
                    await _all(nodes, count, size)
                    rates.append(count / (time.perf_counter() - began))
                    busy.append(1000 * (cpu(hub) - used) / count)
                print(f"{name}: {spread(rates[1:])} a second, {spread(busy[1:])} ms of the hub's CPU each, so at most "
                      f"{1000 / statistics.median(busy[1:]):.0f} a second of one core; memory {highest(hub):.1f} MB at most")  # fmt: skip
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _all(nodes: list[IdleNode], count: int, size: int) -> None:
    left = iter(range(count))

    async def asks() -> None:
        for number in left:
            node = nodes[number % len(nodes)]
            found = await node.meeting.relay(node.id, bytes(2048))
            if len(found) != size:
                raise SystemExit(f"{len(found)} bytes came back")

    await asyncio.gather(*(asks() for _ in range(16)))


async def main(asked: argparse.Namespace) -> None:
    """Runs what was asked for, each with a folder of its own."""
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as place:
        if "a" in asked.only:
            await added(asked.pictures, Path(place, "a"))
        if "b" in asked.only:
            await carried(asked.turns, Path(place, "b"))
        if "c" in asked.only:
            await idle(asked.nodes, Path(place, "c"))
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("--engine", type=int, help=argparse.SUPPRESS)
    reader.add_argument("--pictures", type=int, default=60)
    reader.add_argument("--turns", type=int, default=7)
    reader.add_argument("--nodes", type=int, default=1000)
    reader.add_argument("--only", default="abc", help="a: added time, b: messages a second, c: idle nodes")
    found = reader.parse_args()
    if found.engine:
        serve_engine(found.engine)
    else:
        run_loop(main(found))  # as the studio runs
