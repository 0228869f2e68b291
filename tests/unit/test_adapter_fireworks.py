"""Fireworks, against its protocol: a picture as it is, and a header that says what the filter held back."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request

from triptych.providers.fireworks import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size

CARD = CARDS["fireworks/flux.1-schnell-fp8"]


def test_the_request_is_exactly_this() -> None:
    prepared = ADAPTER.build(request(aspect_ratio=AspectRatio(9, 21), seed=7), CARD)
    assert prepared.http.url == "/workflows/accounts/fireworks/models/flux-1-schnell-fp8/text_to_image"
    assert prepared.http.json == {
        "prompt": "a steel kettle",
        "aspect_ratio": "9:21",
        "seed": 7,
        "num_inference_steps": 4,
    }
    assert prepared.http.headers == {"Accept": "image/png"}
    assert set(kinds(prepared).values()) == {"native"}


def test_what_the_model_has_not_is_said() -> None:
    prepared = ADAPTER.build(request(seed=0, size=Size(1024, 512), output_format="webp"), CARD)
    assert kinds(prepared) == {"seed": "unsupported", "size": "adjusted", "output_format": "emulated"}
    body: Any = prepared.http.json
    assert "seed" not in body


@pytest.mark.parametrize("fields", [
    {"images": (picture(),)}, {"n": 2}, {"options": {"fireworks": {"aspect_ratio": "3:2"}}},
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARD)
    assert caught.value.param


def test_a_picture_comes_as_it_is_or_in_a_list() -> None:
    raw = done(ADAPTER, answer(PNG, headers={"finish-reason": "SUCCESS", "seed": "9", "x-request-id": "r1"}), CARD.id)
    assert (getattr(raw.images[0], "data", None), raw.images[0].seed, raw.provider_request_id) == (PNG, 9, "r1")
    listed = done(
        ADAPTER, answer({"base64": [f"data:image/png;base64,{B64}"], "finishReason": "SUCCESS", "seed": 5}), CARD.id
    )
    assert (getattr(listed.images[0], "data", None), listed.images[0].seed) == (PNG, 5)


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    ({"error": {"message": "Unauthorized"}}, 401, errors.AuthError, "no"),
    ({"error": {"message": "Payment required"}}, 402, errors.BillingError, "no"),
    ({"error": {"message": "Model not found"}}, 404, errors.ModelUnavailableError, "no"),
    (b"upstream connect error", 503, errors.OverloadedError, "no"),
    ({"base64": [], "finishReason": "SUCCESS"}, 200, errors.EmptyAnswerError, "unknown"),
    ({"base64": [B64], "finishReason": "CONTENT_FILTERED"}, 200, errors.BlockedError, "unknown"),
    (b"", 200, errors.EmptyAnswerError, "unknown"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), CARD.id)
    assert (type(error), error.billed) == (kind, billed)


def test_a_filtered_picture_is_no_picture() -> None:
    held = answer(PNG, headers={"finish-reason": "CONTENT_FILTERED"})
    assert type(failure(ADAPTER, held, CARD.id)) is errors.BlockedError


def test_the_key_check() -> None:
    assert ADAPTER.parse_check(answer({"data": []}, step="check")).ok
    assert not ADAPTER.parse_check(answer({"error": {"message": "Unauthorized"}}, 401, step="check")).ok
