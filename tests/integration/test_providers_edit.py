"""Edits and tasks at providers whose wire is their own, from the page to the emulator and back."""

import io

import numpy as np
import pytest
from PIL import Image
from tests.emulators import Form, Gate, Scenario
from tests.integration.place import Place
from tests.integration.test_openai_sdk import hole, png


@pytest.mark.parametrize(("vendor", "model", "path", "shade"), [
    ("ideogram", "ideogram/ideogram-v3", "/inpaint", 0), ("recraft", "recraft/recraftv3", "/images/inpaint", 255),
    ("stability", "stability/inpaint", "/edit/inpaint", 255),
])  # fmt: skip
def test_a_mask_reaches_a_provider_in_its_own_shade(
    place: Place, vendor: str, model: str, path: str, shade: int
) -> None:
    source, mask = (place.upload(data)["sha256"] for data in (png(), hole()))
    tile = place.make("a red kettle", model, images=[{"sha256": source, "role": "edit"}], mask=mask)
    assert (tile["state"], tile["error"]) == ("done", None)
    [sent] = getattr(place.emulators, vendor).submits
    assert sent.path.endswith(path)
    assert isinstance(sent.body, Form)
    found = sent.body.file("mask")
    assert found is not None
    pixels = np.asarray(Image.open(io.BytesIO(found.data)).convert("L"))
    assert (pixels[12:24, 16:32] == shade).all()  # the hole
    assert (pixels == shade).sum() == 12 * 16
    assert (pixels == 255 - shade).sum() == pixels.size - 12 * 16


def test_a_task_that_is_stopped_is_stopped_at_the_provider(place: Place) -> None:
    gate = Gate()
    place.emulators.alibaba.play(Scenario(final_gate=gate))
    tile = place.start("a kettle", "alibaba/wan2.7-image")["tiles"][0]
    place.until(tile["id"], lambda now: now["state"] == "working")
    assert place.post(f"/api/tiles/{tile['id']}/cancel", {}).status_code == 202
    gate.release()
    ended = place.ended(tile["id"])
    assert (ended["state"], ended["billed"]) == ("cancelled", "unknown")
    assert place.emulators.alibaba.cancelled == list(place.emulators.alibaba.jobs)


def test_a_call_that_answers_at_once_costs_what_the_table_says(place: Place) -> None:
    tile = place.make("a kettle", "alibaba/qwen-image-3.0")
    assert (tile["state"], tile["cost"]["amount_micro_usd"]) == ("done", 30_000)
    assert place.emulators.alibaba.charged_micro_usd == 30_000


def test_a_picture_without_a_background_keeps_its_transparency_and_costs_more(place: Place) -> None:
    answer = place.http.post(
        f"{place.url}/v1/images/generations",
        json={"model": "ideogram/ideogram-v3", "prompt": "a kettle", "background": "transparent"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["triptych"]["cost"]["amount_micro_usd"] == place.emulators.ideogram.charged_micro_usd == 70_000
    assert place.emulators.ideogram.submits[-1].path.endswith("/generate-transparent")
