"""PDQ: 256 bits that say what a picture looks like, whatever its size and compression, and the number that lists of others use.

As Meta published it (D. Dalins, C. Wilson, D. Boudry, "PDQ & TMK + PDQF - A Test Drive of Facebook's Perceptual Hashing Algorithms",
2019; reference code in ThreatExchange, read on 2026-11-21): two box filters each way, a copy of 64 by 64, the 16 by 16 lowest
frequencies of its cosine transform, and a bit for each that is over their median.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.imaging.decode import flattened

BITS = 256
GOOD_QUALITY = 50  # of 100; below it there is too little in the picture to go by
_SIDE, _KEPT = 64, 16
_PASSES = 2
_LEAST = 5  # pixels of a side that anything can be said of
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_Grey = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pdq:
    """The hash in hex, and its quality from 0 to 100: how much there was to go by."""

    hash: str
    quality: int


def pdq_of(image: Image.Image) -> Pdq:
    """Of a decoded picture; transparency counts as white."""
    return pdq_of_luma(luma_of(image))


def luma_of(image: Image.Image) -> _Grey:
    """The brightness of each pixel, 0 to 255, rows first; transparency counts as white."""
    found: _Grey = np.asarray(flattened(image), dtype=np.float64) @ _LUMA
    return found


def pdq_of_luma(luma: _Grey) -> Pdq:
    """Of the brightness of each pixel, 0 to 255, rows first."""
    if min(luma.shape) < _LEAST:
        return Pdq("0" * (BITS // 4), 0)
    small = _shrunk(luma)
    waves = _cosines() @ small @ _cosines().T
    median = np.partition(waves, BITS // 2 - 1, axis=None)[BITS // 2 - 1]  # of an even number, the lower of the two
    return Pdq(np.packbits((waves > median).ravel()[::-1]).tobytes().hex(), _quality(small))


def pdq_distance(one: str, other: str) -> int:
    """Bits that are different, 0 to 256. Two pictures that have nothing to do with each other are near 128."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _shrunk(luma: _Grey) -> _Grey:
    for _ in range(_PASSES):
        luma = _boxed(_boxed(luma.T).T)
    rows, columns = (((np.arange(_SIDE) + 0.5) * size / _SIDE).astype(int) for size in luma.shape)
    found: _Grey = luma[np.ix_(rows, columns)]
    return found


def _boxed(luma: _Grey) -> _Grey:
    """The mean over a window that goes down the rows, cut off at the edges (W. Jarosz, "Fast Image Convolutions", 2001)."""
    size = luma.shape[0]
    window = (size + 2 * _SIDE - 1) // (2 * _SIDE)
    right = (window + 2) // 2
    at = np.arange(size)
    first, end = np.maximum(0, at - window + right), np.minimum(size, at + right)
    sums = np.concatenate([np.zeros((1, luma.shape[1])), np.cumsum(luma, axis=0)])
    found: _Grey = (sums[end] - sums[first]) / (end - first)[:, None]
    return found


@cache
def _cosines() -> _Grey:
    """The 16 lowest waves but the constant one, over 64 points."""
    wave, at = np.arange(1, _KEPT + 1)[:, None], np.arange(_SIDE)
    found: _Grey = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * wave * (2 * at + 1))
    return found


def _quality(small: _Grey) -> int:
    steps = sum(int(np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // 90)
