"""The soft edges of a mask are, to the last value, those of Pillow's own box blur."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from triptych.imaging.feather import FEATHER_PX, feathered

places = st.integers(-10, 210)
shapes = st.lists(st.tuples(places, places, st.integers(0, 120), st.integers(0, 120)), min_size=1, max_size=5)


def blurred_by_pillow(mask: Image.Image) -> Image.Image:
    """The same over the whole mask, in the words of its definition."""
    mean = mask.filter(ImageFilter.BoxBlur(FEATHER_PX))
    thin = mean.point([0] * 255 + [255]).filter(ImageFilter.BoxBlur(FEATHER_PX)).point([255] + [0] * 255)
    faded = mean.point([max(0, 2 * value - 255) for value in range(256)])
    return ImageChops.darker(ImageChops.lighter(faded, thin), mask)


@given(wide=st.integers(1, 200), high=st.integers(1, 200), shapes=shapes)
@settings(deadline=None, max_examples=60)
def test_it_is_what_pillow_makes_of_it(wide: int, high: int, shapes: list[tuple[int, int, int, int]]) -> None:
    mask = Image.new("L", (wide, high), 0)
    pen = ImageDraw.Draw(mask)
    for left, top, across, down in shapes:
        pen.ellipse((left, top, left + across, top + down), fill=255)
    box = mask.getbbox()
    if box is not None:
        assert feathered(mask, box).tobytes() == blurred_by_pillow(mask).crop(box).tobytes()


def test_single_pixels_and_noise_are_that_too() -> None:
    drawn = np.random.default_rng(5).random((150, 90))
    for share in (0.001, 0.5, 0.98, 0.9999):
        mask = Image.fromarray(((drawn < share) * 255).astype(np.uint8))
        box = mask.getbbox()
        assert box is not None
        assert feathered(mask, box).tobytes() == blurred_by_pillow(mask).crop(box).tobytes()


@pytest.mark.parametrize("value", [1, 128, 254])
def test_a_mask_that_is_soft_somewhere_stays_as_it_is(value: int) -> None:
    mask = Image.new("L", (80, 70), 0)
    mask.paste(255, (10, 10, 70, 60))
    mask.putpixel((40, 30), value)
    assert feathered(mask, (10, 10, 70, 60)).tobytes() == mask.crop((10, 10, 70, 60)).tobytes()
