"""Which size, shape or class a model is asked for when it cannot make exactly what was wanted.

Pure functions over what a card offers, so that the fitting, the price and the page always agree.
"""

import math
from functools import lru_cache

from triptych.spec.image import AspectRatio, ImageRequest, Size
from triptych.spec.model import Capabilities, SizeRule

_CLASS_SIDES = {"512": 512, "768": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "3k": 3072, "4k": 4096}


def resolution_side(resolution: str) -> int:
    """Side in pixels of the square that a size class like `2k` stands for; 1024 for a class nobody knows."""
    return _CLASS_SIDES.get(resolution.lower(), 1024)


def nearest_ratio(wanted: AspectRatio, allowed: tuple[str, ...]) -> AspectRatio:
    """The allowed ratio nearest to the wanted one on a logarithmic scale, so that 2:1 and 1:2 are equally far.

    Raises ValueError when `allowed` holds no ratio.
    """
    return min(_ratios(allowed), key=lambda ratio: abs(math.log(ratio.value / wanted.value)))


@lru_cache(maxsize=256)
def _ratios(texts: tuple[str, ...]) -> tuple[AspectRatio, ...]:
    return tuple(AspectRatio.parse(text) for text in texts if ":" in text)


@lru_cache(maxsize=256)
def _sizes(texts: tuple[str, ...]) -> tuple[Size, ...]:
    return tuple(Size.parse(text) for text in texts)


def size_allowed(rule: SizeRule, size: Size) -> bool:
    """Whether the rule takes this size as it is."""
    return (
        size.width % rule.multiple == 0
        and size.height % rule.multiple == 0
        and min(size.width, size.height) >= rule.min_side
        and max(size.width, size.height) <= rule.max_side
        and min(size.width, size.height) <= rule.max_short_side
        and rule.min_pixels <= size.pixels <= rule.max_pixels
        and rule.min_ratio <= size.width / size.height <= rule.max_ratio
    )


@lru_cache(maxsize=1024)
def size_within(rule: SizeRule, ratio: AspectRatio, pixels: int) -> Size:
    """The size nearest to that shape and about that many pixels which the rule allows.

    For each width that the rule has, the height that fits the shape best is tried; the best allowed pair wins. Raises
    ValueError when the rule allows no size at all.
    """
    value = min(max(ratio.value, rule.min_ratio), rule.max_ratio)
    pixels = min(max(pixels, rule.min_pixels), rule.max_pixels)
    step = rule.multiple
    ideal = math.sqrt(pixels * value)
    best: tuple[float, Size] | None = None
    for width in range(-(-rule.min_side // step) * step, rule.max_side + 1, step):
        for height in _heights(rule, width, width / value):
            size = Size(width, height)
            if not size_allowed(rule, size):
                continue
            shape = abs(math.log(width / height / value))
            cost = 8 * shape + abs(math.log(width / ideal))
            if best is None or cost < best[0]:
                best = (cost, size)
    if best is None:
        raise ValueError("the size rule of this card allows no size")
    return best[1]


def _heights(rule: SizeRule, width: int, wanted: float) -> set[int]:
    """The heights worth trying at a width: around the shape, and at the edges of what the rule allows there."""
    step = rule.multiple
    low = max(rule.min_side, -(-rule.min_pixels // width), math.ceil(width / rule.max_ratio))
    widest = rule.max_side if width <= rule.max_short_side else min(rule.max_side, rule.max_short_side)
    high = min(widest, rule.max_pixels // width, math.floor(width / rule.min_ratio))
    near = int(wanted // step) * step
    edges = {-(-low // step) * step, high // step * step}
    return {height for height in {near, near + step} | edges if low <= height <= high}


def shape_of_edit(request: ImageRequest) -> AspectRatio | None:
    """The shape of the picture that is to be changed; None where there is none."""
    source = next((image for image in request.images if image.role == "edit"), None)
    return Size(source.width, source.height).ratio if source is not None and source.width and source.height else None


def choose_size(caps: Capabilities, request: ImageRequest) -> Size | None:
    """The pixel size for a card that lists sizes or has a rule for them; None when nothing was asked for, or when the
    card has neither. Where only a size class is asked for, a picture that is to be changed keeps its shape."""
    if request.size is None and request.aspect_ratio is None and request.resolution is None:
        return None
    if request.size is not None and caps.size_rule is not None and size_allowed(caps.size_rule, request.size):
        return request.size
    side = resolution_side(request.resolution or caps.default_resolution or "1k")
    ratio = request.aspect_ratio or (
        request.size.ratio if request.size else shape_of_edit(request) or AspectRatio(1, 1)
    )
    pixels = request.size.pixels if request.size else side * side
    if caps.sizes:
        return min(
            _sizes(caps.sizes), key=lambda s: (abs(math.log(s.width / s.height / ratio.value)), abs(s.pixels - pixels))
        )
    return size_within(caps.size_rule, ratio, pixels) if caps.size_rule is not None else None


def choose_resolution(caps: Capabilities, request: ImageRequest) -> str | None:
    """The size class from the card's list: as asked, else the smallest that covers a pixel size, else None."""
    asked, size = request.resolution, request.size
    if not caps.resolutions or (asked is None and size is None):
        return None
    side = resolution_side(asked) if asked else math.isqrt(size.pixels) if size else 1024
    offered = sorted(caps.resolutions, key=resolution_side)
    return next((name for name in offered if resolution_side(name) >= side * 0.9), offered[-1])
