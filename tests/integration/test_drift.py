"""Drift watch over HTTP, on the real application with the painters and an emulated provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import pytest
from tests.emulators import pictures
from tests.emulators.scenario import Gate, Scenario
from tests.integration.place import Place

NANO = "google/gemini-3.1-flash-image"


def settled(place: Place) -> None:
    place.do(place.app.drift.settled())


@contextmanager
def held_back(place: Place) -> Iterator[None]:
    """No picture comes of it meanwhile."""
    gate = Gate()
    place.emulators.google.default = Scenario(gate=gate)
    try:
        yield
    finally:
        place.emulators.google.default = Scenario()
        gate.release()


def watches(place: Place) -> Any:
    return place.get("/api/drift").json()["watches"]


@pytest.fixture
def watch(place: Place) -> Any:
    for old in watches(place):
        place.send("DELETE", f"/api/drift/{old['id']}")
    answer = place.post("/api/drift", {"texts": ["a kettle"], "models": [NANO], "settings": "--ar 1:1"})
    assert answer.status_code == 200, answer.text
    (made,) = answer.json()["watches"]
    return made


def check(place: Place, watch: Any) -> Any:
    agreed = watches(place)[0]["total"]["amount_micro_usd"]
    answer = place.post(f"/api/drift/{watch['id']}/check", {"agreed_micro_usd": agreed})
    assert answer.status_code == 200, answer.text
    settled(place)
    return watches(place)[0]["checks"][0]


def test_a_watch_is_priced_checked_and_seen_to_move_on_the_models_chip(place: Place, watch: Any) -> None:
    assert (watch["images"], watch["samples"], watch["schedule"], watch["checks"]) == (4, 4, "off", [])
    assert watch["total"]["amount_micro_usd"] == 4 * 67_000
    since = place.app.bus.last_id()
    first = check(place, watch)
    assert (first["state"], first["verdict"], len(first["cells"][0]["samples"])) == ("done", None, 4)
    assert [e for e in place.events(since) if e["type"] == "run"] == []  # it is in nobody's way
    assert all(run["text"] != "a kettle" for run in place.get("/api/runs").json()["runs"])
    shots = [sample["picture"] for sample in first["cells"][0]["samples"]]
    for query in (f"drift:{first['id']}", "kettle drift:yes"):
        found = place.get("/api/gallery", params={"q": query}).json()["pictures"]
        assert sorted(picture["id"] for picture in found) == sorted(shots)
        assert {(p["watch"]["name"], p["watch"]["check"]) for p in found} == {(watch["name"], first["id"])}
    assert not {p["id"] for p in place.get("/api/gallery?q=drift:no").json()["pictures"]} & set(shots)
    same = check(place, watch)
    assert [cell["moved"] for cell in same["verdict"]["cells"]] == [False]

    model = next(m for m in place.get("/api/state").json()["models"] if m["id"] == NANO)
    assert model["word"] is None
    with another_style():
        later = check(place, watch)
    assert [cell["moved"] for cell in later["verdict"]["cells"]] == [True]
    model = next(m for m in place.get("/api/state").json()["models"] if m["id"] == NANO)
    assert model["word"]["says"].startswith("moved since ")
    page = place.get("/").text
    assert model["word"]["says"] in page
    answer = place.send("PUT", f"/api/drift/{watch['id']}/good", {"check": later["id"]})
    assert answer.status_code == 200
    model = next(m for m in place.get("/api/state").json()["models"] if m["id"] == NANO)
    assert model["word"] is None


def test_a_check_asked_for_again_with_its_key_is_one(place: Place, watch: Any) -> None:
    path, body = f"/api/drift/{watch['id']}/check", {"agreed_micro_usd": watch["total"]["amount_micro_usd"]}
    asked = len(place.emulators.google.requests)

    def click(key: str, body: Any = body) -> Any:
        return place.post(path, body, headers={"Idempotency-Key": key})

    assert click("one", {"agreed_micro_usd": 1}).status_code == 409
    first, again = click("two"), click("two")
    assert (first.status_code, again.status_code) == (200, 200)
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    settled(place)
    late = click("two")
    assert late.headers["idempotent-replayed"] == "true"
    assert [check["state"] for check in late.json()["watches"][0]["checks"]] == ["done"]
    other = click("two", {"agreed_micro_usd": 1})
    assert (other.status_code, other.json()["error"]["param"]) == (409, "Idempotency-Key")
    assert len(place.emulators.google.requests) - asked == watch["images"]
    assert click("one").status_code == 200  # under which nothing was started
    settled(place)
    assert len(watches(place)[0]["checks"]) == 2


def test_clicks_with_keys_of_their_own_are_one_check(place: Place, watch: Any) -> None:
    path, body = f"/api/drift/{watch['id']}/check", {"agreed_micro_usd": watch["total"]["amount_micro_usd"]}

    def click(key: str) -> int:
        return place.post(path, body, headers={"Idempotency-Key": key}).status_code

    with held_back(place):
        clicks = [place.start_thread(partial(click, f"click-{number}")) for number in range(4)]
        assert sorted(one.result(60) for one in clicks) == [200, 409, 409, 409]
    settled(place)
    assert len(watches(place)[0]["checks"]) == 1


@contextmanager
def another_style() -> Iterator[None]:
    """Meanwhile the emulators draw otherwise under the same names."""
    before = pictures._digest
    with mock.patch.object(pictures, "_digest", lambda subject: before(replace(subject, seed=f"{subject.seed} anew"))):
        pictures.paint.cache_clear()
        yield
    pictures.paint.cache_clear()


def test_a_schedule_is_agreed_to_with_its_price_and_a_cap(place: Place, watch: Any) -> None:
    path = f"/api/drift/{watch['id']}/schedule"
    assert (
        place.send("PUT", path, {"schedule": "daily", "agreed_micro_usd": 1, "cap_micro_usd": 10**6}).status_code == 409
    )
    assert place.send("PUT", path, {"schedule": "daily", "agreed_micro_usd": 4 * 67_000}).status_code == 400
    assert place.send("PUT", path, {"schedule": "hourly"}).status_code == 400
    on = place.send("PUT", path, {"schedule": "weekly", "agreed_micro_usd": 4 * 67_000, "cap_micro_usd": 10**6}).json()
    assert on["watches"][0]["schedule"] == "weekly"
    assert on["watches"][0]["next_ms"] > watch["created_ms"]
    off = place.send("PUT", path, {"schedule": "off"}).json()
    assert (off["watches"][0]["schedule"], off["watches"][0]["next_ms"]) == ("off", None)


@pytest.mark.parametrize(
    "body", [{}, {"texts": ["a"], "models": "x"}, {"texts": ["a"], "models": [NANO], "samples": 1},
             {"texts": ["a"], "models": [NANO], "seed": -1}, {"texts": ["a"], "models": ["nobody"]}]
)  # fmt: skip
def test_what_is_no_watch(place: Place, body: Any) -> None:
    for path in ("/api/drift", "/api/drift/plan"):
        assert place.post(path, body).status_code in {400, 404}
    assert place.http.post(place.url + "/api/drift", json=body).status_code == 403


def test_a_plan_costs_nothing_and_a_stranger_is_not_found(place: Place) -> None:
    answer = place.post("/api/drift/plan", {"texts": ["a", "b"], "models": [NANO, "demo/aurora"], "samples": 3})
    assert answer.json() == {"images": 12, "total": {"amount_micro_usd": 6 * 67_000, "source": "table"}, "reasons": []}
    assert place.send("DELETE", "/api/drift/wat_none").status_code == 404


def test_the_queue_over_http(place: Place) -> None:
    colours = ", ".join(f"tone{number}" for number in range(12))
    with held_back(place):
        run = place.start(f"a {{{colours}}} kettle", NANO)
        place.post(f"/api/queue/{run['id']}/pause")
        (batch,) = place.get("/api/queue").json()["batches"]
        assert batch["pause"]["reason"] == "Paused."
        names = [tile["id"] for tile in batch["waiting"]]
        turned = place.send("PUT", f"/api/queue/{run['id']}/order", {"tiles": names[::-1]}).json()
        assert [tile["id"] for tile in turned["batches"][0]["waiting"]] == names[::-1]
        assert place.send("PUT", f"/api/queue/{run['id']}/order", {"tiles": "x"}).status_code == 400
        assert place.post(f"/api/queue/{run['id']}/cancel", {"keep": 4}).status_code == 400
        place.post(f"/api/queue/{run['id']}/cancel")
    for tile in run["tiles"]:
        ended = place.ended(tile["id"])
        assert ended["state"] in {"done", "cancelled"}
        assert ended["state"] == "done" or place.charged(tile["id"]) == 0
    assert place.post(f"/api/queue/{run['id']}/resume").status_code == 404
    assert place.http.post(f"{place.url}/api/queue/{run['id']}/pause").status_code == 403
