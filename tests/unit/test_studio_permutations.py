"""Permutations from the text to the tiles: counted after nesting, priced before, refused whole when they are too many."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import bench, model

from triptych.spec.errors import BadRequestError
from triptych.studio.planning import MOST_TILES, Asked

FOUR = tuple(f"m/{name}" for name in "abcd")
NESTED = "{Clay, charcoal} study of a {fox {on a wall, in the snow}, horse {at a gate, under a tree}}."


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a {red, blue, green} kite over a {beach, rooftop}", 6),
        (NESTED, 8),  # 2 x (2 + 2), and not 2 x 2 x 2 x 2
        ("{a, b {c, d {e, f}}} kite", 4),
        ("kite --ar {3:2, 1:1} --s {1, 2, 3}", 6),
        ('poster "{not, two}"', 1),
        ("{one} kite", 1),
    ],
)
async def test_what_is_planned_is_what_is_started(tmp_path: Path, text: str, prompts: int) -> None:
    async with bench(tmp_path, *map(model, FOUR)) as b:
        asked = Asked(text=text, models=FOUR)
        plan: Any = (await b.studio.plan(asked)).json
        assert (plan["prompts"], plan["images"], plan["allowed"]) == (prompts, prompts * 4, True)
        assert (plan["known_micro_usd"], plan["unknown_count"]) == (prompts * 4 * 67_000, 0)
        assert plan["total"] == {"amount_micro_usd": prompts * 4 * 67_000, "source": "table"}
        assert (await b.studio.runs()).runs == ()
        run = await b.studio.start(asked)
        assert len(run.tiles) == prompts * 4
        asked_for = {(tile.record.model, str(sorted(tile.record.request.items(), key=str))) for tile in run.tiles}
        assert len(asked_for) == prompts * 4  # every combination once
        await b.studio.wait_run(run.record.id)
        spent: Any = await b.studio.spend()
        assert spent["today"]["amount_micro_usd"] == prompts * 4 * 67_000


async def test_nested_options_reach_the_models_as_whole_prompts(tmp_path: Path) -> None:
    one = model("m/a")
    async with bench(tmp_path, one) as b:
        run = await b.studio.start(Asked(text=NESTED, models=("m/a",)))
        await b.studio.wait_run(run.record.id)
        prompts = {request.prompt for request in one.asked}
        assert len(prompts) == 8
        assert "Clay study of a fox in the snow." in prompts
        assert "charcoal study of a horse under a tree." in prompts


async def test_eight_models_and_68_prompts_are_refused_whole_with_the_number_and_the_price(tmp_path: Path) -> None:
    names = tuple(f"m/{name}" for name in "abcdefgh")
    async with bench(tmp_path, *map(model, names)) as b:
        asked = Asked(text=f"a {{{', '.join(f'w{n}' for n in range(68))}}} kite", models=names)
        plan = await b.studio.plan(asked)
        assert (plan.prompts, plan.images, plan.allowed) == (68, 544, False)
        assert plan.reason is not None
        assert plan.reason.startswith(
            "68 prompts, 544 pictures, about $36.448: at most 40 prompts are started at once."
        )
        with pytest.raises(BadRequestError):
            await b.studio.start(asked)
        assert (await b.studio.runs()).runs == ()
        assert (await b.store.unfinished_tiles()) == ()


async def test_many_models_of_a_few_prompts_have_a_limit_too(tmp_path: Path) -> None:
    async with bench(tmp_path, *map(model, FOUR)) as b:
        text = f"a {{{', '.join(f'w{n}' for n in range(30))}}} kite --n 4"
        plan = await b.studio.plan(Asked(text=text, models=FOUR))
        assert (plan.images, plan.allowed) == (480, False)
        assert f"at most {MOST_TILES} pictures" in (plan.reason or "")


async def test_a_count_beyond_every_number_is_said_and_not_made(tmp_path: Path) -> None:
    async with bench(tmp_path, model("m/a")) as b:
        plan = await b.studio.plan(Asked(text="{a, b, c, d, e, f, g, h, i, j}" * 40, models=("m/a",)))
        assert plan.allowed is False
        assert (plan.reason or "").startswith("More than 10^30 prompts")
