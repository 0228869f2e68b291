"""The formats of a key-visual kit: their sizes, what covers them where they are shown, and the window that each cuts out of a
picture. One table, each line with its source.

Insets are thousandths of the width (left, right) or height (top, bottom). A window is in pixels of the picture it is
laid on.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from triptych.spec.errors import BadRequestError
from triptych.spec.image import AspectRatio, Size
from triptych.spec.json import JsonObject
from triptych.spec.kit import KitFormat

OWN = "own"
MOST_SIDE, LEAST_SIDE = 8192, 64
_MOST_PIXELS = 64_000_000
_LONG = 1920  # pixels of the long side of an own ratio, the side that most screens have
_SHAPE = re.compile(r"\s*(\d{1,5})\s*([:x×])\s*(\d{1,5})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A part of a picture that is covered or may be cut off. `kind` is `title` (words stay inside), `action` (what matters
    stays inside) or `cover` (a program lays its own controls over what is outside of it)."""

    kind: str
    name: str
    top: int
    right: int
    bottom: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A row of the table. `use` says what it is for; `source` where size and zones come from."""

    kind: str
    ratio: str
    size: Size
    use: str
    zones: tuple[Zone, ...]
    source: str


def _even(kind: str, name: str, inset: int) -> Zone:
    return Zone(kind=kind, name=name, top=inset, right=inset, bottom=inset, left=inset)


_SMPTE = (_even("action", "Action safe, 93 %", 35), _even("title", "Title safe, 90 %", 50))
_FILM = "SMPTE ST 2046-1:2009: safe action 93 %, safe title 90 % of width and height"
_FEED = (_even("title", "Margin of 5 %", 50),)
_FEED_WORDS = "a margin of 5 %, a working habit and no platform's rule"
_STORY = Zone(kind="cover", name="Story controls", top=140, right=0, bottom=200, left=0)
_REELS = Zone(kind="cover", name="Reel controls", top=140, right=60, bottom=350, left=60)
_PRINT = (_even("action", "Trim margin, about 5 mm", 17), _even("title", "Printers' margin, about 10 mm", 34))

FORMATS: Mapping[str, Format] = MappingProxyType({
    each.kind: each
    for each in (
        Format(kind="1x1", ratio="1:1", size=Size(1080, 1080), use="Feed, square", zones=_FEED, source=_FEED_WORDS),
        Format(kind="4x5", ratio="4:5", size=Size(1080, 1350), use="Feed, upright", zones=_FEED, source=_FEED_WORDS),
        Format(kind="9x16", ratio="9:16", size=Size(1080, 1920), use="Story, reel", zones=(_STORY, _REELS),
               source="Meta's ads guide: for stories leave about 14 % at the top and 20 % at the bottom free, for reels 14 %, "
               "35 % and 6 % on each side; other platforms differ"),
        Format(kind="16x9", ratio="16:9", size=Size(1920, 1080), use="Screen, video", zones=_SMPTE, source=_FILM),
        Format(kind="21x9", ratio="21:9", size=Size(2520, 1080), use="Banner, wide screen", zones=_SMPTE, source=_FILM),
        Format(kind="a4", ratio="210:297", size=Size(2480, 3508), use="Print, A4 at 300 dpi", zones=_PRINT,
               source="ISO 216: 210 × 297 mm; 2480 × 3508 pixels at 300 dots an inch; the margins are printers' habit"),
    )
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture, in its pixels, right and bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def window(picture: Size, wanted: Size, focus: tuple[int, int]) -> Window:
    """The largest part of a picture in the shape of `wanted`, as near around the focus as the edges allow."""
    scale = min(Fraction(picture.width, wanted.width), Fraction(picture.height, wanted.height))
    width = max(1, min(picture.width, round(wanted.width * scale)))
    height = max(1, min(picture.height, round(wanted.height * scale)))
    left = _around(focus[0], width, picture.width)
    top = _around(focus[1], height, picture.height)
    return Window(left, top, left + width, top + height)


def _around(focus: int, side: int, whole: int) -> int:
    return max(0, min(whole - side, round(focus * whole / 1000 - side / 2)))


def enlarged(part: Window, wanted: Size) -> int:
    """By how much a window is enlarged to the delivered size, in per cent; 100 or less: not at all."""
    return round(100 * max(wanted.width / part.width, wanted.height / part.height))


def loss(picture: Size, part: Window) -> int:
    """What is cut off of a picture, in per cent of its area."""
    return round(100 - 100 * part.width * part.height / picture.pixels)


def read_format(text: str) -> tuple[str, str, Size]:
    """Kind, ratio and size of a format as it is told: the kind of a row, `3:2`, or `1200x628`. Raises BadRequestError."""
    if text in FORMATS:
        return text, FORMATS[text].ratio, FORMATS[text].size
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise BadRequestError(f"{text[:40]!r} is no format.", hint=f"Name one of {', '.join(FORMATS)}, a ratio like 3:2, or a "
                              "size like 1200x628.", param="format")  # fmt: skip
    first, second = int(found[1]), int(found[3])
    if not first or not second or max(first, second) > 20 * min(first, second):
        raise BadRequestError(f"{text.strip()} is no shape that a picture can have.",
                              hint="The long side is at most 20 times the short one.", param="format")  # fmt: skip
    if found[2] == ":":
        ratio = AspectRatio(first, second)
        return _row_of(ratio) or (OWN, str(ratio), _size_of(ratio))
    size = Size(first, second)
    if min(first, second) < LEAST_SIDE or max(first, second) > MOST_SIDE or size.pixels > _MOST_PIXELS:
        raise BadRequestError(f"{size} cannot be delivered.", hint=f"Sides are {LEAST_SIDE} to {MOST_SIDE} pixels, and 64 "
                              "megapixels the most.", param="format")  # fmt: skip
    return OWN, str(size.ratio), size


def _row_of(ratio: AspectRatio) -> tuple[str, str, Size] | None:
    same = (row for row in FORMATS.values() if math.isclose(AspectRatio.parse(row.ratio).value, ratio.value))
    return next(((row.kind, row.ratio, row.size) for row in same), None)


def _size_of(ratio: AspectRatio) -> Size:
    """The largest size of whole multiples of a ratio up to the long side; a ratio of large numbers is rounded."""
    longest = max(ratio.width, ratio.height)
    if longest <= _LONG // 8:
        times = _LONG // longest
        return Size(ratio.width * times, ratio.height * times)
    return Size(round(_LONG * ratio.width / longest), round(_LONG * ratio.height / longest))


def size_of(made: KitFormat) -> Size:
    """What is delivered of a format."""
    return Size(made.width, made.height)


def format_json(row: Format) -> JsonObject:
    """A row of the table as the page gets it."""
    return {
        "kind": row.kind, "ratio": row.ratio, "width": row.size.width, "height": row.size.height, "use": row.use,
        "source": row.source, "zones": [zone_json(zone) for zone in row.zones],
    }  # fmt: skip


def zone_json(zone: Zone) -> JsonObject:
    """A zone as the page gets it."""
    return {
        "kind": zone.kind,
        "name": zone.name,
        "top": zone.top,
        "right": zone.right,
        "bottom": zone.bottom,
        "left": zone.left,
    }
