"""Grids: any setting as an axis, the model too; priced and judged cell by cell before anything is started."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import Bench, FakeModel, bench, model, picture

from triptych.router.budget import Caps
from triptych.spec.errors import BadRequestError, BudgetError, UnknownModelError
from triptych.studio.grid import Axis, Grids, axis_of
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.views import RunView

ONE, TWO = "a/one", "b/two"
MODELS = Axis(kind="model", values=(ONE, TWO))


@pytest.fixture
def models() -> tuple[FakeModel, FakeModel]:
    return model(ONE), model(TWO, operations=("generate",))


@pytest.fixture
async def b(tmp_path: Path, models: tuple[FakeModel, FakeModel]) -> AsyncIterator[Bench]:
    async with bench(tmp_path, *models) as made:
        yield made


def grids(b: Bench) -> Grids:
    return Grids(b.studio, b.clock)


async def ended(b: Bench, run: RunView) -> Any:
    return (await b.studio.wait_run(run.record.id)).json


async def test_a_model_a_setting_and_words_cross(b: Bench, models: tuple[FakeModel, FakeModel]) -> None:
    asked = Asked(text="a steel kettle at dawn --s 50", models=(ONE,))
    axes = (MODELS, Axis(kind="parameter", name="ar", values=("1:1", "4:5")),
            Axis(kind="words", name="steel kettle", values=("steel kettle", "clay pot")))  # fmt: skip
    plan: Any = (await grids(b).plan(asked, axes)).json
    assert (len(plan["cells"]), plan["images"], plan["allowed"]) == (8, 8, True)
    assert (plan["known_micro_usd"], plan["unknown_count"]) == (8 * 67_000, 0)
    assert [axis["label"] for axis in plan["axes"]] == ["Model", "--ar", "“steel kettle”"]
    assert plan["axes"][0]["labels"] == ["One", "Two"]
    assert plan["seconds"] == [8, 20]
    assert not models[0].asked
    assert not models[1].asked

    run = await ended(b, await grids(b).start(asked, axes))
    assert run["settings"]["batch"] is True
    cells = run["settings"]["grid"]["cells"]
    by_place = {tile["position"]: tile for tile in run["tiles"]}
    seen = {tuple(cell["at"]): by_place[cell["tiles"][0]] for cell in cells}
    assert seen[1, 0, 1]["model"] == TWO
    assert seen[1, 0, 1]["prompt"] == "a clay pot at dawn"
    assert [round(seen[0, place, 0]["ratio"], 2) for place in (0, 1)] == [1.0, 0.8]
    assert len(models[0].asked) == len(models[1].asked) == 4
    assert {request.knobs["stylize"] for request in models[0].asked} == {50}


async def test_what_a_model_cannot_do_is_said_before_and_left_out(
    b: Bench, models: tuple[FakeModel, FakeModel]
) -> None:
    shot = await b.studio.upload(picture())
    asked = Asked(text="the same at night", models=(ONE,), images=(PictureRef(sha256=shot.sha256, role="edit"),))
    axes = (MODELS, Axis(kind="pictures", values=("none", "1")))
    plan: Any = (await grids(b).plan(asked, axes)).json
    reasons = {tuple(cell["at"]): cell["reason"] for cell in plan["cells"]}
    assert reasons == {(0, 0): None, (0, 1): None, (1, 0): None, (1, 1): "Two takes no pictures."}
    assert plan["images"] == 3
    run = await ended(b, await grids(b).start(asked, axes))
    assert len(run["tiles"]) == 3
    kept = {tuple(cell["at"]): (cell["tiles"], cell["reason"]) for cell in run["settings"]["grid"]["cells"]}
    assert kept[1, 1] == ([], "Two takes no pictures.")
    assert sorted(len(request.images) for request in models[0].asked) == [0, 1]


async def test_a_value_nobody_can_read_greys_its_own_cells_only(b: Bench) -> None:
    axes = (Axis(kind="parameter", name="seed", values=("1", "soon")),)
    plan: Any = (await grids(b).plan(Asked(text="a kite --stlye raw", models=(ONE,)), axes)).json
    assert [cell["ok"] for cell in plan["cells"]] == [True, False]
    assert "--seed" in plan["cells"][1]["reason"]


async def test_a_switch_is_an_axis_too(b: Bench, models: tuple[FakeModel, FakeModel]) -> None:
    axes = (
        Axis(kind="parameter", name="tile", values=("on", "off")),
        Axis(kind="parameter", name="s", values=("", "9")),
    )
    await ended(b, await grids(b).start(Asked(text="a kite", models=(ONE,)), axes))
    assert sorted((dict(request.knobs) for request in models[0].asked), key=str) == [
        {"stylize": 9}, {"tile": True, "stylize": 9}, {"tile": True}, {},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "axes", "words"),
    [
        ("a kite", (), "1 to 3 axes"),
        ("a kite", (Axis(kind="parameter", name="sty1e", values=("1",)),), "There is no parameter --sty1e"),
        ("a kite", (Axis(kind="parameter", name="n", values=("1", "2")),), "about the whole run"),
        ("a kite", (Axis(kind="parameter", name="s", values=("1 --n 9",)),), "holds another parameter"),
        ("a kite", (Axis(kind="words", name="boat", values=("a", "b")),), "“boat” is not in the prompt"),
        ("a kite", (Axis(kind="pictures", values=("1",)),), "numbers from 1 to 0"),
        ("a kite", (MODELS, MODELS), "Two axes are about Model"),
        ("a kite", (Axis(kind="parameter", name="ar", values=("1:1",)),
                    Axis(kind="parameter", name="aspect", values=("4:5",))), "Two axes are about --aspect"),
        ("a kite", (Axis(kind="parameter", name="s", values=()),), "has no values"),
        ("a kite --blind", (MODELS,), "cannot be blind"),
    ],
)  # fmt: skip
async def test_axes_that_mean_nothing(b: Bench, text: str, axes: tuple[Axis, ...], words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        await grids(b).plan(Asked(text=text, models=(ONE,)), axes)


async def test_many_models_and_no_axis_for_them(b: Bench) -> None:
    with pytest.raises(BadRequestError, match="make the model an axis"):
        await grids(b).plan(Asked(text="x", models=(ONE, TWO)), (Axis(kind="parameter", name="s", values=("1",)),))
    with pytest.raises(UnknownModelError):
        await grids(b).plan(Asked(text="x"), (Axis(kind="model", values=("nobody",)),))


async def test_braces_are_no_second_grid_inside_of_a_cell(b: Bench) -> None:
    plan: Any = (await grids(b).plan(Asked(text="a {red, blue} kite"), (MODELS,))).json
    assert (plan["allowed"], plan["images"]) == (False, 0)
    assert "Take them out, or make them an axis." in plan["reason"]


async def test_the_explosion_is_refused_before_a_cell_is_read(b: Bench) -> None:
    axes = (Axis(kind="parameter", name="s", values=tuple(str(n) for n in range(8))),
            Axis(kind="parameter", name="seed", values=tuple(str(n) for n in range(40))), MODELS)  # fmt: skip
    with pytest.raises(BadRequestError, match="640 cells: at most 400"):
        await grids(b).plan(Asked(text="x"), axes)


async def test_the_total_counts_against_the_caps(b: Bench) -> None:
    b.caps[0] = Caps(day=3 * 67_000)
    asked, axes = Asked(text="x"), (MODELS, Axis(kind="parameter", name="seed", values=("1", "2")))
    plan: Any = (await grids(b).plan(asked, axes)).json
    assert plan["allowed"] is False
    assert "of the day's $0.201 there is $0.201 left" in plan["reason"]
    with pytest.raises(BudgetError):
        await grids(b).start(asked, axes)
    assert (await b.studio.runs()).runs == ()


async def test_several_pictures_a_cell(b: Bench) -> None:
    run = await ended(b, await grids(b).start(Asked(text="x --n 2"), (MODELS,)))
    assert [cell["tiles"] for cell in run["settings"]["grid"]["cells"]] == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "body", [{}, {"kind": "colour"}, {"kind": "model", "values": "x"}, {"kind": "words", "values": [], "name": 7}]
)
def test_what_is_no_axis(body: dict[str, object]) -> None:
    with pytest.raises(BadRequestError) as raised:
        axis_of(body)
    assert raised.value.param == "axes"


def test_an_axis_is_read_with_or_without_its_dashes() -> None:
    assert axis_of({"kind": "parameter", "name": "--ar", "values": [" 4:5 "]}) == Axis(
        kind="parameter", name="ar", values=("4:5",)
    )
