"""The sheet a picture is made on: its measures and the sky, ridges and ground that the painters share."""

import math
from dataclasses import dataclass

import numpy as np

from triptych.providers.demo.field import (
    Colour,
    Field,
    Rng,
    blur,
    glow,
    grid,
    lay,
    line_noise,
    mix,
    noise,
    ramp,
    smooth,
    solid,
)
from triptych.providers.demo.scene import Scene


class Canvas:
    """Measures of one picture. `unit` is the length that sizes are shares of, in pixels."""

    def __init__(self, scene: Scene, width: int, height: int, rng: Rng) -> None:
        self.scene = scene
        self.width = width
        self.height = height
        self.rng = rng
        self.unit = float(min(height, 1.3 * width))
        self.x, self.y = grid(width, height)
        self.horizon = scene.horizon * height
        self.light = (scene.light[0] * width, scene.light[1] * height)

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    def from_light(self) -> Field:
        """Distance of each pixel from the source of light, in units."""
        away = np.hypot(self.x - np.float32(self.light[0]), self.y - np.float32(self.light[1]))
        return np.asarray(away / np.float32(self.unit), dtype=np.float32)

    def below(self) -> Field:
        """1 under the horizon, 0 over it, with a soft edge of a pixel; one column."""
        return np.asarray(np.clip(self.y - np.float32(self.horizon) + np.float32(0.5), 0, 1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Ridge:
    """A layer of hills, trees or roofs before the sky: where it is, its colour and its upper edge by column."""

    alpha: Field
    colour: Colour | Field
    edge: Field
    kind: str


def sky(canvas: Canvas, *, clouds: float = 1.0) -> Field:
    """The sky over the whole sheet: gradient, glow, clouds, stars, and the disc of sun or moon."""
    scene, palette = canvas.scene, canvas.scene.palette
    at = canvas.y / np.float32(max(canvas.horizon, 1.0))
    if scene.indoors:
        at = at * np.float32(0.45) + np.float32(0.3)
    column = ramp([(0.0, palette.zenith), (0.5, palette.middle), (0.97, palette.low), (1.6, palette.low)], at)
    picture = np.repeat(column, canvas.width, axis=1)
    if scene.indoors:
        away = canvas.from_light()
        glow(picture, palette.light, np.float32(0.3) * np.exp(-((away / 0.55) ** 2)))
        return picture
    if palette.dark and "starless" not in scene.backdrops:
        _stars(canvas, picture)
    cover = {"storm": 1.5, "rain": 1.25, "cloud": 1.1, "clear": 0.0, "snow": 0.9, "flurry": 0.7, "fog": 0.6}
    amount = max([cover[w] for w in scene.weathers if w in cover], default=0.5) * clouds
    if scene.source is not None or not palette.dark:
        _halo(canvas, picture)
    if scene.source is not None:
        _disc(canvas, picture)
    if amount > 0:
        _clouds(canvas, picture, amount)
    return picture


def _halo(canvas: Canvas, picture: Field) -> None:
    palette, away = canvas.scene.palette, canvas.from_light()
    wide = 0.34 if palette.dark else 0.5
    glow(picture, palette.light, np.float32(wide) * np.exp(-((away / np.float32(0.36)) ** 2)))
    glow(picture, palette.light, np.float32(wide) * np.exp(-away / np.float32(0.085)))


def disc_alpha(canvas: Canvas) -> Field:
    """Where the sun or the moon stands, with a smooth edge; a crescent has a bite out of it."""
    size = canvas.scene.source_size
    scale = np.float32(canvas.unit)
    away = canvas.from_light()
    alpha = np.clip((np.float32(size) - away) * scale + np.float32(0.5), 0, 1)
    if canvas.scene.source == "crescent":
        x, y = canvas.light
        other = (
            np.hypot(canvas.x - np.float32(x + 0.42 * size * scale), canvas.y - np.float32(y - 0.18 * size * scale))
            / scale
        )
        alpha *= 1 - np.clip((np.float32(size * 0.92) - other) * scale + np.float32(0.5), 0, 1)
    return np.asarray(alpha, dtype=np.float32)


def _disc(canvas: Canvas, picture: Field) -> None:
    palette = canvas.scene.palette
    colour = mix(palette.light, (1.0, 1.0, 1.0), 0.45)
    lay(picture, colour, disc_alpha(canvas))
    if canvas.scene.source == "moon" and canvas.scene.source_size > 0.07:
        seas = smooth(0.1, 0.7, noise(canvas.rng, canvas.shape, (canvas.unit * 0.07, canvas.unit * 0.07), 3))
        lay(picture, mix(colour, palette.middle, 0.4), disc_alpha(canvas) * seas * np.float32(0.5))


def _stars(canvas: Canvas, picture: Field) -> None:
    """Points of a pixel or two, thicker along a faint band."""
    rng, count = canvas.rng, int(canvas.width * canvas.horizon / 1500)
    xs, ys = rng.random(count) * canvas.width, rng.random(count) ** 1.25 * canvas.horizon
    power = rng.random(count) ** 5 * 0.9 + 0.08
    light = np.zeros(canvas.shape, dtype=np.float32)
    np.maximum.at(
        light,
        (ys.astype(int).clip(0, canvas.height - 1), xs.astype(int).clip(0, canvas.width - 1)),
        power.astype(np.float32),
    )
    soft = np.maximum(light, blur(light, max(1.0, canvas.unit / 900)) * 6)
    glow(
        picture,
        (0.92, 0.95, 1.0),
        np.clip(soft, 0, 1) * smooth(1.05, 0.4, canvas.y / np.float32(max(canvas.horizon, 1))),
    )


def _clouds(canvas: Canvas, picture: Field, amount: float) -> None:
    palette, unit = canvas.scene.palette, canvas.unit
    field = noise(canvas.rng, canvas.shape, (unit * 0.62, unit * 0.13), 5, 0.55)
    low = 0.62 - 0.62 * amount
    cover = smooth(low, low + 0.95, field) * np.float32(min(0.85, 0.3 + 0.4 * amount))
    cover = cover * smooth(1.08, 0.7, canvas.y / np.float32(max(canvas.horizon, 1)))
    heavy = bool(canvas.scene.weathers & {"storm", "rain"})
    dark = mix(palette.middle, palette.shade, 0.6) if heavy else mix(palette.middle, palette.low, 0.5)
    lit = mix(palette.low, palette.light, 0.6) if not palette.dark else mix(palette.low, palette.light, 0.18)
    near = np.exp(-((canvas.from_light() / np.float32(0.55)) ** 2)) * np.float32(0.85)
    colour = solid(dark) + (solid(lit) - solid(dark)) * (near + np.float32(0.15 if not heavy else 0.0))[..., None]
    lay(picture, colour, cover)


def ridges(canvas: Canvas) -> list[Ridge]:
    """The layers behind the ground, farthest first."""
    scene, made = canvas.scene, []
    if scene.indoors:
        return []
    rows = {
        "ridges": _low_ridges,
        "hills": _hills,
        "mountain": _mountains,
        "volcano": _volcano,
        "forest": _forest,
        "city": _city,
    }
    for kind in ("mountain", "volcano", "ridges", "hills", "forest", "city"):
        if kind in scene.backdrops:
            made += rows[kind](canvas)
    return made


def _ridge(canvas: Canvas, edge: Field, far: float, kind: str) -> Ridge:
    """`far` 0..1 takes the colour of the air at the horizon."""
    palette = canvas.scene.palette
    alpha = np.clip(canvas.y - edge[None, :] + np.float32(0.5), 0, 1)
    own = mix(mix(palette.near, palette.zenith, 0.45), palette.shade, 0.35)
    top = mix(own, mix(palette.low, palette.middle, 0.4), far)
    foot = mix(own, palette.low, min(1.0, far + 0.22))
    depth = np.clip((canvas.y - edge[None, :]) / np.float32(0.16 * canvas.unit), 0, 1)[..., None]
    return Ridge(np.asarray(alpha, dtype=np.float32), solid(top) + (solid(foot) - solid(top)) * depth, edge, kind)


def _wave(canvas: Canvas, rise: float, rough: float, cell: float, octaves: int = 5) -> Field:
    line = line_noise(canvas.rng, canvas.width, cell * canvas.unit, octaves, rough)
    return np.asarray(canvas.horizon - canvas.unit * rise * np.clip(0.62 + 0.5 * line, 0.05, 2.0), dtype=np.float32)


def _low_ridges(canvas: Canvas) -> list[Ridge]:
    return [_ridge(canvas, _wave(canvas, rise, 0.45, cell), far, "hills")
            for rise, cell, far in ((0.11, 0.55, 0.76), (0.06, 0.4, 0.5))]  # fmt: skip


def _hills(canvas: Canvas) -> list[Ridge]:
    return [_ridge(canvas, _wave(canvas, rise, 0.32, cell), far, "hills")
            for rise, cell, far in ((0.2, 0.7, 0.8), (0.13, 0.55, 0.58), (0.065, 0.45, 0.34))]  # fmt: skip


def _peaks(canvas: Canvas, centre: float, rise: float, width: float) -> Field:
    x = (np.arange(canvas.width, dtype=np.float32) - np.float32(centre)) / np.float32(width * canvas.unit)
    rough = line_noise(canvas.rng, canvas.width, 0.16 * canvas.unit, 6, 0.55)
    body = np.maximum(0, 1 - np.abs(x) ** np.float32(0.92)) + np.float32(0.1) * rough
    return np.asarray(canvas.horizon - canvas.unit * rise * np.clip(body, 0.02, 2), dtype=np.float32)


def _mountains(canvas: Canvas) -> list[Ridge]:
    things = {"left": 0.3, "right": 0.7}
    centre = (things.get("right", 0.5) if canvas.light[0] < canvas.width * 0.5 else things["left"]) * canvas.width
    far = [_ridge(canvas, _peaks(canvas, centre + d * canvas.unit, r, w), f, "mountain")
           for d, r, w, f in ((-0.42, 0.26, 0.42, 0.74), (0.4, 0.22, 0.4, 0.7))]  # fmt: skip
    edge = _peaks(canvas, centre, 0.46, 0.5)
    main = _ridge(canvas, edge, 0.42, "mountain")
    return [*far, _snow_capped(canvas, main), _ridge(canvas, _wave(canvas, 0.07, 0.4, 0.4), 0.4, "hills")]


def _snow_capped(canvas: Canvas, ridge: Ridge) -> Ridge:
    """Faces turned to the light and away from it, split by spurs, and snow down to a ragged line."""
    palette, unit = canvas.scene.palette, canvas.unit
    relief = noise(canvas.rng, canvas.shape, (unit * 0.2, unit * 0.26), 6, 0.58)
    facets = np.gradient(relief, axis=1) * np.float32(unit * 0.05)
    summit = float(np.argmin(ridge.edge))
    spur = noise(canvas.rng, canvas.shape, (unit * 0.5, unit * 0.12), 4, 0.6) * np.float32(unit * 0.05)
    lean = np.float32(1.0 if canvas.light[0] >= summit else -1.0)
    flank = (canvas.x - np.float32(summit) + spur) * lean / np.float32(unit * 0.045)
    lit = smooth(-0.7, 0.75, np.asarray(np.clip(flank, -0.55, 0.45) - facets * lean, dtype=np.float32))
    colour = np.array(np.broadcast_to(ridge.colour, (*canvas.shape, 3)), dtype=np.float32)
    lay(colour, mix(palette.low, palette.light, 0.5), lit * np.float32(0.3))
    lay(colour, mix(palette.shade, palette.zenith, 0.4), (1 - lit) * np.float32(0.34))
    line = np.float32(canvas.horizon - unit * 0.25) + relief * np.float32(unit * 0.075)
    snow = smooth(unit * 0.012, -unit * 0.012, np.asarray(canvas.y - line, dtype=np.float32))
    white = solid(mix(palette.light, (0.97, 0.97, 1.0), 0.55))
    cold = solid(mix(mix(palette.middle, palette.zenith, 0.35), (0.62, 0.7, 0.86), 0.45))
    lay(colour, cold + (white - cold) * lit[..., None], snow * np.float32(0.94))
    return Ridge(ridge.alpha, colour, ridge.edge, "mountain")


def _volcano(canvas: Canvas) -> list[Ridge]:
    x = np.abs(np.arange(canvas.width, dtype=np.float32) - np.float32(0.5 * canvas.width)) / np.float32(canvas.unit)
    cone = np.minimum(np.float32(0.42), np.float32(0.5) * np.exp(-x / np.float32(0.24)))
    cone = cone + np.float32(0.008) * line_noise(canvas.rng, canvas.width, 0.1 * canvas.unit)
    edge = np.asarray(canvas.horizon - canvas.unit * cone, dtype=np.float32)
    return [
        _snow_capped(canvas, _ridge(canvas, edge, 0.4, "mountain")),
        _ridge(canvas, _wave(canvas, 0.06, 0.4, 0.4), 0.4, "hills"),
    ]


def _forest(canvas: Canvas) -> list[Ridge]:
    made = []
    for rise, pitch, far in ((0.24, 0.028, 0.66), (0.17, 0.04, 0.4), (0.1, 0.055, 0.16)):
        edge = _wave(canvas, rise * 0.5, 0.4, 0.5)
        step, at = pitch * canvas.unit, 0.0
        x = np.arange(canvas.width, dtype=np.float32)
        while at < canvas.width + step:
            high = rise * canvas.unit * (0.45 + 0.65 * float(canvas.rng.random()))
            away = np.abs(x - np.float32(at)) / np.float32(step * 0.95)
            comb = np.float32(1) + np.float32(0.22) * np.sin(away * 26)
            edge = np.minimum(
                edge,
                np.float32(canvas.horizon)
                - np.float32(high) * np.clip(1 - away * comb, 0, 1)
                - np.float32(rise * 0.1 * canvas.unit),
            )
            at += step * (0.5 + 0.7 * float(canvas.rng.random()))
        made.append(_ridge(canvas, edge.astype(np.float32), far, "forest"))
    return made


def _city(canvas: Canvas) -> list[Ridge]:
    made = []
    for rise, far in ((0.3, 0.7), (0.22, 0.42), (0.13, 0.16)):
        edge = np.full(canvas.width, canvas.horizon, dtype=np.float32)
        windows = np.zeros(canvas.shape, dtype=np.float32)
        at = -0.05 * canvas.unit
        while at < canvas.width:
            wide = canvas.unit * (0.028 + 0.05 * float(canvas.rng.random()))
            middle = math.exp(-((((at / canvas.width) - 0.5) * 2.0) ** 2))
            top = canvas.horizon - canvas.unit * rise * (0.3 + 0.85 * float(canvas.rng.random()) * middle + 0.1)
            left, right = int(max(at, 0)), int(min(at + wide, canvas.width))
            edge[left:right] = np.minimum(edge[left:right], np.float32(top))
            if right - left > 6 and canvas.rng.random() < 0.25:
                mast = (left + right) // 2
                edge[mast : mast + max(1, int(canvas.unit / 500))] = np.float32(top - 0.05 * canvas.unit)
            _windows(canvas, windows, (left, right, int(top)), far)
            at += wide * (0.8 + 0.35 * float(canvas.rng.random()))
        ridge = _ridge(canvas, edge, far, "city")
        colour = np.array(np.broadcast_to(ridge.colour, (*canvas.shape, 3)), dtype=np.float32)
        lit = 0.95 if canvas.scene.palette.dark or canvas.scene.hour == "dusk" else 0.4
        lay(
            colour, mix(canvas.scene.palette.light, (1.0, 0.82, 0.45), 0.6), windows * np.float32(lit * (1 - 0.6 * far))
        )
        made.append(Ridge(ridge.alpha, colour, edge, "city"))
    return made


def _windows(canvas: Canvas, field: Field, place: tuple[int, int, int], far: float) -> None:
    left, right, top = place
    pitch = max(4, int(canvas.unit * (0.016 - 0.006 * far)))
    pane = max(2, pitch // 2)
    bottom = min(int(canvas.horizon) - pane, canvas.height - pane)
    for y in range(max(top, 0) + pitch, bottom, pitch):
        for x in range(left + pitch // 2, right - pane, pitch):
            if canvas.rng.random() < 0.42:
                field[y : y + pane, x : x + max(1, pane * 2 // 3)] = 0.45 + 0.55 * float(canvas.rng.random())
