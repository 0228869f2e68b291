"""What a change asked of a blind row's pictures answers: the same of each, whoever made it; and what is stated in public of a
rejection there."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, hole, png
from tests.integration.test_picks import pictures_of

from triptych.network.statement import read

NAMES = ("gemini", "google", "openai", "gpt-", "gpt ")  # `gpt` alone may stand in an id by chance
CHANGES = [
    ("PUT", "/api/images/{image}/restored", {"unrestored": True}),
    ("PUT", "/api/images/{image}/restored", {"unrestored": False}),
    ("GET", "/api/images/{image}/heat", None),
    ("GET", "/api/images/{image}/tasks", None),
    ("POST", "/api/images/{image}/tasks", {"task": "upscale", "factor": 2, "model": "demo/aurora"}),
    ("GET", "/api/images/{image}/turns", None),
    ("GET", "/api/images/{image}/receipt", None),
    ("GET", "/api/images/{image}?download=1", None),
    ("GET", "/api/images/{image}?as=came", None),
    ("GET", "/api/tiles/{tile}/promote", None),
    ("POST", "/api/tiles/{tile}/promote", {}),
    ("POST", "/api/tiles/{tile}/retry-now", {}),
    ("POST", "/api/tiles/{tile}/cancel", {}),
    ("PATCH", "/api/lineage/{tile}", {"pinned": True}),
    ("GET", "/api/lineage/{tile}/way", None),
    ("PUT", "/api/key-visuals/{image}", {}),
    ("POST", "/api/kits", {"picture": "{image}", "name": "spring"}),
    ("GET", "/api/gallery/similar/{image}", None),
    ("POST", "/api/plan", {"text": "more fog", "models": ["demo/aurora"], "parent": {"tile": "{tile}", "picture": "{image}"},
                            "images": [{"sha256": "{sha256}", "role": "edit"}]}),
    ("PATCH", "/api/gallery", {"pictures": ["{image}"], "stars": 3}),
    ("POST", "/api/tiles/{tile}/trash", {"trashed": True}),
    ("POST", "/api/tiles/{tile}/trash", {"trashed": False}),
]  # fmt: skip


def filled(body: Any, own: dict[str, str]) -> Any:
    text = json.dumps(body)
    for name, value in own.items():
        text = text.replace(f"{{{name}}}", value)
    return json.loads(text)


def answered(place: Place, own: dict[str, str]) -> list[tuple[str, int, str]]:
    """How each is answered, without the ids of its own, its pixels, and how many pictures of all are still to be compared."""
    found = []
    for method, path, body in CHANGES:
        address = filled(path, own)
        answer = place.get(address) if method == "GET" else place.send(method, address, filled(body, own))
        said = answer.text if "json" in answer.headers.get("content-type", "") else answer.headers["content-type"]
        for value in (*own.values(), own["image"][-6:]):
            said = said.replace(value, "own")
        said = re.sub(r'"(width|height|ratio|unseen)":("[^"]*"|[\d.]+)', "", said)
        found.append((f"{method} {path}", answer.status_code, said))
    return found


def owned(place: Place, run: str) -> Sequence[dict[str, str]]:
    """The ids of each tile, in the order of the models, which a page is not told."""
    tiles = place.do(place.app.studio.run(run)).tiles
    return [{"tile": tile.record.id, "image": tile.pictures[0].id, "sha256": tile.pictures[0].sha256} for tile in tiles]


def test_no_change_is_answered_otherwise_for_a_model_that_takes_no_masks(own_place: Place) -> None:
    place = own_place.open()
    source, mask = (place.upload(data)["sha256"] for data in (png(), hole()))
    asked = {"images": [{"sha256": source, "role": "edit"}], "mask": mask}
    run = place.start("a boat --blind", GOOGLE, OPENAI, **asked)
    for tile in run["tiles"]:
        place.ended(tile["id"])
    own = owned(place, run["id"])
    kept = [place.do(place.app.studio.pictures.record(each["image"])) for each in own]
    assert [picture.restored is not None for picture in kept] == [True, False]  # Gemini takes no mask
    one, other = (answered(place, each) for each in own)
    assert one == other
    assert [said for said in one if any(name in said[2].lower() for name in NAMES)] == []
    assert {status for path, status, _ in one if path.startswith("PUT /api/images")} == {409}
    place.post(f"/api/runs/{run['id']}/open", {})
    opened = place.send("PUT", f"/api/images/{own[0]['image']}/restored", {"unrestored": True})
    assert opened.json()["images"][0]["restored"]["unrestored"] is True


def test_a_rejection_in_a_blind_row_is_stated_in_public_when_the_row_is_opened(own_place: Place) -> None:
    place = own_place
    place.overrides = {"publish_picks": True}
    place.open()
    rows = [pictures_of(place, text, GOOGLE, OPENAI) for text in ("a kettle --blind", "a pot --blind")]
    for _, pictures in rows:
        place.clock.ahead += 0.001
        place.post("/api/picks", {"pictures": pictures, "winner": None, "rejected": [0], "blind": True})
    assert stated(place) == []
    place.close()
    place.open()  # the mark is in the store
    assert stated(place) == []
    place.post(f"/api/runs/{rows[0][0]['id']}/open", {})
    assert [said["rejected"] for said in stated(place)] == [[0]]
    place.clock.ahead += 0.001
    place.post("/api/picks", {"pictures": rows[1][1], "winner": 1, "blind": True})
    assert sorted((said["winner"], said["rejected"], said["blind"]) for said in stated(place) if said["winner"] is None) == [
        (None, [0], True), (None, [0], True)
    ]  # fmt: skip
    assert [said["winner"] for said in stated(place) if said["winner"] is not None] == [1]
    place.close()
    place.open()
    assert len(stated(place)) == 3  # and none of them twice


def stated(place: Place) -> list[Mapping[str, Any]]:
    return [read(record.body.encode()).payload for record in place.do(place.app.store.signed.latest("pick", 10))]
