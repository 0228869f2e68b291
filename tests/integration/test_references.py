"""References: before a run it is said which model gets which, and nothing is left out that nobody agreed to."""

from typing import Any

import pytest
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, SEEDREAM, XAI, png

COLOURS = ("#3b6", "#b36", "#63b", "#36b", "#b63")
ROLES = ("style", "subject", "edit", "layout", "style")


@pytest.fixture
def images(place: Place) -> list[dict[str, str]]:
    return [{"sha256": place.upload(png(colour=colour))["sha256"], "role": role}
            for colour, role in zip(COLOURS, ROLES, strict=True)]  # fmt: skip


def planned(place: Place, images: list[dict[str, str]], *models: str, **more: Any) -> dict[str, Any]:
    answer = place.send("POST", "/api/plan", {"text": "a kettle", "models": list(models), "images": images, **more})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def test_the_plan_says_which_model_gets_which(place: Place, images: list[dict[str, str]]) -> None:
    plan = planned(place, images, SEEDREAM, XAI)["per_model"]
    every = plan[SEEDREAM]["references"]
    assert (every["takes"], [fate["place"] for fate in every["fates"]]) == (14, [4, 2, 1, 3, 5])
    some = plan[XAI]["references"]
    assert some["takes"] == 3
    assert [(fate["index"], fate["role"], fate["place"]) for fate in some["fates"]] == [
        (1, "style", None), (2, "subject", 2), (3, "edit", 1), (4, "layout", 3), (5, "style", None),
    ]  # fmt: skip
    roles = next(one for one in plan[SEEDREAM]["adjustments"] if one["feature"] == "roles")
    assert roles["kind"] == "unsupported"


def test_a_model_that_takes_fewer_waits_for_a_decision(place: Place, images: list[dict[str, str]]) -> None:
    undecided = planned(place, images, GOOGLE, XAI, fewer=[])
    words = "Grok Imagine Image takes 3 pictures, 5 go along: run it without @img1 and @img5, or take it out."
    assert undecided["per_model"][XAI]["references"]["undecided"] == words
    assert (undecided["allowed"], undecided["reason"]) == (False, words)
    started = place.send("POST", "/api/runs", {"text": "a kettle", "models": [XAI], "images": images, "fewer": []})
    assert (started.status_code, started.json()["error"]["param"]) == (400, "images")
    assert not place.emulators.xai.submits
    assert planned(place, images, GOOGLE, XAI, fewer=[XAI])["allowed"] is True


def test_what_was_left_out_is_on_the_tile(place: Place, images: list[dict[str, str]]) -> None:
    tile = place.make("a kettle", XAI, images=images, fewer=[XAI])
    notes = {note["feature"]: note["detail"] for note in tile["adjustments"]}
    assert notes["images"] == "3 of 5 pictures sent; left out: @img1 (style), @img5 (style)"
    assert notes["roles"].startswith(
        "no field says what a picture is for: @img2 (subject), @img4 (layout) go without it"
    )
    kept = place.get(f"/api/runs/{tile['run']}").json()["settings"]["images"]
    assert kept == images


@pytest.mark.parametrize("fewer", ["all", [5], {"a": 1}])
def test_fewer_is_a_list_of_names(place: Place, fewer: Any) -> None:
    answer = place.send("POST", "/api/plan", {"text": "a", "models": [XAI], "fewer": fewer})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "fewer")
