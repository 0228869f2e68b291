"""Hubs over HTTP without sockets, nodes at them, and a studio that asks sealed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import uvicorn
from tests.unit.network.remote_tools import Hand

from triptych.app.hub import HubRules, open_hub
from triptych.app.node import Node, NodePlan, open_node
from triptych.cli.serve import listen
from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import MAX_ANSWER, EncodedBody
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.mailbox import Limits as MailLimits
from triptych.hub.tickets import Share
from triptych.network import card, job
from triptych.network.card import Card
from triptych.network.job import Accepted, Poll, Question, Reply, Submit, Working
from triptych.network.meeting import Meeting
from triptych.network.ohttp import seal
from triptych.node.backends.base import Backend
from triptych.server.hub_app import hub_app
from triptych.spec.clock import Clock, SystemClock
from triptych.spec.errors import AmbiguousError, NotSentError

FIRST, SECOND = "https://one.example", "https://two.example"


class Now(Hand):
    """A clock whose date is set by hand, and on which nobody sleeps."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 if seconds < 1 else 0.005)


@dataclass
class Wires:
    """The way to each hub, which a test can cut. Implements the part of `Transport` that hubs need."""

    ways: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    under_way: dict[str, set["asyncio.Future[httpx.Response]"]] = field(default_factory=dict)

    def down(self, origin: str) -> None:
        """The hub dies: what is under way breaks off, and nothing comes through any more."""
        self.cut.add(origin)
        for one in tuple(self.under_way.get(origin, ())):
            one.cancel()

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        del request
        return None

    async def send(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER, body: EncodedBody | None = None,
    ) -> HttpResponse:  # fmt: skip
        del deadline, allow_private, max_bytes
        origin = request.url.split("/hub/", 1)[0]
        if origin in self.cut:
            raise NotSentError(f"No connection to {origin}.")
        headers = dict(request.headers)
        if body is not None and body.media_type:
            headers["content-type"] = body.media_type
        asked = self.ways[origin].request(
            request.method, request.url, headers=headers, content=None if body is None else body.data
        )
        under_way = asyncio.ensure_future(asked)
        self.under_way.setdefault(origin, set()).add(under_way)
        try:
            await asyncio.wait({under_way})
        finally:
            self.under_way[origin].discard(under_way)
            under_way.cancel()
        if under_way.cancelled():
            raise AmbiguousError(f"{origin} went away.")
        got = under_way.result()
        return HttpResponse(
            status=got.status_code,
            headers={k.lower(): v for k, v in got.headers.items()},
            body=got.content,
            url=request.url,
        )

    def stream(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def fetch_image(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@dataclass
class World:
    folder: Path
    clock: Now
    wires: Wires
    hubs: dict[str, Hub]

    async def close(self) -> None:
        """Closes the hubs that there are then, and the ways to them."""
        async with AsyncExitStack() as held:
            for hub in self.hubs.values():
                held.push_async_callback(hub.close)
            for way in self.wires.ways.values():
                held.push_async_callback(way.aclose)

    async def node(
        self, backend: Backend | None, *, hubs: Sequence[str] = (FIRST,), place: str = "node", **changed: Any
    ) -> Node:
        plan = NodePlan(
            hubs=tuple(hubs),
            backends=() if backend is None else (backend,),
            **{"trial": None, "watch": False, **changed},
        )
        return await open_node(self.folder / place, plan, self.wires, self.clock)

    @asynccontextmanager
    async def working(self, node: Node) -> AsyncIterator["asyncio.Task[str]"]:
        """The node at work, listed at all of its hubs."""
        async with AsyncExitStack() as held:
            running = asyncio.create_task(node.worker.run())
            held.push_async_callback(ended, running)
            await until(
                lambda: (
                    running.done()
                    or all(
                        one.state == "open" and self.hubs[one.origin].boxes.here(node.keys.id)
                        for one in node.worker.hubs
                    )
                )
            )
            yield running

    async def card(self, node: str, hub: str = FIRST) -> Card:
        listed = [card.read(one.card.encode()) for one in (await self.meeting(hub).listed()).cards]
        return next(one for one in listed if one.id == node)

    def meeting(self, hub: str = FIRST) -> Meeting:
        return Meeting(hub, self.wires, self.clock)

    async def ask(self, found: Card, question: Question, hub: str = FIRST) -> Reply:
        """One sealed question and its answer. Raises TriptychError."""
        sealed, answer = seal.seal_request(found.keys, job.encode_question(question))
        return job.decode_reply(answer.open(await self.meeting(hub).relay(found.id, sealed)))

    async def sent(self, found: Card, asked: Submit, hub: str = FIRST) -> str:
        news = (await self.ask(found, asked, hub)).news
        assert isinstance(news, Accepted), news
        return news.job

    async def ended(self, found: Card, name: str, hub: str = FIRST) -> Reply:
        seen = 0
        while isinstance((reply := await self.ask(found, Poll(job=name, seen=seen), hub)).news, Working):
            assert isinstance(reply.news, Working)
            seen = reply.news.seen
        return reply


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancels a task and waits for its end. An error of its own is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(true: Any) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.002)


class Quiet(uvicorn.Server):
    """A server that leaves signals to the test."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Served:
    """A hub on a socket of this machine, by its address. `stop` hangs up on everybody; a second time it does nothing."""

    url: str
    hub: Hub
    server: Quiet
    serving: "asyncio.Task[None]"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        await self.serving


@asynccontextmanager
async def served(
    folder: Path, rules: HubRules | None = None, clock: Clock | None = None, app: Callable[[Hub], Any] = hub_app
) -> AsyncIterator[Served]:
    """A hub that is heard by `app`, and closed whatever becomes of the test."""
    async with AsyncExitStack() as held:
        listener = held.enter_context(listen("127.0.0.1", 0, "port", "choose another"))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        hub = await open_hub(folder, url, clock or SystemClock(), rules or HubRules(nodes=Rules(bits=2)))
        held.push_async_callback(hub.close)
        server = Quiet(uvicorn.Config(app(hub), log_config=None, lifespan="off", ws="none"))
        made = Served(url, hub, server, asyncio.create_task(server.serve(sockets=[listener])))
        held.push_async_callback(made.stop)
        await until(lambda: server.started or made.serving.done())
        yield made


@asynccontextmanager
async def working_at(hub: Served, node: Node) -> AsyncIterator["asyncio.Task[str]"]:
    """A node at work at a hub on a socket, where it is listed."""
    async with AsyncExitStack() as held:
        running = asyncio.create_task(node.worker.run())
        held.push_async_callback(ended, running)
        await until(lambda: node.worker.hubs[0].state == "open" and hub.hub.boxes.here(node.keys.id))
        yield running


@asynccontextmanager
async def world_of(folder: Path, origins: Sequence[str] = (FIRST, SECOND), *, bits: int = 2) -> AsyncIterator[World]:
    clock, wires, hubs = Now(), Wires(), dict[str, Hub]()
    rules = HubRules(
        nodes=Rules(bits=bits), mail=MailLimits(answer_s=30, take_s=30), tokens=Share(bits=bits, each_day=8)
    )
    made = World(folder, clock, wires, hubs)
    async with AsyncExitStack() as held:
        held.push_async_callback(made.close)
        for number, origin in enumerate(origins):
            place = folder / f"hub{number}"
            place.mkdir()
            hubs[origin] = await open_hub(place, origin, clock, rules)
            way = httpx.ASGITransport(hub_app(hubs[origin]), raise_app_exceptions=False)
            wires.ways[origin] = httpx.AsyncClient(transport=way, base_url=origin)
        yield made
