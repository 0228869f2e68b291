"""Puts back what an edit changed outside of its mask.

A model that takes no mask gets the picture whole and may change all of it. Its answer is brought to the size of the source,
moved back where it came a little off its place, and laid into the source through the mask: every pixel that the mask leaves
alone keeps the source's value. How much had changed there is measured first, and drawn as a small map. An answer that shows
another part of the picture (moved far, or larger or smaller) fits nowhere: it is left as it is.

The shift is found by phase correlation (Kuglin and Hines, 1975) outside of the mask, and believed only where the pictures
lie closer on each other with it than without.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

Grey = NDArray[np.float32]
FEATHER_PX = 4
"""How far inside of a hard mask's edge the source fades into the answer."""
CHANGED_FROM = 12
"""Of 255, in the channel that differs most: what a re-encoded file differs by is below it."""
SHIFT_SHOWN_PX = 2.0
"""Up to this an answer counts as in its place."""
_SHIFT_MENDED = 0.03  # of the long side; an answer that is further off shows another part of the picture
_SHAPE_SLACK = 0.03  # relative difference of the two ratios up to which an answer is only stretched
_SEEN_SIDE = 512  # at which shifts are looked for
_COUNTED_SIDE = 1024  # at which changes are counted
_HEAT_SIDE = 512
_SCALES = (
    *(1 + step / 100 for step in range(-6, 7) if step),
    *(1.03**step for step in range(-14, 15) if abs(step) > 2),
)
_SCALED_SIDE = 192
_LOOK_FOR_SCALE_FROM = 250  # permille changed
_BELIEVED = 0.7  # how much of the difference may be left where a shift or a scale explains it
_NOISE = 2.0  # mean difference of grey values, below which there is nothing to explain


@dataclass(frozen=True, slots=True)
class Restoration:
    """What came of it. `image` is None when the answer shows another part of the picture (`reframed`).

    `shift` is how far the answer lies right of and below its place, in pixels of the source; `changed_permille` of the
    pixels outside of the mask differ, None where there is no outside or nothing to compare; `heat` shows where, on
    transparent ground.
    """

    image: Image.Image | None
    shift: tuple[float, float]
    scale: float
    changed_permille: int | None
    heat: Image.Image | None


def restore(source: Image.Image, mask: Image.Image, answer: Image.Image) -> Restoration:
    """`mask` is grey, as large as the source: 0 where the source is to be kept, 255 where the answer counts."""
    stretched = abs(answer.width / answer.height * source.height / source.width - 1)
    if stretched > _SHAPE_SLACK:
        return Restoration(None, (0.0, 0.0), 1.0, None, None)
    mode = "RGBA" if "RGBA" in {source.mode, answer.mode} else "RGB"
    source, answer = source.convert(mode), answer.convert(mode)
    if answer.size != source.size:
        answer = answer.resize(source.size, Image.Resampling.LANCZOS)
    shift = shift_of(source, answer, mask)
    if max(map(abs, shift)) > _SHIFT_MENDED * max(source.size):
        return Restoration(None, shift, 1.0, None, None)
    if max(map(abs, shift)) > SHIFT_SHOWN_PX:
        answer = _moved(answer, (-round(shift[0]), -round(shift[1])))
    changed, heat = changes(source, answer, mask)
    if changed is not None and changed >= _LOOK_FOR_SCALE_FROM and (scale := _scale_of(source, answer, mask)) != 1.0:
        return Restoration(None, shift, scale, None, None)
    return Restoration(composite(source, mask, answer), shift, 1.0, changed, heat)


def composite(source: Image.Image, mask: Image.Image, answer: Image.Image) -> Image.Image:
    """The source with the answer in it where the mask says so, all of the same size; where the mask is 0 every value is
    the source's."""
    whole = source.copy()
    box = mask.getbbox()
    if box is not None:
        whole.paste(answer.crop(box), box, _weights(mask, box))
    return whole


def _weights(mask: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The mask inside of its box, with soft edges. They fade inwards, never beyond the mask. A mask that is soft already
    stays as it is, and so do strokes too thin to fade."""
    inside = mask.crop(box)
    if sum(inside.histogram()[1:255]):
        return inside
    reach = (max(0, box[0] - FEATHER_PX), max(0, box[1] - FEATHER_PX),
             min(mask.width, box[2] + FEATHER_PX), min(mask.height, box[3] + FEATHER_PX))  # fmt: skip
    around = mask.crop(reach)
    blurred = around.filter(ImageFilter.BoxBlur(FEATHER_PX))
    core = blurred.point([0] * 255 + [255]).filter(ImageFilter.BoxBlur(FEATHER_PX)).point([255] + [0] * 255)
    faded = blurred.point([max(0, 2 * value - 255) for value in range(256)])
    soft = ImageChops.darker(ImageChops.lighter(faded, core), around)
    return soft.crop((box[0] - reach[0], box[1] - reach[1], box[2] - reach[0], box[3] - reach[1]))


def changes(source: Image.Image, answer: Image.Image, mask: Image.Image) -> tuple[int | None, Image.Image | None]:
    """How many of a thousand pixels outside of the mask differ, and a map of where; None where all is inside."""
    every = max(1, -(-max(source.size) // _COUNTED_SIDE))
    difference = ImageChops.difference(source.reduce(every), answer.reduce(every))
    bands = difference.split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    outside = mask.reduce(every).point([255] + [0] * 255)
    counted = most.histogram(outside)
    total = sum(counted)
    if not total:
        return None, None
    changed = sum(counted[CHANGED_FROM:])
    permille = max(1, round(1000 * changed / total)) if changed else 0
    return permille, _heat(most, outside)


def _heat(most: Image.Image, outside: Image.Image) -> Image.Image:
    """From amber to red by how much it differs, transparent where it does not or is inside of the mask."""
    seen = ImageChops.multiply(most, outside)
    seen.thumbnail((_HEAT_SIDE, _HEAT_SIDE), Image.Resampling.BOX)
    green = seen.point([max(0, 190 - 3 * value) for value in range(256)])
    alpha = seen.point([0 if value < CHANGED_FROM else min(230, 96 + 2 * value) for value in range(256)])
    red = Image.new("L", seen.size, 235)
    return Image.merge("RGBA", (red, green, Image.new("L", seen.size, 0), alpha))


def shift_of(source: Image.Image, answer: Image.Image, mask: Image.Image) -> tuple[float, float]:
    """How far the answer lies right of and below its place, in pixels; (0, 0) where nothing speaks for a shift."""
    factor = max(1.0, max(source.size) / _SEEN_SIDE)
    small = (max(1, round(source.width / factor)), max(1, round(source.height / factor)))
    first, second = _grey(source, small), _grey(answer, small)
    outside = _outside(mask, small)
    shift = _shift(first, second, outside)
    return (shift[0] * source.width / small[0], shift[1] * source.height / small[1])


def _shift(first: Grey, second: Grey, outside: Grey) -> tuple[float, float]:
    plain = _apart(first, second, outside, (0, 0))
    if plain < _NOISE or not outside.any():
        return (0.0, 0.0)
    surface = _correlation(first * outside, second * outside)
    peaks = [(0, 0), *(_place(surface, int(peak)) for peak in np.argpartition(surface, -3, axis=None)[-3:])]
    best, found = plain * _BELIEVED, (0.0, 0.0)
    for near in dict.fromkeys(peaks):
        left, shift = _refined(first, second, outside, near)
        if left < best:
            best, found = left, shift
    return found


def _place(surface: Grey, peak: int) -> tuple[int, int]:
    """The shift, right and down, that a peak stands for."""
    down, right = (int(value) for value in np.unravel_index(peak, surface.shape))
    high, wide = surface.shape
    return (right - wide if right > wide // 2 else right, down - high if down > high // 2 else down)


def _refined(first: Grey, second: Grey, outside: Grey, near: tuple[int, int]) -> tuple[float, tuple[float, float]]:
    """What is left of the mean difference at a shift near this one, and that shift, to parts of a pixel (one step of
    Lucas and Kanade, 1981)."""
    pair = _overlap(first, second, outside, near)
    if pair is None:
        return float("inf"), (0.0, 0.0)
    here, there, weight = pair
    down, right = np.gradient(here)
    apart = there - here
    square = [[float((weight * a * b).sum()) for b in (right, down)] for a in (right, down)]
    side = [float((weight * a * apart).sum()) for a in (right, down)]
    more = np.clip(-np.linalg.lstsq(np.array(square), np.array(side), rcond=None)[0], -1, 1)
    left = float((np.abs(apart + more[0] * right + more[1] * down) * weight).sum()) / float(weight.sum())
    return left, (near[0] + float(more[0]), near[1] + float(more[1]))


def _correlation(first: Grey, second: Grey) -> Grey:
    """The phase correlation of two grey pictures: high where the second is the first moved by so much."""
    window = np.outer(np.hanning(first.shape[0]), np.hanning(first.shape[1])).astype(np.float32)
    one, two = (np.fft.rfft2((grey - grey.mean()) * window) for grey in (first, second))
    cross = two * np.conj(one)
    surface: Grey = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), s=first.shape).astype(np.float32)
    return surface


def _overlap(first: Grey, second: Grey, outside: Grey, shift: tuple[int, int]) -> tuple[Grey, Grey, Grey] | None:
    """The parts of both that show the same with the second moved back, and what of them counts."""
    right, down = shift
    height, width = first.shape
    if abs(right) > width // 2 or abs(down) > height // 2:
        return None
    there = (slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right)))
    here = (slice(max(0, -down), height + min(0, -down)), slice(max(0, -right), width + min(0, -right)))
    weight = outside[here] * outside[there]
    enough = min(weight.shape) > 1 and weight.any()
    return (first[here], second[there], weight) if enough else None


def _apart(first: Grey, second: Grey, outside: Grey, shift: tuple[int, int]) -> float:
    """The mean difference outside of the mask with the second moved back; infinite where nothing lies on each other."""
    pair = _overlap(first, second, outside, shift)
    return float("inf") if pair is None else float((np.abs(pair[0] - pair[1]) * pair[2]).sum()) / float(pair[2].sum())


def _scale_of(source: Image.Image, answer: Image.Image, mask: Image.Image) -> float:
    """By what the answer shows the picture larger (or smaller, below 1); 1.0 where nothing speaks for it."""
    factor = max(1.0, max(source.size) / _SCALED_SIDE)
    size = (max(1, round(source.width / factor)), max(1, round(source.height / factor)))
    outside, target = _outside(mask, size), _grey(answer, size)
    plain = _apart(_grey(source, size), target, outside, (0, 0))
    best, found = plain * _BELIEVED, 1.0
    for scale in _SCALES:
        wide, high = size[0] / scale, size[1] / scale
        left, top = (size[0] - wide) / 2, (size[1] - high) / 2
        box = tuple(value * factor for value in (left, top, left + wide, top + high))
        seen = source.transform(size, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        first = _grey(seen, size)
        surface = _correlation(first * outside, target * outside)
        left_over = _apart(first, target, outside, _place(surface, int(surface.argmax())))
        if left_over < best:
            best, found = left_over, scale
    return found


def _grey(image: Image.Image, size: tuple[int, int]) -> Grey:
    return np.asarray(image.convert("RGB").convert("L").resize(size, Image.Resampling.BOX), dtype=np.float32)


def _outside(mask: Image.Image, size: tuple[int, int]) -> Grey:
    """1 where all of a small pixel is outside of the mask."""
    outside: Grey = (np.asarray(mask.resize(size, Image.Resampling.BOX)) == 0).astype(np.float32)
    return outside


def _moved(image: Image.Image, by: tuple[int, int]) -> Image.Image:
    """Moved right and down; what comes in at an edge is what was there before."""
    moved = image.copy()
    moved.paste(image, by)
    return moved
