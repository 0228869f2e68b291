"""Whether two pictures are the same job drawn twice: match, mismatch, or inconclusive.

Only pictures of one class are compared: same weights, same engine, same precision, same sampler. Honest machines differ there too, by how much is
measured in calibration runs and kept as data. PDQ sees another picture and does not see a half-size one that was blown up; so
the finest details are compared too, at full size. A mismatch is evidence against a node and no proof.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from triptych.imaging.apart import Difference
from triptych.imaging.pdq import GOOD_QUALITY

Outcome = Literal["match", "mismatch", "inconclusive"]
OTHER_CLASS = "The pictures are by other weights, another engine, another precision or another sampler."
LEAST_DETAIL = 0.5  # of 255; a picture with less has no details to compare
LEAST_RUNS = 20  # calibration runs
_QUANTILE = 0.999
_MARGIN = 1.5  # how much further than the worst honest run it has to be for a mismatch
_SLACK = (
    0.05  # of likeness: so that a class whose runs were all the same to the bit does not accuse the first that is not
)
_PDQ_FLOOR, _PDQ_CEILING = 10, 90  # bits; unrelated pictures are 128 apart, give or take 8
ALIKE, PLAINLY = 40, 100
"""Bits by which two pictures of a class that nobody has measured are the same motif at most, and plainly another at least. Noise, blur, half
the size and hard compression take 8, a twentieth cut off 82 (measured on 2026-11-20)."""
UNKNOWN = "unknown"  # precision


@dataclass(frozen=True, slots=True)
class DrawnBy:
    """What has to be the same for two pictures to be comparable: the SHA-256 of the weights, the engine, the precision, the
    sampler, where the engine has one."""

    digest: str | None
    engine: str
    precision: str
    sampler: str | None = None

    @property
    def kind(self) -> str:
        """The name of its class: all that can be compared with each other have the same."""
        name, major = _major(self.engine)
        return f"{self.digest}/{name}/{major}/{self.precision}" + (f"/{self.sampler}" if self.sampler else "")

    def comparable(self, other: "DrawnBy") -> bool:
        """Whether pictures of the two can be compared; of an engine, the name and the first number of its version count. Two whose
        precision nobody knows may well have two."""
        return self.digest is not None and self.precision != UNKNOWN and self.kind == other.kind

    def akin(self, other: "DrawnBy") -> bool:
        """Whether the two draw the same motif at least, be it in another precision."""
        return self.digest is not None and replace(self, precision="").kind == replace(other, precision="").kind


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How far apart honest pictures of one class are at most, from so many calibration runs; see `calibrate`. `detail` is 1 or
    more: how many times the finest detail of the one is that of the other."""

    pdq_bits: float
    detail: float
    likeness: float
    runs: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome, and a sentence that says why."""

    outcome: Outcome
    why: str


def calibrate(honest: Sequence[Difference]) -> Thresholds:
    """The thresholds of a class, from pairs of the same job drawn by honest machines. Raises ValueError for fewer than 20."""
    if len(honest) < LEAST_RUNS:
        raise ValueError(f"Thresholds need {LEAST_RUNS} honest runs at least; there are {len(honest)}.")
    bits, detail, likeness = (
        np.array([getattr(one, name) for one in honest], dtype=np.float64)
        for name in ("pdq_bits", "detail", "likeness")
    )
    # which of two honest machines was the reference was chance
    apart = max(float(np.quantile(detail, _QUANTILE)), 1 / max(float(np.quantile(detail, 1 - _QUANTILE)), 0.01))
    return Thresholds(
        pdq_bits=max(_PDQ_FLOOR, float(np.quantile(bits, _QUANTILE))),
        detail=apart,
        likeness=float(np.quantile(likeness, 1 - _QUANTILE)),
        runs=len(honest),
    )


def compare_roughly(reference: DrawnBy, suspect: DrawnBy, found: Difference) -> Comparison:
    """What a difference means where nobody knows how far apart honest pictures are: only what is plainly another motif is a mismatch, and
    is a doubt until a third was asked. A match says that the motif is the same, which is nothing to anybody's credit."""
    if not reference.akin(suspect):
        return Comparison("inconclusive", OTHER_CLASS)
    if found.quality < GOOD_QUALITY:
        return Comparison("inconclusive", "There is too little in the pictures to go by.")
    if found.pdq_bits > PLAINLY:
        return Comparison("mismatch", f"It is plainly another picture: {found.pdq_bits} of 256 bits differ.")
    if found.pdq_bits <= ALIKE:
        return Comparison(
            "match", "It is the same motif. How far apart honest pictures of this model are has not been measured."
        )
    return Comparison(
        "inconclusive", "It is not plainly another picture, and how far apart honest ones are has not been measured."
    )


def compare(reference: DrawnBy, suspect: DrawnBy, found: Difference, limits: Thresholds) -> Comparison:
    """What a difference means within a class whose `limits` have been measured."""
    if not reference.comparable(suspect):
        return Comparison("inconclusive", OTHER_CLASS)
    if found.quality < GOOD_QUALITY:
        return Comparison("inconclusive", "There is too little in the pictures to go by.")
    if found.pdq_bits > min(_PDQ_CEILING, limits.pdq_bits * _MARGIN):
        return Comparison("mismatch", f"It is another picture: {found.pdq_bits} of 256 bits differ.")
    if found.reference_detail < LEAST_DETAIL:
        return Comparison("inconclusive", "The pictures look the same, and have no fine details to compare.")
    return _by_detail(found, limits)


def _by_detail(found: Difference, limits: Thresholds) -> Comparison:
    apart = max(found.detail, 1 / max(found.detail, 0.01))
    if apart > limits.detail * _MARGIN:
        said = f"{found.detail:.0%} of the fine detail that the reference has"
        return Comparison(
            "mismatch", f"It has {said}: it was drawn smaller and blown up, or sharpened, or in other steps."
        )
    if 1 - found.likeness > (1 - limits.likeness) * _MARGIN + _SLACK:
        return Comparison("mismatch", f"Its fine details are others: {found.likeness:.2f} alike of 1.")
    if found.pdq_bits <= limits.pdq_bits and apart <= limits.detail and found.likeness >= limits.likeness:
        return Comparison("match", "It is as near to the reference as honest machines are to each other.")
    return Comparison("inconclusive", "It is a little further from the reference than honest machines were so far.")


def _major(engine: str) -> tuple[str, str]:
    found = re.match(r"([^/\s]*)[/\s]*v?(\d*)", engine)
    return (found[1].lower(), found[2]) if found else (engine, "")
