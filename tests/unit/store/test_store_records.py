"""What the record store promises, on SQLite and on PostgreSQL."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from tests.unit.store import samples
from tests.unit.store.samples import (
    NOW,
    FixedClock,
    attempt_of,
    decision_of,
    picture_of,
    run_of,
    tile_of,
)

from triptych.spec.errors import BadRequestError, StorageError
from triptych.spec.records import FINAL_STATES
from triptych.store.base import IdempotencyRecord, RecordStore
from triptych.store.records import SqlRecordStore, open_store

LAWS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def test_it_is_a_record_store(store: SqlRecordStore) -> None:
    typed: RecordStore = store
    assert await typed.run("run_1") is None
    assert await typed.tile("tile_1") is None
    assert await typed.picture("pic_1") is None
    assert await typed.decision("dec_1") is None
    assert (await typed.runs()).runs == ()


@LAWS
@given(data=st.data())
async def test_records_come_back_as_they_were_saved(store: SqlRecordStore, data: st.DataObject) -> None:
    await store.save_run(run_of(), [tile_of()])
    run, tile, picture = data.draw(samples.runs), data.draw(samples.tiles), data.draw(samples.pictures)
    attempt, decision = data.draw(samples.attempts), data.draw(samples.decisions)
    await asyncio.gather(
        store.save_run(run),
        store.save_tile(tile, [picture]),
        store.save_attempt(attempt),
        store.save_decision(decision, "tile_1"),
    )
    assert await store.run(run.id) == run
    assert await store.tile(tile.id) == tile
    assert await store.picture(picture.id) == picture
    assert attempt in await store.attempts_of("tile_1")
    assert await store.decision(decision.id) == decision
    kept = await store.tile(tile.id)
    assert kept is not None
    assert isinstance(kept.adjustments, tuple)
    assert type(kept.job) is type(tile.job)


async def test_saving_again_replaces(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    await store.save_tile(tile_of(state="done"), [picture_of()])
    await store.save_tile(tile_of(state="done", hidden=True), [picture_of(seed=7)])
    assert await store.tile("tile_1") == tile_of(state="done", hidden=True)
    assert await store.pictures_of(["tile_1"]) == {"tile_1": (picture_of(seed=7),)}


async def test_a_records_last_write_in_a_shared_transaction_wins(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    await asyncio.gather(*(store.save_tile(tile_of(updated_ms=NOW + n)) for n in range(50)))
    tile = await store.tile("tile_1")
    assert tile is not None
    assert tile.updated_ms == NOW + 49


async def test_children_come_by_parent_and_in_order(store: SqlRecordStore) -> None:
    tiles = [tile_of(f"tile_{n}", position=3 - n) for n in range(3)]
    await store.save_run(run_of(), tiles)
    await store.save_run(run_of("run_2"))
    await store.save_tile(tiles[0], [picture_of("pic_1", "tile_0", position=1), picture_of("pic_2", "tile_0")])
    found = await store.tiles_of(["run_1", "run_2", "run_3"])
    assert found == {"run_1": (tiles[2], tiles[1], tiles[0]), "run_2": (), "run_3": ()}
    pictures = await store.pictures_of(["tile_0", "tile_1"])
    assert [picture.id for picture in pictures["tile_0"]] == ["pic_2", "pic_1"]
    assert pictures["tile_1"] == ()
    many = await store.tiles_of([f"run_{n}" for n in range(1201)])
    assert len(many) == 1201
    assert len(many["run_1"]) == 3


async def test_attempts_and_decisions_of_a_tile_are_in_order(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    await store.save_attempt(attempt_of("att_b", number=2))
    await store.save_attempt(attempt_of("att_a", number=1))
    await store.save_decision(decision_of("dec_a", NOW + 5), "tile_1")
    await store.save_decision(decision_of("dec_b", NOW), "tile_1")
    assert [attempt.id for attempt in await store.attempts_of("tile_1")] == ["att_a", "att_b"]
    assert await store.decisions_of("tile_1") == (decision_of("dec_b", NOW), decision_of("dec_a", NOW + 5))
    assert await store.attempts_of("tile_9") == ()


async def test_a_restart_is_shown_every_tile_in_no_final_state(store: SqlRecordStore) -> None:
    states: list[Any] = [*sorted(FINAL_STATES), "queued", "sent", "working", "waiting", "receiving"]
    tiles = [tile_of(f"tile_{n}", state=state, created_ms=NOW + n) for n, state in enumerate(states)]
    await store.save_run(run_of(), tiles)
    assert [tile.state for tile in await store.unfinished_tiles()] == states[len(FINAL_STATES) :]


async def test_a_tile_is_claimed_once_and_by_one_only(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of(owner="dead"), tile_of("tile_2", owner="dead", state="done")])
    claims = [store.claim_tile("tile_1", "dead", f"new_{n}") for n in range(5)]
    winners = [tile for tile in await asyncio.gather(*claims) if tile is not None]
    assert len(winners) == 1
    assert await store.tile("tile_1") == winners[0]
    assert await store.claim_tile("tile_2", "dead", "new") is None
    assert await store.claim_tile("tile_9", "dead", "new") is None


async def test_endpoint_samples_are_the_newest_finished_attempts(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    await store.save_attempt(attempt_of("att_1", ended_ms=NOW + 100, outcome="done"))
    await store.save_attempt(attempt_of("att_2", ended_ms=NOW + 300, outcome="failed"))
    await store.save_attempt(attempt_of("att_3"))
    await store.save_attempt(attempt_of("att_4", endpoint="demo/woodcut", ended_ms=NOW + 1, outcome="done"))
    assert await store.endpoint_samples("demo/aurora") == ((300, False), (100, True))
    assert await store.endpoint_samples("demo/aurora", limit=1) == ((300, False),)


async def test_runs_come_in_pages_newest_first(store: SqlRecordStore) -> None:
    # Three of one millisecond, saved out of order with an older one, and one that was deleted.
    saved = [("a", NOW + 5), ("b", NOW), ("c", NOW + 5), ("d", NOW + 5), ("e", NOW + 9)]
    for id_, created_ms in saved:
        await store.save_run(run_of(id_, created_ms=created_ms))
    await store.save_run(run_of("e", created_ms=NOW + 9, deleted=True))
    first = await store.runs(limit=3)
    assert [run.id for run in first.runs] == ["d", "c", "a"]
    assert first.next_before == "a"
    rest = await store.runs(before=first.next_before, limit=3)
    assert [run.id for run in rest.runs] == ["b"]
    assert rest.next_before is None
    assert await store.run("e") == run_of("e", created_ms=NOW + 9, deleted=True)


async def test_runs_by_source_and_text_together(store: SqlRecordStore) -> None:
    for n in range(6):
        await store.save_run(
            run_of(f"run_{n}", "a fox" if n % 2 else "a dog", NOW + n, source="cli" if n > 2 else "api")
        )
    page = await store.runs(text="fox", source="cli", limit=1)
    assert [run.id for run in page.runs] == ["run_5"]
    page = await store.runs(text="fox", source="cli", limit=1, before=page.next_before)
    assert [run.id for run in page.runs] == ["run_3"]
    assert page.next_before is None
    assert [run.id for run in (await store.runs(source="api")).runs] == ["run_2", "run_1", "run_0"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("FOX", True),
        ("fo", True),  # the beginning of a word, for a search that answers while one types
        ("ox", False),
        ("fox river", True),
        ("river fox", True),
        ('"red fox"', True),
        ('"fox red"', False),
        ("fox cat", False),
        ("creme brulee", True),
        ("castle-tow", True),
        ("红色", True),
        ("色红", False),
        ("--ar 3:2", True),
        ("x' OR 1=1 --", False),
        ('fox" OR "dog', False),
        ("NEAR(fox river)", False),
        ("words:fox", False),
        ("fox:*", True),
        ("!fox & (dog | red)", False),
        ("fox\x00", True),
        ("!!!", False),
        ("", True),
        ("   ", True),
    ],
)
async def test_search(store: SqlRecordStore, query: str, found: bool) -> None:
    await store.save_run(run_of(text="A red Fox at the river, Crème brûlée, castle-tower 红色的 --ar 3:2 \x00"))
    assert bool((await store.runs(text=query)).runs) is found


async def test_search_follows_a_changed_text(store: SqlRecordStore) -> None:
    await store.save_run(run_of(text="a fox"))
    await store.save_run(run_of(text="a dog"))
    assert (await store.runs(text="fox")).runs == ()
    assert (await store.runs(text="dog")).runs == (run_of(text="a dog"),)


@LAWS
@given(query=st.text(max_size=20))
async def test_no_query_is_an_error(store: SqlRecordStore, query: str) -> None:
    await store.save_run(run_of(text="a fox"))
    assert (await store.runs(text=query)).runs in ((), (run_of(text="a fox"),))


async def test_bad_pages_are_refused(store: SqlRecordStore) -> None:
    with pytest.raises(BadRequestError, match="no such run") as caught:
        await store.runs(before="run_9")
    assert caught.value.param == "before"
    with pytest.raises(BadRequestError, match="at least one"):
        await store.runs(limit=0)


async def test_waiting_writes_share_a_transaction(store: SqlRecordStore) -> None:
    commits: list[object] = []
    event.listen(store._engines.writer, "commit", commits.append)
    await asyncio.gather(*(store.save_run(run_of(f"run_{n}")) for n in range(200)))
    assert len((await store.runs(limit=500)).runs) == 200
    assert len(commits) <= 3


async def test_one_failing_write_spoils_no_other(store: SqlRecordStore) -> None:
    writes = [store.save_run(run_of(f"run_{n}")) for n in range(20)]
    writes.insert(7, store.save_tile(tile_of(run_id="run_missing")))
    writes.insert(12, store.save_run(run_of("run_bad"), [tile_of("tile_9", "run_bad", position=2**70)]))
    results = await asyncio.gather(*writes, return_exceptions=True)
    failed = [index for index, result in enumerate(results) if result is not None]
    assert failed == [7, 12]
    assert isinstance(results[7], StorageError)
    assert "what it belongs to is not" in results[7].message
    assert isinstance(results[12], StorageError)
    assert len((await store.runs(limit=50)).runs) == 20
    assert await store.run("run_bad") is None  # its tile could not be kept, so neither is it


async def test_text_that_no_json_holds_is_refused(store: SqlRecordStore) -> None:
    with pytest.raises(StorageError, match="RunRecord"):
        await store.save_run(run_of(text="half a pair: \ud800"))
    with pytest.raises(StorageError, match="broken character"):
        await store.put_setting("x", "\ud800")
    assert (await store.runs()).runs == ()


async def test_integers_of_any_size_are_kept(store: SqlRecordStore) -> None:
    await store.save_run(run_of(settings={"seed": 2**70}))
    assert await store.run("run_1") == run_of(settings={"seed": 2**70})


async def test_a_cancelled_caller_stops_nobody(store: SqlRecordStore) -> None:
    tasks = [asyncio.ensure_future(store.save_run(run_of(f"run_{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[5].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.save_run(run_of("run_x"))
    kept = {run.id for run in (await store.runs()).runs}
    assert kept >= {f"run_{n}" for n in (1, 2, 3, 4, 6, 7, 8, 9)} | {"run_x"}


async def test_idempotency_keys(store: SqlRecordStore) -> None:
    record = IdempotencyRecord(key="k", scope="key_1", body_sha256="ab", created_ms=NOW)
    answers = await asyncio.gather(*(store.begin_idempotent(record) for _ in range(10)))
    assert answers.count(None) == 1
    assert answers.count(record) == 9
    other = IdempotencyRecord(key="k", scope="key_2", body_sha256="cd", created_ms=NOW)
    assert await store.begin_idempotent(other) is None
    await store.finish_idempotent("k", "key_1", 200, '{"a": 1}')
    again = await store.begin_idempotent(record)
    assert again is not None
    assert (again.status, again.response, again.body_sha256) == (200, '{"a": 1}', "ab")
    await store.finish_idempotent("k", "key_1", None, None)
    assert await store.begin_idempotent(record) is None
    assert await store.begin_idempotent(other) == other


async def test_settings(store: SqlRecordStore) -> None:
    assert await store.get_setting("theme") is None
    await store.put_setting("theme", {"name": "dark", "sizes": [1, 2.5, None]})
    await store.put_setting("theme", {"name": "light", "sizes": [1, 2.5, None]})
    assert await store.get_setting("theme") == {"name": "light", "sizes": [1, 2.5, None]}


async def test_records_outlive_the_program(database: str) -> None:
    first = await open_store(database, FixedClock())
    writes = [asyncio.ensure_future(first.save_run(run_of(f"run_{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await first.close()  # finishes what is waiting
    await asyncio.gather(*writes)
    with pytest.raises(StorageError, match="closed"):
        await first.save_run(run_of())
    with pytest.raises(StorageError, match="closed"):
        await first.run("run_1")
    second = await open_store(database, FixedClock())
    assert len((await second.runs(limit=50)).runs) == 20
    await second.close()


async def test_old_keys_are_forgotten_and_claims_without_a_tile_sooner(store: SqlRecordStore) -> None:
    def claim(key: str, created_ms: int) -> IdempotencyRecord:
        return IdempotencyRecord(key=key, scope="s", body_sha256="ab", created_ms=created_ms)

    for key, created_ms in (("old", 10), ("answered", 60), ("stuck", 60), ("new", 90)):
        assert await store.begin_idempotent(claim(key, created_ms)) is None
    for key in ("old", "answered"):
        await store.finish_idempotent(key, "s", 102, "tile_1")
    assert await store.prune_idempotent(before_ms=50, unanswered_before_ms=80) == 2
    known = {key: await store.begin_idempotent(claim(key, 100)) for key in ("old", "answered", "stuck", "new")}
    assert {key for key, record in known.items() if record is not None} == {"answered", "new"}
