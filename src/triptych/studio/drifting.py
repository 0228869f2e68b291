"""Whether a model has moved: pictures of one prompt by one model, from two days, against how far those of one day differ.

The rule, in words (`RULE`): the distance between the days is the middle one of all pairs with one picture of each day.
The spread is the largest distance between two pictures of the same day, of either day. It has moved when the distance
between the days is more than one and a half times the spread and a margin for what nobody would see (the margins), in shape
or in colour. Drawn from one and the same distribution, in 1 to 6 dimensions, four pictures a day pass that in fewer than
1 of 1000 comparisons, three a day in up to 1 of 90 (6000 trials each); see `docs/concepts/drift.md`.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median_low

from triptych.imaging.looks import look_distance
from triptych.imaging.prints import distances
from triptych.spec.drift import CheckCell, CheckRecord, Sample

SHAPE_MARGIN = 6
"""Bits of 64: what another encoder or a rounding of the same picture can turn."""
LOOK_MARGIN = 20
"""Thousandths of OKLab: about what one just sees."""
FEWEST = 3
RULE = (
    "A check makes each prompt several times, with the same request. The largest difference between two of those pictures "
    "is the spread of a day. A model has moved when the pictures of the new check differ from the last good ones by more "
    "than one and a half times the spread of either day, and by more than a re-encoding would; by edges (a hash of 64 "
    "bits) or by colour and layout (64 cells, in OKLab). What stays within that is chance and is not called drift."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One way of measuring: the middle distance between the days, the largest within one, and whether that is drift."""

    between: int
    within: int
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one prompt by one model since the good check. Both measures are None where one of the two checks
    has fewer pictures than can be compared."""

    text: int
    model: str
    shape: Measure | None
    look: Measure | None

    @property
    def moved(self) -> bool | None:
        """None when it cannot be told."""
        if self.shape is None or self.look is None:
            return None
        return self.shape.moved or self.look.moved


def shape_distance(one: Sample, other: Sample) -> int:
    """Bits of 64 in which the difference hashes differ."""
    return int(distances(one.shape, [other.shape])[0])


def look_apart(one: Sample, other: Sample) -> int:
    """Thousandths of OKLab."""
    return look_distance(one.look, other.look)


def measured(
    good: Sequence[Sample], new: Sequence[Sample], distance: Callable[[Sample, Sample], int], margin: int
) -> Measure | None:
    """One measure over two days, None when one of them has too few pictures to know its spread."""
    if len(good) < FEWEST or len(new) < FEWEST:
        return None
    within = max(distance(*pair) for day in (good, new) for pair in itertools.combinations(day, 2))
    between = median_low(distance(one, other) for one in good for other in new)
    return Measure(between=between, within=within, moved=2 * between > 3 * within + 2 * margin)


def compared(good: CheckRecord, new: CheckRecord) -> tuple[Moved, ...]:
    """Every cell of a check against the same one of the good check."""
    before = {(cell.text, cell.model): cell for cell in good.cells}
    return tuple(_cell(before.get((cell.text, cell.model)), cell) for cell in new.cells)


def _cell(good: CheckCell | None, new: CheckCell) -> Moved:
    samples = good.samples if good is not None else ()
    return Moved(
        text=new.text, model=new.model,
        shape=measured(samples, new.samples, shape_distance, SHAPE_MARGIN),
        look=measured(samples, new.samples, look_apart, LOOK_MARGIN),
    )  # fmt: skip


def moved_since(good: CheckRecord, later: Sequence[CheckRecord]) -> dict[str, int]:
    """By model, when it was first seen moved, of those that the newest check still sees moved. `later` are the finished
    checks after the good one, oldest first."""
    since: dict[str, int] = {}
    for check in later:
        verdicts = compared(good, check)
        seen = {one.model for one in verdicts if one.moved}
        told = {one.model for one in verdicts if one.moved is not None}
        since = {model: ms for model, ms in since.items() if model in seen or model not in told}
        since |= {model: check.created_ms for model in seen if model not in since}
    return since
