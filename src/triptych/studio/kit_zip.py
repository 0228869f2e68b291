"""A kit as a ZIP file (PKWARE APPNOTE 6.3), sent while it is made: never more than one picture of it is in memory."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from triptych.studio.kit_files import Export, KitFiles, Papers
from triptych.studio.kit_look import Looked, LookedFormat
from triptych.studio.kit_sidecar import NAME, json_schema

SCHEMA_NAME = "kit.schema.json"
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


async def kit_zip(
    files: KitFiles, looked: Looked, wanted: list[tuple[LookedFormat, str]], export: Export, now_ms: int
) -> AsyncIterator[bytes]:
    """The archive in pieces: the files of each format, and at last the sidecar with its schema. `wanted` as
    `KitFiles.check` gave it."""
    out, papers = _Out(), Papers()
    with zipfile.ZipFile(out, "w") as archive:
        for each, name in wanted:
            for file in await files.make(each, name, export, papers):
                archive.writestr(_entry(file.name, now_ms), file.data)
                yield out.taken()
        archive.writestr(_entry(NAME, now_ms, deflated=True), files.sidecar(looked, export, papers))
        archive.writestr(_entry(SCHEMA_NAME, now_ms, deflated=True), json_schema())
    yield out.taken()


def _entry(name: str, now_ms: int, *, deflated: bool = False) -> zipfile.ZipInfo:
    when = datetime.fromtimestamp(max(now_ms, _FIRST_MS) / 1000, UTC)
    entry = zipfile.ZipInfo(name, when.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED  # pictures do not get smaller
    entry.external_attr = 0o644 << 16
    return entry
