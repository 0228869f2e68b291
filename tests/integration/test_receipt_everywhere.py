"""Every way in and every way out brings the receipt: generations, edits, streams, parts that failed, errors; and each call
in it has its status, its time and the provider's own id."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from tests.emulators import Emulators
from tests.emulators.scenario import Kind
from tests.integration.place import Place
from tests.unit.credential_tools import picture

from triptych.network.receipt import read

OPENAI, GOOGLE = "openai/gpt-image-1-mini", "google/gemini-3.1-flash-image"
PROMPT = "a kettle of unheard-of brass"
Way = Callable[[Place], tuple[dict[str, Any], str | None]]


def generation(place: Place) -> tuple[dict[str, Any], str | None]:
    raw = place.sdk.images.with_raw_response.generate(model=OPENAI, prompt=PROMPT)
    return raw.parse().triptych["receipt"], raw.headers["x-triptych-receipt"]  # type: ignore[attr-defined]


def edit(place: Place) -> tuple[dict[str, Any], str | None]:
    source = ("a.png", picture("PNG", 256), "image/png")
    raw = place.sdk.images.with_raw_response.edit(model=OPENAI, prompt=PROMPT, image=source)
    return raw.parse().triptych["receipt"], raw.headers["x-triptych-receipt"]  # type: ignore[attr-defined]


def stream(place: Place) -> tuple[dict[str, Any], str | None]:
    *_, last = list(place.sdk.images.generate(model=OPENAI, prompt=PROMPT, stream=True, partial_images=1))
    return last.triptych["receipt"], None  # type: ignore[union-attr]


def stream_of_an_edit(place: Place) -> tuple[dict[str, Any], str | None]:
    source = ("a.png", picture("PNG", 256), "image/png")
    *_, last = list(place.sdk.images.edit(model=OPENAI, prompt=PROMPT, image=source, stream=True))
    return last.triptych["receipt"], None  # type: ignore[union-attr]


@pytest.mark.parametrize("way", [generation, edit, stream, stream_of_an_edit])
def test_every_way_brings_it(place: Place, way: Way) -> None:
    receipt, header = way(place)
    said = read(receipt["jws"].encode()).payload
    assert header in {None, receipt["id"]}
    assert (said["id"], said["state"], len(said["outputs"])) == (receipt["id"], "done", 1)
    assert len(said["inputs"]) == (1 if "edit" in way.__name__ else 0)
    (attempt,) = said["attempts"]
    (call,) = attempt["sent"]
    assert (call["step"], call["method"], call["status"]) == ("submit", "POST", 200)
    assert call["request_id"].startswith("req_")
    assert 0 <= call["ms"] <= attempt["ms"] + 1
    assert "kettle" not in str(said)
    assert "brass" not in str(said)


def test_a_part_that_fails_is_in_it_with_its_status(place: Place, emulators: Emulators) -> None:
    """One of three calls of a model that makes one picture a call."""
    emulators.google.play(Kind.SUCCESS, Kind.MODERATION_INPUT, Kind.SUCCESS)
    answer: Any = place.sdk.images.generate(model=GOOGLE, prompt=PROMPT, n=3)
    said = read(answer.triptych["receipt"]["jws"].encode()).payload
    calls = [call for attempt in said["attempts"] for call in attempt["sent"]]
    assert (len(answer.data), said["state"], len(said["outputs"])) == (2, "done", 2)
    assert len(calls) == 3
    assert all(call["status"] for call in calls)
    assert sum("request_id" in call for call in calls) >= 2


def test_an_error_brings_it_with_the_status_and_the_id_of_the_refusal(place: Place, emulators: Emulators) -> None:
    emulators.openai.play(Kind.MODERATION_INPUT)
    with pytest.raises(openai.BadRequestError) as refused:
        place.sdk.images.generate(model=OPENAI, prompt=PROMPT)
    body: Any = refused.value.body
    (call,) = read(body["triptych"]["receipt"]["jws"].encode()).payload["attempts"][0]["sent"]
    assert (call["status"], call["request_id"][:4]) == (400, "req_")
    (shown,) = body["triptych"]["attempts"][0]["calls"]
    assert (shown["status"], shown["request_id"]) == (400, call["request_id"])
    assert shown["host"].startswith("127.0.0.1")  # told to the one who asked, and only committed to in public
    assert call["host"].startswith("hmac:")


def test_a_cut_has_no_status_and_says_how_long_it_took(place: Place, emulators: Emulators) -> None:
    emulators.openai.play(Kind.CUT_AFTER_READ)
    with pytest.raises(openai.APIStatusError) as lost:
        place.sdk.images.generate(model=OPENAI, prompt=PROMPT)
    body: Any = lost.value.body
    (call,) = read(body["triptych"]["receipt"]["jws"].encode()).payload["attempts"][0]["sent"]
    assert "status" not in call
    assert call["ms"] >= 0


def test_the_inspector_shows_status_time_and_id(place: Place) -> None:
    run = place.start("a fox", OPENAI)
    place.ended(run["tiles"][0]["id"])
    (attempt,) = place.get(f"/api/tiles/{run['tiles'][0]['id']}").json()["attempts"]
    (wire,) = attempt["wires"]
    assert (wire["step"], wire["status"], wire["request_id"][:4]) == ("submit", 200, "req_")
    assert wire["ms"] >= 0
