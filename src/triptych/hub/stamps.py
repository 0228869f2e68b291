"""Where a hub looks at stamps of work: in a thread, one at a time, so that nobody else waits for what strangers send.

A wrong stamp costs its sender nothing and whoever checks it some milliseconds. So all that can be seen without work is looked at first, only so many
wait, and a call that carries a message never waits here.
"""

import asyncio

from triptych.network import stamp
from triptych.network.stamp import Stamp
from triptych.spec.errors import OverloadedError

MOST_WAITING = 64


class Stamps:
    """The one desk of a hub for stamps."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most, self._waiting = most, 0
        self._one = asyncio.Semaphore(1)

    async def check(self, found: Stamp, subject: str, now_ms: int, bits: int) -> None:
        """Whether a stamp counts for a subject at a time. Raises StampError, OverloadedError while too many wait."""
        stamp.check_form(found, now_ms, bits)
        if self._waiting >= self._most:
            raise OverloadedError("This hub looks at as many stamps as it can.", retry_after_s=5,
                                  hint="The stamp counts for an hour: send it again in a moment.")  # fmt: skip
        self._waiting += 1
        try:
            async with self._one:
                await asyncio.to_thread(stamp.check_work, found, subject, bits)
        finally:
            self._waiting -= 1
