"""An image call that is stopped, or partly fails, is answered with what came and a statement of what did not."""

import json
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Gate, Kind, Scenario
from tests.integration.place import Place

GOOGLE = "google/gemini-3.1-flash-image"  # one picture a call
ORDER: dict[str, Any] = {"model": GOOGLE, "prompt": "three kettles", "n": 3}
KEY = {"Idempotency-Key": "partly"}


def ask(place: Place, **more: Any) -> httpx.Response:
    return place.http.post(f"{place.url}/v1/images/generations", json={**ORDER, **more}, headers=KEY)


def stopped_after_two(place: Place, **more: Any) -> httpx.Response:
    """The answer to a call of three pictures that a person stops when two of them are there."""
    gate = Gate()
    place.emulators.google.play(Scenario(), Scenario(), Scenario(gate=gate))
    answer = place.start_thread(lambda: ask(place, **more))
    gate.wait_reached()
    tile = place.get("/api/runs?source=api").json()["runs"][0]["tiles"][0]["id"]
    place.until(tile, lambda now: len(now["images"]) == 2)
    assert place.post(f"/api/tiles/{tile}/cancel").status_code in {200, 202, 204}
    gate.release()
    return answer.result(60)


def events(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    """Name and data of each event of a stream."""
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in
            (block for block in blocks if len(block) == 2)]  # fmt: skip


@pytest.mark.parametrize("as_url", [False, True])
def test_what_came_before_a_stop_is_in_the_answer(own_place: Place, as_url: bool) -> None:
    place = own_place.open()
    more = {"response_format": "url"} if as_url else {}
    answer = stopped_after_two(place, **more)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [item["url" if as_url else "b64_json"] is not None for item in said["data"]] == [True, True]
    facts = said["triptych"]
    assert (facts["missing"], facts["billed"]) == (1, "yes")
    error = facts["error"]
    assert (error["code"], error["triptych"]["billed"]) == ("cancelled", "yes")
    assert "2 of 3 arrived before that and are kept." in error["message"]
    again = ask(place, **more)
    assert again.headers["x-should-retry"] == "false"
    assert again.json() == said
    assert len(place.emulators.google.submits) == 3


def test_a_stream_that_is_stopped_ends_with_its_pictures_and_the_reason(own_place: Place) -> None:
    place = own_place.open()
    told = events(stopped_after_two(place, stream=True))
    assert [name for name, _ in told] == ["image_generation.completed", "image_generation.completed", "error"]
    assert all(data["b64_json"] for _, data in told[:2])
    assert told[2][1]["error"]["code"] == "cancelled"


def test_what_failed_of_several_is_counted(own_place: Place) -> None:
    place = own_place.open()
    place.emulators.google.play(Scenario(), Scenario(Kind.MODERATION_FREE), Scenario())
    said = ask(place).json()
    assert (len(said["data"]), said["triptych"]["missing"], said["triptych"]["error"]) == (2, 1, None)
    assert "pictures" in [note["feature"] for note in said["triptych"]["warnings"]]


def test_nothing_is_missing_of_a_whole_answer(own_place: Place) -> None:
    place = own_place.open()
    facts = ask(place).json()["triptych"]
    assert (facts["missing"], facts["error"]) == (0, None)


def test_what_never_brought_a_picture_is_an_error_as_before(own_place: Place) -> None:
    place = own_place.open()
    place.emulators.google.play(Scenario(Kind.FORBIDDEN, times=3))
    answer = ask(place)
    assert answer.status_code >= 400
    assert "data" not in answer.json()
