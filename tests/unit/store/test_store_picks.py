"""Picks among pictures, on SQLite and on PostgreSQL."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.store.samples import NOW, picture_of, run_of, tile_of

from triptych.spec.errors import StorageError
from triptych.spec.records import PickRecord, ShownPicture
from triptych.store.records import SqlRecordStore


def pick_of(id_: str = "pick_1", created_ms: int = NOW, **more: Any) -> PickRecord:
    shown = tuple(
        ShownPicture(endpoint=f"maker/{name}", family=name, tile_id=f"tile_{name}", picture_id=f"img_{name}")
        for name in ("one", "two", "three")
    )
    values: dict[str, Any] = {
        "run_id": "run_1",
        "task": "generate",
        "question": "prettier",
        "blind": True,
        "shown": shown,
        "winner": 1,
    }
    return PickRecord(id=id_, created_ms=created_ms, **(values | more))


async def test_picks_come_back_as_they_were_oldest_first(store: SqlRecordStore) -> None:
    first = pick_of("pick_b", NOW)
    second = pick_of("pick_a", NOW + 5, winner=None, rejected=(0, 2), blind=False, question="closer", run_id=None)
    edit = pick_of("pick_c", NOW + 2, task="edit: a face, näher")
    for pick in (second, first, edit):
        await store.save_pick(pick)
    assert await store.picks() == (first, edit, second)
    assert await store.picks(task="generate") == (first, second)
    assert await store.picks(task="upscale") == ()
    assert await store.rejections() == (second,)
    changed = replace(first, winner=0)
    await store.save_pick(changed)
    assert await store.picks(task="generate") == (changed, second)


async def test_picks_of_runs_need_no_run_and_outlive_it(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    picture = picture_of()
    await store.save_tile(tile_of(), [picture])
    mine, other, loose = pick_of("pick_1"), pick_of("pick_2", run_id="run_gone"), pick_of("pick_3", run_id=None)
    for pick in (mine, other, loose):
        await store.save_pick(pick)
    assert await store.picks_of(["run_1", "run_gone", "run_none"]) == {
        "run_1": (mine,), "run_gone": (other,), "run_none": (),
    }  # fmt: skip
    assert await store.picks_of([]) == {}
    assert await store.picks_among([picture.id, picture.id, "img_gone"]) == (mine, loose)
    assert await store.picks_among([]) == (loose,)


async def test_one_pick_is_forgotten_or_all(store: SqlRecordStore) -> None:
    for n in range(3):
        await store.save_pick(pick_of(f"pick_{n}", NOW + n))
    assert await store.delete_pick("pick_1") is True
    assert await store.delete_pick("pick_1") is False
    assert [pick.id for pick in await store.picks()] == ["pick_0", "pick_2"]
    assert await store.delete_picks() == 2
    assert await store.delete_picks() == 0
    assert await store.picks() == ()


async def test_a_broken_task_is_refused_and_nothing_is_kept(store: SqlRecordStore) -> None:
    with pytest.raises(StorageError):
        await store.save_pick(pick_of(task="half \ud800 a pair"))
    assert await store.picks() == ()
