"""What a picture looks like, in few bytes: a difference hash, its mean colour, and its main colours as words.

The hash is dHash (N. Krawetz, "Kind of Like That", 2013): 64 comparisons of neighbours in a picture of 9 by 8 greys. A
colour's word names a cell of OKLab (B. Ottosson, "A perceptual color space for image processing", 2020), so that a search
by colour is a search for the words of the cells around it.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from triptych.imaging.decode import flattened
from triptych.spec.gallery import Print

_SIDE = 64  # pixels of the copy whose colours are counted
_COLOURS = 16  # words at most
_LEAST = 0.01  # of the picture that a main colour covers: the coat of a small figure counts
_MERGED = 0.06  # cells as near as this to a common one are shades of it
_CELL = (0.1, 0.05, 0.05)  # lightness, green to red, blue to yellow
NEAR, NEAR_NAMED = 0.1, 0.125
"""As far as a cell's centre may be from a colour that is looked for: from one given by numbers, and from one given by its name."""
NAMED = {
    "red": "#cc2b24", "orange": "#ec8a1f", "yellow": "#f2d02b", "green": "#3a9a35", "teal": "#0f8a96", "blue": "#2f62c9",
    "purple": "#8a35a8", "pink": "#ee82b0", "brown": "#74482a", "beige": "#dcc9a5", "black": "#101010", "grey": "#8a8a8a",
    "white": "#f8f8f8",
}  # fmt: skip
"""The colours that go by a name: what most people call so, more muted than the screen's own."""
_OFFSET = 13  # a letter for each step, so that no word has a sign in it
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def print_of(image: Image.Image) -> Print:
    """Of a decoded picture; transparency counts as white."""
    plain = flattened(image)
    grey = np.asarray(plain.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    small = plain.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    mean = np.asarray(small, dtype=np.float64).reshape(-1, 3).mean(axis=0).round().astype(int)
    return Print(
        shape=bits.tobytes().hex(),
        tone="#{:02x}{:02x}{:02x}".format(*mean),
        colours=tuple(sorted(set(islice(_main(small), _COLOURS)))),
    )


def _main(small: Image.Image) -> Iterator[str]:
    cells = np.rint(oklab(np.asarray(small).reshape(-1, 3)) / _CELL).astype(int)
    found, counts = np.unique(cells, axis=0, return_counts=True)
    left = np.ones(len(found), dtype=bool)
    for at in np.argsort(-counts, kind="stable"):
        if not left[at]:
            continue
        shades = left & (np.linalg.norm((found - found[at]) * _CELL, axis=1) <= _MERGED)
        left &= ~shades
        if counts[shades].sum() >= _LEAST * _SIDE * _SIDE:
            yield _word(tuple(int(step) for step in found[at]))


def oklab(rgb: ArrayLike) -> NDArray[np.float64]:
    """Colours of 0 to 255, the last axis being red, green and blue, as lightness and the two opponent axes."""
    scaled = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    found: NDArray[np.float64] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return found


def _word(cell: tuple[int, ...]) -> str:
    return "zc" + "".join(_LETTERS[max(0, min(25, step + _OFFSET))] for step in cell)


def words_near(colour: str) -> tuple[str, ...]:
    """The words of colours that look like `#rrggbb` or like one of `NAMED`."""
    colour, near = (NAMED[colour], NEAR_NAMED) if colour in NAMED else (colour, NEAR)
    lab = oklab([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    middle, reach = np.rint(lab / _CELL), round(near / min(_CELL))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = middle + steps
    found = cells[np.linalg.norm(cells * _CELL - lab, axis=1) <= near]
    return tuple(sorted({_word(tuple(int(step) for step in cell)) for cell in found}))


def distances(shape: str, others: list[str]) -> NDArray[np.int64]:
    """In how many of the 64 bits each difference hash differs from one."""
    all_bits = np.frombuffer(bytes.fromhex("".join(others)), dtype=np.uint8).reshape(-1, 8)
    mine = np.frombuffer(bytes.fromhex(shape), dtype=np.uint8)
    found: NDArray[np.int64] = np.unpackbits(all_bits ^ mine, axis=1).sum(axis=1, dtype=np.int64)
    return found
