"""A picture in a larger frame, drawn by a model that takes no mask and by one that does, over the emulators."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.integration.place import Place
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, png

from triptych.studio.outpaint import asked_for, read_ratio


def framed(place: Place, **more: Any) -> dict[str, Any]:
    source = place.upload(png(96, 96))["sha256"]
    answer = place.send("POST", "/api/outpaint", {"sha256": source, "ratio": "16:9", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_the_pictures_own_pixels_stay_with_a_model_that_takes_no_mask(place: Place) -> None:
    made = framed(place, x=0.25)
    text = f"{made['text']} --ar {made['ratio']}"
    images = [{"sha256": made["image"]["sha256"], "role": "edit"}]
    tile = place.make(text, GOOGLE, images=images, mask=made["mask"]["sha256"])
    assert tile["images"][0]["restored"]["state"] == "restored"
    frame = made["frame"]
    assert (tile["images"][0]["width"], tile["images"][0]["height"]) == (frame["width"], frame["height"])
    drawn, whole = (pixels(place.get(one["url"]).content) for one in (tile["images"][0], made["image"]))
    inside = (slice(frame["top"], frame["top"] + frame["high"]), slice(frame["left"], frame["left"] + frame["wide"]))
    assert (drawn[inside] == whole[inside]).all()
    assert (drawn[:, -4:] != whole[:, -4:]).any()


def test_a_model_that_takes_masks_gets_the_new_area_as_its_mask(place: Place) -> None:
    made = framed(place, share=0.5)
    images = [{"sha256": made["image"]["sha256"], "role": "edit"}]
    tile = place.make(f"{made['text']} --ar 16:9", OPENAI, images=images, mask=made["mask"]["sha256"])
    assert [note["kind"] for note in tile["adjustments"] if note["feature"] == "mask"] == ["native"]
    request = place.get(f"/api/tiles/{tile['id']}").json()["request"]
    assert request["mask"]["sha256"] == made["mask"]["sha256"]
    assert request["prompt"] == made["text"]


def test_the_use_case_alone(place: Place) -> None:
    source = place.upload(png(96, 96))["sha256"]
    made = place.do(place.app.outpaint.frame(source, read_ratio("A4")))
    run = place.do(place.app.studio.start(asked_for(made, models=(GOOGLE,))))
    place.do(place.app.studio.wait_run(run.record.id))
    tile = place.get(f"/api/runs/{run.record.id}").json()["tiles"][0]
    assert tile["ratio"] == pytest.approx(210 / 297)
    assert tile["state"] == "done"


@pytest.mark.parametrize(
    ("more", "param"),
    [({"ratio": "1:1"}, "ratio"), ({"ratio": "wide"}, "ratio"), ({"ratio": "40:1"}, "ratio"), ({"x": 1.5}, "x"),
     ({"share": 0.1}, "share"), ({"y": "top"}, "y"), ({"sha256": 5}, "sha256")],
)  # fmt: skip
def test_what_cannot_be_framed_is_named(place: Place, more: dict[str, Any], param: str) -> None:
    source = place.upload(png(96, 96))["sha256"]
    answer = place.send("POST", "/api/outpaint", {"sha256": source, "ratio": "16:9", **more})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_the_texts_are_published(place: Place) -> None:
    told = place.get("/api/instructions").json()
    assert set(told["instructions"]) == {"extend", "vary_subtle", "vary_strong"}
    assert told["formats"]["A4"] == "210:297"
