"""Hubs without sockets, nodes that draw by script, and a studio that asks them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2 as httpx
from tests.unit.network.card_tools import FIRST, NODE, body
from tests.unit.network.remote_tools import Draw, ScriptedNode, honest

from triptych.app import container, network
from triptych.app.container import App, open_app
from triptych.app.hub import HubRules, open_hub
from triptych.config.settings import load
from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import EncodedBody
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.mailbox import Limits
from triptych.hub.quota import Allowance
from triptych.network import card, stamp
from triptych.network.card import CardBody, Work
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting, Message
from triptych.network.ohttp.keys import NodeKey
from triptych.server.hub_app import hub_app
from triptych.spec.clock import SystemClock
from triptych.spec.errors import AmbiguousError, NotSentError, TriptychError
from triptych.spec.image import ImageRequest
from triptych.studio.views import TileView
from triptych.tlog.note import Signer

A, B = "https://a.example", "https://b.example"
PROMPT = "a heron that nobody but the painter hears of"


class Wires:
    """What every HTTP client of the test is: ways to applications by origin. `down` are not reached, of `cut` the answers are
    lost."""

    def __init__(self) -> None:
        self.clients: dict[str, httpx.AsyncClient] = {}
        self.down: set[str] = set()
        self.cut: set[str] = set()
        self.seen: list[tuple[str, bytes]] = []

    def lead(self, origin: str, app: Any) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.clients[origin] = httpx.AsyncClient(transport=transport, base_url=origin)

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        return None

    async def send(self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = 0,
                   body: EncodedBody | None = None) -> HttpResponse:  # fmt: skip
        origin = "/".join(request.url.split("/")[:3])
        if origin in self.down or origin not in self.clients:
            raise NotSentError(f"Nothing listens at {origin}.")
        headers = {**request.headers, **({"content-type": body.media_type or ""} if body else {})}
        self.seen.append((request.url, body.data if body else b""))
        found = await self.clients[origin].request(
            request.method, request.url, headers=headers, content=body.data if body else None
        )
        if origin in self.cut:
            raise AmbiguousError("The connection was cut.")
        return HttpResponse(status=found.status_code, headers=dict(found.headers), body=found.content)

    def stream(self, *_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        raise NotSentError("Only hubs are here.")

    async def fetch_image(self, *_: Any, **__: Any) -> HttpResponse:
        raise NotSentError("Only hubs are here.")

    async def hang_up(self) -> None:
        """Closes all of them."""
        async with AsyncExitStack() as held:
            for client in self.clients.values():
                held.push_async_callback(client.aclose)

    async def close(self) -> None:
        """The wires outlive an application that is closed."""


@dataclass
class LiveNode:
    """A scripted node that fetches its messages at hubs."""

    script: ScriptedNode
    signer: Signer
    hubs: list[Meeting]
    at: Mapping[str, Hub]
    key: NodeKey = FIRST
    seq: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return kid_of(self.signer.key.public)

    def card(self, **changed: Any) -> str:
        now = SystemClock().now_ms()
        self.seq = now
        made = stamp.make(self.id, now, 4)
        assert made is not None
        said: dict[str, Any] = {
            "id": self.id, "hubs": tuple(one.origin for one in self.hubs), "seq": self.seq, "issued_ms": now, "expires_ms": now + 600_000,
            "pow": Work(made_ms=made.made_ms, counter=made.counter),
        }  # fmt: skip
        told: CardBody = body(self.key, **{**said, **changed})
        return card.sign(told, self.signer)

    async def join(self, **changed: Any) -> None:
        """Registers, and asks for messages; returns when all its hubs have heard that, and have put the key into the tree of their log."""
        line = self.card(**changed)
        for hub in self.hubs:
            await hub.publish(line)
            self.tasks.append(asyncio.create_task(self._serve(hub)))
        async with asyncio.timeout(60):
            while not all(self._known(self.at[hub.origin]) for hub in self.hubs):
                await asyncio.sleep(0.002)

    def _known(self, hub: Hub) -> bool:
        return hub.boxes.here(self.id) and not hub.log._pending

    async def _serve(self, hub: Meeting) -> None:
        while True:
            try:
                found = await hub.fetch(self.signer, 1, 5)
            except TriptychError:
                await asyncio.sleep(0.01)
                continue
            if isinstance(found, Message):
                try:
                    await hub.answer(self.signer, 1, found.id, self.script.answer(found.data))
                except TriptychError:
                    continue  # nobody waits any more

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()


@dataclass
class Land:
    """Two hubs, any nodes, one studio; what a test opens beside them it gives to `held`, to be closed with them."""

    folder: Path
    wires: Wires
    hubs: dict[str, Hub]
    nodes: list[LiveNode] = field(default_factory=list)
    app: App | None = None
    held: AsyncExitStack = field(default_factory=AsyncExitStack)

    def node(
        self, draw: Draw = honest, *, signer: Signer = NODE, key: NodeKey = FIRST, hubs: tuple[str, ...] = (A, B)
    ) -> LiveNode:
        clock = SystemClock()
        script = ScriptedNode(clock, draw, working=0, key=key)  # type: ignore[arg-type]
        made = LiveNode(script, signer, [Meeting(one, self.wires, clock) for one in hubs], self.hubs, key)
        self.nodes.append(made)
        return made

    @property
    def studio(self) -> App:
        assert self.app is not None
        return self.app

    async def open(self, hubs: str = f"{A} {B}", trusted_programs: str = "") -> App:
        environ = {"TRIPTYCH_HUBS": hubs, "TRIPTYCH_SAMPLE": "false", "TRIPTYCH_TRUSTED_PROGRAMS": trusted_programs}
        settings = load({"data": self.folder / "studio"}, environ=environ)
        with mock.patch.object(container, "HttpClient", lambda _: self.wires):
            self.app = await open_app(settings)
        await self.app.neighbours.pull()
        return self.app

    async def close(self) -> None:
        if self.app is not None:
            await self.app.close()
            self.app = None

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    async def allowed(self) -> None:
        """Switches the lane on whose operators nobody knows."""
        state = next(one for one in self.studio.models.providers() if one.consent_of)
        await self.studio.models.set_consent(state.id, given=True)

    async def tile(self, model: str, prompt: str = PROMPT, **settings: Any) -> TileView:
        run = await self.studio.studio.start_single(
            ImageRequest(prompt=prompt, seed=7), model=model, source="studio", **settings
        )
        return (await self.studio.studio.wait_run(run.record.id)).tiles[0]


RULES = HubRules(
    nodes=Rules(bits=4), mail=Limits(answer_s=30, take_s=30, poll_s=5, away_s=3, lost_s=6),
    guests=Allowance(burst=500, per_minute=5000, at_once=64),
)  # fmt: skip


@asynccontextmanager
async def land(folder: Path) -> AsyncIterator[Land]:
    wires, hubs = Wires(), dict[str, Hub]()
    clock = SystemClock()
    made = Land(folder, wires, hubs)
    async with AsyncExitStack() as held:
        for name, origin in (("a", A), ("b", B)):
            (folder / name).mkdir()
            others = [Meeting(one, wires, clock) for one in (A, B)]  # each is among its own, which is harmless
            hubs[origin] = await open_hub(folder / name, origin, clock, RULES, others)
            held.push_async_callback(hubs[origin].close)
            wires.lead(origin, hub_app(hubs[origin]))
        held.push_async_callback(wires.hang_up)
        held.callback(made.stop)
        held.push_async_callback(made.close)
        held.enter_context(mock.patch.object(network, "PROOF_S", 60.0))
        made.held = await held.enter_async_context(AsyncExitStack())
        yield made
