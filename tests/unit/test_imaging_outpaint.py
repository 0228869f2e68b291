"""A picture in a larger frame: its own pixels stay, the rest is new and the mask says so."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from triptych.imaging.outpaint import MOST_SIDE, extended, frame_for
from triptych.imaging.restore import restore

sides = st.integers(min_value=16, max_value=5000)
parts = st.floats(min_value=0, max_value=1)


@given(wide=sides, high=sides, ratio=st.sampled_from([1.0, 0.8, 9 / 16, 16 / 9, 21 / 9, 210 / 297]), x=parts, y=parts,
       share=st.floats(min_value=0.2, max_value=1))  # fmt: skip
def test_a_frame_has_its_shape_and_holds_the_picture(
    wide: int, high: int, ratio: float, x: float, y: float, share: float
) -> None:
    frame = frame_for((wide, high), ratio, x=x, y=y, share=share)
    assert abs(frame.width - frame.height * ratio) <= max(1, ratio)
    assert 0 < frame.wide <= frame.width <= MOST_SIDE
    assert 0 < frame.high <= frame.height <= MOST_SIDE
    assert 0 <= frame.left <= frame.width - frame.wide
    assert 0 <= frame.top <= frame.height - frame.high
    assert abs(frame.wide - frame.high * wide / high) <= max(1.0, wide / high)


@pytest.mark.parametrize(
    ("size", "ratio", "x", "expected"),
    [
        ((900, 900), 16 / 9, 0.5, (1600, 900, 350, 0, 900, 900)),
        ((900, 900), 16 / 9, 0.0, (1600, 900, 0, 0, 900, 900)),
        ((1600, 900), 1.0, 0.5, (1600, 1600, 0, 350, 1600, 900)),
        ((4096, 4096), 2.0, 1.0, (4096, 2048, 2048, 0, 2048, 2048)),
    ],
)
def test_frames_by_hand(size: tuple[int, int], ratio: float, x: float, expected: tuple[int, ...]) -> None:
    frame = frame_for(size, ratio, x=x)
    assert (frame.width, frame.height, frame.left, frame.top, frame.wide, frame.high) == expected


def test_the_pictures_pixels_are_in_the_frame_and_outside_of_the_mask() -> None:
    made = Image.effect_noise((120, 90), 80).convert("RGB")
    out = io.BytesIO()
    made.save(out, "PNG")
    frame = frame_for((120, 90), 16 / 9, x=0.25)
    whole, mask = (Image.open(io.BytesIO(data)) for data in extended(out.getvalue(), frame))
    box = (frame.left, frame.top, frame.left + frame.wide, frame.top + frame.high)
    assert whole.crop(box).tobytes() == made.tobytes()
    kept = np.asarray(mask.getchannel("A"))
    assert kept[frame.top : frame.top + frame.high, frame.left : frame.left + frame.wide].all()
    assert int((kept == 255).sum()) == frame.wide * frame.high
    assert whole.getpixel((0, 0)) == (128, 128, 128)


def test_the_seam_fades_from_the_pictures_own_edge() -> None:
    out = io.BytesIO()
    Image.new("RGB", (200, 200), (250, 10, 10)).save(out, "PNG")
    frame = frame_for((200, 200), 2.0)
    whole, mask = (Image.open(io.BytesIO(data)) for data in extended(out.getvalue(), frame))
    answer = Image.new("RGB", whole.size, (250, 10, 10))
    opaque = mask.getchannel("A").point([255] + [0] * 255)
    done = restore(whole, opaque, answer)
    assert done.image is not None
    assert done.image.getextrema() == ((250, 250), (10, 10), (10, 10))
