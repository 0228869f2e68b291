"""Where a painter works: opens the pictures it is given, paints step by step, frames masks, and packs the result."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageOps

from triptych.imaging.decode import encode, flattened, open_picture
from triptych.imaging.mask import mask_from_alpha
from triptych.providers.demo.commission import Commission, tinted
from triptych.providers.demo.composing import compose
from triptych.providers.demo.field import Colour, Field, luma
from triptych.providers.demo.job import Job, Painter, Pixels, pixels
from triptych.providers.demo.reading import read
from triptych.providers.demo.scene import Scene, stable
from triptych.spec.errors import BadRequestError
from triptych.spec.image import InputImage, Size

INNER_PIXELS = 5_000_000
"""Larger pictures are painted at this size and enlarged; the adjustments say so."""
_PREVIEW_SIDE = 320
_MIN_SOURCE = 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is on the easel after a step: its preview, and the finished file after the last one."""

    preview: bytes | None
    finished: bytes | None


@dataclass(frozen=True, slots=True)
class Materials:
    """The pictures of a commission, opened. `source` has an alpha channel where the file had one."""

    size: Size
    source: Image.Image | None
    mask: Field | None
    tints: tuple[Colour, ...]


def open_materials(commission: Commission) -> Materials:
    """Opens everything that came with the request. Raises BadRequestError or HostileContentError."""
    tints = tuple(colour for image in commission.references for colour in _main_colours(image))
    if commission.source is None:
        return Materials(commission.size or Size(1024, 1024), None, None, tints)
    source = open_picture(commission.source.data)
    if min(source.size) < _MIN_SOURCE or max(source.size) > 4096:
        raise BadRequestError(
            f"The picture to edit has {source.width}x{source.height} pixels; its sides must be from {_MIN_SOURCE} to 4096.",
            param="image", hint="Scale it first.", provider="demo",
        )  # fmt: skip
    mask = None if commission.mask is None else mask_from_alpha(commission.mask.data, source.size)
    if commission.size is not None and (commission.size.width, commission.size.height) != source.size:
        wanted = (commission.size.width, commission.size.height)
        source = ImageOps.fit(source, wanted, Image.Resampling.LANCZOS)
        if mask is not None:
            sheet = Image.fromarray(mask, "F")
            mask = np.asarray(ImageOps.fit(sheet, wanted, Image.Resampling.BILINEAR), dtype=np.float32).clip(0, 1)
    return Materials(Size(source.width, source.height), source, mask, tints)


def _main_colours(image: InputImage) -> list[Colour]:
    return _colours_of(flattened(open_picture(image.data)))


def _colours_of(picture: Image.Image) -> list[Colour]:
    """The two colours that a picture is remembered by: common, and the more colourful the better."""
    small = picture.copy()
    small.thumbnail((96, 96))
    table = small.quantize(8, Image.Quantize.MEDIANCUT)
    palette = table.getpalette() or []
    ranked: list[tuple[float, Colour]] = []
    for number, index in table.getcolors() or []:
        if not isinstance(index, int):
            continue
        colour = (palette[3 * index] / 255, palette[3 * index + 1] / 255, palette[3 * index + 2] / 255)
        spread = max(colour) - min(colour)
        ranked.append((number**0.5 * (0.15 + spread) * (0.4 + min(luma(colour), 0.7)), colour))
    return [colour for _, colour in sorted(ranked, reverse=True)[:2]]


def paint(painter: Painter, model: str, commission: Commission, materials: Materials, index: int) -> Iterator[Sheet]:
    """One picture, step by step; the last sheet has the file. Runs as long as it is asked for the next step."""
    seed = commission.seeds[index]
    box = _box(materials, commission)
    size = Size(box[2] - box[0], box[3] - box[1]) if box else materials.size
    inner = _inner(size)
    if box is not None and materials.source is not None:
        around = _colours_of(flattened(materials.source).crop(box))
        materials = replace(materials, tints=(*materials.tints, *around[:1]))
    scene = _scene(commission, materials, seed, size)
    source = None if materials.source is None or box else _as_field(materials.source, inner)
    job = Job(scene=scene, width=inner.width, height=inner.height, strength=commission.whim.strength, source=source,
              framed=materials.source is None,
              seed=stable("paint", model, commission.words, seed, size) % (1 << 63))  # fmt: skip
    last: Field | None = None
    for frame in painter.paint(job):
        last = frame
        yield Sheet(_preview(frame) if commission.previews else None, None)
    if last is None:
        return
    image = Image.fromarray(pixels(last), "RGB")
    if image.size != (size.width, size.height):
        image = image.resize((size.width, size.height), Image.Resampling.LANCZOS)
    image = _within_mask(image, materials, box)
    yield Sheet(None, _packed(image, commission))


def scene_of(commission: Commission, materials: Materials, index: int) -> Scene:
    """What the painter has understood, for the record."""
    return _scene(commission, materials, commission.seeds[index], materials.size)


def _scene(commission: Commission, materials: Materials, seed: int, size: Size) -> Scene:
    whim = tinted(commission.whim, materials.tints)
    return compose(commission.words, commission.avoided, seed, size.width / size.height, whim)


def _inner(size: Size) -> Size:
    if size.pixels <= INNER_PIXELS:
        return size
    share = (INNER_PIXELS / size.pixels) ** 0.5
    return Size(max(1, round(size.width * share)), max(1, round(size.height * share)))


def _box(materials: Materials, commission: Commission) -> tuple[int, int, int, int] | None:
    """For a masked edit whose words name a thing: the place that is painted anew. Other edits repaint the picture."""
    if materials.mask is None or not read(commission.words).layer("figure"):
        return None
    rows, columns = np.nonzero((materials.mask > 0).any(axis=1))[0], np.nonzero((materials.mask > 0).any(axis=0))[0]
    if not len(rows) or columns[-1] - columns[0] < 48 or rows[-1] - rows[0] < 48:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _as_field(source: Image.Image, size: Size) -> Field:
    plain = flattened(source)
    if plain.size != (size.width, size.height):
        plain = plain.resize((size.width, size.height), Image.Resampling.LANCZOS)
    return np.asarray(plain, dtype=np.float32) / np.float32(255)


def _within_mask(image: Image.Image, materials: Materials, box: tuple[int, int, int, int] | None) -> Image.Image:
    """Only what the mask opens is new; every other pixel is that of the given picture, to the last bit."""
    if materials.mask is None or materials.source is None:
        return image
    source = materials.source
    if box is not None:
        whole = flattened(source)
        whole.paste(image, box[:2])
        image = whole
    old: Pixels = np.asarray(source)
    share = materials.mask[..., None]
    new = np.asarray(image.convert(source.mode), dtype=np.float32)
    blended = (old.astype(np.float32) * (1 - share) + new * share + np.float32(0.5)).astype(np.uint8)
    return Image.fromarray(np.where(share > 0, blended, old), source.mode)


def _preview(frame: Field) -> bytes:
    step = max(1, -(-max(frame.shape[:2]) // (2 * _PREVIEW_SIDE)))
    small = Image.fromarray(pixels(frame[::step, ::step]), "RGB")
    small.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.BILINEAR)
    return encode(small, "image/webp", 72, quick=True)


def _packed(image: Image.Image, commission: Commission) -> bytes:
    if commission.media_type == "image/webp" and commission.mask is not None:
        out = io.BytesIO()
        image.save(out, "WEBP", lossless=True, exact=True, method=1)
        return out.getvalue()
    return encode(image, commission.media_type, commission.quality, quick=True)
