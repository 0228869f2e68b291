"""Where in a picture which colour is: the mean colours of an 8 by 8 grid in OKLab, in 192 bytes.

Beside the difference hash, which sees edges and no colours, this sees colour and layout and no fine edges. A distance is
the mean over the cells of the distance in OKLab (B. Ottosson, 2020), in thousandths; 20 is about what one just sees.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.imaging.decode import flattened
from triptych.imaging.prints import oklab

_SIDE = 8
_SIZE = _SIDE * _SIDE * 3
_MIDDLE = np.array([0.0, 0.5, 0.5])  # of lightness, green to red, blue to yellow, so that all are from 0 to 1


def look_of(image: Image.Image) -> str:
    """Of a decoded picture, in hex; transparency counts as white."""
    small = np.asarray(flattened(image).resize((_SIDE, _SIDE), Image.Resampling.BOX))
    scaled = (oklab(small) + _MIDDLE) * 255
    cells: bytes = np.clip(np.rint(scaled), 0, 255).astype(np.uint8).tobytes()
    return cells.hex()


def look_distance(one: str, other: str) -> int:
    """Thousandths of OKLab, 0 for what looks the same."""
    apart = _cells(one) - _cells(other)
    return int(np.rint(np.linalg.norm(apart, axis=-1).mean() * 1000))


def _cells(look: str) -> NDArray[np.float64]:
    return np.frombuffer(bytes.fromhex(look), dtype=np.uint8).astype(np.float64).reshape(-1, 3) / 255
