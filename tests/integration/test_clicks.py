"""A click of the page that is sent twice starts one thing, and is paid once."""

from typing import Any

import pytest
from tests.emulators import Emulators
from tests.integration.place import Place

from triptych.app.owners import Owners
from triptych.store.base import IdempotencyRecord

KETTLE = {"text": "a kettle", "models": ["xai/grok-imagine-image"]}


def click(place: Place, path: str, body: Any, key: str = "click-1") -> Any:
    return place.post(path, body, headers={"Idempotency-Key": key})


def test_a_run_that_is_asked_for_twice_is_one(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    first = click(place, "/api/runs", KETTLE)
    (tile,) = first.json()["tiles"]
    assert place.ended(tile["id"])["state"] == "done"
    again = click(place, "/api/runs", KETTLE)
    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert [one["state"] for one in again.json()["tiles"]] == ["done"]
    assert len(emulators.xai.submits) == 1
    assert place.charged(tile["id"]) == emulators.xai.charged_micro_usd > 0


def test_it_is_one_after_a_restart_too(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    first = click(place, "/api/runs", KETTLE).json()
    place.ended(first["tiles"][0]["id"])
    place.close()
    again = click(place.open(), "/api/runs", KETTLE)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first["id"]
    assert len(emulators.xai.submits) == 1


def test_another_body_under_the_same_key_is_refused(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    first = click(place, "/api/runs", KETTLE).json()
    place.ended(first["tiles"][0]["id"])
    other = click(place, "/api/runs", KETTLE | {"text": "a teapot"})
    assert (other.status_code, other.json()["error"]["param"]) == (409, "Idempotency-Key")
    assert len(emulators.xai.submits) == 1


def test_what_was_refused_may_be_asked_for_again_under_its_key(own_place: Place, emulators: Emulators) -> None:
    place = own_place.open()
    place.send("PUT", "/api/caps", {"day": 1})
    assert click(place, "/api/runs", KETTLE).status_code >= 400
    place.send("PUT", "/api/caps", {"day": None})
    made = click(place, "/api/runs", KETTLE)
    assert (made.status_code, "idempotent-replayed" in made.headers) == (202, False)
    assert place.ended(made.json()["tiles"][0]["id"])["state"] == "done"
    assert len(emulators.xai.submits) == 1


@pytest.mark.parametrize("deed", ["retry", "tiles"])
def test_a_tile_that_is_asked_for_twice_is_one(own_place: Place, emulators: Emulators, deed: str) -> None:
    place = own_place.open()
    run = place.start("a kettle", "xai/grok-imagine-image")
    old = place.ended(run["tiles"][0]["id"])
    path = f"/api/tiles/{old['id']}/retry" if deed == "retry" else f"/api/runs/{run['id']}/tiles"
    body = {} if deed == "retry" else {"model": "openai/gpt-image-2"}
    first = click(place, path, body)
    assert first.status_code == 202, first.text
    assert place.ended(first.json()["id"])["state"] == "done"
    place.close()
    again = click(place.open(), path, body)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(emulators.xai.submits) + len(emulators.openai.submits) == 2


@pytest.mark.parametrize("alive", [False, True])
def test_a_key_is_free_again_when_its_process_died_before_it_started_anything(
    own_place: Place, emulators: Emulators, *, alive: bool
) -> None:
    place = own_place.open()
    other = Owners(place.data)
    claimed = IdempotencyRecord(
        key="click-1", scope="/api/runs ", body_sha256="of another", created_ms=0, response=other.name
    )
    assert place.do(place.app.store.begin_idempotent(claimed)) is None
    if not alive:
        other.close()
    answer = click(place, "/api/runs", KETTLE)
    if alive:
        other.close()
    assert answer.status_code == (409 if alive else 202)
    if not alive:
        assert place.ended(answer.json()["tiles"][0]["id"])["state"] == "done"
    assert len(emulators.xai.submits) == (0 if alive else 1)
