"""Jobs that were here before: a node takes each once, and says the same again when it is sent again (RFC 9458 section 6.5).

A job has a nonce and the time that it was sent. One that is older than the window is refused, so nothing older has to be
remembered; within the window the same job is the same job, over whatever hub it comes, and another one under its nonce is refused.
"""

import heapq
from typing import Literal

WINDOW_MS = 15 * 60_000  # as long as a card counts
SKEW_MS = 60_000  # how far the studio's clock may be ahead
LIMIT = 65_536  # jobs that are remembered; about 10 MB

Verdict = Literal["new", "again", "conflict", "clock", "full"]
"""`conflict`: another job has this nonce; `clock`: sent too long ago, or in the future; `full`: no room to remember it."""


class Window:
    """The nonces of the jobs of the last quarter of an hour. No clock of its own; everything is in memory."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._seen: dict[str, str] = {}
        self._ends: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._seen)

    def admit(self, nonce: str, digest: str, sent_ms: int, now_ms: int) -> Verdict:
        """What to do with a job by its nonce, the hash of its body and when it was sent. Only `new` is remembered."""
        while self._ends and self._ends[0][0] < now_ms:
            del self._seen[heapq.heappop(self._ends)[1]]
        if not now_ms - WINDOW_MS <= sent_ms <= now_ms + SKEW_MS:
            return "clock"
        if (before := self._seen.get(nonce)) is not None:
            return "again" if before == digest else "conflict"
        if len(self._seen) >= self._limit:
            return "full"
        self._seen[nonce] = digest
        heapq.heappush(self._ends, (sent_ms + WINDOW_MS, nonce))
        return "new"
