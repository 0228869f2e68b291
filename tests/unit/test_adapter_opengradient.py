"""OpenGradient: what goes into the seal, what the relay sees, and every answer that does not hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.opengradient import Lie
from tests.emulators.opengradient import OpenGradient as Emulated
from tests.emulators.server import Harness
from tests.unit.adapter_kit import B64, CARDS, PNG, answer, done, failure, picture, request

from triptych.app.opengradient import FILE, find_tee, sealing
from triptych.http.client import HttpClient
from triptych.http.message import HttpRequest
from triptych.provider_kit.driver import HttpImageModel
from triptych.providers.opengradient import ADAPTER
from triptych.spec.clock import SystemClock
from triptych.spec.errors import (
    AuthError,
    BadRequestError,
    BillingError,
    EmptyAnswerError,
    HostileContentError,
    RateLimitedError,
    RejectedError,
    SettingsError,
    TriptychError,
)
from triptych.spec.image import GeneratedImage, ImageRequest, ImageResult
from triptych.spec.model import CallContext, CallEvent, Sent
from triptych.spec.secret import Secret

MODEL = "opengradient/gemini-3.1-flash-image"
CHAT: Any = {
    "id": "c1",
    "model": "gemini-3.1-flash-image",
    "choices": [{"message": {"content": "Here.", "images": []}}],
}


def chat(*images: Any, **fields: Any) -> Any:
    return {**CHAT, "choices": [{"message": {"content": "Here.", "images": list(images)}}], **fields}


def test_the_wire_example_of_a_picture_from_words() -> None:
    http = ADAPTER.build(request("a heron"), CARDS[MODEL]).http
    assert (http.method, http.url, dict(http.headers)) == (
        "POST",
        "/api/v1/chat/ohttp",
        {"Accept": "message/ohttp-res"},
    )
    assert http.json == {
        "model": "gemini-3.1-flash-image", "temperature": 0.0, "messages": [{"role": "user", "content": "a heron"}],
    }  # fmt: skip


def test_the_wire_example_of_an_edit() -> None:
    http = ADAPTER.build(request("at night", images=(picture(),)), CARDS[MODEL]).http
    assert isinstance(http.json, dict)
    assert http.json["messages"] == [{"role": "user", "content": [
        {"type": "text", "text": "at night"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}},
    ]}]  # fmt: skip


def test_what_it_has_no_setting_for_is_said() -> None:
    prepared = ADAPTER.build(request(seed=7, quality="high"), CARDS[MODEL])
    assert {one.feature: one.kind for one in prepared.adjustments} == {"seed": "unsupported", "quality": "unsupported"}


def test_options_may_not_overrule_the_request() -> None:
    with pytest.raises(BadRequestError):
        ADAPTER.build(request(options={"opengradient": {"model": "another"}}), CARDS[MODEL])
    with pytest.raises(BadRequestError):
        ADAPTER.build(request(options={"opengradient": {"stream": True}}), CARDS[MODEL])


def test_pictures_come_as_addresses_of_data_and_the_signature_is_told() -> None:
    found = done(ADAPTER, answer(chat(f"data:image/png;base64,{B64}", 5, "http://a.example/x", tee_id="0xab")), MODEL)
    (image,) = found.images
    assert isinstance(image, GeneratedImage)
    assert (image.data, image.media_type) == (PNG, "image/png")
    assert image.metadata == {"tee_id": "0xab", "verified": False}
    checked = answer(chat(f"data:image/png;base64,{B64}", tee_id="0xab"), headers={"x-triptych-verified": "0xab"})
    assert done(ADAPTER, checked, MODEL).metadata["verified"] is True


@pytest.mark.parametrize(("body", "status", "kind"), [
    (chat(), 200, EmptyAnswerError), ({}, 200, EmptyAnswerError), ({"detail": "Invalid token"}, 401, AuthError),
    ({"detail": "not enough credits"}, 403, BillingError), ({"error": "slow down"}, 429, RateLimitedError),
])  # fmt: skip
def test_answers_without_a_picture(body: Any, status: int, kind: type[TriptychError]) -> None:
    assert isinstance(failure(ADAPTER, answer(body, status), MODEL), kind)


# Through the seal, over a socket.


@pytest.fixture(scope="module")
def emulated() -> Iterator[Emulated]:
    one = Emulated()
    harness = Harness({one.name: one})
    harness.start()
    yield one
    harness.stop()


async def made(emulated: Emulated, folder: Path, lie: Lie = "", key: str = Emulated.key,
               asked: ImageRequest | None = None) -> tuple[ImageResult, list[CallEvent]]:  # fmt: skip
    emulated.reset()
    emulated.lie, emulated.asked = lie, []
    (folder / FILE).write_text(json.dumps(emulated.enclave.file))
    tee = find_tee(folder)
    assert tee is not None
    events: list[CallEvent] = []

    async def credential() -> Secret:
        return Secret(key)

    async def tell(event: CallEvent) -> None:
        events.append(event)

    clock = SystemClock()
    async with HttpClient(clock) as client:
        model = HttpImageModel(CARDS[MODEL], ADAPTER, sealing(tee)(client), credential, clock, base_url=emulated.url)
        context = CallContext(call_id="a", deadline=clock.monotonic() + 60, tell=tell)
        return await model.generate(asked or request("a heron in the reeds"), context), events


async def test_a_picture_comes_through_the_seal_and_the_relay_sees_nothing_of_it(
    emulated: Emulated, tmp_path: Path
) -> None:
    result, events = await made(emulated, tmp_path)
    assert result.images[0].metadata["verified"] is True
    assert emulated.asked[0]["messages"][0]["content"] == "a heron in the reeds"
    (seen,) = emulated.requests
    assert seen.headers["authorization"] == f"Bearer {emulated.key}"
    assert seen.headers["x-tee-id"] == emulated.enclave.id
    assert b"heron" not in (seen.body if isinstance(seen.body, bytes) else repr(seen.body).encode())
    sent = next(event.wire for event in events if isinstance(event, Sent))
    assert sent.headers["Content-Type"] == "message/ohttp-req"
    assert "a heron in the reeds" in (sent.body or "")
    await made(emulated, tmp_path, asked=request("at night", images=(picture(),)))
    assert emulated.asked[0]["messages"][0]["content"][1]["type"] == "image_url"


@pytest.mark.parametrize(("lie", "says"), [
    ("text", "another text"), ("request", "another request"), ("signature", "not signed"), ("enclave", "was asked"),
    ("unsigned", "no tee_signature"), ("unsealed", "cannot be opened"), ("cut", "cannot be opened"), ("no_json", "no JSON"),
])  # fmt: skip
async def test_nothing_is_shown_of_an_answer_that_does_not_hold(
    emulated: Emulated, tmp_path: Path, lie: Lie, says: str
) -> None:
    with pytest.raises(HostileContentError) as told:
        await made(emulated, tmp_path, lie)
    assert says in told.value.message
    assert told.value.billed == "unknown"


async def test_errors_inside_and_outside_the_seal_are_told(emulated: Emulated, tmp_path: Path) -> None:
    with pytest.raises(RateLimitedError):
        await made(emulated, tmp_path, "inner_error")
    with pytest.raises(AuthError):
        await made(emulated, tmp_path, key="og-wrong-0123456789")


async def test_what_was_not_sealed_is_not_sent(emulated: Emulated, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(emulated.enclave.file))
    tee, clock = find_tee(tmp_path), SystemClock()
    assert tee is not None
    async with HttpClient(clock) as client:
        way = sealing(tee)(client)
        with pytest.raises(RejectedError):
            await way.send(HttpRequest(url=f"{emulated.url}/api/v1/chat/ohttp"), deadline=clock.monotonic() + 60)


def test_it_is_offered_only_where_an_enclave_is_named(tmp_path: Path) -> None:
    assert find_tee(tmp_path) is None
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(SettingsError):
        find_tee(tmp_path)
