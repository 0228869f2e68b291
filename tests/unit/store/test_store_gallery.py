"""The gallery on SQLite and on PostgreSQL: what is found, how it is marked, and how it ends."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete
from tests.unit.store.samples import NOW, picture_of, run_of, tile_of
from tests.unit.store.test_store_picks import pick_of

from triptych.spec.gallery import GallerySearch, Marks, Print
from triptych.spec.image import Cost
from triptych.spec.records import RunRecord
from triptych.store import tables
from triptych.store.records import SqlRecordStore
from triptych.studio.search import read_query

DAY = 86_400_000
MODELS = ("google/gemini-3.1-flash-image", "bytedance/seedream-5", "openai/gpt-image-2")


async def _made(store: SqlRecordStore, name: str, prompt: str, at: int = 0, **more: Any) -> None:
    """A run with one picture in one tile; all three have the same name."""
    run: RunRecord = run_of(f"run_{name}", prompt, NOW + at, settings=more.get("settings", {}))
    request = {"prompt": prompt, "images": [{"sha256": sha, "role": "edit"} for sha in more.get("images", ())]}
    tile = tile_of(f"tile_{name}", run.id, created_ms=NOW + at, state="done", request=request,
                   endpoint=more.get("model", MODELS[0]))  # fmt: skip
    others = [tile_of(f"tile_{name}_2", run.id, position=1, state="failed")] if more.get("failed") else []
    width, height = more.get("size", (1024, 1024))
    cost = more.get("cost")
    picture = picture_of(
        f"img_{name}", tile.id, created_ms=NOW + at, width=width, height=height, sha256=more.get("sha256", f"{name:0<64}"),
        cost=None if cost is None else Cost(cost, "table"),
    )  # fmt: skip
    await store.save_run(run, [tile, *others])
    await store.save_tile(tile, [picture])


@pytest.fixture
async def made(store: SqlRecordStore) -> SqlRecordStore:
    await _made(store, "a1", "a red fox in snow", cost=39_000, size=(1080, 1920))
    await _made(store, "b2", "a blue Café at night", DAY, model=MODELS[1], cost=30_000, settings={"project": "spring"})
    await _made(store, "c3", "a red kettle", 2 * DAY, model=MODELS[2], images=["ab" * 32], failed=True)
    await _made(store, "d4", "狐の絵 fox", 3 * DAY, model=MODELS[1], cost=0, size=(1085, 1920))
    return store


async def _ids(store: SqlRecordStore, query: str = "", **more: Any) -> str:
    page = await store.gallery.page(replace(read_query(query).search, **more))
    assert len(page.entries) == await store.gallery.count(replace(read_query(query).search, **more))
    return " ".join(entry.id.removeprefix("img_") for entry in page.entries)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "d4 c3 b2 a1"),
        ("red", "c3 a1"),
        ("RED fo", "a1"),
        ("cafe", "b2"),
        ('"red kettle"', "c3"),
        ('"kettle red"', ""),
        ("狐", "d4"),
        ("gemini fox", "a1"),
        ("!!!", ""),
        ("model:seedream", "d4 b2"),
        ("model:seedream-5 fox", "d4"),
        ("model:bytedance/seedream", "d4 b2"),
        ("model:dream", ""),
        ("model:gemini model:seedream", ""),
        ("ar:9:16", "d4 a1"),
        ("ar:1:1", "c3 b2"),
        ("cost:>0.03", "a1"),
        ("cost:>=0.03", "b2 a1"),
        ("cost:0", "d4"),
        ("cost:<=0.039 red", "a1"),
        ("project:spring", "b2"),
        ("ref:yes", "c3"),
        ("ref:no", "d4 b2 a1"),
        ("failed:yes", "c3"),
        ("failed:no", "d4 b2 a1"),
        ("kept:no", "d4 c3 b2 a1"),
        ("kept:yes", ""),
        ("stars:0", "d4 c3 b2 a1"),
        ("stars:>0", ""),
        ("stars:>5", ""),
        ("after:2020", "d4 c3 b2 a1"),
        ("before:2020-02", ""),
        ("zs0", ""),
        ("zkopen", ""),
    ],
)
async def test_what_is_found(made: SqlRecordStore, query: str, found: str) -> None:
    assert await _ids(made, query) == found


async def test_days_hashes_and_colours(made: SqlRecordStore) -> None:
    assert await _ids(made, times=((NOW + DAY, NOW + 2 * DAY),)) == "c3 b2"
    assert await _ids(made, times=((NOW + DAY + 1, NOW + 2 * DAY - 1),)) == ""
    assert await _ids(made, references=("abababab",)) == "c3"
    assert await _ids(made, references=("abababac",)) == ""
    await made.gallery.save_print(f"{'a1':0<64}", Print(shape="00ff" * 4, tone="#808080", colours=("zcaaa", "zcbbb")))
    assert await _ids(made, colours=(("zcbbb", "zcddd"),)) == "a1"
    assert await _ids(made, colours=(("zcbbb",), ("zcddd",))) == ""
    assert [id_ for id_, _ in await made.gallery.unseen(10)] == ["img_d4", "img_c3", "img_b2"]
    assert await made.gallery.shapes() == (("img_a1", "00ff" * 4),)
    assert (await made.gallery.entries(["img_a1"]))[0].tone == "#808080"


async def test_pages_follow_each_other_and_may_be_jumped_to(made: SqlRecordStore) -> None:
    first = await made.gallery.page(GallerySearch(), limit=3)
    assert [entry.id for entry in first.entries] == ["img_d4", "img_c3", "img_b2"]
    rest = await made.gallery.page(GallerySearch(), start=first.next_seq, limit=3)
    assert [entry.id for entry in rest.entries] == ["img_a1"]
    assert rest.next_seq is None
    top = first.entries[0].seq
    await _made(made, "e5", "one more red thing", 4 * DAY)
    jumped = await made.gallery.page(read_query("red").search, start=top, skip=1)
    assert [entry.id for entry in jumped.entries] == ["img_a1"]
    assert await made.gallery.count(GallerySearch(), start=top) == 4
    assert await made.gallery.ids(read_query("red").search, 2) == ("img_e5", "img_c3")


async def test_marks_are_searched_and_undone(made: SqlRecordStore) -> None:
    before = await made.gallery.change(
        ["img_a1", "img_c3", "img_none"],
        lambda marks: replace(marks, stars=4, verdict="kept", tags=("Für den Kunden", "v2"), project="autumn"),
    )
    assert before == {"img_a1": Marks(), "img_c3": Marks()}
    for query in ("stars:4", "stars:>=3", "kept:yes", 'tag:"für den kunden"', "tag:V2", "project:autumn", "kunden"):
        assert await _ids(made, query) == "c3 a1", query
    assert await _ids(made, "tag:v stars:4") == ""
    assert await _ids(made, "stars:<4") == "d4 b2"
    assert await made.gallery.tags() == ("Für den Kunden", "v2")
    await made.gallery.save_print(f"{'a1':0<64}", Print(shape="", tone="#000000", colours=("zcaaa",)))
    assert await _ids(made, "kept:yes", colours=(("zcaaa",),)) == "a1"
    assert await made.gallery.restore({**before, "img_none": Marks()}) == 2
    assert await _ids(made, "stars:4") == ""
    assert await _ids(made, colours=(("zcaaa",),)) == "a1"


async def test_a_picture_that_is_saved_again_keeps_its_marks(made: SqlRecordStore) -> None:
    await made.gallery.change(["img_b2"], lambda marks: replace(marks, stars=5, project="mine", tags=("x",)))
    tile, picture = await made.tile("tile_b2"), await made.picture("img_b2")
    assert tile is not None
    assert picture is not None
    await made.save_tile(replace(tile, endpoint=MODELS[0]), [replace(picture, cost=Cost(50_000, "provider"))])
    (entry,) = await made.gallery.entries(["img_b2"])
    assert entry.marks == Marks(stars=5, project="mine", tags=("x",))
    assert await _ids(made, "stars:5 cost:0.05 model:gemini tag:x") == "b2"


async def test_a_blind_row_is_not_there_until_it_was_picked(made: SqlRecordStore) -> None:
    await _made(made, "e5", "a blind red fox", 4 * DAY, settings={"blind": True})
    assert await _ids(made, "blind") == ""
    await made.save_pick(pick_of(run_id="run_e5", winner=None, rejected=(0,)))
    assert await _ids(made, "blind") == ""
    await made.save_pick(pick_of("pick_2", run_id="run_e5"))
    assert await _ids(made, "blind") == "e5"
    await _made(made, "f6", "another blind one", 5 * DAY, settings={"blind": True})
    run = await made.run("run_f6")
    assert run is not None
    assert await _ids(made, "another") == ""
    await made.save_run(replace(run, settings={**run.settings, "opened": True}))
    assert await _ids(made, "another") == "f6"


async def test_the_trash_is_emptied_after_its_time(made: SqlRecordStore) -> None:
    await _made(made, "e5", "the kettle's twin", 4 * DAY, sha256=f"{'c3':0<64}")
    await _made(made, "f6", "made from the fox", 5 * DAY, images=[f"{'a1':0<64}"])
    for name, at in (("a1", 10), ("b2", 20), ("c3", 30), ("d4", 40)):
        await made.gallery.change([f"img_{name}"], lambda marks, at=at: replace(marks, trashed_ms=at))  # type: ignore[misc]
    assert await _ids(made) == "f6 e5"
    assert await _ids(made, "trash:yes") == "d4 c3 b2 a1"
    gone = await made.gallery.purge(40)
    assert gone.pictures == ("img_a1", "img_b2", "img_c3")
    assert gone.hashes == (f"{'b2':0<64}",)  # the fox is a reference elsewhere, the kettle has a twin
    assert await made.picture("img_a1") is None
    assert await made.tile("tile_a1") is not None
    assert await _ids(made, "trash:yes") == "d4"
    assert await made.gallery.adopt(10) == 0
    assert (await made.gallery.purge(40)).pictures == ()


async def test_pictures_of_earlier_versions_are_taken_up(made: SqlRecordStore) -> None:
    await made._writer.call(lambda db: db.execute(delete(tables.gallery)))
    assert await _ids(made) == ""
    assert await made.gallery.adopt(3) == 3
    assert await _ids(made, "project:spring") == "b2"
    assert await made.gallery.adopt(3) == 1
    assert await made.gallery.adopt(3) == 0
    assert await _ids(made) == "d4 c3 b2 a1"
