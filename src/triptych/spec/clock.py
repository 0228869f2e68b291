"""Time as an injected value, so that tests decide what time it is."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where a component gets its time from."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970-01-01 UTC. For records and days, never for durations."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow. For deadlines and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; negative durations do not wait."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
