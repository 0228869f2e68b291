"""Nodes as endpoints of the studio: heard of at hubs, asked sealed, checked, and left alone where something does not fit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.neighbours_world import PROMPT, A, B, Land, land
from tests.unit.network.card_tools import SECOND, STRANGER, STRANGER_ID
from tests.unit.network.remote_tools import honest, png, refusing, signed

from triptych.app.neighbour import heard
from triptych.network import card, invite
from triptych.network.job import Reply, Submit
from triptych.network.remote import receipt_id
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError, NotFoundError
from triptych.spec.image import ImageRequest


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


def theirs(asked: Submit, now_ms: int) -> Reply:
    """What the second node draws and signs."""
    return signed(asked, now_ms, (png(64, 64, 33),), signer=STRANGER, node=STRANGER_ID)


async def test_two_nodes_are_endpoints_and_their_pictures_have_receipts(world: Land) -> None:
    first = world.node()
    second = world.node(theirs, signer=STRANGER, key=SECOND, hubs=(B,))
    await first.join()
    await second.join()
    app = await world.open()
    names = [f"node/{one.id[:10]}/sdxl" for one in (first, second)]
    found = app.models.endpoints()
    assert all(not found[name].enabled and found[name].reason_code == "off" for name in names)
    await world.allowed()
    assert all(app.models.endpoints()[name].ready for name in names)
    assert {app.models.endpoints()[name].model.card.lane for name in names} == {"community"}
    tiles = await asyncio.gather(*(world.tile(name) for name in names))
    assert [tile.record.state for tile in tiles] == ["done", "failed"]  # 64x64 was not what was asked for
    assert tiles[0].record.lane == "community"
    assert tiles[0].record.billed == "no"
    assert tiles[1].record.error is not None
    assert "1024x1024 was asked for" in tiles[1].record.error.message
    kept = {one.id: one.kept for one in app.neighbours.nodes()}
    assert (kept[first.id].jobs, kept[first.id].wrong) == (1, 0)
    assert (kept[second.id].jobs, kept[second.id].wrong) == (0, 1)
    everything = b"".join(data for _, data in world.wires.seen) + "".join(url for url, _ in world.wires.seen).encode()
    assert PROMPT.encode() not in everything


async def test_a_refusal_is_kept_as_the_node_signed_it(world: Land) -> None:
    node = world.node(refusing)
    await node.join()
    app = await world.open()
    await world.allowed()
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.state == "blocked"
    assert app.neighbours.nodes()[0].kept.refused == 1
    error = tile.record.error
    assert error is not None
    assert "does not draw this" in error.message
    (name,) = await app.store.network.all("node-receipts")
    assert receipt_id(await app.neighbours.receipt(name)) == name
    with pytest.raises(NotFoundError):
        await app.neighbours.receipt("0" * 64)


@pytest.mark.parametrize("fault", ["down", "cut"])
async def test_a_hub_that_dies_in_mid_job_costs_nothing(world: Land, fault: str) -> None:
    node = world.node()
    node.script.working = 1
    await node.join()
    await world.open()
    await world.allowed()

    def dying(asked: Submit, now_ms: int) -> Reply:
        getattr(world.wires, fault).add(A)  # the answer to this very question is lost as well, where it is cut
        return honest(asked, now_ms)

    node.script.draw = dying
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.state == "done"
    assert len(node.script.names) == 1


async def test_a_restart_goes_on_with_the_same_job(world: Land) -> None:
    node = world.node()
    node.script.working = 10**6
    await node.join()
    app = await world.open()
    await world.allowed()
    model = f"node/{node.id[:10]}/sdxl"
    run = await app.studio.start_single(ImageRequest(prompt=PROMPT), model=model, source="studio")
    while not any(type(one).__name__ == "Poll" for one in node.script.asked):
        await asyncio.sleep(0.01)
    await world.close()
    node.script.working = 0
    app = await world.open()
    await app.studio.recover(app.owners.alive)
    tile = (await app.studio.wait_run(run.record.id)).tiles[0]
    assert tile.record.state == "done"
    assert len(node.script.names) == 1
    (name,) = await app.store.network.all("node-receipts")
    _, attempts = await app.store.receipts.with_attempts(tile.record.id)
    calls = [(call.step, call.request_id) for one in attempts for call in one.wires]
    assert calls == [("submit", None), ("poll", name)], "what the node signed is named by the call that brought it"


async def test_a_studio_that_was_stopped_knows_when_it_heard_of_a_node_last(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    app = await world.open(A)
    first = app.neighbours.nodes()[0].kept.heard_ms
    while (last := app.neighbours.nodes()[0].kept.heard_ms) == first:
        await app.neighbours.pull()
    await world.close()
    app = await world.open("")
    assert [(one.id, one.kept.heard_ms) for one in app.neighbours.nodes()] == [(node.id, last)]


async def test_nobody_waits_for_a_node_that_is_away(world: Land) -> None:
    node = world.node()
    await node.join()
    app = await world.open()
    await world.allowed()
    node.stop()
    clock = SystemClock()
    world.wires.down |= {A, B}
    began = clock.monotonic()
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert clock.monotonic() - began < 25  # nothing is waited for; what waited would take the node's 30 s
    assert tile.record.state == "failed"
    assert tile.record.error is not None
    assert "Nothing was sent" in tile.record.error.message
    await app.neighbours.pull()
    assert app.neighbours.states()[A]["fault"]


async def test_two_hubs_that_show_two_keys_put_the_node_aside(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    app = await world.open()
    await world.allowed()
    other = world.node(signer=node.signer, key=SECOND, hubs=(B,))
    await other.join()
    await app.neighbours.pull()
    name = f"node/{node.id[:10]}/sdxl"
    found = app.models.endpoints()[name]
    assert (found.ready, found.reason_code) == (False, "away")
    assert found.reason is not None
    assert B in found.reason
    assert "put aside" in found.reason
    tile = await world.tile(name)
    assert tile.record.state == "failed"
    assert not node.script.names
    assert not other.script.names


async def test_cards_that_are_old_forged_or_rolled_back_are_no_nodes(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    app = await world.open()
    fresh = app.neighbours.nodes()[0].kept
    now = SystemClock().now_ms()
    clock = SystemClock()
    old = card.read(node.card(issued_ms=now - 900_000, expires_ms=now - 100_000).encode())
    assert heard(None, old, A, clock, here=True) is None
    back = card.read(node.card(seq=1).encode())
    assert heard(fresh, back, B, clock, here=True) is not None
    assert heard(fresh, back, B, clock, here=True) != fresh
    again = heard(fresh, back, B, clock, here=True)
    assert again is not None
    assert again.card == fresh.card
    assert set(again.hubs) == {A, B}
    elsewhere = world.node(signer=node.signer, key=SECOND)
    other = heard(fresh, card.read(elsewhere.card(seq=1).encode()), B, clock, here=True)
    assert other is not None
    assert B in other.clashes


async def test_a_key_that_is_not_in_the_log_is_not_used(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    hub = world.hubs[A]
    hub.log_key = world.hubs[B].log_key
    await world.open()
    await world.allowed()
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.state == "failed"
    assert tile.record.error is not None
    assert "log of https://a.example does not hold" in tile.record.error.message
    assert not node.script.names


async def test_an_invite_pins_its_node_and_goes_again(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    app = await world.open("")
    assert app.neighbours.nodes() == ()
    link = invite.invite(node.signer, (A,), "Ada's attic", "w" * 22, SystemClock().now_ms())
    assert await app.neighbours.accept(link) == node.id
    name = f"node/{node.id[:10]}/sdxl"
    found = app.models.endpoints()[name]
    assert found.ready
    assert (found.model.card.lane, found.model.card.provider_name) == ("pinned", "Ada's attic")
    tile = await world.tile(name, lane_floor="pinned")
    assert (tile.record.state, tile.record.lane) == ("done", "pinned")
    (asked,) = node.script.jobs.values()
    assert asked.job.guest == "w" * 22
    assert app.neighbours.hubs() == {A: "invite"}
    with pytest.raises(BadRequestError):
        await app.neighbours.remove_hub(A)
    await app.neighbours.leave(node.id)
    assert app.neighbours.hubs() == {}
    with pytest.raises(NotFoundError):
        await app.neighbours.leave(node.id)
    for wrong in ("https://a.example/join#", "hello", link[:-4] + "AAAA"):
        with pytest.raises(BadRequestError):
            await app.neighbours.accept(wrong)


async def test_a_floor_keeps_a_prompt_from_the_community(world: Land) -> None:
    node = world.node()
    await node.join()
    await world.open()
    await world.allowed()
    tile = await world.tile(f"node/{node.id[:10]}/sdxl", lane_floor="pinned")
    assert tile.record.state == "failed"
    assert not node.script.names
