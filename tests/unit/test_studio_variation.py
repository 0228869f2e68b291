"""Pictures that differ without a seed, plans that say how long and how much, and names that nobody knows."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.studio_doubles import FakeModel, bench, model

from triptych.spec.errors import AmbiguousError, UnknownModelError
from triptych.spec.image import UNKNOWN_COST, Cost, ImageRequest
from triptych.spec.model import ModelCard
from triptych.studio.failures import tile_error
from triptych.studio.planning import Asked
from triptych.studio.prompt import read_prompt
from triptych.studio.variation import is_derived, varied


def painter(name: str = "demo/aurora", typical: tuple[int, int] | None = (2, 4)) -> FakeModel:
    made = model(name, lane="local", free=True, seed=True)
    made.card = replace(made.card, is_ai=False, typical_seconds=typical)
    return made


def typical(name: str, seconds: tuple[int, int]) -> FakeModel:
    made = model(name)
    made.card = replace(made.card, typical_seconds=seconds)
    return made


def test_a_seed_is_derived_for_all_but_the_first_and_never_over_one_that_was_asked_for() -> None:
    plain, asked = ImageRequest(prompt="x"), ImageRequest(prompt="x", seed=7)
    assert varied(plain, 0) == plain
    seeds = [varied(plain, place).seed for place in (1, 2, 3)]
    assert len(set(seeds)) == 3
    assert seeds == [varied(plain, place).seed for place in (1, 2, 3)]
    assert varied(asked, 2) == asked
    assert is_derived(varied(plain, 2))
    assert not is_derived(asked)
    assert not is_derived(plain)
    assert varied(varied(plain, 2), 3) == varied(plain, 3)


async def test_every_tile_of_a_painter_has_a_seed_of_its_own_and_an_ai_model_has_none(tmp_path: Path) -> None:
    demo, other = painter(), model("a/one", seed=True)
    async with bench(tmp_path, demo, other) as b:
        for _ in range(2):
            run = await b.studio.start(Asked(text="a kettle --repeat 3", models=("demo/aurora", "a/one")))
            await b.studio.wait_run(run.record.id)
        seeds = [request.seed for request in demo.asked]
        assert len(set(seeds[:3])) == 3
        assert set(seeds[:3]) == set(seeds[3:])  # three tiles at once come in any order
        assert None in seeds[:3]
        assert {request.seed for request in other.asked} == {None}


async def test_trying_a_painted_tile_again_gives_another_picture_unless_it_has_a_seed(tmp_path: Path) -> None:
    demo = painter()
    async with bench(tmp_path, demo) as b:
        for text in ("a kettle", "a kettle --seed 5"):
            run = await b.studio.start(Asked(text=text, models=("demo/aurora",)))
            first = await b.studio.wait(run.tiles[0].record.id)
            again = await b.studio.wait((await b.studio.retry(first.record.id)).record.id)
            await b.studio.wait((await b.studio.retry(again.record.id)).record.id)
        plain, seeded = [r.seed for r in demo.asked[:3]], [r.seed for r in demo.asked[3:]]
        assert len(set(plain)) == 3
        assert seeded == [5, 5, 5]


async def test_a_derived_seed_does_not_follow_to_an_ai_model(tmp_path: Path) -> None:
    demo, other = painter(), model("a/one", seed=True)
    async with bench(tmp_path, demo, other) as b:
        run = await b.studio.start(Asked(text="a kettle --n 2", models=("demo/aurora",)))
        await b.studio.wait_run(run.record.id)
        await b.studio.wait((await b.studio.retry(run.tiles[1].record.id, "a/one")).record.id)
        assert [request.seed for request in other.asked] == [None]


async def test_tiles_take_turns_and_the_painters_share_their_places(tmp_path: Path) -> None:
    models = (typical("a/one", (10, 20)), painter(), painter("demo/woodcut", (3, 6)))
    async with bench(tmp_path, *models) as b:

        async def seconds(text: str, *names: str) -> tuple[int, int] | None:
            return (await b.studio.plan(Asked(text=text, models=names))).seconds

        assert await seconds("x --n 8", "a/one") == (10, 20)
        assert await seconds("x --n 9", "a/one") == (20, 40)
        assert await seconds("x", "demo/aurora") == (2, 4)
        assert await seconds("x --n 6", "demo/aurora", "demo/woodcut") == (15, 30)
        assert await seconds("x", "a/one", "demo/aurora") == (10, 20)


async def test_a_plan_names_the_part_of_the_price_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def price(card: ModelCard, request: ImageRequest) -> Cost:
        return UNKNOWN_COST if card.id == "b/two" else Cost(67_000, "table")

    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        monkeypatch.setattr(b.studio.planner, "_price", price)
        body = (await b.studio.plan(Asked(text="x --n 2", models=("a/one", "b/two")))).json
        assert body["total"] == {"amount_micro_usd": None, "source": "unknown"}
        assert (body["known_micro_usd"], body["unknown_count"]) == (134_000, 2)


async def test_too_many_free_pictures_are_free(tmp_path: Path) -> None:
    async with bench(tmp_path, painter()) as b:
        view = await b.studio.plan(Asked(text="{a,b,c,d,e,f,g} {a,b,c,d,e,f,g}", models=("demo/aurora",)))
        assert (view.reason or "").startswith("49 prompts, 49 pictures, free: at most 40 prompts")


async def test_an_impossible_size_says_nothing_of_what_would_be_sent(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one", sizes=("1024x1024",))) as b:
        view = await b.studio.plan(Asked(text="x --size 7777x3 --no dog", models=("a/one",)))
        assert not view.allowed
        assert [plan.adjustments for plan in view.per_model.values()] == [()]


async def test_a_family_and_its_only_endpoint_are_named_once(tmp_path: Path) -> None:
    async with bench(tmp_path, model("demo/aurora", family="demo-aurora"), model("a/one")) as b:
        view = await b.studio.plan(Asked(text="x", models=("demo/aurorra",)))
        assert view.reason == "There is no model named 'demo/aurorra'. Did you mean demo/aurora?"


async def test_what_ended_is_no_short_name_of_what_is_called_alike(tmp_path: Path) -> None:
    async with bench(tmp_path, model("openai/gpt-image-1.5"), model("openai/gpt-image-2.5-sunburst")) as b:
        view = await b.studio.plan(Asked(text="x", models=("gpt-image-1",)))
        assert view.reason == (
            "There is no model “gpt-image-1” any more: it ended on 2026-10-23. Its successor here is openai/gpt-image-2.5-sunburst."
        )


async def test_a_name_of_one_s_own_server_may_be_one_that_ended(tmp_path: Path) -> None:
    async with bench(tmp_path, model("box/dall-e-3", family="box-3")) as b:
        view = await b.studio.plan(Asked(text="x", models=("dall-e-3",)))
        assert tuple(view.per_model) == ("box/dall-e-3",)


async def test_a_caller_of_the_api_is_sent_to_its_list_of_models(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        with pytest.raises(UnknownModelError) as caught:
            await b.studio.start_single(ImageRequest(prompt="x"), model="qqqq")
        assert caught.value.hint == "See GET /v1/models; ready now: a/one."


def test_numbers_are_written_out_and_weights_are_shown() -> None:
    notes = read_prompt("x --seed y").notes
    assert any("from 0 to 4294967295" in note.message for note in notes)
    (chip,) = read_prompt("glass::2 lamp etching::.5").chips
    assert chip.text == "glass::2 lamp etching::0.5"


def test_a_bill_is_warned_of_once() -> None:
    warned = AmbiguousError("Cut off; it may have been billed.", hint="It may have been billed. Look at the list.")
    assert tile_error(warned).hint == "Look at the list."
    bare = tile_error(AmbiguousError("Cut off; it may have been billed."))
    assert bare.hint == "Look at the provider's own page before you retry."
    quiet = tile_error(AmbiguousError("Cut off.", hint="It may have been billed. Look at the list."))
    assert quiet.hint == "It may have been billed. Look at the list."
