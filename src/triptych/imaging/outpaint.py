"""A picture laid into a larger frame: what is new is plain grey, and a mask says so.

Next to the picture the grey is preceded by a rim of its stretched edge, so that what fades there (see `restore`) fades from
the picture's own colours.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from triptych.imaging.decode import encode, open_picture
from triptych.imaging.feather import FEATHER_PX

MOST_SIDE = 4096  # pixels of a frame's long side
_GREY = (128, 128, 128)
_RIM_PX = 2 * FEATHER_PX


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame in pixels, and where the picture lies in it: its left upper corner and its size there."""

    width: int
    height: int
    left: int
    top: int
    wide: int
    high: int

    @property
    def new_permille(self) -> int:
        """How much of the frame is new."""
        return round(1000 - 1000 * self.wide * self.high / (self.width * self.height))


def frame_for(size: tuple[int, int], ratio: float, *, x: float = 0.5, y: float = 0.5, share: float = 1.0) -> Frame:
    """The smallest frame of a shape (width / height) around a picture of this size, its pixels as they are unless the
    frame would be longer than `MOST_SIDE`.

    `x` and `y` (0 to 1) say where in the free space the picture lies, from the left and from the top; `share` (above 0,
    at most 1) how much of the frame it takes along the side that it fills first.
    """
    tight = max(size[0], size[1] * ratio)
    width = min(tight / share, float(MOST_SIDE), MOST_SIDE * ratio)
    scale = width * share / tight
    across, down = max(1, round(width)), max(1, round(width / ratio))
    wide, high = (min(whole, max(1, round(side * scale))) for whole, side in zip((across, down), size, strict=True))
    return Frame(across, down, round((across - wide) * x), round((down - high) * y), wide, high)


def extended(data: bytes, frame: Frame) -> tuple[bytes, bytes]:
    """The picture in its frame and the mask of what is new (transparent there), both as PNG. Raises
    HostileContentError for what is no picture."""
    picture = open_picture(data)
    if picture.size != (frame.wide, frame.high):
        picture = picture.resize((frame.wide, frame.high), Image.Resampling.LANCZOS)
    whole = Image.new(picture.mode, (frame.width, frame.height), _GREY)
    rimmed = np.pad(np.asarray(picture), ((_RIM_PX, _RIM_PX), (_RIM_PX, _RIM_PX), (0, 0)), mode="edge")
    whole.paste(Image.fromarray(rimmed), (frame.left - _RIM_PX, frame.top - _RIM_PX))
    mask = Image.new("RGBA", whole.size, (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (frame.left, frame.top, frame.left + frame.wide, frame.top + frame.high))
    return encode(whole, "image/png", quick=True), encode(mask, "image/png")
