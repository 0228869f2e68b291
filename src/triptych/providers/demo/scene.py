"""A scene: a sky, a ground, a source of light, and figures with their places. What every painter starts from."""

import hashlib
from dataclasses import dataclass, field

from triptych.providers.demo.field import Colour
from triptych.providers.demo.palette import Palette


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing in the picture. `x` and `base` are shares of width and height, `size` is a share of the height that the
    shape of the picture offers, `tilt` in degrees."""

    kind: str
    x: float
    base: float
    size: float
    colour: Colour
    trim: Colour
    flip: bool = False
    afloat: bool = False
    metal: bool = False
    tilt: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture before any painter. Places are shares of width and height, from the top left corner."""

    palette: Palette
    hour: str
    ground: str
    horizon: float
    light: tuple[float, float]
    source: str | None  # sun, moon, crescent
    source_size: float
    figures: tuple[Figure, ...]
    weathers: frozenset[str] = frozenset()
    backdrops: frozenset[str] = frozenset()
    indoors: bool = False
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whim:
    """How far a painter may go: all 0 to 1. `variety` moves the composition with the seed, `oddity` bends colours and
    things, `strength` is how much of the style is used (0.5 is plain)."""

    strength: float = 0.5
    variety: float = 0.0
    oddity: float = 0.0
    tints: tuple[Colour, ...] = field(default=())
    tint_share: float = 0.0


def stable(*parts: object) -> int:
    """The same whole number for the same parts, on every machine and in every year."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
