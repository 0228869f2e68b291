"""An edit with a mask by a model that takes none, over the Google emulator: sent whole, restored, told, and undone."""

import base64
import hashlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.emulators import Form
from tests.integration.place import Place
from tests.integration.test_bad_input import refused, untouched
from tests.integration.test_openai_sdk import GOOGLE, OPENAI, extra, hole, png

from triptych.network.check_images import image_lines
from triptych.network.evidence import Evidence
from triptych.network.receipt import read


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_by_the_api_what_is_outside_stays(place: Place) -> None:
    source = png(colour="#3b6")
    answer = place.sdk.images.edit(model=GOOGLE, image=("a.png", source), mask=("m.png", hole()), prompt="a boat")
    assert answer.data is not None
    data = base64.b64decode(answer.data[0].b64_json or "")
    made, given = pixels(data), pixels(source)
    outside = np.asarray(Image.open(io.BytesIO(hole())).getchannel("A")) == 255
    assert (made[outside] == given[outside]).all()
    assert (made[~outside] != given[~outside]).any()
    assert len(place.emulators.google.submits) == 1
    assert any("outside your mask before it was restored" in str(one) for one in extra(answer)["warnings"])


def test_in_the_studio_the_models_own_answer_can_be_chosen(place: Place) -> None:
    source, mask = (place.upload(data)["sha256"] for data in (png(), hole()))
    tile = place.make("a boat", GOOGLE, images=[{"sha256": source, "role": "edit"}], mask=mask)
    image = tile["images"][0]
    note = next(one for one in tile["adjustments"] if one["feature"] == "mask")
    assert note["kind"] == "emulated"
    assert image["restored"]["state"] == "restored"
    assert image["restored"]["words"].startswith("This model changed ")
    assert place.get(image["restored"]["heat"]).headers["content-type"] == "image/png"
    shown = place.get(image["url"]).content
    assert hashlib.sha256(shown).hexdigest() == image["sha256"]
    said = read(place.get(f"/api/images/{image['id']}/receipt").content.strip()).payload["outputs"][0]
    assert (said["sha256"], said["restored"]["source"], said["restored"]["mask"]) == (image["sha256"], source, mask)
    chosen = place.send("PUT", f"/api/images/{image['id']}/restored", {"unrestored": True}).json()["images"][0]
    assert chosen["restored"]["unrestored"] is True
    own = place.get(chosen["url"]).content
    assert hashlib.sha256(own).hexdigest() == chosen["sha256"] == said["received"]["sha256"]
    receipt = read(place.get(f"/api/images/{image['id']}/receipt").content.strip())
    lines = image_lines(receipt, Evidence(receipt=b"", images={"own.png": own}))
    assert [(one.verdict, one.detail) for one in lines] == [
        ("proved", "It is output 1 as it came from the model, byte for byte.")
    ]
    back = place.send("PUT", f"/api/images/{image['id']}/restored", {"unrestored": False}).json()["images"][0]
    assert back == image


def test_with_a_model_that_takes_masks_the_outside_can_be_kept_exactly(place: Place) -> None:
    source, mask = (place.upload(data)["sha256"] for data in (png(), hole()))
    images = [{"sha256": source, "role": "edit"}]
    plain = place.make("a boat", OPENAI, images=images, mask=mask)
    assert plain["images"][0]["restored"] is None
    exact = place.make("a boat --ar 4:3", OPENAI, images=images, mask=mask, restore=True)
    assert exact["images"][0]["restored"]["state"] == "restored"
    note = next(one for one in exact["adjustments"] if one["feature"] == "mask")
    assert (note["kind"], note["detail"][:30]) == ("adjusted", "sent: this model changed 100 %")
    outside = np.asarray(Image.open(io.BytesIO(hole())).getchannel("A")) == 255
    made, given = pixels(place.get(exact["images"][0]["url"]).content), pixels(png())
    assert (made[outside] == given[outside]).all()


def grey(*, background: int, middle: int) -> bytes:
    """A mask as other programs write it: grey, without transparency."""
    image = Image.new("L", (64, 48), background)
    image.paste(middle, (16, 12, 32, 24))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def opaque() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (64, 48), (0, 0, 0, 255)).save(out, "PNG")
    return out.getvalue()


def asked(place: Place, mask: bytes, model: str) -> dict[str, Any]:
    source, given = (place.upload(data)["sha256"] for data in (png(), mask))
    return {"text": "a boat", "models": [model], "images": [{"sha256": source, "role": "edit"}], "mask": given}


def test_a_mask_in_black_and_white_is_read_by_its_brightness_and_that_is_said(place: Place) -> None:
    body = asked(place, grey(background=0, middle=255), GOOGLE)
    plan = place.post("/api/plan", body).json()
    assert (plan["allowed"], [note["token"] for note in plan["notes"]]) == (True, ["mask"])
    assert "what is white in it is changed" in plan["notes"][0]["message"]
    tile = place.make("a boat", GOOGLE, images=body["images"], mask=body["mask"])
    made, given = pixels(place.get(tile["images"][0]["url"]).content), pixels(png())
    inside = np.asarray(Image.open(io.BytesIO(grey(background=0, middle=255)))) == 255
    assert (made[~inside] == given[~inside]).all()
    assert (made[inside] != given[inside]).any()
    run = place.get(f"/api/runs/{tile['run']}").json()
    assert "what is white in it is changed" in run["notes"][0]["message"]
    assert run["settings"]["mask"] != body["mask"]  # what is kept, and opened again, has transparency


def test_a_model_that_takes_masks_gets_a_grey_one_as_transparency(place: Place) -> None:
    body = asked(place, grey(background=0, middle=255), OPENAI)
    place.make("a boat", OPENAI, images=body["images"], mask=body["mask"])
    form = place.emulators.openai.submits[-1].body
    assert isinstance(form, Form)
    sent = form.file("mask")
    assert sent is not None
    alpha = np.asarray(Image.open(io.BytesIO(sent.data)).getchannel("A"))
    assert (alpha[12:24, 16:32] == 0).all()
    assert (alpha == 0).sum() == 12 * 16


@pytest.mark.parametrize("mask", [opaque(), grey(background=0, middle=0)], ids=["opaque", "black"])
@pytest.mark.parametrize("model", [OPENAI, GOOGLE])
def test_a_mask_that_changes_nothing_is_refused_before_anything_is_sent(place: Place, mask: bytes, model: str) -> None:
    body = asked(place, mask, model)
    error = refused(place.post("/api/runs", body), 400, "bad_request", "mask")
    assert "nothing of the picture would be changed" in error["message"]
    plan = place.post("/api/plan", body).json()
    assert plan["allowed"] is False
    assert "nothing of the picture would be changed" in plan["reason"]
    untouched(place.emulators)


def test_a_mask_over_the_whole_picture_is_told(place: Place) -> None:
    body = asked(place, grey(background=255, middle=255), OPENAI)
    plan = place.post("/api/plan", body).json()
    assert plan["allowed"] is True
    assert plan["notes"][-1]["message"] == "The mask covers the whole picture: all of it may change."


@pytest.mark.parametrize(
    ("mask", "said"),
    [(grey(background=0, middle=255), "no alpha channel"), (opaque(), "transparent nowhere")], ids=["grey", "opaque"],
)  # fmt: skip
def test_by_the_api_of_openai_only_transparency_counts(place: Place, mask: bytes, said: str) -> None:
    files = {"image": ("a.png", png(), "image/png"), "mask": ("m.png", mask, "image/png")}
    answer = place.http.post(f"{place.url}/v1/images/edits", data={"model": GOOGLE, "prompt": "x"}, files=files)
    error = refused(answer, 400, "bad_request", "mask")
    assert said in error["message"]
    untouched(place.emulators)
