"""Fog, rain, snow and lightning over a finished view."""

import numpy as np
from PIL import Image, ImageDraw

from triptych.providers.demo.canvas import Canvas
from triptych.providers.demo.field import Field, blur, glow, lay, mix, noise, smooth


def fog(canvas: Canvas, picture: Field, amount: float) -> None:
    """Banks of mist that are thickest at the horizon."""
    palette, unit = canvas.scene.palette, canvas.unit
    banks = noise(canvas.rng, canvas.shape, (unit * 0.9, unit * 0.16), 4, 0.5)
    away = (canvas.y - np.float32(canvas.horizon)) / np.float32(unit)
    depth = np.exp(-((np.minimum(away, 0) / np.float32(0.3)) ** 2) - (np.maximum(away, 0) / np.float32(0.22)) ** 2)
    cover = np.clip(depth * (np.float32(0.62) + np.float32(0.55) * banks), 0, 1) * np.float32(amount)
    lay(picture, mix(palette.low, palette.light, 0.25), np.asarray(cover, dtype=np.float32))


def rain(canvas: Canvas, picture: Field, amount: float) -> None:
    """Slanted threads, thin and far and some near."""
    height, width = canvas.shape
    light = mix(canvas.scene.palette.light, (0.85, 0.9, 1.0), 0.5)
    for length, thin, level, strength in ((0.05, 0.0016, 0.95, 0.3), (0.12, 0.0024, 1.15, 0.42)):
        wide = width + height // 4
        cell = (max(1.6, canvas.unit * thin), canvas.unit * length)
        straight = noise(canvas.rng, (height, wide), cell, 1)
        threads = smooth(level, level + 0.5, straight)
        slant = (np.arange(height) * 0.22).astype(int)[:, None] + np.arange(width)[None, :]
        slanted = np.take_along_axis(threads, np.clip(slant, 0, wide - 1), axis=1)
        glow(picture, light, slanted * np.float32(strength * amount))


def snow(canvas: Canvas, picture: Field, amount: float) -> None:
    """Flakes of three distances; the near ones are soft."""
    rng, unit = canvas.rng, canvas.unit
    for radius, soft, share, strength in ((0.0016, 0.8, 0.9, 0.8), (0.003, 1.4, 0.3, 0.85), (0.0075, 4.0, 0.05, 0.5)):
        sheet = Image.new("L", (canvas.width, canvas.height), 0)
        pen = ImageDraw.Draw(sheet)
        count = int(900 * share * amount * canvas.width * canvas.height / (unit * unit))
        for x, y, size in zip(
            rng.random(count) * canvas.width, rng.random(count) * canvas.height, rng.random(count), strict=True
        ):
            r = max(0.8, radius * unit * (0.6 + 0.8 * size))
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        flakes = blur(np.asarray(sheet, dtype=np.float32) / np.float32(255), max(1.0, soft * unit / 1000))
        lay(picture, (0.98, 0.98, 1.0), np.clip(flakes * np.float32(1.3 * strength), 0, 1))


def bolt_mask(canvas: Canvas) -> Field:
    """A forked flash from the clouds to the horizon, 0 to 1."""
    rng = canvas.rng
    sheet = Image.new("L", (canvas.width * 2, canvas.height * 2), 0)
    pen = ImageDraw.Draw(sheet)
    start = (0.2 + 0.6 * float(rng.random())) * canvas.width

    def fork(x: float, y: float, low: float, wide: float, depth: int) -> None:
        while y < low:
            nx, ny = (
                x + float(rng.normal(0, 0.022)) * canvas.unit,
                y + (0.012 + 0.03 * float(rng.random())) * canvas.unit,
            )
            pen.line([(2 * x, 2 * y), (2 * nx, 2 * ny)], fill=255, width=max(2, int(2 * wide * canvas.unit)))
            if depth and rng.random() < 0.16:
                fork(nx, ny, ny + (low - ny) * 0.5, wide * 0.55, depth - 1)
            x, y = nx, ny

    fork(start, canvas.horizon * 0.06, canvas.horizon, 0.0028, 2)
    return np.asarray(sheet.reduce(2), dtype=np.float32) / np.float32(255)


def lightning(canvas: Canvas, picture: Field) -> None:
    """The flash and the light it throws on the clouds."""
    bolt = bolt_mask(canvas)
    light = mix(canvas.scene.palette.light, (0.86, 0.88, 1.0), 0.6)
    glow(picture, light, np.clip(blur(bolt, canvas.unit * 0.05) * 5, 0, 0.55))
    glow(picture, light, np.clip(blur(bolt, canvas.unit * 0.006) * 3, 0, 0.8))
    lay(picture, (1.0, 1.0, 1.0), bolt)


def fall(canvas: Canvas, picture: Field) -> None:
    """All of the scene's weather that comes down in front of everything."""
    weathers = canvas.scene.weathers
    if "fog" in weathers:
        fog(canvas, picture, 0.62)
    if weathers & {"rain", "storm"}:
        rain(canvas, picture, 1.0)
    if weathers & {"snow", "flurry"}:
        snow(canvas, picture, 1.0 if "snow" in weathers else 0.3)
