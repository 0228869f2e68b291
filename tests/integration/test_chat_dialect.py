"""`/v1/chat/completions` with pictures in the answer: the official `openai`, `openrouter` and `huggingface_hub` packages as clients."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest
from huggingface_hub import InferenceClient
from openrouter import OpenRouter
from openrouter.errors import ResponseValidationError
from tests.emulators import Kind
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, XAI, png

from triptych.imaging.header import header
from triptych.network.receipt import read
from triptych.server.openai_answer import RECEIPT_HEADER

SIGNING = "google/gemini-3-pro-image"
BOTH = ["image", "text"]


def asks(text: str, *pictures: bytes) -> dict[str, Any]:
    """A message with its pictures."""
    parts = [{"type": "image_url", "image_url": {"url": address(one)}} for one in pictures]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts] if parts else text}


def address(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def chat(place: Place, *messages: dict[str, Any], headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    body = {"modalities": BOTH, "model": GOOGLE, "messages": list(messages), **body}
    return place.http.post(f"{place.url}/v1/chat/completions", json=body, headers=headers or {})


def drawn(answer: Any) -> list[bytes]:
    """The pictures of all choices."""
    urls = [one["image_url"]["url"] for choice in answer["choices"] for one in choice["message"]["images"]]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def test_a_picture_by_the_openai_package(place: Place) -> None:
    answer = place.sdk.chat.completions.create(
        model=GOOGLE, messages=[{"role": "user", "content": "a kettle"}],
        extra_body={"modalities": BOTH, "image_config": {"aspect_ratio": "16:9", "image_size": "2K"}},
    )  # fmt: skip
    message: Any = answer.choices[0].message
    assert (answer.object, message.role, answer.choices[0].finish_reason) == ("chat.completion", "assistant", "stop")
    assert [one["type"] for one in message.images] == ["image_url"]
    info = header(base64.b64decode(message.images[0]["image_url"]["url"].removeprefix("data:image/png;base64,")))
    assert info.width > info.height >= 1024
    config = place.emulators.google.submits[0].body["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    facts: Any = (answer.model_extra or {})["triptych"]
    assert (answer.id, answer.model, facts["endpoint"], facts["warnings"]) == (facts["tile"], GOOGLE, GOOGLE, [])
    assert facts["cost"]["amount_micro_usd"] == place.emulators.google.charged_micro_usd
    assert answer.usage.model_extra == {"cost": facts["cost"]["amount_micro_usd"] / 1_000_000}


def test_the_receipt_is_the_one_that_the_images_call_gives(place: Place) -> None:
    answer = chat(place, asks("a kettle"))
    facts = answer.json()["triptych"]
    assert answer.headers[RECEIPT_HEADER] == facts["receipt"]["id"]
    signed = read(facts["receipt"]["jws"].encode()).payload
    shown = answer.json()["choices"][0]["message"]["images"][0]["triptych"]
    assert shown["sha256"] in json.dumps(signed)
    assert shown["sha256"] == hashlib.sha256(drawn(answer.json())[0]).hexdigest()
    images = place.http.post(f"{place.url}/v1/images/generations", json={"model": GOOGLE, "prompt": "a kettle"}).json()
    assert set(facts) == set(images["triptych"])
    assert set(shown) == set(images["data"][0]["triptych"])


def test_pictures_to_edit_come_as_parts(place: Place) -> None:
    first, second = png(), png(colour="#a21")
    answer = chat(place, asks("red sails", first, second))
    assert answer.status_code == 200, answer.text
    parts = place.emulators.google.submits[0].body["contents"][0]["parts"]
    assert parts[0] == {"text": "red sails"}
    assert [base64.b64decode(part["inlineData"]["data"]) for part in parts[1:]] == [first, second]


def test_as_many_choices_as_are_asked_for(place: Place) -> None:
    answer = chat(place, asks("a kettle"), model=XAI, n=3).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert [len(choice["message"]["images"]) for choice in answer["choices"]] == [1, 1, 1]
    assert len(place.emulators.xai.submits) == 1


def test_a_stream(place: Place) -> None:
    stream = place.sdk.chat.completions.create(
        model=GOOGLE, messages=[{"role": "user", "content": "fog"}], stream=True,
        stream_options={"include_usage": True}, n=2, extra_body={"modalities": BOTH},
    )  # fmt: skip
    chunks: list[Any] = list(stream)
    pictures = [
        one
        for chunk in chunks
        for choice in chunk.choices
        for one in (choice.delta.model_extra or {}).get("images", [])
    ]
    assert [header(base64.b64decode(one["image_url"]["url"].partition(",")[2])).width for one in pictures] == [
        1024,
        1024,
    ]
    assert [choice.index for chunk in chunks[:2] for choice in chunk.choices] == [0, 1]
    assert [choice.finish_reason for choice in chunks[2].choices] == ["stop", "stop"]
    assert chunks[2].model_extra["triptych"]["receipt"]
    assert (chunks[3].choices, chunks[3].usage.total_tokens) == ([], chunks[2].usage.total_tokens)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_request_for_text_is_told_what_this_server_does(place: Place) -> None:
    for modalities in ({}, {"modalities": ["text"]}, {"modalities": "image"}):
        answer = place.http.post(
            f"{place.url}/v1/chat/completions", json={"model": GOOGLE, "messages": [asks("hello")], **modalities}
        )
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "bad_request", "modalities")
        assert "draws pictures and writes no text" in error["message"]
    with pytest.raises(openai.BadRequestError, match="writes no text"):
        place.sdk.chat.completions.create(model=GOOGLE, messages=[{"role": "user", "content": "hello"}])
    assert place.emulators.google.requests == []


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": "x"}, "messages", "at least one message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "messages[0].role is 'tool'"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages", "not a user's"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages", "text or a list of parts"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages", "messages[0].content[0].type is 'file'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}]},
         "messages", "fetches nothing"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}]}]},
         "messages", "no base64"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages", "prompt is empty"),
        ({"image_config": {"aspect_ratio": "wide"}}, "image_config.aspect_ratio", "a ratio of whole numbers"),
        ({"image_config": {"image_size": "9K"}}, "image_config.image_size", "1k"),
        ({"image_config": 5}, "image_config", "an object"),
        ({"model": "gemini-3.1-flush-image"}, "model", "gemini-3.1-flash-image"),
        ({"n": 11}, "n", "1 to 10"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(place: Place, body: dict[str, Any], param: str, words: str) -> None:
    answer = chat(place, asks("x"), **body)
    error = answer.json()["error"]
    assert (answer.status_code in {400, 404}, error["param"]) == (True, param), error
    assert words in error["message"]
    assert place.emulators.google.requests == []


def test_what_means_nothing_to_a_picture_is_said(place: Place) -> None:
    answer = chat(
        place, {"role": "system", "content": "be brief"}, asks("a kettle"), temperature=0.7, tools=[], mask="x",
        response_format={"type": "text"}, image_config={"strength": 0.5}, stream_options=None,
    )  # fmt: skip
    notes = {one["feature"]: one["kind"] for one in answer.json()["triptych"]["warnings"]}
    assert notes == dict.fromkeys(
        ["temperature", "tools", "mask", "response_format", "image_config.strength", "system"], "unsupported"
    )
    assert "be brief" not in json.dumps(place.emulators.google.submits[0].body)


def test_a_key_is_honoured(place: Place) -> None:
    headers = {"Idempotency-Key": "order-17"}
    first, again = (chat(place, asks("a kettle"), headers=headers) for _ in range(2))
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(place.emulators.google.submits) == 1
    assert chat(place, asks("a pot"), headers=headers).status_code == 409


def test_a_refusal(place: Place) -> None:
    place.emulators.openai.play(Kind.MODERATION_INPUT)
    with pytest.raises(openai.BadRequestError) as refused:
        place.sdk.chat.completions.create(
            model=OPENAI, messages=[{"role": "user", "content": "x"}], extra_body={"modalities": BOTH}
        )
    assert refused.value.code == "moderation_blocked"
    place.emulators.openai.play(Kind.MODERATION_INPUT)
    with pytest.raises(openai.APIError) as broken:
        list(place.sdk.chat.completions.create(
            model=OPENAI, messages=[{"role": "user", "content": "x"}], stream=True, extra_body={"modalities": BOTH}
        ))  # fmt: skip
    assert broken.value.code == "moderation_blocked"


# Conversations.


def answered(answer: httpx.Response) -> dict[str, Any]:
    """The message of an answer, as a client sends it back."""
    message: dict[str, Any] = answer.json()["choices"][0]["message"]
    return message


def features(answer: httpx.Response) -> dict[str, str]:
    return {one["feature"]: one["kind"] for one in answer.json()["triptych"]["warnings"]}


def test_a_conversation_goes_on_as_it_was_held(place: Place) -> None:
    said = [asks("a kettle")]
    for more in ("make it night", "add a cup"):
        said += [answered(chat(place, *said, model=SIGNING)), asks(more)]
    last = chat(place, *said, model=SIGNING)
    assert features(last) == {}
    contents = place.emulators.google.submits[-1].body["contents"]
    assert [one["parts"][0]["text"] for one in contents[::2]] == ["a kettle", "make it night", "add a cup"]
    assert all(part["thoughtSignature"] for one in contents[1::2] for part in one["parts"])
    assert "thoughtSignature" not in last.text
    tile = place.tile(last.json()["id"])
    told = place.get(f"/api/images/{tile['images'][0]['id']}/turns").json()["turns"]
    assert [one["prompt"] for one in told] == ["a kettle", "make it night", "add a cup"]


def test_a_conversation_that_was_told_otherwise_is_an_edit(place: Place) -> None:
    first = answered(chat(place, asks("a kettle"), model=SIGNING))
    other = chat(place, asks("a pot"), first, asks("make it night"), model=SIGNING)
    assert features(other) == {"turns": "unsupported"}
    contents = place.emulators.google.submits[-1].body["contents"]
    assert [part.get("text") for part in contents[0]["parts"]] == ["make it night", None]
    assert len(contents) == 1
    foreign = {"role": "assistant", "content": "here", "images": [{"image_url": {"url": address(png())}}]}
    assert features(chat(place, asks("a pot"), foreign, asks("make it night"), model=SIGNING)) == {
        "turns": "unsupported"
    }
    words = chat(place, asks("hello"), {"role": "assistant", "content": "hi"}, asks("a pot"), model=SIGNING)
    assert "the last picture" not in words.text
    assert len(place.emulators.google.submits[-1].body["contents"][0]["parts"]) == 1


def test_a_conversation_that_was_cut_short_has_only_what_is_left_of_it(place: Place) -> None:
    first = chat(place, asks("a kettle"), model=SIGNING)
    second = chat(place, asks("a kettle"), answered(first), asks("make it night"), model=SIGNING)
    third = chat(place, asks("make it night"), answered(second), asks("add a cup"), model=SIGNING)
    assert features(third) == {"turns": "unsupported"}
    assert "a kettle" not in json.dumps(place.emulators.google.submits[-1].body)


def test_pieces_of_text_are_put_together_and_that_is_said(place: Place) -> None:
    answer = chat(place, asks("a kettle"), asks("on basalt", png()))
    assert features(answer) == {"prompt": "adjusted"}
    assert place.emulators.google.submits[0].body["contents"][0]["parts"][0] == {"text": "a kettle\non basalt"}


# Other clients.


@pytest.fixture(scope="module")
def router(shared_place: Place) -> Iterator[OpenRouter]:
    with OpenRouter(api_key="any", server_url=f"{shared_place.url}/v1") as client:
        yield client


def test_the_openrouter_package_generates_and_edits(place: Place, router: Any) -> None:
    made: Any = router.chat.send(model=GOOGLE, messages=[{"role": "user", "content": "a kettle"}],
                                 modalities=["image", "text"], image_config={"aspect_ratio": "16:9"})  # fmt: skip
    url = made.choices[0].message.images[0].image_url.url
    picture = base64.b64decode(url.partition(",")[2])
    assert header(picture).width > header(picture).height
    assert made.usage.cost == place.emulators.google.charged_micro_usd / 1_000_000
    edited: Any = router.chat.send(model=GOOGLE, messages=[asks("at night", picture)], modalities=["image", "text"])
    assert edited.choices[0].message.images[0].image_url.url.startswith("data:image/")
    parts = place.emulators.google.submits[-1].body["contents"][0]["parts"]
    assert base64.b64decode(parts[1]["inlineData"]["data"]) == picture


def test_the_openrouter_package_reads_the_stream(place: Place, router: Any) -> None:
    with router.chat.send(model=GOOGLE, messages=[{"role": "user", "content": "fog"}], modalities=["image", "text"],
                          stream=True) as stream:  # fmt: skip
        chunks: list[Any] = list(stream)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, "stop"]
    assert chunks[-1].usage.total_tokens > 0


def test_the_openrouter_package_keeps_the_words_of_an_error(place: Place, router: Any) -> None:
    """Its own service numbers errors, so that it cannot read one whose code is a word; the body is in what it raises."""
    with pytest.raises(ResponseValidationError) as refused:
        router.chat.send(model=GOOGLE, messages=[{"role": "user", "content": "hello"}])
    assert "writes no text" in json.loads(refused.value.body)["error"]["message"]
    assert refused.value.status_code == 400


def test_the_huggingface_package_generates_and_edits(place: Place) -> None:
    both = {"modalities": BOTH}
    with InferenceClient(base_url=f"{place.url}/v1", api_key="any") as client:
        made: Any = client.chat.completions.create(model=GOOGLE, messages=[asks("a kettle")], extra_body=both)
        picture = base64.b64decode(made.choices[0].message.images[0]["image_url"]["url"].partition(",")[2])
        assert header(picture).width > 0
        edited: Any = client.chat.completions.create(
            model=GOOGLE, messages=[asks("at night", picture)], extra_body=both
        )
    assert edited.choices[0].message.images[0]["image_url"]["url"].startswith("data:image/")
    parts = place.emulators.google.submits[-1].body["contents"][0]["parts"]
    assert base64.b64decode(parts[1]["inlineData"]["data"]) == picture


def test_a_picture_whose_maker_is_hidden_is_edited_and_tells_nothing(place: Place) -> None:
    hidden = place.make("a jug of tin --blind", SIGNING)["images"][0]
    shown = place.do(place.app.studio.pictures.bytes_of(hidden["sha256"]))
    sent_back = {"role": "assistant", "content": "", "images": [{"image_url": {"url": address(shown)}}]}
    answer = chat(place, asks("a jug of tin"), sent_back, asks("at night"), model=SIGNING)
    assert features(answer) == {"turns": "unsupported"}
    assert place.tile(answer.json()["id"])["parent"] is None


def test_a_client_that_knows_no_modalities_gets_addresses_as_texts(place: Place) -> None:
    """What the client of `opengradient` 1.1.4 sends, and how it reads the answer."""
    headers = {"Authorization": "Bearer 0xplaceholder", "X-SETTLEMENT-TYPE": "private"}
    body = {"model": GOOGLE, "messages": [asks("a kettle")], "max_tokens": 300, "temperature": 0.0}
    whole = place.http.post(f"{place.url}/v1/chat/completions", json=body, headers=headers).json()
    images = whole["choices"][0]["message"]["images"]
    assert [one.startswith("data:image/png;base64,") for one in images] == [True]
    text = place.http.post(f"{place.url}/v1/chat/completions", json={**body, "stream": True}, headers=headers).text
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    last = json.loads(events[-2])
    assert [one.startswith("data:image/png;base64,") for one in last["images"]] == [True]
    assert last["choices"][0]["finish_reason"] == "stop"
