"""News of a job in one answer that stays open, through a hub that drops, moves, repeats, cuts or holds back pieces of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.network.card_tools import NOW, made
from tests.unit.network.remote_tools import Hand, Hubs, ScriptedNode, honest, listed, png, signed

from triptych.http.message import HttpRequest, HttpResponse, StreamHead
from triptych.http.transport import EncodedBody, MadeBody
from triptych.network import job, news, remote
from triptych.network.job import Job, Problem, Reply, Submit, Watch, Working
from triptych.network.ohttp.chunks import ReplySealer, RequestOpener
from triptych.network.remote import MOST_BREAKS, Line
from triptych.spec.errors import AmbiguousError, HostileContentError, NotSentError, TriptychError

A, B = "https://a.example", "https://b.example"
PREVIEW = png(16, 16)
Spoil = Callable[[list[bytes]], list[bytes]]


@dataclass
class Streams(Hubs):
    """Hubs that hand on answers as they come. `spoils` says what becomes of the pieces of each answer that stays open, one by one."""

    spoils: list[Spoil] = field(default_factory=list)
    opened: int = 0
    said: list[int] = field(default_factory=list)  # the length of each piece
    kind: str = "message/ohttp-chunked-res"
    stuck: bool = False

    async def pieces(self, request: HttpRequest, *, deadline: float, idle_s: float, allow_private: bool = False, max_bytes: int = 0,
                     body: EncodedBody | MadeBody | None = None) -> AsyncGenerator[HttpResponse | StreamHead | bytes, None]:  # fmt: skip
        assert isinstance(body, EncodedBody)
        self.opened += 1
        if self.ways.get(request.url.partition("/hub/v1")[0]) == ["down"]:
            raise NotSentError("Nothing listens there.")
        opener = RequestOpener((self.node.key,))
        asked = job.decode_question(b"".join([*opener.feed(body.data), opener.finish()]))
        assert isinstance(asked, Watch)
        self.node.asked.append(asked)
        pieces = list(self._told(asked, opener.reply()))
        self.said += map(len, pieces)
        yield StreamHead(status=200, headers={"content-type": self.kind})
        for piece in self.spoils.pop(0)(pieces) if self.spoils else pieces:
            yield piece
        if self.stuck:
            await asyncio.Event().wait()

    def _told(self, asked: Watch, sealer: ReplySealer) -> list[bytes]:
        steps = [
            Reply(Working(seen=one, step=one, steps=3, preview=listed(PREVIEW)), (PREVIEW,))
            for one in range(asked.seen + 1, 4)
        ]
        known = self.node.jobs.get(asked.job)
        end = (
            Reply(Problem(code="unknown_job", title="?"))
            if known is None
            else self.node.draw(known, self.node.clock.ms)
        )
        parts = [part for reply in ([*steps, end] if known else [end]) for part in news.tell(reply)]
        return [sealer.header + sealer.seal(news.begin()), *map(sealer.seal, parts), sealer.finish(news.end())]


@dataclass
class World:
    streams: Streams
    line: Line
    heard: list[tuple[int, bytes | None]] = field(default_factory=list)

    async def told(self, said: Any, preview: bytes | None) -> None:
        self.heard.append((said.seen, preview))

    async def picture(self, seconds: float = 300) -> remote.Result:
        asked = Submit.of(
            Job(model="sdxl", prompt="a weir", seed=7, nonce="n" * 22, sent_ms=NOW, size="64x64", previews=3)
        )
        name = await remote.submit(self.line, asked)
        return await remote.follow(self.line, asked, name, self.line.clock.monotonic() + seconds, self.told)


def world(*spoils: Spoil, **changed: Any) -> World:
    clock = Hand()
    node = ScriptedNode(clock, changed.pop("draw", honest))
    streams = Streams(node, spoils=list(spoils), **changed)
    return World(streams, Line(made(), [streams.meeting(A), streams.meeting(B)], "Ada's node", clock))


def polls(found: World) -> int:
    return sum(isinstance(one, job.Poll) for one in found.streams.node.asked)


async def test_previews_come_as_they_are_drawn_and_nothing_is_asked_twice() -> None:
    found = world()
    assert (await found.picture()).pictures == (png(64, 64, 7),)
    assert found.heard == [(1, PREVIEW), (2, PREVIEW), (3, PREVIEW)]
    assert (found.streams.opened, polls(found)) == (1, 0)
    first, *steps, last = found.streams.said
    assert len(set(steps)) == 1, "each step is as long as any other"
    assert max(first, last) < min(steps)


def drop(at: int) -> Spoil:
    return lambda pieces: [*pieces[:at], *pieces[at + 1 :]]


def swap(at: int) -> Spoil:
    return lambda pieces: [*pieces[:at], pieces[at + 1], pieces[at], *pieces[at + 2 :]]


def again(at: int) -> Spoil:
    return lambda pieces: [*pieces[: at + 1], *pieces[at:]]


def cut(at: int) -> Spoil:
    return lambda pieces: [*pieces[:at], pieces[at][:-9]]


def flip(at: int) -> Spoil:
    return lambda pieces: [*pieces[:at], pieces[at][:-1] + bytes([pieces[at][-1] ^ 1]), *pieces[at + 1 :]]


@pytest.mark.parametrize("spoil", [drop, swap, again, cut, flip])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_what_a_hub_does_to_the_pieces_is_noticed_and_the_job_is_asked_after(
    spoil: Callable[[int], Spoil], at: int
) -> None:
    found = world(spoil(at))
    assert (await found.picture()).pictures == (png(64, 64, 7),)
    assert polls(found) == 1
    assert [seen for seen, _ in found.heard] == sorted({seen for seen, _ in found.heard}), (
        "no step twice, none out of its turn"
    )
    assert len(found.streams.node.names) == 1
    assert B in found.streams.seen, "through the next hub"


async def test_bytes_that_arrive_in_any_grain_are_the_same_answer() -> None:
    found = world(lambda pieces: [bytes([one]) for one in b"".join(pieces[:2])] + [b"".join(pieces[2:])])
    assert (await found.picture()).pictures
    assert polls(found) == 0


async def test_after_some_that_were_cut_off_a_job_is_only_asked_after() -> None:
    found = world(*[cut(0)] * 9)
    found.streams.node.working = 6
    assert (await found.picture()).pictures
    assert found.streams.opened == MOST_BREAKS
    silent = world(kind="message/ohttp-res")
    assert (await silent.picture()).pictures


async def test_a_hub_that_is_down_leaves_the_way_to_the_next() -> None:
    found = world(ways={A: ["carry", "down"]})
    found.streams.ways[A] = ["down"]
    assert (await found.picture()).pictures
    assert found.streams.seen[0] == A


async def test_an_answer_that_never_ends_is_left_at_the_deadline() -> None:
    found = world(lambda pieces: pieces[:2], stuck=True)
    with pytest.raises(AmbiguousError) as told:
        await found.picture(seconds=0.3)
    assert "in time" in told.value.message


async def test_a_lie_in_an_answer_that_stays_open_is_a_lie() -> None:
    found = world(draw=lambda asked, now: signed(asked, now, (png(32, 32),)))
    with pytest.raises(HostileContentError) as told:
        await found.picture()
    assert told.value.detail == "size"
    assert polls(found) == 0, "it is not asked for once more until it fits"


async def test_what_the_listener_cannot_take_ends_the_job() -> None:
    found = world()

    async def full(_said: Any, _preview: bytes | None) -> None:
        raise NotSentError("the disk is full")

    asked = Submit.of(Job(model="sdxl", prompt="a weir", seed=7, nonce="n" * 22, sent_ms=NOW, size="64x64"))
    name = await remote.submit(found.line, asked)
    with pytest.raises(TriptychError, match="disk is full"):
        await remote.follow(found.line, asked, name, found.line.clock.monotonic() + 60, full)


async def test_a_node_that_forgot_the_job_is_given_it_once_more() -> None:
    found = world()
    asked = Submit.of(Job(model="sdxl", prompt="a weir", seed=7, nonce="n" * 22, sent_ms=NOW, size="64x64"))
    name = await remote.submit(found.line, asked)
    found.streams.node.jobs.clear()
    result = await remote.follow(found.line, asked, name, found.line.clock.monotonic() + 60, found.told)
    assert result.pictures
