"""Where sealing and hashing is done: what is small is done at once, which is quicker than a thread for it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

SMALL = 64 * 1024  # bytes that are sealed, opened or hashed within a fraction of a millisecond
T = TypeVar("T")


async def aside(size: int, act: Callable[[], T]) -> T:
    """What an act on so many bytes gives; for more than a few of them in a thread, so that nobody else waits for it."""
    return act() if size <= SMALL else await asyncio.to_thread(act)
