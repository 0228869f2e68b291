"""The time of the event loop in a test's hand: what it has been told to do later is due when the test says so, however slow the machine is."""

import asyncio

import pytest


class LoopTime:
    """Stands still from its making on. What waits for the end of a time waits until `forward`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._at = loop.time()
        patch.setattr(loop, "time", lambda: self._at)

    async def forward(self, seconds: float) -> None:
        """So much later; returns when what was due by then has been done."""
        self._at += seconds
        for _ in range(5):
            await asyncio.sleep(0)
