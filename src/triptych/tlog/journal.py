"""The journal: entries are durable and have their index before they are in the tree.

It is a row of segments. A segment's name gives the index of its first entry; its content is frames, one for each group of
entries that was flushed together. A new segment begins after every start and after every failed write, at the first index
that was not confirmed to anyone: what an earlier segment has from that index on was never confirmed, and does not count.
"""

import re
import secrets
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from triptych.tlog.disk import JournalFiles, LogRefusedError

_NAME = re.compile(r"([0-9]{20})\.([0-9]{6})\.([0-9a-f]{16})")
_FRAME = struct.Struct(">4sQIII")  # sign, index of the first entry, entries, bytes, checksum
_SIGN = b"tj1\n"
_FULL = 4 << 20  # bytes, after which a new segment begins
_RESTORE = "Restore the log's folder, its journal with it, from a backup that is not older than its head."


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """`turn` orders segments that begin at the same index. `salt` is in every checksum, so that no entry can pass for a
    frame."""

    start: int
    turn: int
    salt: str

    @property
    def name(self) -> str:
        return f"{self.start:020}.{self.turn:06}.{self.salt}"


class Journal:
    """Belongs to one thread."""

    def __init__(self, files: JournalFiles, segments: list[Segment], next_index: int) -> None:
        self._files = files
        self._segments = segments
        self._current: Segment | None = None  # the segment that grows
        self._written = 0
        self._turn = max((s.turn for s in segments), default=-1)
        self.next_index = next_index

    @classmethod
    def create(cls, files: JournalFiles) -> "Journal":
        """Begins an empty journal. Raises StorageError, and LogRefusedError when there are entries in it already."""
        if files.names() and cls.open(files, 0)[1]:
            raise LogRefusedError("exists", f"{files.name} has entries in it.", "Choose another folder for a new log.")
        journal = cls(files, _segments(files), 0)
        journal.begin()
        return journal

    @classmethod
    def open(cls, files: JournalFiles, size: int) -> tuple["Journal", tuple[bytes, ...]]:
        """The journal, and the entries from `size` on, which are in no tree yet. Raises StorageError, and
        LogRefusedError when entries are missing."""
        segments = _segments(files)
        if not segments:
            raise LogRefusedError("missing", f"{files.name} is not there.", _RESTORE)
        start, entries = segments[0].start, list[bytes]()
        for segment in segments:
            if segment.start > start + len(entries):
                raise LogRefusedError("damaged", f"{files.name} lacks the entries before {segment.start}.", _RESTORE)
            del entries[segment.start - start :]
            entries += _read(segment, files.read(segment.name), files.name)
        end = start + len(entries)
        if not start <= size <= end:
            raise LogRefusedError(
                "shorter", f"{files.name} has entries {start} to {end}, and the tree has {size}.", _RESTORE
            )
        return cls(files, segments, end), tuple(entries[size - start :])

    def begin(self) -> None:
        """Begins a segment at the next index. Raises StorageError."""
        # A turn is used once even if the write fails: the file may be there all the same, and must not count as later.
        self._turn += 1
        segment = Segment(self.next_index, self._turn, secrets.token_hex(8))
        self._files.append(segment.name, b"")
        self._segments.append(segment)
        self._current, self._written = segment, 0

    def append(self, entries: Sequence[bytes]) -> int:
        """Makes entries durable and returns the index of the first. Raises StorageError: then none of them has an index,
        though after a crash they may be found in the log all the same."""
        if self._current is None or self._written > _FULL:
            self._current = None
            self.begin()
        segment = self._current
        assert segment is not None
        frame = _frame(segment, self.next_index, entries)
        self._current = None  # stays so when the write fails: the next one begins a new segment
        self._files.append(segment.name, frame)
        self._current = segment
        self._written += len(frame)
        first = self.next_index
        self.next_index += len(entries)
        return first

    def prune(self, size: int) -> None:
        """Removes segments whose entries are all in the tree of `size` entries, the oldest first, and what failed writes
        have left among them. Raises StorageError."""
        first = max((s for s in self._segments if s.start <= size), default=None)
        if first is None or first == self._segments[0]:
            return
        for segment in _segments(self._files):
            if segment < first:
                self._files.remove(segment.name)
        self._segments = [s for s in self._segments if s >= first]

    def close(self) -> None:
        self._files.close()


def _segments(files: JournalFiles) -> list[Segment]:
    found = [_NAME.fullmatch(name) for name in files.names()]
    return sorted(Segment(int(m[1]), int(m[2]), m[3]) for m in found if m)


def _checksum(segment: Segment, index: int, count: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(f"{segment.name} {index} {count}".encode()))


def _frame(segment: Segment, index: int, entries: Sequence[bytes]) -> bytes:
    payload = b"".join([len(entry).to_bytes(4, "big") + entry for entry in entries])
    checksum = _checksum(segment, index, len(entries), payload)
    return _FRAME.pack(_SIGN, index, len(entries), len(payload), checksum) + payload


def _frame_at(segment: Segment, data: bytes, at: int) -> tuple[int, list[bytes], int] | None:
    """The index, the entries and the end of the whole frame at `at`, or None."""
    if len(data) < at + _FRAME.size:
        return None
    sign, index, count, length, checksum = _FRAME.unpack_from(data, at)
    begin = at + _FRAME.size
    payload = data[begin : begin + length]
    if sign != _SIGN or len(payload) != length or _checksum(segment, index, count, payload) != checksum:
        return None
    entries, position = [], 0
    while position < length:
        size = int.from_bytes(payload[position : position + 4], "big")
        entries.append(payload[position + 4 : position + 4 + size])
        position += 4 + size
    return index, entries, begin + length


def _read(segment: Segment, data: bytes, name: str) -> list[bytes]:
    """The entries of a segment up to its torn end. A frame is only written when those before it are durable: a whole
    frame behind a broken one means that confirmed entries are gone."""
    entries: list[bytes] = []
    at = 0
    while frame := _frame_at(segment, data, at):
        index, found, at = frame
        if index != segment.start + len(entries):
            raise LogRefusedError("damaged", f"{name} has entry {index} in a wrong place.", _RESTORE)
        entries += found
    behind = data.find(_SIGN, at + 1)
    while behind >= 0:
        if _frame_at(segment, data, behind):
            raise LogRefusedError("damaged", f"{name} is broken before entry {segment.start + len(entries)}.", _RESTORE)
        behind = data.find(_SIGN, behind + 1)
    return entries
