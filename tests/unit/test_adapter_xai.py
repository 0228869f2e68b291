"""Grok Imagine, against the wire examples of the AI SDK 5.0.12. On purpose different: `resolution` and `quality` are
always sent, because they decide the price."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request

from triptych.provider_kit.adapter import RemoteImage
from triptych.providers.xai import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Cost, GeneratedImage

MODEL = "xai/grok-imagine-image-2.0"
URI = f"data:image/png;base64,{B64}"


def test_the_body_of_a_generation_is_exactly_this() -> None:
    asked = request("otter", n=2, aspect_ratio=AspectRatio(16, 9), quality="low", user="u-1")
    prepared = ADAPTER.build(asked, CARDS[MODEL])
    assert prepared.http.url == "/images/generations"
    assert prepared.http.json == {
        "model": "grok-imagine-image-2.0", "prompt": "otter", "n": 2, "response_format": "b64_json",
        "aspect_ratio": "16:9", "resolution": "1k", "quality": "low", "user": "u-1",
    }  # fmt: skip


def test_edits_are_json_with_one_picture_or_a_list() -> None:
    one = ADAPTER.build(request("otter", images=(picture(media_type="image/PNG"),)), CARDS[MODEL])
    assert one.http.url == "/images/edits"
    assert one.http.json == {
        "model": "grok-imagine-image-2.0", "prompt": "otter", "n": 1, "response_format": "b64_json",
        "resolution": "1k", "quality": "medium", "image": {"url": URI, "type": "image_url"},
    }  # fmt: skip
    two = ADAPTER.build(request("otter", images=(picture(), picture())), CARDS[MODEL])
    assert isinstance(two.http.json, dict)
    assert two.http.json["images"] == [{"url": URI, "type": "image_url"}] * 2
    assert "image" not in two.http.json


def test_what_differs_is_told() -> None:
    asked = request(quality="max", seed=3, images=(picture(),) * 4)
    prepared = ADAPTER.build(asked, CARDS[MODEL])
    assert kinds(prepared) == {"quality": "adjusted", "seed": "unsupported", "images": "adjusted"}
    first = ADAPTER.build(request(quality="low", resolution="1.5k"), CARDS["xai/grok-imagine-image"])
    assert kinds(first) == {"quality": "unsupported", "resolution": "adjusted"}
    assert "quality" not in (first.http.json if isinstance(first.http.json, dict) else {})


@pytest.mark.parametrize("options", [{"size": "1024x1024"}, {"n": 10}, {"quality": "low"}])
def test_options_overrule_nothing_that_costs(options: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError, match="overrule"):
        ADAPTER.build(request(options={"xai": options}), CARDS[MODEL])


def test_the_charge_is_read_from_the_answer_and_never_added_up() -> None:
    item = {"url": None, "b64_json": B64, "respect_moderation": True, "mime_type": "image/jpeg", "revised_prompt": ""}
    result = done(ADAPTER, answer({"data": [item, item], "usage": {"cost_in_usd_ticks": 400_000_000}}), MODEL)
    assert result.cost == Cost(40_000, "provider")
    assert [i.data for i in result.images if isinstance(i, GeneratedImage)] == [PNG, PNG]
    assert all(image.cost is None for image in result.images)


def test_addresses_and_a_refused_item_beside_a_good_one() -> None:
    data = [{"url": "https://imgen.x.ai/1.jpg"}, {"url": None, "b64_json": None, "respect_moderation": False}, {}]
    result = done(ADAPTER, answer({"data": data, "usage": {"cost_in_usd_ticks": 1}}), MODEL)
    assert result.images == (RemoteImage(url="https://imgen.x.ai/1.jpg"),)
    assert [(f.index, f.code, f.billed) for f in result.failures] == [(1, "blocked", "yes"), (2, "no_image", "yes")]
    assert result.cost == Cost(1, "provider")


MODERATED = {"code": "imagine:content-moderated", "error": "Generated image rejected by content moderation."}
REFUSED = {"data": [{"url": None, "b64_json": None, "respect_moderation": False}]}
ERRORS: list[tuple[Any, int, type[errors.TriptychError], str, int | None]] = [
    (MODERATED | {"usage": {"cost_in_usd_ticks": 900_000_000}}, 400, errors.BlockedError, "yes", 90_000),
    (MODERATED | {"usage": {"cost_in_usd_ticks": 0}}, 400, errors.BlockedError, "no", 0),
    (MODERATED, 400, errors.BlockedError, "unknown", None),
    (REFUSED | {"usage": {"cost_in_usd_ticks": 600_000_000}}, 200, errors.BlockedError, "yes", 60_000),
    (REFUSED, 200, errors.BlockedError, "unknown", None),
    ({"data": []}, 200, errors.EmptyAnswerError, "unknown", None),
    ({"data": [{"b64_json": "*"}]}, 200, errors.EmptyAnswerError, "unknown", None),
    ({"code": "invalid-argument", "error": "Incorrect API key provided. Get one."}, 400, errors.AuthError, "no", None),
    ({"code": "Client specified an invalid argument", "error": "bad"}, 400, errors.RejectedError, "no", None),
    ({"error": {"message": "bad", "type": "t", "param": "n", "code": "c"}}, 400, errors.RejectedError, "no", None),
    ({"error": "plain"}, 400, errors.RejectedError, "no", None),
    ({"code": "unauthenticated:no-credentials", "error": "x"}, 401, errors.AuthError, "no", None),
    ({"code": "x", "error": "Your team has no credits."}, 403, errors.BillingError, "no", None),
    ({"code": "x", "error": "The model does not exist"}, 404, errors.ModelUnavailableError, "no", None),
    ({"error": "quality: unknown variant"}, 422, errors.RejectedError, "no", None),
    ({"error": "slow down"}, 429, errors.RateLimitedError, "no", None),
    ({"error": "oops"}, 500, errors.ProviderFailedError, "unknown", None),
]


@pytest.mark.parametrize(("body", "status", "kind", "billed", "amount"), ERRORS)
def test_every_failure_has_its_class_and_its_bill(
    body: Any, status: int, kind: type[errors.TriptychError], billed: str, amount: int | None
) -> None:
    found = failure(ADAPTER, answer(body, status), MODEL)
    assert (type(found), found.billed, found.amount_micro_usd) == (kind, billed, amount)


def test_words_field_and_wait_are_kept() -> None:
    found = failure(ADAPTER, answer(ERRORS[9][0], 400), MODEL)
    assert (found.param, found.upstream) == ("n", "c t: bad")
    assert failure(ADAPTER, answer({"error": "x"}, 429, {"retry-after": "7"}), MODEL).retry_after_s == 7.0


def test_the_check_knows_a_wrong_key_by_its_words() -> None:
    assert ADAPTER.parse_check(answer({"data": []})).ok
    check = ADAPTER.parse_check(answer({"code": "invalid-argument", "error": "Incorrect API key provided."}, 400))
    assert (check.ok, check.code) == (False, "auth")
