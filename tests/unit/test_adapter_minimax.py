"""MiniMax, against its protocol: JSON out, base64 in, and faults that hide in answers of status 200."""

from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request

from triptych.provider_kit.adapter import RemoteImage
from triptych.providers.minimax import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size

CARD = CARDS["minimax/image-01"]
GOOD: dict[str, Any] = {"id": "r1", "data": {"image_base64": [B64]}, "metadata": {"success_count": "1", "failed_count": "0"},
                        "base_resp": {"status_code": 0, "status_msg": "success"}}  # fmt: skip


def sent(**fields: Any) -> Any:
    return ADAPTER.build(request(**fields), CARD).http.json


def said(code: int, text: str) -> dict[str, Any]:
    return {"id": "r1", "base_resp": {"status_code": code, "status_msg": text}}


def test_the_bodies_are_exactly_these() -> None:
    assert sent() == {
        "model": "image-01", "prompt": "a steel kettle", "n": 1, "response_format": "base64", "aspect_ratio": "1:1",
        "prompt_optimizer": False, "aigc_watermark": False,
    }  # fmt: skip
    prepared = ADAPTER.build(request("an otter", n=3, seed=7, aspect_ratio=AspectRatio(21, 9)), CARD)
    body: Any = prepared.http.json
    assert (body["n"], body["seed"], body["aspect_ratio"]) == (3, 7, "21:9")
    assert set(kinds(prepared).values()) == {"native"}


def test_pixels_are_sent_as_pixels_and_never_beside_a_ratio() -> None:
    body = sent(size=Size(1200, 1504))
    assert (body["width"], body["height"], "aspect_ratio" in body) == (1200, 1504, False)
    body = sent(aspect_ratio=AspectRatio(5, 4))
    assert abs(body["width"] / body["height"] - 1.25) < 0.02
    assert kinds(ADAPTER.build(request(size=Size(4096, 4096)), CARD))["size"] == "adjusted"


@pytest.mark.parametrize("fields", [
    {"images": (picture(),)}, {"n": 10}, {"prompt": "x" * 1501}, {"options": {"minimax": {"aspect_ratio": "16:9"}}},
    {"options": {"minimax": {"response_format": "url"}}},
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARD)
    assert caught.value.param


def test_a_likeness_goes_in_as_an_option() -> None:
    likeness = [{"type": "character", "image_file": "https://example.com/a.png"}]
    assert sent(options={"minimax": {"subject_reference": likeness}})["subject_reference"] == likeness


def test_the_pictures() -> None:
    result = done(ADAPTER, answer(GOOD), CARD.id, request(n=2))
    assert [getattr(made, "data", None) for made in result.images] == [PNG]
    assert result.provider_request_id == "r1"
    linked = done(ADAPTER, answer({**GOOD, "data": {"image_urls": ["https://x.example/a.jpg"]}}), CARD.id)
    assert linked.images == (RemoteImage(url="https://x.example/a.jpg"),)


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    (said(1002, "rate limit"), 200, errors.RateLimitedError, "no"),
    (said(1004, "login fail"), 200, errors.AuthError, "no"),
    (said(2049, "invalid api key"), 200, errors.AuthError, "no"),
    (said(1008, "insufficient balance"), 200, errors.BillingError, "no"),
    (said(1026, "input new_sensitive"), 200, errors.BlockedError, "unknown"),
    (said(1027, "output new_sensitive"), 200, errors.BlockedError, "unknown"),
    (said(2013, "invalid params"), 200, errors.RejectedError, "no"),
    (said(1000, "unknown error"), 200, errors.ProviderFailedError, "unknown"),
    ({**GOOD, "data": {"image_base64": []}, "metadata": {"success_count": "0", "failed_count": "1"}}, 200,
     errors.EmptyAnswerError, "unknown"),
    ({}, 503, errors.OverloadedError, "no"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), CARD.id)
    assert (type(error), error.billed) == (kind, billed)


def test_a_refusal_keeps_the_providers_own_words() -> None:
    assert failure(ADAPTER, answer(said(1026, "input new_sensitive")), CARD.id).upstream == "1026: input new_sensitive"


def test_the_key_check_looks_into_the_answer() -> None:
    assert ADAPTER.parse_check(answer({"object": "list", "data": []}, step="check")).ok
    check = ADAPTER.parse_check(answer(said(2049, "invalid api key"), step="check"))
    assert (check.ok, check.code) == (False, "auth")
