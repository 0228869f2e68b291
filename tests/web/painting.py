"""Pictures for the tests and the screenshots: a landscape for each prompt, another hand for each model."""

import hashlib
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SKIES = [((24, 34, 58), (236, 150, 96)), ((12, 40, 46), (240, 206, 150)), ((58, 24, 52), (250, 178, 140)), ((20, 28, 40), (168, 196, 214)),
         ((70, 40, 28), (246, 220, 170)), ((30, 44, 34), (214, 226, 180))]  # fmt: skip


def _mix(a: tuple[int, int, int], b: tuple[int, int, int], t: float) -> tuple[int, int, int]:
    red, green, blue = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return red, green, blue


@lru_cache(128)
def paint(model: str, prompt: str, ratio: float, side: int = 720) -> tuple[bytes, int, int]:
    """A PNG, its width and its height."""
    height = side if ratio <= 1 else round(side / ratio)
    width = round(height * ratio)
    seed = int.from_bytes(hashlib.sha256(f"{model}{prompt}".encode()).digest()[:4])
    random = np.random.default_rng(seed)
    dark, light = SKIES[seed % len(SKIES)]
    down = np.linspace(0, 1, height)[:, None, None] ** 1.3
    sky = np.array(dark) + (np.array(light) - np.array(dark)) * down + random.normal(0, 2.2, (height, width, 1))
    image = Image.fromarray(np.clip(np.broadcast_to(sky, (height, width, 3)), 0, 255).astype("uint8"))
    draw = ImageDraw.Draw(image)
    sun_x, sun_y, sun = (
        width * random.uniform(0.25, 0.75),
        height * random.uniform(0.3, 0.55),
        min(width, height) * random.uniform(0.05, 0.12),
    )
    draw.ellipse([sun_x - sun, sun_y - sun, sun_x + sun, sun_y + sun], fill=_mix(light, (255, 250, 235), 0.7))
    if not model.endswith("woodcut"):
        image = image.filter(ImageFilter.GaussianBlur(side / 200))
        draw = ImageDraw.Draw(image)
    x = np.arange(width + 1)
    for layer in range(5):
        base = height * (0.55 + layer * 0.09)
        ridge = np.full(width + 1, base)
        for k in (1, 2, 3, 5, 9):
            bend = x / width * 6.3 * k * random.uniform(0.6, 1.4) + random.uniform(0, 6.3)
            ridge = ridge + height * 0.05 / k * np.sin(bend)
        points = [(float(a), float(b)) for a, b in zip(x, ridge, strict=True)]
        draw.polygon([*points, (width, height), (0, height)], fill=_mix(light, dark, 0.35 + layer * 0.16))
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue(), width, height
