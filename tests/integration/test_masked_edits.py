"""An edit with a mask by a model that takes none, over the Google emulator: sent whole, restored, told, and undone."""

import base64
import hashlib
import io
from typing import Any

import numpy as np
from PIL import Image
from tests.integration.place import Place
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
