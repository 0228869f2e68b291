"""Whether a pixel size is anything near what a model makes, and what it does make."""

import math
from dataclasses import dataclass

from triptych.spec.image import AspectRatio, Size
from triptych.spec.model import Capabilities, SizeRule
from triptych.spec.sizing import resolution_side

_TOO_LARGE = 1.5  # times the largest side, and
_TOO_SMALL = 2.0  # the smallest side by this, is no matter of fitting any more


@dataclass(frozen=True, slots=True)
class _Range:
    """The smallest side, and the most pixels that the shorter and the longer side of a picture have."""

    smallest: float
    shorter: float
    longer: float
    words: str


def size_problem(caps: Capabilities, size: Size) -> str | None:
    """The sizes a model makes, in words, when the wanted one is far from all of them; None when it can be fitted."""
    makes = _range(caps)
    longest, shortest = max(size.width, size.height), min(size.width, size.height)
    fits = (
        shortest * _TOO_SMALL >= makes.smallest
        and shortest <= makes.shorter * _TOO_LARGE
        and longest <= makes.longer * _TOO_LARGE
        and longest <= shortest * 20
    )
    return None if fits else makes.words


def _range(caps: Capabilities) -> _Range:
    if caps.sizes:
        sizes = [Size.parse(text) for text in caps.sizes]
        sides = [side for size in sizes for side in (size.width, size.height)]
        shorter = max(min(size.width, size.height) for size in sizes)
        return _Range(min(sides), shorter, max(sides), ", ".join(caps.sizes))
    if caps.size_rule is not None:
        rule = caps.size_rule
        widest = min(rule.max_side, rule.max_short_side, math.sqrt(rule.max_pixels))
        return _Range(rule.min_side, widest, rule.max_side, _rule_words(rule))
    # A size class is an area: a long picture has a longer side than the square of that class.
    squares = [resolution_side(name) for name in caps.resolutions] or [1024]
    shapes = f" in the shapes {', '.join(caps.aspect_ratios)}" if caps.aspect_ratios else ""
    ratios = [AspectRatio.parse(text).value for text in caps.aspect_ratios if ":" in text] or [0.5, 2.0]
    stretch = math.sqrt(max(max(ratio, 1 / ratio) for ratio in ratios))
    words = f"{', '.join(caps.resolutions) or '1k'}{shapes}"
    return _Range(min(squares) / stretch, max(squares), max(squares) * stretch, words)


def _rule_words(rule: SizeRule) -> str:
    return f"sides from {rule.min_side} to {rule.max_side} pixels in steps of {rule.multiple}"
