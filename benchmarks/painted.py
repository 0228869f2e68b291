"""Painted pictures: waves that are drawn from the coarsest to the finest, as a stand-in for what a model draws step by step, and
what nodes that cheat make of them. No model and no GPU is in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from triptych.imaging.apart import difference
from triptych.network.compare import DrawnBy, Outcome, Thresholds, calibrate, compare, compare_roughly

BY = DrawnBy("ab" * 32, "painted/1", "fp64")
SIZE = (160, 112)
STEPS = 30
_WAVES = 60
_FINEST = 1.4  # of the highest frequency that pixels have
_SPREAD = 50.0  # standard deviation of the brightness
_LAST_BITS = 0.8  # noise by which two honest machines differ, of 255
_Grey = NDArray[np.float64]


@cache
def _greys(seed: int, steps: int, model: int) -> _Grey:
    width, height = SIZE
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    frequency = np.sort(2 ** draw.uniform(0, np.log2(_FINEST * max(width, height) / 2), _WAVES))
    angle, phase = draw.uniform(0, 2 * np.pi, (2, _WAVES))
    loudness = frequency ** (-0.6 if model == 1 else -0.9)
    if model != 1:  # the same composition with other details
        phase[_WAVES // 3 :] += model
    grey = np.full((height, width), 127.5)
    scale = _SPREAD / np.sqrt((loudness**2).sum() / 2)
    for one in range(round(_WAVES * steps / STEPS)):
        wave = 2 * np.pi * frequency[one] * (x * np.cos(angle[one]) + y * np.sin(angle[one]))
        grey += scale * loudness[one] * np.cos(wave + phase[one])
    return grey


def painted(seed: int, machine: int = 0, *, steps: int = STEPS, model: int = 1) -> Image.Image:
    """What a machine makes of a seed; two machines differ in the last bits."""
    grey = _greys(seed, steps, model)
    if machine:
        grey = grey + np.random.RandomState((7919 * machine + seed) % 2**32).normal(0, _LAST_BITS, grey.shape)
    data = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([data] * 3, axis=-1))


def _half(seed: int, machine: int) -> Image.Image:
    small = painted(seed, machine).resize((SIZE[0] // 2, SIZE[1] // 2), Image.Resampling.BOX)
    return small.resize(SIZE, Image.Resampling.LANCZOS)


CHEATS: Mapping[str, Callable[[int, int], Image.Image]] = {
    "another node's picture": lambda seed, machine: painted(seed + 100_000, machine),
    "a stale picture": lambda _, machine: painted(99_999, machine),
    "a wrong seed": lambda seed, machine: painted(seed + 1, machine),
    "half the resolution": _half,
    "half the steps": lambda seed, machine: painted(seed, machine, steps=STEPS // 2),
    "another model": lambda seed, machine: painted(seed, machine, model=2),
}
SLIGHT: Mapping[str, Callable[[int, int], Image.Image]] = {
    f"{steps} of {STEPS} steps": lambda seed, machine, steps=steps: painted(seed, machine, steps=steps)  # type: ignore[misc]
    for steps in (24, 27, 28, 29)
}


@cache
def limits(runs: int = 60) -> Thresholds:
    """The thresholds of this class, from honest machines."""
    return calibrate([difference(painted(seed), painted(seed, 1 + seed % 3)) for seed in range(runs)])


def outcome(reference: Image.Image, suspect: Image.Image, *, rough: bool = False) -> Outcome:
    """What the comparison says of two pictures of this class; `rough` before anybody has measured it."""
    found = difference(reference, suspect)
    return (compare_roughly(BY, BY, found) if rough else compare(BY, BY, found, limits())).outcome


@dataclass(frozen=True, slots=True)
class Shares:
    """How often the comparison says what, each 0 to 1, of so many pairs."""

    match: float
    mismatch: float
    inconclusive: float
    pairs: int


def measured(suspect: Callable[[int, int], Image.Image], pairs: int, *, rough: bool = False) -> Shares:
    """Of pictures with seeds that calibration has not seen, the reference by another machine."""
    found = [outcome(painted(seed, 11), suspect(seed, 12), rough=rough) for seed in range(1000, 1000 + pairs)]
    kinds: tuple[Outcome, ...] = ("match", "mismatch", "inconclusive")
    match, mismatch, doubt = (found.count(kind) / pairs for kind in kinds)
    return Shares(match, mismatch, doubt, pairs)
