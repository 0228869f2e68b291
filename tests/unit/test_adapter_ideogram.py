"""Ideogram, against its protocol: forms out, addresses in, black where a picture changes."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.adapter_kit import CARDS, PNG, answer, done, failure, kinds, picture, png, request

from triptych.catalog.price import estimate
from triptych.providers.ideogram import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size

CARD = CARDS["ideogram/ideogram-v3"]
GOOD: dict[str, Any] = {"created": "2026-11-20T04:56:07+00:00", "data": [
    {"url": "https://ideogram.ai/api/images/ephemeral/a.png?exp=1", "prompt": "a steel kettle", "resolution": "1024x1024",
     "is_image_safe": True, "seed": 12345, "style_type": "GENERAL"},
]}  # fmt: skip


def sent(**fields: Any) -> tuple[str, dict[str, bytes]]:
    http = ADAPTER.build(request(**fields), CARD).http
    return http.url.removeprefix("/v1/ideogram-v3/"), {part.name: part.data for part in http.parts}


def test_the_forms_are_exactly_these() -> None:
    assert sent() == ("generate", {
        "prompt": b"a steel kettle", "num_images": b"1", "rendering_speed": b"DEFAULT", "magic_prompt": b"OFF", "aspect_ratio": b"1x1",
    })  # fmt: skip
    prepared = ADAPTER.build(
        request(
            "an otter", n=3, seed=7, negative_prompt="fog", aspect_ratio=AspectRatio(16, 9), quality="high"
        ), CARD
    )  # fmt: skip
    assert {part.name: part.data for part in prepared.http.parts} == {
        "prompt": b"an otter", "num_images": b"3", "rendering_speed": b"QUALITY", "magic_prompt": b"OFF", "aspect_ratio": b"16x9",
        "seed": b"7", "negative_prompt": b"fog",
    }  # fmt: skip
    told = kinds(prepared)
    assert told.pop("quality") == "emulated"  # by another word of the vendor
    assert set(told.values()) == {"native"}


def test_pixels_are_sent_as_one_of_the_offered_sizes_and_never_beside_a_ratio() -> None:
    _, form = sent(size=Size(1312, 736), aspect_ratio=AspectRatio(16, 9))
    assert (form["resolution"], "aspect_ratio" in form) == (b"1312x736", False)
    prepared = ADAPTER.build(request(size=Size(1000, 1000)), CARD)
    assert kinds(prepared)["size"] == "adjusted"


def test_a_picture_is_made_anew_in_its_own_shape() -> None:
    service, form = sent(images=(picture(),))  # 8x6
    assert (service, form["image"], form["resolution"]) == ("remix", PNG, b"1152x864")
    told = ADAPTER.build(request(images=(picture(),)), CARD).adjustments
    assert [(note.feature, note.kind) for note in told] == [("images", "native"), ("size", "adjusted")]
    assert sent(images=(picture(),), aspect_ratio=AspectRatio(1, 1))[1]["aspect_ratio"] == b"1x1"


def test_a_mask_is_black_where_the_picture_changes() -> None:
    mask = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    mask.putpixel((1, 0), (0, 0, 0, 0))
    out = io.BytesIO()
    mask.save(out, format="PNG")
    service, form = sent(images=(picture(),), mask=picture(out.getvalue()), negative_prompt="fog")
    assert service == "inpaint"
    shade = np.asarray(Image.open(io.BytesIO(form["mask"])).convert("L"))
    assert shade.tolist() == [[255, 0, 255, 255], [255, 255, 255, 255]]
    assert not form.keys() & {"negative_prompt", "aspect_ratio", "resolution"}
    prepared = ADAPTER.build(
        request(images=(picture(),), mask=picture(out.getvalue()), negative_prompt="fog", size=Size(640, 1344)), CARD
    )
    assert kinds(prepared) == {
        "images": "native",
        "mask": "native",
        "negative_prompt": "unsupported",
        "size": "unsupported",
    }


def test_pictures_for_their_style_are_sent_as_such() -> None:
    prepared = ADAPTER.build(request(images=(picture(role="style"), picture(role="style"))), CARD)
    assert prepared.http.url.endswith("/generate")
    assert [part.name for part in prepared.http.parts if part.filename] == ["style_reference_images"] * 2
    assert kinds(prepared) == {"images": "native", "roles": "native"}


def test_a_picture_without_a_background_is_another_service_and_costs_more() -> None:
    service, form = sent(background="transparent", aspect_ratio=AspectRatio(16, 9), negative_prompt="fog")
    assert (service, form["aspect_ratio"], form["upscale_factor"]) == ("generate-transparent", b"16x9", b"X1")
    assert kinds(ADAPTER.build(request(background="transparent", size=Size(1312, 736)), CARD))["size"] == "adjusted"
    beside = ADAPTER.build(request(background="transparent", images=(picture(),)), CARD)
    assert (beside.http.url.rpartition("/")[2], kinds(beside)["background"]) == ("remix", "unsupported")
    costs = [estimate(CARD, request(background=wish, quality=quality)).amount_micro_usd
             for wish in (None, "transparent") for quality in ("low", None, "high")]  # fmt: skip
    assert costs == [30_000, 60_000, 90_000, 40_000, 70_000, 100_000]
    assert estimate(CARD, request(background="transparent", images=(picture(),))).amount_micro_usd == 60_000


def test_what_there_is_no_field_for_is_said_to_be_left_out() -> None:
    prepared = ADAPTER.build(request(images=(picture(), picture(role="subject"))), CARD)
    told = {note.feature: note.detail for note in prepared.adjustments}
    assert told["images"].endswith("left out: @img2 (subject)")
    assert [part.name for part in prepared.http.parts if part.filename] == ["image"]


def test_a_seed_that_is_too_large_goes_round() -> None:
    prepared = ADAPTER.build(request(seed=2**31 + 5), CARD)
    assert {part.name: part.data for part in prepared.http.parts}["seed"] == b"5"
    assert kinds(prepared) == {"seed": "adjusted"}


@pytest.mark.parametrize("fields", [
    {"mask": picture(png("RGBA"))}, {"n": 9}, {"options": {"ideogram": {"rendering_speed": "QUALITY"}}},
    {"options": {"ideogram": {"character_reference_images": "x"}}}, {"options": {"ideogram": {"resolution": "1024x1024"}}},
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError):
        ADAPTER.build(request(**fields), CARD)


def test_options_are_written_as_the_form_wants_them() -> None:
    _, form = sent(options={"ideogram": {"magic_prompt": "ON", "color_palette": {"name": "PASTEL"}}})
    assert (form["magic_prompt"], form["color_palette"]) == (b"ON", b'{"name": "PASTEL"}')


def test_the_pictures_their_seeds_and_what_was_held_back() -> None:
    unsafe = {"url": None, "is_image_safe": False, "seed": 1}
    result = done(ADAPTER, answer({**GOOD, "data": [unsafe, *GOOD["data"], {"url": ""}]}), CARD.id)
    [made] = result.images
    assert (made.seed, made.revised_prompt) == (12345, None)
    assert [(one.index, one.code) for one in result.failures] == [(0, "blocked"), (2, "no_image")]
    rewritten = done(ADAPTER, answer(GOOD), CARD.id, request("a kettle"))
    assert rewritten.images[0].revised_prompt == "a steel kettle"


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    ({"data": [{"url": None, "is_image_safe": False}]}, 200, errors.BlockedError, "unknown"),
    ({"data": []}, 200, errors.EmptyAnswerError, "unknown"),
    ({"error": "Prompt provided failed safety check due to …"}, 422, errors.BlockedError, "unknown"),
    ({"error": "Invalid resolution"}, 400, errors.RejectedError, "no"),
    ({"error": "Not authorized"}, 401, errors.AuthError, "no"),
    ({"error": "Insufficient credits"}, 400, errors.BillingError, "no"),
    ({"error": "Too many requests"}, 429, errors.RateLimitedError, "no"),
    ({"error": "x"}, 503, errors.OverloadedError, "no"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), CARD.id)
    assert (type(error), error.billed) == (kind, billed)


def test_a_refusal_keeps_the_providers_own_words() -> None:
    said = "Prompt provided failed safety check due to the inclusion of prohibited content."
    assert failure(ADAPTER, answer({"error": said}, 422), CARD.id).upstream == said


def test_the_key_check() -> None:
    assert ADAPTER.parse_check(answer({"models": []}, step="check")).ok
    assert not ADAPTER.parse_check(answer({"error": "Not authorized"}, 401, step="check")).ok
