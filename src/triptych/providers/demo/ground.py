"""What the figures stand on: its colour in perspective, and what it mirrors."""

from collections.abc import Callable

import numpy as np

from triptych.providers.demo.canvas import Canvas
from triptych.providers.demo.field import Field, lay, mix, noise, ramp, smooth, solid

GLOSS = {
    "water": 0.72,
    "basalt": 0.34,
    "stone": 0.2,
    "snow": 0.12,
    "sand": 0.06,
    "grass": 0.0,
    "table": 0.12,
    "plain": 0.14,
}
"""How much of what stands above each ground mirrors, at a shallow angle."""


def ground(canvas: Canvas, above: Field) -> Field:
    """The ground over the whole sheet (only what lies under the horizon is of use). `above` is the picture so far,
    which wet and polished grounds mirror."""
    palette = canvas.scene.palette
    depth = np.clip((canvas.y - np.float32(canvas.horizon)) / np.float32(max(canvas.height - canvas.horizon, 1)), 0, 1)
    column = ramp(
        [
            (0.0, palette.far),
            (0.35, mix(palette.far, palette.near, 0.7)),
            (1.0, mix(palette.near, palette.shade, 0.35)),
        ],
        depth,
    )
    picture = np.repeat(column, canvas.width, axis=1)
    _TEXTURES.get(canvas.scene.ground, _plain)(canvas, picture, depth)
    gloss = GLOSS[canvas.scene.ground]
    if gloss:
        rough = 0.018 if canvas.scene.ground == "water" else 0.006
        mirrored = mirror(canvas, above, canvas.horizon, rough)
        share = np.float32(gloss) * (1 - np.float32(0.62) * depth)
        lay(picture, mirrored, np.broadcast_to(share, canvas.shape))
    _light_on_ground(canvas, picture, depth)
    return picture


def mirror(canvas: Canvas, above: Field, line: float, rough: float) -> Field:
    """What stands above a line, upside down below it, shaken sideways by ripples that grow towards the viewer."""
    start = max(0, min(int(line), canvas.height - 1))
    rows = np.clip(2 * start - np.arange(canvas.height), 0, canvas.height - 1)
    flipped = above[rows]
    away = np.clip((canvas.y[:, 0] - np.float32(line)) / np.float32(canvas.unit), 0, 1)
    wave = noise(canvas.rng, (canvas.height, 8), (1e9, canvas.unit * 0.012), 3)[:, 3]
    shift = (wave * rough * canvas.unit * (0.2 + 1.6 * away)).astype(int)
    columns = np.clip(np.arange(canvas.width)[None, :] + shift[:, None], 0, canvas.width - 1)
    return np.asarray(np.take_along_axis(flipped, columns[..., None], axis=1), dtype=np.float32)


def _light_on_ground(canvas: Canvas, picture: Field, depth: Field) -> None:
    """The path of light under a low sun or a moon, broken up by what the ground is like."""
    scene = canvas.scene
    if scene.indoors:
        pool = np.exp(-(((canvas.x - canvas.light[0]) / (0.6 * canvas.unit)) ** 2)) * np.float32(0.2)
        lay(picture, scene.palette.light, np.asarray(pool * (1 - depth) * np.ones(canvas.shape), dtype=np.float32))
        return
    if scene.source is None:
        return
    strength = {"water": 0.85, "basalt": 0.4, "snow": 0.3, "stone": 0.25, "sand": 0.25}.get(scene.ground, 0.12)
    wide = np.float32(canvas.unit) * (np.float32(0.035) + np.float32(0.2) * depth)
    path = np.exp(-(((canvas.x - np.float32(canvas.light[0])) / wide) ** 2))
    grain = perspective(canvas, 0.5, 0.035, 3)
    broken = (
        smooth(-0.25, 0.55, grain)
        if scene.ground == "water"
        else np.float32(0.6) + np.float32(0.4) * smooth(-0.5, 0.5, grain)
    )
    lay(
        picture,
        mix(scene.palette.light, (1.0, 1.0, 1.0), 0.25),
        np.asarray(path * broken * np.float32(strength) * (1 - np.float32(0.55) * depth), dtype=np.float32),
    )


def _plane(canvas: Canvas) -> tuple[Field, Field, Field]:
    """Places on the ground seen in perspective: across and along in units at the lower edge, and the share by which a
    pattern is still fine enough to be seen (0 at the horizon)."""
    below = np.maximum(canvas.y - np.float32(canvas.horizon), np.float32(0.5)) / np.float32(canvas.unit)
    reach = max((canvas.height - canvas.horizon) / canvas.unit, 0.05)
    across = (canvas.x - np.float32(canvas.width * 0.47)) / np.float32(canvas.unit) * np.float32(reach) / below
    along = np.float32(2 * reach * reach) / below
    return np.asarray(across, dtype=np.float32), along, smooth(0.015 * reach, 0.16 * reach, below)


def perspective(canvas: Canvas, across: float, along: float, octaves: int = 4) -> Field:
    """Noise that lies on the ground: small and flat at the horizon, large near the viewer. Patches in units at the
    lower edge."""
    side = 768
    tile = noise(canvas.rng, (side, side), (side / 12, side / 12), octaves)
    u, v, seen = _plane(canvas)
    shift = canvas.rng.random(2) * side
    u = u * np.float32(side / 12 / across) + np.float32(shift[0])
    v = np.broadcast_to(v * np.float32(side / 48 / along) + np.float32(shift[1]), canvas.shape)
    x, y = np.floor(u), np.floor(v)
    fx, fy = u - x, v - y
    x0, y0 = _bounced(x, side), _bounced(y, side)
    x1, y1 = _bounced(x + 1, side), _bounced(y + 1, side)
    top = tile[y0, x0] * (1 - fx) + tile[y0, x1] * fx
    low = tile[y1, x0] * (1 - fx) + tile[y1, x1] * fx
    return np.asarray((top * (1 - fy) + low * fy) * seen, dtype=np.float32)


def _bounced(at: Field, side: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
    """Indices that run to and fro over a tile, so that it has no seam."""
    whole = at.astype(np.int32) % (2 * side)
    return np.where(whole < side, whole, 2 * side - 1 - whole)


def columns(canvas: Canvas, size: float) -> tuple[Field, Field]:
    """The heads of stone columns in perspective: how far each place is from its joint (0 on it), and a tone for each
    column, -1 to 1."""
    u, v, seen = _plane(canvas)
    u, v = u / np.float32(size), np.broadcast_to(v / np.float32(size), canvas.shape)
    places = canvas.rng.random((64, 64, 2)).astype(np.float32) * np.float32(0.7)
    tones = canvas.rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    row, column = np.floor(v).astype(np.int32), np.floor(u).astype(np.int32)
    first = np.full(canvas.shape, 9, dtype=np.float32)
    second, tone = first.copy(), np.zeros(canvas.shape, dtype=np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            i, j = row + dy, column + dx
            stagger = (i & 1).astype(np.float32) * np.float32(0.5)
            spot = places[i & 63, j & 63]
            away = np.hypot(u - j - spot[..., 0] * np.float32(0.55) - stagger, v - i - spot[..., 1] * np.float32(0.7))
            nearer = away < first
            second = np.where(nearer, first, np.minimum(second, away))
            tone = np.where(nearer, tones[i & 63, j & 63], tone)
            first = np.minimum(first, away)
    apart = (second - first) / np.maximum(seen * smooth(0.0, 0.55, seen), np.float32(0.02))
    return np.asarray(apart, dtype=np.float32), np.asarray(tone * seen, dtype=np.float32)


def _plain(_canvas: Canvas, _picture: Field, _depth: Field) -> None:
    return


def _shadowed(canvas: Canvas, picture: Field, field: Field, dark: float, light: float) -> None:
    palette = canvas.scene.palette
    lay(picture, palette.shade, smooth(0.0, 0.9, -field) * np.float32(dark))
    lay(picture, mix(palette.light, palette.far, 0.4), smooth(0.0, 0.9, field) * np.float32(light))


def _basalt(canvas: Canvas, picture: Field, _depth: Field) -> None:
    """The heads of basalt columns, each of its own grey, wet in places."""
    palette = canvas.scene.palette
    joint, tone = columns(canvas, 0.21)
    _shadowed(canvas, picture, tone * np.float32(0.8), 0.5, 0.16)
    _shadowed(canvas, picture, perspective(canvas, 0.12, 0.1, 4), 0.3, 0.1)
    lay(
        picture,
        mix(palette.low, palette.light, 0.4),
        smooth(0.06, 0.1, joint) * smooth(0.2, 0.1, joint) * np.float32(0.26),
    )
    lay(picture, mix(palette.shade, (0.02, 0.02, 0.03), 0.6), smooth(0.08, 0.03, joint) * np.float32(0.85))


def _stone(canvas: Canvas, picture: Field, _depth: Field) -> None:
    _shadowed(canvas, picture, perspective(canvas, 0.3, 0.3, 5), 0.26, 0.16)


def _sand(canvas: Canvas, picture: Field, _depth: Field) -> None:
    warp = perspective(canvas, 0.9, 0.8, 3)
    below = np.maximum(canvas.y - np.float32(canvas.horizon), np.float32(1)) / np.float32(canvas.unit)
    ripple = np.sin(np.float32(5.5) / (below + np.float32(0.06)) + warp * np.float32(5.0)).astype(np.float32)
    _shadowed(
        canvas,
        picture,
        (ripple * np.float32(0.42) + warp * np.float32(0.5)) * smooth(0.01, 0.1, np.broadcast_to(below, canvas.shape)),
        0.3,
        0.32,
    )


def _water(canvas: Canvas, picture: Field, depth: Field) -> None:
    palette = canvas.scene.palette
    field = perspective(canvas, 0.5, 0.06, 4)
    _shadowed(canvas, picture, field, 0.5, 0.26)
    lay(
        picture,
        solid(mix(palette.middle, palette.zenith, 0.4)),
        np.broadcast_to(np.float32(0.22) * (1 - depth), canvas.shape),
    )


def _snow(canvas: Canvas, picture: Field, _depth: Field) -> None:
    _shadowed(canvas, picture, perspective(canvas, 1.1, 0.5, 3), 0.16, 0.3)


def _grass(canvas: Canvas, picture: Field, depth: Field) -> None:
    _shadowed(canvas, picture, perspective(canvas, 0.8, 0.35, 3), 0.35, 0.22)
    blades = noise(canvas.rng, canvas.shape, (canvas.unit * 0.005, canvas.unit * 0.045), 3)
    _shadowed(canvas, picture, np.asarray(blades * (np.float32(0.15) + depth), dtype=np.float32), 0.42, 0.3)


def _table(canvas: Canvas, picture: Field, _depth: Field) -> None:
    rows = noise(canvas.rng, canvas.shape, (canvas.unit * 1.3, canvas.unit * 0.012), 4)
    boards = perspective(canvas, 3.0, 0.5, 2)
    _shadowed(canvas, picture, rows * np.float32(0.5) + boards * np.float32(0.3), 0.34, 0.16)


_TEXTURES: dict[str, Callable[[Canvas, Field, Field], None]] = {
    "basalt": _basalt, "stone": _stone, "sand": _sand, "water": _water, "snow": _snow, "grass": _grass, "table": _table, "plain": _plain,
}  # fmt: skip
