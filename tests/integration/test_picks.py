"""Picks over HTTP on a real server: kept, exported, ranked, learned by the router, stated in the log, forgotten."""

import json
from typing import Any

import pytest
from tests.integration.place import Place

from triptych.network.statement import read
from triptych.studio.terms import tile_nonce

MODELS = ("google/gemini-3.1-flash-image", "openai/gpt-image-2")


@pytest.fixture
def clean(place: Place) -> Place:
    """The shared server, without picks of other tests."""
    assert place.send("DELETE", "/api/picks").status_code == 200
    return place


def pictures_of(place: Place, text: str, *models: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    run = place.start(text, *models, **more)
    for tile in run["tiles"]:
        place.ended(tile["id"])
    kept = place.do(place.app.studio.run(run["id"]))  # in the order of the models, which a blind row does not tell
    return run, [tile.pictures[0].id for tile in kept.tiles]


def test_a_pick_is_kept_exported_ranked_and_forgotten(clean: Place) -> None:
    place = clean
    run, pictures = pictures_of(place, "a kettle --blind", *MODELS)
    assert place.get(f"/api/runs/{run['id']}").json()["picked"] is None
    since = place.app.bus.last_id()
    answer = place.post("/api/picks", {"pictures": pictures, "winner": 1, "blind": True, "question": "closer"})
    assert answer.status_code == 201, answer.text
    pick = answer.json()
    assert pick["run_id"] == run["id"]
    assert [shown["endpoint"] for shown in pick["shown"]] == list(MODELS)
    assert (pick["task"], pick["question"], pick["blind"], pick["winner"]) == ("generate", "closer", True, 1)
    assert place.get(f"/api/runs/{run['id']}").json()["picked"] == pictures[1]
    assert [event["picked"] for event in place.events(since) if event["type"] == "run"] == [pictures[1]]

    assert place.get("/api/picks").json() == {"picks": [pick]}
    place.clock.ahead += 0.001
    second = place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0]}).json()
    exported = place.get("/api/picks?download=1")
    assert exported.headers["content-disposition"] == 'attachment; filename="triptych-picks.jsonl"'
    assert exported.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in exported.text.splitlines()] == [pick, second]

    ranking = place.get("/api/ranking?task=generate").json()
    first = ranking["models"][0]
    assert MODELS[1] in first["endpoints"]  # beside those of others that draw with it
    assert (first["wins"], first["comparisons"], first["separated"]) == (1, 1, False)
    assert (ranking["verdict"], ranking["picks"], ranking["learning"], ranking["publishing"]) == (
        "leaning", 1, True, False
    )  # fmt: skip
    assert (ranking["question"], ranking["counts"]) == ("prettier", "prettier")  # the other one is asked for by name
    known = {endpoint.model.card.family for endpoint in place.app.models.endpoints().values()}
    assert {model["model"] for model in ranking["models"]} == known
    assert place.get("/api/ranking?task=generate&question=closer").json()["picks"] == 1
    assert place.get("/api/ranking?task=edit").json()["verdict"] == "none"

    assert place.send("DELETE", f"/api/picks/{pick['id']}").status_code == 204
    assert place.send("DELETE", f"/api/picks/{pick['id']}").status_code == 404
    assert place.send("DELETE", "/api/picks").json() == {"forgotten": 1}
    assert place.get("/api/picks").json() == {"picks": []}
    assert place.get("/api/picks?download=1").content == b""


def test_every_page_hears_what_is_picked_of_which_picture(clean: Place) -> None:
    place = clean
    _, pictures = pictures_of(place, "a kettle", *MODELS)
    one, other = pictures
    path = f"/api/picks/pictures?pictures={one},{other},img_gone"
    assert place.get(path).json() == {"picked": {one: [], other: [], "img_gone": []}}
    since = place.app.bus.last_id()
    first = place.post("/api/picks", {"pictures": pictures, "winner": 1}).json()
    assert place.get(path).json()["picked"] == {one: [], other: ["prettier"], "img_gone": []}
    place.clock.ahead += 0.001
    second = place.post("/api/picks", {"pictures": [other, one], "winner": 1}).json()  # the same look on another page
    closer = place.post("/api/picks", {"pictures": pictures, "winner": 0, "question": "closer"}).json()
    assert place.get(f"/api/picks?pictures={one},{other}").json() == {"picks": [second, closer]}
    assert place.send("DELETE", f"/api/picks/{first['id']}").status_code == 404
    assert place.get("/api/ranking").json()["picks"] == 1
    place.send("DELETE", f"/api/picks/{second['id']}")
    heard = [event["picked"] for event in place.events(since) if event["type"] == "picks"]
    assert heard == [
        {one: [], other: ["prettier"]}, {one: ["prettier"], other: []}, {one: ["prettier", "closer"], other: []},
        {one: ["closer"], other: []},
    ]  # fmt: skip
    assert place.get(f"/api/picks?pictures={one}").json() == {"picks": []}
    for wrong in ("/api/picks?pictures=a,b,c,d,e,f,g", f"/api/picks/pictures?pictures={','.join('x' * 101)}"):
        assert place.get(wrong).json()["error"]["param"] == "pictures"


def test_what_is_taken_back_in_the_gallery_does_not_count_as_rejected_either(clean: Place) -> None:
    place = clean
    _, pictures = pictures_of(place, "a kettle", *MODELS)

    def say(verdict: str) -> dict[str, Any]:
        changed: dict[str, Any] = place.send(
            "PATCH", "/api/gallery", {"pictures": pictures[:1], "verdict": verdict}
        ).json()
        return changed

    before = say("rejected")["before"]
    place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0]})
    place.send("PATCH", "/api/gallery", {"pictures": pictures, "stars": 2})
    assert place.get("/api/ranking").json()["picks"] == 1
    say("open")
    assert place.get("/api/picks").json() == {"picks": []}
    say("rejected")
    place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0]})
    place.post("/api/gallery/undo", {"before": before})
    assert place.get("/api/picks").json() == {"picks": []}
    assert place.get("/api/ranking").json()["verdict"] == "none"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pictures": "img_1", "winner": 0}, "pictures"),
        ({"pictures": ["a", 1], "winner": 0}, "pictures"),
        ({"pictures": ["a", "b"], "winner": True}, "winner"),
        ({"pictures": ["a", "b"], "winner": "0"}, "winner"),
        ({"pictures": ["a", "b"], "winner": 7}, "winner"),
        ({"pictures": ["a", "b"]}, "winner"),
        ({"pictures": ["a", "b"], "rejected": 1}, "rejected"),
        ({"pictures": ["a", "b"], "winner": 0, "blind": "yes"}, "blind"),
        ({"pictures": ["a", "b"], "winner": 0, "question": "nicer"}, "question"),
        ({"pictures": ["a", "b"], "winner": 0, "question": ["prettier"]}, "question"),
        ({"pictures": ["a", "b"], "winner": 0, "task": "  "}, "task"),
        ({"pictures": ["a", "b"], "winner": 0, "task": "x" * 65}, "task"),
    ],
)
def test_what_is_no_pick_is_refused_by_its_field(place: Place, body: dict[str, Any], field: str) -> None:
    answer = place.post("/api/picks", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field


def test_only_the_page_may_change_picks(place: Place) -> None:
    assert place.http.post(f"{place.url}/api/picks", json={}).status_code == 403
    assert place.http.delete(f"{place.url}/api/picks").status_code == 403
    assert place.http.delete(f"{place.url}/api/picks/pick_1").status_code == 403
    assert place.post("/api/picks", {"pictures": ["img_a", "img_b"], "winner": 0}).status_code == 404
    assert place.get("/api/ranking?question=nicer").json()["error"]["param"] == "question"
    assert place.get("/api/ranking?task=").json()["error"]["param"] == "task"


def snapshot_of(place: Place, tile: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (decision,) = place.get(f"/api/tiles/{tile['id']}").json()["decisions"]
    body = place.get(f"/.well-known/triptych/snapshot/{decision['snapshot_id']}").json()
    return {state["endpoint"]: state for state in body["endpoints"]}


def test_the_next_decision_knows_what_was_picked(own_place: Place) -> None:
    place = own_place
    place.overrides = {"policy": "best-for-me"}
    place.open()
    _, pictures = pictures_of(place, "a kettle", *MODELS)
    place.post("/api/picks", {"pictures": pictures, "winner": 0})
    states = snapshot_of(place, place.make("a pot", MODELS[0]))
    assert states[MODELS[0]]["taste"] > 0
    assert 0 < states[MODELS[0]]["taste_sd"] < 1000
    place.send("DELETE", "/api/picks")
    assert snapshot_of(place, place.make("a pot", MODELS[0]))[MODELS[0]].get("taste") is None


def test_switched_off_picks_reach_no_snapshot_and_published_ones_the_log(own_place: Place) -> None:
    place = own_place
    place.overrides = {"policy": "best-for-me", "learn_from_picks": False, "publish_picks": True}
    place.open()
    run, pictures = pictures_of(place, "a private kettle", *MODELS)
    pick = place.post("/api/picks", {"pictures": pictures, "winner": 0}).json()
    states = snapshot_of(place, place.make("a pot", MODELS[0]))
    assert all(state.get("taste") is None for state in states.values())
    ranking = place.get("/api/ranking").json()
    assert (ranking["learning"], ranking["publishing"], ranking["picks"]) == (False, True, 1)
    (record,) = place.do(place.app.store.signed.latest("pick", 10))
    statement = read(record.body.encode())
    assert statement.issued_ms % 86_400_000 == 0
    assert statement.issued_ms <= pick["created_ms"] < statement.issued_ms + 86_400_000
    assert statement.payload["shown"] == [
        {"endpoint": each["endpoint"], "family": each["family"]} for each in pick["shown"]
    ]
    assert (statement.payload["winner"], statement.payload["question"], statement.payload["task"]) == (
        0, "prettier", "generate"
    )  # fmt: skip
    said = json.dumps(statement.payload)
    for private in (run["id"], pick["id"], "kettle", *pictures, *(tile["id"] for tile in run["tiles"])):
        assert private not in said


def test_the_pages_nonce_is_mixed_for_each_tile(place: Place) -> None:
    given, other = "0f" * 16, "f0" * 16
    headers = {"X-Triptych-Nonce": given}
    run = place.post("/api/runs", {"text": "a kettle", "models": list(MODELS)}, headers=headers).json()
    first, _ = (place.ended(tile["id"]) for tile in run["tiles"])
    again = place.post(f"/api/tiles/{first['id']}/retry", {}, headers={"X-Triptych-Nonce": other}).json()
    added = place.post(f"/api/runs/{run['id']}/tiles", {"model": MODELS[1]}, headers=headers).json()
    for tile, nonce in ((first, given), (again, other), (added, given)):
        place.ended(tile["id"])
        (decision,) = place.get(f"/api/tiles/{tile['id']}").json()["decisions"]
        assert decision["nonce"] == tile_nonce(nonce, tile["position"])
        assert decision["nonce_from"] == "client"
    assert place.get(f"/api/runs/{run['id']}").json()["settings"]["nonce"] == given
    wrong = place.post("/api/runs", {"text": "x", "models": list(MODELS)}, headers={"X-Triptych-Nonce": "y" * 129})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "X-Triptych-Nonce")
