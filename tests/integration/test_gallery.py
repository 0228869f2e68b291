"""The gallery over HTTP on a real server: found, marked, undone, found by looks, and refused in words."""

import json
from typing import Any

import pytest
from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

from triptych.studio.gallery import TRASH_MS


def _ids(answer: dict[str, Any]) -> list[str]:
    return [picture["id"] for picture in answer["pictures"]]


def _found(place: Place, query: str) -> list[str]:
    answer = place.get("/api/gallery", params={"q": query})
    assert answer.status_code == 200, answer.text
    assert place.get("/api/gallery/count", params={"q": query}).json() == {"count": len(answer.json()["pictures"])}
    return _ids(answer.json())


def test_pictures_are_found_and_marked_and_the_marks_undone(place: Place) -> None:
    run, (first, second) = pictures_of(place, "a zinnia meadow in fog --ar 3:2", *MODELS, project="herbarium")
    assert sorted(_found(place, "zinnia")) == sorted([first, second])
    assert _found(place, "zinnia model:gemini project:herbarium") == [first]
    picture = place.get("/api/gallery", params={"q": "zinnia model:gemini"}).json()["pictures"][0]
    assert picture["run"] == run["id"]
    assert (picture["prompt"], picture["model"], picture["stars"]) == ("a zinnia meadow in fog", MODELS[0], 0)
    assert place.get(picture["thumb"]).status_code == 200

    body = {"pictures": [first, second, "img_none"], "stars": 4, "verdict": "kept", "add_tags": ["spring ad"]}
    changed = place.send("PATCH", "/api/gallery", json=body).json()
    assert changed["pictures"][first]["tags"] == ["spring ad"]
    assert set(changed["before"]) == {first, second}
    assert len(_found(place, 'zinnia stars:>3 kept:yes tag:"SPRING ad"')) == 2
    assert "spring ad" in place.get("/api/gallery/fields").json()["tags"]
    undone = place.post("/api/gallery/undo", {"before": changed["before"]}).json()
    assert undone["pictures"][first]["stars"] == 0
    assert _found(place, "zinnia stars:>0") == []


def test_the_trash_keeps_pictures_for_thirty_days(place: Place) -> None:
    _, (first, second) = pictures_of(place, "a gentian on a rock", *MODELS)
    place.send("PATCH", "/api/gallery", json={"pictures": [first], "trashed": True})
    assert _found(place, "gentian") == [second]
    assert _found(place, "gentian trash:yes") == [first]
    assert place.do(place.app.gallery.empty_trash()) == 0
    record = place.do(place.app.store.picture(first))
    assert record is not None
    blobs = place.app.studio.pictures
    assert place.do(blobs.bytes_of(record.sha256))
    place.clock.ahead += TRASH_MS / 1000 + 1
    try:
        assert place.do(place.app.gallery.empty_trash()) == 1
    finally:
        place.clock.ahead -= TRASH_MS / 1000 + 1
    assert _found(place, "gentian trash:yes") == []
    assert place.get(f"/api/images/{first}").status_code == 404
    assert place.get(f"/api/images/{second}").status_code == 200


def test_pages_follow_each_other(place: Place) -> None:
    pictures_of(place, "a peony one", *MODELS)
    pictures_of(place, "a peony two", *MODELS)
    first = place.get("/api/gallery", params={"q": "peony", "limit": 3}).json()
    rest = place.get("/api/gallery", params={"q": "peony", "cursor": first["next"]}).json()
    jumped = place.get("/api/gallery", params={"q": "peony", "cursor": first["start"], "skip": 3}).json()
    assert len({*_ids(first), *_ids(rest)}) == 4
    assert _ids(rest) == _ids(jumped)
    assert rest["next"] is None
    assert len(place.get("/api/gallery/ids", params={"q": "peony"}).json()["pictures"]) == 4


def test_what_looks_alike_is_found(place: Place) -> None:
    _, (first, _) = pictures_of(place, "a tulip by a wall", *MODELS)
    found = place.get(f"/api/gallery/similar/{first}").json()
    assert first not in _ids(found)
    assert all(picture["differs"] < 20 for picture in found["pictures"])
    assert place.get("/api/gallery/similar/img_none").status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [("kept:perhaps", "kept:perhaps cannot be read"), ("ref:img_none", "names no picture"), ("modle:x", "is no field")],
)
def test_a_wrong_query_is_told_in_words(place: Place, query: str, said: str) -> None:
    for path in ("/api/gallery", "/api/gallery/count", "/api/gallery/ids"):
        answer = place.get(path, params={"q": query})
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]
        assert answer.json()["error"]["param"] == "q"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pictures": [], "stars": 1}, "pictures"),
        ({"pictures": "img", "stars": 1}, "pictures"),
        ({"pictures": ["a"], "stars": 6}, "stars"),
        ({"pictures": ["a"], "stars": True}, "stars"),
        ({"pictures": ["a"], "verdict": "good"}, "verdict"),
        ({"pictures": ["a"], "add_tags": ["  "]}, "add_tags"),
        ({"pictures": ["a"], "project": "a b"}, "project"),
        ({"pictures": ["a"], "project": 1}, "project"),
        ({"pictures": ["a"], "trashed": "yes"}, "trashed"),
        ({"pictures": ["a"]}, "stars"),
    ],
)
def test_a_wrong_change_names_the_field(place: Place, body: dict[str, Any], field: str) -> None:
    answer = place.send("PATCH", "/api/gallery", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == field


def test_changes_need_the_page(place: Place) -> None:
    assert place.http.patch(f"{place.url}/api/gallery", json={"pictures": ["a"], "stars": 1}).status_code in {401, 403}


def test_what_is_blind_is_neither_found_nor_counted_until_it_is_opened(place: Place) -> None:
    answer = place.post("/api/runs", {"text": "a marigold in a jar --blind", "models": list(MODELS)})
    assert answer.status_code == 202, answer.text
    run = answer.json()
    for tile in run["tiles"]:
        assert place.ended(tile["id"])["state"] == "done"
    assert _found(place, "marigold") == []
    assert _found(place, "!!! stars:0") == []  # no word in it, so nothing is meant
    place.post(f"/api/runs/{run['id']}/open", {})
    assert len(_found(place, "marigold")) == len(run["tiles"])


def test_what_a_picture_shows_is_said_in_words_and_told_to_every_page(place: Place) -> None:
    _, (first, second) = pictures_of(place, "an iris at a pond", *MODELS)
    since = place.get("/api/state").json()["since"]
    changed = place.send(
        "PATCH", "/api/gallery", json={"pictures": [first], "alt": " A blue iris, left of a pond. "}
    ).json()
    assert changed["pictures"][first]["alt"] == "A blue iris, left of a pond."
    marks = place.get("/api/gallery/marks", params={"pictures": f"{first},{second},img_none"}).json()["pictures"]
    assert {id_: state["alt"] for id_, state in marks.items()} == {first: "A blue iris, left of a pond.", second: None}
    with place.http.stream("GET", f"{place.url}/api/events", params={"since": since}) as stream:
        lines = iter(stream.iter_lines())
        while next(lines) != "event: marks":
            pass
        told = json.loads(next(line for line in lines if line.startswith("data:"))[5:])
    assert list(told["pictures"]) == [first]
    back = place.post("/api/gallery/undo", {"before": changed["before"]}).json()
    assert back["pictures"][first]["alt"] is None
    assert place.send("PATCH", "/api/gallery", json={"pictures": [first], "alt": "x" * 1001}).status_code == 400
