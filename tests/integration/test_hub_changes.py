"""Who asks a hub for what has changed has the same list as who asks for all of it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.integration.neighbours_world import A, land
from tests.integration.node_world import FIRST, Now, Wires
from tests.unit.network.card_tools import body

from triptych.app.hub import HubRules, open_hub
from triptych.hub import changes
from triptych.hub.changes import KEPT, Changes
from triptych.hub.directory import Rules
from triptych.network import bond, card, stamp
from triptych.network.card import Load, Work
from triptych.network.jose import kid_of
from triptych.network.listing import PAUSE, Listing
from triptych.network.meeting import Listed, Meeting
from triptych.network.renewal import Renewal, renewal_of, renewed
from triptych.server.hub_app import hub_app
from triptych.spec.errors import HostileContentError, TriptychError
from triptych.tlog.note import Signer

MINUTE = 60_000
NODES = [Signer.from_seed("node", bytes([number]) * 32) for number in range(5)]
Seen = dict[str, tuple[str, bool, str | None, str]]


@dataclass
class Place:
    """A hub that can be started anew, its nodes, and studios that follow it."""

    folder: Path
    clock: Now = field(default_factory=Now)
    wires: Wires = field(default_factory=Wires)
    lists: list[Listing] = field(default_factory=lambda: [Listing() for _ in range(3)])
    hub: Any = None
    number: int = 0
    parts: int = 0  # answers that were not the whole list

    @property
    def meeting(self) -> Meeting:
        return Meeting(FIRST, self.wires, self.clock)

    async def start(self) -> None:
        await self.stop()
        self.hub = await open_hub(self.folder, FIRST, self.clock, HubRules(nodes=Rules(bits=1)))
        way = httpx.ASGITransport(hub_app(self.hub), raise_app_exceptions=False)
        self.wires.ways[FIRST] = httpx.AsyncClient(transport=way, base_url=FIRST)

    async def stop(self) -> None:
        async with AsyncExitStack() as held:
            if self.hub is not None:
                held.push_async_callback(self.hub.close)
            if (way := self.wires.ways.pop(FIRST, None)) is not None:
                held.push_async_callback(way.aclose)

    def card(self, node: int, **changed: Any) -> bytes:
        self.number += 1
        now, signer = self.clock.ms, NODES[node]
        done = stamp.make(kid_of(signer.key.public), now, 1)
        assert done is not None
        said = {"id": kid_of(signer.key.public), "seq": self.number, "issued_ms": now, "expires_ms": now + 600_000,
                "load": Load(queue=self.number % 3, p50_ms=self.number), "pow": Work(made_ms=done.made_ms, counter=done.counter)}  # fmt: skip
        return card.sign(body(**{**said, **changed}), signer).encode()

    async def whole(self) -> Seen:
        listed = await self.meeting.listed()
        assert listed.whole
        return _by_node({str(at): one for at, one in enumerate(listed.cards)})

    async def ask(self, studio: int) -> Seen:
        """What a studio has after it has asked for what is new."""
        now, before = self.clock.ms, self.lists[studio]
        since = before.since(now)
        told = await self.meeting.listed(since)
        self.parts += not told.whole
        self.lists[studio] = before.after(told, since, now)
        return _by_node(self.lists[studio].seen)


def _by_node(seen: Mapping[str, Any]) -> Seen:
    return {card.read(one.card.encode()).id: (one.card, one.here, one.network, one.via) for one in seen.values()}


@asynccontextmanager
async def place_of(folder: Path) -> AsyncIterator[Place]:
    made = Place(folder)
    await made.start()
    made.clock.ms += changes.BACK_MS
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_of(tmp_path) as made:
        yield made


async def acted(place: Place, act: tuple[Any, ...]) -> None:
    hub, name, node = place.hub, act[0], act[1]
    if name == "publish":
        region, network = act[2:]
        await hub.publish(place.card(node, region=region, pow=_work(place, node)), network)
    elif name == "hear":
        found = card.read(place.card(node))
        await hub.directory.hear(found, act[2], found.body.pow)
    elif name == "revoke":
        word = bond.sign("revoke", kid_of(NODES[node].key.public), NODES[node], issued_ms=place.clock.ms)
        await hub.revoke(word.encode())
    elif name == "fetch":
        await place.meeting.fetch(NODES[node], 1, 0)


def _work(place: Place, node: int) -> Work | None:
    """Two cards that say the same apart from load and times have the same stamp on them, or none."""
    fresh = card.read(place.card(node))
    return None if place.hub.directory.find(fresh.id) else fresh.body.pow


nodes = st.integers(0, len(NODES) - 1)
publishing = st.tuples(
    st.just("publish"), nodes, st.sampled_from([None, None, None, "CH"]), st.sampled_from(["198.41.0.0/24"] * 3 + ["198.41.1.0/24"])
)  # fmt: skip
acts = st.one_of(
    publishing, publishing, publishing,
    st.tuples(st.just("hear"), nodes, st.sampled_from(["https://p.example", "https://q.example"])),
    st.tuples(st.just("revoke"), nodes), st.tuples(st.just("fetch"), nodes),
    st.tuples(st.just("wait"), st.integers(1, 130_000)), st.tuples(st.just("wait"), st.integers(130_000, 900_000)),
    st.tuples(st.just("back"), st.integers(1, 40_000)), st.tuples(st.just("start"), nodes),
    st.tuples(st.just("ask"), st.integers(0, 2)), st.tuples(st.just("ask"), st.integers(0, 2)),
)  # fmt: skip


async def told(story: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with place_of(Path(folder)) as place:
            await joined(place)
            place.clock.ms += MINUTE + 1
            for act in [("ask", 0), *story, ("ask", 1), ("ask", 2)]:
                if act[0] == "wait":
                    place.clock.ms += act[1]
                elif act[0] == "back":
                    place.clock.ms -= act[1]
                elif act[0] == "start":
                    await place.start()
                elif act[0] == "ask":
                    assert await place.ask(act[1]) == await place.whole()
                else:
                    try:
                        await acted(place, act)
                    except TriptychError:
                        continue  # a node that ended, or one that hands in nothing new
                assert await place.ask(0) == await place.whole()


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=25))
def test_who_follows_a_list_sees_what_it_is(story: list[tuple[Any, ...]]) -> None:
    asyncio.run(told(story))


def test_a_clock_that_is_set_back_between_two_starts_hides_nothing() -> None:
    asyncio.run(told([("back", 2), ("ask", 1), ("start", 0), ("wait", 1)]))


async def joined(place: Place, count: int = 3) -> None:
    for node in range(count):
        await place.hub.publish(place.card(node), "198.41.0.0/24")


async def test_what_comes_after_the_first_answer_is_what_has_changed(place: Place) -> None:
    await joined(place)
    await place.ask(0)
    place.clock.ms += MINUTE
    await place.ask(0)
    place.clock.ms += MINUTE
    minute = place.lists[0].minute
    await place.hub.publish(place.card(0, pow=_work(place, 0)), "198.41.0.0/24")
    await place.hub.publish(place.card(1, region="CH"), "198.41.0.0/24")
    await place.hub.revoke(
        bond.sign("revoke", kid_of(NODES[2].key.public), NODES[2], issued_ms=place.clock.ms).encode()
    )
    told = await place.meeting.listed(minute)
    assert not told.whole
    changed = {card.read(one.card.encode()).id for one in told.cards}
    assert changed == {kid_of(NODES[at].key.public) for at in (0, 1)}, "the first one's stamp is not on it any more"
    assert told.gone == [kid_of(NODES[2].key.public)]
    await place.ask(0)
    place.clock.ms += MINUTE
    await place.hub.publish(place.card(0, pow=None), "198.41.0.0/24")
    told = await place.meeting.listed(place.lists[0].minute + 1 if place.lists[0].minute else None)
    assert (told.cards, [one.node for one in told.renewed]) == ([], [kid_of(NODES[0].key.public)])
    assert await place.ask(0) == await place.whole()
    assert place.parts == 2


async def test_a_minute_that_the_hub_does_not_know_gives_the_whole_list(place: Place) -> None:
    await joined(place)
    now = place.clock.ms // MINUTE
    place.clock.ms += MINUTE
    for minute, whole in ((now + 1, False), (now - 1, True), (now + 2, True), (0, True)):
        assert (await place.meeting.listed(minute)).whole is whole, minute
    place.clock.ms += KEPT * MINUTE
    assert (await place.meeting.listed(now + 1)).whole
    await place.start()
    assert (await place.meeting.listed(place.clock.ms // MINUTE)).whole, "it does not know how this minute began"


async def test_a_question_that_is_none_is_refused(place: Place) -> None:
    for query in ("minute=x", "minute=-1", "minute=" + "9" * 10, "minute=1&model=sdxl"):
        answer = await place.wires.ways[FIRST].get(f"/hub/v1/cards?{query}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "minute"), query


async def test_two_studios_that_ask_in_a_minute_ask_the_same(place: Place) -> None:
    await joined(place)
    place.clock.ms += MINUTE - place.clock.ms % MINUTE
    await place.ask(0)
    place.clock.ms += 31_000
    await place.hub.publish(place.card(0, pow=None), "198.41.0.0/24")
    await place.ask(1)
    place.clock.ms += 60_000
    assert place.lists[0].since(place.clock.ms) == place.lists[1].since(place.clock.ms) is not None
    assert place.lists[0].since(place.clock.ms + PAUSE * MINUTE) is None, "nor does a pause tell one from another"


async def test_a_hub_does_not_choose_what_a_studio_says_to_it(place: Place) -> None:
    now = place.clock.ms
    for minute, named in ((now // MINUTE, True), (now // MINUTE - 1, True), (now // MINUTE - 2, False),
                          (now // MINUTE + 2, False), (None, False)):  # fmt: skip
        told = Listed(now_ms=now, cards=[], minute=minute)
        assert (Listing().after(told, None, now).since(now) == minute is not None) is named


# A hub that makes things up.


def listed(**changed: Any) -> Listed:
    return msgspec.structs.replace(Listed(now_ms=0, cards=[], minute=0, whole=False), **changed)


async def test_an_answer_that_makes_no_list_is_refused_and_the_whole_is_asked_for(place: Place) -> None:
    await joined(place)
    await place.ask(0)
    known, now = place.lists[0], place.clock.ms
    stranger = renewal_of(card.read(place.card(4)))
    with pytest.raises(HostileContentError, match="of a node that it has not shown"):
        known.after(listed(renewed=[stranger]), known.minute, now)
    with pytest.raises(HostileContentError, match="the whole list was asked for"):
        Listing().after(listed(), None, now)
    odd = msgspec.structs.replace(next(iter(known.seen.values())), card="a.b.c")
    assert Listing().after(listed(whole=True, cards=[odd]), None, now).seen == {}
    for text in (
        '{"now_ms":0,"cards":[],"gone":["' + "x" * 65 + '"]}',
        '{"now_ms":0,"cards":[],"renewed":[["a",1,1,1,1,1,"s"]]}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(text, type=Listed)


async def test_what_a_hub_makes_of_a_card_does_not_hold(place: Place) -> None:
    await joined(place, 1)
    await place.ask(0)
    (seen,) = place.lists[0].seen.values()
    news = renewal_of(card.read(seen.card.encode()))
    assert renewed(seen.card, news) == seen.card
    for changed in ({"queue": 9}, {"expires_ms": news.expires_ms + 1}, {"signature": "A" * 86}):
        forged: Renewal = msgspec.structs.replace(news, **changed)
        with pytest.raises(card.CardError):
            card.read(renewed(seen.card, forged).encode())


async def test_a_list_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await joined(place)
    told, now = await place.meeting.listed(), place.clock.ms
    for name, most in (("MOST_LISTED", 2), ("MOST_BYTES", 2_000)):
        with monkeypatch.context() as held:
            held.setattr(f"triptych.network.listing.{name}", most)
            with pytest.raises(HostileContentError, match="more nodes than can be kept"):
                Listing().after(told, None, now)


def test_a_hub_keeps_ten_minutes_and_so_many_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Now()
    kept, first = Changes(clock, 3), clock.ms // MINUTE + 1
    clock.ms = first * MINUTE
    for at in range(100):
        kept.left(f"n{at % 2}")
        clock.ms += MINUTE // 2
    assert len(kept._begun) <= changes.KEPT + 1
    assert len(kept._gone) == 2
    begun = clock.ms // MINUTE - 1
    number = kept.before(begun)
    assert number is not None
    assert set(kept.gone(number)) == {"n0", "n1"}
    for at in range(4):
        kept.left(f"m{at}")
    assert kept.before(begun) is None, "who left is not known any more, so everybody is given the whole list"
    clock.ms += MINUTE
    assert kept.before(clock.ms // MINUTE) is not None


async def test_a_studio_asks_for_what_is_new_and_for_the_whole_after_an_answer_that_makes_none(tmp_path: Path) -> None:
    async with land(tmp_path) as world:
        await world.node(hubs=(A,)).join()
        app, asked = await world.open(A), world.wires.seen
        await app.neighbours.pull()
        (before,) = app.neighbours.nodes()
        assert [url.partition("cards")[2][:8] for url, _ in asked if "/cards" in url] == ["", "", "?minute="]
        honest = world.wires.clients[A]
        stranger = card.read(Place(tmp_path).card(4))

        async def lies(request: Request) -> Response:
            minute = int(request.query_params["minute"])
            body = {"now_ms": 0, "minute": minute, "whole": False, "cards": [], "renewed": [renewal_of(stranger)]}
            return Response(msgspec.json.encode(body), media_type="application/json")

        world.wires.lead(A, Starlette(routes=[Route("/hub/v1/cards", lies)]))
        await app.neighbours.pull()
        assert app.neighbours.states()[A]["fault"] == "The hub renews the card of a node that it has not shown."
        assert app.neighbours.nodes() == (before,), "what it said before stands"
        await world.wires.clients[A].aclose()
        world.wires.clients[A] = honest
        asked.clear()
        await app.neighbours.pull()
        assert [url for url, _ in asked if "/cards" in url] == [f"{A}/hub/v1/cards"]
        assert app.neighbours.states()[A]["fault"] is None
