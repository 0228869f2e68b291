"""Families of tiles: found in a few queries whatever their size, with what was spent and said of their branches."""

from sqlalchemy import event
from tests.unit.store.samples import NOW, picture_of, run_of, tile_of

from triptych.spec.lineage import KeyVisual, TileMarks
from triptych.spec.records import LedgerEntry, Parent, PickRecord, ShownPicture, TileRecord
from triptych.store.records import SqlRecordStore

DAY = "2026-11-21"


def child(id_: str, of: str, run: str = "run_1", **more: object) -> TileRecord:
    return tile_of(id_, run, parent=Parent(tile=of, picture=f"pic_{of}"), **more)


async def pay(store: SqlRecordStore, tile: str, amount: int, *, known: bool = True) -> None:
    held = LedgerEntry(id=f"led_{tile}_r", reservation=f"res_{tile}", kind="reserve", amount_micro_usd=amount,
                       known=True, created_ms=NOW, day=DAY, run_id="run_1", tile_id=tile)  # fmt: skip
    assert await store.reserve(held, {}) is None
    paid = LedgerEntry(id=f"led_{tile}_s", reservation=f"res_{tile}", kind="settle", amount_micro_usd=amount,
                       known=known, created_ms=NOW, day=DAY, run_id="run_1", tile_id=tile)  # fmt: skip
    assert await store.close_reservation(paid)


async def test_a_family_is_found_from_any_of_its_tiles(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of("a"), tile_of("b", position=1), tile_of("z", position=2)])
    await store.save_run(run_of("run_2"), [child("c", "a", "run_2"), child("d", "c", "run_2", position=1)])
    again = tile_of("e", "run_2", position=2, retry_of="d")
    await store.add_tiles([again])
    await pay(store, "a", 40_000)
    await pay(store, "d", 5_000, known=False)
    for tile in ("a", "c", "d", "e"):
        family = await store.lineage.family(tile, 100)
        assert family.whole
        assert [(link.tile, link.origin, link.depth) for link in family.links] == [
            ("a", None, 0), ("c", "a", 1), ("d", "c", 2), ("e", "d", 3),
        ]  # fmt: skip
        assert [(link.spent_micro_usd, link.unknown) for link in family.links] == [(40_000, 0), (0, 0), (0, 1), (0, 0)]
    assert [link.tile for link in (await store.lineage.family("b", 100)).links] == ["b"]
    assert (await store.lineage.family("nothing", 100)).links == ()
    assert await store.lineage.first("e") == "a"
    assert await store.lineage.first("nothing") is None


async def test_a_tile_whose_origin_is_gone_is_the_first_of_its_family(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [child("b", "gone"), child("c", "b", position=1)])
    assert [link.tile for link in (await store.lineage.family("c", 9)).links] == ["b", "c"]


async def test_a_blind_run_is_veiled_until_it_is_picked_in(store: SqlRecordStore) -> None:
    await store.save_run(run_of(settings={"blind": True}), [tile_of("a")])
    assert [link.veiled for link in (await store.lineage.family("a", 9)).links] == [True]
    shown = ShownPicture(endpoint="x/y", family="y", tile_id="a", picture_id="pic_a")
    pick = PickRecord(id="pick_1", created_ms=NOW, run_id="run_1", task="generate", question="prettier", blind=True,
                      shown=(shown, shown), winner=0)  # fmt: skip
    await store.save_pick(pick)
    assert [link.veiled for link in (await store.lineage.family("a", 9)).links] == [False]


async def test_ten_thousand_tiles_are_read_in_two_queries(store: SqlRecordStore) -> None:
    first = tile_of("t0")
    others = [child(f"t{n}", f"t{(n - 1) // 3}", position=n) for n in range(1, 10_000)]
    await store.save_run(run_of(), [first, *others])
    asked: list[str] = []
    engine = store._engines.reader
    event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    family = await store.lineage.family("t9999", 10_000)
    assert len(family.links) == 10_000
    assert family.whole
    assert len([sql for sql in asked if "tiles" in sql]) == 3  # the first tile, its family, what was spent
    cut = await store.lineage.family("t9999", 100)
    assert len(cut.links) == 100
    assert not cut.whole


async def test_what_is_said_of_a_branch_comes_back(store: SqlRecordStore) -> None:
    lineage = store.lineage
    assert await lineage.mark("a", pinned=True) == TileMarks()
    assert await lineage.mark("a", pruned=True) == TileMarks(pinned=True)
    await store.save_run(run_of(), [tile_of("a"), child("b", "a", position=1)])
    assert [(link.pinned, link.pruned) for link in (await lineage.family("b", 9)).links] == [
        (True, True),
        (False, False),
    ]
    one = KeyVisual(scope="family:a", tile="a", picture="pic_1", chosen_ms=1)
    other = KeyVisual(scope="family:a", tile="b", picture="pic_2", chosen_ms=2)
    assert await lineage.choose_key(one) is None
    assert await lineage.choose_key(other) == one
    assert await lineage.keys() == (other,)
    assert await lineage.keys_among(["a", "b"]) == {"pic_2"}
    assert await lineage.drop_key("family:a") == other
    assert await lineage.drop_key("family:a") is None


async def test_pictures_that_were_started_from_lead_to_who_made_them(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of("a"), tile_of("b", position=1)])
    await store.save_tile(tile_of("a"), [picture_of("pic_a", "a", sha256="aa" * 32)])
    await store.save_tile(tile_of("b", position=1), [picture_of("pic_b", "b", sha256="aa" * 32, created_ms=NOW + 5)])
    assert await store.lineage.made(["aa" * 32, "bb" * 32]) == {"aa" * 32: ("a", "pic_a")}
    assert set(await store.lineage.tiles(["a", "q"])) == {"a"}
    assert set(await store.lineage.runs(["run_1", "q"])) == {"run_1"}
