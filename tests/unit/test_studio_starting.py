"""A plan's sums are of what really starts; what cannot is named with the router's reason, and is sent nowhere."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.studio_doubles import Bench, FakeModel, bench, model, until

from triptych.router.budget import Caps
from triptych.router.policy import CHEAPEST
from triptych.spec.errors import AuthError, BadRequestError, NotSentError, RateLimitedError
from triptych.spec.image import UNKNOWN_COST, Adjustment, Cost, ImageRequest
from triptych.spec.routing import AllOf, Condition, Policy, Retry
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
        (
            {"lane_floor": "local"},
            "Two (b/two) is below the lane floor of this request. It is in the lane community; the floor is local.",
        ),
        ({"no_community": True}, "Two (b/two) is drawn by volunteers, and this request is not for them."),
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


def only(field: str, op: str, value: object) -> Policy:
    return replace(CHEAPEST, filters=AllOf((Condition(field, op, value),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "policy",
    [
        only("endpoint", "ne", "b/two"), only("provider", "in", ("a",)), only("lane", "ne", "community"),
        only("training", "eq", "no"), only("n", "gt", 1), only("input_images", "gt", 0),
    ],
)  # fmt: skip
async def test_a_plan_leaves_out_what_the_policy_does_in_the_words_of_the_decision(
    tmp_path: Path, policy: Policy
) -> None:
    async with bench(
        tmp_path, model("a/one", lane="local"), model("b/two", lane="community"), policy=policy
    ) as b:  # fmt: skip
        asked = Asked(text="a {red, blue} kite", models=("a/one", "b/two"))
        view = await b.studio.plan(asked)
        two = view.per_model["b/two"]
        assert (two.ok, two.starts, two.reason) == (False, 0, "Two (b/two) is left out by the policy.")
        assert view.images == sum(plan.starts for plan in view.per_model.values())
        if not view.allowed:
            assert view.reason == f"One (a/one) is left out by the policy. {two.reason}"
            return
        assert (view.images, view.known_micro_usd, view.seconds) == (2, 2 * PRICE, (8, 20))
        run = await b.studio.wait_run((await b.studio.start(asked)).record.id)
        said = {tile.record.model: tile.record.error for tile in run.tiles}
        assert said["a/one"] is None
        assert said["b/two"] is not None
        assert said["b/two"].message == two.reason


async def test_the_price_is_of_what_the_policy_lets_in(tmp_path: Path) -> None:
    free, paid = model("a/one", family="it", free=True), model("b/two", family="it")
    async with bench(tmp_path, free, paid, policy=only("endpoint", "ne", "a/one")) as b:
        view = await b.studio.plan(Asked(text="kite", models=("it",)))
        assert view.total == Cost(PRICE, "table")


def broken(b: Bench, endpoint: str, *, seconds: float | None = None) -> None:
    """Its last answers were failures: it is not called for fifteen seconds, or as long as it said itself."""
    error = AuthError("Wrong key.") if seconds is None else RateLimitedError("Too many.", retry_after_s=seconds)
    b.studio._router.health.begin(endpoint, "generate")
    b.studio._router.health.failed(endpoint, "generate", error)


async def test_a_cooldown_that_is_soon_over_is_waited_for_and_said(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        broken(b, "b/two")
        asked = Asked(text="kite", models=("a/one", "b/two"))
        view = await b.studio.plan(asked)
        assert (view.images, view.known_micro_usd, view.seconds) == (2, 2 * PRICE, (23, 35))
        assert [note.message for note in view.notes] == [
            "Two is cooling down after failures; it is waited for, about 15 s."
        ]
        run = await b.studio.start(asked)
        await until(
            lambda: all(b.studio._tiles.get(t.record.id) is None or t.record.model == "b/two" for t in run.tiles)
        )
        waits = next(tile for tile in run.tiles if tile.record.model == "b/two")
        b.clock.advance(16)
        assert (await b.studio.wait(waits.record.id)).record.state == "done"


async def test_a_long_cooldown_is_a_refusal_unless_there_is_another_endpoint(tmp_path: Path) -> None:
    there = (model("a/one"), model("b/two", family="it"), model("c/three", family="it"))
    async with bench(tmp_path, *there) as b:
        broken(b, "b/two", seconds=300)
        view = await b.studio.plan(asked := Asked(text="kite", models=("a/one", "b/two", "it")))
        refused = view.per_model["b/two"]
        assert refused.reason == (
            "Two (b/two) is not called for now, after failures. It may be called again in 300 s. Last: Too many."
        )
        assert (view.images, view.per_model["it"].starts, view.notes) == (2, 1, ())
        run = await b.studio.wait_run((await b.studio.start(asked)).record.id)
        said = {tile.record.model: tile.record.error for tile in run.tiles}
        assert said["b/two"] is not None
        assert said["b/two"].message == refused.reason
        assert said["it"] is None
        b.clock.advance(301)
        assert (await b.studio.plan(asked)).images == 3


async def test_a_policy_that_tries_once_waits_for_nothing(tmp_path: Path) -> None:
    policy = replace(CHEAPEST, retry=Retry(max_attempts=1))
    async with bench(tmp_path, model("a/one"), policy=policy) as b:
        broken(b, "a/one")
        view = await b.studio.plan(Asked(text="kite", models=("a/one",)))
        assert (view.images, view.allowed) == (0, False)
        with pytest.raises(BadRequestError, match="again in 15 s"):
            await b.studio.start(Asked(text="kite", models=("a/one",)))


async def test_a_budget_in_the_prompt_keeps_out_what_has_no_price(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        b.unpriced.add("b/two")
        view = await b.studio.plan(Asked(text="kite --budget 1", models=("a/one", "b/two")))
        reason = "Nobody knows what this costs here, and there is a spending cap for this run."
        assert (view.images, view.per_model["b/two"].reason) == (1, reason)
        run = await b.studio.wait_run(
            (await b.studio.start(Asked(text="kite --budget 1", models=("a/one", "b/two")))).record.id
        )
        assert [tile.record.error.message for tile in run.tiles if tile.record.error] == [reason]


async def test_what_never_left_is_in_question_again_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        b.studio._router.health.begin("a/one", "generate")
        b.studio._router.health.failed("a/one", "generate", NotSentError("No line."))
        view = await b.studio.plan(Asked(text="kite", models=("a/one",)))
        assert (view.images, view.notes) == (1, ())
