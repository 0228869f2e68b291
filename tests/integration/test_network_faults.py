"""What goes wrong in the open network, and what whoever uses it sees of it: hubs that die, come back, hang, lie or flood; nodes that die at
work; readers and writers that are slow. The code is real; where sockets matter they are real, too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.integration.neighbours_world import A, B, Land, LiveNode, land
from tests.integration.node_world import FIRST, SECOND, World, served, until, world_of
from tests.unit.network.card_tools import NODE, NODE_ID, NOW, body
from tests.unit.network.card_tools import SECOND as OTHER_KEY
from tests.unit.node.job_tools import Easel, wanted

from triptych.app import network
from triptych.app.hub import HubRules, open_hub
from triptych.app.node import hubs_of
from triptych.hub.directory import Rules
from triptych.hub.mailbox import Limits
from triptych.network import card, invite, remote, stamp
from triptych.network.card import Card, Work
from triptych.network.job import Done, Poll
from triptych.network.jose import kid_of
from triptych.network.remote import Line
from triptych.server.errors import as_json
from triptych.server.hub_app import hub_app
from triptych.spec.clock import SystemClock
from triptych.spec.errors import SettingsError
from triptych.tlog.note import Signer


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path) as made:
        yield made


@pytest.fixture
async def country(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    monkeypatch.setattr("triptych.app.hub_proofs.MERGE_S", 0.3)
    monkeypatch.setattr(remote, "PACE_S", 0.1)
    async with land(tmp_path) as made:
        yield made


async def nothing(*_: Any) -> None:
    """Whoever is not interested in how it goes."""


def line_to(world: World, found: Card, *hubs: str) -> Line:
    return Line(found, [world.meeting(one) for one in hubs], "The attic", world.clock)


# Hubs that die and come back.


async def test_a_hub_that_starts_anew_is_joined_again_and_the_job_goes_on_there(world: World) -> None:
    easel = Easel()
    node = await world.node(easel)
    async with world.working(node):
        found = await world.card(node.keys.id)
        line, asked = line_to(world, found, FIRST), wanted()
        name = await remote.submit(line, asked)
        await until(lambda: easel.begun)
        following = asyncio.create_task(
            remote.follow(line, asked, name, world.clock.monotonic() + 60, nothing)
        )  # fmt: skip
        await asyncio.sleep(0)
        world.wires.down(FIRST)
        await world.hubs.pop(FIRST).close()
        await until(lambda: node.worker.hubs[0].state == "away")
        world.hubs[FIRST] = fresh = await open_hub(
            world.folder / "hub0", FIRST, world.clock, HubRules(nodes=Rules(bits=20))
        )
        assert fresh.directory.listed() == ()
        await world.wires.ways[FIRST].aclose()
        world.wires.ways[FIRST] = httpx.AsyncClient(transport=httpx.ASGITransport(hub_app(fresh)), base_url=FIRST)
        world.wires.cut.clear()
        await until(lambda: node.worker.hubs[0].state == "open")
        (listed,) = fresh.directory.listed()
        assert listed.card.body.pow is None or fresh.directory.rules.bits == 20, "no second stamp is asked for"
        easel.free.set()
        result = await following
        assert len(result.pictures) == 1
    assert easel.drawn == 1
    assert node.jobs.counts.served == 1


async def test_the_same_job_over_both_hubs_has_one_signed_answer_and_counts_once(world: World) -> None:
    easel = Easel()
    easel.free.set()
    node = await world.node(easel, hubs=(FIRST, SECOND))
    async with world.working(node):
        found, asked = await world.card(node.keys.id), wanted()
        names = {await world.sent(found, asked, hub) for hub in (FIRST, SECOND, FIRST)}
        assert len(names) == 1
        replies = [await world.ended(found, next(iter(names)), hub) for hub in (FIRST, SECOND)]
        told = [one.news for one in replies]
        assert isinstance(told[0], Done)
        assert told[0] == told[1], "the same receipt"
        assert replies[0].pictures == replies[1].pictures
        assert await world.sent(found, asked, SECOND) in names, "also after its end"
    assert (easel.drawn, node.jobs.counts.served) == (1, 1)


def test_a_node_joins_at_two_hubs_by_address_by_invite_or_both() -> None:
    link = invite.invite(NODE, (FIRST, SECOND), "The attic", "w" * 22, NOW)
    assert hubs_of((), (FIRST, f"{SECOND}/"), NOW) == (FIRST, SECOND)
    assert hubs_of((), (link,), NOW) == (FIRST, SECOND)
    assert hubs_of((SECOND,), (link, FIRST), NOW) == (SECOND, FIRST)
    with pytest.raises(SettingsError, match="not an invite"):
        hubs_of((), (f"{FIRST}/join",), NOW)


# Nodes that die at work: what stands in the tile.


async def joined(country: Land) -> LiveNode:
    """A node that the studio may ask."""
    node = country.node()
    await node.join()
    await country.open()
    await country.allowed()
    return node


async def dead_at_work(country: Land) -> tuple[LiveNode, "asyncio.Task[Any]"]:
    """A node that has died while it was at work on a picture, which is still waited for."""
    node = await joined(country)
    node.script.working = 10**6
    tile = asyncio.create_task(country.tile(f"node/{node.id[:10]}/sdxl"))
    await until(lambda: any(isinstance(one, Poll) for one in node.script.asked) or tile.done())
    node.stop()
    return node, tile


async def test_a_node_that_dies_at_work_ends_its_tile_with_what_may_be(
    country: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "BACK_S", 0.0)
    _, tile = await dead_at_work(country)
    found = await tile
    assert found.record.state == "failed"
    error = found.record.error
    assert error is not None
    assert "cannot be reached any more" in error.message or "no answer came through 2 hubs" in error.message
    assert "Make it again" in (error.hint or "")
    assert found.record.billed == "no"


async def test_a_node_that_is_back_in_a_moment_goes_on_with_its_tile(country: Land) -> None:
    node, tile = await dead_at_work(country)
    await until(lambda: not any(hub.boxes.here(node.id) or hub.boxes.depth(node.id) for hub in country.hubs.values()))
    node.script.working = 0
    await node.join()
    found = await tile
    assert found.record.state == "done", found.record.error
    assert len(node.script.names) == 1


async def test_a_node_that_starts_anew_in_a_moment_is_given_the_job_again(country: Land) -> None:
    node, tile = await dead_at_work(country)
    node.script.jobs.clear()  # what it had in memory
    node.script.names.clear()
    node.script.working = 0
    await node.join()
    found = await tile
    assert found.record.state == "done", found.record.error


async def test_a_node_that_has_gone_before_it_was_asked_is_named_and_nothing_is_sent(country: Land) -> None:
    node = await joined(country)
    node.stop()
    found = await country.tile(f"node/{node.id[:10]}/sdxl")
    assert found.record.state == "failed"
    assert found.record.error is not None
    assert "does not fetch its messages now" in found.record.error.message


# Hubs that lie and flood.


async def test_a_hub_that_shows_one_person_another_key_has_to_log_it_or_is_not_used(country: Land) -> None:
    """The first person is shown the key that is in the log, the second one another: signed by the node's own key, which is stolen."""
    node = country.node(hubs=(A,))
    await node.join()
    stolen = country.node(signer=node.signer, key=OTHER_KEY, hubs=(A,))
    line = stolen.card()

    async def cards(_: Request) -> Response:
        seen = {"card": line, "first_ms": 0, "jobs": 0, "probation": True, "here": True, "waiting": 0}
        return Response(as_json({"now_ms": 0, "cards": [seen]}), media_type="application/json")

    honest_app = hub_app(country.hubs[A])

    async def two_faces(scope: Any, receive: Any, send: Any) -> None:
        lies = Starlette(routes=[Route("/hub/v1/cards", cards)])
        await (lies if scope["path"] == "/hub/v1/cards" else honest_app)(scope, receive, send)

    country.wires.lead(A, two_faces)
    await country.open(A)
    await country.allowed()
    found = await country.tile(f"node/{node.id[:10]}/sdxl")
    assert found.record.state == "failed"
    assert found.record.error is not None
    assert f"A key of the node is not in the log of {A}" in found.record.error.message
    assert not stolen.script.names


async def test_a_hub_whose_log_is_another_one_for_each_is_not_used_any_more(country: Land, tmp_path: Path) -> None:
    node = country.node(hubs=(A,))
    await node.join()
    app = await country.open(A)
    await country.allowed()
    assert (await country.tile(f"node/{node.id[:10]}/sdxl")).record.state == "done"
    # The same key signs a second log, which begins in another way: this is what the studio is shown from now on.
    (tmp_path / "forked" / "hub").mkdir(parents=True)
    (tmp_path / "forked" / "hub" / "hub.key").write_bytes((tmp_path / "a" / "hub" / "hub.key").read_bytes())
    (tmp_path / "forked" / "hub" / "hub.key").chmod(0o600)
    forked = await open_hub(tmp_path / "forked", A, SystemClock(), HubRules(nodes=Rules(bits=4)))
    try:
        assert forked.log_key == country.hubs[A].log_key
        for _ in range(country.hubs[A].log.size + 1):
            index = await forked.log.append(b"another beginning")
        await forked.log.covered(index)
        country.wires.lead(A, hub_app(forked))
        node.stop()
        again = country.node(signer=node.signer, hubs=(A,))
        again.at = {A: forked}
        await again.join()
        await app.neighbours.pull()
        app.neighbours._proofs._proved.clear()
        found = await country.tile(f"node/{node.id[:10]}/sdxl")
        assert found.record.state == "failed"
        assert found.record.error is not None
        assert f"{A} keeps two logs" in found.record.error.message
    finally:
        await forked.close()


async def test_a_hub_that_floods_fills_nothing(country: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST", 2)
    monkeypatch.setattr(network, "MOST_KNOWN", 4)
    friend = country.node(hubs=(B,))
    await friend.join()
    app = await country.open(f"{A} {B}")
    calls = 0

    async def many(_: Request) -> Response:
        nonlocal calls
        calls += 1
        now = SystemClock().now_ms()
        signers = [Signer.from_seed("f", bytes([calls, at]) * 16) for at in range(9)]
        made = [
            card.sign(body(id=kid_of(one.key.public), issued_ms=now, expires_ms=now + 600_000), one) for one in signers
        ]
        seen = [{"card": one, "first_ms": 0, "jobs": 0, "probation": True, "here": True, "waiting": 0} for one in made]
        return Response(as_json({"now_ms": 0, "cards": seen}), media_type="application/json")

    country.wires.lead(A, Starlette(routes=[Route("/hub/v1/cards", many)]))
    for _ in range(3):
        await app.neighbours.pull()
    known = app.neighbours.nodes()
    assert len(known) <= 2 + 4, "those that are offered, and so many strangers"
    assert len(await app.store.network.all("nodes")) == len(known)


# Sockets: slow readers and writers.


def first_card() -> bytes:
    """A card of now, with the work of a first one."""
    now = SystemClock().now_ms()
    done = stamp.make(NODE_ID, now, 1)
    assert done is not None
    worked = Work(made_ms=done.made_ms, counter=done.counter)
    return card.sign(body(issued_ms=now, expires_ms=now + 600_000, pow=worked), NODE).encode()


async def test_slow_readers_and_writers_are_cut_off_and_leave_nothing_behind(tmp_path: Path) -> None:
    rules = HubRules(nodes=Rules(bits=1), mail=Limits(whole_s=0.3, answer_s=60, take_s=60))
    async with served(tmp_path, rules) as at:
        hub, port = at.hub, at.port
        await hub.publish(first_card(), "local")
        head = f"POST /hub/v1/relay/{NODE_ID} HTTP/1.1\r\nhost: h\r\ncontent-type: message/ohttp-req\r\ncontent-length: 2048\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + b"x" * 10)  # and no more
        async with asyncio.timeout(60):
            said = await reader.readuntil(b"}}")
        assert b"400 Bad Request" in said
        assert b"did not come in 0.3 s" in said
        writer.close()
        poll = asyncio.create_task(hub.boxes.fetch(NODE_ID, 1, 25))
        await asyncio.sleep(0)
        slow, asking = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        asking.write(head.encode() + b"x" * 2048)
        delivery = await poll
        assert delivery is not None
        answer = hub.boxes.answering(NODE_ID, 1, delivery.id, "message/ohttp-res")
        await answer.write(b"y" * (32 << 20))  # in one piece: the time for carrying it begins when all of it is there
        answer.end()
        assert (await slow.readline()).startswith(b"HTTP/1.1 200")  # and reads no more
        await until(lambda: hub.boxes._purse.taken == 0)
        assert all(one.now == 0 for one in hub.quotas._guests._kept.values())
        asking.transport.abort()
