"""Volcengine's own package before the emulator of Ark: what the package sends is taken, and what the emulator answers is understood."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Ark, Emulators, Kind
from tests.emulators.client import data_uri, png
from volcenginesdkarkruntime import Ark as Client
from volcenginesdkarkruntime._exceptions import ArkAPIError, ArkBadRequestError
from volcenginesdkarkruntime.types.images import SequentialImageGenerationOptions

from triptych.imaging.header import header

LITE = "seedream-5-0-260128"


@pytest.fixture
def emulator(emulators: Emulators) -> Ark:
    return emulators.ark


@pytest.fixture
def client(emulator: Ark) -> Iterator[Any]:
    with Client(api_key=emulator.key, base_url=emulator.base_url, max_retries=0) as made:
        yield made


def test_it_generates(client: Any, emulator: Ark) -> None:
    made = client.images.generate(model=LITE, prompt="otter", size="2K", watermark=False)
    with httpx.Client(timeout=90, trust_env=False) as http:
        picture = header(http.get(made.data[0].url).content)
    assert (picture.width, picture.height, made.usage.generated_images) == (2048, 2048, 1)
    body = emulator.submits[0].body
    assert (body["watermark"], body["seed"], "stream" in body) == (False, None, False)  # a null for what was not set
    assert emulator.charged_micro_usd == 35_000


def test_it_edits_with_two_references(client: Any) -> None:
    made = client.images.generate(
        model=LITE, prompt="otter", image=[data_uri(png()), "https://example.com/a.png"], size="2048x2048", watermark=False,
        response_format="b64_json", output_format="png",
    )  # fmt: skip
    picture = header(base64.b64decode(made.data[0].b64_json))
    assert (picture.media_type, picture.width, made.data[0].size) == ("image/png", 2048, "2048x2048")


def group(client: Any, *, stream: bool) -> Any:
    return client.images.generate(
        model=LITE, prompt="otter", size="2K", watermark=False, stream=stream, sequential_image_generation="auto",
        sequential_image_generation_options=SequentialImageGenerationOptions(max_images=3),
    )  # fmt: skip


def test_a_group_comes_as_a_stream(client: Any, emulator: Ark) -> None:
    told = list(group(client, stream=True))
    assert [one.type.rpartition(".")[2] for one in told] == [*["partial_succeeded"] * 3, "completed"]
    assert [one.image_index for one in told[:3]] == [0, 1, 2]
    assert told[-1].usage["generated_images"] == 3
    emulator.play(Kind.PARTIAL)
    with pytest.raises(ArkAPIError, match="sensitive"):  # the package gives a stream up where an event has `error`
        list(group(client, stream=True))


def test_a_group_may_fail_in_part(client: Any, emulator: Ark) -> None:
    emulator.play(Kind.PARTIAL)
    made = group(client, stream=False)
    assert [one.url is None for one in made.data] == [False, True, False]
    assert (made.data[1].error["code"], made.usage.generated_images) == ("OutputImageSensitiveContentDetected", 2)


@pytest.mark.parametrize(("kind", "error", "said"), [
    (Kind.WRONG_KEY, ArkAPIError, "missing or invalid"), (Kind.RATE_LIMIT, ArkAPIError, "RPM"), (Kind.UNKNOWN_FIELD, ArkBadRequestError, "not supported"),
    (Kind.MODERATION_INPUT, ArkBadRequestError, "sensitive"),
])  # fmt: skip
def test_it_raises_what_went_wrong(client: Any, emulator: Ark, kind: Kind, error: type[Exception], said: str) -> None:
    emulator.play(kind)
    with pytest.raises(error, match=said):
        client.images.generate(model=LITE, prompt="otter")
