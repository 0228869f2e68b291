"""A plan's sums are of what really starts; what cannot is named with its reason, and is sent nowhere."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.studio_doubles import FakeModel, bench, model

from triptych.router.budget import Caps
from triptych.spec.errors import BadRequestError
from triptych.spec.image import UNKNOWN_COST, Adjustment, Cost, ImageRequest
from triptych.studio.planning import Asked

PRICE = 67_000


class Squeamish(FakeModel):
    """Draws no red thing."""

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        if "red" in request.prompt:
            raise BadRequestError("Nothing red.", param="prompt")
        return (Adjustment("seed", "adjusted", "another one"),)


def squeamish(name: str) -> Squeamish:
    return Squeamish(model(name).card)


async def test_sums_are_of_what_starts_and_the_rest_has_its_reason(tmp_path: Path) -> None:
    off = model("c/three", operations=("edit",))
    async with bench(tmp_path, model("a/one"), model("b/two"), off, squeamish("d/four")) as b:
        b.registry.without_key.add("b/two")
        asked = Asked(text="a {red, blue, grey} kite --n 2", models=("a/one", "b/two", "c/three", "d/four"))
        view = await b.studio.plan(asked)
        assert {name: (plan.ok, plan.starts, plan.images, plan.reason) for name, plan in view.per_model.items()} == {
            "a/one": (True, 6, 6, None), "b/two": (False, 0, 6, "No key for it."),
            "c/three": (False, 0, 6, "Three only changes pictures, and none is given."), "d/four": (True, 4, 6, "Nothing red."),
        }  # fmt: skip
        assert (view.images, view.total, view.known_micro_usd, view.unknown_count, view.allowed) == (
            10, Cost(10 * PRICE, "table"), 10 * PRICE, 0, True,
        )  # fmt: skip
        assert [item.feature for item in view.per_model["d/four"].adjustments] == ["seed"]
        run = await b.studio.wait_run((await b.studio.start(asked)).record.id)
        assert len(run.tiles) == 24
        assert [tile.record.model for tile in run.tiles if tile.record.state == "done"].count("d/four") == 4
        assert sum(tile.record.state == "done" for tile in run.tiles) == view.images
        assert {tile.record.billed for tile in run.tiles if tile.record.state != "done"} == {"no"}
        spent = await b.studio.spend()
        assert spent["today"]["amount_micro_usd"] == view.known_micro_usd  # type: ignore[index, call-overload]


async def test_a_cap_has_to_hold_only_what_starts(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        asked = Asked(text="kite", models=("a/one", "b/two"))
        b.caps[0] = Caps(day=PRICE)
        assert not (await b.studio.plan(asked)).allowed
        b.registry.without_key.add("b/two")
        assert (await b.studio.plan(asked)).allowed


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"lane_floor": "local"}, "Two is in the lane community; the floor is local."),
        ({"no_community": True}, "Two is drawn by volunteers, and this is not for them."),
    ],
)
async def test_what_a_floor_keeps_out_is_not_counted(tmp_path: Path, more: dict[str, object], reason: str) -> None:
    async with bench(tmp_path, model("a/one", lane="local"), model("b/two", lane="community")) as b:
        asked = replace(Asked(text="kite", models=("a/one", "b/two")), **more)  # type: ignore[arg-type]
        view = await b.studio.plan(asked)
        assert (view.images, view.total, view.per_model["b/two"].reason) == (1, Cost(PRICE, "table"), reason)
        run = await b.studio.wait_run((await b.studio.start(asked)).record.id)
        assert [tile.record.billed for tile in run.tiles] == ["yes", "no"]


async def test_a_plan_of_which_nothing_starts_has_no_price_and_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), squeamish("b/two")) as b:
        b.registry.without_key.add("a/one")
        view = await b.studio.plan(Asked(text="a red kite", models=("a/one", "b/two")))
        assert (view.images, view.total, view.allowed) == (0, UNKNOWN_COST, False)
        assert view.reason == "No key for it. Nothing red."
        with pytest.raises(BadRequestError, match="Nothing red"):
            await b.studio.start(Asked(text="a red kite", models=("a/one", "b/two")))
