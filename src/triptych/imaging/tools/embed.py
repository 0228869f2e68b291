"""What a picture shows, as a vector: pictures that show the like lie near each other, however they are drawn.

How pictures are prepared for CLIP: A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
2021, and `preprocessor_config.json` of huggingface.co/openai/clip-vit-base-patch32, read 2026-11-22.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from triptych.imaging.decode import flattened
from triptych.imaging.tools.job import Floats, Net, ToolError

_MEAN = np.asarray((0.48145466, 0.4578275, 0.40821073), dtype=np.float32)
_DEVIATION = np.asarray((0.26862954, 0.26130258, 0.27577711), dtype=np.float32)
_MOST = 127
_LEAST, _LONGEST = 2, 4096  # numbers of a vector
_ROWS = 8192  # vectors that are compared at once: 32 MB of numbers


def embedded(image: Image.Image, net: Net, side: int) -> bytes:
    """The vector, of length one, in a byte for each number. The network sees the middle square, `side` pixels wide. Raises
    ToolError for a network that answers in another shape."""
    square = ImageOps.fit(flattened(image), (side, side), Image.Resampling.BICUBIC)
    given: Floats = ((np.asarray(square, dtype=np.float32) / np.float32(255) - _MEAN) / _DEVIATION).transpose(2, 0, 1)
    found = net(np.ascontiguousarray(given[None], dtype=np.float32))
    if found.ndim != 2 or found.shape[0] != 1 or not _LEAST <= found.shape[1] <= _LONGEST:
        raise ToolError(f"The network answered in the shape {found.shape}, not with one vector.",
                        "Its weights are not of the kind that this model names.")  # fmt: skip
    length = float(np.linalg.norm(found))
    if not length > 0:  # also for what is no number
        raise ToolError("The network answered with nothing.", "Its weights are damaged: get them again.")
    scaled: NDArray[np.int8] = np.rint(found[0] / length * _MOST).astype(np.int8)
    return scaled.tobytes()


def likeness(one: bytes, others: bytes) -> NDArray[np.float32]:
    """How alike a vector is to each of those that lie one behind the other: the cosine, -1 to 1. Vectors of another
    network have another length; `others` is made of whole ones."""
    mine = np.frombuffer(one, dtype=np.int8).astype(np.float32)
    rows = np.frombuffer(others, dtype=np.int8).reshape(-1, mine.size)
    parts = [_cosines(mine, rows[at : at + _ROWS].astype(np.float32)) for at in range(0, len(rows), _ROWS)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def _cosines(mine: Floats, rows: Floats) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(mine)
    return np.asarray(rows @ mine / np.maximum(lengths, np.float32(1)), dtype=np.float32)
