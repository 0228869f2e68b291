"""Together's own package before its emulator: what the package sends is taken, and what the emulator answers is understood."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import together
from tests.emulators import Emulators, Kind
from tests.emulators.client import data_uri, png
from tests.emulators.relay import Together

from triptych.imaging.header import header

SCHNELL, KONTEXT, FLUX2 = (
    f"black-forest-labs/{name}" for name in ("FLUX.1-schnell", "FLUX.1-kontext-dev", "FLUX.2-dev")
)


@pytest.fixture
def emulator(emulators: Emulators) -> Together:
    return emulators.together


@pytest.fixture
def client(emulator: Together) -> Iterator[Any]:
    with together.Together(api_key=emulator.key, base_url=emulator.base_url, max_retries=0) as made:
        yield made


def drawn(made: Any) -> list[tuple[int, int]]:
    heads = [header(base64.b64decode(one.b64_json)) for one in made.data]
    return [(head.width, head.height) for head in heads]


def test_it_generates(client: Any, emulator: Together) -> None:
    wish = {
        "model": SCHNELL, "prompt": "otter", "height": 768, "n": 2, "negative_prompt": "blur", "response_format": "base64", "seed": 1,
        "steps": 4, "width": 1024,
    }  # fmt: skip
    made = client.images.generate(**wish)
    assert (drawn(made), [one.index for one in made.data], made.model) == ([(1024, 768)] * 2, [0, 1], SCHNELL)
    assert emulator.charged_micro_usd == 6_000
    assert (emulator.submits[0].path, emulator.submits[0].body) == (
        "/v1/images/generations",
        wish,
    )  # as together 3.1.1 sends it


@pytest.mark.parametrize(
    ("model", "given"), [(KONTEXT, {"image_url": data_uri(png())}), (FLUX2, {"reference_images": [data_uri(png())]})]
)
def test_it_edits(client: Any, emulator: Together, model: str, given: dict[str, Any]) -> None:
    made = client.images.generate(
        model=model, prompt="at night", width=512, height=256, response_format="base64", **given
    )
    assert drawn(made) == [(512, 256)]
    assert set(given) < set(emulator.submits[0].body)


def test_it_lists_models(client: Any, emulator: Together) -> None:
    assert [one["id"] for one in client.get("/models", cast_to=object)["data"]] == list(emulator.models)


@pytest.mark.parametrize(("kind", "error", "said"), [
    (Kind.WRONG_KEY, together.AuthenticationError, "Invalid API key"), (Kind.NO_CREDIT, together.APIStatusError, "Credit limit"),
    (Kind.UNKNOWN_FIELD, together.BadRequestError, "Unknown parameter"), (Kind.RATE_LIMIT, together.RateLimitError, "Rate limit"),
    (Kind.MODERATION_FREE, together.UnprocessableEntityError, "NSFW"),
])  # fmt: skip
def test_it_raises_what_went_wrong(
    client: Any, emulator: Together, kind: Kind, error: type[Exception], said: str
) -> None:
    emulator.play(kind)
    with pytest.raises(error, match=said):
        client.images.generate(model=SCHNELL, prompt="otter")
