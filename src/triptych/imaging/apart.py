"""How far apart two pictures are: what they look like by PDQ, and their finest details at full size.

PDQ sees another picture and does not see a half-size one that was blown up; what a copy of half the size cannot hold shows that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.imaging.pdq import luma_of, pdq_distance, pdq_of_luma

LEAST_SIDE = 16  # pixels; smaller pictures are not compared
_Grey = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far apart two pictures are. `pdq_bits` of 256, `quality` that of the reference; `detail` is how much finest detail the
    suspect has for each 1 of the reference, `likeness` the correlation of the two, -1 to 1; `reference_detail` is in
    brightness of 0 to 255."""

    pdq_bits: int
    quality: int
    detail: float
    likeness: float
    reference_detail: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Two pictures side by side: their width and height in pixels, and how far apart they are. `found` is None for two sizes, and
    for a picture that is too small to compare."""

    reference: tuple[int, int]
    suspect: tuple[int, int]
    found: Difference | None


def gap(reference: Image.Image, suspect: Image.Image) -> Gap:
    """Two decoded pictures side by side."""
    comparable = reference.size == suspect.size and min(reference.size) >= LEAST_SIDE
    return Gap(reference.size, suspect.size, difference(reference, suspect) if comparable else None)


def difference(reference: Image.Image, suspect: Image.Image) -> Difference:
    """How far a suspect is from a reference, both decoded. Raises ValueError for pictures of two sizes, which
    is another thing to say, and for such as have a side under 16 pixels."""
    if reference.size != suspect.size or min(reference.size) < LEAST_SIDE:
        raise ValueError(
            f"The pictures have {reference.size} and {suspect.size} pixels; equal sizes from 16 on are compared."
        )
    one, other = luma_of(reference), luma_of(suspect)
    first, second = pdq_of_luma(one), pdq_of_luma(other)
    fine, finer = _finest(one), _finest(other)
    energy, suspects = float(fine.std()), float(finer.std())
    product = energy * suspects
    shared = float((fine * finer).mean() - fine.mean() * finer.mean())
    return Difference(
        pdq_distance(first.hash, second.hash),
        first.quality,
        suspects / energy if energy else float(suspects == 0),
        shared / product if product else 0.0,
        energy,
    )


def _finest(luma: _Grey) -> _Grey:
    """What a copy of half the size cannot hold: the picture less its means over 2 by 2 pixels, spread smoothly again."""
    rows, columns = (size - size % 2 for size in luma.shape)
    even = luma[:rows, :columns]
    half = even.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    small = Image.fromarray(half.astype(np.float32))
    back = np.asarray(small.resize((columns, rows), Image.Resampling.BICUBIC), dtype=np.float64)
    found: _Grey = even - back
    return found
