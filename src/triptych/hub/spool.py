"""Sealed bytes on their way through the hub: written by one side, read by the other, never whole in memory.

A spool keeps in memory what its reader has not read yet, a mebibyte of it. What is more goes into a file without a name, which is gone when
the spool is closed or the process ends; a reader who keeps up never makes one. All spools of a hub share one purse of bytes, so that nobody
fills the memory or the disk.
"""

import asyncio
import os
import tempfile
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from triptych.spec.errors import OverloadedError, TooLargeError, TriptychError

IN_MEMORY = 1 << 20
_PIECE = 1 << 18  # bytes read at once


@dataclass(slots=True)
class Purse:
    """How many bytes all spools together may hold: `room` in all, `taken` now. One that is a part of another, `within`, takes from both;
    `of` says whose part it is."""

    room: int
    taken: int = 0
    within: "Purse | None" = None
    of: str = ""

    def take(self, size: int) -> None:
        """Raises OverloadedError when the hub is full, or this part of it."""
        if self.taken + size > self.room:
            raise OverloadedError(f"The hub has no room for more messages{self.of} now.", retry_after_s=5,
                                  hint="Try again in a few seconds, or through another hub.")  # fmt: skip
        if self.within is not None:
            self.within.take(size)
        self.taken += size

    def give_back(self, size: int) -> None:
        self.taken -= size
        if self.within is not None:
            self.within.give_back(size)


class Spool:
    """One message: at most `limit` bytes, one writer, one reader who may begin before the writer has ended, and reads it once. `size` are
    the bytes that were written."""

    def __init__(self, purse: Purse, limit: int, folder: Path | None = None) -> None:
        self._purse, self._limit, self._folder = purse, limit, folder
        self._memory: deque[bytes] = deque()  # older than anything in the file that was not read yet
        self._held = 0  # bytes of it
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()  # the two sides use the file in threads of their own
        self._news = asyncio.Event()
        self._error: TriptychError | None = None
        self._ended = self._closed = False
        self._filed = self._fetched = 0  # bytes that are in the file, and those of them that were read
        self._taken = self.size = 0

    async def write(self, data: bytes) -> None:
        """Raises TooLargeError over the limit, OverloadedError when the hub is full, and what `fail` was told."""
        if self._error is not None:
            raise self._error
        if self.size + len(data) > self._limit:
            raise TooLargeError(f"A sealed message may have {self._limit >> 20} MiB.", hint="Ask for a smaller picture.",
                                param="body")  # fmt: skip
        self._purse.take(len(data))
        self._taken += len(data)
        if self._filed > self._fetched or self._held + len(data) > IN_MEMORY:
            await asyncio.to_thread(self._append, data)
            self._filed += len(data)
        else:
            self._memory.append(data)
            self._held += len(data)
        self.size += len(data)  # last: the reader goes as far as this
        self._news.set()

    def _append(self, data: bytes) -> None:
        with self._lock:
            if self._closed:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - lives as long as the message
            self._file.seek(0, os.SEEK_END)
            self._file.write(data)

    def end(self) -> None:
        """The writer has written all of it."""
        self._ended = True
        self._news.set()

    def fail(self, error: TriptychError) -> None:
        """The rest does not come: the reader gets this error after what is there. A message that has ended stays whole."""
        if not self._ended and self._error is None:
            self._error = error
            self._news.set()

    @property
    def begun(self) -> bool:
        return self.size > 0 or self._ended

    async def wait(self) -> None:
        """Until the first byte, the end or the failure. Raises the failure when there is nothing before it."""
        while not self.begun and self._error is None:
            await self._news.wait()
            self._news.clear()
        if not self.begun and self._error is not None:
            raise self._error

    async def read(self) -> AsyncIterator[bytes]:
        """The message in pieces, as it comes; what was read is forgotten. Raises what `fail` was told."""
        while True:
            if self._held or self._fetched < self._filed:
                piece = self._from_memory() if self._held else await self._from_file()
                self._spend(len(piece))
                yield piece
            elif self._ended:
                return
            elif self._error is not None:
                raise self._error
            else:
                self._news.clear()
                await self._news.wait()

    def _from_memory(self) -> bytes:
        found = [self._memory.popleft()]
        size = len(found[0])
        while self._memory and size + len(self._memory[0]) <= _PIECE:
            found.append(self._memory.popleft())
            size += len(found[-1])
        self._held -= size
        return found[0] if len(found) == 1 else b"".join(found)

    async def _from_file(self) -> bytes:
        piece = await asyncio.to_thread(self._fetch, self._fetched)
        self._fetched += len(piece)
        return piece

    def _spend(self, size: int) -> None:
        given = min(size, self._taken)
        self._taken -= given
        self._purse.give_back(given)

    def _fetch(self, at: int) -> bytes:
        with self._lock:
            if self._file is None:
                raise OverloadedError("The message was given up.")
            self._file.seek(at)
            return self._file.read(_PIECE)

    def close(self) -> None:
        """Forgets the bytes. May be called twice."""
        if self._closed:
            return
        self.fail(OverloadedError("The message was given up."))
        self._spend(self._taken)
        self._memory.clear()
        self._held = 0
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None
