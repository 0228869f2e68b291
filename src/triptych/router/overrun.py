"""How far a charge may go over its estimate, by what each endpoint charged lately.

The provider decides what a call costs, so an estimate is no promise. What an endpoint has once charged above it, it may
charge again: under a cap that much is held from then on. The first surprise cannot be foreseen.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from triptych.spec.clock import Clock
from triptych.store.base import RecordStore

LATELY_DAYS = 7
SURPRISE = 5
"""Calls of one request go out side by side only where every cap could hold so many times their estimates."""
_READ_EVERY_MS = 600_000  # other processes learn, too
_WHOLE = 10_000


class Overruns:
    """The largest ratio of charge to estimate of each endpoint, from the ledger and from what this process sees."""

    def __init__(self, store: RecordStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._most_bp: dict[str, int] = {}
        self._read_ms: int | None = None
        self._reading = asyncio.Lock()

    async def bound(self, endpoint: str, estimate: int) -> int:
        """What a call of this estimate is known to be able to cost, in micro-dollars. Raises StorageError."""
        async with self._reading:
            if self._read_ms is None or self._clock.now_ms() - self._read_ms >= _READ_EVERY_MS:
                await self._read()
        return -(-estimate * self._most_bp.get(endpoint, _WHOLE) // _WHOLE)

    def learn(self, endpoint: str | None, estimate: int, charge: int) -> None:
        """Notes a charge, where it is above its estimate."""
        if endpoint is not None and 0 < estimate < charge:
            self._note(endpoint, -(-charge * _WHOLE // estimate))

    async def _read(self) -> None:
        now_ms = self._clock.now_ms()
        since = datetime.fromtimestamp(now_ms // 1000, UTC).date() - timedelta(days=LATELY_DAYS - 1)
        charged = await self._store.charges(since.isoformat())
        self._most_bp = {}
        for endpoint, one in charged.items():
            self._note(endpoint, one.most_bp)
        self._read_ms = now_ms

    def _note(self, endpoint: str, ratio_bp: int) -> None:
        if ratio_bp > self._most_bp.get(endpoint, _WHOLE):
            self._most_bp[endpoint] = ratio_bp
