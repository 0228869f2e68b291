"""How long an endpoint takes: usual, at worst, and lately. In whole milliseconds and whole numbers only, so that everybody
who adds the same durations in the same order gets the same."""

from collections import deque
from dataclasses import dataclass

from triptych.router.draw import log2_fixed
from triptych.router.fixed import exp2_fixed, halved

HALF_LIFE_MS = 40_000  # in this time a peak comes down by half
SHARES = 64  # of sizes and qualities that are measured apart for one endpoint and operation
_LONGEST_MS = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Whole milliseconds: a mean of logarithms, in which one very slow answer weighs little; what 95 of 100 stay
    below; and a peak that jumps up with each slow answer and comes down slowly."""

    usual_ms: int
    p95_ms: int
    peak_ms: int
    samples: int


class Latency:
    """The durations of what worked, newest last. The mean is kept as log2 times 2^32, rounded down at each step."""

    def __init__(self, window: int, weight_per_cent: int) -> None:
        self._weight = weight_per_cent
        self._log: int | None = None
        self._usual = 0  # 2 to that power
        self._peak = 0
        self._peak_at = 0
        self.durations: deque[int] = deque(maxlen=window)

    def add(self, took_ms: int, now_ms: int) -> None:
        """One more, that ended at `now_ms`."""
        took = min(max(took_ms, 1), _LONGEST_MS)
        self.durations.append(took)
        newest = log2_fixed(took)
        old = newest if self._log is None else self._log
        self._log = (old * (100 - self._weight) + newest * self._weight) // 100
        self._usual = exp2_fixed(self._log)
        self._peak = max(took, self._peak_now(now_ms))
        self._peak_at = now_ms

    def measured(self, now_ms: int) -> Measured | None:
        """None before the first."""
        if self._log is None:
            return None
        ordered = sorted(self.durations)
        return Measured(
            usual_ms=self._usual,
            p95_ms=ordered[(len(ordered) * 95 + 99) // 100 - 1],
            peak_ms=self._peak_now(now_ms),
            samples=len(ordered),
        )

    def _peak_now(self, now_ms: int) -> int:
        above = max(0, self._peak - self._usual)
        return self._usual + halved(above, max(0, now_ms - self._peak_at), HALF_LIFE_MS)


_SIZES = ((60, "small"), (150, "1mp"), (450, "4mp"))


def share_of(megapixels_x100: int, quality: str) -> str:
    """The size and quality that a request is measured under, e.g. `1mp/high`."""
    size = next((name for limit, name in _SIZES if megapixels_x100 <= limit), "large")
    return f"{size}/{quality}"
