"""More pixels: by Lanczos, which adds nothing, or by a network, tile after tile.

A network sees a tile with a rim of its surroundings, which is cut off again, so that tiles join without a seam (as Real-ESRGAN's
own `tile` and `tile_pad`, https://github.com/xinntao/Real-ESRGAN, read 2026-11-21).
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from triptych.imaging.tools.job import Floats, Net, Told, ToolError

TILE = 192
"""Pixels of a tile's side in the picture given."""
RIM = 16
"""Pixels around a tile that are seen and thrown away."""


def resampled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture at another size (width, height) by Lanczos: the same detail on more pixels."""
    return image.resize(size, Image.Resampling.LANCZOS)


def enlarged(image: Image.Image, net: Net, factor: int, size: tuple[int, int], told: Told) -> Image.Image:
    """The picture at `size`, at most `factor` times as large as it is, which is what the network makes of it. Transparency
    is resampled. Raises ToolError for a network that makes something else."""
    whole = Image.new("RGB", size)
    edges = [_edges(length, out) for length, out in zip(image.size, size, strict=True)]
    pixels = np.pad(np.asarray(image.convert("RGB")), ((RIM, RIM), (RIM, RIM), (0, 0)), mode="edge")
    boxes = [(across, down) for down in edges[1] for across in edges[0]]
    for done, ((left, right, x, x_end), (top, bottom, y, y_end)) in enumerate(boxes, start=1):
        seen = pixels[top : bottom + 2 * RIM, left : right + 2 * RIM]
        drawn = _drawn(seen, net, factor)
        box = (RIM * factor, RIM * factor, (RIM + right - left) * factor, (RIM + bottom - top) * factor)
        # Shrinking reads beyond the box, into the rim, so that nothing shows where tiles meet.
        part = drawn.crop(box) if (x_end - x, y_end - y) == (box[2] - box[0], box[3] - box[1]) else drawn.resize(
            (x_end - x, y_end - y), Image.Resampling.LANCZOS, box=box
        )  # fmt: skip
        whole.paste(part, (x, y))
        told(done / len(boxes))
    if image.mode == "RGBA":
        whole.putalpha(resampled(image.getchannel("A"), size))
    return whole


def _edges(length: int, out: int) -> list[tuple[int, int, int, int]]:
    """Where tiles begin and end along a side, in the picture and in the result."""

    def spans() -> Iterator[tuple[int, int, int, int]]:
        for start in range(0, length, TILE):
            end = min(start + TILE, length)
            yield start, end, start * out // length, end * out // length

    return list(spans())


def _drawn(seen: np.ndarray, net: Net, factor: int) -> Image.Image:
    given: Floats = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
    made = net(given)
    wanted = (1, 3, seen.shape[0] * factor, seen.shape[1] * factor)
    if made.shape != wanted:
        raise ToolError(f"The network made {made.shape} of {given.shape}, not {wanted}.",
                        "Its weights are not of the kind that this model names.")  # fmt: skip
    return Image.fromarray((made[0].transpose(1, 2, 0).clip(0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8))
