"""Cuts figures out of their outlines, rounds them, lights them and lays them on a sheet."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from triptych.providers.demo.canvas import Canvas
from triptych.providers.demo.field import Colour, Field, blur, lay, luma, mix, ramp, resized, smooth, solid
from triptych.providers.demo.living import LIVING
from triptych.providers.demo.objects import OBJECTS
from triptych.providers.demo.scene import Figure
from triptych.providers.demo.shapes import Outline, Part

MAKERS = {**OBJECTS, **LIVING}
_FIXED: dict[str, Colour] = {
    "dark": (0.13, 0.13, 0.16), "pale": (0.93, 0.9, 0.84), "leaf": (0.28, 0.48, 0.26), "wood": (0.44, 0.29, 0.18),
    "skin": (0.82, 0.6, 0.46), "lips": (0.68, 0.27, 0.26), "glass": (0.6, 0.76, 0.82), "glow": (1.0, 0.86, 0.5),
}  # fmt: skip
_OVERSAMPLE = 3


class Cutouts:
    """All figures of a scene on one sheet: how much they cover, their colour in light, and what painters draw from.

    `flat` is the colour without light, `shade` how lit (0 to 1), `across` and `up` the slope of the surface, `line` the
    contours, `emit` what glows by itself, `cast` the shadow on the ground; `piece` is 1 + the index in `outlines` of what is on top.
    """

    def __init__(self, canvas: Canvas, *, contour: float) -> None:
        shape = canvas.shape
        self.canvas = canvas
        self.contour = contour
        self.alpha = np.zeros(shape, dtype=np.float32)
        self.shade = np.zeros(shape, dtype=np.float32)
        self.across = np.zeros(shape, dtype=np.float32)
        self.up = np.zeros(shape, dtype=np.float32)
        self.line = np.zeros(shape, dtype=np.float32)
        self.emit = np.zeros(shape, dtype=np.float32)
        self.cast = np.zeros(shape, dtype=np.float32)
        self.colour = np.zeros((*shape, 3), dtype=np.float32)
        self.flat = np.zeros((*shape, 3), dtype=np.float32)
        self.piece = np.zeros(shape, dtype=np.int32)
        self.outlines: list[Outline] = []
        self.bases: list[tuple[float, float, float, bool]] = []  # middle, base line, half width, afloat
        for figure in canvas.scene.figures:
            self._add(figure)

    def _add(self, figure: Figure) -> None:
        canvas = self.canvas
        tall = figure.size * canvas.unit
        parts = MAKERS[figure.kind]()
        outlines = [_placed(part.outline, figure, canvas, tall) for part in parts]
        left = min(x for outline in outlines for x, _ in outline)
        right = max(x for outline in outlines for x, _ in outline)
        base = figure.base * canvas.height
        self.bases.append(((left + right) / 2, base, (right - left) / 2, figure.afloat))
        if not figure.afloat:
            self._shadow((left + right) / 2, base, right - left)
        for part, outline in zip(parts, outlines, strict=True):
            self._piece(part, outline, figure)

    def _shadow(self, x: float, base: float, wide: float) -> None:
        """A soft flat shadow that leans away from the light."""
        canvas = self.canvas
        lean = np.clip((x - canvas.light[0]) / canvas.unit, -0.6, 0.6) * 0.5 * wide
        dx = (canvas.x - np.float32(x + lean)) / np.float32(0.62 * wide)
        dy = (canvas.y - np.float32(base + 0.01 * wide)) / np.float32(0.1 * wide)
        core = np.exp(
            -(((canvas.x - np.float32(x)) / np.float32(0.46 * wide)) ** 4)
            - ((canvas.y - np.float32(base)) / np.float32(0.035 * wide)) ** 2
        )
        soft = np.exp(-(dx**2) - dy**2) * np.float32(0.6)
        np.maximum(self.cast, np.maximum(soft, core * np.float32(0.85)) * np.float32(1), out=self.cast)

    def _piece(self, part: Part, outline: Outline, figure: Figure) -> None:
        cut = _cut(outline, self.canvas.width, self.canvas.height)
        if cut is None:
            return
        place, mask = cut.place, cut.mask
        self.outlines.append(outline)
        self.piece[place] = np.where(mask > 0.5, len(self.outlines), self.piece[place])
        across, up = _slopes(mask, part.puff)
        flat = _colour(part, figure)
        shade, lit = self._light(flat, (across, up), cut.middle, metal=figure.metal and part.ink == "body")
        if part.ink == "glow":
            lit = np.broadcast_to(solid(mix(flat, (1.0, 1.0, 1.0), 0.2)), lit.shape)
        lay(self.colour[place], lit, mask)
        lay(self.flat[place], flat, mask)
        for target, value in ((self.shade, shade), (self.across, across), (self.up, up)):
            target[place] += (value - target[place]) * mask
        self.emit[place] += ((1.0 if part.ink == "glow" else 0.0) - self.emit[place]) * mask
        self.alpha[place] += (1 - self.alpha[place]) * mask
        if self.contour:
            edge = _contour(mask, self.contour * (0.6 if part.puff == 0.0 else 1.0))
            self.line[place] = np.maximum(self.line[place] * (1 - mask), edge)

    def _light(
        self, flat: Colour, slope: tuple[Field, Field], middle: tuple[float, float], *, metal: bool
    ) -> tuple[Field, Field]:
        """How lit each pixel is, and its colour: the sky from above, the source from its side, a bright rim, and for
        metal the world mirrored."""
        canvas, palette = self.canvas, self.canvas.scene.palette
        across, up = slope
        to_x, to_y = canvas.light[0] - middle[0], middle[1] - canvas.light[1]
        reach = math.hypot(to_x, to_y) or 1.0
        lx, ly = to_x / reach * 0.8, max(to_y / reach, 0.15) * 0.8
        facing = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
        diffuse = np.clip(across * np.float32(lx) + up * np.float32(ly) + facing * np.float32(0.42), 0, 1)
        shade = np.float32(0.25) + np.float32(0.75) * diffuse + np.float32(0.12) * up
        dim = 0.5 if palette.dark else 0.8
        sky_tone = solid(mix(palette.middle, (1.0, 1.0, 1.0), 0.35))
        amount = (np.float32(0.34 * dim) + np.float32(0.2) * (up * np.float32(0.5) + np.float32(0.5)))[..., None]
        lit = solid(flat) * (
            amount * sky_tone
            + (diffuse * np.float32(1.02 * dim + 0.14))[..., None] * solid(mix(palette.light, (1.0, 1.0, 1.0), 0.35))
        )
        if metal:
            lit = lit * np.float32(0.42) + self._mirrored(flat, across, up) * np.float32(0.58)
        rim = np.clip(1 - facing, 0, 1) ** 2 * np.clip(across * np.float32(lx * 1.4) + up * np.float32(0.65), 0, 1)
        lay(lit, mix(palette.light, (1.0, 1.0, 1.0), 0.2), np.clip(rim * np.float32(0.95), 0, 0.9))
        gleam = np.clip(
            across * np.float32(lx * 0.62) + up * np.float32(ly * 0.75) + facing * np.float32(0.62), 0, 1
        ) ** np.float32(26)
        lay(lit, (1.0, 0.99, 0.96), np.clip(gleam * np.float32(0.75 if metal else 0.3), 0, 1))
        return np.asarray(np.clip(shade, 0, 1), dtype=np.float32), np.asarray(lit, dtype=np.float32)

    def _mirrored(self, flat: Colour, across: Field, up: Field) -> Field:
        palette = self.canvas.scene.palette
        at = up * np.float32(0.85) + np.float32(0.16) * across
        world = ramp([(-0.9, palette.near), (-0.25, mix(palette.near, palette.shade, 0.75)), (-0.1, mix(palette.shade, palette.far, 0.3)),
                      (-0.02, palette.low), (0.14, mix(palette.low, palette.light, 0.5)), (0.5, palette.middle), (1.0, mix(palette.zenith, palette.middle, 0.4))], at)  # fmt: skip
        tint = solid(mix(flat, (1.0, 1.0, 1.0), 0.5)) / np.float32(max(luma(mix(flat, (1.0, 1.0, 1.0), 0.5)), 0.2))
        return np.asarray(np.clip(world * tint, 0, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A piece as a mask over a part of the sheet."""

    place: tuple[slice, slice]
    mask: Field
    middle: tuple[float, float]


def _placed(outline: Outline, figure: Figure, canvas: Canvas, tall: float) -> Outline:
    """From figure to sheet: turned, mirrored, scaled; y then runs downwards."""
    side = -1.0 if figure.flip else 1.0
    c, s = math.cos(math.radians(figure.tilt)), math.sin(math.radians(figure.tilt))
    x0, y0 = figure.x * canvas.width, figure.base * canvas.height
    turned = [(x * side * c - (y - 0.4) * s, x * side * s + (y - 0.4) * c + 0.4) for x, y in outline]
    return tuple((x0 + x * tall, y0 - y * tall) for x, y in turned)


def _cut(outline: Outline, width: int, height: int) -> _Cut | None:
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, top = max(int(min(xs)) - 3, 0), max(int(min(ys)) - 3, 0)
    right, bottom = min(int(max(xs)) + 4, width), min(int(max(ys)) + 4, height)
    if right - left < 2 or bottom - top < 2:
        return None
    k = _OVERSAMPLE
    sheet = Image.new("L", ((right - left) * k, (bottom - top) * k), 0)
    ImageDraw.Draw(sheet).polygon([((x - left) * k, (y - top) * k) for x, y in outline], fill=255)
    mask = np.asarray(sheet.reduce(k), dtype=np.float32) / np.float32(255)
    return _Cut((slice(top, bottom), slice(left, right)), mask, ((left + right) / 2, (top + bottom) / 2))


def _slopes(mask: Field, puff: float) -> tuple[Field, Field]:
    """The slope of a surface that swells from the edges of its outline: to the right and upwards, -1 to 1."""
    height, width = mask.shape
    if puff <= 0.0 or min(height, width) < 8:
        return np.zeros_like(mask), np.full_like(mask, 0.12)
    shrink = max(1.0, max(height, width) / 150)
    small = resized(mask, max(4, int(width / shrink)), max(4, int(height / shrink)), soft=False)
    pad = 24
    padded = np.pad(small, pad)
    thick = math.sqrt(float((small > 0.5).sum())) * 0.5
    total = np.zeros_like(padded)
    for share in (0.12, 0.26, 0.48):
        total += np.clip(blur(padded, max(1.0, min(thick * share, pad * 0.9))) * 2 - np.float32(0.9), 0, 1.1)
    swell = np.sqrt(total / np.float32(3.3) + np.float32(1e-4)) * np.float32(thick * 0.95 * puff)
    swell = blur(swell, 1.0)
    dy, dx = np.gradient(swell)
    length = np.sqrt(dx**2 + dy**2 + 1)
    across = resized(np.ascontiguousarray((-dx / length)[pad:-pad, pad:-pad], dtype=np.float32), width, height)
    up = resized(np.ascontiguousarray((dy / length)[pad:-pad, pad:-pad], dtype=np.float32), width, height)
    return np.clip(across, -1, 1), np.clip(up, -1, 1)


def _contour(mask: Field, width: float) -> Field:
    """A line of that width in pixels along the edge of a mask."""
    soft = blur(np.pad(mask, 8), max(1.0, width))[8:-8, 8:-8]
    return smooth(0.36, 0.12, np.abs(soft - np.float32(0.5)))


def _colour(part: Part, figure: Figure) -> Colour:
    base = {"body": figure.colour, "trim": figure.trim}.get(part.ink) or _FIXED[part.ink]
    towards = (1.0, 0.98, 0.94) if part.tone > 0 else (0.04, 0.04, 0.07)
    return mix(base, towards, min(abs(part.tone) * 1.3, 1.0))
