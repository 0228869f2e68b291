"""The jobs of a node: each once, in their turn, signed, kept, cancelled, turned away with a reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.unit.network.card_tools import NODE, NODE_ID, NOW, made
from tests.unit.network.remote_tools import Hand
from tests.unit.node.job_tools import SHOWN, WORDS, Easel, picture, wanted

from triptych.network import node_receipt
from triptych.network.job import (
    Accepted,
    Cancel,
    Done,
    Poll,
    Problem,
    Refused,
    Reply,
    Submit,
    Watch,
    Working,
    described,
    encode_reply,
)
from triptych.network.replay import WINDOW_MS
from triptych.node.admission import Guests, Hours, Limits, open_guests, utc_minute
from triptych.node.jobs import House, Jobs
from triptych.node.policy import read_words
from triptych.spec.errors import BlockedError, ProviderFailedError, SettingsError

CARD = made(models=(SHOWN,))


class Never:
    """Keeps back the pictures that it is told to."""

    def __init__(self, *kept: bytes) -> None:
        self.kept = kept

    async def look(self, data: bytes) -> str | None:
        return "known" if data in self.kept else None


class Desk:
    """Jobs with an engine, and what a studio does with them."""

    def __init__(self, path: Path, **changed: Any) -> None:
        self.clock, self.easel, self.guests = Hand(), Easel(), Guests(path / "guests.json")
        house = House(signer=NODE, node=NODE_ID, number=lambda: 7, clock=self.clock, guests=self.guests, **changed)
        self.jobs = Jobs(house, {SHOWN.id: (SHOWN, self.easel)})

    async def sent(self, asked: Submit) -> str:
        found = (await self.jobs.answer(asked)).news
        assert isinstance(found, Accepted), found
        return found.job

    async def refused(self, asked: Submit) -> Problem:
        found = (await self.jobs.answer(asked)).news
        assert isinstance(found, Problem), found
        return found

    async def news(self, name: str, seen: int = 0, wait_ms: int = 5000) -> Reply:
        return await self.jobs.answer(Poll(job=name, seen=seen, wait_ms=wait_ms))

    async def ended(self, name: str) -> Reply:
        seen = 0
        while isinstance((reply := await self.news(name, seen)).news, Working):
            assert isinstance(reply.news, Working)
            seen = reply.news.seen
        encode_reply(reply)
        return reply


@asynccontextmanager
async def desk(path: Path, **changed: Any) -> AsyncIterator[Desk]:
    one = Desk(path, **changed)
    running = asyncio.create_task(one.jobs.run())
    yield one
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as one:
        yield one


def checked(reply: Reply, asked: Submit) -> str:
    assert isinstance(reply.news, Done | Refused)
    return node_receipt.check(node_receipt.read(reply.news.receipt.encode()), asked, CARD, reply.pictures, NOW)


async def test_a_job_is_drawn_and_its_receipt_holds(node: Desk) -> None:
    asked = wanted(n=2, size="64x96", steps=20)
    name = await node.sent(asked)
    first = await node.news(name)
    assert isinstance(first.news, Working)
    assert first.pictures == (), "no previews were asked for"
    node.easel.free.set()
    done = await node.ended(name)
    assert len(done.pictures) == 2
    assert checked(done, asked) == "ok"
    assert node.jobs.counts.served == 1
    assert node.jobs.queue == 0
    await node.jobs.idle()


async def test_previews_come_once_to_who_asked_for_them(node: Desk) -> None:
    name = await node.sent(wanted(previews=1))
    seen, shown, how_far = 0, list[bytes](), (0, 0)
    while not shown:
        reply = await node.news(name, seen)
        assert isinstance(reply.news, Working)
        seen, how_far = reply.news.seen, (reply.news.step, reply.news.steps)
        shown += reply.pictures
    assert shown == [picture(shade=200)]
    assert how_far == (1, 3)
    nothing = await node.news(name, seen, wait_ms=0)
    assert nothing.pictures == ()
    assert isinstance(nothing.news, Working)


async def test_the_same_job_is_one_job_and_another_under_its_nonce_is_none(node: Desk) -> None:
    node.easel.free.set()
    asked = wanted()
    name = await node.sent(asked)
    assert await node.sent(asked) == name
    done = await node.ended(name)
    assert await node.sent(asked) == name, "after its end, too"
    assert await node.ended(name) == done
    assert node.easel.drawn == 1
    assert (await node.refused(wanted(seed=8))).code == "nonce_used"
    node.clock.ms += WINDOW_MS + 1
    assert (await node.refused(asked)).code == "clock", "a replay of old bytes"
    assert (await node.jobs.answer(Poll(job=name, wait_ms=0))).news == (await node.jobs.answer(Poll(job="x" * 22))).news


async def test_results_are_let_go_of_when_there_is_too_much_of_them(tmp_path: Path) -> None:
    one = len(picture())
    async with desk(tmp_path, limits=Limits(kept_bytes=one + one // 2)) as node:
        node.easel.free.set()
        first, second = wanted("1" * 22), wanted("2" * 22)
        name = await node.sent(first)
        await node.ended(name)
        node.clock.ms += 1
        await node.ended(await node.sent(second))
        gone = (await node.news(name)).news
        assert isinstance(gone, Problem)
        assert gone.code == "unknown_job"
        assert (await node.refused(first)).code == "nonce_used", "it is not drawn a second time"
        assert node.easel.drawn == 2


@pytest.mark.parametrize(
    ("changed", "code", "word"),
    [({"model": "flux"}, "no_model", "model"), ({"size": "2048x2048"}, "bad_request", "size"), ({"steps": 51}, "bad_request", "steps"),
     ({"guidance": 2.0}, "bad_request", "guidance"), ({"sent_ms": NOW - WINDOW_MS - 1}, "clock", "clock"),
     ({"sent_ms": NOW + 61_000}, "clock", "clock"), ({"guest": "g" * 22}, "bad_request", "guest")],
)  # fmt: skip
async def test_what_is_not_done_is_said_at_once(node: Desk, changed: dict[str, Any], code: str, word: str) -> None:
    told = await node.refused(wanted(**changed))
    assert told.code == code
    assert word in told.title
    assert (told.now_ms == NOW) == (code == "clock")
    assert node.jobs.counts.turned_away == {code: 1}
    assert await node.sent(wanted()), "nothing is remembered of it"


async def test_pictures_are_for_models_that_take_them(node: Desk) -> None:
    source = picture()
    asked = wanted(pictures=(source,), images=(described(source, "image/png", "edit"),))
    assert "i2i" in (await node.refused(asked)).title


async def test_the_owner_and_guests_come_before_strangers(node: Desk) -> None:
    mine, friend = node.guests.invite("me", owner=True), node.guests.invite("Mira")
    begun = await node.sent(wanted("0" * 22))
    while not node.easel.begun:
        await asyncio.sleep(0)
    names = [
        await node.sent(wanted("1" * 22)),
        await node.sent(wanted("2" * 22, guest=friend)),
        await node.sent(wanted("3" * 22, guest=mine)),
    ]
    waiting = [(await node.news(name, wait_ms=0)).news for name in names]
    assert [one.queue for one in waiting if isinstance(one, Working)] == [3, 2, 1]
    node.easel.free.set()
    for name in (begun, *names):
        await node.ended(name)
    assert [nonce[0] for nonce in node.easel.begun] == ["0", "3", "2", "1"]


async def test_nobody_takes_all_of_the_queue(tmp_path: Path) -> None:
    async with desk(tmp_path, limits=Limits(queue=4, strangers=1, each_guest=2)) as node:
        friend, mine = node.guests.invite("Mira"), node.guests.invite("me", owner=True)
        await node.sent(wanted("1" * 22))
        told = await node.refused(wanted("2" * 22))
        assert (told.code, told.retry_ms) == ("busy", 1000)
        for nonce in "34":
            await node.sent(wanted(nonce * 22, guest=friend))
        assert (await node.refused(wanted("5" * 22, guest=friend))).code == "busy"
        await node.sent(wanted("6" * 22, guest=mine))
        assert (await node.refused(wanted("7" * 22, guest=mine))).code == "busy", "the whole queue is full"
    async with desk(tmp_path, limits=Limits(strangers=0)) as node:
        assert "invite" in (await node.refused(wanted())).title


async def test_who_has_had_the_jobs_of_a_day_is_told_when_the_next_one_begins(tmp_path: Path) -> None:
    async with desk(tmp_path, limits=Limits(each_day=1)) as node:
        friend, other, mine = (node.guests.invite(one, owner=one == "me") for one in ("Mira", "Ada", "me"))
        await node.sent(wanted("1" * 22))
        await node.sent(wanted("2" * 22, guest=friend))
        await node.sent(wanted("2" * 22, guest=friend))  # the same job counts once
        for guest in (None, friend):
            told = await node.refused(wanted("3" * 22, guest=guest))
            left = 86_400_000 - node.clock.ms % 86_400_000
            assert (told.code, told.title, told.retry_ms) == ("busy", "That was all for today.", left)
        await node.sent(wanted("4" * 22, guest=other))
        for nonce in "56":
            await node.sent(wanted(nonce * 22, guest=mine))
        node.clock.ms += left
        await node.sent(wanted("7" * 22, guest=friend, sent_ms=node.clock.ms))


async def test_a_node_has_hours_and_its_owner_has_none(tmp_path: Path) -> None:
    minute = utc_minute(NOW)
    hours = Hours((minute + 30) % 1440, (minute + 90) % 1440, utc_minute)
    async with desk(tmp_path, limits=Limits(hours=hours)) as node:
        told = await node.refused(wanted())
        assert (told.code, told.retry_ms) == ("busy", 30 * 60_000)
        assert await node.sent(wanted(guest=node.guests.invite("me", owner=True)))
        node.clock.ms += 30 * 60_000
        assert await node.sent(wanted("m" * 22, sent_ms=node.clock.ms))


def _same(minute: int, _now_ms: int) -> int:
    return minute


def test_hours_go_over_midnight() -> None:
    night = Hours.read("22:00-7:30")
    assert str(night) == "22:00 to 07:30"
    at: dict[int, int] = {}
    for hour in (0, 7, 8, 21, 22):
        at[hour] = Hours(night.opens, night.closes, partial(_same, hour * 60)).wait_ms(0)
    assert at == {0: 0, 7: 0, 8: 14 * 3_600_000, 21: 3_600_000, 22: 0}
    assert Hours(5, 5, lambda _: 900).wait_ms(0) == 0
    for wrong in ("24:00-1:00", "10-12", ""):
        with pytest.raises(SettingsError):
            Hours.read(wrong)


def test_guests_are_kept_and_can_be_taken_back(tmp_path: Path) -> None:
    guests = open_guests(tmp_path)
    word = guests.invite("Mira")
    assert open_guests(tmp_path).known[word].name == "Mira"
    assert word not in repr(guests)
    assert guests.forget("Mira") == 1
    assert open_guests(tmp_path).known == {}


async def test_what_is_not_drawn_is_refused_with_a_receipt_that_has_no_words_in_it(tmp_path: Path) -> None:
    words = read_words(b'[[never]]\nname = "birds"\nwords = [["heron"]]\n', "words")
    async with desk(tmp_path, words=words) as node:
        asked = wanted()
        reply = await node.ended(await node.sent(asked))
        assert checked(reply, asked) == "refused"
        assert isinstance(reply.news, Refused)
        assert not any(
            word in str(node_receipt.read(reply.news.receipt.encode()).body) for word in (WORDS, "heron", "birds")
        )
        assert (node.easel.begun, node.jobs.counts.refused) == ([], 1)


async def test_a_picture_that_is_kept_back_is_not_handed_out(tmp_path: Path) -> None:
    asked = wanted(n=2)
    first, second = picture(shade=70), picture(shade=71)
    for kept, left in (((first,), (second,)), ((first, second), ())):
        async with desk(tmp_path, checks=(Never(*kept),)) as node:
            node.easel.free.set()
            reply = await node.ended(await node.sent(asked))
            assert checked(reply, asked) == "censored"
            assert reply.pictures == left


async def test_what_an_engine_refuses_or_breaks_is_told_apart(tmp_path: Path) -> None:
    for fault, code in ((BlockedError("no"), None), (ProviderFailedError(f"no {WORDS}"), "failed")):
        async with desk(tmp_path) as node:
            node.easel.fails = fault
            node.easel.free.set()
            asked = wanted()
            reply = await node.ended(await node.sent(asked))
            if isinstance(reply.news, Problem):
                assert reply.news.code == code
                assert WORDS not in reply.news.title
            else:
                assert checked(reply, asked) == "refused"


@pytest.mark.parametrize(
    "given",
    [(), (picture(), picture(shade=1)), (picture("32x32"),), (b"<svg xmlns='http://www.w3.org/2000/svg'/>",), (b"",)],
    ids=["none", "two", "small", "svg", "empty"],
)
async def test_nothing_is_signed_that_was_not_asked_for(node: Desk, given: tuple[bytes, ...]) -> None:
    node.easel.gives = given
    node.easel.free.set()
    reply = await node.ended(await node.sent(wanted(size="64x64")))
    assert isinstance(reply.news, Problem)
    assert reply.news.code == "failed"


async def test_a_fault_of_the_program_ends_the_job_and_not_the_node(node: Desk) -> None:
    node.easel.free = None  # type: ignore[assignment]
    reply = await node.ended(await node.sent(wanted()))
    assert isinstance(reply.news, Problem)
    node.easel.free = asyncio.Event()
    node.easel.free.set()
    assert isinstance((await node.ended(await node.sent(wanted("m" * 22)))).news, Done)


async def test_a_job_that_is_cancelled_stops_the_engine_and_is_not_drawn_later(node: Desk) -> None:
    running, waiting = await node.sent(wanted("1" * 22)), await node.sent(wanted("2" * 22))
    while not node.easel.begun:
        await asyncio.sleep(0)
    for name in (waiting, running):
        told = (await node.jobs.answer(Cancel(job=name))).news
        assert isinstance(told, Problem)
        assert told.code == "cancelled"
    while not node.easel.stopped:
        await asyncio.sleep(0)
    node.easel.free.set()
    assert isinstance((await node.ended(await node.sent(wanted("3" * 22)))).news, Done)
    assert [nonce[0] for nonce in node.easel.begun] == ["1", "3"]
    assert node.jobs.counts.cancelled == 2
    gone = (await node.jobs.answer(Cancel(job="x" * 22))).news
    assert isinstance(gone, Problem)
    assert gone.code == "unknown_job"


async def test_a_node_that_drains_ends_what_it_took_and_takes_no_more(node: Desk) -> None:
    name = await node.sent(wanted())
    node.jobs.draining = True
    assert (await node.refused(wanted("m" * 22))).code == "draining"
    assert await node.sent(wanted()) == name, "a job that it has is answered all the same"
    waiting = asyncio.create_task(node.jobs.idle())
    node.easel.free.set()
    assert isinstance((await node.ended(name)).news, Done)
    await waiting
    node.jobs.draining, node.jobs.paused = False, True
    assert (await node.refused(wanted("m" * 22))).code == "draining"


async def test_an_answer_that_stays_open_tells_each_step_and_then_the_end(
    node: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triptych.node.jobs.PACE_S", 0.001)
    name = await node.sent(wanted(previews=1))
    watched = node.jobs.watch(Watch(job=name))
    seen: list[Reply] = []
    async for reply in watched:
        seen.append(reply)
        if reply.pictures and isinstance(reply.news, Working):
            node.easel.free.set()
    *steps, last = seen
    assert isinstance(last.news, Done)
    assert last == (await node.ended(name))
    assert any(one.pictures for one in steps)
    counts = [one.news.seen for one in steps if isinstance(one.news, Working)]
    assert counts == sorted(counts)
    assert len(counts) == len(steps)
    assert [one.news async for one in node.jobs.watch(Watch(job=name))] == [last.news]
    await node.jobs.told()


async def test_an_answer_that_stays_open_says_something_leaves_out_what_is_too_much_and_ends(
    node: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in (("PACE_S", 0.001), ("BEAT_S", 0.002), ("PREVIEW_BYTES", 10)):
        monkeypatch.setattr(f"triptych.node.jobs.{limit}", value)
    name = await node.sent(wanted(previews=1))
    heard = 0
    async for reply in node.jobs.watch(Watch(job=name)):
        assert isinstance(reply.news, Working)
        assert not reply.pictures, "more than fits"
        heard += 1
        node.clock.ms += 40_000 if heard > 2 else 0
    assert heard == 5, "after two minutes it is to be asked again"
    (gone,) = [one.news async for one in node.jobs.watch(Watch(job="x" * 22))]
    assert isinstance(gone, Problem)
    assert gone.code == "unknown_job"
