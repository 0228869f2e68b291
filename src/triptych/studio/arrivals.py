"""Pictures of some calls of a tile that are here while others are still out: kept at once, so that a stop or a crash does
not lose what was paid for, and shown one by one."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from triptych.spec.errors import StorageError, TriptychError
from triptych.spec.image import ImageRequest
from triptych.spec.records import PictureRecord
from triptych.spec.routing import Arrived
from triptych.store.base import RecordStore
from triptych.studio.ingest import Intake, Taken
from triptych.studio.live import Announcer, Live

_log = structlog.get_logger("triptych.studio")


class Arrivals:
    """Takes in what came. What cannot be kept now is taken in again with the whole answer."""

    def __init__(self, store: RecordStore, intake: Intake, announcer: Announcer) -> None:
        self._store = store
        self._intake = intake
        self._announcer = announcer

    async def take(self, live: Live, request: ImageRequest, event: Arrived) -> None:
        """Keeps the pictures of one call, each once, at the places that they have in the request."""
        async with live.arriving:
            fresh: list[tuple[Taken, bytes]] = []
            for index, image in enumerate(event.result.images):
                if any(data is image.data for data in live.came.values()):
                    continue
                try:
                    made = await self._intake.read_one(live.record.id, event.offset + index, request, image,
                                                       event.result.adjustments)  # fmt: skip
                except TriptychError as error:
                    _log.warning("a picture was not kept yet", tile=live.record.id, error=error.message)
                else:
                    fresh.append((made, image.data))
            if fresh and (kept := await self._keep(live, fresh)):
                await self._show(live, kept)

    async def _keep(self, live: Live, fresh: Sequence[tuple[Taken, bytes]]) -> list[PictureRecord]:
        """Those whose bytes were kept; they are written down as coming before that."""
        live.record = replace(live.record, coming=tuple(one for taken, _ in fresh for one in taken.pictures))
        kept: list[PictureRecord] = []
        try:
            await self._store.save_tile(live.record)
            for taken, data in fresh:
                await self._intake.keep(taken)
                kept += taken.pictures
                live.came |= {picture.id: data for picture in taken.pictures}
        except StorageError as error:
            _log.warning("a picture was not kept yet", tile=live.record.id, error=error.message)
        live.record = replace(live.record, coming=())
        return kept

    async def _show(self, live: Live, fresh: list[PictureRecord]) -> None:
        if live.job_over:
            live.record = replace(live.record, job=None)  # its pictures are here: a restart must not fetch them again
        try:
            await self._store.save_tile(live.record, fresh)
        except StorageError as error:
            _log.warning("a picture was not kept yet", tile=live.record.id, error=error.message)
        finally:  # from here on they are seen: now they can be asked for
            live.pictures = tuple(sorted((*live.pictures, *fresh), key=lambda picture: picture.position))
        self._announcer.now(live)
