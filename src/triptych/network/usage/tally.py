"""What is counted, as entries come: one cell for each day, model and lane. Whole numbers only."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from triptych.network.usage.entry import Other, Pick, Request, read_entry

ENDS = ("done", "blocked", "failed", "lost", "cancelled")
Key = tuple[int, str, str]
"""Day since 1970, model as `provider/model`, lane."""


@dataclass(slots=True)
class Cell:
    """What is known of some requests. `latencies` are the milliseconds of the calls that served."""

    requests: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    fallbacks: int = 0
    spend: int = 0
    spend_unknown: int = 0  # requests
    fee: int = 0
    latencies: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, one: Request) -> None:
        self.requests += 1
        self.ends[one.state if one.state in ENDS else "failed"] += 1
        self.attempts += one.attempts
        self.fallbacks += one.fallback
        self.spend += one.spend or 0
        self.spend_unknown += one.spend is None
        self.fee += one.fee
        if one.ms is not None:
            self.latencies.append(one.ms)

    def merge(self, other: "Cell") -> None:
        self.requests += other.requests
        self.ends.update(other.ends)
        self.attempts += other.attempts
        self.fallbacks += other.fallbacks
        self.spend += other.spend
        self.spend_unknown += other.spend_unknown
        self.fee += other.fee
        self.latencies.extend(other.latencies)

    def in_order(self) -> "array[int]":
        """The latencies, smallest first. Sorted by numpy, which lets other threads run: a million of them would hold
        an event loop for long."""
        found = array("Q", self.latencies)
        if found:
            np.frombuffer(found, np.uint64).sort()
        return found


def merged(cells: Iterable[Cell]) -> Cell:
    """All of them in one."""
    whole = Cell()
    for cell in cells:
        whole.merge(cell)
    return whole


class Numbers:
    """Which numbers were seen, kept as ranges: receipts are numbered in a row, so there are few."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # one behind the last of each range

    def add(self, number: int) -> bool:
        """Notes a number; False when it was there already."""
        at = bisect_right(self._starts, number)
        if at and number < self._ends[at - 1]:
            return False
        after = at < len(self._starts) and self._starts[at] == number + 1
        if at and self._ends[at - 1] == number:
            self._ends[at - 1] = self._ends.pop(at) if after else number + 1
            if after:
                del self._starts[at]
        elif after:
            self._starts[at] = number
        else:
            self._starts.insert(at, number)
            self._ends.insert(at, number + 1)
        return True

    @property
    def missing(self) -> int:
        """How many there are between the first and the last that were not seen."""
        return sum(start - end for start, end in zip(self._starts[1:], self._ends, strict=False))


class Tally:
    """The counts of the first `entries` entries of a log."""

    def __init__(self) -> None:
        self.entries = 0
        self.requests = 0
        self.cells: dict[Key, Cell] = {}
        self.others: Counter[str] = Counter()
        self.signers: dict[str, Numbers] = {}
        self.shown: Counter[str] = Counter()  # picks that a model was in
        self.pairs: Counter[str] = Counter()  # with a picture of another model
        self.wins: Counter[str] = Counter()
        self.picks = 0

    def add(self, entries: Iterable[bytes]) -> None:
        """Counts the next entries of the log, in their order."""
        for data in entries:
            self.entries += 1
            match read_entry(data):
                case Request() as one:
                    self._request(one)
                case Pick() as one:
                    self._pick(one)
                case Other(kind):
                    self.others[kind] += 1

    def _request(self, one: Request) -> None:
        if not self.signers.setdefault(one.signer, Numbers()).add(one.seq):
            self.others["repeated receipt"] += 1
            return
        self.requests += 1
        self.cells.setdefault((one.day, one.model, one.lane), Cell()).add(one)

    def _pick(self, one: Pick) -> None:
        self.picks += 1
        self.shown.update({*one.better, *one.worse})
        for winner in one.better:
            for loser in one.worse:
                if winner != loser:
                    self.pairs.update((winner, loser))
                    self.wins[winner] += 1
