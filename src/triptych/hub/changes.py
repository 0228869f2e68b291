"""What has changed in a hub's list, so that who asks again is told of nothing else.

Each change has a number. Another hub says up to which number it has been told. A studio says only in which minute that was: the number would
tell the moment to a fraction of a second, by which two calls from two addresses could be known as one studio's. Of a minute all who asked in it say
the same; what changed within it is told twice.

Kept are the last ten minutes. Who names one before, or one before this hub was started, is given the whole list.
"""

from collections import deque
from itertools import takewhile

from triptych.spec.clock import Clock

MINUTE_MS = 60_000
KEPT = 10  # minutes
BACK_MS = (
    60_000  # how far a clock may have been set back since this hub ran last, and told of a minute that comes again
)


class Changes:
    """The count of the changes of one list, and the nodes that left it lately: `most` of them."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._most = clock, most
        self._number = 0
        self._now_ms = clock.now_ms()
        self._since_ms = self._now_ms + BACK_MS  # before it nothing is known
        self._begun: deque[tuple[int, int]] = deque()  # minutes in which something changed, with the number before
        self._gone: dict[str, int] = {}  # in the order of their numbers

    @property
    def minute(self) -> int:
        """The minute that it is, counted from 1970; it does not go back when the clock does."""
        self._now_ms = max(self._now_ms, self._clock.now_ms())
        return self._now_ms // MINUTE_MS

    def count(self) -> int:
        """The number of a change that happens now."""
        if not self._begun or self._begun[-1][0] != self.minute:
            self._begun.append((self.minute, self._number))
            self._forget()
        self._number += 1
        return self._number

    def came(self, node: str) -> int:
        """The number of a node's coming, or of another card of it."""
        self._gone.pop(node, None)
        return self.count()

    def left(self, node: str) -> None:
        """A node is not listed any more."""
        self._gone.pop(node, None)
        self._gone[node] = self.count()
        if len(self._gone) > self._most:
            self._gone.clear()
            self._begun.clear()
            self._since_ms = self._now_ms

    def before(self, minute: int) -> int | None:
        """The number of the last change before a minute; None for one of which not all is known."""
        if minute > self.minute or minute <= self.minute - KEPT or minute * MINUTE_MS <= self._since_ms:
            return None
        return next((number for begun, number in self._begun if begun >= minute), self._number)

    def gone(self, number: int) -> tuple[str, ...]:
        """The nodes that left after a number, and did not come back."""
        after = takewhile(lambda one: one[1] > number, reversed(self._gone.items()))
        return tuple(node for node, _ in after)[::-1]

    def _forget(self) -> None:
        while self._begun[0][0] <= self.minute - KEPT:
            self._begun.popleft()
        first = self._begun[0][1]
        for node in [node for node, left in self._gone.items() if left <= first]:
            del self._gone[node]
