"""The gallery on SQLite and on PostgreSQL: what is found, how it is marked, and how it ends."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, delete, text
from tests.unit.store.samples import NOW, picture_of, run_of, tile_of
from tests.unit.store.test_store_picks import pick_of

from triptych.spec.drift import WatchRecord
from triptych.spec.gallery import ByTime, Marks, Order, Place, Print, Watched
from triptych.spec.image import Cost
from triptych.spec.lineage import KeyVisual
from triptych.spec.records import RunRecord
from triptych.store import gallery, tables
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
    await store.save_run(replace(run, deleted="watch" in run.settings), [tile, *others])
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
        ("z", ""),
        ('"red fox"', "a1"),
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


async def test_key_visuals_and_what_drift_checks_made(made: SqlRecordStore) -> None:
    await made.lineage.choose_key(KeyVisual(scope="project:spring", tile="tile_b2", picture="img_b2", chosen_ms=NOW))
    await made.drift.save_watch(WatchRecord(id="wat_1", name="Foxes", created_ms=NOW, texts=("fox",), models=MODELS))
    await _made(made, "w5", "a fox", 4 * DAY, settings={"watch": "wat_1", "check": "chk_1"})
    await _made(made, "w6", "a fox", 5 * DAY, settings={"watch": "wat_2", "check": "chk_2"})
    await _made(made, "n7", 'say "watch":"wat_1"', 6 * DAY)
    for query, found in {
        "keyvisual:yes": "b2", "keyvisual:no cafe": "", "keyvisual:no red": "c3 a1", "drift:yes": "w6 w5", "drift:no fox": "d4 a1",
        "drift:wat_1": "w5", "drift:chk_2 fox": "w6", "drift:chk_9": "", "drift:yes keyvisual:yes": "",
    }.items():  # fmt: skip
        assert await _ids(made, query) == found, query
    entries = await made.gallery.entries(["img_w5", "img_w6", "img_n7"])
    told = [entry.watch for entry in entries]
    assert told == [
        Watched(watch="wat_1", name="Foxes", check="chk_1"), Watched(watch="wat_2", name="a watch", check="chk_2"), None
    ]  # fmt: skip


ORDERS: list[tuple[Order, str]] = [
    ("newest", "d4 c3 b2 a1"), ("oldest", "a1 b2 c3 d4"), ("stars", "b2 c3 a1 d4"), ("cost", "a1 b2 d4 c3"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "found"), ORDERS)
@pytest.mark.parametrize("words", ["", "stars:>=0"])  # without words, and with such as the index of words answers
@pytest.mark.parametrize("some", [1_000, 0])  # fetched and sorted, or walked in their order
async def test_every_order_has_pages_that_nothing_moves(
    made: SqlRecordStore, monkeypatch: pytest.MonkeyPatch, order: Order, found: str, words: str, some: int
) -> None:
    monkeypatch.setattr(gallery, "_SOME", some)
    await made.gallery.restore({"img_b2": Marks(stars=5), "img_c3": Marks(stars=2), "img_a1": Marks(stars=2)})
    search, names = replace(read_query(words).search, order=order), [f"img_{name}" for name in found.split()]
    assert " ".join([each.id.removeprefix("img_") for each in (await made.gallery.page(search)).entries]) == found
    first = await made.gallery.page(search, limit=3)
    assert [each.id for each in first.entries] == names[:3]
    rest = await made.gallery.page(search, start=first.next, limit=3)
    assert ([each.id for each in rest.entries], rest.next) == (names[3:], None)
    await _made(made, "e5", "a fox that comes meanwhile", 4 * DAY, cost=30_000)
    jumped = await made.gallery.page(search, start=first.start, skip=1, limit=2)
    assert [each.id for each in jumped.entries] == names[1:3]
    assert await made.gallery.ids(search, 3, start=first.start, skip=1) == tuple(names[1:])[:3]
    assert await made.gallery.count(search, start=first.start) == 4 + (order == "oldest")  # those come at its end
    by_time = order in get_args(ByTime)
    assert await made.gallery.count(search, start=rest.start) == (1 + (order == "oldest") if by_time else 4)
    assert (await made.gallery.page(search, start=first.start, skip=9)).entries == ()
    assert (await made.gallery.page(replace(search, trashed=True))).start is None


@pytest.mark.parametrize(("order", "found"), ORDERS)
@pytest.mark.parametrize("query", ["red", "failed:yes", "trash:yes red"])
async def test_what_is_looked_for_comes_in_every_order(
    made: SqlRecordStore, order: Order, found: str, query: str
) -> None:
    marks = {"img_b2": Marks(stars=5), "img_c3": Marks(stars=2), "img_a1": Marks(stars=2)}
    await made.gallery.restore(
        {id_: replace(each, trashed_ms=9 if "trash" in query else None) for id_, each in marks.items()}
    )
    search = replace(read_query(query).search, order=order)
    there = {"red": "a1 c3", "failed:yes": "c3", "trash:yes red": "a1 c3"}[query]
    wanted = [f"img_{name}" for name in found.split() if name in there]
    assert [each.id for each in (await made.gallery.page(search)).entries] == wanted


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


async def test_a_failure_that_is_thrown_away_makes_no_row_a_failed_one(made: SqlRecordStore) -> None:
    tiles = made.gallery.tiles
    await made.gallery.restore({"img_a1": Marks(tags=("kept",))})
    assert (await _ids(made, "failed:yes"), await _ids(made, "failed:yes red")) == ("c3", "c3")
    thrown = await tiles.throw("tile_c3_2", 10)
    assert thrown is not None
    assert thrown.trashed_ms == 10
    assert await tiles.throw("tile_c3_2", 20) == thrown
    assert await tiles.throw("tile_none", 20) is None
    assert (await _ids(made, "failed:yes"), await _ids(made, "failed:yes red")) == ("", "")
    assert await _ids(made, "failed:no red") == "c3 a1"
    taken = await tiles.throw("tile_c3_2", None)
    assert taken is not None
    assert taken.trashed_ms is None
    assert await _ids(made, "failed:yes") == "c3"
    await tiles.throw("tile_c3_2", 30)
    assert (await tiles.hide(30), await tiles.hide(31), await tiles.hide(31)) == (0, 1, 0)
    gone = await made.tile("tile_c3_2")
    assert gone is not None
    assert (gone.hidden, gone.state) == (True, "failed")


@pytest.mark.parametrize("query", ["failed:yes", "keyvisual:yes", "drift:yes", "trash:yes", "cost:>0.9", "ar:9:16"])
async def test_the_few_are_found_without_a_walk_through_all(made: SqlRecordStore, query: str) -> None:
    """SQLite's own words on how it goes about it: sqlite.org/eqp.html."""

    def told(db: Connection) -> list[str]:
        search = read_query(f"{query} fox").search
        found = (gallery._places(db, search, None), gallery._counted(db, search, None))
        plain = [str(one.compile(db, compile_kwargs={"literal_binds": True})) for one in found]
        return [line for sql in plain for *_, line in db.execute(text(f"EXPLAIN QUERY PLAN {sql}".replace(":", r"\:")))]

    if made._engines.reader.dialect.name == "sqlite":
        lines = await made._read(told)
        assert [line for line in lines if "gallery USING INTEGER PRIMARY KEY" in line] == [], lines  # row by row


@pytest.mark.parametrize("newest", [1, 2, 3, 4])
async def test_words_are_looked_for_among_the_newest_first(
    made: SqlRecordStore, monkeypatch: pytest.MonkeyPatch, newest: int
) -> None:
    monkeypatch.setattr(gallery, "_NEWEST", newest)
    all_red = (await made.gallery.page(read_query("red").search)).entries
    assert [entry.id for entry in all_red] == ["img_c3", "img_a1"]
    for limit, skip, start, found, rest in (
        (1, 0, None, "c3", "a1"), (1, 1, None, "a1", None), (2, 0, None, "c3 a1", None), (1, 2, None, "", None),
        (1, 0, Place(seq=all_red[1].seq), "a1", None),
    ):  # fmt: skip
        page = await made.gallery.page(read_query("red").search, limit=limit, skip=skip, start=start)
        assert " ".join(entry.id[4:] for entry in page.entries) == found
        at = next((entry.seq for entry in all_red if entry.id == f"img_{rest}"), None)
        assert (page.next and page.next.seq) == at
    assert await _ids(made, "fox") == await _ids(made, "fo")


async def test_pictures_of_earlier_versions_are_taken_up(made: SqlRecordStore) -> None:
    await made._writer.call(lambda db: db.execute(delete(tables.gallery)))
    assert await _ids(made) == ""
    assert await made.gallery.adopt(3) == 3
    assert await _ids(made, "project:spring") == "b2"
    assert await made.gallery.adopt(3) == 1
    assert await made.gallery.adopt(3) == 0
    assert await _ids(made) == "d4 c3 b2 a1"


_KEY = "cat-Me_7fX"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cat", ""), ("me", ""), ("7fx", ""), ("model:cat", ""), ("model:me", ""), ("model:cat-Me_7fX", ""), ("node", "n1 n2"),
        ("schnell", "n1 n2"), ("model:schnell", "n1 n2"), ("model:flux", "n1 n2"), ("model:node", "n1 n2"), ("fox", "n1 n2"),
        (f"model:node/{_KEY}/flux.1-schnell", "n1"), (f"model:NODE/{_KEY}/flux", "n1"),
        ("model:node/dog-Me_7fX/flux.1-schnell", "n2"), ("model:node/owl-Me_7fX/flux.1-schnell", ""),
    ],
)  # fmt: skip
async def test_nothing_is_found_by_the_letters_of_a_node_s_key(store: SqlRecordStore, query: str, found: str) -> None:
    await _made(store, "n1", "a fox", model=f"node/{_KEY}/flux.1-schnell")
    await _made(store, "n2", "a fox", model="node/dog-Me_7fX/flux.1-schnell")
    assert set((await _ids(store, query)).split()) == set(found.split())
