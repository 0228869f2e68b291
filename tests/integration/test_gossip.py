"""A hub that shows two people two logs is found by those whom it shows only one each, and nobody else is accused."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.integration.neighbours_world import A, B, Land, Wires, land
from tests.unit.network.card_tools import NODE, NOW, STRANGER
from tests.unit.network.remote_tools import Hand

from triptych.app.hub import HubRules, open_hub
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.peers import Peers
from triptych.network.gossip import BEHIND_MS, Gossip, Split
from triptych.network.meeting import Meeting, SeenLog
from triptych.server.hub_app import hub_app
from triptych.spec.clock import SystemClock
from triptych.spec.errors import HostileContentError, NotSentError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy

C = "https://c.example"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


async def two_faced(world: Land) -> Hub:
    """Hub A shows hub B another log than the one that it shows everybody else, signed with the same key."""
    place = world.folder / "a2" / "hub"
    place.mkdir(parents=True)
    shutil.copy(world.folder / "a" / "hub" / "hub.key", place / "hub.key")
    clock, apart = SystemClock(), Wires()
    other = await open_hub(world.folder / "a2", A, clock, HubRules(nodes=Rules(bits=4)))
    world.held.push_async_callback(other.close)
    world.held.push_async_callback(apart.hang_up)
    apart.lead(A, hub_app(other))
    world.hubs[B].peers = Peers(world.hubs[B].directory, [Meeting(A, apart, clock)], clock)
    victim, bystander = world.node(signer=STRANGER, hubs=(A,)), world.node(hubs=(A, B))
    await other.publish(victim.card().encode(), "198.51.100.0/24")
    await bystander.join()
    for hub in (other, world.hubs[A], world.hubs[B]):
        await hub.log.covered(0)
    return other


async def looked(world: Land, origin: str = B) -> None:
    peers = world.hubs[origin].peers
    assert peers is not None
    await peers.compare()


def told(world: Land, origin: str) -> Any:
    return world.studio.neighbours.states()[origin]


async def test_hubs_that_show_everybody_the_same_are_left_in_peace(world: Land) -> None:
    await world.node().join()
    for _ in range(3):
        await looked(world, A)
        await looked(world, B)
    (seen,) = await Meeting(B, world.wires, SystemClock()).seen()
    assert (seen.hub, seen.key) == (A, world.hubs[A].log_key)
    await world.open()
    await world.node(signer=STRANGER).join()
    await looked(world)
    await world.studio.neighbours.pull()
    assert [(told(world, one)["fault"], told(world, one)["split"]) for one in (A, B)] == [(None, None)] * 2


async def test_a_studio_finds_a_hub_that_keeps_another_log_for_somebody_else(world: Land) -> None:
    await two_faced(world)
    await looked(world)
    app = await world.open()
    await world.allowed()
    assert "keeps two logs" in str(told(world, A)["fault"])
    assert told(world, B)["fault"] is None, "who tells of it is not accused"
    split = told(world, A)["split"]
    assert split["told_by"] == B
    policy = TrustPolicy(logs=(VerifierKey.parse(world.hubs[A].log_key),))
    ours, theirs = (policy.check(str(split[name]).encode()).checkpoint for name in ("ours", "theirs"))
    assert (ours.size, theirs.size) == (1, 1)
    assert ours.root != theirs.root, "both are signed by the hub, so that anybody can see it"
    tile = await world.tile(f"node/{world.nodes[-1].id[:10]}/sdxl")
    assert tile.record.state == "done", tile.record.error
    relayed = {url.split("/hub/")[0] for url, _ in world.wires.seen if "/relay/" in url}
    assert relayed == {B}, "nothing goes through it any more"
    await world.close()
    app = await world.open()  # and it is remembered
    with pytest.raises(HostileContentError, match="keeps two logs"):
        await app.neighbours._proofs.has(Meeting(A, world.wires, SystemClock()), [b"anything"])
    await app.neighbours._gossip.forget(A)
    assert told(world, A)["split"] is None


async def test_a_hub_finds_it_too_and_says_so(world: Land) -> None:
    await two_faced(world)
    await looked(world)
    (world.folder / "c").mkdir()
    clock = SystemClock()
    third = await open_hub(
        world.folder / "c",
        C,
        clock,
        HubRules(nodes=Rules(bits=4)),
        [Meeting(one, world.wires, clock) for one in (A, B)],
    )
    world.held.push_async_callback(third.close)
    world.wires.lead(C, hub_app(third))
    assert third.peers is not None
    await third.peers.compare()
    peers = (await world.wires.clients[C].get("/hub/v1")).json()["peers"]
    assert [(one["hub"], one["split"] is not None) for one in peers] == [(A, True), (B, False)]


async def test_a_log_that_was_rewritten_between_two_looks_is_found_without_anybodys_help(world: Land) -> None:
    other = await two_faced(world)
    await world.open(A)
    assert told(world, A)["fault"] is None
    world.wires.lead(A, hub_app(other))
    await world.studio.neighbours.pull()
    split = told(world, A)["split"]
    assert (split["told_by"], "keeps two logs" in str(told(world, A)["fault"])) == ("", True)


async def test_a_hub_that_was_started_anew_still_knows_the_logs_of_its_peers(world: Land) -> None:
    (world.folder / "c").mkdir()
    clock, rules = SystemClock(), HubRules(nodes=Rules(bits=4))

    async def opened(*peers: str) -> Hub:
        return await open_hub(world.folder / "c", C, clock, rules, [Meeting(one, world.wires, clock) for one in peers])

    async def kept_by(hub: Hub) -> dict[str, Split]:
        async with AsyncExitStack() as held:
            held.push_async_callback(hub.close)
            assert hub.peers is not None
            return dict(hub.peers.gossip.splits)

    async def started(*peers: str) -> Peers:
        hub = await opened(*peers)
        async with AsyncExitStack() as held:
            held.push_async_callback(hub.close)
            found = hub.peers
            assert found is not None
            await found.compare()
            return found

    other = await two_faced(world)
    seen = {one.hub: one for one in (await started(A)).gossip.seen()}
    world.wires.lead(A, hub_app(other))  # it shows its other log, now that nobody could remember
    split = (await started(A)).gossip.splits[A]
    assert (split.told_by, split.ours) == ("", seen[A].checkpoint)
    assert await kept_by(await opened(A)) == {A: split}, "and what was proven stays"
    await started(B)  # once without it
    assert (await started(A)).gossip.splits == {}


async def test_a_hub_with_another_key_after_a_restart_is_doubted(world: Land) -> None:
    (world.folder / "c").mkdir()
    clock, rules = SystemClock(), HubRules(nodes=Rules(bits=4))
    doubts = []
    for behind in (A, B):  # at the address of the first hub is the second one
        world.wires.lead(A, hub_app(world.hubs[behind]))
        async with AsyncExitStack() as held:
            hub = await open_hub(world.folder / "c", C, clock, rules, [Meeting(A, world.wires, clock)])
            held.push_async_callback(hub.close)
            assert hub.peers is not None
            await world.node(signer=STRANGER, hubs=(behind,)).join() if behind == B else None
            await hub.peers.compare()
            doubts.append(hub.peers.gossip.doubts.get(A, ""))
    assert doubts[0] == ""
    assert "does not hold" in doubts[1]


class Shown:
    """A hub whose log is that of a real one, or a part of it, and that says of others what a test wants."""

    def __init__(self, origin: str, hub: Hub, says: tuple[SeenLog, ...] = (), checkpoint: bytes | None = None) -> None:
        self.origin, self.hub, self.says, self.checkpoint = origin, hub, says, checkpoint

    async def seen(self) -> tuple[SeenLog, ...]:
        return self.says

    async def log_file(self, path: str) -> bytes:
        if path == "checkpoint" and self.checkpoint is not None:
            return self.checkpoint
        found = self.hub.files.read(path)
        if found is None:
            raise NotSentError("Not there.")
        return found


async def key_of(hub: Any) -> str:
    return str(hub.hub.log_key)


async def test_what_a_hub_only_says_accuses_nobody(world: Land) -> None:
    await world.node().join()
    for hub in world.hubs.values():
        await hub.log.covered(0)
    good, clock = Shown(A, world.hubs[A]), Hand(NOW)
    note = (await good.log_file("checkpoint")).decode()
    mine, strange = world.hubs[A].log_key, world.hubs[B].log_key
    of_b = (await Shown(B, world.hubs[B]).log_file("checkpoint")).decode()
    for said, doubted in (
        (SeenLog(hub=A, key=mine, checkpoint=note), False),
        (SeenLog(hub=A, key=mine, checkpoint=note.replace("\n1\n", "\n2\n")), False),  # not signed so
        (SeenLog(hub=A, key=mine, checkpoint="no note"), False),
        (SeenLog(hub=A, key=strange, checkpoint=of_b), True),
        (SeenLog(hub=B, key=mine, checkpoint=note), False),  # of itself
        (SeenLog(hub=C, key=mine, checkpoint=note), False),  # of one that is not asked here
    ):
        gossip = Gossip(key_of, clock)
        liar: Any = Shown(B, world.hubs[B], (said,) * 300)
        assert await gossip.compare([good, liar]) == ()  # type: ignore[list-item]
        assert (gossip.splits, bool(gossip.doubts.get(A))) == ({}, doubted)
        assert B not in gossip.doubts


async def test_who_is_shown_less_than_others_for_more_than_a_minute_is_told(world: Land) -> None:
    hub, clock = world.hubs[A], Hand(NOW)
    await world.node(hubs=(A,)).join()
    await hub.log.covered(0)
    early = hub.files.read("checkpoint")
    await world.node(signer=STRANGER, hubs=(A,)).join()
    await hub.log.covered(1)
    late = hub.files.read("checkpoint")
    assert early and late
    other: Any = Shown(B, world.hubs[B], (SeenLog(hub=A, key=hub.log_key, checkpoint=late.decode()),))
    behind: Any = Shown(A, hub, checkpoint=early)
    await world.node(signer=NODE, hubs=(B,)).join()
    await world.hubs[B].log.covered(0)
    gossip = Gossip(key_of, clock)
    await gossip.compare([behind, other])
    assert not gossip.doubts, "it may come in a moment"
    clock.ms += BEHIND_MS + 1
    await gossip.compare([behind, other])
    assert "more of its log than us" in gossip.doubts[A]
    behind.checkpoint = None
    await gossip.compare([behind, other])
    assert (gossip.doubts, gossip.splits) == ({}, {})
