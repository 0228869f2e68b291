"""Picks in the studio: what is kept of one, what is refused, what is learned, forgotten and handed on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import Bench, bench, model, picture

from triptych.app.votes import vote
from triptych.spec.errors import BadRequestError, NotFoundError, StorageError, TriptychError
from triptych.spec.records import PickRecord
from triptych.studio.picks import MIXED, AskedPick, Picks
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.ranking import PRIOR_SD
from triptych.studio.terms import tile_nonce

ONE, TWO, THREE = "a/one", "b/two", "c/one-again"


def three() -> tuple[Any, ...]:
    return model(ONE, family="one"), model(TWO, family="two"), model(THREE, family="one")


async def shown(b: Bench, text: str, *models: str, images: Sequence[PictureRef] = ()) -> list[str]:
    """A run's pictures, by id, in the order of its tiles."""
    run = await b.studio.start(Asked(text=text, models=models, images=tuple(images)))
    done = await b.studio.wait_run(run.record.id)
    return [each.id for tile in done.tiles for each in tile.pictures]


async def test_a_pick_is_kept_with_what_is_known_of_its_pictures(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        pictures = await shown(b, "a kettle --blind", ONE, TWO)
        kept = await picks.save(AskedPick(pictures=tuple(pictures), winner=1, question="closer", blind=True))
        tiles = (await b.studio.run(kept.run_id or "")).tiles
        assert [each.tile_id for each in kept.shown] == [tile.record.id for tile in tiles]
        assert [(each.endpoint, each.family, each.picture_id) for each in kept.shown] == [
            (ONE, "one", pictures[0]), (TWO, "two", pictures[1])
        ]  # fmt: skip
        assert (kept.task, kept.question, kept.blind, kept.winner) == ("generate", "closer", True, 1)
        assert kept.created_ms == b.clock.now_ms()
        assert await picks.all() == (kept,)
        assert await Picks(b.store, b.registry, b.clock).all() == (kept,)


async def test_pictures_of_several_runs_and_tasks_may_be_compared(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        upload = await b.studio.upload(picture())
        blind, open_ = await shown(b, "a kettle --blind", ONE), await shown(b, "a pot", TWO)
        edit = await shown(b, "make it red", TWO, images=[PictureRef(sha256=upload.sha256)])
        kept = await picks.save(AskedPick(pictures=(*blind, *open_), winner=None, rejected=(0,), blind=True))
        assert (kept.run_id, kept.blind, kept.task) == (None, False, "generate")
        assert (await picks.save(AskedPick(pictures=(*blind, *edit), winner=0))).task == MIXED
        assert (await picks.save(AskedPick(pictures=(*blind, *edit), winner=0, task="edit"))).task == "edit"


async def test_makers_that_are_gone_keep_their_names(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        pictures = await shown(b, "a kettle", ONE, TWO)
        del b.registry.models[ONE]
        picks = Picks(b.store, b.registry, b.clock)
        kept = await picks.save(AskedPick(pictures=tuple(pictures), winner=0))
        assert [each.family for each in kept.shown] == ["one", "two"]
        await picks.forget_all()
        del b.registry.models[TWO]
        ranking = await picks.ranking("generate")
        assert [each.model for each in ranking.ranking.models] == ["one"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pictures": 1}, "pictures"),
        ({"winner": 2}, "winner"),
        ({"winner": -1}, "winner"),
        ({"winner": None}, "winner"),
        ({"rejected": (1,)}, "winner"),
        ({"winner": None, "rejected": (0, 0)}, "rejected"),
        ({"winner": None, "rejected": (2,)}, "rejected"),
    ],
)
async def test_what_is_no_pick_is_refused_by_its_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    async with bench(tmp_path, *three()) as b:
        pictures = await shown(b, "a kettle", ONE, TWO)
        picks = Picks(b.store, b.registry, b.clock)
        asked = AskedPick(pictures=tuple(pictures), winner=0)
        if change.get("pictures"):
            change = {"pictures": (pictures[0],) * 2}
        with pytest.raises(BadRequestError) as refused:
            await picks.save(replace(asked, **change))
        assert refused.value.param == field
        with pytest.raises(NotFoundError):
            await picks.save(replace(asked, pictures=(pictures[0], "img_none")))
        assert await picks.all() == ()


async def test_taste_follows_what_is_picked_and_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        await picks.load()
        assert picks.taste("generate") == {}
        pictures = tuple(await shown(b, "a kettle", ONE, TWO, THREE))
        kept = await picks.save(AskedPick(pictures=pictures, winner=1))
        taste = dict(picks.taste("generate"))
        assert set(taste) == {"one", "two"}
        assert taste["two"][0] == -taste["one"][0] > 0
        assert 0 < taste["two"][1] < PRIOR_SD
        assert picks.taste("edit") == {}
        started_later = Picks(b.store, b.registry, b.clock)
        await started_later.load()
        assert started_later.taste("generate") == taste
        await picks.forget(kept.id)
        assert picks.taste("generate") == {}
        with pytest.raises(NotFoundError):
            await picks.forget(kept.id)


async def test_what_is_switched_off_teaches_nothing_and_is_kept_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock, learn=False)
        await picks.load()
        pictures = tuple(await shown(b, "a kettle", ONE, TWO))
        await picks.save(AskedPick(pictures=pictures, winner=0))
        assert picks.taste("generate") == {}
        view = await picks.ranking("generate")
        assert (view.json["learning"], view.json["verdict"], view.json["picks"]) == (False, "leaning", 1)
        assert await picks.forget_all() == 1
        assert await picks.forget_all() == 0


async def test_the_ranking_names_every_model_and_is_about_one_question(tmp_path: Path) -> None:
    async with bench(tmp_path, *three(), model("d/unseen")) as b:
        picks = Picks(b.store, b.registry, b.clock)
        pictures = tuple(await shown(b, "a kettle", ONE, TWO))
        await picks.save(AskedPick(pictures=pictures, winner=0))
        await picks.save(AskedPick(pictures=pictures, winner=1, question="closer"))
        prettier, closer = await picks.ranking("generate"), await picks.ranking("generate", "closer")
        rows: Any = prettier.json["models"]
        assert [(row["model"], row["name"], row["wins"], row["comparisons"]) for row in rows] == [
            ("one", "One", 1, 1), ("two", "Two", 0, 1), ("unseen", "Unseen", 0, 0)
        ]  # fmt: skip
        assert rows[0]["endpoints"] == [ONE, THREE]
        assert (prettier.json["tasks"], prettier.json["question"], prettier.json["counts"]) == (
            ["generate"], "prettier", "prettier"
        )  # fmt: skip
        assert closer.ranking.models[0].model == "two"
        assert (closer.json["question"], closer.json["counts"], closer.json["picks"]) == ("closer", "prettier", 1)
        assert (await picks.ranking("upscale")).json["verdict"] == "none"


async def test_the_router_and_the_order_go_by_one_question_that_can_be_chosen(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        pictures = tuple(await shown(b, "a kettle", ONE, TWO))
        await picks.save(AskedPick(pictures=pictures, winner=0))
        alone = dict(picks.taste("generate"))
        await picks.save(AskedPick(pictures=pictures, winner=1, question="closer"))
        assert picks.taste("generate") == alone
        await picks.switch(ordering=True)
        assert (picks.question, picks.in_order([TWO, ONE])) == ("prettier", [ONE, TWO])
        await picks.switch(question="closer")
        assert picks.switches == {"learning": True, "ordering": True, "question": "closer"}
        assert picks.taste("generate")["two"] == alone["one"]
        assert picks.in_order([ONE, TWO]) == [TWO, ONE]
        assert (await picks.ranking("generate")).json["question"] == "closer"
        later = Picks(b.store, b.registry, b.clock)
        await later.load()
        assert (later.switches, later.taste("generate")) == (picks.switches, picks.taste("generate"))


async def test_the_same_look_again_takes_the_place_of_the_earlier_pick(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks, other_tab = Picks(b.store, b.registry, b.clock), Picks(b.store, b.registry, b.clock)
        pictures = tuple(await shown(b, "a kettle", ONE, TWO))
        elsewhere = tuple(await shown(b, "a pot", TWO))
        out = await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(0,)))
        await picks.save(AskedPick(pictures=pictures, winner=0))
        b.clock.advance(0.001)
        closer = await picks.save(AskedPick(pictures=pictures, winner=0, question="closer"))
        b.clock.advance(0.001)
        wider = await picks.save(AskedPick(pictures=(*pictures, *elsewhere), winner=2))
        b.clock.advance(0.001)
        last = await other_tab.save(AskedPick(pictures=(pictures[1], pictures[0]), winner=0))
        assert await picks.all() == (out, closer, wider, last)
        assert await picks.answered(pictures) == (out, closer, last)
        assert await picks.answered((*elsewhere, *pictures)) == (wider,)
        b.clock.advance(0.001)
        again = await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(0,)))
        other = await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(1,)))
        assert await picks.answered(pictures) == (closer, last, *sorted((again, other), key=lambda pick: pick.id))
        assert await picks.picked((*pictures, *elsewhere, "img_gone")) == {
            pictures[0]: ["closer"], pictures[1]: ["prettier"], elsewhere[0]: ["prettier"], "img_gone": []
        }  # fmt: skip


async def test_what_is_picked_of_a_veiled_row_is_told_with_its_makers(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        blind, seen = tuple(await shown(b, "a kettle --blind", ONE, TWO)), tuple(await shown(b, "a pot", ONE))
        mixed = await picks.save(AskedPick(pictures=(*blind, *seen), winner=0))
        assert await picks.picked(blind) == {blind[0]: [], blind[1]: []}  # until the row is opened, as that pick does
        for run in await picks.blind_runs(mixed):
            await b.studio.open(run)
        assert await picks.picked(blind) == {blind[0]: ["prettier"], blind[1]: []}


async def test_what_is_not_rejected_any_more_does_not_count_as_rejected(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        pictures = tuple(await shown(b, "a kettle", ONE, TWO, THREE))
        won = await picks.save(AskedPick(pictures=pictures, winner=2))
        both = await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(0, 1)))
        assert await picks.let_go([pictures[2], "img_gone"]) is False
        assert await picks.let_go([pictures[0]]) is True
        assert set(await picks.all()) == {won, replace(both, rejected=(1,))}
        assert await picks.let_go([pictures[1]]) is True
        assert await picks.all() == (won,)


async def test_each_pick_is_handed_on_and_a_failure_there_loses_none(tmp_path: Path) -> None:
    told: list[PickRecord] = []
    faults: list[TriptychError] = []

    async def publish(pick: PickRecord) -> None:
        told.append(pick)
        if faults:
            raise faults.pop()

    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock, publish=publish)
        pictures = tuple(await shown(b, "a secret kettle", ONE, TWO))
        first = await picks.save(AskedPick(pictures=pictures, winner=0))
        faults.append(StorageError("The disk is full."))
        b.clock.advance(0.001)
        second = await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(1,)))
        assert told == [first, second]
        assert await picks.all() == (replace(first, statement=None), second)
        assert "statement" not in str(await picks.pages([second]))
        await Picks(b.store, b.registry, b.clock, publish=publish).load()  # what could not be told is told later
        assert told == [first, second, second]
        assert [pick.statement for pick in await picks.all()] == [None, None]
        said = vote(second)
        assert said == {
            "day": "2027-01-15", "task": "generate", "question": "prettier", "blind": False,
            "shown": [{"endpoint": ONE, "family": "one"}, {"endpoint": TWO, "family": "two"}],
            "winner": None, "rejected": [1],
        }  # fmt: skip
        for private in (first.run_id, second.id, *pictures, *(each.tile_id for each in first.shown), "secret"):
            assert str(private) not in str(said)


async def test_a_rejection_in_a_blind_row_is_handed_on_once_the_row_is_open(tmp_path: Path) -> None:
    told: list[str] = []

    async def publish(pick: PickRecord) -> None:
        told.append(pick.id)

    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock, publish=publish)
        opened, picked, forgotten, silent = [
            tuple(await shown(b, f"kettle {n} --blind", ONE, TWO)) for n in range(4)
        ]  # fmt: skip
        kept = [
            await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(0,), blind=True))
            for pictures in (opened, picked, forgotten, silent)
        ]
        later = Picks(b.store, b.registry, b.clock, publish=publish)
        await later.load()  # a start changes nothing
        await later.forget(kept[2].id)
        assert told == []
        await b.studio.open(kept[0].run_id or "")
        await later.load()
        assert told == [kept[0].id]
        b.clock.advance(0.001)
        won = await later.save(AskedPick(pictures=picked, winner=1, blind=True))
        assert told == [kept[0].id, kept[1].id, won.id]
        await b.studio.open(kept[2].run_id or "")
        await b.studio.open(kept[3].run_id or "")
        await Picks(b.store, b.registry, b.clock).load()  # switched off when it is opened: it stays here for good
        await later.load()
        assert told == [kept[0].id, kept[1].id, won.id]


async def test_a_blind_row_tells_which_picture_was_picked(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        picks = Picks(b.store, b.registry, b.clock)
        hidden = tuple(await shown(b, "a kettle --blind", ONE, TWO))
        seen = tuple(await shown(b, "a kettle", ONE, TWO))
        for pictures in (hidden, seen):
            await picks.save(AskedPick(pictures=pictures, winner=None, rejected=(0,)))
        rows = [run.json["picked"] for run in (await b.studio.runs()).runs]
        assert rows == [None, None]
        for pictures in (hidden, seen):
            await picks.save(AskedPick(pictures=pictures, winner=1))
        b.clock.advance(0.001)
        await picks.save(AskedPick(pictures=hidden, winner=0))
        rows = [run.json["picked"] for run in (await b.studio.runs()).runs]
        assert rows == [None, hidden[0]]


async def test_the_nonce_of_a_run_is_mixed_for_each_tile_and_stays_with_it(tmp_path: Path) -> None:
    async with bench(tmp_path, *three()) as b:
        given, other = "ab" * 16, "cd" * 16
        run = await b.studio.start(Asked(text="a kettle", models=(ONE, TWO)), nonce=given)
        done = await b.studio.wait_run(run.record.id)
        added = await b.studio.add_model(run.record.id, THREE, other)
        again = await b.studio.retry(done.tiles[0].record.id, confirm=True, nonce=other)
        plain = await b.studio.retry(done.tiles[1].record.id, confirm=True)
        for tile in (*added, again, plain):
            await b.studio.wait(tile.record.id)
        expected = [tile_nonce(nonce, place) for place, nonce in enumerate((given, given, other, other, given))]
        tiles = (await b.studio.run(run.record.id)).tiles
        assert [tile.record.nonce for tile in tiles] == expected
        assert len(set(expected)) == 5
        for tile, nonce in zip(tiles, expected, strict=True):
            (decision,) = await b.store.decisions_of(tile.record.id)
            assert (decision.nonce, decision.nonce_from) == (nonce, "client")
        settings: Any = run.json["settings"]
        assert settings["nonce"] == given
        without = await b.studio.start(Asked(text="a kettle", models=(ONE,)))
        await b.studio.wait_run(without.record.id)
        (decision,) = await b.store.decisions_of(without.tiles[0].record.id)
        assert (without.tiles[0].record.nonce, decision.nonce_from) == (None, "router")


def test_a_tiles_nonce_can_be_worked_out_by_hand() -> None:
    """printf 'triptych-tile-nonce/1\\nabab\\n7' | sha256sum | cut -c1-32"""
    assert tile_nonce("abab", 7) == "7b980831d143add75f065c1f196ce533"
