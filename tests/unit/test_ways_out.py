"""What providers do seldom, each before its emulator and through the driver that users have."""

import pytest
from tests.emulators import Emulators, Kind, Scenario
from tests.unit.adapter_kit import CARDS, kinds, request
from tests.unit.meeting import met

from triptych.imaging.header import header
from triptych.providers import ADAPTERS
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Cost, ImageRequest, Size


async def fails(emulators: Emulators, vendor: str, model: str, scenario: Scenario) -> errors.TriptychError:
    """The error that a user gets, after one submission."""
    emulator = getattr(emulators, vendor)
    emulator.play(scenario)
    async with met(emulator, CARDS[model]) as model_:
        with pytest.raises(errors.TriptychError) as caught:
            await model_.draw(request("otter"))
    assert len(emulator.submits) == 1
    return caught.value


async def test_an_account_that_is_suspended_is_a_bill_and_no_fault(emulators: Emulators) -> None:
    scenario = Scenario(Kind.NO_CREDIT, variant="suspended")
    found = await fails(emulators, "fireworks", "fireworks/flux.1-schnell-fp8", scenario)
    assert (type(found), found.billed) == (errors.BillingError, "no")
    assert found.message.startswith("Fireworks has suspended this account: Account sunny-hill")
    assert found.hint == "Look at its Billing page: a bill may be open, or the month's limit reached."


@pytest.mark.parametrize("code", ["organization_spend_limit_exceeded", "project_spend_limit_exceeded",
                                  "organization_usage_limit_exceeded", "credit_balance_exhausted"])  # fmt: skip
async def test_a_limit_of_spending_is_not_waited_out(emulators: Emulators, code: str) -> None:
    found = await fails(emulators, "openai", "openai/gpt-image-2", Scenario(Kind.QUOTA, reason=code))
    assert (type(found), found.retryable, found.billed) == (errors.BillingError, False, "no")


async def test_work_that_took_too_long_at_the_provider_is_not_begun_again_by_itself(emulators: Emulators) -> None:
    scenario = Scenario(Kind.JOB_FAULTED, variant="timeout")
    found = await fails(emulators, "fal", "fal/flux.1-dev", scenario)
    assert (type(found), found.retryable, found.billed) == (errors.ProviderFailedError, False, "no")
    assert "nothing was begun" not in found.message


async def test_pictures_that_are_told_one_after_the_other_are_all_waited_for(emulators: Emulators) -> None:
    emulators.replicate.play(Scenario(Kind.PARTIAL, polls=2))
    async with met(emulators.replicate, CARDS["replicate/flux.1-schnell"]) as model:
        made = await model.draw(request("otter", n=3))
    assert (len(made.images), made.failures) == (3, ())
    assert len(emulators.replicate.submits) == 1


@pytest.mark.parametrize(("vendor", "model"), [("openai", "openai/gpt-image-2"), ("minimax", "minimax/image-01")])
async def test_a_list_that_is_too_short_says_what_is_missing(emulators: Emulators, vendor: str, model: str) -> None:
    emulator = getattr(emulators, vendor)
    emulator.play(Scenario(Kind.PARTIAL, fail_indexes=(1,)))
    async with met(emulator, CARDS[model]) as model_:
        made = await model_.draw(request("otter", n=3))
    assert len(made.images) == 2
    assert [(one.code, one.message) for one in made.failures] == [("no_image", "It was not among the pictures.")]


async def test_sd3_writes_no_webp_so_it_is_converted_here(emulators: Emulators) -> None:
    card = CARDS["stability/sd3.5-large"]
    asked = request("otter", output_format="webp")
    assert kinds(ADAPTERS["stability"].build(asked, card))["output_format"] == "emulated"
    async with met(emulators.stability, card) as model:
        made = await model.draw(asked)
    assert header(made.images[0].data).media_type == "image/png"


async def test_flux_takes_a_look_less_processed_where_it_has_the_word(emulators: Emulators) -> None:
    asked = ImageRequest(prompt="otter", knobs={"raw": True}, aspect_ratio=AspectRatio(16, 9))
    async with met(emulators.bfl, CARDS["bfl/flux-pro-1.1-ultra"]) as model:
        assert {note.feature: note.kind for note in model.plan(asked)}["raw"] == "native"
        await model.draw(asked)
    assert emulators.bfl.submits[0].body["raw"] is True
    async with met(emulators.bfl, CARDS["bfl/flux-2-pro"]) as model:
        assert {note.feature: note.kind for note in model.plan(asked)}["raw"] == "unsupported"


@pytest.mark.parametrize(("vendor", "model", "scenario"), [
    ("replicate", "replicate/flux.1-dev", Scenario(Kind.JOB_LOST)), ("replicate", "replicate/flux.1-dev", Scenario(Kind.EMPTY_DATA)),
    ("fal", "fal/flux.1-dev", Scenario(Kind.JOB_LOST)), ("alibaba", "alibaba/wan2.7-image", Scenario(Kind.JOB_LOST)),
    ("bfl", "bfl/flux-2-pro", Scenario(Kind.JOB_LOST)), ("stability", "stability/stable-image-core", Scenario(Kind.SVG_AS_PNG)),
])  # fmt: skip
async def test_no_error_is_without_a_way_out(emulators: Emulators, vendor: str, model: str, scenario: Scenario) -> None:
    found = await fails(emulators, vendor, model, scenario)
    assert found.hint


@pytest.mark.parametrize(("vendor", "model", "kind", "reason"), [
    ("alibaba", "alibaba/qwen-image-3.0", Kind.MODERATION_INPUT, "IPInfringementSuspect"),
    ("replicate", "replicate/flux.1-dev", Kind.JOB_CENSORED, "The request was moderated."),
])  # fmt: skip
async def test_a_refusal_in_other_words_is_no_fault(
    emulators: Emulators, vendor: str, model: str, kind: Kind, reason: str
) -> None:
    found = await fails(emulators, vendor, model, Scenario(kind, reason=reason))
    assert type(found) is errors.BlockedError


@pytest.mark.parametrize("size", [Size(1024, 1024), Size(512, 768)])
async def test_a_price_by_pixels_is_that_of_its_provider(emulators: Emulators, size: Size) -> None:
    async with met(emulators.deepinfra, CARDS["deepinfra/flux-2-klein-4b"]) as model:
        made = await model.draw(request("otter", size=size))
    assert made.cost == Cost(emulators.deepinfra.charged_micro_usd, "table")
