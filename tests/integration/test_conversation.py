"""A conversation with a picture over Google's emulator, which refuses a model's turn that comes back without its signature."""

import json
from typing import Any

from tests.emulators.scenario import Kind
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, XAI

from triptych.network.receipt import read
from triptych.network.verify import Evidence, verify

SIGNING = "google/gemini-3-pro-image"


def turn(place: Place, text: str, before: dict[str, Any], model: str = SIGNING, **more: Any) -> dict[str, Any]:
    """The next turn from the picture of the one before."""
    image = before["images"][0]
    run = place.start(text, model, images=[{"sha256": image["sha256"], "role": "edit"}], continues=True,
                      parent={"tile": before["id"], "picture": image["id"]}, **more)  # fmt: skip
    return place.ended(run["tiles"][0]["id"])


def notes(tile: dict[str, Any]) -> dict[str, str]:
    return {note["feature"]: note["kind"] for note in tile["adjustments"]}


def sent(place: Place) -> list[Any]:
    return [call.body for call in place.emulators.google.submits]


def test_each_turn_goes_on_from_the_one_before(place: Place) -> None:
    first = place.make("a kettle", SIGNING)
    second = turn(place, "make it night", first)
    third = turn(place, "add a cup", second)
    assert [tile["state"] for tile in (first, second, third)] == ["done"] * 3
    assert notes(third)["turns"] == "native"
    contents = sent(place)[-1]["contents"]
    assert [one["role"] for one in contents] == ["user", "model", "user", "model", "user"]
    assert [one["parts"][0]["text"] for one in contents[::2]] == ["a kettle", "make it night", "add a cup"]
    assert all(part["thoughtSignature"] for one in contents[1::2] for part in one["parts"])
    told = place.get(f"/api/images/{third['images'][0]['id']}/turns").json()["turns"]
    assert [(one["prompt"], one["tile"]) for one in told] == [
        ("a kettle", first["id"]), ("make it night", second["id"]), ("add a cup", third["id"]),
    ]  # fmt: skip


def test_the_receipt_lists_the_pictures_of_earlier_turns(place: Place) -> None:
    first = place.make("a kettle", SIGNING)
    second = turn(place, "make it night", first)
    third = turn(place, "add a cup", second)
    body = place.get(f"/api/images/{third['images'][0]['id']}/receipt").content.strip()
    assert [(one["sha256"], one["role"]) for one in read(body).payload["inputs"]] == [
        (second["images"][0]["sha256"], "edit"), (first["images"][0]["sha256"], "turn"),
    ]  # fmt: skip
    verdicts = {line.what: line.verdict for line in verify(Evidence(receipt=body)).lines}
    assert verdicts["asked"] == "proved"


def test_nobody_else_sees_what_the_provider_keeps(place: Place) -> None:
    first = place.make("a kettle", SIGNING)
    second = turn(place, "make it night", first)
    grok = turn(place, "add a cup", second, XAI)
    back = turn(place, "and a saucer", grok)
    assert notes(grok)["turns"] == "adjusted"
    assert notes(back)["turns"] == "adjusted"
    signature = sent(place)[1]["contents"][1]["parts"][0]["thoughtSignature"]
    seen = [json.dumps(call.body) for call in place.emulators.xai.submits]
    seen += [place.get(f"/api/tiles/{tile['id']}").text for tile in (first, second, grok, back)]
    seen += [place.get(f"/api/images/{tile['images'][0]['id']}/receipt").text for tile in (first, second)]
    seen += [place.get("/api/state").text, place.get(f"/api/images/{second['images'][0]['id']}/turns").text]
    seen += [json.dumps(place.events(0))]
    assert not [text for text in seen if signature in text]
    assert "<hidden, " in place.get(f"/api/tiles/{second['id']}").text


def test_a_refused_turn_does_not_stick(place: Place) -> None:
    first = place.make("a kettle", SIGNING)
    place.emulators.google.play(Kind.MODERATION_FREE)
    refused = turn(place, "make it cursed", first)
    assert refused["state"] == "blocked"
    again = place.ended(place.post(f"/api/tiles/{refused['id']}/retry", {}).json()["id"])
    other = turn(place, "make it night", first)
    assert (again["state"], other["state"]) == ("done", "done")
    assert [len(one["contents"]) for one in sent(place)] == [1, 3, 3, 3]
    assert "cursed" not in str(sent(place)[-1])


def test_a_retry_has_the_turns_too_and_a_model_without_them_says_so(place: Place) -> None:
    second = turn(place, "make it night", place.make("a kettle", SIGNING))
    again = place.ended(place.post(f"/api/tiles/{second['id']}/retry", {}).json()["id"])
    assert [len(one["contents"]) for one in sent(place)] == [1, 3, 3]
    assert notes(again)["turns"] == "native"
    added = place.ended(place.post(f"/api/runs/{second['run']}/tiles", {"model": XAI}).json()["id"])
    assert notes(added)["turns"] == "adjusted"


def test_what_a_conversation_needs(place: Place) -> None:
    first = place.make("a kettle", GOOGLE)
    image = first["images"][0]
    parent = {"tile": first["id"], "picture": image["id"]}
    missing = place.send("POST", "/api/plan", {"text": "x", "models": [GOOGLE], "parent": parent, "continues": True})
    assert (missing.status_code, missing.json()["error"]["param"]) == (400, "images")
    wrong = place.send("POST", "/api/plan", {"text": "x", "models": [GOOGLE], "continues": "yes"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "continues")
    blind = place.make("a kettle --blind", GOOGLE)
    hidden = place.get(f"/api/images/{blind['images'][0]['id']}/turns")
    assert hidden.status_code == 409


def test_a_turn_whose_maker_is_hidden_is_not_told_of_later_either(place: Place) -> None:
    blind = place.make("a kettle --blind", GOOGLE)
    image = blind["images"][0]
    edited = place.make("make it night", GOOGLE, images=[{"sha256": image["sha256"], "role": "edit"}],
                        parent={"tile": blind["id"], "picture": image["id"]})  # fmt: skip
    told = place.get(f"/api/images/{edited['images'][0]['id']}/turns").json()["turns"]
    assert [one["tile"] for one in told] == [edited["id"]]
