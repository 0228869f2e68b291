"""Policies, their activations and snapshots, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace

from tests.unit.store.samples import NOW, decision_of, run_of, tile_of

from triptych.store.base import PolicyActivation
from triptych.store.records import SqlRecordStore

ONE, TWO = "1" * 64, "2" * 64


async def test_a_policy_comes_back_to_the_byte_and_its_first_text_stays(store: SqlRecordStore) -> None:
    assert await store.policy(ONE) is None
    await store.keep_policy(ONE, '{"name":"é \\u0001"}', NOW)
    await store.keep_policy(ONE, "something else", NOW + 1)
    assert await store.policy(ONE) == '{"name":"é \\u0001"}'


async def test_an_activation_is_written_when_the_policy_changes_and_only_then(store: SqlRecordStore) -> None:
    assert await store.policy_activations() == ()
    for number, name in enumerate([ONE, ONE, TWO, ONE]):
        await store.activate_policy(name, "{}", NOW + number)
    await store.keep_policy("3" * 64, "{}", NOW)
    expected = (PolicyActivation(ONE, NOW + 3), PolicyActivation(TWO, NOW + 2), PolicyActivation(ONE, NOW))
    assert await store.policy_activations() == expected
    assert await store.policy_activations(limit=1) == expected[:1]
    assert await store.policy(TWO) == "{}"


async def test_programs_that_activate_the_same_policy_together_write_it_once(store: SqlRecordStore) -> None:
    await asyncio.gather(*(store.activate_policy(ONE, "{}", NOW + number) for number in range(8)))
    assert len(await store.policy_activations()) == 1


async def test_a_snapshot_is_kept_once_for_all_decisions_made_on_it(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    decisions = [replace(decision_of(f"dec_{n}", NOW + n), snapshot_id=ONE) for n in range(3)]
    await asyncio.gather(*(store.save_decision(d, "tile_1", '{"endpoints":[]}') for d in decisions))
    await store.save_decision(decision_of("dec_9"), "tile_1")
    assert await store.snapshot(ONE) == '{"endpoints":[]}'
    assert await store.snapshot(TWO) is None
    assert await store.recent_decisions(3) == (decision_of("dec_9"), decisions[2], decisions[1])
