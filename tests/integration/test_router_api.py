"""What the router publishes, on a real server: policies, snapshots, decisions, health."""

import hashlib
from typing import Any

from tests.emulators import Emulators, Kind
from tests.integration.place import Place

from triptych.router.rerun import rerun
from triptych.spec.routing import Decision
from triptych.store.codec import from_json, to_json

MODEL = "google/gemini-3.1-flash-image"


def decided(place: Place, run_id: str) -> dict[str, Any]:
    tile = place.get(f"/api/runs/{run_id}").json()["tiles"][0]["id"]
    (decision,) = place.get(f"/api/tiles/{tile}").json()["decisions"]
    answer: dict[str, Any] = place.get(f"/v1/router/decisions/{decision['id']}").json()
    return answer


def newest(place: Place) -> dict[str, Any]:
    return decided(place, place.get("/api/runs").json()["runs"][0]["id"])


def test_the_active_policy_is_said_in_words_and_published_under_its_hash(place: Place) -> None:
    active = place.get("/v1/router/policy").json()
    assert active["name"] == "cheapest"
    assert "No fee is taken." in active["words"]
    assert active["activations"][0]["id"] == active["id"]
    assert len(active["policy"]["catalogue"]) == 64
    published = place.get(active["source"])
    assert hashlib.sha256(published.content).hexdigest() == active["id"]
    assert "immutable" in published.headers["cache-control"]
    assert place.get("/.well-known/triptych/policy/" + "0" * 64).status_code == 404
    assert place.get("/.well-known/triptych/snapshot/" + "0" * 64).status_code == 404
    none = place.get("/v1/router/decisions/dec_none")
    assert (none.status_code, place.get("/v1/router/decisions").status_code) == (404, 404)
    assert none.json()["error"]["triptych"]["hint"].endswith("GET /api/tiles/{id} lists those of a tile.")


def test_a_decision_can_be_made_again_from_what_is_published(place: Place) -> None:
    headers = {"X-Triptych-Nonce": "ab" * 16}
    place.sdk.images.generate(model=MODEL, prompt="a kettle", extra_headers=headers)
    decision = newest(place)
    assert (decision["nonce"], decision["nonce_from"]) == ("ab" * 16, "client")
    policy = place.get(f"/.well-known/triptych/policy/{decision['policy_id']}").content
    snapshot = place.get(f"/.well-known/triptych/snapshot/{decision['snapshot_id']}").content
    stored = from_json(Decision, to_json(decision))
    assert rerun(stored, policy, snapshot).differences == ()
    assert b"kettle" not in snapshot
    changed = snapshot.replace(b'"ready":true', b'"ready":false')
    assert changed != snapshot
    assert len(rerun(stored, policy, changed).differences) > 1


def test_a_nonce_in_the_body_counts_and_a_bad_one_is_refused(place: Place) -> None:
    place.sdk.images.generate(model=MODEL, prompt="a kettle", extra_body={"triptych": {"nonce": "mine"}})
    assert newest(place)["nonce"] == "mine"
    place.sdk.images.generate(model=MODEL, prompt="a kettle")
    assert newest(place)["nonce_from"] == "router"
    body = {"model": MODEL, "prompt": "a kettle"}
    answer = place.http.post(f"{place.url}/v1/images/generations", json=body, headers={"X-Triptych-Nonce": "x" * 129})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "X-Triptych-Nonce")


def test_floors_for_data_keep_a_prompt_away_from_who_does_not_promise(place: Place, emulators: Emulators) -> None:
    before = len(emulators.google.requests)
    floors = {"no_training": ("no_training", True), "max_retention_days": ("max_retention_days", 0),
              "regions": ("regions", ["EU"])}  # fmt: skip
    for param, (name, value) in floors.items():
        body = {"model": MODEL, "prompt": "a kettle", "triptych": {name: value}}
        answer = place.http.post(f"{place.url}/v1/images/generations", json=body).json()
        assert answer["error"]["param"] == param
    assert len(emulators.google.requests) == before
    free: dict[str, object] = {"model": "auto", "prompt": "a kettle", "no_training": True, "max_retention_days": 0}
    answer = place.http.post(f"{place.url}/v1/images/generations", json=free).json()
    assert answer["triptych"]["lane"] == "local"


def test_the_log_is_said_in_short(place: Place) -> None:
    place.sdk.images.generate(model=MODEL, prompt="a kettle")
    found = place.get("/v1/router/log").json()
    assert found["key"] == place.get("/.well-known/triptych/log-policy").text.split()[1]
    assert found["key"].startswith(found["origin"])
    assert (found["size"] or 0) + found["waiting"] > 0
    assert str(place.data) not in str(found)


def test_health_says_reason_and_expiry(place: Place, emulators: Emulators) -> None:
    emulators.google.play(Kind.WRONG_KEY)
    body = {"model": MODEL, "prompt": "a kettle"}
    place.http.post(f"{place.url}/v1/images/generations", json=body)
    health = place.get("/v1/router/health").json()
    (seen,) = [e for e in health["endpoints"] if e["endpoint"] == MODEL and e["operation"] == "generate"]
    assert (seen["state"], seen["breaker"]) == ("red", "open")
    assert seen["until_ms"] > health["now_ms"]
    assert "Not called for another" in seen["sentence"]
    assert (seen["limit"], seen["waiting"], seen["under_way"], seen["retries_paused"]) == (128, 0, 0, False)
    assert seen["reason"] == "auth"
    assert health["epoch"].startswith("epo_")
    assert health["events"] > 0


def test_traffic_is_set_against_what_the_rules_predict(place: Place) -> None:
    before = place.get("/v1/router/traffic").json()
    free = {"model": "auto", "prompt": "a kettle", "size": "256x256", "triptych": {"lane_floor": "local"}}
    for _ in range(2):
        assert place.http.post(f"{place.url}/v1/images/generations", json=free).status_code == 200
    place.sdk.images.generate(model=MODEL, prompt="a kettle")
    found = place.get("/v1/router/traffic").json()
    assert (found["decisions"], found["without_choice"]) == (before["decisions"] + 2, before["without_choice"] + 1)
    assert sum(share["first"] for share in found["shares"]) == found["decisions"]
    assert found["left_out"] == 0
    assert place.get("/v1/router/traffic").json() == found
