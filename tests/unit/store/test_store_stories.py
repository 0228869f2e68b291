"""What receipts need not read back: only what is certain to be in the database, and the same as is read there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.store.samples import FixedClock, attempt_of, decision_of, run_of, tile_of

from triptych.spec.errors import StorageError
from triptych.spec.records import PictureRecord, TileRecord
from triptych.store.receipts import Facts, ReceiptRecord
from triptych.store.records import SqlRecordStore
from triptych.store.stories import Stories

RUN, TILE = run_of(), tile_of()


class Keeper:
    """Makes no receipts, and keeps what they would have been made of."""

    signer = "key"

    def __init__(self) -> None:
        self.facts: list[Facts] = []

    def make(self, _tile: TileRecord, _pictures: Sequence[PictureRecord], facts: Facts) -> ReceiptRecord | None:
        self.facts.append(facts)
        return None

    def made(self) -> None: ...


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlRecordStore]:
    opened = await SqlRecordStore.open(f"sqlite:///{tmp_path}/records.db", FixedClock())
    yield opened
    await opened.close()


async def _live(store: SqlRecordStore) -> None:
    await store.save_run(RUN, [TILE])
    await store.save_decision(decision_of("dec_2", 20), TILE.id, None)
    await store.save_decision(decision_of("dec_1", 10), TILE.id, None)
    await store.save_attempt(attempt_of("att_2", number=2), replace(TILE, state="sent"))
    await store.save_attempt(attempt_of("att_1", number=1))
    await store.save_attempt(attempt_of("att_2", number=2, outcome="done"))


async def test_a_receipt_is_made_of_the_same_facts_as_are_read(store: SqlRecordStore) -> None:
    store.receipts.maker = keeper = Keeper()
    await _live(store)
    assert store.receipts.stories.told(TILE.id) is not None
    await store.save_tile(replace(TILE, state="done"))
    assert store.receipts.stories.told(TILE.id) is None
    await store.save_tile(replace(TILE, state="done"))
    told, read = keeper.facts
    assert told == read
    assert [one.id for one in told.attempts] == ["att_1", "att_2"]
    assert [one.id for one in told.decisions] == ["dec_1", "dec_2"]
    assert told.attempts[1].outcome == "done"


async def test_what_another_process_wrote_before_a_restart_is_read(store: SqlRecordStore, tmp_path: Path) -> None:
    await _live(store)
    other = await SqlRecordStore.open(f"sqlite:///{tmp_path}/records.db", FixedClock())
    other.receipts.maker = keeper = Keeper()
    await other.save_attempt(attempt_of("att_3", number=3))
    await other.save_tile(replace(TILE, state="done"))
    await other.close()
    assert [one.id for one in keeper.facts[0].attempts] == ["att_1", "att_2", "att_3"]


async def test_after_a_write_that_failed_it_is_read(store: SqlRecordStore) -> None:
    store.receipts.maker = keeper = Keeper()
    await _live(store)
    with pytest.raises(StorageError):
        await store.save_attempt(attempt_of("att_3", number=3, endpoint="half a pair \ud800"))
    assert store.receipts.stories.told(TILE.id) is None
    await store.save_tile(replace(TILE, state="done"))
    assert [one.id for one in keeper.facts[0].attempts] == ["att_1", "att_2"]


async def test_a_run_that_was_changed_is_read(store: SqlRecordStore) -> None:
    store.receipts.maker = keeper = Keeper()
    await _live(store)
    await store.save_run(replace(RUN, settings={"nonce": "abc"}))
    await store.save_tile(replace(TILE, state="done"))
    run = keeper.facts[0].run
    assert run is not None
    assert run.settings == {"nonce": "abc"}


def test_a_write_under_way_is_waited_for_by_nobody() -> None:
    stories = Stories()
    stories.begin(RUN, [TILE])
    with stories.writing(TILE.id):
        assert stories.told(TILE.id) is None
    assert stories.told(TILE.id) is not None
    with pytest.raises(KeyboardInterrupt), stories.writing(TILE.id):
        raise KeyboardInterrupt
    assert stories.told(TILE.id) is None


def test_there_are_not_too_many() -> None:
    stories = Stories()
    for number in range(3000):
        stories.begin(RUN, [tile_of(f"tile_{number}")])
    told = [number for number in range(3000) if stories.told(f"tile_{number}") is not None]
    assert told == list(range(3000 - len(told), 3000))
    assert 0 < len(told) < 3000
