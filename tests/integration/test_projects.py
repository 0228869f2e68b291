"""Projects: their spending added up and capped by itself, and what the router tells of the money."""

from typing import Any

import httpx2 as httpx
from tests.emulators import Gate, Kind, Scenario
from tests.integration.place import Place

XAI = "xai/grok-imagine-image"


def order(place: Place, header: str | None, **fields: Any) -> httpx.Response:
    headers = {} if header is None else {"X-Triptych-Project": header}
    body = {"model": XAI, "prompt": "a kettle", **fields}
    return place.http.post(f"{place.url}/v1/images/generations", json=body, headers=headers)


def budget(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = place.get("/v1/router/budget").json()
    return found


def test_a_cap_on_a_project_holds_for_every_way_in(own_place: Place) -> None:
    own_place.environ = {**own_place.environ, "TRIPTYCH_CAP_PROJECT_USD": "0.05"}
    place = own_place.open()
    assert order(place, "poster").status_code == 200
    assert order(place, None, project="poster").status_code == 200
    refused = order(place, "poster")
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exceeded")
    assert "project" in refused.json()["error"]["message"]
    studio = place.post("/api/runs", {"text": "a kettle", "models": [XAI], "project": "poster"})
    assert studio.status_code == 402
    assert "$0.01 left" in studio.json()["error"]["message"]
    tile = place.start("a kettle", XAI, project="cover")["tiles"][0]
    assert place.ended(tile["id"])["state"] == "done"
    assert len(place.emulators.xai.submits) == 3
    again = place.post(f"/api/tiles/{tile['id']}/retry", {}).json()
    assert place.ended(again["id"])["state"] == "done"
    third = place.post(f"/api/tiles/{tile['id']}/retry", {}).json()
    assert place.ended(third["id"])["error"]["code"] == "budget_exceeded"


def test_a_call_without_a_name_does_not_go_around_the_cap_on_names(own_place: Place) -> None:
    own_place.environ = {**own_place.environ, "TRIPTYCH_CAP_PROJECT_USD": "0.05", "TRIPTYCH_CAP_KEY_USD": "0.05"}
    place = own_place.open()
    url, body = f"{place.url}/v1/images/generations", {"model": XAI, "prompt": "a kettle"}
    named = {"X-Triptych-Project": "poster", "Authorization": "Bearer one"}
    for left_out, field in (("Authorization", "Authorization"), ("X-Triptych-Project", "project")):
        answer = place.http.post(url, json=body, headers={k: v for k, v in named.items() if k != left_out})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
        assert "named_only = false" in answer.json()["error"]["message"]
    assert place.emulators.xai.submits == ()
    assert place.http.post(url, json=body, headers=named).status_code == 200
    assert place.start("a kettle", XAI)["tiles"]


def test_calls_without_a_name_pass_where_the_settings_let_them(own_place: Place) -> None:
    own_place.environ = {**own_place.environ, "TRIPTYCH_CAP_PROJECT_USD": "0.05", "TRIPTYCH_CAP_NAMED_ONLY": "false"}
    assert order(own_place.open(), None).status_code == 200


def test_a_project_has_a_plain_name(own_place: Place) -> None:
    place = own_place.open()
    for answer in (order(place, "two words"), order(place, None, project=7)):
        assert answer.status_code == 400
        assert "letters, digits" in answer.json()["error"]["message"]
    assert order(place, "x" * 65).json()["error"]["param"] == "X-Triptych-Project"
    assert place.emulators.xai.requests == []


def test_the_budget_says_what_is_spent_held_and_unknown_and_how_far_estimates_were_off(own_place: Place) -> None:
    own_place.environ = {**own_place.environ, "TRIPTYCH_CAP_PROJECT_USD": "0.50"}
    place = own_place.open()
    done = order(place, "poster").json()["triptych"]
    assert done["difference_micro_usd"] == done["cost"]["amount_micro_usd"] - done["estimate"]["amount_micro_usd"]
    place.emulators.xai.play(Kind.CUT_AFTER_READ)
    assert order(place, "poster").status_code == 504
    gate = Gate()
    place.emulators.xai.play(Scenario(gate=gate))
    tile = place.start("a kettle", XAI, project="cover")["tiles"][0]
    gate.wait_reached()
    seen = budget(place)
    price = place.emulators.xai.charges[0].micro_usd
    assert seen["caps"] == {"run": None, "day": None, "key": None, "project": 500_000}
    by_name = {line["name"]: line for line in seen["projects"]}
    poster, cover = by_name["poster"], by_name["cover"]
    assert (poster["spent_micro_usd"], poster["reserved_micro_usd"], poster["unknown"]) == (2 * price, 0, 1)
    assert (cover["spent_micro_usd"], cover["reserved_micro_usd"], cover["unknown"]) == (0, price, 0)
    assert poster["left_micro_usd"] == 500_000 - 2 * price
    assert seen["days"][0]["name"] == seen["today"]
    assert seen["all"]["reserved_micro_usd"] == price
    gate.release()
    assert place.ended(tile["id"])["difference_micro_usd"] == 0
    (xai,) = budget(place)["estimates"]["endpoints"]
    assert (xai["endpoint"], xai["calls"], xai["unknown"]) == (XAI, 2, 1)
    assert xai["charged_micro_usd"] - xai["estimated_micro_usd"] == xai["difference_micro_usd"]
    assert xai["charged_micro_usd"] == 2 * price
    assert place.get("/v1/router/budget?days=x").status_code == 400
