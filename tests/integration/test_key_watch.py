"""A node reads the logs of its hubs for keys under its own id that it never had, and says so loudly."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.node_world import FIRST, SECOND, World, until, world_of
from tests.unit.network.card_tools import SECOND as OTHER_KEY
from tests.unit.node.job_tools import Easel

from triptych.app.node import Node
from triptych.network.card import key_leaf
from triptych.network.ohttp.keys import NodeKey
from triptych.node.admission import Limits
from triptych.node.key_watch import FILE, KeyWatch
from triptych.node.keys import CHANGE_MS, open_keys
from triptych.node.leaving import rotate
from triptych.node.standing import standing
from triptych.spec.errors import StorageError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import verify_proof


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with world_of(tmp_path) as one:
        yield one


def watch_of(world: World) -> KeyWatch:
    """As a process that was just started has it."""
    return KeyWatch(open_keys(world.folder / "node"), [world.meeting()], world.clock)


async def logged(world: World, leaf: bytes) -> None:
    await world.hubs[FIRST].log.covered(await world.hubs[FIRST].log.append(leaf))


async def joined(world: World) -> tuple[Node, KeyWatch]:
    """A node whose key is in the log of its hub, and its watch from before its first card on."""
    node = await world.node(Easel())
    watch = KeyWatch(node.keys, [world.meeting()], world.clock)
    async with world.working(node):
        await world.hubs[FIRST].log.covered(0)
    return node, watch


async def looked(world: World, watch: KeyWatch) -> tuple[str, ...]:
    await watch.look(world.meeting())
    assert watch.faults == {}
    return watch.alarms


async def test_a_key_that_is_not_its_own_is_told_with_the_proof(world: World) -> None:
    node, fresh = await joined(world)
    assert fresh._kept.fresh
    assert await looked(world, fresh) == (), "its own key is its own"
    await logged(world, key_leaf(node.keys.id, OTHER_KEY.config))
    (said,) = await looked(world, fresh)
    assert said.startswith(f"{FIRST} has 1 key(s) under this node's id")
    again = watch_of(world)
    assert again.alarms == (said,), "it is remembered"
    assert await looked(world, again) == (said,), "and told once"
    (found,) = again._kept.hubs[FIRST].strange
    policy = TrustPolicy(logs=(VerifierKey.parse(world.hubs[FIRST].log_key),))
    assert verify_proof(found.proof.encode(), found.entry.encode(), policy).index == found.index
    stands = standing(node.jobs, node.worker.hubs, Limits(), world.clock.now_ms(), again.alarms)
    assert stands.why[0] == said


async def test_its_own_keys_of_other_days_are_its_own(world: World) -> None:
    for _ in range(3):
        node = await world.node(Easel())
        async with world.working(node):
            assert await looked(world, watch_of(world)) == ()
        world.clock.ms += CHANGE_MS
    assert watch_of(world).alarms == ()


async def test_what_was_there_before_it_looked_is_counted_and_no_alarm(world: World) -> None:
    node, _ = await joined(world)
    await logged(world, key_leaf(node.keys.id, OTHER_KEY.config))  # one of days that nothing is known of
    watch = watch_of(world)
    assert not watch._kept.fresh
    assert await looked(world, watch) == ()
    assert watch._kept.hubs[FIRST].before == 1
    await logged(world, key_leaf(node.keys.id, NodeKey.from_private(9, b"9" * 32).config))
    assert len(await looked(world, watch)) == 1


async def test_keys_of_others_and_entries_that_only_name_it_are_none_of_its_own(world: World) -> None:
    node, watch = await joined(world)
    await logged(world, key_leaf("x" * 43, OTHER_KEY.config))
    await logged(world, f'{{"format":"triptych-note/1","id":"{node.keys.id}"}}'.encode())
    await logged(world, f"{node.keys.id} is no JSON".encode())
    assert await looked(world, watch) == ()


async def test_only_what_is_new_is_read_and_a_log_that_shrinks_or_changes_its_key_is_told(world: World) -> None:
    _, watch = await joined(world)
    await looked(world, watch)
    assert watch._kept.hubs[FIRST].read == 1
    other = world.hubs[SECOND]
    await other.log.covered(await other.log.append(b"x"))
    world.wires.ways[FIRST], kept = world.wires.ways[SECOND], world.wires.ways[FIRST]
    await watch.look(world.meeting())
    assert "another one than before" in watch.faults[FIRST]
    world.wires.ways[FIRST] = kept
    await looked(world, watch)
    world.wires.cut.add(FIRST)
    await watch.look(world.meeting())
    assert "cannot be read now" in watch.faults[FIRST]


async def test_a_node_with_a_new_key_begins_anew(world: World) -> None:
    node, first = await joined(world)
    await looked(world, first)
    rotate(world.folder / "node", world.clock.now_ms())
    watch = watch_of(world)
    assert (watch._kept.node != node.keys.id, watch._kept.fresh, watch._kept.hubs) == (True, True, {})
    path = world.folder / "node" / "node" / FILE
    shutil.copy(path, path.with_suffix(".bak"))
    path.write_text("{")
    with pytest.raises(StorageError, match="read from the beginning"):
        watch_of(world)


async def test_a_node_at_work_looks_by_itself(world: World) -> None:
    node = await world.node(Easel(), watch=True)
    async with world.working(node):
        await logged(world, key_leaf(node.keys.id, OTHER_KEY.config))
        await until(lambda: node.worker.alarms)
