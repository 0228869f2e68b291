"""Load for the gateway's benchmark: a fake provider and its clients, both in this process, on loopback only.

The provider answers OpenAI's `POST /v1/images/generations` with PNGs of noise in base64, another one each time, so that
nothing is saved by having the bytes already. It answers at once, or after the scenario's delay.
"""

import asyncio
import base64
import json
import re
import statistics
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

PATH = "/v1/images/generations"
MODEL = "gpt-image-1.5"
_SHADES = 16  # four bits of noise in each of three channels: 1.5 MB as PNG of 1024 pixels square
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_BUFFER = 1 << 20
_USAGE = b'{"input_tokens":9,"output_tokens":1056,"total_tokens":1065,"input_tokens_details":{"text_tokens":9,"image_tokens":0}}'


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is asked for: `pictures` of `side` pixels square in one answer, sent `delay_s` after the question."""

    name: str
    side: int = 1024
    pictures: int = 1
    delay_s: float = 0.0

    def body(self, model: str) -> bytes:
        """The request."""
        asked = {"model": model, "prompt": "a steel kettle on basalt, dawn", "n": self.pictures, "size": "1024x1024"}
        return json.dumps(asked).encode()


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("1 KB", side=16),
        Scenario("1.5 MB"),
        Scenario("4 × 1.5 MB", pictures=4),
        Scenario("1.5 MB after 200 ms", delay_s=0.2),
    )
}


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk (PNG specification, section 5.3)."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _picture(side: int) -> bytes:
    """A PNG of noise without its last chunk; its length is a multiple of three, so that base64 can go on after it."""
    noise = np.random.default_rng(1).integers(0, _SHADES, (side, side, 3), np.uint8) * (256 // _SHADES)
    rows = np.concatenate([np.zeros((side, 1), np.uint8), noise.reshape(side, -1)], axis=1)
    head = _chunk(b"IHDR", side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0]))
    data = b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
    return data + _chunk(b"tEXt", b"Comment\0" + b" " * (-(len(data) + 20) % 3))


@dataclass
class Provider:
    """The fake provider. `scenario` is what it answers now; `hits` counts the answers it gave, `made` its pictures."""

    scenario: Scenario = field(default_factory=lambda: SCENARIOS["1.5 MB"])
    hits: int = 0
    made: int = 0
    _starts: dict[int, bytes] = field(default_factory=dict)

    def answer(self) -> list[bytes]:
        """One answer in pieces, so that the large ones are never copied."""
        self.hits += 1
        side = self.scenario.side
        start = self._starts.get(side) or self._starts.setdefault(side, base64.b64encode(_picture(side)))
        body: list[bytes] = [b'{"created":1,"data":[']
        for index in range(self.scenario.pictures):
            self.made += 1
            own = _chunk(b"tEXt", b"Comment\0picture %09d" % self.made) + _chunk(b"IEND", b"")
            body += [b'%b{"b64_json":"' % (b"," if index else b""), start, base64.b64encode(own) + b'"}']
        body.append(b'],"usage":' + _USAGE + b"}")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return [head % sum(map(len, body)), *body]


class _Connection(asyncio.Protocol):
    """One connection to the provider: an answer for every whole request, whatever it asks."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, found, body = self._seen.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if len(body) < (int(length[1]) if length else 0):
            return
        self._seen = b""
        if self._provider.scenario.delay_s:
            asyncio.get_running_loop().call_later(self._provider.scenario.delay_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.writelines(self._provider.answer())


async def serve(provider: Provider) -> asyncio.Server:
    """The provider on a free port of loopback."""
    return await asyncio.get_running_loop().create_server(lambda: _Connection(provider), "127.0.0.1", 0)


@dataclass(slots=True)
class Visit:
    """What the clients saw in one visit: when each answer was whole, in seconds, and what went wrong."""

    until: float
    most: int
    at_least: int
    times: list[float] = field(default_factory=list)
    asked: int = 0
    wrong: str = ""

    def percentile(self, part: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000 if ordered else float("nan")

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.times) * 1000 if self.times else float("nan")


class _Client(asyncio.BufferedProtocol):
    """One client: request after request on one connection, until the time is up or there were enough."""

    def __init__(self, request: bytes, visit: Visit) -> None:
        self._request, self._visit = request, visit
        self._buffer = bytearray(_BUFFER)
        self._head = b""
        self._left: int | None = 0  # of the answer; None before its head has come
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def _ask(self) -> None:
        if self._visit.wrong or self._visit.asked >= self._visit.most or time.perf_counter() >= self._visit.until:
            self._transport.close()
            return
        self._visit.asked += 1
        self._head, self._left, self._start = b"", None, time.perf_counter()
        self._transport.write(self._request)

    def get_buffer(self, sizehint: int) -> Any:  # noqa: ARG002 - asyncio's interface
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left is None:
            self._head += bytes(self._buffer[:nbytes])
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or length is None or int(length[1]) < self._visit.at_least:
                self._visit.wrong = f"a wrong answer: {(head + body[:500]).decode(errors='replace')}"
                self._transport.close()
                return
            self._left = int(length[1]) - len(body)
        else:
            self._left -= nbytes
        if self._left == 0:
            self._visit.times.append(time.perf_counter() - self._start)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left != 0 and not self._visit.wrong:
            self._visit.wrong = f"the connection was cut: {exc}"
        self.over.set_result(None)


def request_bytes(host: str, port: int, headers: dict[str, str], body: bytes) -> bytes:
    """A POST of an image call."""
    named = {"Host": f"{host}:{port}", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    return "\r\n".join([f"POST {PATH} HTTP/1.1", *(f"{n}: {v}" for n, v in named.items()), "", ""]).encode() + body


async def visit(
    address: tuple[str, int], request: bytes, *, clients: int, seconds: float, most: int, at_least: int
) -> Visit:
    """Clients that ask at the same time, each its next question when it has its answer. Answers smaller than `at_least`
    bytes are wrong."""
    seen = Visit(until=time.perf_counter() + seconds, most=most, at_least=at_least)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Client(request, seen), *address) for _ in range(clients)]
    await asyncio.gather(*(protocol.over for _, protocol in made))
    return seen
