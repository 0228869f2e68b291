"""PDQ against the reference implementation, bit by bit, and what it sees and does not see."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from tests.unit.network.pictures import field, image

from triptych.imaging.pdq import GOOD_QUALITY, Pdq, pdq_distance, pdq_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/pdq.json").read_text("utf-8"))
"""Made by pdqhash 0.2.8, which has Meta's C++ in it, from the same fields of brightness, on 2026-11-21."""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['width']}x{one['height']}-{one['seed']}")
def test_the_reference_says_the_same(vector: dict[str, Any]) -> None:
    found = pdq_of(image(field(vector["seed"], vector["width"], vector["height"], *vector["more"])))
    assert found == Pdq(vector["hash"], vector["quality"])


def test_the_vectors_have_good_and_bad_pictures() -> None:
    assert {one["quality"] >= GOOD_QUALITY for one in VECTORS} == {True, False}


def test_what_it_sees_and_what_not() -> None:
    one = image(field(20, 320, 240))
    saved = io.BytesIO()
    one.save(saved, "JPEG", quality=40)
    near = {
        "compressed": Image.open(saved), "half": one.resize((160, 120)).resize((320, 240)),
        "brighter": ImageEnhance.Brightness(one).enhance(0.9),
    }  # fmt: skip
    far = {"another": image(field(21, 320, 240)), "mirrored": one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)}
    hashed = pdq_of(one).hash
    assert {name: pdq_distance(hashed, pdq_of(other).hash) <= 16 for name, other in near.items()} == dict.fromkeys(
        near, True
    )
    assert {name: pdq_distance(hashed, pdq_of(other).hash) >= 90 for name, other in far.items()} == dict.fromkeys(
        far, True
    )


def test_a_picture_with_nothing_in_it() -> None:
    assert pdq_of(Image.new("RGB", (64, 64), "teal")).quality == 0
    assert pdq_of(Image.new("RGB", (4, 400))) == Pdq("0" * 64, 0)


def test_transparency_is_white() -> None:
    grey = field(22, 64, 64)
    clear = Image.fromarray(np.dstack([np.zeros((64, 64, 3)), 255 - grey]).astype(np.uint8), "RGBA")
    assert pdq_distance(pdq_of(clear).hash, pdq_of(image(grey)).hash) <= 2


def test_a_distance_is_bits() -> None:
    assert pdq_distance("f" * 64, "0" * 64) == 256
    assert pdq_distance("0" * 63 + "1", "0" * 63 + "2") == 2
