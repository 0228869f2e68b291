"""The soft edges with which an edited part is laid into the picture that it belongs to.

A mean over a square is two sums of nine numbers, first along the rows and then along the columns, and sums of nine are made
of four additions of whole arrays (two, four, eight, nine). The arrays are bands of a few rows, so that they stay in the
processor's cache; and of a band only the columns are worked at that have an edge of the mask near them.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FEATHER_PX = 4
"""How far inside of a hard mask's edge the source fades into the answer."""
Bytes = NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)
_SPAN = 2 * FEATHER_PX + 1
_REACH = 2 * FEATHER_PX  # as far as a pixel is looked for: once for the mean, once for the core
_BAND_ROWS = 64  # of these the arrays are the fastest: about 100 KB for a thousand columns
_FADED = bytes(max(0, 2 * value - 255) for value in range(256))


def feathered(mask: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The mask (grey; 255 where the answer counts) inside of its box, with soft edges. They fade inwards, never beyond the
    mask. A mask that is soft already stays as it is, and so do strokes too thin to fade."""
    inside = mask.crop(box)
    if any(inside.histogram()[1:255]):
        return inside
    reach = (max(0, box[0] - FEATHER_PX), max(0, box[1] - FEATHER_PX),
             min(mask.width, box[2] + FEATHER_PX), min(mask.height, box[3] + FEATHER_PX))  # fmt: skip
    around: Bytes = np.asarray(mask.crop(reach))
    soft = np.empty_like(around)
    for top in range(0, len(around), _BAND_ROWS):
        start = max(0, top - _REACH)
        rows, kept = around[start : top + _BAND_ROWS + _REACH], soft[top : top + _BAND_ROWS]
        kept[:] = rows[0]
        for left, right in _edged(rows):
            first = max(0, left - _REACH)
            band = _softened(np.ascontiguousarray(rows[:, first : right + _REACH]))
            kept[:, left:right] = band[top - start :, left - first : right - first][: len(kept)]
    left, upper = box[0] - reach[0], box[1] - reach[1]
    return Image.fromarray(soft).crop((left, upper, left + inside.width, upper + inside.height))


def _edged(rows: Bytes) -> Iterator[tuple[int, int]]:
    """From and up to which columns an edge of the mask is near. In all others every row is as the first: 0, or 255 with
    nothing else as far as a pixel is looked for."""
    mixed = (rows != rows[0]).any(axis=0)
    steps = rows[0, 1:] != rows[0, :-1]
    mixed[1:] |= steps
    mixed[:-1] |= steps
    found = np.flatnonzero(mixed)
    gaps = np.flatnonzero(found[1:] - found[:-1] > 4 * _REACH)
    first, last = found[[0, *(gaps + 1)][: found.size]], found[[*gaps, -1][: found.size]]
    for left, right in zip(first.tolist(), last.tolist(), strict=True):
        yield max(0, left - _REACH), min(rows.shape[1], right + 1 + _REACH)


def _softened(hard: Bytes) -> Bytes:
    """Fades from 0 at the edge to 255 where all of the square around a pixel is inside of the mask; 255 in strokes that hold
    no such square."""
    high, wide = hard.shape
    row = (
        wide + 2 * FEATHER_PX
    )  # the arrays are flat: what runs over the end of a row falls into columns that nobody reads
    padded = _padded(hard & np.uint8(1)).ravel()
    across = _mean_of_nine(_nine(padded, np.add, 1).astype(np.uint16) * np.uint16(255))
    blurred = _mean_of_nine(_nine(across, np.add, row)).astype(np.uint8)
    cores = np.zeros((high + 2 * FEATHER_PX, row), dtype=np.uint8)
    cores.ravel()[FEATHER_PX * (row + 1) :][: len(blurred)] = blurred == 255
    cores[:, :FEATHER_PX] = cores[:, wide + FEATHER_PX :] = 0
    thick = _nine(_nine(cores.ravel(), np.bitwise_or, 1), np.bitwise_or, row)
    soft = np.empty((high, row), dtype=np.uint8)
    faded = np.frombuffer(blurred.tobytes().translate(_FADED), dtype=np.uint8)
    soft.ravel()[: len(faded)] = faded | (thick - np.uint8(1))
    kept: Bytes = soft[:, :wide] & hard
    return kept


def _padded(part: Bytes) -> Bytes:
    """With its outermost values repeated around it."""
    high, wide = part.shape
    padded = np.empty((high + 2 * FEATHER_PX, wide + 2 * FEATHER_PX), dtype=np.uint8)
    inner = padded[FEATHER_PX:-FEATHER_PX]
    inner[:, FEATHER_PX:-FEATHER_PX] = part
    inner[:, :FEATHER_PX], inner[:, -FEATHER_PX:] = part[:, :1], part[:, -1:]
    padded[:FEATHER_PX], padded[-FEATHER_PX:] = inner[0], inner[-1]
    return padded


def _mean_of_nine(total: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Rounded to the nearest."""
    total += np.uint16(_SPAN // 2)
    total //= np.uint16(_SPAN)
    return total


def _nine(flat: NDArray[T], join: np.ufunc, step: int) -> NDArray[T]:
    """Each value joined with the eight that follow it at this distance."""
    two = join(flat[:-step], flat[step:])
    four = join(two[: -2 * step], two[2 * step :])
    eight = join(four[: -4 * step], four[4 * step :])
    nine: NDArray[T] = join(eight[:-step], flat[(_SPAN - 1) * step :])
    return nine
