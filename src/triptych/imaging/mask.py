"""Masks as numbers."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from triptych.imaging.decode import encode, open_picture

MaskWay = Literal["transparency", "brightness"]
_FAINT = 8  # of 255: what a lossy copy leaves of black, or takes from white


@dataclass(frozen=True, slots=True)
class MaskReading:
    """By what a mask was read, and how much the pixels are changed that it changes least and most, 0 to 255."""

    by: MaskWay
    least: int
    most: int

    @property
    def nothing(self) -> bool:
        """Whether it changes no pixel that one could see."""
        return self.most < _FAINT

    @property
    def everything(self) -> bool:
        """Whether it keeps no pixel that one could see."""
        return self.least > 255 - _FAINT


def read_mask(data: bytes) -> tuple[MaskReading, bytes]:
    """How a mask was read, and it as a PNG whose transparent pixels are to be changed: the same bytes where it can be
    transparent anywhere. One that has no transparency at all is read by its brightness, as the engines of open models
    (AUTOMATIC1111, ComfyUI) and editors write masks: white is changed, black is kept.

    Raises HostileContentError for bytes that are no picture.
    """
    image = open_picture(data)
    if image.mode == "RGBA":
        changed = ImageChops.invert(image.getchannel("A"))
        return MaskReading("transparency", *_range(changed)), data
    changed = image.convert("L")
    black = Image.new("L", image.size)
    whole = Image.merge("RGBA", (black, black, black, ImageChops.invert(changed)))
    return MaskReading("brightness", *_range(changed)), encode(whole, "image/png", quick=True)


def _range(grey: Image.Image) -> tuple[int, int]:
    shade = np.asarray(grey)
    return int(shade.min()), int(shade.max())


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


def white_mask(data: bytes) -> bytes:
    """The mask as the engines of open models want it, a PNG: white where the picture is to change, black elsewhere. Raises as
    `mask_from_alpha` does."""
    return _painted(mask_from_alpha(data))


def black_mask(data: bytes) -> bytes:
    """The other way round: black where the picture is to change, white elsewhere. Raises as `mask_from_alpha` does."""
    return _painted(1 - mask_from_alpha(data))


def _painted(shade: NDArray[np.float32]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.rint(shade * 255).astype(np.uint8)).convert("RGB").save(out, format="PNG")
    return out.getvalue()
