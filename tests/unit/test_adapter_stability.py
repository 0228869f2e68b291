"""Stability AI, against its protocol: forms out, JSON with base64 in."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, png, request

from triptych.providers.stability import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio

CORE, ULTRA, LARGE, INPAINT = (
    CARDS[f"stability/{name}"] for name in ("stable-image-core", "stable-image-ultra", "sd3.5-large", "inpaint")
)


def sent(card: Any, **fields: Any) -> tuple[str, dict[str, bytes]]:
    http = ADAPTER.build(request(**fields), card).http
    assert http.headers == {"Accept": "application/json"}
    return http.url.removeprefix("/v2beta/stable-image/"), {part.name: part.data for part in http.parts}


def test_the_forms_are_exactly_these() -> None:
    prepared = ADAPTER.build(request("an otter", seed=7, negative_prompt="fog", aspect_ratio=AspectRatio(16, 9)), CORE)
    assert kinds(prepared) == {"seed": "native", "negative_prompt": "native", "aspect_ratio": "native"}
    assert sent(CORE, seed=7, negative_prompt="fog", output_format="webp") == ("generate/core", {
        "prompt": b"a steel kettle", "negative_prompt": b"fog", "seed": b"7", "output_format": b"webp", "aspect_ratio": b"1:1",
    })  # fmt: skip
    assert sent(LARGE, images=(picture(),)) == ("generate/sd3", {
        "prompt": b"a steel kettle", "output_format": b"png", "model": b"sd3.5-large", "mode": b"image-to-image",
        "strength": b"0.75", "image": PNG,
    })  # fmt: skip
    _, ultra = sent(ULTRA, images=(picture(),))
    assert "mode" not in ultra
    assert ultra["strength"] == b"0.75"
    path, form = sent(INPAINT, images=(picture(),), mask=picture(png("RGBA", (0, 0, 0, 0))))
    assert (path, form["image"]) == ("edit/inpaint", PNG)
    assert form["mask"].startswith(b"\x89PNG")
    assert "aspect_ratio" not in form


@pytest.mark.parametrize(("asked", "sent_as", "kind"), [
    (0, None, "unsupported"), (1, b"1", "native"), (4_294_967_294, b"4294967294", "native"), (4_294_967_295, b"1", "adjusted"),
])  # fmt: skip
def test_a_seed_that_would_be_any_seed_or_is_too_large_is_not_told_as_sent(
    asked: int, sent_as: bytes | None, kind: str
) -> None:
    prepared = ADAPTER.build(request(seed=asked), CORE)
    _, form = sent(CORE, seed=asked)
    assert (form.get("seed"), kinds(prepared)["seed"]) == (sent_as, kind)


def test_a_shape_beside_a_picture_is_said_to_be_left_out() -> None:
    prepared = ADAPTER.build(request(images=(picture(),), aspect_ratio=AspectRatio(16, 9)), LARGE)
    assert kinds(prepared)["aspect_ratio"] == "unsupported"


@pytest.mark.parametrize(("card", "fields"), [
    (INPAINT, {"mask": picture(png("RGBA"))}), (CORE, {"images": (picture(),)}), (CORE, {"n": 2}),
    (LARGE, {"options": {"stability": {"model": "sd3.5-medium"}}}), (CORE, {"prompt": "x" * 10_001}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(card: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError):
        ADAPTER.build(request(**fields), card)


def test_an_option_replaces_the_strength() -> None:
    _, form = sent(LARGE, images=(picture(),), options={"stability": {"strength": 0.4, "style_preset": "anime"}})
    assert (form["strength"], form["style_preset"]) == (b"0.4", b"anime")


def test_the_picture_and_its_seed() -> None:
    result = done(ADAPTER, answer({"image": B64, "finish_reason": "SUCCESS", "seed": 343940597}), CORE.id)
    [made] = result.images
    assert (getattr(made, "data", None), made.seed) == (PNG, 343940597)


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    ({"image": B64, "finish_reason": "CONTENT_FILTERED", "seed": 1}, 200, errors.BlockedError, "unknown"),
    ({"finish_reason": "SUCCESS", "seed": 1}, 200, errors.EmptyAnswerError, "unknown"),
    ({"name": "content_moderation", "errors": ["flagged by our content moderation system"]}, 403, errors.BlockedError, "no"),
    ({"name": "unauthorized", "errors": ["missing"]}, 401, errors.AuthError, "no"),
    ({"name": "payment_required", "errors": ["no credits"]}, 402, errors.BillingError, "no"),
    ({"name": "bad_request", "errors": ["seed: must be"]}, 400, errors.RejectedError, "no"),
    ({"name": "rate_limit_exceeded", "errors": ["slow"]}, 429, errors.RateLimitedError, "no"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), CORE.id)
    assert (type(error), error.billed) == (kind, billed)
    assert error.retry_after_s == (60.0 if status == 429 else None)


def test_the_key_check_says_what_is_left() -> None:
    assert (
        ADAPTER.parse_check(answer({"credits": 250.5}, step="check")).message
        == "The key works; 250.5 credits are left."
    )
