"""Masks as numbers."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.imaging.decode import open_picture


def mask_from_alpha(data: bytes, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """How much each pixel is to be changed, 0 to 1 by row and column; transparent pixels of the mask are changed.

    `size` is (width, height) of the picture the mask is laid over. A mask without transparency changes nothing.
    Raises HostileContentError for bytes that are no picture.
    """
    image = open_picture(data)
    alpha = image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, 255)
    if size is not None and alpha.size != size:
        alpha = alpha.resize(size, Image.Resampling.BILINEAR)
    return (255 - np.asarray(alpha, dtype=np.float32)) / np.float32(255)
