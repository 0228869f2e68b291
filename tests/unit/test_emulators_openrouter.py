"""OpenRouter's own package before its emulator: what the package sends is taken, and what the emulator answers is understood."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from openrouter import OpenRouter as Client
from openrouter import errors
from tests.emulators import Emulators, Kind, OpenRouter
from tests.emulators.client import data_uri, png

from triptych.imaging.header import header

MODEL = "bytedance-seed/seedream-4.5"


@pytest.fixture
def emulator(emulators: Emulators) -> OpenRouter:
    return emulators.openrouter


@pytest.fixture
def client(emulator: OpenRouter) -> Iterator[Any]:
    with Client(api_key=emulator.key, server_url=emulator.base_url) as made:
        yield made


def test_it_generates_and_names_the_price(client: Any, emulator: OpenRouter) -> None:
    made = client.images.generate(model=MODEL, prompt="a kettle", aspect_ratio="16:9", resolution="2K", seed=1)
    picture = header(base64.b64decode(made.data[0].b64_json))
    assert (picture.media_type, picture.width > picture.height) == ("image/png", True)
    assert made.usage.cost == emulator.charged_micro_usd / 1_000_000 == 0.04


def test_it_edits(client: Any) -> None:
    reference = {"type": "image_url", "image_url": {"url": data_uri(png(96, 64))}}
    made = client.images.generate(model=MODEL, prompt="at night", input_references=[reference])
    assert header(base64.b64decode(made.data[0].b64_json)).width == 96


def test_it_draws_in_a_chat(client: Any, emulator: OpenRouter) -> None:
    question = [
        {"type": "text", "text": "at night"},
        {"type": "image_url", "image_url": {"url": data_uri(png(96, 64))}},
    ]
    ask: dict[str, Any] = {
        "model": "google/gemini-3.1-flash-image",
        "messages": [{"role": "user", "content": question}],
    }
    made = client.chat.send(
        **ask, modalities=["image", "text"], image_config={"aspect_ratio": "16:9", "image_size": "2K"}
    )
    (drawn,) = made.choices[0].message.images
    picture = header(base64.b64decode(drawn.image_url.url.partition(",")[2]))
    assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.02)
    assert made.usage.cost == emulator.charged_micro_usd / 1_000_000 == 0.039
    assert client.chat.send(**ask).choices[0].message.images is None  # nobody asked for one


@pytest.mark.parametrize(("kind", "error", "words"), [
    (Kind.WRONG_KEY, errors.UnauthorizedResponseError, "User not found"),
    (Kind.NO_CREDIT, errors.PaymentRequiredResponseError, "Insufficient credits"),
    (Kind.MODERATION_INPUT, errors.ForbiddenResponseError, "flagged"),
    (Kind.UNKNOWN_MODEL, errors.NotFoundResponseError, "No endpoints"),
    (Kind.UNKNOWN_FIELD, errors.BadRequestResponseError, "Unrecognized"),
])  # fmt: skip
def test_it_raises_what_went_wrong(
    client: Any, emulator: OpenRouter, kind: Kind, error: type[Exception], words: str
) -> None:
    emulator.play(kind)
    with pytest.raises(error, match=words):
        client.images.generate(model=MODEL, prompt="a kettle", retries=None)
