"""Aurora: air and light. Curtains over a wide sky, soft distances, polished ground that gives everything back."""

from collections.abc import Iterator

import numpy as np

from triptych.providers.demo.canvas import Canvas, ridges, sky
from triptych.providers.demo.cutout import Cutouts
from triptych.providers.demo.field import Field, blur, glow, lay, line_noise, mix, noise, ramp, resized, smooth, solid
from triptych.providers.demo.ground import GLOSS, ground
from triptych.providers.demo.job import Job
from triptych.providers.demo.weather import fall, fog, lightning


class Aurora:
    """The painter of light."""

    steps = 10

    def paint(self, job: Job) -> Iterator[Field]:
        canvas = job.canvas()
        if job.source is not None:
            yield from _repaint(canvas, job.source, job.strength)
            return
        yield from _landscape(canvas, job.strength)


def _landscape(canvas: Canvas, strength: float) -> Iterator[Field]:
    scene = canvas.scene
    picture = sky(canvas, clouds=0.85)
    yield picture
    if "storm" in scene.weathers:
        lightning(canvas, picture)
    for turn in range(2):
        _veil(canvas, picture, turn, strength)
        yield picture
    for ridge in ridges(canvas):
        lay(picture, ridge.colour, ridge.alpha)
    fog(canvas, picture, 0.3 if not scene.indoors else 0.0)
    yield picture
    floor = ground(canvas, picture)
    lay(picture, floor, np.broadcast_to(canvas.below(), canvas.shape))
    fog(canvas, picture, 0.16 if not scene.indoors else 0.0)
    yield picture
    figures = Cutouts(canvas, contour=0)
    _halo_behind(canvas, picture, figures)
    lay(picture, scene.palette.shade, figures.cast * np.float32(0.72))
    yield picture
    _reflections(canvas, picture, figures)
    lay(picture, figures.colour, figures.alpha)
    _kiss_of_sky(canvas, picture, figures)
    yield picture
    fall(canvas, picture)
    yield picture
    _bloom(canvas, picture, figures.emit * figures.alpha, strength)
    yield picture
    _finish(canvas, picture)
    yield picture


def _veil(canvas: Canvas, picture: Field, turn: int, strength: float) -> None:
    """A curtain of light: bright at its folded lower hem, combed upwards into rays, fading from one hue to another."""
    palette, rng = canvas.scene.palette, canvas.rng
    half_h, half_w = max(canvas.height // 2, 8), max(canvas.width // 2, 8)
    unit = canvas.unit / 2
    x = (np.arange(half_w, dtype=np.float32)[None, :] + np.float32(0.5)) / np.float32(unit)
    y = (np.arange(half_h, dtype=np.float32)[:, None] + np.float32(0.5)) / np.float32(unit)
    fold = noise(rng, (half_h, half_w), (unit * 0.9, unit * 0.45), 3, 0.45)
    along = x + np.float32(0.2) * fold + np.float32(0.22 * (turn or -1)) * y
    place = (along * np.float32(220) + np.float32(500)).astype(np.int32).clip(0, 2047)
    hem = line_noise(rng, 2048, 190, 4, 0.5)[place]
    rays = line_noise(rng, 2048, 26, 4, 0.75)[place]
    top = canvas.horizon / 2 / unit
    base = np.float32(top * (0.74 - 0.3 * turn)) + np.float32(0.17 * top) * hem
    over = (base - y) / np.float32(max(0.3, top * 0.62))
    rising = np.where(over > 0, np.exp(-over * np.float32(2.3)), np.exp(over * np.float32(34)))
    light = (
        rising
        * np.clip(np.float32(0.5) + np.float32(0.62) * rays, 0.04, 1.3)
        * smooth(-1.1, 0.6, hem + rays * np.float32(0.3))
    )
    power = (0.9 if palette.dark else 0.56 if canvas.scene.hour in {"dusk", "dawn", "golden"} else 0.2) * (
        0.3 + 1.4 * strength
    )
    power *= 0.5 if canvas.scene.indoors else 0.72 if canvas.scene.weathers & {"storm", "rain"} else 1.0
    light = np.clip(light * np.float32(power), 0, 0.95)
    rise = np.clip(over * np.float32(1.25), 0, 1)[..., None]
    low, high = (palette.veil, palette.veil2) if turn == 0 else (mix(palette.veil, palette.veil2, 0.6), palette.veil)
    hue = solid(mix(low, (1.0, 1.0, 1.0), 0.08)) + (solid(high) - solid(low)) * rise
    for channel in range(3):
        layer = resized(np.ascontiguousarray(light * hue[..., channel], dtype=np.float32), canvas.width, canvas.height)
        picture[..., channel] += (1 - np.clip(picture[..., channel], 0, 1)) * np.clip(layer, 0, 1)


def _halo_behind(canvas: Canvas, picture: Field, figures: Cutouts) -> None:
    """Air that carries light round the figures, so that they stand free of what is behind them."""
    if not figures.bases:
        return
    soft = blur(figures.alpha, canvas.unit * 0.07)
    palette = canvas.scene.palette
    lay(
        picture,
        mix(palette.low, palette.light, 0.6),
        np.clip(soft * (1 - figures.alpha), 0, 1) * np.float32(0.22 if palette.dark else 0.34),
    )
    lamp = blur(figures.emit * figures.alpha, canvas.unit * 0.09)
    glow(picture, (1.0, 0.78, 0.42), np.clip(lamp * np.float32(2.6), 0, 0.8))


def _reflections(canvas: Canvas, picture: Field, figures: Cutouts) -> None:
    """Each figure upside down under its base line, fading and blurred by the ground."""
    gloss = GLOSS[canvas.scene.ground]
    if gloss <= 0:
        return
    rough = np.float32(canvas.unit * (0.014 if canvas.scene.ground == "water" else 0.004))
    for middle, base, half, afloat in figures.bases:
        line = canvas.horizon if afloat and canvas.scene.ground == "water" else base
        if afloat and canvas.scene.ground != "water":
            continue
        left, right = int(max(middle - half * 1.15, 0)), int(min(middle + half * 1.15 + 1, canvas.width))
        low = int(line)
        tall = canvas.height - low
        if right - left < 2 or tall < 2 or low < 2:
            continue
        rows = np.clip(2 * low - 1 - np.arange(low, canvas.height), 0, canvas.height - 1)
        ripple = (
            line_noise(canvas.rng, tall, canvas.unit * 0.012, 3)
            * rough
            * (np.float32(0.4) + np.arange(tall, dtype=np.float32) / np.float32(0.2 * canvas.unit))
        )
        columns = np.clip(np.arange(left, right)[None, :] + ripple[:, None].astype(int), 0, canvas.width - 1)
        alpha = figures.alpha[rows[:, None], columns]
        colour = figures.colour[rows[:, None], columns]
        fade = np.exp(
            -np.arange(tall, dtype=np.float32)
            / np.float32(canvas.unit * (0.34 if canvas.scene.ground == "water" else 0.16))
        )
        share = np.float32(min(0.8, gloss * 1.15)) * fade[:, None] * alpha
        lay(
            picture[low:, left:right],
            np.asarray(colour * np.float32(0.86), dtype=np.float32),
            blur(share, max(1.0, canvas.unit * 0.002)),
        )


def _kiss_of_sky(canvas: Canvas, picture: Field, figures: Cutouts) -> None:
    """The colour of the curtains on every surface that looks up."""
    upward = smooth(0.25, 0.95, figures.up) * figures.alpha
    power = 0.3 if canvas.scene.palette.dark else 0.16
    glow(picture, canvas.scene.palette.veil, upward * np.float32(power))
    glow(picture, (1.0, 0.82, 0.5), figures.emit * figures.alpha * np.float32(0.3))


def _bloom(canvas: Canvas, picture: Field, lamps: Field, strength: float) -> None:
    """Bright places spill over."""
    bright = np.clip((picture.max(axis=-1) - np.float32(0.7)) * np.float32(2.4), 0, 1) * np.float32(0.75) + lamps
    for radius, share in ((0.012, 0.22), (0.05, 0.26)):
        soft = blur(bright, canvas.unit * radius)
        glow(picture, canvas.scene.palette.light, np.clip(soft * np.float32(share * (0.5 + strength)), 0, 0.8))


def _finish(canvas: Canvas, picture: Field) -> None:
    """A gentle curve, dimmer corners, and a fine grain that also keeps gradients from banding."""
    np.clip(picture, 0, 1, out=picture)
    picture += (picture * picture * (3 - 2 * picture) - picture) * np.float32(0.38)
    dx = (canvas.x / np.float32(canvas.width) - np.float32(0.5)) * 2
    dy = (canvas.y / np.float32(canvas.height) - np.float32(0.5)) * 2
    picture *= (1 - np.float32(0.13) * np.clip(dx * dx + dy * dy - np.float32(0.35), 0, 2) ** np.float32(1.1))[
        ..., None
    ]
    grain = canvas.rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(0.013)
    picture += grain[..., None]


def _repaint(canvas: Canvas, source: Field, strength: float) -> Iterator[Field]:
    """A given picture in this painter's light: its tones take the colours of the words, curtains hang over it."""
    palette = canvas.scene.palette
    picture = source.copy()
    yield picture
    tone = source @ np.asarray((0.3, 0.59, 0.11), dtype=np.float32)
    wide = blur(tone, canvas.unit * 0.02)
    scale = [
        (0.0, palette.shade),
        (0.3, mix(palette.zenith, palette.shade, 0.2)),
        (0.55, palette.middle),
        (0.8, palette.low),
        (1.0, mix(palette.light, (1.0, 1.0, 1.0), 0.3)),
    ]
    for mixture in (0.35, 0.62 + 0.3 * strength):
        mapped = ramp(scale, np.clip(tone * np.float32(0.7) + wide * np.float32(0.3), 0, 1))
        picture = source + (mapped - source) * np.float32(min(mixture, 0.92))
        yield picture
    soft = np.stack([blur(picture[..., c], canvas.unit * 0.008) for c in range(3)], axis=-1)
    picture += (soft - picture) * np.float32(0.35)
    yield picture
    for turn in range(2):
        _veil(canvas, picture, turn, strength)
        yield picture
    fog(canvas, picture, 0.2)
    yield picture
    fall(canvas, picture)
    yield picture
    _bloom(canvas, picture, np.zeros(canvas.shape, dtype=np.float32), strength)
    yield picture
    _finish(canvas, picture)
    yield picture
