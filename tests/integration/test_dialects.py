"""What every dialect owes its callers, whichever wire it is: what came of a call that broke off, addresses, replays, caps."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import Gate, Scenario
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE

from triptych.imaging.header import header


@dataclass(frozen=True)
class Wire:
    """How a wire asks for `n` pictures, and where its answer has them."""

    path: Callable[[bool], str]
    body: Callable[[int, bool, Mapping[str, Any]], dict[str, Any]]
    pictures: Callable[[Any], list[str]]
    ends: Callable[[list[Any]], Any]  # the error at the end of a stream

    def ask(self, place: Place, *, n: int = 1, stream: bool = False, key: str = "", **ours: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return place.http.post(place.url + self.path(stream), json=self.body(n, stream, ours), headers=headers)


def of_chat(chunk: Any) -> list[str]:
    said = [choice.get("message") or choice.get("delta") or {} for choice in chunk.get("choices", ())]
    return [one["image_url"]["url"] for message in said for one in message.get("images", ())]


def of_gemini(chunk: Any) -> list[str]:
    parts = [part for one in chunk.get("candidates", ()) for part in one["content"]["parts"]]
    return [part["fileData"]["fileUri"] if "fileData" in part else part["inlineData"]["data"] for part in parts]


CHAT = Wire(
    path=lambda _: "/v1/chat/completions",
    body=lambda n, stream, ours: {
        "model": GOOGLE, "modalities": ["image"], "n": n, "stream": stream, "triptych": dict(ours),
        "messages": [{"role": "user", "content": "kettles"}],
    },
    pictures=of_chat,
    ends=lambda events: events[-1]["error"]["code"],
)  # fmt: skip
GEMINI = Wire(
    path=lambda stream: f"/v1beta/models/{GOOGLE}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
    body=lambda n, _, ours: {
        "contents": [{"parts": [{"text": "kettles"}]}], "generationConfig": {"candidateCount": n}, "triptych": dict(ours),
    },
    pictures=of_gemini,
    ends=lambda events: events[-1]["error"]["details"][0]["reason"].lower(),
)  # fmt: skip
WIRES = pytest.mark.parametrize("wire", [CHAT, GEMINI], ids=["chat", "gemini"])


def events(answer: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def stopped_after_one(place: Place, wire: Wire, **more: Any) -> httpx.Response:
    """The answer to a call of two pictures that a person stops when one of them is there."""
    gate = Gate()
    place.emulators.google.play(Scenario(), Scenario(gate=gate))
    answer = place.start_thread(lambda: wire.ask(place, n=2, **more))
    gate.wait_reached()
    tile = place.get("/api/runs?source=api").json()["runs"][0]["tiles"][0]["id"]
    place.until(tile, lambda now: len(now["images"]) == 1)
    assert place.post(f"/api/tiles/{tile}/cancel").status_code in {200, 202, 204}
    gate.release()
    return answer.result(60)


@WIRES
def test_what_came_before_a_stop_is_in_the_answer(place: Place, wire: Wire) -> None:
    said = stopped_after_one(place, wire).json()
    assert len(wire.pictures(said)) == 1
    assert (said["triptych"]["missing"], said["triptych"]["error"]["code"]) == (1, "cancelled")


@WIRES
def test_a_stream_that_is_stopped_ends_with_its_picture_and_the_reason(place: Place, wire: Wire) -> None:
    told = events(stopped_after_one(place, wire, stream=True))
    assert [len(wire.pictures(chunk)) for chunk in told if wire.pictures(chunk)] == [1]
    assert wire.ends(told) == "cancelled"


@WIRES
def test_pictures_by_address(place: Place, wire: Wire) -> None:
    for answer in (
        wire.ask(place, response_format="url").json(),
        *events(wire.ask(place, response_format="url", stream=True))[:1],
    ):
        (address,) = wire.pictures(answer)
        assert address.startswith(f"{place.url}/api/images/img_")
        assert header(place.http.get(address).content).width == 1024


@WIRES
def test_a_key_gets_the_same_stream_again(place: Place, wire: Wire) -> None:
    first, again = (wire.ask(place, stream=True, key=f"stream {id(wire)}") for _ in range(2))
    assert (events(again), again.headers["idempotent-replayed"]) == (events(first), "true")
    assert len(place.emulators.google.submits) == 1


@WIRES
def test_a_cap_on_keys_wants_a_name_on_every_wire(own_place: Place, wire: Wire) -> None:
    own_place.overrides = {"caps": {"key_usd": 1}}
    place = own_place.open()
    refused = wire.ask(place)
    assert refused.status_code == 400, refused.text
    assert "names none" in refused.json()["error"]["message"]
    assert place.emulators.google.requests == []
