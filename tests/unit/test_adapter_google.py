"""Gemini by `generateContent`, against the wire examples of google-genai 3.4.0 and the AI SDK 4.0.121.

On purpose different from both: no `safetySettings` (the account's own hold), standard base64 and `mimeType`, the path
with `/v1beta` (google-genai 3.4.0 uses `/v1`), and `imageSize` is always sent where the model has one.
"""

from dataclasses import replace
from typing import Any

import pybase64
import pytest
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, kinds, picture, png, request

from triptych.providers.google import ADAPTER
from triptych.spec import errors
from triptych.spec.image import AspectRatio, GeneratedImage, ImageRequest, InputImage, Size, Turn

MODEL = "google/gemini-3-pro-image"


def block(reason: str, message: str | None = None, content: Any = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"finishReason": reason, "index": 0, "content": {} if content is None else content}
    return {"candidates": [candidate | ({"finishMessage": message} if message else {})], "modelVersion": "m"}


def error(code: int, status: str, message: str, details: Any = ()) -> Any:
    return answer({"error": {"code": code, "status": status, "message": message, "details": list(details)}}, code)


def test_the_body_of_an_edit_is_exactly_this() -> None:
    asked = request(
        "make it night", images=(picture(role="style"), picture()), aspect_ratio=AspectRatio(16, 9), resolution="2k", seed=7,
        options={"google": {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
                            "generationConfig": {"temperature": 0.5}}, "xai": {"quality": "low"}},
    )  # fmt: skip
    prepared = ADAPTER.build(asked, CARDS[MODEL])
    inline = {"inlineData": {"mimeType": "image/png", "data": B64}}
    assert prepared.http.url == "/models/gemini-3-pro-image:generateContent"
    assert prepared.http.json == {
        "contents": [{"role": "user", "parts": [{"text": "make it night"}, inline, inline]}],
        "generationConfig": {
            "responseModalities": ["IMAGE"], "seed": 7, "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
            "temperature": 0.5,
        },
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    }  # fmt: skip
    assert {name for name, kind in kinds(prepared).items() if kind != "native"} == {"roles"}


@pytest.mark.parametrize(("asked", "sent", "kind"), [(2**31 - 1, 2**31 - 1, "native"), (2**31 + 7, 7, "adjusted")])
def test_a_seed_is_sent_as_a_number_that_google_has(asked: int, sent: int, kind: str) -> None:
    prepared = ADAPTER.build(request(seed=asked), CARDS[MODEL])
    body: Any = prepared.http.json
    assert (body["generationConfig"]["seed"], kinds(prepared)["seed"]) == (sent, kind)


def turn(answer: InputImage, context: str | None, *images: InputImage, endpoint: str = MODEL) -> Turn:
    return Turn(prompt="a kettle", picture="img_1", answer=answer, endpoint=endpoint, images=images, context=context)


FIRST, SECOND, OTHER = (picture(png(colour=colour)) for colour in ("red", "blue", "green"))
SIGNED = '[{"text":"Here."},{"thoughtSignature":"sig"}]'


def contents(asked: ImageRequest, model: str = MODEL) -> tuple[Any, dict[str, str]]:
    """What is sent as the conversation, and what became of each thing asked for."""
    prepared = ADAPTER.build(asked, CARDS[model])
    body: Any = prepared.http.json
    return body["contents"], kinds(prepared)


def part(image: InputImage) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": pybase64.b64encode(image.data).decode()}}


def test_a_conversation_is_sent_as_it_went_with_its_signatures() -> None:
    turns = (turn(FIRST, SIGNED, OTHER), turn(SECOND, SIGNED, FIRST))
    sent, became = contents(request("make it night", images=(SECOND,), turns=turns))
    assert sent == [
        {"role": "user", "parts": [{"text": "a kettle"}, part(OTHER)]},
        {"role": "model", "parts": [{"text": "Here."}, {**part(FIRST), "thoughtSignature": "sig"}]},
        {"role": "user", "parts": [{"text": "a kettle"}]},
        {"role": "model", "parts": [{"text": "Here."}, {**part(SECOND), "thoughtSignature": "sig"}]},
        {"role": "user", "parts": [{"text": "make it night"}]},
    ]
    assert became == {"images": "native", "turns": "native"}


def test_a_conversation_begins_again_after_another_models_turn() -> None:
    turns = (turn(FIRST, "[]", OTHER, endpoint="xai/grok"), turn(SECOND, SIGNED, FIRST))
    sent, became = contents(request("make it night", images=(SECOND,), turns=turns))
    assert sent[0] == {"role": "user", "parts": [{"text": "a kettle"}, part(FIRST)]}
    assert became["turns"] == "adjusted"


@pytest.mark.parametrize(
    "context", [None, "", "{", "[]", '[{"text":"only words"}]', "5", '[{"thoughtSignature":"a"},{}]']
)
def test_without_what_was_kept_only_the_picture_and_the_words_go(context: str | None) -> None:
    asked = request("make it night", images=(FIRST,), turns=(turn(FIRST, context),))
    sent, became = contents(asked)
    assert sent == [{"role": "user", "parts": [{"text": "make it night"}, part(FIRST)]}]
    assert became["turns"] == "adjusted"


def test_the_oldest_turns_go_when_there_are_too_many_pictures() -> None:
    answers = [picture(png(colour=(n, 0, 0))) for n in range(6)]
    turns = tuple(turn(answer, SIGNED, *answers[:n][-1:]) for n, answer in enumerate(answers))
    model = "google/gemini-2.5-flash-image"
    own = tuple(replace(one, endpoint=model) for one in turns)
    sent, _ = contents(request("x", images=(answers[-1],), turns=own), model)
    assert len(sent) == 5
    most = CARDS[model].capabilities.max_input_images
    assert sum("inlineData" in one for each in sent for one in each["parts"]) == most


def test_each_picture_comes_with_what_a_later_turn_says_again() -> None:
    parts = [{"text": "thinking", "thought": True}, {"text": "Here."}, {**part(FIRST), "thoughtSignature": "sig"}]
    got = done(ADAPTER, answer({"candidates": [{"content": {"role": "model", "parts": parts}}]}), MODEL).images[0]
    assert isinstance(got, GeneratedImage)
    assert got.context == SIGNED
    assert "sig" not in repr(got)


def test_the_oldest_model_gets_no_size() -> None:
    prepared = ADAPTER.build(request(resolution="2k"), CARDS["google/gemini-2.5-flash-image"])
    assert prepared.http.json == {
        "contents": [{"role": "user", "parts": [{"text": "a steel kettle"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }
    assert kinds(prepared) == {"resolution": "unsupported"}


def test_a_pixel_size_becomes_a_shape_and_says_so() -> None:
    prepared = ADAPTER.build(request(size=Size(2048, 1152)), CARDS[MODEL])
    assert "16:9 at 2K" in prepared.adjustments[0].detail


@pytest.mark.parametrize("fields", [{"mask": picture()}, {"n": 2},
                                    {"options": {"google": {"generationConfig": {"candidateCount": 4}}}},
                                    {"options": {"google": {"contents": []}}}])  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ADAPTER.build(request(**fields), CARDS[MODEL])
    assert caught.value.param


def test_pictures_of_all_candidates_but_no_thoughts() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": B64}, "thoughtSignature": "x"}
    body = {
        "candidates": [
            {"content": {"parts": [{"text": "Here"}, part | {"thought": True}, part]}, "finishReason": "STOP"},
            {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": B64.replace("+", "-").replace("/", "_").rstrip("=")}}]}},
        ],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1290, "thoughtsTokenCount": 30, "totalTokenCount": 1327,
                          "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}],
                          "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]},
        "modelVersion": "gemini-3-pro-image", "responseId": "r1",
    }  # fmt: skip
    result = done(ADAPTER, answer(body), MODEL)
    assert [image.data for image in result.images if isinstance(image, GeneratedImage)] == [PNG, PNG]
    usage = result.usage
    assert (usage.input_text_tokens, usage.output_image_tokens, usage.output_tokens) == (7, 1290, 1320)
    assert (result.model_served, result.provider_request_id) == ("gemini-3-pro-image", "r1")


def test_one_unreadable_part_beside_a_good_one_is_told() -> None:
    parts = [{"inlineData": {"data": "%%%"}}, {"inlineData": {"data": B64}}]
    result = done(ADAPTER, answer({"candidates": [{"content": {"parts": parts}}]}), MODEL)
    assert (len(result.images), [f.code for f in result.failures]) == (1, ["no_image"])


BLOCKS = [
    ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}}, errors.BlockedError, "no"),
    (block("IMAGE_SAFETY"), errors.BlockedError, "no"),
    (block("IMAGE_RECITATION", content={"role": "model"}), errors.BlockedError, "no"),
    (block("PUP_LIMITED_DISABLED"), errors.AuthError, "no"),
    (block("IMAGE_OTHER", "Unable. You will not be charged for this request."), errors.ProviderFailedError, "no"),
    (block("MAX_TOKENS"), errors.ProviderFailedError, "unknown"),
    (block("MISSING_THOUGHT_SIGNATURE"), errors.RejectedError, "unknown"),
    (block("NO_IMAGE", content={"parts": None}), errors.EmptyAnswerError, "unknown"),
    (block("STOP", content={"parts": [{"text": "I cannot draw."}]}), errors.EmptyAnswerError, "unknown"),
    (block("STOP", content={"parts": [{"inlineData": {"data": "not base64"}}]}), errors.EmptyAnswerError, "unknown"),
    ({}, errors.EmptyAnswerError, "unknown"),
    ([], errors.EmptyAnswerError, "unknown"),
]


@pytest.mark.parametrize(("body", "kind", "billed"), BLOCKS)
def test_success_without_a_picture_is_a_typed_error(body: Any, kind: type[Exception], billed: str) -> None:
    found = failure(ADAPTER, answer(body), MODEL)
    assert (type(found), found.billed, found.provider, found.status) == (kind, billed, "google", 200)


def test_the_words_of_a_refusal_are_kept() -> None:
    found = failure(ADAPTER, answer(block("IMAGE_SAFETY", "That shows a brand.")), MODEL)
    assert found.upstream == "IMAGE_SAFETY: That shows a brand."
    assert "That shows a brand." in found.message
    text = failure(ADAPTER, answer(block("STOP", content={"parts": [{"text": "I cannot draw."}]})), MODEL)
    assert text.upstream == "I cannot draw."


KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
DAY = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDayPerModel"}]}
ERRORS = [
    (error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [KEY]), errors.AuthError, None),
    (error(400, "INVALID_ARGUMENT", "Unknown field"), errors.RejectedError, None),
    (error(400, "FAILED_PRECONDITION", "User location is not supported"), errors.ModelUnavailableError, None),
    (error(400, "FAILED_PRECONDITION", "Billing is not enabled"), errors.BillingError, None),
    (error(403, "PERMISSION_DENIED", "Your key was leaked"), errors.AuthError, None),
    (error(404, "NOT_FOUND", "models/x is not found"), errors.ModelUnavailableError, None),
    (error(429, "RESOURCE_EXHAUSTED", "quota, check your plan and billing", [RETRY]), errors.RateLimitedError, 34.4),
    (error(429, "RESOURCE_EXHAUSTED", "quota", [DAY, RETRY]), errors.RateLimitedError, 86_400.0),
    (error(500, "INTERNAL", "oops"), errors.ProviderFailedError, None),
    (error(503, "UNAVAILABLE", "The model is overloaded"), errors.OverloadedError, None),
    (error(504, "DEADLINE_EXCEEDED", "too slow"), errors.AmbiguousError, None),
    (answer(b"<html>502</html>", 502), errors.ProviderFailedError, None),
    (answer([{"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}], 401), errors.AuthError, None),
]


@pytest.mark.parametrize(("response", "kind", "wait"), ERRORS)
def test_every_error_of_the_table(response: Any, kind: type[Exception], wait: float | None) -> None:
    found = failure(ADAPTER, response, MODEL)
    assert (type(found), found.retry_after_s, found.status) == (kind, wait, response.status)


def test_the_check_lists_models_and_a_wrong_key_says_so() -> None:
    assert ADAPTER.check_request().method == "GET"
    listed = answer({"models": [{"name": "models/gemini-3-pro-image"}, {"x": 1}]})
    assert (ADAPTER.list_request(), ADAPTER.parse_check(listed).ok) == (ADAPTER.check_request(), True)
    good = ADAPTER.parse_list(listed)
    assert (good.ok, good.detail) == (True, {"models": ["gemini-3-pro-image"]})
    bad = ADAPTER.parse_check(error(400, "INVALID_ARGUMENT", "API key not valid.", [KEY]))
    assert (bad.ok, bad.code) == (False, "auth")
