"""A kit as a ZIP file, sent while it is made: never more than one picture of it is in memory."""

from collections.abc import AsyncIterator

from triptych.studio.archive import Archive
from triptych.studio.kit_files import Export, KitFiles, Papers
from triptych.studio.kit_look import Looked, LookedFormat
from triptych.studio.kit_sidecar import NAME, json_schema

SCHEMA_NAME = "kit.schema.json"


async def kit_zip(
    files: KitFiles, looked: Looked, wanted: list[tuple[LookedFormat, str]], export: Export, now_ms: int
) -> AsyncIterator[bytes]:
    """The archive in pieces: the files of each format, and at last the sidecar with its schema. `wanted` as
    `KitFiles.check` gave it."""
    archive, papers = Archive(now_ms), Papers()
    for each, name in wanted:
        for file in await files.make(each, name, export, papers):
            yield archive.put(file.name, file.data)
    yield archive.put(NAME, files.sidecar(looked, export, papers), deflated=True)
    yield archive.put(SCHEMA_NAME, json_schema(), deflated=True) + archive.end()
