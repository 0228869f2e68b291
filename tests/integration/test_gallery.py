"""The gallery over HTTP on a real server: found, marked, undone, found by looks, and refused in words."""

import io
import json
import zipfile
from typing import Any

import pytest
from PIL import Image
from tests.emulators import Emulators
from tests.emulators.scenario import Kind, Scenario
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
    values = place.get("/api/gallery/fields").json()
    assert "spring ad" in values["tags"]
    assert {*MODELS} <= {*values["models"]}
    assert values["models"] == sorted(values["models"])
    for name, found in values.items():
        one = {"tags": "tag", "projects": "project", "models": "model", "ratios": "ar"}.get(name)
        assert one is None or all(_found(place, f'{one}:"{value}"') for value in found), name
    undone = place.post("/api/gallery/undo", {"before": changed["before"]}).json()
    assert undone["pictures"][first]["stars"] == 0
    assert _found(place, "zinnia stars:>0") == []


def test_a_picture_has_small_copies_of_which_none_is_larger_than_itself(place: Place) -> None:
    _, (first, _) = pictures_of(place, "a thistle on a dune", *MODELS)
    (entry,) = place.get("/api/gallery/pictures", params={"pictures": first}).json()["pictures"]
    for address, side in ((entry["thumb"], 256), (entry["view"], 1024)):
        answer = place.get(address)
        assert (answer.headers["content-type"], "immutable" in answer.headers["cache-control"]) == ("image/webp", True)
        with Image.open(io.BytesIO(answer.content)) as copy:
            short, long = sorted(copy.size)
            assert (short if side == 256 else long) <= side
            assert copy.size <= (entry["width"], entry["height"])
            assert not copy.info.get("exif")
    assert place.get("/api/images/img_none/view").status_code == 404


def test_chosen_pictures_come_as_one_file_each_as_it_is_downloaded_alone(place: Place) -> None:
    _, (first, second) = pictures_of(place, "a teasel in frost --seed 7", *MODELS)
    answer = place.get("/api/gallery/download", params={"pictures": f"{first},{second},{first}"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "triptych.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = [name for name in archive.namelist() if not name.endswith(".receipt.jws")]
        assert len(files) == 2
        for picture, name in zip((first, second), files, strict=True):
            alone = place.get(f"/api/images/{picture}", params={"download": "1"})
            assert f'"{name}"' in alone.headers["content-disposition"]
            assert _drawn(archive.read(name)) == _drawn(alone.content)
            assert archive.read(f"{name.rpartition('.')[0]}.receipt.jws").count(b".") == 2
    for wrong in ("", ",".join(f"img_{n}" for n in range(501))):
        refused = place.get("/api/gallery/download", params={"pictures": wrong})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "pictures")
    assert place.get("/api/gallery/download", params={"pictures": f"{first},img_none"}).status_code == 404


def test_a_row_that_is_blind_still_is_not_handed_over_with_others(place: Place) -> None:
    _, (open_, _) = pictures_of(place, "a reed bed", *MODELS)
    _, (veiled, _) = pictures_of(place, "a reed bed --blind", *MODELS)
    refused = place.get("/api/gallery/download", params={"pictures": f"{open_},{veiled}"})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/json")


def _drawn(data: bytes) -> tuple[tuple[int, int], bytes]:
    """The picture itself: content credentials in the files are signed at their own times."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size, image.convert("RGB").tobytes()


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


def test_a_failed_tile_is_thrown_away_and_taken_back(place: Place, emulators: Emulators) -> None:
    emulators.google.play(Scenario(Kind.MODERATION_INPUT))
    run = place.start("a lupin under glass", *MODELS)
    failed, drawn = (place.ended(tile["id"]) for tile in run["tiles"])
    assert (failed["state"], drawn["state"]) == ("blocked", "done")
    assert (failed["trashed_ms"], len(_found(place, "lupin failed:yes"))) == (None, 1)
    since = place.app.bus.last_id()
    thrown = place.post(f"/api/tiles/{failed['id']}/trash", {"trashed": True}).json()
    assert thrown == {"id": failed["id"], "run": run["id"], "trashed_ms": thrown["trashed_ms"]}
    assert place.events(since) == [{"type": "tile", **thrown}]
    assert place.tile(failed["id"]) == {**failed, "trashed_ms": thrown["trashed_ms"]}
    assert (_found(place, "lupin failed:yes"), len(_found(place, "lupin failed:no"))) == ([], 1)
    back = place.post(f"/api/tiles/{failed['id']}/trash", {"trashed": False}).json()
    assert (back["trashed_ms"], len(_found(place, "lupin failed:yes"))) == (None, 1)

    refused = place.post(f"/api/tiles/{drawn['id']}/trash", {"trashed": True})
    assert (refused.status_code, refused.json()["error"]["message"].split(" hint")[0]) == (
        409,
        "This tile has a picture.",
    )
    assert place.post(f"/api/tiles/{failed['id']}/trash", {"trashed": 1}).status_code == 400
    assert place.post("/api/tiles/tile_none/trash", {"trashed": True}).status_code == 404
    assert place.http.post(f"{place.url}/api/tiles/{failed['id']}/trash", json={"trashed": True}).status_code == 403

    place.post(f"/api/tiles/{failed['id']}/trash", {"trashed": True})
    place.clock.ahead += TRASH_MS / 1000 + 1
    try:
        place.do(place.app.gallery.empty_trash())
    finally:
        place.clock.ahead -= TRASH_MS / 1000 + 1
    assert [tile["id"] for tile in place.get(f"/api/runs/{run['id']}").json()["tiles"]] == [drawn["id"]]
    assert place.get(f"/api/tiles/{failed['id']}").json()["receipt"] is not None  # how it went stays


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


def test_pages_come_in_another_order_and_ids_from_a_place_on(place: Place) -> None:
    _, (first, second) = pictures_of(place, "an aster one", *MODELS)
    _, (third, fourth) = pictures_of(place, "an aster two", *MODELS)
    place.send("PATCH", "/api/gallery", json={"pictures": [second], "stars": 5})
    place.send("PATCH", "/api/gallery", json={"pictures": [third], "stars": 2})
    stars = place.get("/api/gallery", params={"q": "aster", "order": "stars", "limit": 2}).json()
    assert _ids(stars) == [second, third]
    asked = {"q": "aster", "order": "stars", "cursor": stars["next"]}
    rest = place.get("/api/gallery", params=asked).json()
    assert (set(_ids(rest)), rest["next"]) == ({first, fourth}, None)
    assert place.get("/api/gallery/ids", params={**asked, "skip": 1, "limit": 5}).json()["pictures"] == _ids(rest)[1:]
    assert place.get("/api/gallery/count", params=asked).json() == {"count": 4}
    old = place.get("/api/gallery", params={"q": "aster", "order": "oldest"}).json()
    assert _ids(old) == _ids(place.get("/api/gallery", params={"q": "aster"}).json())[::-1]
    cost = place.get("/api/gallery", params={"q": "aster", "order": "cost"}).json()["pictures"]
    paid = [picture["cost_micro_usd"] for picture in cost]
    assert paid == sorted(paid, reverse=True)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"order": "size"}, "order"),
        ({"order": "stars", "cursor": "12"}, "cursor"),
        ({"cursor": "1.2.3"}, "cursor"),
        ({"cursor": "9" * 19}, "cursor"),
        ({"cursor": "-1"}, "cursor"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"skip": "many"}, "skip"),
    ],
)
def test_a_wrong_ask_names_the_field(place: Place, asked: dict[str, Any], field: str) -> None:
    for path in ("/api/gallery", "/api/gallery/ids"):
        answer = place.get(path, params=asked)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text


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


@pytest.mark.parametrize("names", ["", ",".join(f"img_{n}" for n in range(201))])
def test_a_page_of_pictures_by_id_has_its_bounds(place: Place, names: str) -> None:
    answer = place.get("/api/gallery/pictures", params={"pictures": names})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "pictures")


def test_changes_need_the_page(place: Place) -> None:
    assert place.http.patch(f"{place.url}/api/gallery", json={"pictures": ["a"], "stars": 1}).status_code in {401, 403}


def test_what_is_blind_is_neither_found_nor_counted_until_it_is_opened(place: Place) -> None:
    answer = place.post("/api/runs", {"text": "a marigold in a jar --blind", "models": list(MODELS)})
    assert answer.status_code == 202, answer.text
    run = answer.json()
    for tile in run["tiles"]:
        place.ended(tile["id"])  # they are told of together
    assert {place.tile(tile["id"])["state"] for tile in run["tiles"]} == {"done"}
    assert _found(place, "marigold") == []
    assert _found(place, "!!! stars:0") == []  # no word in it, so nothing is meant
    names = {"pictures": ",".join(image["id"] for tile in run["tiles"] for image in place.tile(tile["id"])["images"])}
    assert place.get("/api/gallery/pictures", params=names).json() == {"pictures": []}
    place.post(f"/api/runs/{run['id']}/open", {})
    assert len(_found(place, "marigold")) == len(run["tiles"])
    assert _ids(place.get("/api/gallery/pictures", params=names).json()) == names["pictures"].split(",")


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
