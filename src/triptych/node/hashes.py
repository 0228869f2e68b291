"""SHA-256 of the weights on this machine, each file read once: a node says by them whose pictures its own can be compared with."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

_log = structlog.get_logger("triptych.node")
_Known = dict[str, tuple[int, int, int, str]]


LARGE = 64 << 20  # bytes; what is smaller is read in a moment
_STEPS = 10  # of a large file that are told


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the reading of a large file is, in bytes."""

    file: str
    read: int
    size: int

    def __str__(self) -> str:
        return f"Reading {self.file}, once, for its hash: {100 * self.read // self.size} % of {self.size / 1e9:.1f} GB"


class _Watched:
    """A large file that tells how far it was read. It is as much of a file as `hashlib.file_digest` needs."""

    def __init__(self, opened: BinaryIO, file: str, size: int, tell: Callable[[Reading], None]) -> None:
        self._opened, self._tell, self._now, self._step = opened, tell, Reading(file, 0, size), 0
        tell(self._now)

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray) -> int:
        count: int = self._opened.readinto(into)  # type: ignore[attr-defined]
        self._now = Reading(self._now.file, self._now.read + count, self._now.size)
        if (step := self._now.read * _STEPS // self._now.size) > self._step:
            self._step = step
            self._tell(self._now)
        return count


class Hashes:
    """Those of files, kept in one file by inode, time of change in nanoseconds and size; a file that has another of them is read anew. `tell` hears
    how far a large one is, in the thread that reads it."""

    def __init__(self, kept: Path, tell: Callable[[Reading], None] = lambda _: None) -> None:
        self._kept, self._tell = kept, tell
        self._known: _Known | None = None

    async def of(self, file: Path) -> str | None:
        """In lower-case hex; None for a file that cannot be read. A large one takes seconds, in a thread."""
        return await asyncio.to_thread(self._of, file)

    async def of_all(self, files: Iterable[tuple[str, Path]]) -> str | None:
        """Of a model that lies in several files, each with its name in it: the SHA-256 of what `sha256sum` says of them, in the order
        of their names. None where one of them cannot be read."""
        lines = []
        for name, file in sorted(files):
            if (found := await self.of(file)) is None:
                return None
            lines.append(f"{found}  {name}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _of(self, file: Path) -> str | None:
        known = self._read() if self._known is None else self._known
        try:
            with file.open("rb") as opened:
                now = file.stat()
                mark = (now.st_ino, now.st_mtime_ns, now.st_size)
                if (before := known.get(str(file))) is not None and before[:3] == mark:
                    return before[3]
                read = _Watched(opened, file.name, now.st_size, self._tell) if now.st_size >= LARGE else opened
                found = hashlib.file_digest(read, "sha256").hexdigest()
        except OSError as error:
            _log.warning("weights cannot be read for their hash", file=file.name, reason=error.strerror)
            return None
        known[str(file)] = (*mark, found)
        self._known = known
        self._write(known)
        return found

    def _read(self) -> _Known:
        try:
            return msgspec.json.decode(self._kept.read_bytes(), type=_Known)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}  # they are read anew

    def _write(self, known: _Known) -> None:
        part = self._kept.with_suffix(".part")
        with suppress(OSError):  # then they are read anew the next time
            part.write_bytes(msgspec.json.encode(known))
            part.replace(self._kept)
