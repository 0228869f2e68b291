"""Drafts over HTTP on a real server: each model by its cheapest setting, said and priced, and made final on one or another."""

from typing import Any

from tests.integration.place import Place
from tests.integration.test_picks import MODELS

GPT, GEMINI, AURORA = "openai/gpt-image-2", "google/gemini-3.1-flash-image", "demo/aurora"


def draft(place: Place, text: str, *models: str, **more: Any) -> list[dict[str, Any]]:
    run = place.start(text, *models, tier="draft", **more)
    return [place.ended(tile["id"]) for tile in run["tiles"]]


def final(place: Place, tile: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = place.post(f"/api/tiles/{tile['id']}/promote", body)
    assert answer.status_code == 202, answer.text
    return place.ended(answer.json()["id"])


def test_the_plan_says_what_a_draft_is_and_what_the_final_would_cost(place: Place) -> None:
    asked = {"text": "a kettle --ar 4:5", "models": [GPT, AURORA]}
    plan = place.post("/api/plan", {**asked, "tier": "draft"}).json()["per_model"]
    whole = place.post("/api/plan", asked).json()["per_model"]
    assert plan[GPT]["draft"]["words"] == "quality low"
    assert plan[GPT]["draft"]["final"] == whole[GPT]["cost"]
    assert plan[GPT]["cost"]["amount_micro_usd"] < whole[GPT]["cost"]["amount_micro_usd"]
    assert plan[AURORA]["draft"]["words"] == "size 512"
    assert whole[GPT]["draft"] is None
    refused = place.post("/api/plan", {**asked, "tier": "rough"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tier")


def test_a_draft_is_made_final_by_its_own_model_with_everything_but_the_draft(place: Place) -> None:
    source = place.make("a jar", GPT)["images"][0]
    (tile,) = draft(
        place, "the jar in snow --ar 4:5 --q high@gemini", GPT, images=[{"sha256": source["sha256"], "role": "subject"}]
    )
    assert (tile["draft"], tile["final"]) == ("quality low", False)
    request = place.get(f"/api/tiles/{tile['id']}").json()["request"]
    assert request["quality"] == "low"
    made = final(place, tile)
    detail = place.get(f"/api/tiles/{made['id']}").json()
    assert {k: v for k, v in request.items() if k != "quality"} == detail["request"]
    assert (made["draft"], made["final"], made["model"], made["run"]) == (None, True, GPT, tile["run"])
    assert made["parent"] == {"tile": tile["id"], "picture": tile["images"][0]["id"]}
    assert made["estimate"]["amount_micro_usd"] > tile["estimate"]["amount_micro_usd"]
    node = next(n for n in place.get(f"/api/lineage/{tile['id']}").json()["nodes"] if n["tile"] == made["id"])
    assert (node["how"], node["origin"]) == ("promoted", tile["id"])
    again = place.post(f"/api/tiles/{made['id']}/promote", {})
    assert (again.status_code, again.json()["error"]["param"]) == (400, "id")


def test_another_model_makes_the_final_and_the_offers_have_prices(place: Place) -> None:
    (tile,) = draft(place, "a lighthouse --ar 3:2", AURORA)
    offers = place.get(f"/api/tiles/{tile['id']}/promote").json()
    assert offers["own"] == offers["offers"][0]["model"] == AURORA
    by_model = {offer["model"]: offer for offer in offers["offers"]}
    assert by_model[AURORA]["cost"]["source"] == "free"
    made = final(place, tile, model=GPT)
    assert made["model"] == GPT
    assert made["estimate"] == by_model[GPT]["cost"]
    assert made["ratio"] == tile["ratio"]
    assert place.post(f"/api/tiles/{tile['id']}/promote", {"model": "nobody/nothing"}).status_code == 404


def test_the_seed_goes_along_where_the_model_keeps_to_seeds(place: Place) -> None:
    first, second = draft(place, "a pier --n 2 --size 256x256", AURORA)
    asked = [place.get(f"/api/tiles/{tile['id']}").json()["request"].get("seed") for tile in (first, second)]
    assert asked[1] is not None  # the second of a painter is derived, so that it differs
    made = final(place, second)
    assert place.get(f"/api/tiles/{made['id']}").json()["request"]["seed"] == asked[1]
    other = final(place, second, model=GPT)
    assert "seed" not in place.get(f"/api/tiles/{other['id']}").json()["request"]


def test_a_model_added_to_a_row_of_drafts_drafts_too(place: Place) -> None:
    (tile,) = draft(place, "a harbour", AURORA)
    added = place.post(f"/api/runs/{tile['run']}/tiles", {"model": GPT}).json()
    assert added["draft"] == "quality low"
    again = place.post(f"/api/tiles/{tile['id']}/retry", {}).json()
    assert again["draft"] == tile["draft"]
    for one in (added, again):
        place.ended(one["id"])


def test_a_blind_row_of_drafts_tells_nothing_of_its_models(place: Place) -> None:
    run = place.start("a pond --blind", *MODELS, tier="draft")
    for tile in run["tiles"]:
        place.ended(tile["id"])
    assert [tile["draft"] for tile in place.get(f"/api/runs/{run['id']}").json()["tiles"]] == [None, None]
    settings = place.get(f"/api/runs/{run['id']}").json()["settings"]
    assert "drafts" not in settings
    for tile in run["tiles"]:
        path = f"/api/tiles/{tile['id']}/promote"
        for refused in (place.get(path), place.post(path, {})):
            assert (refused.status_code, refused.json()["error"]["param"]) == (409, "id")
            assert [name for name in ("gpt-", "GPT", "gemini", "aurora") if name in refused.text] == []
    place.post(f"/api/runs/{run['id']}/open", {})
    assert [place.get(f"/api/tiles/{tile['id']}/promote").json()["own"] for tile in
            place.get(f"/api/runs/{run['id']}").json()["tiles"]] == list(MODELS)  # fmt: skip


def test_a_shape_that_was_missed_says_by_how_much(place: Place) -> None:
    made = place.make("a jar --ar 4:5", "openai/gpt-image-1.5")  # which makes three sizes
    (amount,) = place.get(f"/api/tiles/{made['id']}").json()["amounts"]
    width, height = made["images"][0]["width"], made["images"][0]["height"]
    lost = 1 - min(0.8, width / height) / max(0.8, width / height)
    assert (amount["feature"], amount["permille"]) == ("aspect_ratio", round(1000 * lost))
    assert f"{round(100 * lost)} % would be cut" in amount["words"]
    same = place.make("a jar --ar 1:1", "openai/gpt-image-1.5")
    assert place.get(f"/api/tiles/{same['id']}").json()["amounts"] == []
