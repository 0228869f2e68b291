"""What an edit changed outside of its mask is put back, to the last value, and told."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFilter

from triptych.imaging.restore import composite, left_alone, restore
from triptych.imaging.restoring import restored_bytes
from triptych.spec.errors import HostileContentError

SIDES = st.integers(1, 40)
PAIRS = st.tuples(SIDES, SIDES).flatmap(
    lambda size: st.tuples(
        arrays(np.uint8, (*size, 3)), arrays(np.uint8, (*size, 3)),
        arrays(np.uint8, size) | arrays(np.uint8, size, elements=st.sampled_from([0, 255])),
    )
)  # fmt: skip


def scene(width: int = 512, height: int = 384, seed: int = 3) -> Image.Image:
    """Something with edges everywhere, as a photograph has."""
    draw = np.random.default_rng(seed)
    image = Image.fromarray(draw.integers(0, 255, (height // 16, width // 16, 3), dtype=np.uint8)).resize(
        (width, height)
    )
    pen = ImageDraw.Draw(image)
    for _ in range(50):
        x, y, *colour = (int(value) for value in draw.integers(0, (width, height, 255, 255, 255)))
        pen.ellipse((x, y, x + width // 12, y + height // 14), fill=(colour[0], colour[1], colour[2]))
    return image


def round_mask(image: Image.Image) -> Image.Image:
    mask = Image.new("L", image.size, 0)
    wide, high = image.size
    ImageDraw.Draw(mask).ellipse((wide // 3, high // 3, wide // 2, high // 2), fill=255)
    return mask


@given(PAIRS)
@settings(deadline=None)
def test_outside_of_the_mask_every_value_is_the_sources(pair: tuple[Any, Any, Any]) -> None:
    source, answer, mask = pair
    made = np.asarray(composite(Image.fromarray(source), Image.fromarray(mask), Image.fromarray(answer)))
    assert (made[mask == 0] == source[mask == 0]).all()
    low, high = np.minimum(source, answer), np.maximum(source, answer)
    assert ((made >= low) & (made <= high)).all()


@given(PAIRS)
@settings(deadline=None)
def test_an_empty_mask_gives_the_source_and_a_full_one_the_answer(pair: tuple[Any, Any, Any]) -> None:
    source, answer, mask = (Image.fromarray(one) for one in pair)
    assert composite(source, Image.new("L", mask.size, 0), answer).tobytes() == source.tobytes()
    assert composite(source, Image.new("L", mask.size, 255), answer).tobytes() == answer.tobytes()


def test_a_hard_edge_fades_inwards_and_thin_strokes_stay() -> None:
    source, answer = Image.new("RGB", (60, 40), "black"), Image.new("RGB", (60, 40), "white")
    mask = Image.new("L", (60, 40), 0)
    ImageDraw.Draw(mask).rectangle((5, 5, 35, 35), fill=255)
    ImageDraw.Draw(mask).line((50, 2, 50, 38), fill=255, width=2)
    made = np.asarray(composite(source, mask, answer))[:, :, 0]
    across = made[20, 5:21].astype(int)
    assert across[0] < 80
    assert across[-1] == 255
    assert (np.diff(across) >= 0).all()
    assert len(set(across)) > 3
    assert made[20, 50] == 255


@pytest.mark.parametrize("shift", [(0, 0), (6, 0), (0, -4), (9, 7), (-5, 3)])
def test_a_small_shift_is_found_and_taken_back(shift: tuple[int, int]) -> None:
    source = scene()
    answer = source.filter(ImageFilter.GaussianBlur(0.5))
    moved = answer.copy()
    moved.paste(answer, shift)
    made = restore(source, round_mask(source), moved)
    assert made.image is not None
    assert made.shift == pytest.approx(shift, abs=0.6)
    assert made.changed_permille is not None
    assert made.changed_permille < 120


@pytest.mark.parametrize("size", [1.05, 0.9, 1.2])
def test_a_picture_drawn_larger_or_smaller_is_not_restored(size: float) -> None:
    source = scene()
    large = source.resize((round(512 * size), round(384 * size)))
    left, top = (large.width - 512) // 2, (large.height - 384) // 2
    made = restore(source, round_mask(source), large.crop((left, top, left + 512, top + 384)))
    assert made.image is None
    assert made.scale == pytest.approx(size, abs=0.03)


def test_a_far_shift_and_another_shape_are_not_restored() -> None:
    source = scene()
    moved = source.copy()
    moved.paste(source, (40, 0))
    far = restore(source, round_mask(source), moved)
    assert (far.image, round(far.shift[0])) == (None, 40)
    assert restore(source, round_mask(source), source.crop((0, 0, 384, 384))).image is None


def test_what_changed_outside_is_counted_and_drawn() -> None:
    source = scene(400, 400)
    mask = Image.new("L", source.size, 0)
    mask.paste(255, (0, 0, 200, 400))
    answer = source.copy()
    answer.paste((255, 0, 255), (0, 0, 200, 400))
    made = restore(source, mask, answer)
    assert made.changed_permille == 0
    answer.paste((255, 0, 255), (200, 0, 250, 400))
    made = restore(source, mask, answer)
    assert made.changed_permille == pytest.approx(250, abs=12)
    assert made.heat is not None
    assert made.image is not None
    alpha = np.asarray(made.heat.getchannel("A"))
    assert not alpha[:, :200].any()
    assert alpha[:, 205:245].mean() > 80
    assert not alpha[:, 250:].any()
    assert made.image.crop((200, 0, 400, 400)).tobytes() == source.crop((200, 0, 400, 400)).tobytes()


def test_an_answer_of_another_size_is_brought_to_the_sources() -> None:
    source = scene()
    made = restore(source, round_mask(source), source.resize((1024, 768)))
    assert made.image is not None
    assert made.image.size == source.size
    assert restore(source, Image.new("L", source.size, 255), source).changed_permille is None


def test_files_in_files_out() -> None:
    def file(image: Image.Image) -> bytes:
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    source = scene(64, 48)
    hole = Image.new("RGBA", source.size, (0, 0, 0, 255))
    hole.paste((0, 0, 0, 0), (16, 12, 48, 36))
    made = restored_bytes(file(Image.new("RGB", (128, 96), "white")), file(source), file(hole))
    assert made.image is not None
    image = Image.open(io.BytesIO(made.image))
    assert image.getpixel((32, 24)) == (255, 255, 255)
    assert image.getpixel((3, 3)) == source.getpixel((3, 3))
    with pytest.raises(HostileContentError, match="not as large"):
        restored_bytes(file(source), file(source), file(Image.new("RGBA", (10, 10))))


@given(
    mask=st.tuples(SIDES, SIDES).flatmap(
        lambda size: arrays(np.uint8, size, elements=st.sampled_from([0, 0, 0, 1, 2, 255]))
    ),
    every=st.integers(1, 4),
)
@settings(deadline=None)
def test_what_is_left_alone_is_read_only_where_the_mask_is(mask: Any, every: int) -> None:
    image = Image.fromarray(mask)
    assert left_alone(image, every).tobytes() == image.reduce(every).point([255] + [0] * 255).tobytes()
