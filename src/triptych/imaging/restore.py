"""Puts back what an edit changed outside of its mask.

A model that takes no mask gets the picture whole and may change all of it. Its answer is brought to the size of the source,
moved back where it came a little off its place, and laid into the source through the mask: every pixel that the mask leaves
alone keeps the source's value. How much had changed there is measured first, and drawn as a small map. An answer that shows
another part of the picture (moved far, or larger or smaller) fits nowhere: it is left as it is.

The shift is found by phase correlation (Kuglin and Hines, 1975) outside of the mask, and believed only where the pictures
lie closer on each other with it than without.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from triptych.imaging.enlarge import columns_of, enlarged
from triptych.imaging.feather import feathered

Grey = NDArray[np.float32]
Waves = NDArray[np.complex64]
_Edges = tuple[tuple[int, int, int, int], Image.Image]
T = TypeVar("T")
CHANGED_FROM = 12
"""Of 255, in the channel that differs most: what a re-encoded file differs by is below it."""
SHIFT_SHOWN_PX = 2.0
"""Up to this an answer counts as in its place."""
_SHIFT_MENDED = 0.03  # of the long side; an answer that is further off shows another part of the picture
_SHAPE_SLACK = 0.03  # relative difference of the two ratios up to which an answer is only stretched
_SEEN_SIDE = 512  # at most; at this shifts are looked for
_COUNTED_SIDE = 1024  # at most; at this changes are counted
_HEAT_SIDE = 512
_SCALES = (
    *(1 + step / 100 for step in range(-6, 7) if step),
    *(1.03**step for step in range(-14, 15) if abs(step) > 2),
)
_SCALED_SIDE = 192
_ROUGH_SIDE = 96  # at which all scales are tried
_CLOSER = 6  # of these, the best, are looked at closely
_EVERY_ROW_BELOW = 128  # taller pictures tell enough with every second row
_TRIED_PIXELS = 80_000  # of pictures that are tried together: as many as stay in the processor's cache
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


class _Aside(Generic[T]):
    """Work that the second thread does when it comes to it, or whoever needs it sooner: neither waits for the other
    while there is something to do."""

    def __init__(self, thread: Executor, work: Callable[[], T]) -> None:
        self._work, self._done = work, thread.submit(work)

    def result(self) -> T:
        """To be asked for once."""
        return self._work() if self._done.cancel() else self._done.result()


@dataclass(frozen=True, slots=True)
class _Small:
    """A picture `every` times smaller, each pixel the mean of a square, and the same in grey. Everything is looked for in
    these: the large ones are read once."""

    image: Image.Image
    grey: Image.Image

    @classmethod
    def of(cls, large: Image.Image, every: int) -> "_Small":
        image = large.reduce(every)
        return cls(image, image.convert("L"))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both pictures, and 255 where a square is outside of the mask."""

    source: _Small
    answer: _Small
    outside: Image.Image
    every: int

    def greys(self, side: int) -> tuple[Image.Image, Image.Image, Image.Image, int]:
        """Both in grey and the outside, at most so long; and how many pixels of the large pictures one of them is."""
        source, answer = self.source.grey, self.answer.grey
        more = max(1, -(-max(source.size) // side))
        return source.reduce(more), answer.reduce(more), self.outside.reduce(more), more * self.every


def restore(source: Image.Image, mask: Image.Image, answer: Image.Image) -> Restoration:
    """`mask` is grey, as large as the source: 0 where the source is to be kept, 255 where the answer counts. A second
    thread shares the work: Pillow and NumPy let go of the interpreter in all that takes long."""
    stretched = abs(answer.width / answer.height * source.height / source.width - 1)
    if stretched > _SHAPE_SLACK:
        return Restoration(None, (0.0, 0.0), 1.0, None, None)
    mode = "RGBA" if "RGBA" in {source.mode, answer.mode} else "RGB"
    source, answer = (image if image.mode == mode else image.convert(mode) for image in (source, answer))
    if answer.size != source.size:
        answer = answer.resize(source.size, Image.Resampling.LANCZOS)
    aside = ThreadPoolExecutor(1)
    try:
        return _restored(source, mask, answer, aside)
    finally:
        aside.shutdown(cancel_futures=True)


def _restored(source: Image.Image, mask: Image.Image, answer: Image.Image, aside: Executor) -> Restoration:
    every = max(1, -(-max(source.size) // _COUNTED_SIDE))
    reduced, edges = _Aside(aside, partial(_Small.of, answer, every)), _Aside(aside, partial(_edges, mask))
    pair = _Pair(_Small.of(source, every), reduced.result(), left_alone(mask, every), every)
    counted = _Aside(aside, partial(_changes, pair))  # in vain for an answer that is to be moved
    shift = _shift_of(pair, aside)
    if max(map(abs, shift)) > _SHIFT_MENDED * max(source.size):
        return Restoration(None, shift, 1.0, None, None)
    if max(map(abs, shift)) > SHIFT_SHOWN_PX:
        answer = _moved(answer, (-round(shift[0]), -round(shift[1])))
        pair = replace(pair, answer=_Small.of(answer, every))
        counted = _Aside(aside, partial(_changes, pair))
    whole = _Aside(aside, lambda: _laid_in(source, answer, edges.result()))
    changed, seen = counted.result()
    if changed is not None and changed >= _LOOK_FOR_SCALE_FROM and (scale := _scale_of(pair, aside)) != 1.0:
        return Restoration(None, shift, scale, None, None)
    heat = None if changed is None else _heat(seen)
    return Restoration(whole.result(), shift, 1.0, changed, heat)


def composite(source: Image.Image, mask: Image.Image, answer: Image.Image) -> Image.Image:
    """The source with the answer in it where the mask says so, all of the same size; where the mask is 0 every value is
    the source's."""
    return _laid_in(source, answer, _edges(mask))


def _edges(mask: Image.Image) -> _Edges | None:
    """Where the mask is not 0, as a box and how much of the answer counts in it; None for a mask that is 0 all over."""
    box = mask.getbbox()
    return None if box is None else (box, feathered(mask, box))


def left_alone(mask: Image.Image, every: int) -> Image.Image:
    """255 where a square of the mask is 0, so many times smaller. Only where it is not 0 all over is it read closely."""
    wide, high = mask.size
    small, box = Image.new("L", (-(-wide // every), -(-high // every)), 255), mask.getbbox()
    if box is not None:
        left, top = box[0] // every, box[1] // every
        whole = (
            left * every,
            top * every,
            min(wide, -(-box[2] // every) * every),
            min(high, -(-box[3] // every) * every),
        )
        small.paste(mask.reduce(every, box=whole).point([255] + [0] * 255), (left, top))
    return small


def _laid_in(source: Image.Image, answer: Image.Image, edges: _Edges | None) -> Image.Image:
    whole = source.copy()
    if edges is not None:
        box, weights = edges
        whole.paste(answer.crop(box), box, weights)
    return whole


def _changes(pair: _Pair) -> tuple[int | None, Image.Image]:
    """How many of a thousand pixels outside of the mask differ, None where all is inside; and by how much each does."""
    bands = ImageChops.difference(pair.source.image, pair.answer.image).split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    seen = ImageChops.darker(most, pair.outside)
    total, changed = pair.outside.histogram()[255], sum(seen.histogram()[CHANGED_FROM:])
    if not total:
        return None, seen
    return (max(1, round(1000 * changed / total)) if changed else 0), seen


def _heat(seen: Image.Image) -> Image.Image:
    """From amber to red by how much it differs, transparent where it does not."""
    seen = seen.reduce(max(1, -(-max(seen.size) // _HEAT_SIDE)))
    green = seen.point([max(0, 190 - 3 * value) for value in range(256)])
    alpha = seen.point([0 if value < CHANGED_FROM else min(230, 96 + 2 * value) for value in range(256)])
    red = Image.new("L", seen.size, 235)
    return Image.merge("RGBA", (red, green, Image.new("L", seen.size, 0), alpha))


def _shift_of(pair: _Pair, aside: Executor) -> tuple[float, float]:
    """How far the answer lies right of and below its place, in pixels; (0, 0) where nothing speaks for a shift."""
    source, answer, outside, pixels = pair.greys(_SEEN_SIDE)
    shift = _shift(_grey(source), _grey(answer), _outside(outside), aside)
    return (shift[0] * pixels, shift[1] * pixels)


def _shift(first: Grey, second: Grey, outside: Grey, aside: Executor) -> tuple[float, float]:
    plain = _apart(first, second, outside, (0, 0))
    if plain < _NOISE or not outside.any():
        return (0.0, 0.0)
    waves = _Aside(aside, lambda: _waves(first * outside))
    here = _Aside(aside, lambda: _refined(first, second, outside, (0, 0)))
    others = _waves(second * outside)
    peaks = [peak for peak in dict.fromkeys(_peaks(_correlation(waves.result(), others, _size(first)))) if any(peak)]
    parts = [_Aside(aside, partial(_refined, first, second, outside, near)) for near in peaks]
    tried = [part.result() for part in reversed(parts)]  # the other thread begins with the first
    best, found = plain * _BELIEVED, (0.0, 0.0)
    for left, shift in (here.result(), *reversed(tried)):
        if left < best:
            best, found = left, shift
    return found


def _peaks(surface: Grey, most: int = 3) -> Iterator[tuple[int, int]]:
    """The shifts that the highest values stand for. Takes them out of the surface."""
    for _ in range(min(most, surface.size)):
        peak = int(surface.argmax())
        yield _place(surface, peak)
        surface.flat[peak] = -np.inf


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
    rows = slice(1, -1, 2 if len(here) >= _EVERY_ROW_BELOW else 1)
    weight = np.ascontiguousarray(weight[rows, 1:-1])
    counted = float(weight.sum())
    if not counted:
        return float("inf"), (0.0, 0.0)
    apart = there[rows, 1:-1] - here[rows, 1:-1]
    right, down = here[rows, 2:] - here[rows, :-2], here[2:][:: rows.step, 1:-1] - here[:-2][:: rows.step, 1:-1]
    right *= np.float32(0.5)
    down *= np.float32(0.5)
    weighted = (weight * right, weight * down)
    square = [[float(np.vdot(a, b)) for b in (right, down)] for a in weighted]
    side = [float(np.vdot(a, apart)) for a in weighted]
    more = np.clip(-np.linalg.lstsq(np.array(square), np.array(side), rcond=None)[0], -1, 1)
    apart += np.float32(more[0]) * right
    apart += np.float32(more[1]) * down
    left = float(np.vdot(np.abs(apart), weight)) / counted
    return left, (near[0] + float(more[0]), near[1] + float(more[1]))


@lru_cache(maxsize=4)
def _window(shape: tuple[int, ...]) -> Grey:
    """Fades to nothing towards the edges, which would be the strongest lines of the picture."""
    window: Grey = np.outer(np.hanning(shape[0]), np.hanning(shape[1])).astype(np.float32)
    return window


def _waves(grey: Grey) -> Waves:
    """Of one picture, or of each of several."""
    level = grey - grey.mean(axis=(-2, -1), keepdims=True)
    level *= _window(grey.shape[-2:])
    waves: Waves = np.fft.rfft2(level).astype(np.complex64, copy=False)
    return waves


def _correlation(one: Waves, two: Waves, shape: tuple[int, int]) -> Grey:
    """The phase correlation of two grey pictures: high where the second is the first moved by so much."""
    cross = two * np.conj(one)
    cross /= np.maximum(np.abs(cross), np.float32(1e-6))
    surface: Grey = np.fft.irfft2(cross, s=shape).astype(np.float32, copy=False)
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
    if pair is None:
        return float("inf")
    return float(np.vdot(np.abs(pair[0] - pair[1]), pair[2])) / float(pair[2].sum())


def _scale_of(pair: _Pair, aside: Executor) -> float:
    """By what the answer shows the picture larger (or smaller, below 1); 1.0 where nothing speaks for it."""
    rough = sorted(_left_over(pair, _ROUGH_SIDE, _SCALES, aside))[:_CLOSER]
    (plain, _), *close = _left_over(pair, _SCALED_SIDE, [1.0, *(scale for _, scale in rough)], aside)
    best, found = min(close)
    return found if best < plain * _BELIEVED else 1.0


def _left_over(pair: _Pair, side: int, scales: Sequence[float], aside: Executor) -> list[tuple[float, float]]:
    """For each scale how much the pictures, at most so long, differ in the place where they then lie closest; and the scale.
    For 1.0 they lie where they are."""
    source, answer, outside, _ = pair.greys(2 * side)
    factor = max(1.0, max(source.size) / side)
    size = (max(1, round(source.width / factor)), max(1, round(source.height / factor)))
    second = _grey(answer.resize(size, Image.Resampling.BOX))
    counts = _outside(outside.resize(size, Image.Resampling.BOX))
    waves = _waves(second * counts)
    columns = columns_of(source)

    def tried(some: Sequence[float]) -> list[tuple[float, float]]:
        firsts = np.stack([enlarged(columns, size, scale) for scale in some])
        surfaces = _correlation(_waves(firsts * counts), waves, _size(second))
        places = [
            (0, 0) if scale == 1.0 else _place(one, int(one.argmax()))
            for scale, one in zip(some, surfaces, strict=True)
        ]
        return [
            (_apart(first, second, counts, place), scale)
            for first, place, scale in zip(firsts, places, some, strict=True)
        ]

    few = _TRIED_PIXELS // second.size + 1
    parts = [_Aside(aside, partial(tried, scales[at : at + few])) for at in range(0, len(scales), few)]
    found = [part.result() for part in reversed(parts)]  # the other thread begins with the first
    return [one for part in reversed(found) for one in part]


def _size(grey: Grey) -> tuple[int, int]:
    high, wide = grey.shape
    return high, wide


def _grey(image: Image.Image) -> Grey:
    return np.asarray(image, dtype=np.float32)


def _outside(image: Image.Image) -> Grey:
    """1 where all of a small pixel is outside of the mask."""
    outside: Grey = (np.asarray(image) == 255).astype(np.float32)
    return outside


def _moved(image: Image.Image, by: tuple[int, int]) -> Image.Image:
    """Moved right and down; what comes in at an edge is what was there before."""
    moved = image.copy()
    moved.paste(image, by)
    return moved
