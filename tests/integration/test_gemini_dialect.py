"""`generateContent` as the official `google-genai` package asks for it, and what its emulator says to the same calls."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from google import genai
from google.genai import errors, types
from tests.emulators import Emulators, Kind, Scenario
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, XAI, png

from triptych.imaging.header import header
from triptych.network.receipt import read
from triptych.server.openai_answer import RECEIPT_HEADER

SIGNING = "google/gemini-3-pro-image"
RETRYING = types.HttpRetryOptions(attempts=3, initial_delay=0.0, max_delay=0.0, jitter=0.0)


def options(url: str, version: str | None = "v1beta") -> types.HttpOptions:
    return types.HttpOptions(base_url=url, api_version=version, retry_options=RETRYING)


@pytest.fixture(scope="module", params=["v1beta", None], ids=["v1beta", "as it comes"])
def client(request: pytest.FixtureRequest, shared_place: Place) -> Iterator[genai.Client]:
    """The package, by the address that the guides name, and by the one that it takes by itself."""
    with genai.Client(api_key="a-program-of-mine", http_options=options(shared_place.url, request.param)) as made:
        yield made


def pictures(answer: Any) -> list[bytes]:
    return [part.inline_data.data for one in answer.candidates for part in one.content.parts if part.inline_data]


def asked(place: Place, path: str = f"/v1beta/models/{GOOGLE}:generateContent", **body: Any) -> httpx.Response:
    return place.http.post(place.url + path, json={"contents": [{"parts": [{"text": "a kettle"}]}], **body})


def test_a_picture(place: Place, client: genai.Client) -> None:
    answer: Any = client.models.generate_content(
        model=GOOGLE, contents="a kettle",
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"], seed=7, image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")
        ),
    )  # fmt: skip
    info = header(pictures(answer)[0])
    assert info.width > info.height >= 1024
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    config = place.emulators.google.submits[0].body["generationConfig"]
    assert (config["imageConfig"], config["seed"]) == ({"aspectRatio": "16:9", "imageSize": "2K"}, 7)
    used = answer.usage_metadata
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count
    assert answer.response_id.startswith("tile_")
    assert answer.sdk_http_response.headers[RECEIPT_HEADER.lower()]


def test_an_edit_by_any_model(place: Place, client: genai.Client) -> None:
    picture = png()
    contents: Any = [types.Part.from_bytes(data=picture, mime_type="image/png"), "red sails"]
    answer = client.models.generate_content(model=XAI, contents=contents)
    assert len(pictures(answer)) == 1
    assert base64.b64encode(picture).decode() in json.dumps(place.emulators.xai.submits[0].body)


def test_the_receipt_is_the_one_that_the_images_call_gives(place: Place) -> None:
    answer = asked(place)
    facts = answer.json()["triptych"]
    assert answer.headers[RECEIPT_HEADER] == facts["receipt"]["id"]
    assert read(facts["receipt"]["jws"].encode()).payload
    images = place.http.post(f"{place.url}/v1/images/generations", json={"model": GOOGLE, "prompt": "a kettle"}).json()
    assert set(facts) == set(images["triptych"])
    assert facts["cost"]["amount_micro_usd"] * 2 == place.emulators.google.charged_micro_usd


def test_a_chat_goes_on_from_its_own_pictures(place: Place, client: genai.Client) -> None:
    talk = client.chats.create(model=SIGNING)
    for text in ("a kettle", "make it night", "add a cup"):
        answer: Any = talk.send_message(text)
        assert len(pictures(answer)) == 1
    contents = place.emulators.google.submits[-1].body["contents"]
    assert [one["parts"][0]["text"] for one in contents[::2]] == ["a kettle", "make it night", "add a cup"]
    theirs = [part["thoughtSignature"] for one in contents[1::2] for part in one["parts"]]
    ours = [part.thought_signature for one in talk.get_history() for part in one.parts or () if part.thought_signature]
    assert len(ours) == 3
    assert not {base64.b64encode(one).decode() for one in ours} & set(theirs)
    told = place.get(f"/api/images/{ours[-1].decode().split()[1]}/turns").json()["turns"]
    assert [one["prompt"] for one in told] == ["a kettle", "make it night", "add a cup"]


def test_a_turn_is_known_by_its_bytes_where_the_signature_is_lost_or_false(place: Place) -> None:
    first = asked(place, f"/v1beta/models/{SIGNING}:generateContent").json()["candidates"][0]["content"]
    for signature in (None, "!", "bm90aGluZw==", "dGlsZV94IGltZ194"):
        part = {**first["parts"][-1], "thoughtSignature": signature}
        turns = [
            {"parts": [{"text": "a kettle"}]},
            {"role": "model", "parts": [part]},
            {"parts": [{"text": "at night"}]},
        ]
        answer = asked(place, f"/v1beta/models/{SIGNING}:generateContent", contents=turns)
        assert answer.json()["triptych"]["warnings"] == []
        assert len(place.emulators.google.submits[-1].body["contents"]) == 3


def test_as_many_candidates_as_are_asked_for(place: Place) -> None:
    answer = asked(place, generationConfig={"candidateCount": 2}).json()
    assert [(one["index"], one["finishReason"], len(one["content"]["parts"])) for one in answer["candidates"]] == [
        (0, "STOP", 1), (1, "STOP", 1),
    ]  # fmt: skip
    assert [note["feature"] for note in answer["triptych"]["warnings"]] == ["n"]


def test_a_stream(place: Place, client: genai.Client) -> None:
    config = types.GenerateContentConfig(candidate_count=2)
    chunks: list[Any] = list(client.models.generate_content_stream(model=GOOGLE, contents="fog", config=config))
    assert [header(one).width for chunk in chunks for one in pictures(chunk)] == [1024, 1024]
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False, True]
    assert {chunk.response_id for chunk in chunks} - {None}


def test_drafts_come_as_thoughts_where_a_model_shows_any(place: Place, client: genai.Client) -> None:
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    chunks: list[Any] = list(client.models.generate_content_stream(model=OPENAI, contents="fog", config=config))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert [part.thought for part in parts] == [True, None]
    assert place.emulators.openai.submits[0].body["partial_images"] == 1
    more = asked(place, f"/v1beta/models/{OPENAI}:streamGenerateContent?alt=sse", triptych={"partial_images": 2})
    assert more.text.count('"thought":true') == 2


def test_a_stream_without_events_is_a_list(place: Place) -> None:
    answer = asked(place, f"/v1beta/models/{GOOGLE}:streamGenerateContent").json()
    assert [one["candidates"][0]["finishReason"] for one in answer] == ["STOP"]
    refused = asked(place, f"/v1beta/models/{GOOGLE}:streamGenerateContent", contents=[])
    assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_the_models_there_are(place: Place, client: genai.Client) -> None:
    names = [model.name for model in client.models.list(config={"page_size": 5})]
    usable = [model["id"] for model in place.get("/v1/models").json()["data"]]
    assert names == [f"models/{name}" for name in usable]
    one = client.models.get(model=GOOGLE)
    assert (one.name, one.supported_actions) == (f"models/{GOOGLE}", ["generateContent", "streamGenerateContent"])
    with pytest.raises(errors.ClientError) as unknown:
        client.models.get(model="nobody/nothing")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    assert place.get("/v1beta/models?pageSize=x").json()["error"]["details"][0]["metadata"]["param"] == "pageSize"


def test_the_key_is_a_budget_of_its_own(place: Place) -> None:
    path = f"{place.url}/v1beta/models/{GOOGLE}:generateContent"
    body = {"contents": [{"parts": [{"text": "a kettle"}]}]}
    for headers in ({"x-goog-api-key": "mine-alone"}, {"Authorization": "Bearer mine-alone"}):
        assert place.http.post(path, json=body, headers=headers).status_code == 200
    keys = place.get("/v1/router/budget").json()["keys"]
    assert [
        one["spent_micro_usd"] for one in keys if one["spent_micro_usd"] == place.emulators.google.charged_micro_usd
    ]


def test_a_key_of_idempotency_is_honoured(place: Place) -> None:
    path, headers = f"{place.url}/v1beta/models/{GOOGLE}:generateContent", {"Idempotency-Key": "order-18"}
    body = {"contents": [{"parts": [{"text": "a kettle"}]}]}
    first, again = (place.http.post(path, json=body, headers=headers) for _ in range(2))
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(place.emulators.google.submits) == 1


# Errors.


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"contents": []}, "contents", "at least one content"),
        ({"contents": [7]}, "contents", "contents[0].role"),
        ({"contents": [{"role": "tool"}]}, "contents", "'tool'"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "https://x.example"}}]}]}, "contents", "no file is kept"),
        ({"contents": [{"parts": [{"inlineData": {"data": "!"}}]}]}, "contents", "no base64"),
        ({"contents": [{"role": "model", "parts": [{"text": "x"}]}]}, "contents", "not a user's"),
        ({"generationConfig": {"responseModalities": ["TEXT"]}}, "generationConfig.responseModalities", "writes no text"),
        ({"generationConfig": {"imageConfig": {"aspectRatio": "wide"}}}, "generationConfig.imageConfig.aspectRatio", "e.g. 4:5"),
        ({"generationConfig": {"imageConfig": {"imageSize": "9K"}}}, "generationConfig.imageConfig.imageSize", "4k"),
        ({"generationConfig": {"candidateCount": 11}}, "generationConfig.candidateCount", "1 to 10"),
        ({"generationConfig": []}, "generationConfig", "an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(place: Place, body: dict[str, Any], param: str, words: str) -> None:
    answer = asked(place, **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT"), error
    assert error["details"][0] == {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "BAD_REQUEST", "domain": "triptych",
        "metadata": {"class": "rejected", "billed": "no", "param": param},
    }  # fmt: skip
    assert words in error["message"]
    assert place.emulators.google.requests == []


def test_what_means_nothing_to_a_picture_is_said(place: Place) -> None:
    answer = asked(
        place, system_instruction={"parts": [{"text": "be brief"}]}, safety_settings=[], tools=[{"googleSearch": {}}],
        generation_config={"temperature": 1, "image_config": {"person_generation": "ALLOW_ALL"}, "thinking_config": {"thinking_level": "high"}},
        triptych={"no_training": False, "negative_prompt": "rain", "colour": "red"},
    )  # fmt: skip
    notes = {one["feature"] for one in answer.json()["triptych"]["warnings"] if one["kind"] == "unsupported"}
    assert notes >= {
        "system", "safetySettings", "tools", "generationConfig.temperature", "generationConfig.imageConfig.personGeneration",
        "generationConfig.thinkingConfig.thinkingLevel", "colour",
    }  # fmt: skip


def test_a_model_that_is_not_there(place: Place, client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match=r"gemini-3\.1-flash-image") as unknown:
        client.models.generate_content(model="gemini-3.1-flush-image", contents="x")
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")


def test_a_refusal_is_an_answer_without_candidates(place: Place, client: genai.Client) -> None:
    place.emulators.openai.play(Kind.MODERATION_INPUT)
    answer: Any = client.models.generate_content(model=OPENAI, contents="x")
    assert (answer.candidates, answer.prompt_feedback.block_reason) == (None, types.BlockedReason.OTHER)
    assert answer.prompt_feedback.block_reason_message
    place.emulators.openai.play(Kind.MODERATION_INPUT)
    chunks: list[Any] = list(client.models.generate_content_stream(model=OPENAI, contents="x"))
    assert [chunk.prompt_feedback.block_reason for chunk in chunks] == [types.BlockedReason.OTHER]


def test_what_may_have_been_billed_is_never_asked_for_again(place: Place, client: genai.Client) -> None:
    place.emulators.openai.play(Kind.CUT_AFTER_READ)
    with pytest.raises(errors.ClientError) as lost:
        client.models.generate_content(model=OPENAI, contents="x")
    assert (lost.value.code, lost.value.status) == (409, "ABORTED")
    assert len(place.emulators.openai.submits) == 1
    place.fresh()
    place.emulators.openai.play(Kind.CUT_AFTER_READ)
    with pytest.raises(errors.APIError):
        list(client.models.generate_content_stream(model=OPENAI, contents="x"))
    assert len(place.emulators.openai.submits) == 2


def test_an_address_that_does_not_exist_and_a_method_that_is_not_taken(place: Place) -> None:
    assert place.get("/v1beta/nothing").json()["error"]["status"] == "NOT_FOUND"
    wrong = place.get(f"/v1beta/models/{GOOGLE}:generateContent")
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (404, "NOT_FOUND")
    wrong = asked(place, "/v1beta/models")
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


# The same package before the emulator that our adapter is tested against.


def test_the_emulator_takes_what_the_package_sends(emulators: Emulators) -> None:
    emulator = emulators.google
    with genai.Client(api_key=emulator.key, http_options=options(emulator.base_url.removesuffix("/v1beta"))) as client:
        config = types.GenerateContentConfig(
            response_modalities=["IMAGE"], seed=7, image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
            safety_settings=[types.SafetySetting(category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                                                 threshold=types.HarmBlockThreshold.BLOCK_ONLY_HIGH)],
        )  # fmt: skip
        made = client.models.generate_content(model="gemini-3-pro-image", contents="a kettle", config=config)
        contents: Any = [types.Part.from_bytes(data=pictures(made)[0], mime_type="image/png"), "at night"]
        assert len(pictures(client.models.generate_content(model="gemini-3-pro-image", contents=contents))) == 1
        talk = client.chats.create(model="gemini-3-pro-image")
        assert [len(pictures(talk.send_message(text))) for text in ("a kettle", "at night")] == [1, 1]
        stream = client.models.generate_content_stream(model="gemini-3-pro-image", contents="a kettle")
        assert sum(len(pictures(chunk)) for chunk in stream) == 1
        assert "models/gemini-3-pro-image" in {model.name for model in client.models.list()}
        emulator.play(Scenario(Kind.RATE_LIMIT, times=0))
        with pytest.raises(errors.ClientError) as limited:
            client.models.generate_content(model="gemini-3-pro-image", contents="a kettle")
    assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")
