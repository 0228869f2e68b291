"""How a model is fitted into a machine: what lies where, and with how many bits. Pure; sizes in bytes.

What drawing takes beside the weights is a rough measure: a gigabyte and another for each megapixel and picture at once, which is what
attention over a latent of that size takes at 16 bits, and twice that on a processor at 32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from triptych.imaging.diffusion.folder import DENOISERS, Part

Way = Literal["whole", "eighths", "parts", "layers"]
"""`whole`: everything on the device. `eighths`: so, with the large network kept in 8 bits. `parts`: one network at a time is brought to the
device. `layers`: one layer at a time, which is slow."""
Precision = Literal["float32", "bfloat16", "float16"]
HELD: Mapping[Way, str] = {"whole": "whole", "eighths": "whole, its large network in 8 bits", "parts": "one network at a time",
                           "layers": "one layer at a time"}  # fmt: skip
"""The ways in words."""
GIB = 1 << 30
_KEPT = 0.92  # of what is free; the rest is for others


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is. `device` is torch's word for its kind and `card` the number of the one that is drawn on; `free` is on it, `main` in
    main memory, which are the same memory for `cpu` and `mps`."""

    device: Literal["cpu", "cuda", "mps"]
    name: str
    free: int
    main: int
    bfloat16: bool = True
    card: int = 0

    @property
    def place(self) -> str:
        """Torch's word for this very device."""
        return f"{self.device}:{self.card}" if self.device == "cuda" else self.device


def roomiest(free: Sequence[int]) -> int:
    """The number of the graphics card with the most free memory; the first of equal ones. One card draws: see docs/decisions/0038."""
    return max(range(len(free)), key=free.__getitem__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was decided. `at_once` is how many pictures are drawn together."""

    way: Way
    precision: Precision
    at_once: int

    @property
    def exact(self) -> str:
        """How it reckons, in a word: two that reckon so draw nearly the same, wherever the weights lie."""
        return exactness(self.way, self.precision)


def exactness(way: Way, precision: Precision) -> str:
    """See `Placement.exact`."""
    return f"{precision}, 8-bit weights" if way == "eighths" else precision


def work(pixels: int, precision: Precision) -> tuple[int, int]:
    """What drawing takes beside the weights: at any rate, and for each picture."""
    double = 2 if precision == "float32" else 1
    return GIB // 2 * double, int(GIB * pixels / (1 << 20)) * double


def weights(parts: Sequence[Part], precision: Precision, *, eighths: bool = False) -> int:
    """What the weights take."""
    wide = 4 if precision == "float32" else 2
    return sum(part.numbers * (1 if eighths and part.name in DENOISERS else wide) for part in parts)


def place(
    parts: Sequence[Part], machine: Machine, pixels: int, pictures: int, exact: str | None = None
) -> Placement | None:
    """The first way that fits, from the quickest and most exact on; None where none does. `exact` allows only ways that reckon so."""
    ways = [one for one in _ways(machine) if exact in {None, exactness(*one)}]
    return _first(ways, parts, machine, pixels, pictures)


def _ways(machine: Machine) -> Sequence[tuple[Way, Precision]]:
    if machine.device == "cpu":
        # Processors are quickest with 32 bits; 16 are for a model that does not fit otherwise.
        return [("whole", "float32"), ("whole", "bfloat16"), ("eighths", "bfloat16")]
    precision: Precision = "bfloat16" if machine.bfloat16 else "float16"
    if machine.device == "mps":  # there is one memory: nothing is gained by moving networks about
        return [("whole", precision), ("eighths", precision)]
    return [("whole", precision), ("parts", precision), ("eighths", precision), ("layers", precision)]


def _first(
    ways: Sequence[tuple[Way, Precision]], parts: Sequence[Part], machine: Machine, pixels: int, pictures: int
) -> Placement | None:
    for way, precision in ways:
        base, each = work(pixels, precision)
        held = weights(parts, precision, eighths=way == "eighths")
        if way == "eighths":  # it is read with 16 bits, before the others
            held = max(held, *(part.half for part in parts if part.name in DENOISERS), 0)
        on_device, in_main = {
            "whole": (held, 0), "eighths": (held, 0), "parts": (max(weights([one], precision) for one in parts), held),
            "layers": (0, held),
        }[way]  # fmt: skip
        room = int(machine.free * _KEPT) - on_device - base
        if room >= each and in_main <= machine.main * _KEPT:
            return Placement(way=way, precision=precision, at_once=max(1, min(pictures, room // max(1, each))))
    return None
