"""Hubs that take over each other's cards: what of it is believed, how much, and where a studio goes with it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.integration.neighbours_world import A, B, Land, land
from tests.unit.hub.test_directory import Notes
from tests.unit.network.card_tools import FIRST, NODE, SECOND, STRANGER, body

from triptych.hub.directory import Directory, Rules
from triptych.hub.peers import Peers
from triptych.network import card, stamp
from triptych.network.card import Work
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting
from triptych.server.errors import as_json
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotSentError
from triptych.tlog.note import Signer

PEER = "https://peer.example"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


async def taken_over(world: Land, origin: str) -> dict[str, Any]:
    """The hub asks its peers once; what it says of them then."""
    hub = world.hubs[origin]
    assert hub.peers is not None
    await hub.peers.pull()
    (told,) = (await world.wires.clients[origin].get("/hub/v1")).json()["peers"]
    return dict(told)


async def test_a_node_of_one_hub_is_found_at_another_and_asked_through_its_own(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    told = await taken_over(world, B)
    assert (told["hub"], told["nodes"], told["fault"], told["refused"]) == (A, 1, None, 0)
    (listed,) = world.hubs[B].directory.listed()
    assert (listed.via, listed.card.id) == (A, node.id)
    with pytest.raises(NotSentError, match=f"registered elsewhere: {A}"):
        await Meeting(B, world.wires, SystemClock()).relay(node.id, b"x" * 2048)
    app = await world.open(B)  # a studio that asks the other hub alone
    await world.allowed()
    assert app.neighbours.nodes()[0].away(SystemClock().now_ms()) is None
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.state == "done", tile.record.error
    relayed = {url.split("/hub/")[0] for url, _ in world.wires.seen if "/relay/" in url}
    assert relayed == {B, A}  # B only by the line above
    assert sum(url.startswith(f"{B}/hub/v1/relay") for url, _ in world.wires.seen) == 1


async def test_every_hub_that_shows_a_key_has_it_in_its_log(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await taken_over(world, B)
    (leaf,) = world.hubs[B].directory.listed()[0].card.leaves
    await world.hubs[B].log.covered(0)
    assert await (await world.hubs[B].log.tree()).find(leaf) == 0


async def test_only_what_is_new_is_asked_for_and_a_new_start_is_harmless(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await taken_over(world, B)
    peers = world.hubs[B].peers
    assert peers is not None
    (state,) = peers.states
    assert (state.taken, state.cursor != "") == (1, True)
    await taken_over(world, B)
    assert (state.taken, state.refused) == (0, 0)
    await node.hubs[0].publish(node.card())
    await taken_over(world, B)
    assert (state.taken, world.hubs[B].directory.listed()[0].card.body.seq) == (1, node.seq)
    state.cursor = "another-start.900"
    await taken_over(world, B)
    assert (state.taken, state.refused, len(world.hubs[B].directory.listed())) == (0, 0, 1)


async def test_a_ring_of_hubs_carries_nothing_around(world: Land) -> None:
    mine, other = world.node(hubs=(A,)), world.node(signer=STRANGER, key=SECOND, hubs=(B,))
    await mine.join()
    await other.join()
    for origin in (A, B, A, B):
        await taken_over(world, origin)
    for origin, own in ((A, mine), (B, other)):
        found = {one.card.id: one.via for one in world.hubs[origin].directory.listed()}
        assert found == {own.id: "", (other if own is mine else mine).id: B if origin == A else A}
        page = (await world.wires.clients[origin].get("/hub/v1/cards", params={"since": ""})).json()
        assert [card.read(one["card"].encode()).id for one in page["cards"]] == [own.id]
    both = world.node(signer=STRANGER, key=SECOND, hubs=(A,))
    await both.join()  # it registers here too, and is not one of another hub any more
    assert world.hubs[A].directory.find(other.id).via == ""  # type: ignore[union-attr]


def work_of(node: str, made_ms: int) -> dict[str, int]:
    found = stamp.make(node, made_ms, 4)
    assert found is not None
    return {"made_ms": found.made_ms, "counter": found.counter}


def shown(signer: Signer, now: int, *, worked: bool = True, **changed: Any) -> dict[str, Any]:
    node = kid_of(signer.key.public)
    told = {"id": node, "seq": now, "issued_ms": now, "expires_ms": now + 600_000, **changed}
    line = card.sign(body(FIRST, **told), signer)
    return {"card": line, "work": work_of(node, now - 3 * 86_400_000) if worked else None}


def peer_with(world: Land, *cards: dict[str, Any], pages: int = 1) -> None:
    """A hub that shows these cards, on so many pages."""
    asked = 0

    async def page(request: Request) -> Response:
        nonlocal asked
        asked += 1
        told = {"cards": cards, "cursor": str(asked), "more": asked < pages}
        return Response(as_json(told), media_type="application/json")

    world.wires.lead(PEER, Starlette(routes=[Route("/hub/v1/cards", page)]))


async def heard_by(world: Land, rules: Rules | None = None) -> tuple[Directory, Peers, Notes]:
    notes, clock = Notes(), SystemClock()
    directory = Directory(clock, notes, notes.enter, rules or Rules(bits=4))
    peers = Peers(directory, [Meeting(PEER, world.wires, clock)], clock)
    await peers.pull()
    return directory, peers, notes


async def test_each_card_is_looked_at_as_if_its_node_had_brought_it(world: Land) -> None:
    now = SystemClock().now_ms()
    forged = shown(NODE, now)
    forged["card"] = forged["card"][:-6] + "AAAAAA"
    node = kid_of(NODE.key.public)
    lazy = next(one for one in range(100) if stamp.zeros(stamp.work(node, stamp.Stamp(now, one))) < 4)
    for wrong, why in (
        (forged, "no card"),
        (shown(NODE, now, issued_ms=now - 900_000, expires_ms=now - 100_000), "has ended"),
        (shown(NODE, now, issued_ms=now + 120_000), "from the future"),
        (shown(NODE, now, worked=False), "no stamp"),
        ({**shown(NODE, now), "work": {"made_ms": now, "counter": lazy}}, "zero bits"),
        ({**shown(NODE, now), "work": {"made_ms": now + 3_600_000, "counter": 1}}, "no stamp"),
    ):
        peer_with(world, wrong, shown(STRANGER, now))
        directory, peers, notes = await heard_by(world)
        assert [one.card.id for one in directory.listed()] == [kid_of(STRANGER.key.public)], why
        assert (peers.states[0].taken, peers.states[0].refused) == (1, 1)
        assert why in str(peers.states[0].refusal)
        assert len(notes.log) == 1
    peer_with(world, shown(NODE, now))
    directory, peers, _ = await heard_by(world)
    for wrong, why in (
        (shown(NODE, now, seq=1), "older than card"),
        (shown(NODE, now, region="CH"), "two machines"),
    ):
        peer_with(world, wrong)
        await peers.pull()
        assert why in str(peers.states[0].refusal)
        assert directory.listed()[0].card.body.seq == now


async def test_one_hub_cannot_fill_another(world: Land) -> None:
    now = SystemClock().now_ms()
    made = [Signer.from_seed(f"n{number}", bytes([number]) * 32) for number in range(5)]
    peer_with(world, *(shown(one, now) for one in made))
    directory, peers, _ = await heard_by(world, Rules(bits=4, per_peer=3, most=3))
    (state,) = peers.states
    assert (len(directory.listed()), state.taken, state.refused) == (3, 3, 2)
    assert "3 nodes of the hub" in str(state.refusal)
    mine = shown(NODE, now)
    node = kid_of(NODE.key.public)
    worked = Work(**work_of(node, now))
    line = card.sign(body(FIRST, id=node, seq=now, issued_ms=now, expires_ms=now + 600_000, pow=worked), NODE)
    assert (await directory.publish(line.encode(), "198.41.0.0/24")).via == "", mine
    peer_with(world, pages=10**6)
    await peers.pull()
    assert int(state.cursor) == 8, "so many pages at once, though it always says that there are more"


async def test_a_hub_that_is_down_or_says_nonsense_is_named(world: Land) -> None:
    world.wires.down.add(A)
    told = await taken_over(world, B)
    assert told["fault"] == f"Nothing listens at {A}."
    assert told["heard_ms"] is None
    world.wires.down.clear()
    assert (await taken_over(world, B))["fault"] is None

    async def nonsense(_: Request) -> Response:
        return Response(b'{"cards": "many"}', media_type="application/json")

    world.wires.clients[A] = httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=[Route("/hub/v1/cards", nonsense)])), base_url=A
    )
    assert "cannot be read" in (await taken_over(world, B))["fault"]
