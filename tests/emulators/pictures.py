"""Pictures as a provider would send them, and bytes that only pretend to be pictures.

The same inputs give the same bytes. The quick style writes PNG by hand, because an encoder's work on a large picture
would make up most of a test's time; the scene style draws something to look at.
"""

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Format = Literal["png", "jpeg", "webp"]
Style = Literal["quick", "scene"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a picture is made from."""

    model: str
    prompt: str
    width: int
    height: int
    seed: str = ""
    index: int = 0
    alpha: bool = False
    label: str = ""
    hue: float = 0.6
    draft: int = 0  # 1, 2 …: the picture while it is not finished yet


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes with what is said about them; `media_type` may be a lie."""

    data: bytes
    media_type: str
    width: int
    height: int


@lru_cache(maxsize=48)
def paint(subject: Subject, form: Format = "png", style: Style = "quick") -> Picture:
    data = _encode(subject, form, style)
    return Picture(data, MEDIA_TYPES[form], subject.width, subject.height)


def _digest(subject: Subject) -> bytes:
    text = f"{subject.model}\x00{subject.prompt}\x00{subject.seed}\x00{subject.index}"
    return hashlib.sha256(text.encode()).digest()


def _encode(subject: Subject, form: Format, style: Style) -> bytes:
    if style == "quick" and form == "png":
        return _quick_png(subject)
    image = _scene(subject) if style == "scene" else _gradient(subject)
    if form == "jpeg":
        image = image.convert("RGB")
    out = io.BytesIO()
    if form == "png":
        image.save(out, "PNG", compress_level=1)
    elif form == "jpeg":
        image.save(out, "JPEG", quality=85)
    else:
        image.save(out, "WEBP", quality=80, method=0)
    return out.getvalue()


def _ramp(subject: Subject) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """One colour per row, from the first colour of the digest to the second."""
    digest = _digest(subject)
    first = np.array([digest[0], digest[1], digest[2] ^ (subject.draft * 37 % 256)], dtype=np.float64)
    last = np.array([digest[3], digest[4], digest[5]], dtype=np.float64)
    steps = np.linspace(0.0, 1.0, subject.height)[:, None]
    return np.asarray(np.rint(first + (last - first) * steps), dtype=np.uint8).reshape(subject.height, 3)


def _quick_png(subject: Subject) -> bytes:
    """A vertical gradient. The filter Sub leaves zeros after the first pixel of each row, which pack at once
    (PNG, third edition, section 9.2)."""
    channels = 4 if subject.alpha else 3
    rows = np.zeros((subject.height, 1 + subject.width * channels), dtype=np.uint8)
    rows[:, 0] = 1
    rows[:, 1:4] = _ramp(subject)
    if subject.alpha:
        rows[:, 4] = np.where(np.arange(subject.height) < subject.height // 4, 0, 255)
    header = struct.pack(">IIBBBBB", subject.width, subject.height, 8, 6 if subject.alpha else 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _gradient(subject: Subject) -> Image.Image:
    column = Image.fromarray(_ramp(subject).reshape(subject.height, 1, 3), "RGB")
    return column.resize((subject.width, subject.height), Image.Resampling.NEAREST)


def _scene(subject: Subject) -> Image.Image:
    """Sky, a sun and three ranges of hills in the hue of the provider, with its name in a corner."""
    digest = _digest(subject)
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    scale = max(1.0, max(subject.width, subject.height) / 768)
    width, height = max(2, round(subject.width / scale)), max(2, round(subject.height / scale))
    hue = (subject.hue + float(rng.uniform(-0.05, 0.05))) % 1.0
    y = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    x = np.linspace(0, 1, width)[None, :] * np.ones((height, 1))
    hsv = np.stack([np.full_like(y, hue) + 0.08 * y, 0.55 - 0.35 * y, 0.62 + 0.36 * y], axis=-1)
    sun = np.exp(-((x - rng.uniform(0.2, 0.8)) ** 2 * (width / height) ** 2 + (y - rng.uniform(0.2, 0.45)) ** 2) * 160)
    hsv[..., 1] = hsv[..., 1] * (1 - sun)
    hsv[..., 2] = np.maximum(hsv[..., 2], sun)
    for layer in range(3):
        ridge = (
            0.55
            + 0.14 * layer
            + sum(
                float(rng.uniform(0.01, 0.06))
                / octave
                * np.sin(2 * np.pi * octave * (x[0] * float(rng.uniform(0.6, 1.4)) + float(rng.uniform(0, 1))))
                for octave in (1, 2, 4)
            )
        )
        hill = np.clip((y - ridge[None, :]) * height / 1.5, 0, 1)[..., None]
        colour = np.array([(hue + 0.04 * layer) % 1.0, 0.5 + 0.12 * layer, 0.62 - 0.19 * layer])
        hsv = hsv * (1 - hill) + colour * hill
    small = Image.fromarray(np.asarray(np.clip(hsv, 0, 1) % 1.0001 * 255, dtype=np.uint8), "HSV").convert("RGB")
    image = small.resize((subject.width, subject.height), Image.Resampling.BICUBIC)
    if subject.draft:
        image = image.filter(ImageFilter.GaussianBlur(max(image.size) / 24 / subject.draft))
    else:
        _caption(image, subject)
    if subject.alpha:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _caption(image: Image.Image, subject: Subject) -> None:
    draw = ImageDraw.Draw(image)
    unit = max(10, min(image.size) // 22)
    draw.text(
        (unit, unit), subject.label or subject.model, fill=(255, 255, 255), font=ImageFont.load_default(unit * 1.4)
    )
    words = subject.prompt if len(subject.prompt) <= 60 else subject.prompt[:57] + "..."
    draw.text((unit, image.height - 2 * unit), words, fill=(255, 255, 255), font=ImageFont.load_default(unit * 0.8))


def pixel_bomb(width: int = 60000, height: int = 60000) -> bytes:
    """A PNG of some hundred bytes whose header speaks of 3.6 gigapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(4096), 9))
        + _chunk(b"IEND", b"")
    )


SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    b'<script>alert(1)</script><rect width="64" height="64" fill="red"/></svg>'
)
TEXT = b"We could not draw this picture. Please try again later.\n"


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture that was sent to an emulator, or None when it is none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (OSError, ValueError):
        return None


def repainted(before: bytes, drawn: Picture, mask: bytes) -> Picture:
    """The drawn picture where a mask is bright, the one before elsewhere. What its pixels would let through does not count."""
    with (
        Image.open(io.BytesIO(drawn.data)) as new,
        Image.open(io.BytesIO(before)) as old,
        Image.open(io.BytesIO(mask)) as shade,
    ):
        size = new.size
        whole = Image.composite(new.convert("RGB"), old.convert("RGB").resize(size), shade.convert("L").resize(size))
        out = io.BytesIO()
        whole.save(out, new.format or "PNG")
    return replace(drawn, data=out.getvalue())


def has_alpha(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        return "A" in image.getbands() or "transparency" in image.info


def format_of(data: bytes) -> str:
    """The format by magic bytes: png, jpeg, webp, gif, bmp, tiff, or nothing."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    marks = {
        b"\x89PNG": "png",
        b"\xff\xd8\xff": "jpeg",
        b"GIF8": "gif",
        b"BM": "bmp",
        b"II*\x00": "tiff",
        b"MM\x00*": "tiff",
    }
    return next((name for mark, name in marks.items() if data.startswith(mark)), "")
