"""Fields of numbers over a picture: noise, blur, ramps, distances. All float32, row by column, vectorised."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]
Colour = tuple[float, float, float]
Rng = np.random.Generator


def resized(field: Field, width: int, height: int, *, soft: bool = True) -> Field:
    """The field at another size, bicubic or (for shrinking) averaged."""
    how = Image.Resampling.BICUBIC if soft else Image.Resampling.BOX
    return np.asarray(Image.fromarray(field, "F").resize((width, height), how), dtype=np.float32)


def smooth(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high`, an S between."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _box(field: Field, radius: int, axis: int) -> Field:
    pads = [(0, 0), (0, 0)]
    pads[axis] = (radius + 1, radius)
    total = np.cumsum(np.pad(field, pads, mode="edge"), axis=axis, dtype=np.float64)
    width = 2 * radius + 1
    upper = total[width:] if axis == 0 else total[:, width:]
    lower = total[:-width] if axis == 0 else total[:, :-width]
    return ((upper - lower) / width).astype(np.float32)


def blur(field: Field, radius: float) -> Field:
    """About a Gaussian of that standard deviation in pixels; wide ones are done on a smaller copy."""
    height, width = field.shape
    shrink = max(1, min(int(radius / 3), width // 8, height // 8))
    small = resized(field, -(-width // shrink), -(-height // shrink), soft=False) if shrink > 1 else field
    box = max(1, round(radius / shrink))
    for _ in range(2):
        small = _box(_box(small, box, 0), box, 1)
    return resized(small, width, height) if shrink > 1 else small


def noise(rng: Rng, shape: tuple[int, int], cell: tuple[float, float], octaves: int = 4, gain: float = 0.5) -> Field:
    """Cloudy noise of mean 0 and about -1..1. `cell` is the size in pixels (across, down) of the largest patches."""
    height, width = shape
    total = np.zeros(shape, dtype=np.float32)
    amplitude, reach = 1.0, 0.0
    for octave in range(octaves):
        cols, rows = (max(2, round(side / (c / 2**octave))) for side, c in ((width, cell[0]), (height, cell[1])))
        grid = rng.standard_normal((min(rows, height) + 3, min(cols, width) + 3)).astype(np.float32)
        big = resized(grid, width * grid.shape[1] // max(1, grid.shape[1] - 2) + 1,
                      height * grid.shape[0] // max(1, grid.shape[0] - 2) + 1)  # fmt: skip
        total += np.float32(amplitude) * big[:height, :width]
        reach += amplitude * amplitude
        amplitude *= gain
    return np.asarray(total / np.float32(1.6 * np.sqrt(reach)), dtype=np.float32)


def line_noise(rng: Rng, length: int, cell: float, octaves: int = 4, gain: float = 0.5) -> Field:
    """The same along one line."""
    return np.asarray(noise(rng, (4, length), (cell, 1e9), octaves, gain)[1], dtype=np.float32)


def grid(width: int, height: int) -> tuple[Field, Field]:
    """Pixel centres: a row of x and a column of y."""
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y


def rgb(text: str) -> Colour:
    """`8d9aa6` as three shares of 1."""
    return int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    r, g, c = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return r, g, c


def luma(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def solid(colour: Colour) -> Field:
    return np.asarray(colour, dtype=np.float32)


def lay(picture: Field, colour: Colour | Field, alpha: Field) -> None:
    """Lays a colour (one, or one per pixel) over the picture in place, `alpha` of it."""
    top = solid(colour) if isinstance(colour, tuple) else colour
    picture += (top - picture) * alpha[..., None]


def glow(picture: Field, colour: Colour, amount: Field) -> None:
    """Adds light in place without ever passing white (screen)."""
    for channel in range(3):
        layer = np.clip(amount * np.float32(colour[channel]), 0, 1)
        picture[..., channel] += (1 - np.clip(picture[..., channel], 0, 1)) * layer


def ramp(stops: list[tuple[float, Colour]], at: Field) -> Field:
    """Colours along a scale, blended softly between the stops."""
    places = [place for place, _ in stops]
    return np.stack(
        [np.interp(at, places, [colour[c] for _, colour in stops]).astype(np.float32) for c in range(3)], axis=-1
    )


def distance(edges: NDArray[np.bool_]) -> Field:
    """Exact distance in pixels of every pixel to the nearest True one (two passes over columns, then rows)."""
    height, width = edges.shape
    far = np.float32(height + width)
    rows = np.arange(height, dtype=np.float32)[:, None]
    above = rows - np.maximum.accumulate(np.where(edges, rows, -far), axis=0)
    below = np.minimum.accumulate(np.where(edges, rows, 2 * far)[::-1], axis=0)[::-1] - rows
    column = np.minimum(np.minimum(above, below), far) ** 2
    best = column.copy()
    for shift in range(1, width):
        step = np.float32(shift * shift)
        if step > best.max():
            break
        np.minimum(best[:, shift:], column[:, :-shift] + step, out=best[:, shift:])
        np.minimum(best[:, :-shift], column[:, shift:] + step, out=best[:, :-shift])
    return np.asarray(np.sqrt(best), dtype=np.float32)
