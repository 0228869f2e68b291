"""Pictures that are computed, the same everywhere: waves of many sizes, as a stand-in for what a model draws."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.float64]


def field(seed: int, width: int, height: int, waves: int = 60, finest: float = 0.5, contrast: float = 1) -> Grey:
    """A brightness of 0 to 255; `finest` is the highest frequency as a share of the highest that pixels have."""
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    found = np.zeros((height, width))
    for _ in range(waves):
        angle, phase = draw.uniform(0, 2 * np.pi, 2)
        frequency = 2 ** draw.uniform(0, np.log2(finest * max(width, height) / 2))
        wave = 2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle))
        found += np.cos(wave + phase) / frequency**0.6
    low, high = found.min(), found.max()
    grey: Grey = np.rint(127.5 + ((found - low) / (high - low) - 0.5) * 255 * contrast)
    return grey


def image(grey: Grey) -> Image.Image:
    """The brightness as a picture in colour."""
    data = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([data] * 3, axis=-1))
