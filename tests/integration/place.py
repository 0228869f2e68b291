"""The real application on a real port, over a data folder of its own, with the emulators as providers."""

import asyncio
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import httpx2 as httpx
import uvicorn
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from openai import OpenAI
from tests.emulators import Emulators

from triptych.app import container
from triptych.app.container import App
from triptych.config.settings import load
from triptych.http.client import HttpClient
from triptych.http.guard import is_public
from triptych.server.application import build
from triptych.spec.clock import SystemClock

T = TypeVar("T")
PICTURES_HOST = "pictures.example"
"""A public name, as far as the server under test can tell, that leads to the emulators' files host by https."""
SESSION = "X-Triptych-Session"
FINAL = {"done", "blocked", "failed", "cancelled", "lost"}


NOON_MS = 1_795_348_800_000
"""Of 22 November 2026, UTC: the day on which every server here begins, far from a midnight and from the end of a month or a model."""
_BEGUN = time.monotonic()


class HurriedClock(SystemClock):
    """Time in which every wait is over at once: what would be waited is added to the clock. It begins on a day of its own."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.waits: list[float] = []

    def now_ms(self) -> int:
        return NOON_MS + round((time.monotonic() - _BEGUN + self.ahead) * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(min(max(0.0, seconds), 0.004))
        self.ahead += max(0.0, seconds - 0.004)


class ToLoopback(AbstractResolver):
    """Knows one name."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        if host != PICTURES_HOST:
            raise OSError(f"no such name {host}")
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the pictures' name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PICTURES_HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(PICTURES_HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "pictures.pem", folder / "pictures.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 90.0) -> T:
        return self.start(work).result(timeout)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(60)
        self.loop.close()


class TlsFront:
    """Https in front of the files host."""

    def __init__(self, loop: Loop, folder: Path, to_port: int) -> None:
        certificate_file, key_file = certificate(folder)
        self.certificate = certificate_file
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate_file, key_file)
        self._loop = loop
        self._to = to_port
        self._server = loop.run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context))
        self.port = int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"https://{PICTURES_HOST}:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._to)
            await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
        except OSError:
            writer.transport.abort()

    def stop(self) -> None:
        async def close() -> None:
            self._server.close()
            await asyncio.sleep(0)

        self._loop.run(close())


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def trusting(certificate_file: Path) -> ssl.SSLContext:
    """A client's view in which that certificate is good."""
    return ssl.create_default_context(cafile=str(certificate_file))


def public(address: str) -> bool:
    """Loopback counts as public, because the pictures' name leads there; every other private address does not."""
    return address == "127.0.0.1" or is_public(address)


RELAY = """
[endpoints.relay]
base_url = "{base}"
key_env = "RELAY_API_KEY"
lane = "commercial"
models = [
  {{ id = "relay/picture", name = "Relay", price_usd = 0.01 }},
  {{ id = "relay/only-url", name = "Relay by address", price_usd = 0.01 }},
]
"""


def environment(emulators: Emulators) -> dict[str, str]:
    """Keys and addresses as a user would set them."""
    providers = {"google": emulators.google, "bytedance": emulators.ark, "xai": emulators.xai,
                 "openai": emulators.openai, "together": emulators.together, "aihorde": emulators.aihorde,
                 "bfl": emulators.bfl, "fal": emulators.fal, "replicate": emulators.replicate,
                 "stability": emulators.stability, "ideogram": emulators.ideogram,
                 "recraft": emulators.recraft, "minimax": emulators.minimax, "alibaba": emulators.alibaba,
                 "huggingface": emulators.huggingface, "openrouter": emulators.openrouter,
                 "fireworks": emulators.fireworks, "vertex": emulators.vertex, "tokenhub": emulators.tokenhub}  # fmt: skip
    found = {f"TRIPTYCH_{name.upper()}_BASE_URL": one.base_url for name, one in providers.items()}
    found |= {
        "GEMINI_API_KEY": emulators.google.key, "ARK_API_KEY": emulators.ark.key, "XAI_API_KEY": emulators.xai.key,
        "OPENAI_API_KEY": emulators.openai.key, "RELAY_API_KEY": emulators.relay.key,
        "TOGETHER_API_KEY": emulators.together.key, "BFL_API_KEY": emulators.bfl.key,
        "FAL_KEY": emulators.fal.key, "STABILITY_API_KEY": emulators.stability.key, "REPLICATE_API_TOKEN": emulators.replicate.key,
        "IDEOGRAM_API_KEY": emulators.ideogram.key, "MINIMAX_API_KEY": emulators.minimax.key, "DASHSCOPE_API_KEY": emulators.alibaba.key, "RECRAFT_API_TOKEN": emulators.recraft.key,
        "FIREWORKS_API_KEY": emulators.fireworks.key, "HF_TOKEN": emulators.huggingface.key, "OPENROUTER_API_KEY": emulators.openrouter.key,
        "GOOGLE_VERTEX_API_KEY": emulators.vertex.key, "TENCENT_TOKENHUB_API_KEY": emulators.tokenhub.key,
    }  # fmt: skip
    return found


@dataclass
class Place:
    """One server. `call` speaks to it as the page does, `sdk` as a program does, `do` reaches inside."""

    data: Path
    emulators: Emulators
    loop: Loop
    front: TlsFront
    environ: Mapping[str, str]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    clock: HurriedClock = field(default_factory=HurriedClock)

    def __post_init__(self) -> None:
        self._app: App | None = None
        self._server: uvicorn.Server | None = None
        self._serving: Future[None] | None = None
        self.port = 0
        self.http = httpx.Client(timeout=90, trust_env=False)
        self._sdk: OpenAI | None = None
        self._threads = ThreadPoolExecutor(16)

    @property
    def app(self) -> App:
        assert self._app is not None
        return self._app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_open(self) -> bool:
        return self._app is not None

    # Its life.

    def open(self) -> "Place":
        """Starts it, on another port than before."""
        self.data.mkdir(exist_ok=True)
        self.loop.run(self._open())
        return self

    async def _open(self) -> None:
        settings = load({"data": self.data, **self.overrides}, environ=self.environ)
        client = partial(HttpClient, resolver=ToLoopback, tls=trusting(self.front.certificate), public=public)
        with mock.patch.object(container, "HttpClient", client):
            self._app = app = await container.open_app(settings, self.clock)

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            await app.studio.recover(app.owners.alive)
            yield

        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(build(app, lifespan), log_config=None, access_log=False, lifespan="on", ws="none",
                                loop="asyncio", timeout_graceful_shutdown=2)  # fmt: skip
        server = self._server = uvicorn.Server(config)
        server.capture_signals = no_signals  # type: ignore[method-assign,assignment]
        self._serving = self.loop.start(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.002)

    def close(self) -> None:
        """Stops it in order."""
        assert self._server is not None
        assert self._serving is not None
        self.http.close()
        self.http = httpx.Client(timeout=90, trust_env=False)
        if self._sdk is not None:
            self._sdk.close()
            self._sdk = None
        self._server.should_exit = True
        self._serving.result(60)
        self.loop.run(self.app.close())
        self._app = None

    def vanish(self) -> None:
        """Stops it as a kill would, as far as the store can tell: nothing is written any more from here on."""
        assert self._server is not None
        assert self._serving is not None

        async def cut() -> None:
            await self.app.store.close()
            self.app.owners.close()

        self.loop.run(cut())
        self._server.should_exit = True
        self._serving.result(60)
        self.loop.run(self.app.client.close())
        self.loop.run(self.app.workshop.close())
        self._app = None

    def done(self) -> None:
        """After the last stop."""
        if self.is_open:
            self.close()
        self.http.close()
        self._threads.shutdown()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something inside the server's loop."""
        return self.loop.run(work)

    def fresh(self) -> None:
        """Forgets what went wrong before, so that no test is held back by another one's failures."""

        async def forget() -> None:
            for name in self.app.models.endpoints():
                self.app.router.health.forget(name)

        self.do(forget())

    # Talking to it.

    @property
    def sdk(self) -> OpenAI:
        """The official client, retries and all."""
        if self._sdk is None:
            self._sdk = OpenAI(base_url=f"{self.url}/v1", api_key="a-program-of-mine", max_retries=2, timeout=90)
        return self._sdk

    def start_thread(self, work: Callable[[], T]) -> "Future[T]":
        """Runs a blocking call beside the test."""
        return self._threads.submit(work)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(self.url + path, **options)

    def send(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """A call of the page, with the token of this start."""
        headers = {SESSION: self.app.session, **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return self.http.request(method, self.url + path, headers=headers, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.send("POST", path, json, **options)

    def start(self, text: str, *models: str, **more: Any) -> dict[str, Any]:
        """A run by the page's call."""
        answer = self.post("/api/runs", {"text": text, "models": list(models), **more})
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, tile_id: str) -> dict[str, Any]:
        """The tile once it is over, as the page gets it."""

        async def wait() -> None:
            async with asyncio.timeout(60):
                await self.app.studio.wait(tile_id)

        self.do(wait())
        return self.tile(tile_id)

    def tile(self, tile_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/tiles/{tile_id}").json()["tile"]
        return found

    def make(self, text: str, model: str, **more: Any) -> dict[str, Any]:
        """One tile from start to end."""
        tile: dict[str, Any] = self.start(text, model, **more)["tiles"][0]
        return self.ended(tile["id"])

    def until(self, tile_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The tile as soon as it is in a certain state."""

        async def wait() -> None:
            async with asyncio.timeout(60):
                while True:
                    view = await self.app.studio.tile(tile_id)
                    if reached(dict(view.json)):
                        return
                    await asyncio.sleep(0.005)

        self.do(wait())
        return self.tile(tile_id)

    def upload(self, data: bytes) -> dict[str, Any]:
        answer = self.send("POST", "/api/uploads", content=data)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def events(self, since: int) -> list[dict[str, Any]]:
        """What was announced after `since`: the data of each event, with its type."""

        async def read() -> list[dict[str, Any]]:
            subscription = self.app.bus.subscribe(since)
            found = []
            while since < self.app.bus.last_id():
                event = await anext(subscription)
                found.append({"type": event.type, **event.data})
                if event.id == self.app.bus.last_id():
                    break
            return found

        return self.do(read())

    # The books.

    def charged(self, tile_id: str) -> int:
        """What the ledger says that a tile cost; fails when a reservation was left open."""

        async def read() -> int:
            entries = await self.app.store.ledger(tile_id=tile_id)
            held = {entry.reservation for entry in entries if entry.kind == "reserve"}
            closed = {entry.reservation for entry in entries if entry.kind != "reserve"}
            assert held == closed, "a reservation was left open"
            return sum(entry.amount_micro_usd for entry in entries if entry.kind == "settle" and entry.known)

        return self.do(read())


class no_signals:
    """Signals belong to the test runner."""

    def __enter__(self) -> None:
        """Nothing to set."""

    def __exit__(self, *_: object) -> None:
        """Nothing to restore."""
