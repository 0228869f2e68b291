"""A blind row over HTTP: until one of its pictures is picked, nothing that is sent tells whose they are."""

import json
from typing import Any

from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

TELLING = ("model", "name", "maker", "endpoint", "model_served", "lane", "cost", "estimate", "started_ms", "ended_ms",
           "typical_seconds", "preview", "difference_micro_usd")  # fmt: skip
NAMES = ("gemini", "google", "openai", "gpt")


def test_nothing_tells_who_made_a_picture_until_one_is_picked(place: Place) -> None:
    since = place.app.bus.last_id()
    run, pictures = pictures_of(place, "a kettle --blind", *MODELS)
    now = place.get(f"/api/runs/{run['id']}").json()
    assert now["veiled"] is True
    told = [run, now, *(event for event in place.events(since) if event["type"] in {"run", "tile"})]
    listed: Any = place.get("/api/runs").json()["runs"][0]
    state: Any = place.get("/api/state").json()["runs"][0]
    assert listed == state == now
    tiles = [tile for each in told for tile in each.get("tiles", [each])]
    tiles += [place.get(f"/api/tiles/{tile['id']}").json()["tile"] for tile in now["tiles"]]
    assert len(tiles) > 6
    for tile in tiles:
        assert [tile[name] for name in TELLING if tile.get(name)] == []
        assert [word for word in NAMES if word in json.dumps(tile).lower()] == []
        assert tile.get("position", 0) == 0
        for image in tile.get("images", []):
            assert (image["media_type"], image["bytes"], image["seed"], image["cost"]) == (
                "image/png",
                None,
                None,
                None,
            )
    for tile in now["tiles"]:
        detail = place.get(f"/api/tiles/{tile['id']}").json()
        assert (detail["attempts"], detail["decisions"], detail["receipt"]) == ([], [], None)
        assert [word for word in NAMES if word in json.dumps(detail).lower()] == []
    for picture in pictures:
        answer = place.get(f"/api/images/{picture}")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/png", "no-store")
        assert "content-disposition" not in answer.headers
        for chunk in (b"c2pa", b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            assert chunk not in answer.content
        for telling in ("?download=1", "/receipt"):
            refused = place.get(f"/api/images/{picture}{telling}")
            assert refused.status_code == 409
            assert [word for word in NAMES if word in refused.text.lower()] == []

    since = place.app.bus.last_id()
    place.clock.ahead += 0.001
    rejected = place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0], "blind": True}).json()
    assert rejected["blind"] is True
    assert [word for word in NAMES if word in json.dumps(rejected).lower()] == []
    assert rejected in place.get("/api/picks").json()["picks"]
    assert place.get(f"/api/runs/{run['id']}").json()["veiled"] is True
    place.clock.ahead += 0.001
    pick = place.post("/api/picks", {"pictures": pictures, "winner": 1, "blind": True}).json()
    assert pick["blind"] is True
    (opened,) = [event for event in place.events(since) if event["type"] == "run"]
    assert [tile["model"] for tile in opened["tiles"]] == list(MODELS)
    assert (opened["veiled"], opened["picked"]) == (False, pictures[1])
    assert place.get(f"/api/images/{pictures[1]}?download=1").status_code == 200
    assert "gpt" in opened["tiles"][1]["images"][0]["filename"]

    place.send("DELETE", f"/api/picks/{pick['id']}")
    place.send("DELETE", f"/api/picks/{rejected['id']}")
    after = place.get(f"/api/runs/{run['id']}").json()
    assert (after["veiled"], after["picked"]) == (False, None)  # what was seen is not hidden again
    again = place.post("/api/picks", {"pictures": pictures, "winner": 1, "blind": True}).json()
    assert again["blind"] is False
    place.send("DELETE", f"/api/picks/{again['id']}")


def test_a_blind_row_can_be_opened_without_a_pick(place: Place) -> None:
    run, _ = pictures_of(place, "a kettle --blind", *MODELS)
    assert place.http.post(f"{place.url}/api/runs/{run['id']}/open").status_code == 403
    opened = place.post(f"/api/runs/{run['id']}/open", {}).json()
    assert (opened["veiled"], opened["picked"]) == (False, None)
    assert [tile["model"] for tile in opened["tiles"]] == list(MODELS)
    assert place.post("/api/runs/run_none/open", {}).status_code == 404


def test_the_switches_of_the_picks_are_kept_and_order_the_models(own_place: Place) -> None:
    place = own_place
    place.overrides = {"policy": "best-for-me"}
    place.open()
    before = place.get("/api/models").json()
    _, pictures = pictures_of(place, "a kettle", *MODELS)
    place.post("/api/picks", {"pictures": pictures, "winner": 1})
    unmoved = place.get("/api/models").json()  # only once that is switched on
    assert [m["id"] for m in unmoved["models"]] == [m["id"] for m in before["models"]]
    since = place.app.bus.last_id()
    assert place.send("PUT", "/api/picks/learning", {"ordering": True}).json() == {"learning": True, "ordering": True}
    after = place.get("/api/models").json()
    ids = [model["id"] for model in after["models"]]
    assert (ids[0], ids[-1]) == (MODELS[1], MODELS[0])
    assert sorted(ids) == sorted(model["id"] for model in before["models"])
    assert after["order_rule"].startswith("your own picks")
    (told,) = [event for event in place.events(since) if event["type"] == "models"]
    assert (told["order_rule"], [model["id"] for model in told["models"]]) == (after["order_rule"], ids)
    assert place.send("PUT", "/api/picks/learning", {"learning": False}).json() == {"learning": False, "ordering": True}
    place.close()
    place.open()
    ranking = place.get("/api/ranking").json()
    assert (ranking["learning"], ranking["ordering"]) == (False, True)
    assert place.app.picks.taste("generate") == {}
    assert [model["id"] for model in place.get("/api/models").json()["models"]] == ids
    for body, field in (({"learning": 1}, "learning"), ({"loud": True}, "loud")):
        answer = place.send("PUT", "/api/picks/learning", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    place.send("DELETE", "/api/picks")
    assert [m["id"] for m in place.get("/api/models").json()["models"]] == [m["id"] for m in before["models"]]
