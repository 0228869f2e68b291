"""One deed for many who want it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable


class Shared:
    """Does `deed` when called. Of those that call while it is under way, one does it once more for all of them, and the
    others go on at once: what was true when they called is true still when it is done."""

    def __init__(self, deed: Callable[[], Awaitable[None]]) -> None:
        self._deed = deed
        self._turn = asyncio.Lock()
        self._due = False

    async def __call__(self) -> None:
        if self._due:
            return
        self._due = True
        try:
            await self._turn.acquire()
        finally:
            self._due = False
        try:
            await self._deed()
        finally:
            self._turn.release()
