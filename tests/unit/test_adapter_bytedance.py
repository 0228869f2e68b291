"""Seedream on Ark, against the wire examples of volcengine-ark-runtime 5.0.54. On purpose different: no nulls for what
is not set, and base64 is always asked for."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request

from triptych.provider_kit.adapter import RemoteImage
from triptych.providers.bytedance import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, GeneratedImage, Size
from triptych.spec.price import estimate

PRO, LITE = "bytedance/seedream-5.0-pro", "bytedance/seedream-5.0-lite"
URI = f"data:image/png;base64,{B64}"


def test_the_body_of_a_generation_is_exactly_this() -> None:
    prepared = ADAPTER.build(request("otter", resolution="2k"), CARDS[PRO])
    assert prepared.http.url == "/images/generations"
    assert prepared.http.json == {
        "model": "dola-seedream-5-0-pro-260628", "prompt": "otter", "size": "2K", "response_format": "b64_json",
        "watermark": False,
    }  # fmt: skip


def test_references_are_a_list_and_a_single_one_is_a_text() -> None:
    asked = request("otter", images=(picture(), picture()), size=Size(2048, 2048), output_format="png")
    two = ADAPTER.build(asked, CARDS[LITE])
    assert two.http.json == {
        "model": "seedream-5-0-260128", "prompt": "otter", "image": [URI, URI], "size": "2048x2048",
        "response_format": "b64_json", "output_format": "png", "watermark": False,
        "sequential_image_generation": "disabled",
    }  # fmt: skip
    one = ADAPTER.build(request(images=(picture(media_type="image/PNG"),)), CARDS[PRO])
    assert isinstance(one.http.json, dict)
    assert one.http.json["image"] == URI
    assert set(kinds(two).values()) == {"native"}


@pytest.mark.parametrize(("model", "low", "high"), [(PRO, 921_600, 4_624_220), (LITE, 3_686_400, 16_777_216)])
@pytest.mark.parametrize("ratio", [AspectRatio(1, 1), AspectRatio(21, 9), AspectRatio(1, 16), AspectRatio(30, 1)])
def test_a_shape_becomes_a_size_within_the_pixels_of_the_model(
    model: str, low: int, high: int, ratio: AspectRatio
) -> None:
    body = ADAPTER.build(request(aspect_ratio=ratio), CARDS[model]).http.json
    assert isinstance(body, dict)
    size = Size.parse(str(body["size"]))
    assert low <= size.pixels <= high
    assert 1 / 16.2 <= size.width / size.height <= 16.2


def test_an_older_model_is_not_asked_for_a_format() -> None:
    prepared = ADAPTER.build(request(output_format="webp", seed=1), CARDS["bytedance/seedream-4.0"])
    assert isinstance(prepared.http.json, dict)
    assert "output_format" not in prepared.http.json
    assert kinds(prepared) == {"output_format": "emulated", "seed": "unsupported"}


def group(count: Any) -> dict[str, Any]:
    limit = {} if count is None else {"sequential_image_generation_options": {"max_images": count}}
    return {"bytedance": {"sequential_image_generation": "auto"} | limit}


def test_a_group_says_how_many_pictures_it_may_cost() -> None:
    body = ADAPTER.build(request(options=group(4)), CARDS[LITE]).http.json
    assert isinstance(body, dict)
    assert body["sequential_image_generation"] == "auto"
    assert body["sequential_image_generation_options"] == {"max_images": 4}


@pytest.mark.parametrize("model", [name for name, card in CARDS.items() if card.capabilities.pictures_option])
def test_a_group_is_held_against_the_caps_as_a_whole(model: str) -> None:
    one, many = (estimate(CARDS[model], request(options=o)).amount_micro_usd for o in ({}, group(9)))
    assert one
    assert many == 9 * one


@pytest.mark.parametrize(("model", "fields"), [
    (LITE, {"options": group(None)}), (LITE, {"options": group(16)}), (PRO, {"options": group(2)}),
    (LITE, {"options": group(14), "images": (picture(), picture())}), (LITE, {"n": 2}),
    (LITE, {"options": {"bytedance": {"stream": True}}}), (LITE, {"options": {"bytedance": {"size": "4K"}}}),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(model: str, fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARDS[model])
    assert caught.value.param


def test_a_watermark_comes_only_when_it_is_asked_for() -> None:
    body = ADAPTER.build(request(options={"bytedance": {"watermark": True}}), CARDS[PRO]).http.json
    assert isinstance(body, dict)
    assert body["watermark"] is True


def test_a_group_with_a_refused_and_a_failed_item() -> None:
    refused = {"error": {"code": "OutputImageSensitiveContentDetected", "message": "Not this. Request id: 1"}}
    broken = {"error": {"code": "InternalServiceError", "message": "oops"}}
    body = {
        "model": "seedream-5-0", "created": 1,
        "data": [{"b64_json": B64, "size": "2048x2048"}, refused, {"url": "https://ark.example/1.jpg"}, broken, {}],
        "usage": {"generated_images": 2, "output_tokens": 16384, "total_tokens": 16384},
    }  # fmt: skip
    result = done(ADAPTER, answer(body), LITE)
    first, second = result.images
    assert isinstance(first, GeneratedImage)
    assert (first.data, first.metadata) == (PNG, {"size": "2048x2048"})
    assert second == RemoteImage(url="https://ark.example/1.jpg")
    assert [(f.index, f.code, f.billed) for f in result.failures] == [
        (1, "blocked", "no"), (3, "provider_failed", "no"), (4, "no_image", "unknown"),
    ]  # fmt: skip
    assert result.failures[0].message == "OutputImageSensitiveContentDetected: Not this. Request id: 1"
    assert result.metadata == {"generated_images": 2}
    assert result.usage.output_tokens == 16384


def envelope(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"{code} happened", **more}}


ERRORS: list[tuple[Any, int, type[errors.TriptychError], str]] = [
    (envelope("InvalidParameter", param="stream"), 400, errors.RejectedError, "no"),
    (envelope("InputTextSensitiveContentDetected"), 400, errors.BlockedError, "no"),
    (envelope("OutputImageRiskDetection"), 400, errors.BlockedError, "no"),
    (envelope("InvalidEndpoint.ClosedEndpoint"), 400, errors.ModelUnavailableError, "no"),
    (envelope("AuthenticationError", type="Unauthorized"), 401, errors.AuthError, "no"),
    (envelope("AccountOverdueError"), 403, errors.BillingError, "no"),
    (envelope("AccessDenied"), 403, errors.AuthError, "no"),
    (envelope("ModelNotOpen"), 404, errors.ModelUnavailableError, "no"),
    (envelope("UnsupportedModel"), 404, errors.ModelUnavailableError, "no"),
    (envelope("RateLimitExceeded.EndpointRPMExceeded"), 429, errors.RateLimitedError, "no"),
    (envelope("ServerOverloaded"), 429, errors.OverloadedError, "no"),
    (envelope("InternalServiceError"), 500, errors.ProviderFailedError, "unknown"),
    (envelope("InputTextRiskDetection"), 200, errors.BlockedError, "no"),
    ({"data": [envelope("OutputImageSensitiveContentDetected")]}, 200, errors.BlockedError, "no"),
    ({"data": [envelope("InternalServiceError")]}, 200, errors.ProviderFailedError, "no"),
    ({"data": [{"b64_json": "?"}]}, 200, errors.EmptyAnswerError, "unknown"),
    ({"data": []}, 200, errors.EmptyAnswerError, "unknown"),
]


@pytest.mark.parametrize(("body", "status", "kind", "billed"), ERRORS)
def test_every_error_of_the_table(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    found = failure(ADAPTER, answer(body, status), PRO)
    assert (type(found), found.billed, found.status) == (kind, billed, status)


def test_the_field_that_is_wrong_is_named() -> None:
    assert failure(ADAPTER, answer(ERRORS[0][0], 400), PRO).param == "stream"


def test_an_address_without_a_free_call_says_so() -> None:
    check = ADAPTER.parse_check(answer(b"404 page not found", 404))
    assert (check.ok, check.code) == (True, "unverified")
    assert ADAPTER.parse_check(answer({"data": []})).code is None
    assert ADAPTER.parse_check(answer(envelope("AuthenticationError"), 401)).code == "auth"
