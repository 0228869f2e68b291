"""No request waits for ever: over sockets, what is said within two seconds where a node or a hub is not there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.emulators import held_port
from tests.integration.node_world import served
from tests.unit.network.card_tools import NODE, NODE_ID, body
from tests.unit.network.remote_tools import Hand, ScriptedNode

from triptych.app.hub import HubRules
from triptych.http.client import HttpClient
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.mailbox import Limits
from triptych.network import card, job, remote, stamp
from triptych.network.card import Card, Work
from triptych.network.job import Job, Submit
from triptych.network.meeting import Meeting, Message
from triptych.network.ohttp.padding import MAX_RESPONSE
from triptych.network.remote import Line
from triptych.spec.clock import SystemClock
from triptych.spec.errors import AmbiguousError, HostileContentError, NotSentError, TriptychError

CLOCK = SystemClock()
SAID_S = 2.0
"""What the documentation promises."""
FAR_S = 15.0
"""Time for what takes less than that on a machine that does nothing else, and less than any wait that would be a wrong one here."""


@dataclass
class Town:
    """What a test runs on this machine: a client, hubs, and a node's card that all of them have."""

    client: HttpClient
    folder: Path
    found: Card
    hubs: dict[str, Hub] = field(default_factory=dict)
    node: ScriptedNode = field(default_factory=lambda: ScriptedNode(Hand()))

    def meeting(self, origin: str) -> Meeting:
        return Meeting(origin, self.client, CLOCK, private=True)

    def line(self, *origins: str) -> Line:
        return Line(self.found, [self.meeting(one) for one in origins], "The attic", CLOCK)

    @asynccontextmanager
    async def hub(self, limits: Limits | None = None) -> AsyncIterator[str]:
        """A hub on a socket, at which the node is registered; its origin."""
        place = self.folder / str(len(self.hubs))
        place.mkdir()
        async with served(place, HubRules(nodes=Rules(bits=1), mail=limits or Limits()), CLOCK) as at:
            await at.hub.publish(self.found.line.text.encode(), "local")
            self.hubs[at.url] = at.hub
            yield at.url

    @asynccontextmanager
    async def fetching(self, origin: str, answers: Callable[[bytes], bytes]) -> AsyncIterator["asyncio.Task[None]"]:
        """The node at work at a hub."""

        async def work() -> None:
            meeting = self.meeting(origin)
            while True:
                got = await meeting.fetch(NODE, 1, 25)
                if isinstance(got, Message):
                    await meeting.answer(NODE, 1, got.id, answers(got.data))

        working = asyncio.create_task(work())
        try:
            while not self.hubs[origin].boxes.here(NODE_ID):
                await asyncio.sleep(0.005)
            yield working
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A hub that takes everything and says nothing; its origin, and what it was sent."""
    heard: list[bytes] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            heard.append(piece)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


@asynccontextmanager
async def endless() -> AsyncIterator[tuple[str, list[int]]]:
    """A hub whose every answer has no end; its origin, and how many bytes went out."""
    sent = [0]
    piece = bytes(1 << 20)

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: message/ohttp-res\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(piece)
                await writer.drain()
                sent[0] += len(piece)

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent
    finally:
        server.close()


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(remote, "CANCEL_S", remote.SUBMIT_S)
    now = CLOCK.now_ms()
    done = stamp.make(NODE_ID, now, 1)
    assert done is not None
    worked = Work(made_ms=done.made_ms, counter=done.counter)
    line = card.sign(body(issued_ms=now, expires_ms=now + 600_000, pow=worked), NODE)
    async with HttpClient(CLOCK) as client:
        yield Town(client, tmp_path, card.read(line.encode()))


def asked() -> Submit:
    return Submit.of(Job(model="sdxl", prompt="a heron", seed=7, nonce="n" * 22, sent_ms=CLOCK.now_ms()))


class Watch:
    """Whether somebody waited for what is not there."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def check(self) -> None:
        assert time.monotonic() - self.began < FAR_S


async def refused(line: Line) -> TriptychError:
    watch = Watch()
    with pytest.raises(TriptychError) as told:
        await remote.submit(line, asked())
    watch.check()
    return told.value


def test_what_is_waited_for_is_less_than_what_was_promised() -> None:
    assert Limits().away_s < SAID_S
    assert remote.HEDGE_S < SAID_S
    assert min(Limits().take_s, Limits().answer_s, remote.SUBMIT_S) > FAR_S


async def test_a_node_that_does_not_fetch_is_said_to_be_away(town: Town) -> None:
    async with town.hub() as origin:
        error = await refused(town.line(origin))
    assert isinstance(error, NotSentError)
    assert "does not fetch its messages now" in error.message
    assert error.hint is not None
    assert "may have stopped sharing" in error.hint


async def test_a_node_that_went_away_a_moment_ago_is_said_to_be_away(town: Town) -> None:
    async with town.hub(Limits(away_s=0.5)) as origin:
        async with town.fetching(origin, town.node.answer) as working:
            working.cancel()
        assert isinstance(await refused(town.line(origin)), NotSentError)
    assert town.node.asked == []


async def test_a_hub_that_is_down_is_passed_over(town: Town) -> None:
    with held_port() as port:
        down = f"http://127.0.0.1:{port}"
        assert isinstance(await refused(town.line(down)), NotSentError)
        async with town.hub() as origin, town.fetching(origin, town.node.answer):
            watch, line = Watch(), town.line(down, origin)
            assert await remote.submit(line, asked())
            watch.check()
    assert [one.origin for one in line.hubs] == [origin, down]


async def test_a_hub_that_says_nothing_is_not_waited_for_alone(town: Town) -> None:
    async with silent() as (mute, heard), town.hub() as origin, town.fetching(origin, town.node.answer):
        watch, line = Watch(), town.line(mute, origin)
        name = await remote.submit(line, asked())
        watch.check()
        assert heard, "it was asked first"
        assert [one.origin for one in line.hubs] == [origin, mute], "and is asked last from now on"
        for question in (remote.submit(town.line(mute, origin), asked()), remote.cancel(town.line(mute, origin), name)):
            watch = Watch()
            assert await question
            watch.check()
    assert len(town.node.names) == 1, "one job, however often it was handed in"


async def test_one_silent_hub_alone_is_left_and_what_is_said_is_that_nobody_knows(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SUBMIT_S", 3.0)
    async with silent() as (mute, _):
        error = await refused(town.line(mute))
    assert isinstance(error, AmbiguousError)
    assert "may have the job, and no answer came through its hub" in error.message
    assert error.billed != "no"


async def test_what_is_asked_beside_an_answer_is_let_go(town: Town) -> None:
    async with silent() as (mute, _), town.hub() as origin, town.fetching(origin, town.node.answer):
        assert await remote.submit(town.line(mute, origin), asked())
        assert not [one for one in asyncio.all_tasks() if "Line" in repr(one.get_coro())]
    assert isinstance(town.node.asked[0], job.Submit)


async def test_a_hub_that_pours_out_more_than_a_picture_can_be_is_stopped_by_the_studio(town: Town) -> None:
    async with endless() as (origin, sent):
        with pytest.raises(HostileContentError, match="is over 64 MB and was not read") as told:
            await town.meeting(origin).relay(NODE_ID, b"sealed")
        assert sent[0] < 2 * MAX_RESPONSE, "what the sockets hold besides is little"
    assert told.value.status == 200
