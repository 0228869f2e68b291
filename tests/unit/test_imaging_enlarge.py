"""A picture that is drawn larger is, to the last value, what Pillow draws."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from triptych.imaging.enlarge import columns_of, enlarged

SIDES = st.integers(1, 90)


def by_pillow(grey: Image.Image, size: tuple[int, int], scale: float) -> Image.Image:
    wide, high = grey.width / scale, grey.height / scale
    left, top = (grey.width - wide) / 2, (grey.height - high) / 2
    extent = (left, top, left + wide, top + high)
    return grey.transform(size, Image.Transform.EXTENT, extent, Image.Resampling.BILINEAR)


@given(of=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), scale=st.floats(0.6, 1.6), seed=st.integers(0, 99))
@settings(deadline=None)
def test_it_is_what_pillow_draws(of: tuple[int, int], size: tuple[int, int], scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, of, dtype=np.uint8)
    grey = Image.fromarray(values)
    assert (enlarged(columns_of(grey), size, scale) == np.asarray(by_pillow(grey, size, scale))).all()
