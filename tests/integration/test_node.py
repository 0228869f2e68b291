"""A node at real hubs: it joins, draws, signs; it dies and comes back; a hub dies; nothing is drawn twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.integration.node_world import FIRST, SECOND, Now, World, ended, until, world_of
from tests.unit.network.card_tools import NOW
from tests.unit.node.job_tools import WORDS, Easel, wanted

from triptych.http.message import HttpRequest, HttpResponse
from triptych.network import invite, job, node_receipt, remote
from triptych.network.job import Cancel, Done, Poll, Problem, Refused, Reply, Submit, Watch, Working
from triptych.network.ohttp import chunks, seal
from triptych.network.ohttp.chunks import RequestSealer
from triptych.network.remote import Line
from triptych.network.replay import WINDOW_MS
from triptych.network.stamp import Stamp
from triptych.node.backends.image_model import painter_backend
from triptych.node.cards import Cards
from triptych.node.keys import CHANGE_MS
from triptych.spec.errors import AmbiguousError, ModelUnavailableError, NotSentError, ProviderFailedError


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path) as one:
        yield one


def said(reply: Reply) -> str:
    assert isinstance(reply.news, Problem)
    return reply.news.code


def checked(reply: Reply, asked: Submit, found: Any) -> str:
    assert isinstance(reply.news, Done | Refused)
    return node_receipt.check(node_receipt.read(reply.news.receipt.encode()), asked, found, reply.pictures, NOW)


async def test_a_painter_at_home_draws_for_a_studio_far_away(world: World) -> None:
    node = await world.node(painter_backend(world.clock), trial="64x64")
    assert node.jobs.p50_ms >= 0
    async with world.working(node):
        found = await world.card(node.keys.id)
        assert {one.id for one in found.body.models} == {"aurora", "woodcut", "mosaic"}
        asked = wanted(model="aurora", size="64x64", n=2)
        done = await world.ended(found, await world.sent(found, asked))
        assert checked(done, asked, found) == "ok"
        assert len(done.pictures) == 2
        refused = wanted("r" * 22, model="aurora", prompt="a nude at the window")
        reply = await world.ended(found, await world.sent(found, refused))
        assert checked(reply, refused, found) == "refused"
    assert (node.jobs.counts.served, node.jobs.counts.refused) == (1, 1)
    for path in (world.folder / "node").rglob("*"):
        assert not path.is_file() or (WORDS.encode() not in path.read_bytes() and b"window" not in path.read_bytes())


async def test_a_hub_that_dies_in_mid_job_takes_nothing_with_it(world: World) -> None:
    easel = Easel()
    node = await world.node(easel, hubs=(FIRST, SECOND))
    async with world.working(node):
        found = await world.card(node.keys.id)
        asked = wanted()
        name = await world.sent(found, asked)
        await until(lambda: easel.begun)
        world.wires.down(FIRST)
        with pytest.raises((NotSentError, AmbiguousError)):
            await world.ask(found, Poll(job=name))
        assert await world.sent(found, asked, SECOND) == name, "the same job over another hub"
        easel.free.set()
        assert checked(await world.ended(found, name, SECOND), asked, found) == "ok"
        await until(lambda: node.worker.hubs[0].state == "away")
        world.wires.cut.clear()
        await until(lambda: node.worker.hubs[0].state == "open")
        again = await world.ask(found, Poll(job=name), FIRST)
        assert isinstance(again.news, Done)
    assert easel.drawn == 1


@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_a_node_that_dies_says_so_when_it_comes_back_and_draws_again_only_if_asked(
    world: World, when: str
) -> None:
    first, second = Easel(), Easel()
    node = await world.node(first)
    asked = wanted()
    async with world.working(node):
        found = await world.card(node.keys.id)
        if when == "before":
            await world.sent(found, wanted("b" * 22))  # another job is being drawn
            await until(lambda: first.begun)
        name = await world.sent(found, asked)
        await until(lambda: first.begun)
        if when == "after":
            first.free.set()
            await node.jobs.idle()
    assert (asked.job.nonce in first.begun) == (when != "before")
    assert bool(first.stopped) == (when != "after")
    world.clock.ms += 1
    back = await world.node(second)
    second.free.set()
    assert back.keys.id == node.keys.id
    async with world.working(back):
        assert said(await world.ask(found, Poll(job=name))) == "unknown_job"
        fresh = await world.sent(found, asked)
        assert fresh != name
        assert checked(await world.ended(found, fresh), asked, await world.card(node.keys.id)) == "ok"
    assert first.drawn + second.drawn == (2 if when == "after" else 1)


async def test_a_clock_that_is_off_is_named_on_both_sides(world: World) -> None:
    easel = Easel()
    easel.free.set()
    node = await world.node(easel)
    async with world.working(node):
        found = await world.card(node.keys.id)
        told = (await world.ask(found, wanted(sent_ms=NOW + 120_000))).news
        assert isinstance(told, Problem)
        assert (told.code, told.now_ms) == ("clock", NOW)
    world.hubs[FIRST].clock = Now(world.clock.ms + 120_000)
    late = await world.node(easel, place="late")
    async with AsyncExitStack() as held:
        held.push_async_callback(ended, asyncio.create_task(late.worker.run()))
        await until(lambda: late.worker.hubs[0].state == "clock")
        assert "120 s behind" in late.worker.hubs[0].detail
        world.hubs[FIRST].clock = world.clock
        await until(lambda: late.worker.hubs[0].state == "open")


async def test_a_younger_start_of_the_same_node_ends_the_older(world: World) -> None:
    old = await world.node(Easel())
    async with world.working(old) as running:
        world.clock.ms += 10
        young = await world.node(Easel())
        async with world.working(young):
            assert "newer start" in await running
            assert young.worker.hubs[0].state == "open"


async def test_a_job_is_cancelled_over_the_hub_and_the_engine_stops(world: World) -> None:
    easel = Easel()
    node = await world.node(easel)
    async with world.working(node):
        found = await world.card(node.keys.id)
        name = await world.sent(found, wanted())
        await until(lambda: easel.begun)
        assert said(await world.ask(found, Cancel(job=name))) == "cancelled"
        await until(lambda: easel.stopped)


async def test_a_node_that_leaves_ends_its_jobs_hands_them_over_and_says_so(world: World) -> None:
    easel = Easel()
    node = await world.node(easel)
    async with world.working(node) as running:
        found = await world.card(node.keys.id)
        asked = wanted()
        name = await world.sent(found, asked)
        await until(lambda: easel.begun)
        node.worker.drain()
        assert said(await world.ask(found, wanted("m" * 22))) == "draining"
        easel.free.set()
        assert checked(await world.ended(found, name), asked, found) == "ok"
        assert await running == ""


async def test_guests_come_by_a_link_that_the_node_gives_out(world: World) -> None:
    easel = Easel()
    easel.free.set()
    node = await world.node(easel, name="The attic")
    link = invite.read(node.invite("Mira"), NOW)
    assert (link.node, link.hubs, link.name) == (node.keys.id, (FIRST,), "The attic")
    async with world.working(node):
        found = await world.card(node.keys.id)
        asked = wanted(guest=link.pass_)
        assert checked(await world.ended(found, await world.sent(found, asked)), asked, found) == "ok"
        assert node.guests.forget("Mira") == 1
        assert said(await world.ask(found, wanted("m" * 22, guest=link.pass_))) == "bad_request"


async def test_what_cannot_be_opened_is_answered_at_once_with_nothing(world: World) -> None:
    node = await world.node(Easel())
    async with world.working(node):
        assert await world.meeting().relay(node.keys.id, b"x" * 2048) == b""
        reply = await world.ask(await world.card(node.keys.id), wanted())
        assert not isinstance(reply.news, Problem | Working)


async def test_what_stays_open_is_refused_at_once_by_a_node_that_cannot_tell_in_pieces(world: World) -> None:
    node = await world.node(Easel())
    async with world.working(node):
        found = await world.card(node.keys.id)
        sealer = RequestSealer(found.keys)
        sealed = sealer.header + sealer.finish(job.encode_question(Watch(job="j" * 22)))
        assert await world.meeting().relay(found.id, sealed, kind=chunks.REQUEST_TYPE) == b""


async def test_an_answer_that_fails_before_its_first_byte_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, carried = await world.node(Easel()), world.wires.send
    lost: list[str] = []

    async def losing(request: HttpRequest, **how: Any) -> HttpResponse:
        if request.method == "PUT" and "/mailbox/" in request.url and not lost:
            lost.append(request.url)
            raise NotSentError("The way is gone for a moment.")
        return await carried(request, **how)

    async with world.working(node):
        found = await world.card(node.keys.id)
        monkeypatch.setattr(world.wires, "send", losing)
        with pytest.raises(ProviderFailedError, match="gives no answer"):
            await remote.submit(Line(found, [world.meeting()], "The attic", world.clock), wanted())
    assert len(lost) == 1


async def test_cards_come_anew_in_time_and_tell_of_the_load(world: World) -> None:
    easel = Easel()
    node = await world.node(easel)
    async with world.working(node):
        before = await world.card(node.keys.id)
        await world.sent(before, wanted())
        await until(lambda: easel.begun)
        world.clock.ms += 6 * 60_000
        await world.ask(before, Cancel(job="x" * 22))  # a message wakes the line; else it looks every 25 s
        await until(lambda: world.hubs[FIRST].directory.listed()[0].card.body.seq > before.body.seq)
        after = await world.card(node.keys.id)
        assert after.body.load.queue == 1
        assert after.keys == before.keys
        assert after.body.pow is not None
        world.clock.ms += CHANGE_MS
        with pytest.raises(NotSentError):  # that card has ended
            await world.ask(after, Cancel(job="x" * 22))
        await until(lambda: world.hubs[FIRST].boxes.here(node.keys.id))
        _, old = (await world.card(node.keys.id)).keys
        assert (old,) == before.keys
        assert said(await world.ask(before, Cancel(job="x" * 22))) == "unknown_job", "sealed to the key that goes out"


async def test_the_same_sealed_bytes_sent_again_are_the_same_job(world: World) -> None:
    easel = Easel()
    easel.free.set()
    node = await world.node(easel)
    async with world.working(node):
        found = await world.card(node.keys.id)
        asked = wanted()
        sealed, answer = seal.seal_request(found.keys, job.encode_question(asked))
        names = set()
        for _ in range(3):
            news = job.decode_reply(answer.open(await world.meeting().relay(found.id, sealed))).news
            assert isinstance(news, job.Accepted)
            names.add(news.job)
        assert len(names) == 1
        await world.ended(found, names.pop())
        world.clock.ms += WINDOW_MS + 1
        with pytest.raises(NotSentError):  # the card has ended; the node shows a new one as soon as it hears of that
            await world.meeting().relay(found.id, sealed)
        await until(lambda: world.hubs[FIRST].boxes.here(found.id))
        stale = job.decode_reply(answer.open(await world.meeting().relay(found.id, sealed)))
        assert said(stale) == "clock"
    assert easel.drawn == 1


async def test_the_studios_own_way_to_a_node_fits_it(world: World) -> None:
    easel = Easel()
    node = await world.node(easel, hubs=(FIRST, SECOND))
    previews: list[bytes | None] = []

    async def told(_news: Working | job.Accepted, preview: bytes | None) -> None:
        previews.append(preview)
        if preview is not None:
            world.wires.down(FIRST)  # in mid-job
            easel.free.set()

    async with world.working(node):
        found = await world.card(node.keys.id)
        line = Line(found, [world.meeting(FIRST), world.meeting(SECOND)], "The attic", world.clock)
        asked = wanted(previews=1)
        name = await remote.submit(line, asked)
        result = await remote.follow(line, asked, name, world.clock.monotonic() + 60, told)
        assert len(result.pictures) == 1
        assert any(previews)
        with pytest.raises(ModelUnavailableError):
            await remote.submit(line, wanted("m" * 22, model="flux"))
    assert easel.drawn == 1


async def test_a_first_card_takes_a_little_work_which_the_node_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    async with world_of(tmp_path, (FIRST,), bits=3) as world:
        node = await world.node(Easel())
        hub = node.worker.hubs[0]

        def noted(self: Cards, found: Stamp) -> None:
            told.append(f"{hub.state}: {hub.detail}")
            plain(self, found)

        plain = Cards.stamped
        monkeypatch.setattr(Cards, "stamped", noted)
        async with world.working(node):
            assert (await world.card(node.keys.id)).body.pow is not None
        async with world.working(await world.node(Easel())):
            assert (await world.card(node.keys.id)).body.pow is None, "it is known here now"
    assert told == ["joining: It asks for a little work before a first card: some seconds."]
