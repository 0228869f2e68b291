"""A job followed over hubs that fail, by a node that lies: what is shown is checked, and what is said is true."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.network.card_tools import NOW, STRANGER, STRANGER_ID, made
from tests.unit.network.remote_tools import (
    Draw,
    Hand,
    Hubs,
    ScriptedNode,
    claimed,
    honest,
    listed,
    png,
    receipt_of,
    refusing,
    signed,
)

from triptych.network import job, remote
from triptych.network.job import Done, Job, Problem, Reply, Submit
from triptych.network.remote import Line
from triptych.spec.errors import (
    AmbiguousError,
    BlockedError,
    ExpiredError,
    HostileContentError,
    ModelUnavailableError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RejectedError,
    TriptychError,
)

A, B = "https://a.example", "https://b.example"
WORDS = "a lighthouse over Reykjavik"
CARD = made()


@dataclass
class World:
    node: ScriptedNode
    hubs: Hubs
    line: Line
    heard: list[tuple[Any, bytes | None]] = field(default_factory=list)

    async def told(self, news: Any, preview: bytes | None) -> None:
        self.heard.append((news, preview))

    def job(self, **changed: Any) -> Submit:
        sent = {"model": "sdxl", "prompt": WORDS, "seed": 7, "nonce": "n" * 22, "sent_ms": NOW, "size": "64x64"}
        return Submit.of(Job(**{**sent, **changed}))

    async def picture(self, asked: Submit | None = None, seconds: float = 300) -> remote.Result:
        asked = asked or self.job()
        name = await remote.submit(self.line, asked)
        return await remote.follow(self.line, asked, name, self.line.clock.monotonic() + seconds, self.told)


def world(draw: Draw = honest, hubs: tuple[str, ...] = (A, B), **ways: list[str]) -> World:
    clock = Hand()
    node = ScriptedNode(clock, draw)
    carried = Hubs(node, {{"a": A, "b": B}[name]: way for name, way in ways.items()})
    return World(node, carried, Line(CARD, [carried.meeting(one) for one in hubs], "Ada's node", clock))


async def test_a_picture_comes_with_its_news_and_its_receipt() -> None:
    made_of = world()
    found = await made_of.picture()
    assert found.pictures == (png(64, 64, 7),)
    assert len(remote.receipt_id(found.receipt)) == 64
    ((news, preview),) = made_of.heard
    assert (news.step, news.steps) == (1, 4)
    assert preview == png(16, 16)
    assert set(made_of.hubs.seen) == {A}


@pytest.mark.parametrize("way", ["down", "dies", "hangs", "earlier", "garbage", "empty", "huge"])
async def test_what_one_hub_loses_goes_through_the_next_and_is_drawn_once(way: str) -> None:
    for at in ([way], ["carry", way], ["carry", "carry", way]):
        made_of = world(a=at)
        assert (await made_of.picture()).pictures == (png(64, 64, 7),)
        assert len(made_of.node.names) == 1
        assert B in made_of.hubs.seen


async def test_without_any_hub_it_says_what_may_have_happened() -> None:
    with pytest.raises(NotSentError) as none:
        await world(hubs=()).picture()
    assert "Nothing was sent" in none.value.message
    with pytest.raises(NotSentError):
        await world(a=["down"], b=["down"]).picture()
    with pytest.raises(AmbiguousError) as open_end:
        await world(a=["dies"], b=["down"]).picture()
    assert "may have the job" in open_end.value.message
    with pytest.raises(AmbiguousError) as later:
        await world(a=["carry", "down"], b=["down"]).picture()
    assert "has the job and cannot be reached" in later.value.message
    with pytest.raises(HostileContentError):
        await world(a=["garbage"], hubs=(A,)).picture()


async def test_a_node_that_fails_at_once_is_said_to_have_failed_and_its_job_is_asked_for_again() -> None:
    with pytest.raises(ProviderFailedError, match="gives no answer") as told:
        await world(a=["empty"], hubs=(A,)).picture()
    assert told.value.failover
    assert (await world(a=["carry", "empty", "empty", "carry"], hubs=(A,)).picture()).pictures


async def test_a_hub_that_is_full_is_waited_for_and_not_for_ever() -> None:
    made_of = world(a=["carry", "full", "full", "carry"], hubs=(A,))
    assert (await made_of.picture()).pictures
    assert made_of.line.clock.monotonic() >= NOW / 1000 + 6
    with pytest.raises(AmbiguousError):
        await world(a=["carry", "full"], hubs=(A,)).picture(seconds=20)


async def test_a_node_that_never_ends_is_left_at_the_deadline() -> None:
    made_of = world()
    made_of.node.working = 10**9
    with pytest.raises(AmbiguousError) as told:
        await made_of.picture(seconds=30)
    assert "did not finish it in time" in told.value.message
    assert len(made_of.node.asked) < 40


async def test_a_node_that_forgot_the_job_is_given_it_once_more() -> None:
    made_of = world()
    made_of.node.says = []
    asked = made_of.job()
    name = await remote.submit(made_of.line, asked)
    made_of.node.jobs.clear()
    found = await remote.follow(made_of.line, asked, name, made_of.line.clock.monotonic() + 60, made_of.told)
    assert found.pictures
    old = made_of.job(sent_ms=NOW - remote.RESEND_MS)
    with pytest.raises(ExpiredError):
        await remote.follow(made_of.line, old, "x" * 22, made_of.line.clock.monotonic() + 60, made_of.told)


def _bytes_not_signed(asked: Submit, now_ms: int) -> Reply:
    other = png(64, 64, 1)
    return Reply(Done(receipt=receipt_of(asked, (png(64, 64, 2),), now_ms), images=(listed(other),)), (other,))


def _bomb(asked: Submit, now_ms: int) -> Reply:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    data = b"\x89PNG\r\n\x1a\n" + chunk
    return claimed(asked, now_ms, data)


def _svg(asked: Submit, now_ms: int) -> Reply:
    return claimed(asked, now_ms, b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')


LIES: dict[str, Draw] = {
    "other_bytes": _bytes_not_signed,
    "other_nonce": lambda asked, now: signed(asked, now, (png(64, 64),), nonce="ab" * 32),
    "other_request": lambda asked, now: signed(asked, now, (png(64, 64),), req="ab" * 32),
    "size": lambda asked, now: signed(asked, now, (png(32, 32),)),
    "seed": lambda asked, now: signed(asked, now, (png(64, 64),), seed=8),
    "other_model": lambda asked, now: signed(asked, now, (png(64, 64),), model="sd15"),
    "wrong_key": lambda asked, now: signed(asked, now, (png(64, 64),), signer=STRANGER, node=STRANGER_ID),
    "time": lambda asked, now: signed(asked, now - 10**7, (png(64, 64),)),
    "policy": lambda asked, now: signed(asked, now, (png(64, 64, 1), png(64, 64, 2))),
    "forged": lambda asked, now: Reply(Done(receipt="a.b.c", images=(listed(png(64, 64)),)), (png(64, 64),)),
    "hostile": _svg,
}


@pytest.mark.parametrize("reason", LIES)
async def test_a_lie_of_the_node_is_named_and_nothing_of_it_is_shown(reason: str) -> None:
    with pytest.raises(HostileContentError) as told:
        await world(LIES[reason]).picture()
    assert told.value.detail == reason
    assert "Ada's node" in told.value.message
    assert "not shown" in told.value.message
    assert told.value.hint
    assert "lighthouse" not in repr(vars(told.value))


async def test_a_bomb_is_refused_by_its_head() -> None:
    with pytest.raises(HostileContentError) as told:
        await world(_bomb).picture()
    assert told.value.detail in {"hostile", "size"}


async def test_a_refusal_is_signed_and_a_refusal_that_is_not_is_a_lie() -> None:
    with pytest.raises(BlockedError) as told:
        await world(refusing).picture()
    assert told.value.upstream is not None
    assert told.value.upstream.count(".") == 2
    assert told.value.detail is not None
    assert remote.receipt_id(told.value.upstream) in told.value.detail
    with pytest.raises(HostileContentError):
        await world(lambda asked, now: Reply(job.Refused(receipt=receipt_of(asked, (png(64, 64),), now)))).picture()


@pytest.mark.parametrize(
    ("code", "kind"),
    [("bad_request", RejectedError), ("clock", RejectedError), ("nonce_used", ProviderFailedError), ("no_model", ModelUnavailableError),
     ("busy", OverloadedError), ("draining", OverloadedError), ("cancelled", ProviderFailedError), ("failed", ProviderFailedError)],
)  # fmt: skip
async def test_what_a_node_says_went_wrong_is_one_of_our_errors(code: Any, kind: type[TriptychError]) -> None:
    made_of = world()
    made_of.node.says = [Problem(code=code, title="no: Reykjavik again", retry_ms=4000, now_ms=NOW + 600_000)]
    with pytest.raises(kind) as told:
        await made_of.picture()
    assert "reykjavik" not in repr(vars(told.value)).lower()
    assert (told.value.billed, told.value.retry_after_s) == ("no", 4.0)
    assert ("10 minutes apart" in (told.value.hint or "")) == (code == "clock")


async def test_a_job_is_taken_back() -> None:
    made_of = world()
    name = await remote.submit(made_of.line, made_of.job())
    assert await remote.cancel(made_of.line, name)
    assert isinstance(made_of.node.asked[-1], job.Cancel)
