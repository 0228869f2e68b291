"""Parts of pictures at exact sizes, and the recipe in the file."""

import io
import json
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from triptych.imaging.header import header
from triptych.imaging.reframe import RECIPE_SPACE, packet, reframed
from triptych.imaging.workshop import EncodedType, Workshop
from triptych.spec.errors import HostileContentError

RECIPE = json.dumps({"prompt": 'a "kettle" <at> dawn & 茶'})


def halves() -> bytes:
    """Red on the left, blue on the right; 40 x 20."""
    image = Image.new("RGB", (40, 20), (255, 0, 0))
    image.paste((0, 0, 255), (20, 0, 40, 20))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_part_is_cut_and_brought_to_size() -> None:
    made = opened(reframed(halves(), (20, 0, 40, 20), (64, 64), "image/png"))
    assert made.size == (64, 64)
    assert {made.getpixel((0, 0)), made.getpixel((63, 63))} == {(0, 0, 255)}


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
async def test_the_recipe_is_in_the_file_of_every_kind(media_type: EncodedType) -> None:
    workshop = Workshop(processes=1)
    try:
        made = await workshop.reframe(halves(), None, (40, 20), media_type, recipe=RECIPE)
        plain = await workshop.reframe(halves(), None, (40, 20), media_type)
    finally:
        await workshop.close()
    assert header(made).media_type == media_type
    info = Image.open(io.BytesIO(made)).info
    xmp = info.get("xmp") or info["XML:com.adobe.xmp"]
    found = next(ET.fromstring(xmp).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"))
    assert found.attrib[f"{{{RECIPE_SPACE}}}Recipe"] == RECIPE
    assert b"triptych" not in plain


def test_what_cannot_be_is_refused_or_left_out() -> None:
    for box in ((0, 0, 41, 20), (-1, 0, 10, 10), (5, 5, 5, 9)):
        with pytest.raises(HostileContentError):
            reframed(halves(), box, (10, 10), "image/png")
    assert packet("x" * 50_000) == b""
    assert b"xmp" not in reframed(halves(), None, (40, 20), "image/png", recipe="x" * 50_000)
