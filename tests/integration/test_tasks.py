"""Tasks with a finished picture on a real server: offered with size and price, done here, in its row, line and log."""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import msgspec
import pytest
from PIL import Image
from tests.emulators import Emulators
from tests.emulators.pictures import Picture
from tests.integration.conftest import make_place
from tests.integration.honest import false_lines
from tests.integration.place import Loop, Place, TlsFront
from tests.unit.tiny_onnx import bright_is_subject, enlarger, seer

from triptych.app import container, embedder
from triptych.catalog import load_cards
from triptych.network.jws import peek
from triptych.providers.tools import ToolCard
from triptych.spec.model import ModelCard

AURORA, GEMINI = "demo/aurora", "google/gemini-2.5-flash-image"
LANCZOS, ESRGAN, U2NET, ISNET = (
    "tools/lanczos",
    "tools/realesr-general-x4v3",
    "tools/u2netp",
    "tools/isnet-general-use",
)
FILES = {ESRGAN: enlarger(4), U2NET: bright_is_subject(), ISNET: bright_is_subject() + b"\x7a\x00"}
"""The last has a word of its own at its end, so that it is another file."""


SEER = seer()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cards_of(front: TlsFront) -> tuple[ModelCard, ...]:
    """The cards as they are, with tiny weights in the place of the real ones."""

    def own(card: ModelCard) -> ModelCard:
        if card.id not in FILES:
            return card
        data = FILES[card.id]
        tool: dict[str, Any] = dict(card.extra["tool"])  # type: ignore[arg-type]
        url = f"{front.url}/results/0-{sha256(data)[:16]}.octet-stream"
        tool["weights"] = {**tool["weights"], "sha256": sha256(data), "about_bytes": len(data), "url": url}
        return replace(card, extra={"tool": tool})

    return tuple(map(own, load_cards()))


@pytest.fixture(scope="module")
def shared_place(
    emulator_servers: Emulators, other_loop: Loop, front: TlsFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A server whose tools have their weights, but for the last one."""
    place = make_place(tmp_path_factory.mktemp("data"), emulator_servers, other_loop, front)
    folder = place.data / "models"
    folder.mkdir(parents=True)
    for name in (ESRGAN, U2NET):
        (folder / f"{sha256(FILES[name])}.onnx").write_bytes(FILES[name])
    seen = msgspec.structs.replace(
        embedder.CARD, sha256=sha256(SEER), about_bytes=len(SEER),
        url=f"{front.url}/results/0-{sha256(SEER)[:16]}.octet-stream",
    )  # fmt: skip
    with (
        mock.patch.object(container, "load_cards", lambda: cards_of(front)),
        mock.patch.object(embedder, "CARD", seen),
    ):
        place.open()
    yield place
    place.done()
    assert false_lines(place.data) == []


@pytest.fixture(scope="module")
def picture(shared_place: Place) -> dict[str, Any]:
    """One picture of 96 x 64, of a painter."""
    tile = shared_place.make("a lighthouse --size 96x64 --seed 4", AURORA)
    return {"tile": tile, **tile["images"][0]}


def offers(place: Place, picture: dict[str, Any]) -> dict[str, dict[str, Any]]:
    told = place.get(f"/api/images/{picture['id']}/tasks")
    assert told.status_code == 200, told.text
    return {offer["model"]: offer for offer in told.json()["offers"]}


def done(place: Place, picture: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = place.post(f"/api/images/{picture['id']}/tasks", body)
    assert answer.status_code == 202, answer.text
    tile = place.ended(answer.json()["id"])
    assert tile["state"] == "done", tile["error"]
    return tile


def opened(place: Place, tile: dict[str, Any]) -> Image.Image:
    image = Image.open(io.BytesIO(place.get(tile["images"][0]["url"]).content))
    image.load()
    return image


def test_every_model_that_does_a_task_is_offered_with_its_size(place: Place, picture: dict[str, Any]) -> None:
    told = place.get(f"/api/images/{picture['id']}/tasks").json()
    assert [offer["model"] for offer in told["offers"]] == [ESRGAN, U2NET, LANCZOS, ISNET]
    assert "this machine before all others" in told["order_rule"]
    by_model = {offer["model"]: offer for offer in told["offers"]}
    sizes = [(way["factor"], way["width"], way["height"], way["ok"]) for way in by_model[LANCZOS]["ways"]]
    assert sizes == [(2, 192, 128, True), (4, 384, 256, True)]
    assert by_model[LANCZOS]["ways"][0]["notes"] == ["resampled: more pixels, no new detail"]
    assert {offer["ways"][0]["cost"]["source"] for offer in told["offers"]} == {"free"}
    assert (by_model[LANCZOS]["weights"], by_model[U2NET]["weights"]["state"]) == (None, "here")
    missing = by_model[ISNET]
    assert (missing["ways"][0]["ok"], missing["weights"]["state"]) == (False, "missing")
    assert "weights of IS-Net are not here" in missing["ways"][0]["reason"]


def test_more_pixels_are_a_tile_made_from_the_picture_in_its_row(place: Place, picture: dict[str, Any]) -> None:
    tile = done(place, picture, task="upscale", model=LANCZOS, factor=2)
    assert (tile["run"], tile["parent"]) == (
        picture["tile"]["run"],
        {"tile": picture["tile"]["id"], "picture": picture["id"]},
    )
    assert (tile["task"], tile["lane"], tile["billed"], tile["prompt"]) == ("upscale", "local", "no", "a lighthouse")
    assert tile["ratio"] == 1.5
    assert [note["detail"] for note in tile["adjustments"]] == ["resampled: more pixels, no new detail"]
    source = Image.open(io.BytesIO(place.get(picture["url"]).content)).convert("RGB")
    made = opened(place, tile)
    assert (made.size, made.mode) == ((192, 128), "RGB")
    assert made.tobytes() == source.resize((192, 128), Image.Resampling.LANCZOS).tobytes()
    assert place.charged(tile["id"]) == 0
    node = next(n for n in place.get(f"/api/lineage/{tile['id']}").json()["nodes"] if n["tile"] == tile["id"])
    assert (node["how"], node["origin"]) == ("upscale", picture["tile"]["id"])


def test_the_receipt_says_what_was_done_and_by_which_engine(place: Place, picture: dict[str, Any]) -> None:
    tile = done(place, picture, task="upscale", model=ESRGAN, factor=4)
    assert opened(place, tile).size == (384, 256)
    found = peek(place.get(f"/api/images/{tile['images'][0]['id']}/receipt").content.strip())
    assert found is not None
    payload: Any = found[1]
    assert (payload["asked"]["task"], payload["asked"]["size"]) == ("upscale", "384x256")
    assert (payload["served"]["endpoint"], payload["served"]["lane"]) == (ESRGAN, "local")
    detail = place.get(f"/api/tiles/{tile['id']}").json()
    wire = detail["attempts"][0]["wires"][0]
    assert (wire["method"], wire["url"]) == ("RUN", "tools:realesr-general-x4v3")
    assert sha256(FILES[ESRGAN]) in wire["body"]
    assert "onnxruntime" in wire["body"]
    assert "lighthouse" not in wire["body"]
    assert detail["request"]["task"] == "upscale"


def test_the_subject_alone_is_a_png_with_transparency(place: Place, picture: dict[str, Any]) -> None:
    tile = done(place, picture, task="remove_background", model=U2NET)
    made = opened(place, tile)
    assert (made.size, made.mode, made.format) == ((96, 64), "RGBA", "PNG")
    low, high = made.getchannel("A").getextrema()
    assert (low < 40, high > 215) == (True, True)  # type: ignore[operator]
    thumb = Image.open(io.BytesIO(place.get(tile["images"][0]["thumb"]).content))
    assert thumb.mode == "RGBA"
    again = place.ended(place.post(f"/api/tiles/{tile['id']}/retry", {}).json()["id"])
    assert (again["state"], again["task"], again["parent"]) == ("done", "remove_background", tile["parent"])
    assert again["images"][0]["sha256"] == tile["images"][0]["sha256"]


@pytest.mark.parametrize(
    ("body", "param"),
    [({"task": "sharpen", "model": LANCZOS}, "task"), ({"task": "upscale", "factor": 2}, "model"),
     ({"task": "upscale", "model": LANCZOS, "factor": 3}, "factor"), ({"task": "upscale", "model": LANCZOS}, "factor"),
     ({"task": "upscale", "model": LANCZOS, "factor": "2"}, "factor"),
     ({"task": "upscale", "model": GEMINI, "factor": 2}, "model"), ({"task": "upscale", "model": "nobody", "factor": 2}, "models"),
     ({"task": "remove_background", "model": LANCZOS}, "model"), ({"task": "remove_background", "model": ISNET}, "model")],
)  # fmt: skip
def test_what_cannot_be_done_is_named(place: Place, picture: dict[str, Any], body: dict[str, Any], param: str) -> None:
    before = len(place.get(f"/api/runs/{picture['tile']['run']}").json()["tiles"])
    answer = place.post(f"/api/images/{picture['id']}/tasks", body)
    assert (answer.status_code // 100, answer.json()["error"]["param"]) == (4, param)
    assert len(place.get(f"/api/runs/{picture['tile']['run']}").json()["tiles"]) == before


def test_a_picture_that_is_not_there_and_one_of_a_hidden_maker(place: Place) -> None:
    assert place.get("/api/images/nothing/tasks").status_code == 404
    run = place.start("a jar --size 64x64 --blind", AURORA, "demo/mosaic")
    for one in run["tiles"]:
        place.ended(one["id"])  # they are told of together
    tile = place.tile(run["tiles"][0]["id"])
    answer = place.post(
        f"/api/images/{tile['images'][0]['id']}/tasks", {"task": "upscale", "model": LANCZOS, "factor": 2}
    )
    assert answer.status_code == 409, answer.text
    assert "Pick one" in answer.json()["error"]["message"]


def test_weights_come_when_they_are_asked_for(place: Place, picture: dict[str, Any], emulators: Emulators) -> None:
    assert place.get("/api/tools/lanczos/weights").status_code == 404
    assert place.http.post(f"{place.url}/api/tools/isnet-general-use/weights").status_code == 403
    failed = place.post("/api/tools/isnet-general-use/weights")
    assert (failed.status_code, failed.json()["state"]) == (202, "fetching")
    place.do(_ended(place))
    assert "status 404" in place.get("/api/tools/isnet-general-use/weights").json()["reason"]
    emulators.files.publish(Picture(FILES[ISNET], "application/octet-stream", 0, 0))
    place.post("/api/tools/isnet-general-use/weights")
    place.do(_ended(place))
    assert place.get("/api/tools/isnet-general-use/weights").json()["state"] == "here"
    assert offers(place, picture)[ISNET]["ways"][0]["ok"]
    assert place.send("DELETE", "/api/tools/isnet-general-use/weights").json()["state"] == "here"


def test_what_shows_the_like_is_found_once_the_network_is_here(
    place: Place, picture: dict[str, Any], emulators: Emulators
) -> None:
    """The network is a tiny one: it tells the mean colour. Until it is here the answer says how to get it."""
    others = [
        place.make(f"{words} --size 96x64 --seed 4", AURORA)["images"][0]["id"]
        for words in ("a snow field", "a red desert")
    ]
    find, fetch = f"/api/gallery/similar/{picture['id']}?by=shows", "/api/gallery/embedder"
    before = place.get(find).json()
    assert (before["picture"]["id"], before["pictures"], before["seen"]) == (picture["id"], [], False)
    assert (before["embedder"]["state"], before["embedder"]["lacks"]) == ("missing", None)
    assert place.http.post(f"{place.url}{fetch}").status_code == 403
    emulators.files.publish(Picture(SEER, "application/octet-stream", 0, 0))
    assert place.post(fetch).status_code == 202
    place.do(place.app.weights.wait(place.app.embedder.card))
    assert place.get(fetch).json()["state"] == "here"
    after = place.get(find).json()
    assert (after["picture"]["id"], after["seen"]) == (picture["id"], True)
    while place.get(find).json()["unseen"]:
        place.do(asyncio.sleep(0.02))
    told = place.get(find).json()["pictures"]
    assert set(others) <= {each["id"] for each in told}
    assert [each["alike"] for each in told] == sorted((each["alike"] for each in told), reverse=True)
    assert place.get(f"{find.partition('?')[0]}?by=taste").json()["error"]["param"] == "by"
    assert place.get("/api/gallery/similar/img_none?by=shows").status_code == 404


async def _ended(place: Place) -> None:
    weights = ToolCard.of(place.app.models.endpoints()[ISNET].model.card).weights
    assert weights is not None
    await place.app.weights.wait(weights)


def test_nobody_chooses_a_tool_for_a_prompt(place: Place) -> None:
    listed = place.get("/api/models").json()
    assert not [model for model in listed["models"] if model["id"].startswith("tools/")]
    assert "tools" not in {provider["id"] for provider in listed["providers"]}
    plan = place.post("/api/plan", {"text": "a kettle", "models": [LANCZOS]}).json()
    assert plan["per_model"][LANCZOS]["ok"] is False
    assert place.post("/api/plan", {"text": "a kettle @lanczos", "models": [AURORA]}).json()["models"] == [AURORA]
