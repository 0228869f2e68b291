"""By how much a picture differs from what was asked for: shape, pixels and size class, in words and in numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from triptych.spec.image import AspectRatio, Size
from triptych.spec.json import Json
from triptych.spec.records import PictureRecord
from triptych.spec.sizing import resolution_side

_LEAST_PERMILLE = 5
_PLAIN_RATIO = 40  # sides of a ratio above this say nothing to a person
_CLASS_SLACK = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How far one thing that was asked for was missed. `permille` is of the picture, or of its pixels."""

    feature: str
    words: str
    permille: int


def amounts(request: Mapping[str, Json], pictures: Sequence[PictureRecord]) -> tuple[Amount, ...]:
    """What can be measured of these pictures against a tile's request, each thing once."""
    found = (amount for picture in pictures for amount in _of(request, picture))
    return tuple(dict.fromkeys(found))


def _of(request: Mapping[str, Json], picture: PictureRecord) -> Iterator[Amount]:
    came = Size(picture.width, picture.height)
    asked_size = Size.parse(str(request["size"])) if "size" in request else None
    asked = AspectRatio.parse(str(request["aspect_ratio"])) if "aspect_ratio" in request else None
    shape = asked or (asked_size.ratio if asked_size is not None else None)
    if shape is not None:
        yield from _shape("aspect_ratio" if asked else "size", shape, came)
    if asked_size is not None and asked_size != came:
        yield from _pixels("size", str(asked_size), asked_size.pixels, came)
    if asked_size is None and "resolution" in request:
        name = str(request["resolution"])
        side = resolution_side(name)
        if abs(math.sqrt(came.pixels) / side - 1) > _CLASS_SLACK:
            yield from _pixels("resolution", f"{name} ({side} × {side} or as much)", side * side, came)


def _shape(feature: str, asked: AspectRatio, came: Size) -> Iterator[Amount]:
    wide = came.width / came.height
    lost = round(1000 * (1 - min(asked.value, wide) / max(asked.value, wide)))
    if lost >= _LEAST_PERMILLE:
        sides = "from its sides" if wide > asked.value else "from top and bottom"
        yield Amount(feature=feature, permille=lost, words=f"Asked for {_spoken(asked)}, came as {_spoken(came.ratio, came)}: "
                     f"to make it {_spoken(asked)}, {_per_cent(lost)} would be cut {sides}.")  # fmt: skip


def _pixels(feature: str, asked: str, pixels: int, came: Size) -> Iterator[Amount]:
    off = round(1000 * (came.pixels / pixels - 1))
    if abs(off) >= _LEAST_PERMILLE:
        yield Amount(feature=feature, permille=abs(off), words=f"Asked for {asked}, came as {came.width} × {came.height}: "
                     f"{_per_cent(abs(off))} {'more' if off > 0 else 'fewer'} pixels.")  # fmt: skip


def _spoken(ratio: AspectRatio, size: Size | None = None) -> str:
    if size is not None and max(ratio.width, ratio.height) > _PLAIN_RATIO:
        return f"{size.width} × {size.height}"
    return str(ratio)


def _per_cent(permille: int) -> str:
    return f"{round(permille / 10)} %" if permille >= 10 else f"{permille / 10} %"
