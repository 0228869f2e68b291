"""Lineage over HTTP on a real server: a tree across models with what each branch cost, marks on it, and key visuals."""

import json
from typing import Any

from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

GEMINI, OTHER = MODELS


def made_from(place: Place, text: str, tile: dict[str, Any], model: str, **more: Any) -> dict[str, Any]:
    image = tile["images"][0]
    return place.make(text, model, images=[{"sha256": image["sha256"], "role": "edit"}],
                      parent={"tile": tile["id"], "picture": image["id"]}, **more)  # fmt: skip


def tree(place: Place, tile: str, **query: Any) -> dict[str, Any]:
    answer = place.get(f"/api/lineage/{tile}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def by_tile(found: dict[str, Any]) -> dict[str, Any]:
    return {node["tile"]: node for node in found["nodes"]}


def test_a_tree_goes_across_models_with_the_price_of_each_branch(place: Place) -> None:
    first = place.make("a zinnia in a jar", GEMINI)
    warmer = made_from(place, "make it warmer", first, OTHER)
    night = made_from(place, "at night", warmer, GEMINI)
    again = place.post(f"/api/tiles/{night['id']}/retry", {}).json()
    place.ended(again["id"])
    found = tree(place, warmer["id"])
    nodes = by_tile(found)
    assert (found["focus"], found["tiles"], found["whole"], found["pruned"]) == (warmer["id"], 4, True, 0)
    assert [node["tile"] for node in found["nodes"]] == [first["id"], warmer["id"], night["id"], again["id"]]
    assert [nodes[t["id"]]["origin"] for t in (first, warmer, night)] == [None, first["id"], warmer["id"]]
    assert nodes[again["id"]]["origin"] == warmer["id"]  # the same picture was changed again
    assert [nodes[t["id"]]["how"] for t in (first, warmer, night, again)] == ["first", "edit", "edit", "edit"]
    assert (nodes[warmer["id"]]["prompt"], nodes[warmer["id"]]["endpoint"]) == ("make it warmer", OTHER)
    assert nodes[warmer["id"]]["picture"] == warmer["images"][0]["id"]
    paid = {tile["id"]: place.charged(tile["id"]) for tile in (first, warmer, night, again)}
    assert paid[first["id"]] > 0
    assert nodes[first["id"]]["branch"]["spent_micro_usd"] == sum(paid.values())
    below = sum(paid[tile["id"]] for tile in (warmer, night, again))
    assert nodes[warmer["id"]]["branch"] == {"tiles": 3, "spent_micro_usd": below, "unknown": 0, "veiled": 0}
    assert place.get("/api/lineage/tile_none").status_code == 404


def test_a_branch_is_pruned_and_brought_back_and_another_is_pinned(place: Place) -> None:
    first = place.make("a lily", GEMINI)
    one, two = (made_from(place, text, first, GEMINI) for text in ("in rain", "in snow"))
    after = made_from(place, "at dawn", one, GEMINI)
    path = f"/api/lineage/{one['id']}"
    assert place.send("PATCH", path, {"pruned": True}).json() == {"before": {"pinned": False, "pruned": False}}
    found = tree(place, first["id"])
    assert set(by_tile(found)) == {first["id"], two["id"]}
    assert found["pruned"] == 1
    assert set(by_tile(tree(place, after["id"]))) == {first["id"], one["id"], two["id"], after["id"]}
    assert len(tree(place, first["id"], pruned="1")["nodes"]) == 4
    place.send("PATCH", path, {"pruned": False})
    place.send("PATCH", f"/api/lineage/{two['id']}", {"pinned": True})
    nodes = tree(place, first["id"])["nodes"]
    assert [node["tile"] for node in nodes] == [first["id"], two["id"], one["id"], after["id"]]
    assert nodes[1]["pinned"] is True
    refused = place.send("PATCH", path, {"pinned": "yes"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "pinned")
    assert place.http.patch(place.url + path, json={"pinned": True}).status_code in {401, 403}


def test_a_family_or_a_project_has_one_key_visual(place: Place) -> None:
    first = place.make("an iris", GEMINI)
    second = made_from(place, "closer", first, GEMINI)
    since = place.app.bus.last_id()
    image, other = first["images"][0]["id"], second["images"][0]["id"]
    scope = f"family:{first['id']}"
    assert place.send("PUT", f"/api/key-visuals/{image}").json() == {"scope": scope, "before": None}
    assert place.send("PUT", f"/api/key-visuals/{other}").json() == {"scope": scope, "before": image}
    assert place.get("/api/key-visuals").json()["keys"][scope] == other
    assert [node["key"] for node in tree(place, first["id"])["nodes"]] == [False, True]
    told = [event for event in place.events(since) if event["type"] == "lineage"]
    assert told == [
        {"type": "lineage", "scope": scope, "picture": image},
        {"type": "lineage", "scope": scope, "picture": other},
    ]
    way = place.get(f"/api/lineage/{second['id']}/way").json()
    assert [(step["tile"], step["how"]) for step in way["steps"]] == [(first["id"], "first"), (second["id"], "edit")]
    assert (way["before"], way["after"], way["scopes"]) == (0, 0, [scope])
    way = place.get(f"/api/lineage/{first['id']}/way").json()
    assert (len(way["steps"]), way["after"], way["scopes"]) == (1, 1, [])
    assert place.get("/api/lineage/tile_none/way").status_code == 404
    found = place.get("/api/gallery", params={"q": "keyvisual:yes closer"}).json()["pictures"]
    assert [picture["id"] for picture in found] == [other]
    assert place.send("DELETE", f"/api/key-visuals/{other}").json() == {"scopes": [scope]}
    assert place.send("DELETE", f"/api/key-visuals/{other}").status_code == 404
    _, (one, two) = pictures_of(place, "a rose", *MODELS, project="spring")
    assert place.send("PUT", f"/api/key-visuals/{one}").json() == {"scope": "project:spring", "before": None}
    assert place.send("PUT", f"/api/key-visuals/{two}").json() == {"scope": "project:spring", "before": one}


def test_a_blind_branch_tells_neither_its_models_nor_its_price(place: Place) -> None:
    first = place.make("a tulip", GEMINI)
    run = place.start("in fog --blind", *MODELS, images=[{"sha256": first["images"][0]["sha256"], "role": "edit"}],
                      parent={"tile": first["id"], "picture": first["images"][0]["id"]})  # fmt: skip
    for tile in run["tiles"]:
        place.ended(tile["id"])
    nodes = by_tile(tree(place, first["id"]))
    assert nodes[first["id"]]["branch"] == {"tiles": 3, "spent_micro_usd": place.charged(first["id"]), "unknown": 0,
                                            "veiled": 2}  # fmt: skip
    for tile in run["tiles"]:
        node = nodes[tile["id"]]
        assert node["veiled"] is True
        assert (node["cost"], node["endpoint"], node["model"], node["name"]) == (None, None, "", "")
        assert [
            word for word in ("gemini", "google", "gpt-", "gpt ", "openai") if word in json.dumps(node).lower()
        ] == []
