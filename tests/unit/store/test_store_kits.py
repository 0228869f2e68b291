"""Kits are kept whole, changed in one transaction, and a ballot that comes again takes the place of the one before."""

from dataclasses import replace

import pytest

from triptych.spec.errors import ConflictError
from triptych.spec.kit import BallotRecord, KitFormat, KitRecord, Said, SheetRecord, Shown, Take
from triptych.store.records import SqlRecordStore

TAKE = Take(id="take_1", way="crop", created_ms=5, focus=(250, 750))
SQUARE = KitFormat(id="fmt_1", kind="1x1", ratio="1:1", width=1080, height=1080, takes=(TAKE,), chosen="take_1")
KIT = KitRecord(id="kit_1", created_ms=5, updated_ms=5, name="Kettle", project="spring", picture="img_1",
                template="{format}", formats=(SQUARE,))  # fmt: skip
SHEET = SheetRecord(id="sht_1", kit_id="kit_1", created_ms=6, blind=True, options={"of": "formats"},
                    shown=(Shown(letter="A", picture="img_1", format="fmt_1", take="take_1"),))  # fmt: skip
BALLOT = BallotRecord(id="blt_1", kit_id="kit_1", sheet_id="sht_1", ballot="b" * 16, received_ms=7, client="Ada",
                      comment="", said=(Said(letter="A", vote="yes", rank=1, comment="this"),))  # fmt: skip


async def test_a_kit_comes_back_as_it_was(store: SqlRecordStore) -> None:
    await store.kits.add(KIT)
    assert await store.kits.get("kit_1") == KIT
    assert await store.kits.get("kit_2") is None
    assert await store.kits.all() == (KIT,)
    assert await store.kits.all("img_2") == ()


async def test_a_change_is_whole_or_not_at_all(store: SqlRecordStore) -> None:
    await store.kits.add(KIT)
    changed = await store.kits.change(
        "kit_1", lambda kit: replace(kit, name="Pot", version=kit.version + 1, updated_ms=9)
    )
    assert changed == await store.kits.get("kit_1") == replace(KIT, name="Pot", version=1, updated_ms=9)
    assert await store.kits.change("kit_2", lambda kit: kit) is None

    def refuse(_: KitRecord) -> KitRecord:
        raise ConflictError("no")

    with pytest.raises(ConflictError):
        await store.kits.change("kit_1", refuse)
    assert await store.kits.get("kit_1") == changed


async def test_a_ballot_replaces_the_one_from_the_same_copy(store: SqlRecordStore) -> None:
    await store.kits.add(KIT)
    await store.kits.add_sheet(SHEET)
    assert await store.kits.sheet("sht_1") == SHEET
    assert await store.kits.sheets("kit_1") == (SHEET,)
    await store.kits.save_ballot(BALLOT)
    again = replace(BALLOT, id="blt_2", comment="second thoughts", received_ms=8)
    await store.kits.save_ballot(again)
    other = replace(BALLOT, id="blt_3", ballot="c" * 16, client="Bo", received_ms=9)
    await store.kits.save_ballot(other)
    assert await store.kits.ballots("kit_1") == (again, other)
    assert await store.kits.delete_ballot("kit_1", "blt_3")
    assert not await store.kits.delete_ballot("kit_1", "blt_3")
    assert await store.kits.delete("kit_1")
    assert await store.kits.sheet("sht_1") is None
    assert await store.kits.ballots("kit_1") == ()
    assert not await store.kits.delete("kit_1")
