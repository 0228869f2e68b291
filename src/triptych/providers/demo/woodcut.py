"""Woodcut: flat inks on paper, printed one block after the other and never quite in register, then the carved key
block in near-black: contours, and lines that swell and thin where light and shadow are."""

from collections.abc import Iterator

import numpy as np

from triptych.providers.demo.canvas import Canvas, Ridge, disc_alpha, ridges
from triptych.providers.demo.cutout import Cutouts
from triptych.providers.demo.field import Colour, Field, blur, luma, mix, noise, ramp, smooth, solid
from triptych.providers.demo.ground import perspective
from triptych.providers.demo.job import Job
from triptych.providers.demo.weather import bolt_mask

_PAPER: Colour = (0.955, 0.918, 0.842)
_SEAL: Colour = (0.74, 0.19, 0.13)


class Woodcut:
    """The painter of blocks and blades."""

    steps = 10

    def paint(self, job: Job) -> Iterator[Field]:
        sheet = _Print(job.canvas(), job.strength, framed=job.framed)
        yield sheet.seen()
        if job.source is not None:
            yield from _repaint(sheet, job.source)
            return
        yield from _landscape(sheet)


class _Print:
    """Paper, the colours printed on it so far, and the key block that comes last."""

    def __init__(self, canvas: Canvas, strength: float, *, framed: bool) -> None:
        self.canvas = canvas
        palette, rng, unit = canvas.scene.palette, canvas.rng, canvas.unit
        self.weight = np.float32(0.86 + 0.28 * strength)
        self.pitch = max(3.2, unit * (0.0064 + 0.0052 * strength))
        fibres = noise(rng, canvas.shape, (unit * 0.012, unit * 0.003), 3)
        self.colour = (
            np.ones((*canvas.shape, 3), dtype=np.float32) * solid(_PAPER) * (1 + np.float32(0.012) * fibres)[..., None]
        )
        self.key = np.zeros(canvas.shape, dtype=np.float32)
        self.key_ink = mix(mix(palette.shade, palette.zenith, 0.15), (0.07, 0.065, 0.09), 0.72)
        grain = noise(rng, canvas.shape, (unit * 0.5, unit * 0.012), 4, 0.6)
        specks = noise(rng, canvas.shape, (max(2.0, unit * 0.0035), max(2.0, unit * 0.0035)), 2)
        self.bite = np.clip(np.float32(0.93) + np.float32(0.05) * grain, 0, 1) * (
            1 - smooth(1.15, 1.7, specks) * np.float32(0.75)
        )
        self.wobble = noise(rng, canvas.shape, (unit * 0.16, unit * 0.09), 4, 0.5)
        self.hand = noise(rng, canvas.shape, (unit * 0.045, unit * 0.02), 3, 0.6)
        self.bolt = np.zeros(canvas.shape, dtype=np.float32)
        self.frame = _frame(canvas) if framed else np.ones(canvas.shape, dtype=np.float32)

    def ink(self, ink: Colour | Field, cover: Field) -> None:
        """Prints a transparent ink, a hair out of register."""
        away = self.canvas.unit * 0.0022
        dx, dy = (int(v) for v in np.round(self.canvas.rng.normal(0, away, 2)))
        laid = np.roll(cover, (dy, dx), axis=(0, 1)) * self.bite * self.frame
        top = solid(ink) if isinstance(ink, tuple) else ink
        self.colour *= 1 - laid[..., None] * (1 - top)

    def clear(self, alpha: Field) -> None:
        """Cuts a place out of the blocks printed before, down to the paper."""
        self.colour += (solid(_PAPER) - self.colour) * (alpha * self.frame)[..., None]

    def carve(self, lines: Field) -> None:
        np.maximum(self.key, lines, out=self.key)

    def lines(self, phase: Field, dark: Field, pitch: float) -> Field:
        """Lines along whole numbers of `phase`, as wide as `dark` (0 to 1) asks, with edges as sharp as a pixel."""
        wide = np.clip(dark * self.weight * (1 + np.float32(0.34) * self.hand), 0, 1)
        wave = np.abs(2 * (phase - np.floor(phase)) - 1)
        ink = np.clip((wave - (1 - wide)) * np.float32(pitch / 2) + np.float32(0.5), 0, 1)
        return np.asarray(ink * smooth(0.05, 0.12, wide), dtype=np.float32)

    def seen(self) -> Field:
        """The sheet as it looks now."""
        ink = (self.key * np.clip(self.bite + np.float32(0.05), 0, 1) * self.frame)[..., None] * np.float32(0.96)
        return np.asarray(self.colour + (solid(self.key_ink) - self.colour) * ink, dtype=np.float32)


def _frame(canvas: Canvas) -> Field:
    """The printed area: a block with slightly worn edges inside a margin of paper."""
    margin = np.float32(0.036 * min(canvas.width, canvas.height))
    worn = noise(canvas.rng, canvas.shape, (canvas.unit * 0.03, canvas.unit * 0.03), 3) * np.float32(
        canvas.unit * 0.0016
    )
    inside = (
        np.minimum(np.minimum(canvas.x, canvas.width - canvas.x), np.minimum(canvas.y, canvas.height - canvas.y))
        - margin
    )
    return np.asarray(np.clip(inside + worn + np.float32(0.5), 0, 1), dtype=np.float32)


def _printable(colour: Colour, lift: float = 0.0) -> Colour:
    """An ink of that hue: a little stronger than the light it stands for."""
    grey = luma(colour)
    strong = tuple(min(1.0, max(0.0, grey + (c - grey) * 1.3)) for c in colour)
    return mix((strong[0], strong[1], strong[2]), (1.0, 1.0, 1.0), lift)


def _landscape(sheet: _Print) -> Iterator[Field]:
    canvas = sheet.canvas
    figures = Cutouts(canvas, contour=max(1.3, canvas.unit * 0.0021))
    layers = ridges(canvas)
    over = _sky_blocks(sheet)
    yield sheet.seen()
    for ridge in layers:
        _ridge_block(sheet, ridge)
    yield sheet.seen()
    _ground_block(sheet, figures)
    yield sheet.seen()
    sheet.clear(figures.alpha)
    sheet.ink(np.clip(figures.flat * np.float32(0.94) + np.float32(0.05), 0, 1), figures.alpha)
    sheet.ink(
        _printable(canvas.scene.palette.shade, 0.35),
        figures.alpha * smooth(0.52, 0.4, figures.shade) * np.float32(0.42) * (1 - figures.emit),
    )
    yield sheet.seen()
    sheet.carve(_sky_lines(sheet) * over)
    yield sheet.seen()
    for ridge in layers:
        sheet.key *= 1 - ridge.alpha
        sheet.carve(_ridge_lines(sheet, ridge))
    yield sheet.seen()
    below = np.broadcast_to(canvas.below(), canvas.shape)
    sheet.key *= 1 - below
    sheet.carve(_ground_lines(sheet, figures.cast) * below)
    yield sheet.seen()
    _weather_lines(sheet)
    sheet.key *= 1 - np.clip(blur(figures.alpha, canvas.unit * 0.003) * np.float32(1.7), 0, 1)
    sheet.carve(_figure_lines(sheet, figures))
    yield sheet.seen()
    _seal(sheet)
    yield sheet.seen()


def _sky_blocks(sheet: _Print) -> Field:
    """Two graded inks, one from above and one from the horizon, and the disc; gives where the sky's lines may be."""
    canvas, palette = sheet.canvas, sheet.canvas.scene.palette
    at = canvas.y / np.float32(max(canvas.horizon, 1))
    cloud = noise(canvas.rng, canvas.shape, (canvas.unit * 0.6, canvas.unit * 0.1), 3, 0.5)
    at = at + np.float32(0.03) * cloud
    above = smooth(0.86 if palette.dark else 0.66, 0.0, at) * np.float32(0.95)
    glow_band = smooth(0.34, 1.0, at) * np.float32(0.9)
    disc = (
        disc_alpha(canvas)
        if canvas.scene.source is not None and not canvas.scene.indoors
        else np.zeros(canvas.shape, dtype=np.float32)
    )
    sky = np.broadcast_to(1 - canvas.below(), canvas.shape) * (1 - disc)
    sheet.ink(_printable(mix(palette.zenith, palette.middle, 0.25 if not palette.dark else 0.4)), above * sky)
    sheet.ink(_printable(palette.low, 0.05), glow_band * sky)
    sheet.ink(_printable(palette.middle, 0.3), smooth(0.35, 0.75, cloud) * sky * np.float32(0.35))
    if canvas.scene.source == "sun":
        low_sun = canvas.scene.hour in {"dawn", "dusk", "golden"}
        sheet.ink(mix(_printable(palette.veil), (0.86, 0.27, 0.16), 0.6 if low_sun else 0.15), disc)
    if "storm" in canvas.scene.weathers:
        sheet.clear(
            np.clip(blur(bolt_mask(canvas), 1.5) * 2.4, 0, 1) * np.broadcast_to(1 - canvas.below(), canvas.shape)
        )
    return sky * (1 - np.clip(disc * 2, 0, 1))


def _sky_lines(sheet: _Print) -> Field:
    canvas, scene, pitch = sheet.canvas, sheet.canvas.scene, sheet.pitch * 1.25
    at = canvas.y / np.float32(max(canvas.horizon, 1))
    away = canvas.from_light()
    flat = canvas.y / np.float32(pitch) + sheet.wobble * np.float32(2.2)
    banks = noise(canvas.rng, canvas.shape, (canvas.unit * 0.5, canvas.unit * 0.07), 3, 0.5)
    if scene.indoors:
        return sheet.lines(np.asarray((canvas.x + canvas.y) / np.float32(pitch * 1.4) + sheet.wobble * np.float32(0.7), dtype=np.float32),
                           np.asarray(smooth(0.25, 1.0, away) * np.float32(0.34), dtype=np.float32), pitch * 1.0)  # fmt: skip
    if scene.palette.dark:
        dark = (
            np.float32(0.86)
            - np.float32(0.3) * at
            - np.float32(0.75) * np.exp(-((away / np.float32(0.17)) ** 2)) * (scene.source is not None)
        )
        dark = dark - smooth(0.1, 0.9, banks) * np.float32(0.4)
        ink = sheet.lines(flat.astype(np.float32), np.asarray(np.clip(dark, 0, 0.9), dtype=np.float32), pitch)
        return ink * (1 - _star_cuts(canvas))
    heavy = 0.3 if scene.weathers & {"storm", "rain"} else 0.0
    dark = smooth(0.85, 0.0, at) * np.float32(0.4 + heavy) + smooth(-0.1, 0.9, banks) * np.float32(0.2 + heavy)
    dark = np.asarray(dark * smooth(0.1, 0.5, away), dtype=np.float32)
    if scene.source != "sun":
        return sheet.lines(flat.astype(np.float32), dark, pitch)
    angle = np.arctan2(canvas.y - np.float32(canvas.light[1]), canvas.x - np.float32(canvas.light[0]))
    rays = np.float32(96 / (2 * np.pi)) * angle + sheet.wobble * np.float32(0.16)
    width = np.asarray(away * np.float32(canvas.unit * 2 * np.pi / 96), dtype=np.float32)
    wave = np.abs(2 * (rays - np.floor(rays)) - 1)
    open_air = np.clip(np.float32(0.1) + np.float32(0.32) * smooth(0.1, 0.75, away) + dark * np.float32(0.25), 0, 0.5)
    ink = np.clip((wave - (1 - open_air * (1 + np.float32(0.3) * sheet.hand))) * width / 2 + np.float32(0.5), 0, 1)
    ring = smooth(scene.source_size * 1.25, scene.source_size * 1.5, away) * smooth(1.05, 0.5, away)
    far = sheet.lines(flat.astype(np.float32), dark * smooth(0.55, 1.0, away), pitch)
    return np.asarray(np.maximum(ink * ring * smooth(0.05, 0.12, away) * np.float32(0.9), far), dtype=np.float32)


def _star_cuts(canvas: Canvas) -> Field:
    rng, field = canvas.rng, np.zeros(canvas.shape, dtype=np.float32)
    count = int(canvas.width * canvas.horizon / 6500)
    xs = (rng.random(count) * canvas.width).astype(int).clip(0, canvas.width - 1)
    ys = (rng.random(count) * canvas.horizon).astype(int).clip(0, canvas.height - 1)
    field[ys, xs] = (0.5 + rng.random(count)).astype(np.float32)
    wide = max(1.0, canvas.unit * 0.0016)
    return np.asarray(np.clip(blur(field, wide) * np.float32(22 * wide * wide), 0, 1), dtype=np.float32)


def _ridge_block(sheet: _Print, ridge: Ridge) -> None:
    canvas = sheet.canvas
    depth = np.clip((canvas.y - ridge.edge[None, :]) / np.float32(0.17 * canvas.unit), 0, 1)
    sheet.clear(ridge.alpha)
    colour = np.broadcast_to(ridge.colour, (*canvas.shape, 3))
    grey = colour @ np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
    strong = np.clip(grey[..., None] + (colour - grey[..., None]) * np.float32(1.25), 0, 1)
    share = np.float32(0.95) - np.float32(0.5 if ridge.kind == "hills" else 0.2) * depth
    sheet.ink(np.asarray(strong, dtype=np.float32), np.asarray(ridge.alpha * share, dtype=np.float32))


def _ridge_lines(sheet: _Print, ridge: Ridge) -> Field:
    """The outline, and lines that follow it down the slope or, on peaks and trees, fall with it."""
    canvas, pitch = sheet.canvas, sheet.pitch
    below = canvas.y - ridge.edge[None, :]
    edge_width = np.float32(canvas.unit * 0.0022)
    outline = np.clip(edge_width - np.abs(below - edge_width) + np.float32(0.5), 0, 1)
    tone = np.broadcast_to(ridge.colour, (*canvas.shape, 3)).mean(axis=-1)
    depth = np.clip(below / np.float32(0.16 * canvas.unit), 0, 1)
    if ridge.kind in {"mountain", "forest", "city"}:
        slope = {"mountain": 0.75, "forest": 0.0, "city": 0.0}[ridge.kind]
        phase = (canvas.x + np.float32(slope) * below * np.sign(canvas.x - np.float32(canvas.width / 2))) / np.float32(
            pitch
        )
        phase = phase + sheet.wobble * np.float32(0.9 if ridge.kind != "city" else 0.1)
        dark = np.clip(np.float32(0.86) - tone * np.float32(1.05), 0, 0.7) * (1 - np.float32(0.55) * depth)
    else:
        smoothed = (
            blur(np.repeat(ridge.edge[None, :], 4, axis=0), canvas.unit * 0.012)[1][None, :]
            if canvas.width > 32
            else ridge.edge[None, :]
        )
        phase = (canvas.y - smoothed) / np.float32(pitch * 1.15) + sheet.wobble * np.float32(0.5)
        dark = (np.float32(0.5) - np.float32(0.46) * depth) * np.clip(np.float32(1.3) - tone, 0.3, 1)
    lines = sheet.lines(np.asarray(phase, dtype=np.float32), np.asarray(dark, dtype=np.float32), pitch)
    return np.asarray(np.maximum(outline, lines) * ridge.alpha, dtype=np.float32)


def _ground_block(sheet: _Print, figures: Cutouts) -> None:
    canvas, palette = sheet.canvas, sheet.canvas.scene.palette
    below = np.broadcast_to(canvas.below(), canvas.shape)
    depth = np.clip((canvas.y - np.float32(canvas.horizon)) / np.float32(max(canvas.height - canvas.horizon, 1)), 0, 1)
    sheet.clear(below)
    sheet.ink(
        _printable(palette.near, 0.1),
        np.asarray(below * (np.float32(0.3) + np.float32(0.68) * smooth(0.0, 0.9, depth)), dtype=np.float32),
    )
    sheet.ink(
        _printable(palette.low, 0.1), np.asarray(below * smooth(0.55, 0.0, depth) * np.float32(0.7), dtype=np.float32)
    )
    sheet.ink(_printable(palette.shade, 0.25), figures.cast * below * np.float32(0.75))


def _ground_lines(sheet: _Print, cast: Field) -> Field:
    """Lines in perspective, closer towards the horizon, with the character of the ground."""
    canvas, ground = sheet.canvas, sheet.canvas.scene.ground
    below = np.maximum(canvas.y - np.float32(canvas.horizon), np.float32(0.5)) / np.float32(canvas.unit)
    patches = perspective(canvas, 0.6, 0.1 if ground == "water" else 0.3, 4)
    bend = {"water": 0.75, "sand": 1.3, "snow": 0.9, "grass": 0.5, "basalt": 0.45, "stone": 0.3}.get(ground, 0.12)
    base = {"water": 0.36, "sand": 0.22, "snow": 0.13, "grass": 0.3, "basalt": 0.52, "stone": 0.34, "table": 0.34}.get(
        ground, 0.3
    )
    gap = np.float32(0.05)
    rows = np.log(below + gap) * np.float32(0.34 * canvas.unit / sheet.pitch)
    pitch = np.asarray((below + gap) * np.float32(sheet.pitch / 0.34), dtype=np.float32)
    phase = np.broadcast_to(rows, canvas.shape) + (patches + sheet.wobble * np.float32(0.4)) * np.float32(bend)
    dark = np.clip(np.float32(base) + np.float32(0.42) * patches + cast * np.float32(0.5), 0, 0.92) * smooth(
        0.0, 0.03, np.broadcast_to(below, canvas.shape)
    )
    if canvas.scene.source is not None and not canvas.scene.indoors:
        path = np.exp(
            -(
                (
                    (canvas.x - np.float32(canvas.light[0]))
                    / (np.float32(canvas.unit) * (np.float32(0.05) + np.float32(0.2) * below))
                )
                ** 2
            )
        )
        dark = dark * (1 - path * np.float32(0.75))
    wide = np.clip(dark * (1 + np.float32(0.3) * sheet.hand), 0, 1)
    wave = np.abs(2 * (phase - np.floor(phase)) - 1)
    ink = np.clip((wave - (1 - wide)) * pitch / 2 + np.float32(0.5), 0, 1) * smooth(
        0.04, 0.1, np.asarray(wide, dtype=np.float32)
    )
    if ground == "grass":
        ink = np.maximum(ink * np.float32(0.5), _tufts(sheet, np.broadcast_to(below, canvas.shape)))
    horizon = np.clip(
        np.float32(canvas.unit * 0.0016) - np.abs(canvas.y - np.float32(canvas.horizon) - 1) + np.float32(0.5), 0, 1
    )
    return np.asarray(np.maximum(ink, horizon * np.float32(0.9)), dtype=np.float32)


def _tufts(sheet: _Print, below: Field) -> Field:
    """Short upright strokes in rows."""
    canvas = sheet.canvas
    blades = noise(canvas.rng, canvas.shape, (canvas.unit * 0.006, canvas.unit * 0.05), 2)
    rows = noise(canvas.rng, canvas.shape, (canvas.unit * 0.2, canvas.unit * 0.03), 2)
    return smooth(0.5, 0.75, np.asarray(blades + rows * np.float32(0.35), dtype=np.float32)) * smooth(0.01, 0.08, below)


def _weather_lines(sheet: _Print) -> None:
    canvas, weathers = sheet.canvas, sheet.canvas.scene.weathers
    sheet.key *= 1 - sheet.bolt
    if weathers & {"rain", "storm"}:
        phase = (canvas.x + np.float32(0.24) * canvas.y) / np.float32(sheet.pitch * 2.6) + sheet.wobble * np.float32(
            0.25
        )
        broken = noise(canvas.rng, canvas.shape, (canvas.unit * 0.02, canvas.unit * 0.3), 3)
        threads = sheet.lines(
            np.asarray(phase, dtype=np.float32), smooth(-0.2, 0.6, broken) * np.float32(0.16), sheet.pitch * 2.6
        )
        sheet.key *= 1 - threads * np.float32(0.9)
        if not canvas.scene.palette.dark:
            sheet.carve(np.roll(threads, 3, axis=1) * np.float32(0.9))
    if weathers & {"snow", "flurry"}:
        count = int((260 if "snow" in weathers else 90) * canvas.width * canvas.height / canvas.unit**2)
        field = np.zeros(canvas.shape, dtype=np.float32)
        rng = canvas.rng
        field[(rng.random(count) * canvas.height).astype(int), (rng.random(count) * canvas.width).astype(int)] = 1
        wide = max(1.2, canvas.unit * 0.0034)
        flakes = np.clip(blur(field, wide) * np.float32(16 * wide * wide), 0, 1)
        flakes = smooth(0.35, 0.75, flakes)
        sheet.clear(flakes)
        sheet.key *= 1 - flakes
    if "fog" in weathers:
        away = np.abs(canvas.y - np.float32(canvas.horizon)) / np.float32(0.2 * canvas.unit)
        bank = np.exp(-(away**2)) * smooth(-0.8, 0.5, sheet.wobble)
        sheet.key *= 1 - np.asarray(bank, dtype=np.float32) * np.float32(0.85)


def _figure_lines(sheet: _Print, figures: Cutouts) -> Field:
    """Contours, and lines across the form that thicken into its shadow; the deepest shadow is cut twice."""
    canvas, pitch = sheet.canvas, sheet.pitch * 0.92
    gloom = np.clip(np.float32(0.8) - figures.shade * np.float32(1.12), 0, 0.78) * (1 - figures.emit)
    tone = figures.flat.mean(axis=-1)
    gloom = np.clip(gloom + np.clip(np.float32(0.24) - tone, 0, 1) * np.float32(2.0), 0, 0.86) * smooth(
        0.9, 0.7, figures.shade
    )
    phase = (
        (canvas.y * np.float32(0.92) - canvas.x * np.float32(0.36)) / np.float32(pitch)
        + figures.across * np.float32(1.9)
        + sheet.wobble * np.float32(0.35)
    )
    lines = sheet.lines(np.asarray(phase, dtype=np.float32), np.asarray(gloom, dtype=np.float32), pitch)
    second = (canvas.x * np.float32(0.8) + canvas.y * np.float32(0.6)) / np.float32(pitch) + figures.up * np.float32(
        1.4
    )
    cross = sheet.lines(np.asarray(second, dtype=np.float32), np.clip(gloom - np.float32(0.42), 0, 0.5), pitch)
    return np.asarray(
        np.maximum(
            np.maximum(lines, cross) * figures.alpha, figures.line * (np.float32(0.86) + np.float32(0.14) * sheet.hand)
        ),
        dtype=np.float32,
    )


def _seal(sheet: _Print) -> None:
    """A small red mark of three panels in a lower corner."""
    canvas = sheet.canvas
    side = 0.034 * canvas.unit
    right, low = 0.93 * canvas.width, canvas.height - 0.07 * min(canvas.width, canvas.height)
    u = (canvas.x - np.float32(right - side)) / np.float32(side)
    v = (canvas.y - np.float32(low - side)) / np.float32(side)
    soft = np.float32(side)
    inside = np.clip(np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) * soft + np.float32(0.5), 0, 1)
    panels = np.abs(2 * ((u * np.float32(3.0)) % 1) - 1)
    bars = np.clip((np.float32(0.72) - panels) * soft / 6 + np.float32(0.5), 0, 1) * np.clip(
        (np.float32(0.36) - np.abs(v - np.float32(0.5))) * soft + np.float32(0.5), 0, 1
    )
    stamp = np.asarray(inside * (1 - np.float32(0.85) * bars), dtype=np.float32) * sheet.bite
    sheet.key *= 1 - stamp
    sheet.colour += (solid(_SEAL) - sheet.colour) * (stamp * np.float32(0.92))[..., None]


def _repaint(sheet: _Print, source: Field) -> Iterator[Field]:
    """A given picture cut in wood: its tones in a few inks of the words' colours, its shadows as lines along its forms."""
    canvas, palette = sheet.canvas, sheet.canvas.scene.palette
    tone = source @ np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
    calm = blur(tone, canvas.unit * 0.004)
    low, high = (float(v) for v in np.quantile(calm, (0.02, 0.98)))
    level = np.clip((calm - np.float32(low)) / np.float32(max(high - low, 0.05)), 0, 1)
    inks = ramp(
        [
            (0.0, _printable(palette.zenith)),
            (0.4, _printable(palette.middle)),
            (0.75, _printable(palette.low, 0.15)),
            (1.0, _PAPER),
        ],
        level,
    )
    own = np.clip(source * np.float32(0.9) + np.float32(0.1), 0, 1)
    sheet.ink(_printable(palette.low, 0.3), np.full(canvas.shape, 0.34, dtype=np.float32))
    for share in (0.9, 0.62, 0.35):
        step = smooth(share + 0.05, share - 0.05, level)
        sheet.ink(
            np.asarray(inks * np.float32(0.84) + own * np.float32(0.16), dtype=np.float32), step * np.float32(0.54)
        )
        yield sheet.seen()
    swell = blur(level, canvas.unit * 0.02)
    pitch = sheet.pitch * 0.9
    dark = np.clip(np.float32(0.84) - level * np.float32(1.15), 0, 0.85)
    phase = (canvas.y * np.float32(0.94) - canvas.x * np.float32(0.34)) / np.float32(pitch) + swell * np.float32(7.0)
    sheet.carve(sheet.lines(np.asarray(phase, dtype=np.float32), dark, pitch))
    yield sheet.seen()
    second = (canvas.x * np.float32(0.8) + canvas.y * np.float32(0.6)) / np.float32(pitch) - swell * np.float32(5.0)
    sheet.carve(sheet.lines(np.asarray(second, dtype=np.float32), np.clip(dark - np.float32(0.45), 0, 0.5), pitch))
    yield sheet.seen()
    gy, gx = np.gradient(blur(tone, canvas.unit * 0.0022))
    edge = np.hypot(gx, gy) * np.float32(canvas.unit)
    sheet.carve(smooth(11.0, 24.0, edge.astype(np.float32)))
    yield sheet.seen()
    _weather_lines(sheet)
    yield sheet.seen()
    grey = sheet.canvas.rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(0.008)
    sheet.colour += grey[..., None]
    yield sheet.seen()
