"""OpenAI's own models, against the wire examples of openai-python 3.52.0. On purpose different: size and quality are
always sent, because they decide the price; an edit sends `size: auto` so that it keeps the shape of its picture."""

import json
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Emulators
from tests.emulators.client import auth_of
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, png, request

from triptych.http.message import ServerSentEvent
from triptych.provider_kit.adapter import Done
from triptych.providers.openai import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, GeneratedImage, Size
from triptych.spec.model import Progress

FLARE, MINI = "openai/gpt-image-2.5-flare", "openai/gpt-image-1-mini"


def test_the_body_of_a_generation_is_exactly_this() -> None:
    asked = request(
        "otter", n=2, size=Size(1536, 864), quality="xhigh", background="opaque", moderation="low",
        output_format="webp", output_compression=80, user="u",
    )  # fmt: skip
    prepared = ADAPTER.build(asked, CARDS[FLARE])
    assert (prepared.http.url, prepared.http.stream) == ("/images/generations", False)
    assert prepared.http.json == {
        "model": "gpt-image-2.5-flare", "prompt": "otter", "background": "opaque", "moderation": "low", "n": 2,
        "output_compression": 80, "output_format": "webp", "quality": "xhigh", "safety_identifier": "u",
        "size": "1536x864",
    }  # fmt: skip
    assert set(kinds(prepared).values()) == {"native"}


@pytest.mark.parametrize(("asked", "sent"), [
    ("3840x2160", "3840x2160"), ("2160x3840", "2160x3840"), ("2160x2160", "2160x2160"), ("2880x2880", "2160x2160"),
    ("3072x2304", "2880x2160"), ("3840x1280", "3840x1280"), ("816x816", "816x816"),
])  # fmt: skip
def test_no_picture_is_larger_than_the_largest_either_way_round(emulators: Emulators, asked: str, sent: str) -> None:
    """`3840x2160` is a limit to both sides: a square is no wider than that picture is high."""
    body: Any = ADAPTER.build(request(size=Size.parse(asked)), CARDS["openai/gpt-image-2"]).http.json
    assert body["size"] == sent
    with httpx.Client(trust_env=False, timeout=60, headers=auth_of(emulators.openai)) as client:
        address = f"{emulators.openai.base_url}/images/generations"
        assert client.post(address, json=body).status_code == 200
        refused = client.post(address, json={**body, "size": "2880x2880"})
    assert refused.json()["error"]["param"] == "size"


def test_previews_come_as_a_stream_for_one_picture() -> None:
    prepared = ADAPTER.build(request("otter", previews=1), CARDS[FLARE])
    assert prepared.http.stream
    assert prepared.http.json == {
        "model": "gpt-image-2.5-flare", "stream": True, "prompt": "otter", "partial_images": 1, "n": 1,
        "size": "1024x1024", "quality": "medium",
    }  # fmt: skip
    assert kinds(ADAPTER.build(request(previews=9), CARDS[FLARE])) == {"previews": "adjusted"}
    several = ADAPTER.build(request(previews=1, n=2), CARDS[FLARE])
    assert not several.http.stream
    assert kinds(several)["previews"] == "unsupported"


def form(prepared: Any) -> list[tuple[str, Any]]:
    return [
        (p.name, (p.filename, p.media_type, p.data) if p.filename else p.data.decode()) for p in prepared.http.parts
    ]


def test_an_edit_of_two_pictures_is_a_form_with_brackets() -> None:
    prepared = ADAPTER.build(request("x", n=2, images=(picture(), picture())), CARDS["openai/gpt-image-2"])
    assert (prepared.http.url, prepared.http.json) == ("/images/edits", None)
    assert form(prepared) == [
        ("model", "gpt-image-2"), ("prompt", "x"), ("n", "2"), ("size", "auto"), ("quality", "medium"),
        ("image[]", ("image-1.png", "image/png", PNG)), ("image[]", ("image-2.png", "image/png", PNG)),
    ]  # fmt: skip


def test_an_edit_with_a_mask_keeps_its_transparency() -> None:
    mask = picture(png("RGBA", (0, 0, 0, 0)))
    asked = request(images=(picture(media_type="image/jpeg"),), mask=mask, input_fidelity="high", previews=2)
    prepared = ADAPTER.build(asked, CARDS["openai/gpt-image-1.5"])
    sent = dict(form(prepared))
    assert sent["image"] == ("image-1.jpeg".replace("jpeg", "jpg"), "image/jpeg", PNG)
    assert sent["mask"] == ("mask.png", "image/png", mask.data)
    assert (sent["input_fidelity"], sent["stream"], sent["partial_images"]) == ("high", "true", "2")
    assert set(kinds(prepared).values()) == {"native"}


def test_options_travel_in_a_form_by_brackets() -> None:
    asked = request(images=(picture(),), options={"openai": {"svg": {"model": "m"}, "complexity": "low"}})
    assert ("svg[model]", "m") in form(ADAPTER.build(asked, CARDS[FLARE]))


def test_what_differs_is_told() -> None:
    asked = request(aspect_ratio=AspectRatio(21, 9), quality="max", seed=4, negative_prompt="fog", output_compression=5,
                    input_fidelity="high", images=(picture(),))  # fmt: skip
    prepared = ADAPTER.build(asked, CARDS[MINI])
    assert kinds(prepared) == {
        "aspect_ratio": "adjusted", "quality": "adjusted", "seed": "unsupported", "negative_prompt": "emulated",
        "output_compression": "unsupported", "input_fidelity": "unsupported", "images": "native",
    }  # fmt: skip


@pytest.mark.parametrize("fields", [{"mask": picture()}, {"background": "transparent", "output_format": "jpeg"}, {"n": 11},
                                    {"options": {"openai": {"stream": True}}}, {"prompt": "x" * 32_001}])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARDS[FLARE])
    assert caught.value.param


USAGE = {"input_tokens": 50, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}, "output_tokens": 4160,
         "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0}, "total_tokens": 4210}  # fmt: skip


def test_pictures_with_usage_and_the_settings_as_resolved() -> None:
    body = {"created": 1, "output_format": "webp", "quality": "high", "size": "1024x1024", "data": [{"b64_json": B64}, {"b64_json": "é"}],
            "usage": USAGE}  # fmt: skip
    result = done(ADAPTER, answer(body, headers={"x-request-id": "req_1"}), FLARE)
    (image,) = result.images
    assert isinstance(image, GeneratedImage)
    assert (image.data, image.media_type) == (PNG, "image/webp")
    usage = result.usage
    assert (usage.input_text_tokens, usage.input_image_tokens, usage.output_image_tokens) == (10, 40, 4160)
    assert result.metadata == {"quality": "high", "size": "1024x1024", "output_format": "webp"}
    assert (result.provider_request_id, [f.index for f in result.failures]) == ("req_1", [1])


def event(name: str, **data: Any) -> ServerSentEvent:
    return ServerSentEvent(event=name, data=json.dumps({"type": name, **data}))


def read(sent: ServerSentEvent) -> Progress | Done | None:
    return ADAPTER.parse_event(sent, request(), CARDS[FLARE])


@pytest.mark.parametrize("stem", ["image_generation", "image_edit"])
def test_a_stream_gives_previews_and_then_the_picture(stem: str) -> None:
    partial = read(event(f"{stem}.partial_image", b64_json=B64, partial_image_index=0))
    assert partial == Progress(preview=PNG)
    last = read(event(f"{stem}.completed", b64_json=B64, size="1024x1024", usage=USAGE))
    assert isinstance(last, Done)
    assert (last.usage.total_tokens, len(last.images), last.metadata) == (4210, 1, {"size": "1024x1024"})
    assert read(ServerSentEvent(event="message", data="[DONE]")) is None
    assert read(event(f"{stem}.partial_image", b64_json="*")) is None


def test_a_stream_can_end_in_an_error() -> None:
    with pytest.raises(errors.BlockedError):
        read(event("error", error={"code": "moderation_blocked", "message": "no"}))
    with pytest.raises(errors.RateLimitedError):
        read(ServerSentEvent(event="error", data='{"error": {"code": 429, "message": "slow"}}'))
    with pytest.raises(errors.ProviderFailedError):
        read(ServerSentEvent(event="error", data="garbage"))
    with pytest.raises(errors.EmptyAnswerError):
        read(event("image_generation.completed", b64_json="*"))


def fault(code: str, kind: str = "invalid_request_error", **more: Any) -> dict[str, Any]:
    return {"error": {"message": "words", "type": kind, "param": None, "code": code, **more}}


DETAILS = {"moderation_stage": "output", "categories": ["violence"]}
ERRORS: list[tuple[Any, int, type[errors.TriptychError]]] = [
    (fault("unknown_parameter", param="style"), 400, errors.RejectedError),
    (fault("moderation_blocked", "image_generation_user_error", moderation_details=DETAILS), 400, errors.BlockedError),
    (fault("content_policy_violation"), 400, errors.BlockedError),
    (fault("billing_hard_limit_reached"), 400, errors.BillingError),
    (fault("invalid_api_key"), 401, errors.AuthError),
    (fault("unsupported", message="Your organization must be verified"), 403, errors.AuthError),
    (fault("unsupported_country_region_territory"), 403, errors.ModelUnavailableError),
    (fault("model_not_found"), 404, errors.ModelUnavailableError),
    (fault("rate_limit_exceeded"), 429, errors.RateLimitedError),
    (fault("insufficient_quota"), 429, errors.BillingError),
    (fault("server_error"), 500, errors.ProviderFailedError),
    (fault("server_error"), 503, errors.OverloadedError),
    (b"<html>gateway time-out</html>", 504, errors.AmbiguousError),
    ({"data": []}, 200, errors.EmptyAnswerError),
    ({"data": [{"b64_json": ""}, {"url": "data:image/png;base64,*"}]}, 200, errors.EmptyAnswerError),
    (b"\xff\xd8\xff", 200, errors.EmptyAnswerError),
]


@pytest.mark.parametrize(("body", "status", "kind"), ERRORS)
def test_every_error_of_the_table(body: Any, status: int, kind: type[errors.TriptychError]) -> None:
    found = failure(ADAPTER, answer(body, status), FLARE)
    assert (type(found), found.status, found.provider) == (kind, status, "openai")


def test_a_refusal_names_stage_and_category_and_nobody_knows_its_bill() -> None:
    found = failure(ADAPTER, answer(ERRORS[1][0], 400), FLARE)
    assert found.billed == "unknown"
    assert found.upstream == "moderation_blocked image_generation_user_error output violence: words"


def test_the_wait_is_read_from_either_header() -> None:
    wait = failure(ADAPTER, answer(fault("rate_limit_exceeded"), 429, {"retry-after-ms": "1500"}), FLARE).retry_after_s
    assert wait == 1.5


def test_the_check_lists_models() -> None:
    assert ADAPTER.parse_list(answer({"data": [{"id": "gpt-image-2"}]})).detail == {"models": ["gpt-image-2"]}
    rows = [
        {"id": "a", "shutdown_date": "2026-12-01"},
        {"id": "b", "shutdown_date": None},
        {"id": "c", "shutdown_date": "soon"},
    ]
    assert ADAPTER.parse_list(answer({"data": rows})).detail == {"models": ["a", "b", "c"], "ends": {"a": "2026-12-01"}}
    assert ADAPTER.parse_list(answer(fault("invalid_api_key"), 401)).code == "auth"
    assert ADAPTER.parse_check(answer(fault("invalid_api_key"), 401)).code == "auth"
