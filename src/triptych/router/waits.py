"""Waits that the user can end."""

import asyncio

from triptych.spec.clock import Clock


class Waits:
    """The waits under way, by tile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bells: dict[str, set[asyncio.Event]] = {}

    async def wait(self, tile_id: str, seconds: float) -> bool:
        """Waits that long, or until `end`. True when it was ended early."""
        bell = asyncio.Event()
        self._bells.setdefault(tile_id, set()).add(bell)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        rung = asyncio.ensure_future(bell.wait())
        try:
            await asyncio.wait({timer, rung}, return_when=asyncio.FIRST_COMPLETED)
            return bell.is_set()
        finally:
            timer.cancel()
            rung.cancel()
            self._bells[tile_id].discard(bell)
            if not self._bells[tile_id]:
                del self._bells[tile_id]

    def end(self, tile_id: str) -> bool:
        """Ends all waits of a tile; False when it has none."""
        bells = self._bells.get(tile_id, set())
        for bell in bells:
            bell.set()
        return bool(bells)
