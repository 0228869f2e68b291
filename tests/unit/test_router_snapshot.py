from dataclasses import replace
from typing import Any

import pytest
from tests.unit.router_doubles import PRICE, FakeModel, Stage, card

from triptych.router.features import features_of
from triptych.router.parts import Part, split
from triptych.router.policy import CHEAPEST
from triptych.router.snapshot import take
from triptych.spec.errors import (
    BadRequestError,
    BudgetError,
    ModelUnavailableError,
    NotConfiguredError,
    OverloadedError,
    TriptychError,
)  # fmt: skip
from triptych.spec.image import Adjustment, ImageRequest, InputImage, Size
from triptych.spec.routing import EndpointState, Retry

PICTURE = InputImage(data=b"x", media_type="image/png", sha256="0" * 64, width=8, height=8)


def edit(count: int = 1, **changes: Any) -> ImageRequest:
    return ImageRequest(prompt="a secret", images=(PICTURE,) * count, **changes)


def seen(model: FakeModel, request: ImageRequest, asked: str = "a") -> EndpointState:
    stage = Stage([model])
    sight = take(
        stage.registry.endpoints(), request, features_of(request, asked), CHEAPEST,
        health=stage.router.health, price=stage.price, taken_ms=stage.clock.now_ms(),
    )  # fmt: skip
    return sight.snapshot.endpoints[0]


def test_features_hold_counts_and_sizes_and_never_the_prompt() -> None:
    features = features_of(edit(2, n=3, mask=PICTURE, size=Size(2000, 1000)), "a", lane_floor="pinned")
    assert (features.operation, features.n, features.input_images, features.mask) == ("edit", 3, 2, True)
    assert (features.megapixels_x100, features.lane_floor) == (200, "pinned")
    assert features_of(ImageRequest(prompt="p", resolution="2k"), "a").megapixels_x100 == 419
    assert features_of(ImageRequest(prompt="p"), "a").megapixels_x100 == 104
    assert "secret" not in repr(features)


@pytest.mark.parametrize(
    ("changes", "request_", "reason"),
    [
        ({"retires": "2026-09-21"}, ImageRequest(prompt="p"), "retired"),
        ({"caps": {"operations": ("generate",)}}, edit(), "operation_unsupported"),
        ({}, edit(mask=PICTURE), "mask_unsupported"),
        ({}, edit(4), "too_many_inputs"),
    ],
)
def test_what_the_card_rules_out(changes: dict[str, Any], request_: ImageRequest, reason: str) -> None:
    assert seen(FakeModel(card(**changes)), request_).supports == (reason,)


def test_what_the_card_allows() -> None:
    assert seen(FakeModel(card(retires="2026-09-22")), edit(3)).supports == ()
    assert seen(FakeModel(card(caps={"mask": True})), edit(mask=PICTURE)).supports == ()


def test_a_named_model_may_leave_pictures_out_because_it_says_so() -> None:
    assert seen(FakeModel(card()), edit(4), asked="one/a").supports == ()
    assert seen(FakeModel(card(caps={"max_input_images": 0})), edit(1), asked="one/a").supports == ("too_many_inputs",)


def test_an_emulated_mask_is_a_mask() -> None:
    model = FakeModel(card())
    model.adjustments = (Adjustment("mask", "emulated", "blended afterwards"),)
    assert seen(model, edit(mask=PICTURE)).supports == ()
    model.adjustments = (Adjustment("mask", "unsupported", "left out"),)
    assert seen(model, edit(mask=PICTURE)).supports == ("mask_unsupported",)


@pytest.mark.parametrize(
    ("param", "reason"),
    [
        ("size", "size_unsupported"),
        ("image", "request_unsupported"),
        ("mask", "mask_unsupported"),
        ("prompt", "request_unsupported"),
    ],
)
async def test_a_model_s_own_refusal_is_the_reason_and_the_error(param: str, reason: str) -> None:
    model = FakeModel(card())
    model.plan_error = BadRequestError("Not like this.", param=param)
    assert seen(model, ImageRequest(prompt="p")).supports == (reason,)
    with pytest.raises(BadRequestError, match="Not like this") as caught:
        await Stage([model]).run()
    assert caught.value.param == param


def test_the_price_is_for_all_calls_and_latency_is_the_card_s_until_measured() -> None:
    model = FakeModel(card(typical_seconds=(8, 20), caps={"max_images_per_call": 3}))
    state = seen(model, ImageRequest(prompt="p", n=7))
    assert (state.price_micro_usd, state.latency_ms) == (7 * PRICE, 8000)
    assert seen(FakeModel(card(), price=None), ImageRequest(prompt="p", n=2)).price_micro_usd is None


def test_other_models_are_not_asked() -> None:
    model = FakeModel(card())
    model.plan_error = BadRequestError("never looked at")
    state = seen(model, ImageRequest(prompt="p"), asked="b")
    assert (state.supports, state.price_micro_usd) == ((), None)


def test_splitting_keeps_what_fits_and_counts_seeds_up() -> None:
    part = Part(2, ImageRequest(prompt="p", n=5, seed=10))
    assert split(part, card(caps={"max_images_per_call": 5})) == (part,)
    parts = split(part, card(caps={"max_images_per_call": 2}))
    assert [(p.offset, p.request.n, p.request.seed) for p in parts] == [(2, 2, 10), (4, 2, 12), (6, 1, 14)]
    assert {p.request.seed for p in split(Part(0, ImageRequest(prompt="p", n=2)), card())} == {None}


@pytest.mark.parametrize(
    ("changes", "options", "error", "param"),
    [
        ({}, {"max_price_micro_usd": PRICE - 1}, BudgetError, None),
        ({}, {"lane_floor": "attested"}, BadRequestError, "lane_floor"),
        ({"retires": "2020-01-01"}, {}, ModelUnavailableError, "model"),
        ({"caps": {"operations": ("generate",)}}, {"request": edit()}, BadRequestError, "model"),
        ({}, {"request": edit(mask=PICTURE)}, BadRequestError, "mask"),
    ],
)
async def test_each_reason_has_its_error(
    changes: dict[str, Any], options: dict[str, Any], error: type[TriptychError], param: str | None
) -> None:
    model = FakeModel(card(**changes))
    with pytest.raises(error) as caught:
        await Stage([model]).run(**options)
    assert caught.value.param == param
    assert "One/A" in caught.value.message
    assert model.submitted == []


async def test_a_switched_off_endpoint_says_why() -> None:
    stage = Stage([FakeModel(card())])
    stage.registry.set("one/a", enabled=False, reason="Switch the community lane on first.")
    with pytest.raises(NotConfiguredError, match="Switch the community lane on"):
        await stage.run()


async def test_the_candidate_nearest_to_success_gives_the_error() -> None:
    stage = Stage([FakeModel(card("one/a", retires="2020-01-01")), FakeModel(card("two/a"))])
    for _ in range(5):
        stage.router.health.begin("two/a", "generate")
        stage.router.health.failed("two/a", "generate", OverloadedError("Full."))
    with pytest.raises(OverloadedError) as caught:
        await stage.run(model="a", policy=replace(CHEAPEST, retry=Retry(wait_limit_s=5)))
    assert "Full." in caught.value.message
    assert caught.value.retry_after_s == 30
    assert caught.value.detail == "Others: one/a was retired by its provider."


async def test_stored_attempts_give_the_first_health() -> None:
    stage = Stage([FakeModel(card())])
    stage.store.samples["one/a"] = ((5000, True),)
    await stage.router.load_health()
    (view,) = stage.router.health_view()
    assert (view.endpoint, view.operation, view.latency_ms, view.state) == ("one/a", "generate", 5000, "grey")
