"""Work that must be finished even when the one who waits for it is stopped: closing a reservation, above all."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_running: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Starts it as a task of its own, held until it is over."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Waits for it; a cancellation of the caller does not reach it."""
    return await asyncio.shield(start(work))
