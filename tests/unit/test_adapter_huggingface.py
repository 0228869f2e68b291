"""Hugging Face's router, against its protocol: the words of whoever draws, and one token."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, request

from triptych.provider_kit.adapter import RemoteImage
from triptych.providers.huggingface import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Size

OWN, FAL, NSCALE = (f"huggingface/flux.1-schnell{end}" for end in ("", "-fal", "-nscale"))
TOGETHER = "huggingface/flux1-schnell-together"
SDXL = "huggingface/sdxl-1.0"


def sent(model: str, **fields: Any) -> Any:
    return ADAPTER.build(request(**fields), CARDS[model]).http


def test_each_company_is_asked_in_its_own_words() -> None:
    own = sent(SDXL, size=Size(512, 768), seed=1, negative_prompt="blur")
    assert own.url == "/hf-inference/models/stabilityai/stable-diffusion-xl-base-1.0"
    assert own.headers == {"Accept": "image/png"}
    assert own.json == {
        "inputs": "a steel kettle", "parameters": {"width": 512, "height": 768, "negative_prompt": "blur", "seed": 1},
    }  # fmt: skip
    fal = sent(FAL, aspect_ratio=AspectRatio(16, 9))
    assert (fal.url, set(fal.json)) == ("/fal-ai/fal-ai/flux/schnell", {"prompt", "num_images", "image_size"})
    assert abs(fal.json["image_size"]["width"] / fal.json["image_size"]["height"] - 16 / 9) < 0.03
    assert sent(NSCALE).url == "/nscale/v1/images/generations"
    assert sent(NSCALE).json == {
        "response_format": "b64_json", "prompt": "a steel kettle", "model": "black-forest-labs/FLUX.1-schnell", "size": "1024x1024",
    }  # fmt: skip


def test_together_is_asked_as_hugging_faces_own_package_asks_it() -> None:
    """Against `TogetherTextToImageTask` of huggingface_hub 2.4.0; on purpose different: the steps come from the card."""
    http = sent(TOGETHER, size=Size(512, 768), seed=1)
    assert (http.url, http.json) == ("/together/v1/images/generations", {
        "prompt": "a steel kettle", "response_format": "base64", "model": "black-forest-labs/FLUX.1-schnell", "width": 512,
        "height": 768, "seed": 1, "steps": 4,
    })  # fmt: skip
    body = {"id": "o-1", "object": "list", "data": [{"index": 0, "type": "b64_json", "b64_json": B64}]}
    assert getattr(done(ADAPTER, answer(body), TOGETHER).images[0], "data", None) == PNG


@pytest.mark.parametrize("extra", [{"through": "replicate"}, {"through": "Nscale"}, {}])
def test_a_company_whose_words_are_not_known_is_an_error_of_the_card(extra: dict[str, Any]) -> None:
    with pytest.raises(errors.SettingsError, match="hf-inference, fal-ai, nscale, together") as caught:
        ADAPTER.build(request(), replace(CARDS[OWN], extra=extra))
    assert caught.value.param == "extra.through"


def test_what_the_model_has_not_is_said() -> None:
    told = kinds(ADAPTER.build(request(negative_prompt="blur", quality="high", seed=3), CARDS[OWN]))
    assert told == {"negative_prompt": "emulated", "quality": "unsupported", "seed": "native"}


def test_options_go_beside_the_parameters() -> None:
    http = sent(OWN, options={"huggingface": {"parameters": {"num_inference_steps": 8}}})
    assert http.json["parameters"] == {"width": 1024, "height": 1024, "num_inference_steps": 8}


@pytest.mark.parametrize("fields", [
    {"images": (picture(),)}, {"n": 2}, {"options": {"huggingface": {"inputs": "other"}}},
    {"options": {"huggingface": {"parameters": {"width": 64}}}},
])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARDS[OWN])
    assert caught.value.param


def test_a_picture_comes_as_bytes_as_base64_or_as_an_address() -> None:
    raw = done(ADAPTER, answer(PNG, headers={"content-type": "image/png", "x-request-id": "r1"}), OWN)
    assert (getattr(raw.images[0], "data", None), raw.provider_request_id) == (PNG, "r1")
    assert getattr(done(ADAPTER, answer({"data": [{"b64_json": B64}]}), NSCALE).images[0], "data", None) == PNG
    linked = done(
        ADAPTER, answer({"images": [{"url": "https://x.example/a.jpg"}], "seed": 7, "has_nsfw_concepts": [False]}), FAL
    )
    assert linked.images == (RemoteImage(url="https://x.example/a.jpg", seed=7),)


@pytest.mark.parametrize(("body", "status", "kind", "billed"), [
    ({"error": "Invalid username or password."}, 401, errors.AuthError, "no"),
    ({"error": "You have exceeded your monthly included credits for Inference Providers."}, 402, errors.BillingError, "no"),
    ({"error": "Model x is not supported by provider hf-inference."}, 400, errors.ModelUnavailableError, "no"),
    ({"error": "Model x/y does not exist"}, 404, errors.ModelUnavailableError, "no"),
    ({"error": ["Error in `parameters.width`: not a size"], "warnings": []}, 422, errors.RejectedError, "no"),
    ({"detail": [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]}, 422, errors.BlockedError, "unknown"),
    ({"images": [{"url": "https://x.example/a.jpg"}], "has_nsfw_concepts": [True]}, 200, errors.BlockedError, "unknown"),
    ({"error": "it broke"}, 200, errors.ProviderFailedError, "unknown"),
    ({"images": []}, 200, errors.EmptyAnswerError, "unknown"),
    (b"", 200, errors.EmptyAnswerError, "unknown"),
    (b"plain text", 200, errors.EmptyAnswerError, "unknown"),
])  # fmt: skip
def test_what_goes_wrong_has_its_class(body: Any, status: int, kind: type[errors.TriptychError], billed: str) -> None:
    error = failure(ADAPTER, answer(body, status), OWN)
    assert (type(error), error.billed) == (kind, billed)


def test_a_list_of_faults_is_read_and_a_model_that_is_being_loaded_is_waited_for() -> None:
    error = failure(ADAPTER, answer({"error": ["width is wrong", "height too"], "warnings": []}, 422), OWN)
    assert "width is wrong; height too" in error.message
    busy = failure(ADAPTER, answer({"error": "Model x is currently loading", "estimated_time": 20.0}, 503), OWN)
    assert (type(busy), busy.retry_after_s) == (errors.OverloadedError, 20.0)
    assert failure(ADAPTER, answer({"error": "x", "estimated_time": 9e9}, 503), OWN).retry_after_s == 120.0


def test_a_token_is_checked_without_drawing() -> None:
    check = ADAPTER.parse_check(answer({"object": "list", "data": []}, step="check"))
    assert (check.ok, "first picture" in (check.message or "")) == (True, True)
    check = ADAPTER.parse_check(answer({"error": "Invalid username or password."}, 401, step="check"))
    assert (check.ok, check.code) == (False, "auth")
