"""What is seen of a grey picture when it is drawn larger around its middle, to the last value as Pillow's transform of an extent
draws it by bilinear interpolation.

All rows lie between the same columns, so what lies between which is worked out once for a size and a scale; Pillow works it
out for every pixel, which takes twice as long.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Columns = NDArray[np.float64]
"""A grey picture, its columns first: values of 0 to 255."""
_Places = NDArray[np.intp]


def columns_of(grey: Image.Image) -> Columns:
    """The picture as `enlarged` takes it: columns are looked up, and lie together."""
    columns: Columns = np.asarray(grey, dtype=np.float64).T.copy()
    return columns


def enlarged(columns: Columns, size: tuple[int, int], scale: float) -> NDArray[np.float32]:
    """So many pixels (width and height) of the picture drawn so many times larger; below 1 it is drawn smaller, on black."""
    wide, high = columns.shape
    across, beside, right, inside = _between(wide, size[0], scale)
    down, below, lower, seen = _between(high, size[1], scale)
    stretched = columns[across]
    stretched += (columns[beside] - stretched) * right[:, np.newaxis]
    rows = stretched.T.copy()
    drawn = rows[down]
    drawn += (rows[below] - drawn) * lower[:, np.newaxis]
    np.trunc(drawn, out=drawn)
    if scale < 1:
        drawn *= seen[:, np.newaxis] & inside
    return drawn.astype(np.float32)


@lru_cache(maxsize=256)
def _between(of: int, pixels: int, scale: float) -> tuple[_Places, _Places, Columns, NDArray[np.bool_]]:
    """For each of so many pixels along a side between which two of the picture's it lies, and how far; and whether it lies in
    the picture at all."""
    seen = of / scale
    start = (of - seen) / 2
    at = (start + seen - start) / pixels * (np.arange(pixels) + 0.5) + start
    first = np.floor(at - 0.5)
    near = first.astype(np.intp)
    return near.clip(0, of - 1), (near + 1).clip(0, of - 1), at - 0.5 - first, (at >= 0) & (at < of)
