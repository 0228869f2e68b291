"""Keys that end: withdrawn, revoked by their owner, handed over; at hubs, at nodes and in a studio."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.neighbours_world import A, B, Land, land
from tests.integration.node_world import FIRST as ONE
from tests.integration.node_world import SECOND as TWO
from tests.integration.node_world import World, until, world_of
from tests.unit.network.card_tools import NODE, OWNER, STRANGER, STRANGER_ID
from tests.unit.network.remote_tools import png, signed
from tests.unit.node.job_tools import Easel, wanted

from triptych.app.node import withdrawn
from triptych.hub.endings import Endings
from triptych.network import bond, invite, statement
from triptych.network.ended import Word, read
from triptych.network.job import Done
from triptych.node import leaving
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotConfiguredError, NotSentError, RejectedError


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path) as made:
        yield made


async def test_a_key_revoked_at_one_hub_is_refused_at_once_and_for_good(world: Land) -> None:
    node = world.node()
    await node.join()
    app = await world.open()
    await world.allowed()
    name = f"node/{node.id[:10]}/sdxl"
    assert app.models.endpoints()[name].ready
    word = bond.sign("revoke", node.id, node.signer, issued_ms=SystemClock().now_ms())
    await node.hubs[0].revoke(word)
    assert [one.card.id for one in world.hubs[B].directory.listed()] == [node.id], "the other hub has not heard"
    await app.neighbours.pull()
    found = app.models.endpoints()[name]
    assert (found.ready, found.reason) == (False, "The node was revoked by its own key.")
    tile = await world.tile(name)
    assert tile.record.error is not None
    assert "was revoked" in tile.record.error.message
    with pytest.raises(RejectedError, match="revoked by its own key"):
        await node.hubs[0].publish(node.card())
    assert word.encode() in await _log(world, A)
    await world.close()
    world.wires.down |= {A}  # a start that hears of nothing but the hub that does not know
    app = await world.open()
    assert app.neighbours.nodes()[0].away(SystemClock().now_ms()) == "The node was revoked by its own key."
    assert not node.script.names


async def _log(world: Land, hub: str) -> list[bytes]:
    """What the log of a hub says once a checkpoint is over all of it."""
    from triptych.tlog.client import LogClient
    from triptych.tlog.note import VerifierKey
    from triptych.tlog.policy import TrustPolicy

    async def fetch(path: str) -> bytes | None:
        return await world.nodes[0].hubs[0].log_file(path)

    await until(lambda: not world.hubs[hub].log._pending)
    log = LogClient(fetch, TrustPolicy(logs=(VerifierKey.parse(world.hubs[hub].log_key),)))
    return [entry async for _, entry in (await log.latest()).entries()]


async def test_who_has_stolen_a_key_is_no_node_where_only_its_owner_has_spoken(world: Land) -> None:
    now = SystemClock().now_ms()
    node = world.node(hubs=(A,))
    owned = bond.sign("owner", node.id, OWNER, issued_ms=now, expires_ms=now + 86_400_000)
    await node.join(owner=owned)
    for signer in (STRANGER,):
        with pytest.raises(RejectedError):
            await node.hubs[0].revoke(bond.sign("revoke", node.id, signer, issued_ms=now))
    await node.hubs[0].revoke(bond.sign("revoke", node.id, OWNER, issued_ms=now))
    thief = world.node(hubs=(B,))
    await thief.join()  # without the owner, at a hub that has never heard of one
    app = await world.open()
    assert app.neighbours.nodes() == ()
    other = world.node(signer=STRANGER, hubs=(B,))
    await other.join()
    await app.neighbours.pull()
    assert [one.id for one in app.neighbours.nodes()] == [STRANGER_ID]


async def test_a_friend_stays_a_friend_under_a_new_key(world: Land) -> None:
    old = world.node(hubs=(A,))
    await old.join()
    app = await world.open("")
    link = invite.invite(old.signer, (A,), "Ada's attic", "w" * 22, SystemClock().now_ms())
    await app.neighbours.accept(link)
    tile = await world.tile(f"node/{old.id[:10]}/sdxl")
    assert tile.record.state == "done"
    await world.hubs[A].directory.served(old.id)  # as after a picture of a size that a hub can tell
    jobs = world.hubs[A].directory.listed()[0].jobs
    assert jobs > 0
    old.stop()
    over = statement.hand_over(NODE, STRANGER, name="over", issued_ms=SystemClock().now_ms())

    fresh = world.node(lambda asked, now: signed(asked, now, (png(1024, 1024, 7),), signer=STRANGER, node=STRANGER_ID),
                       signer=STRANGER, hubs=(A,))  # fmt: skip
    await fresh.join(follows=over, pow=None)  # the work of the first key counts
    await until(lambda: world.hubs[A].boxes.here(STRANGER_ID))
    (listed,) = world.hubs[A].directory.listed()
    assert (listed.card.id, listed.jobs) == (STRANGER_ID, jobs)
    with pytest.raises(RejectedError, match="goes on as"):
        await old.hubs[0].publish(old.card())
    await app.neighbours.pull()
    kept = {one.id: one for one in app.neighbours.nodes()}
    assert (kept[STRANGER_ID].pinned, kept[STRANGER_ID].kept.jobs) == ("Ada's attic", 1)
    assert "goes on as" in (kept[old.id].away(SystemClock().now_ms()) or "")
    assert set(app.neighbours.invited()) == {STRANGER_ID}
    tile = await world.tile(f"node/{STRANGER_ID[:10]}/sdxl", lane_floor="pinned")
    assert tile.record.state == "done", tile.record.error
    await world.close()
    app = await world.open("")
    assert set(app.neighbours.invited()) == {STRANGER_ID}


async def test_a_thief_cannot_hand_over_what_has_an_owner(world: Land) -> None:
    now = SystemClock().now_ms()
    node = world.node(hubs=(A,))
    await node.join(owner=bond.sign("owner", node.id, OWNER, issued_ms=now, expires_ms=now + 86_400_000))
    app = await world.open("")
    await app.neighbours.accept(invite.invite(node.signer, (A,), "Ada's attic", "w" * 22, now))
    over = statement.hand_over(NODE, STRANGER, name="over", issued_ms=now)
    thief = world.node(signer=STRANGER, hubs=(A,))
    with pytest.raises(RejectedError, match="who has to sign"):
        await thief.join(follows=over)
    elsewhere = world.node(signer=STRANGER, hubs=(B,))
    await elsewhere.join(follows=over)
    await app.neighbours.add_hub(B)
    assert set(app.neighbours.invited()) == {node.id}


async def test_a_list_that_is_changed_or_becomes_shorter_is_noticed(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    app = await world.open(A)
    await node.hubs[0].revoke(bond.sign("revoke", node.id, node.signer, issued_ms=SystemClock().now_ms()))
    await app.neighbours.pull()
    assert app.neighbours.states()[A]["fault"] is None
    directory = world.hubs[A].directory
    directory.endings = Endings(SystemClock(), world.hubs[A].tickets._memory, world.hubs[A].log.append)
    await app.neighbours.pull()
    assert "revoked nodes does not hold" in str(app.neighbours.states()[A]["fault"])


async def test_a_node_is_withdrawn_at_all_its_hubs_also_at_one_that_was_down(there: World) -> None:
    node = await there.node(Easel(), hubs=(ONE, TWO))
    async with there.working(node) as running:
        there.wires.down(TWO)
        place = there.folder / "node"
        ended, said = await withdrawn(place, (), there.wires, there.clock)
        assert ended == node.keys.id
        assert said[ONE] is None
        assert said[TWO] is not None
        assert there.hubs[ONE].directory.listed() == ()
        there.wires.cut.clear()
        ended, said = await withdrawn(place, (), there.wires, there.clock)
        assert (ended, said) == (None, {TWO: None})
        assert there.hubs[TWO].directory.listed() == ()
        there.clock.ms += 6 * 60_000
        await until(running.done)
        assert "was revoked" in await running
        with pytest.raises(NotConfiguredError):
            await withdrawn(place, (), there.wires, there.clock)
    for hub in (ONE, TWO):
        found = there.hubs[hub].directory.endings.of(node.keys.id)
        assert found is not None
    again = await there.node(Easel(), hubs=(ONE,))
    assert again.keys.id != node.keys.id


async def test_a_node_goes_on_under_a_new_key_and_a_stop_in_between_changes_nothing(there: World) -> None:
    easel = Easel()
    easel.free.set()
    node = await there.node(easel)
    word = node.guests.invite("Mira")
    async with there.working(node):
        found = await there.card(node.keys.id)
        await there.ended(found, await there.sent(found, wanted()))
    place = there.folder / "node"
    keys = place / "node"
    before = (keys / "node.key").read_bytes()
    made = leaving.rotate(place, there.clock.ms)
    over = (keys / "follows.statement").read_text()
    (keys / "node.key").rename(keys / "node.next")  # as it was a moment before the key came into its place
    (keys / "node.key").write_bytes(before)
    assert (await there.node(easel)).keys.follows is None
    assert leaving.rotate(place, there.clock.ms) == made
    assert read(Word(word=over)).successor == made[1]
    fresh = await there.node(easel)
    assert fresh.keys.id == made[1] != node.keys.id
    async with there.working(fresh):
        found = await there.card(made[1])
        assert found.followed == made[0]
        assert [one.card.id for one in there.hubs[ONE].directory.listed()] == [made[1]]
        with pytest.raises(NotSentError):
            await there.meeting().relay(made[0], b"x")
        done = await there.ended(found, await there.sent(found, wanted("m" * 22, guest=word, sent_ms=there.clock.ms)))
        assert isinstance(done.news, Done)
    (keys / "owner.bond").write_text("somebody's")
    with pytest.raises(NotConfiguredError, match="owner, who has to sign"):
        leaving.rotate(place, there.clock.ms)


async def test_hubs_tell_each_other_who_has_ended(there: World) -> None:
    from triptych.hub.peers import Peers

    node = await there.node(Easel(), hubs=(ONE,))
    async with there.working(node):
        await there.meeting(ONE).revoke(bond.sign("revoke", node.keys.id, node.keys.signer, issued_ms=there.clock.ms))
    second = there.hubs[TWO].directory
    peers = Peers(second, [there.meeting(ONE)], there.clock)
    await peers.pull()
    await peers.pull()
    ending = second.endings.of(node.keys.id)
    assert ending is not None
    assert second.endings.total == 1
    page = msgspec.to_builtins(await there.meeting(TWO).ended(0))
    assert len(page["words"]) == 1
