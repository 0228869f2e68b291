"""Gemini at Vertex AI, before the emulator: by a key of the express mode and at the address of a project, by the adapter and by Google's own
package."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors as theirs
from google.genai import types
from google.oauth2.credentials import Credentials
from tests.emulators import Emulators, Kind, Vertex
from tests.unit.adapter_kit import CARDS, answer, picture, request

from triptych.http.client import HttpClient
from triptych.imaging.header import header
from triptych.provider_kit import laws
from triptych.provider_kit.adapter import Auth, ListsModels
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.playback import PlayedClock
from triptych.providers.google import VERTEX
from triptych.spec import errors
from triptych.spec.image import AspectRatio, Cost, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.spec.price import estimate
from triptych.spec.secret import Secret

PRO = CARDS["vertex/gemini-3-pro-image"]
TOKEN: Any = Credentials  # its constructor has no types


@pytest.fixture
def emulator(emulators: Emulators) -> Vertex:
    return emulators.vertex


async def drawn(base_url: str, key: str, **wanted: Any) -> tuple[ImageResult, list[Sent]]:
    """A picture as users get it, by the driver, and what is told of the way to it."""
    sent = []

    async def given() -> Secret:
        return Secret(key)

    async def tell(news: object) -> None:
        if isinstance(news, Sent):
            sent.append(news)

    clock = PlayedClock()
    async with HttpClient(clock) as client:
        model = HttpImageModel(PRO, VERTEX, client, given, clock, base_url=base_url)
        context = CallContext(call_id="c", deadline=clock.monotonic() + 60, tell=tell)
        return await model.generate(request("otter", **wanted), context), sent


async def test_a_key_of_the_express_mode_draws(emulator: Vertex) -> None:
    made, _ = await drawn(
        emulator.base_url, emulator.key, aspect_ratio=AspectRatio(16, 9), images=(laws.picture("edit", 64),)
    )
    picture = header(made.images[0].data)
    assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.02)
    (sent,) = emulator.submits
    assert sent.path == "/v1/publishers/google/models/gemini-3-pro-image:generateContent"
    assert (sent.headers["x-goog-api-key"], "authorization" in sent.headers) == (emulator.key, False)


async def test_an_access_token_draws_at_the_address_of_a_project(emulator: Vertex) -> None:
    _, told = await drawn(emulator.project_url, emulator.token)
    (sent,) = emulator.submits
    assert sent.path.startswith("/v1/projects/sunny-hill-1/locations/global/publishers/google/models/")
    assert (sent.headers["authorization"], "x-goog-api-key" in sent.headers) == (f"Bearer {emulator.token}", False)
    assert [one.wire.headers.get("Authorization") for one in told] == ["Bearer <key>"]


@pytest.mark.parametrize("crossed", ["key", "token"])
async def test_the_one_is_nothing_at_the_others_address(emulator: Vertex, crossed: str) -> None:
    bases = {"key": emulator.project_url, "token": emulator.base_url}
    with pytest.raises((errors.AuthError, errors.RejectedError)):
        await drawn(bases[crossed], getattr(emulator, crossed))
    assert emulator.charged_micro_usd == 0


def test_the_prices_are_those_of_vertex() -> None:
    flash = CARDS["vertex/gemini-3.1-flash-image"]
    assert estimate(flash, request()) == Cost(67_200, "table")
    assert estimate(flash, request(images=(picture(),))) == Cost(67_760, "table")
    assert estimate(flash, request(resolution="4k")).amount_micro_usd is None


def test_a_key_cannot_be_tried_for_free_and_that_is_said() -> None:
    check = VERTEX.parse_check(answer(b"<title>Error 404</title>", 404, step="check"))
    assert (check.ok, check.code) == (True, "unverified")
    refused = {"error": {"code": 401, "message": "invalid authentication credentials", "status": "UNAUTHENTICATED"}}
    assert VERTEX.parse_check(answer(refused, 401, step="check")).code == "auth"
    assert isinstance(VERTEX, ListsModels)
    assert VERTEX.list_request() is None


def test_only_what_begins_as_a_token_goes_where_tokens_go() -> None:
    auth = VERTEX.auth
    assert auth.placing("AIzaSyA-ya29.") is auth
    assert (auth.placing("ya29.a0").header, auth.placing("ya29.a0").prefix) == ("Authorization", "Bearer ")
    assert Auth(header="x-key").placing("ya29.a0").header == "x-key"


# Google's own package

WISH = types.GenerateContentConfig(
    response_modalities=["IMAGE"],
    seed=7,
    image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K", person_generation="ALLOW_ADULT"),
)


@pytest.fixture(params=["express", "project"])
def client(emulator: Vertex, request: pytest.FixtureRequest) -> Iterator[Any]:
    options = types.HttpOptions(base_url=emulator.url, api_version="v1")
    if request.param == "express":
        made = genai.Client(vertexai=True, api_key=emulator.key, http_options=options)
    else:
        them = TOKEN(token=emulator.token)
        made = genai.Client(
            vertexai=True, project="sunny-hill-1", location="global", credentials=them, http_options=options
        )
    yield made
    made.close()


def test_it_generates_and_edits(client: Any, emulator: Vertex) -> None:
    parts = [
        types.Part.from_text(text="make it night"),
        types.Part.from_bytes(data=laws.picture("edit", 64).data, mime_type="image/png"),
    ]
    made = client.models.generate_content(model="gemini-3-pro-image", contents=parts, config=WISH)
    (part,) = [one for one in made.candidates[0].content.parts if one.inline_data]
    picture = header(part.inline_data.data)
    assert (picture.media_type, picture.width) == ("image/png", 2736)
    assert emulator.submits[0].path.endswith("/publishers/google/models/gemini-3-pro-image:generateContent")


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.WRONG_KEY, {400, 401}), (Kind.QUOTA, {429}), (Kind.UNKNOWN_FIELD, {400})]
)
def test_it_raises_what_went_wrong(client: Any, emulator: Vertex, kind: Kind, status: set[int]) -> None:
    emulator.play(kind)
    with pytest.raises(theirs.ClientError) as caught:
        client.models.generate_content(model="gemini-3-pro-image", contents="otter", config=WISH)
    assert caught.value.code in status
