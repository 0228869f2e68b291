"""A ZIP file (PKWARE APPNOTE 6.3) that is sent while it is made: no more of it is in memory than the file that is put in."""

import io
import zipfile
from datetime import UTC, datetime

_FIRST_MS = 315_532_800_000  # 1980, before which an archive knows no time


class _Out(io.RawIOBase):
    """Where the archive is written to; what was written is taken away from it."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        written = bytes(data)  # type: ignore[call-overload]
        self._waiting.append(written)
        return len(written)

    def taken(self) -> bytes:
        """What was written since the last time."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)


class Archive:
    """Each call answers with the next piece of the file, `end` with the last. `now_ms` is the time of all that is in it."""

    def __init__(self, now_ms: int) -> None:
        self._when = datetime.fromtimestamp(max(now_ms, _FIRST_MS) / 1000, UTC).timetuple()[:6]
        self._out = _Out()
        self._zip = zipfile.ZipFile(self._out, "w")

    def put(self, name: str, data: bytes, *, deflated: bool = False) -> bytes:
        """Puts a file in; pictures do not get smaller, and stand as they are."""
        entry = zipfile.ZipInfo(name, self._when)
        entry.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
        entry.external_attr = 0o644 << 16
        self._zip.writestr(entry, data)
        return self._out.taken()

    def end(self) -> bytes:
        """Closes the archive."""
        self._zip.close()
        return self._out.taken()
