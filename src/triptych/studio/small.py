"""Small copies of pictures, made when they arrive, so that neither the gallery nor a row waits for them or loads originals.

They are pixels only: nothing in them tells who made a picture. Both are kept beside the bytes they are made of, by their hash,
and are deleted with them.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

import structlog

from triptych.imaging.header import header
from triptych.spec.errors import NotFoundError, TriptychError
from triptych.store.base import BlobStore
from triptych.studio.ingest import Workshop

THUMB, VIEW = "thumb256short", "view1024"
SMALL = (THUMB, VIEW, "thumb256")
"""Every name under which a small copy is kept, that of an earlier version last."""
SHORT_SIDE, LONG_SIDE = 256, 1024
"""Pixels of a thumbnail's short side, and of a view's long side."""
_log = structlog.get_logger("triptych.studio")


class SmallCopies:
    """Makes each copy once, also when several ask for it at the same time."""

    def __init__(self, blobs: BlobStore, workshop: Workshop) -> None:
        self._blobs, self._workshop = blobs, workshop
        self._under_way: dict[str, asyncio.Task[dict[str, bytes]]] = {}
        self._waiting: deque[str] = deque()
        self._work: asyncio.Task[None] | None = None

    def expect(self, hashes: Iterable[str]) -> None:
        """Begins to make the copies of pictures that came, one after the other; whoever looks at one goes before."""
        self._waiting.extend(hashes)
        if self._waiting and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._catch_up())

    async def get(self, sha256: str, kind: str) -> bytes:
        """WebP, never larger than the picture. Raises NotFoundError, HostileContentError when it cannot be opened, and
        StorageError."""
        kept = await self._blobs.get_derived(sha256, kind)
        return kept if kept is not None else (await self._made(sha256))[kind]

    async def close(self) -> None:
        """Stops. A copy that is being made is finished, since somebody may be waiting for it; the others are made on the first look."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
        await asyncio.gather(*self._under_way.values(), *([self._work] if self._work else []), return_exceptions=True)

    async def _catch_up(self) -> None:
        while self._waiting:
            sha256 = self._waiting.popleft()
            try:
                await self.get(sha256, THUMB)
            except TriptychError as error:
                _log.info("a small copy was not made yet", reason=error.message)

    async def _made(self, sha256: str) -> dict[str, bytes]:
        task = self._under_way.get(sha256)
        if task is None:
            task = self._under_way[sha256] = asyncio.create_task(self._make(sha256))
            task.add_done_callback(lambda _: self._under_way.pop(sha256, None))
        try:
            return await asyncio.shield(task)  # one who goes away takes it from nobody else
        except asyncio.CancelledError:
            task.add_done_callback(_hear)  # who went may have been the last to wait for it
            raise

    async def _make(self, sha256: str) -> dict[str, bytes]:
        data = await self._blobs.get(sha256)
        if data is None:
            raise NotFoundError("There is no such picture.", param="sha256")
        info = header(data)
        short, long = sorted((info.width, info.height))
        view = await self._workshop.thumbnail(data, LONG_SIDE)
        thumb = await self._workshop.thumbnail(view, min(LONG_SIDE, -(-SHORT_SIDE * long // short)))
        made = {VIEW: view, THUMB: thumb}
        for kind, copy in made.items():
            await self._blobs.put_derived(sha256, kind, copy)
        return made


def _hear(task: asyncio.Task[dict[str, bytes]]) -> None:
    """Of a copy that nobody may be waiting for any more: how it ended, where it failed."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, TriptychError):
        _log.info("a small copy was not made yet", reason=error.message)
    elif error is not None:
        _log.error("a small copy was not made", exc_info=error)
