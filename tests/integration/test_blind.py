"""A blind row over HTTP: until one of its pictures is picked, nothing that is sent tells whose they are."""

import json
from typing import Any

from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

TELLING = ("model", "name", "maker", "endpoint", "model_served", "lane", "cost", "estimate", "started_ms", "ended_ms",
           "typical_seconds", "preview", "difference_micro_usd", "asked")  # fmt: skip
NAMES = ("gemini", "google", "openai", "gpt-", "gpt ")  # `gpt` alone may stand in an id by chance


def test_nothing_tells_who_made_a_picture_until_one_is_picked(place: Place) -> None:
    since = place.app.bus.last_id()
    run, pictures = pictures_of(place, "a kettle --blind --s 250", *MODELS)
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
        assert (tile.get("state", "working") == "working") is not bool(tile.get("images"))
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
    counted = _counted(place)
    rejected = place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0], "blind": True}).json()
    assert rejected["blind"] is True
    assert [word for word in NAMES if word in json.dumps(rejected).lower()] == []
    given_out = [json.loads(line) for line in place.get("/api/picks?download=1").text.splitlines()]
    assert rejected in place.get("/api/picks").json()["picks"]
    assert rejected in given_out
    assert _counted(place) == counted, "what was rejected moves with the pick and is told so"
    assert place.get(f"/api/runs/{run['id']}").json()["veiled"] is True
    place.clock.ahead += 0.001
    pick = place.post("/api/picks", {"pictures": pictures, "winner": 1, "blind": True}).json()
    assert pick["blind"] is True
    assert [shown["endpoint"] for shown in pick["shown"]] == list(MODELS)
    ranking = place.get("/api/ranking").json()
    assert ranking["picks"] == counted[0]["picks"] + 1  # one look: of two, one is picked and the other rejected
    assert ranking["models"] != counted[0]["models"]
    (opened,) = [event for event in place.events(since) if event["type"] == "run"]
    assert [tile["asked"] for tile in opened["tiles"]] == [{"stylize": 250}] * 2
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


def _counted(place: Place) -> list[Any]:
    """What moves with the picks that count."""
    return [place.get("/api/ranking").json(), place.get("/api/models").json(), place.app.picks.taste("generate")]


def test_beside_an_open_picture_a_veiled_one_stays_veiled(own_place: Place) -> None:
    place = own_place.open()
    place.send("PUT", "/api/picks/learning", {"ordering": True})
    run, (veiled, beside) = pictures_of(place, "a kettle --blind", *MODELS)
    _, (seen,) = pictures_of(place, "a pot", "demo/aurora")
    counted = _counted(place)
    for pictures, blind in (([veiled, seen], True), ([seen, beside], False), ([beside, veiled], False)):
        place.clock.ahead += 0.001
        told = place.post("/api/picks", {"pictures": pictures, "blind": blind, "winner": None, "rejected": [0]}).json()
        assert told["blind"] is False
        assert {shown["picture_id"]: shown["endpoint"] for shown in told["shown"]} == {
            name: "demo/aurora" if name == seen else "" for name in pictures
        }
        for way in ("", "?download=1"):
            assert [word for word in NAMES if word in place.get(f"/api/picks{way}").text.lower()] == []
    assert _counted(place) == counted
    place.close()
    place.open()  # what is read anew counts no more
    assert [json.dumps(each) for each in _counted(place)[::2]] == [json.dumps(each) for each in counted[::2]]
    place.post(f"/api/runs/{run['id']}/open", {})
    assert place.get("/api/ranking").json()["picks"] == 3
    assert set(place.app.picks.taste("generate")) == {"demo-aurora", "gemini-3.1-flash-image", "gpt-image-2"}
    assert [word for word in NAMES if word in place.get("/api/picks").text.lower()] != []


def test_no_address_that_a_page_asks_names_the_maker_beside_the_picture(place: Place) -> None:
    run, pictures = pictures_of(place, "a teapot --blind", *MODELS)
    tiles = place.do(place.app.studio.run(run["id"])).tiles
    receipts = [place.do(place.app.store.receipts.of_tile(tile.record.id)) for tile in tiles]
    own = {
        *pictures,
        *(tile.record.id for tile in tiles),
        *(picture.sha256 for tile in tiles for picture in tile.pictures),
    }
    asked = ["/api/state", "/api/spend", "/api/models", "/api/runs", f"/api/runs/{run['id']}", "/api/queue", "/api/gallery", "/api/gallery/ids",
             "/api/drift", "/api/kits", "/api/key-visuals", "/api/picks", "/api/ranking?task=generate", "/api/network",
             *(f"/v1/router/{part}" for part in ("policy", "health", "traffic", "budget", "log"))]  # fmt: skip
    asked += [f"/api/tiles/{tile.record.id}{part}" for tile in tiles for part in ("", "/promote")]
    asked += [f"/api/lineage/{tile.record.id}{part}" for tile in tiles for part in ("", "?all=true", "/way")]
    asked += [f"/api/images/{name}/{part}" for name in pictures for part in ("tasks", "turns", "receipt", "heat")]
    asked += [f"/api/gallery/{part}{name}" for name in pictures for part in ("similar/", "marks?pictures=")]
    asked += [f"/api/gallery/similar/{name}?by=shows" for name in pictures]
    asked += [f"/api/kits?picture={name}" for name in pictures]
    for receipt in receipts:
        assert receipt is not None
        kept = [f"/v1/receipts/{receipt.id}{part}" for part in ("", "/proof", "/opening", "/direct")]
        assert [place.get(address).status_code for address in kept] == [409] * 4
        asked += kept
    for address in asked:
        answer = place.get(address)
        body = answer.json() if "json" in answer.headers["content-type"] else answer.text
        assert telling(body, own) == [], address
    place.post(f"/api/runs/{run['id']}/open", {})
    assert receipts[0] is not None
    assert place.get(f"/v1/receipts/{receipts[0].id}").status_code == 200
    assert telling(place.get("/api/runs").json(), own) != []


def telling(value: Any, own: set[str]) -> list[str]:
    """The smallest parts of an answer that name one of these and a maker, too."""
    text = json.dumps(value).lower()
    if not any(name.lower() in text for name in own) or not any(name in text for name in NAMES):
        return []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    inner = [found for part in parts for found in telling(part, own)]
    plain = isinstance(value, dict) and any(isinstance(v, str) and v in own for v in value.values())
    return inner or ([text[:200]] if plain or isinstance(value, str) else [])


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
    assert place.send("PUT", "/api/picks/learning", {"ordering": True}).json() == {
        "learning": True, "ordering": True, "question": "prettier"
    }  # fmt: skip
    after = place.get("/api/models").json()
    ids = [model["id"] for model in after["models"]]
    elsewhere = {
        "fal/nano-banana-2",
        "openrouter/gemini-3.1-flash-image",
        "vertex/gemini-3.1-flash-image",
    }  # the same model
    assert (ids[0], set(ids[-4:])) == (MODELS[1], {MODELS[0], *elsewhere})
    assert sorted(ids) == sorted(model["id"] for model in before["models"])
    assert after["order_rule"].startswith("your own picks of the prettier picture, the strongest first")
    (told,) = [event for event in place.events(since) if event["type"] == "models"]
    assert (told["order_rule"], [model["id"] for model in told["models"]]) == (after["order_rule"], ids)
    assert place.send("PUT", "/api/picks/learning", {"question": "closer"}).json()["question"] == "closer"
    other = place.get("/api/models").json()  # nothing was picked for that one
    assert [m["id"] for m in other["models"]] == [m["id"] for m in before["models"]]
    assert other["order_rule"].startswith("your own picks of the picture closer to the brief, the strongest first")
    assert place.send("PUT", "/api/picks/learning", {"question": "nicer"}).json()["error"]["param"] == "question"
    assert place.send("PUT", "/api/picks/learning", {"learning": False}).json() == {
        "learning": False, "ordering": True, "question": "closer"
    }  # fmt: skip
    place.close()
    place.open()
    ranking = place.get("/api/ranking").json()
    assert (ranking["learning"], ranking["ordering"], ranking["question"], ranking["counts"]) == (
        False, True, "closer", "closer"
    )  # fmt: skip
    assert place.app.picks.taste("generate") == {}
    assert [m["id"] for m in place.get("/api/models").json()["models"]] == [m["id"] for m in before["models"]]
    for body, field in (({"learning": 1}, "learning"), ({"loud": True}, "loud")):
        answer = place.send("PUT", "/api/picks/learning", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    place.send("DELETE", "/api/picks")
    assert [m["id"] for m in place.get("/api/models").json()["models"]] == [m["id"] for m in before["models"]]
