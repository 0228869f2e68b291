"""Kept pictures, as inputs and for looking at."""

from collections import OrderedDict
from dataclasses import replace

from triptych.imaging.header import header
from triptych.spec.errors import NotFoundError
from triptych.spec.image import InputImage, Role
from triptych.spec.records import PictureRecord
from triptych.store.base import BlobStore, RecordStore
from triptych.studio.ingest import Workshop
from triptych.studio.outside import chosen
from triptych.studio.veil import PLAIN_TYPE

THUMB = "thumb256"
_SAFE_TO_SHOW = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
_PLAIN = "plain"
DERIVED = (THUMB, _PLAIN)
"""Everything that is made of a picture and kept beside it."""
_REMEMBERED_BYTES = 64 << 20


class Pictures:
    """Looks pictures up; thumbnails are made on the first look."""

    def __init__(self, store: RecordStore, blobs: BlobStore, workshop: Workshop) -> None:
        self._store = store
        self.blobs = blobs
        self._workshop = workshop
        self._inputs: OrderedDict[str, InputImage] = OrderedDict()

    async def input(self, sha256: str, role: Role) -> InputImage:
        """A kept picture as an input. The last few are remembered, because a prompt is planned at every key press.

        Raises NotFoundError, and HostileContentError for bytes that are no picture.
        """
        known = self._inputs.get(sha256)
        if known is None:
            data = await self.bytes_of(sha256)
            info = header(data)
            known = InputImage(
                data=data, media_type=info.media_type, sha256=sha256, width=info.width, height=info.height
            )
            self._inputs[sha256] = known
            while len(self._inputs) > 1 and sum(len(kept.data) for kept in self._inputs.values()) > _REMEMBERED_BYTES:
                self._inputs.popitem(last=False)
        self._inputs.move_to_end(sha256)
        return replace(known, role=role)

    async def record(self, picture_id: str) -> PictureRecord:
        """Raises NotFoundError."""
        picture = await self._store.picture(picture_id)
        if picture is None:
            raise NotFoundError("There is no such picture.", param="id")
        return picture

    async def choose(self, picture_id: str, *, unrestored: bool) -> str:
        """Makes a restored picture show the model's own answer, or again what was made of it; returns its tile's id.
        Raises NotFoundError, and ConflictError for a picture that has one file only."""
        picture = await chosen(await self.record(picture_id), self.blobs, unrestored=unrestored)
        tile = await self._store.tile(picture.tile_id)
        if tile is None:
            raise NotFoundError("There is no such tile.", param="id")
        await self._store.save_tile(tile, [picture])
        return tile.id

    async def bytes_of(self, sha256: str) -> bytes:
        """The bytes as they were kept. Raises NotFoundError."""
        data = await self.blobs.get(sha256)
        if data is None:
            raise NotFoundError("There is no such picture.", param="sha256")
        return data

    async def thumb(self, picture_id: str) -> bytes:
        """WebP, 256 pixels on the long side. Raises NotFoundError, and HostileContentError when it cannot be opened."""
        return await self.thumb_of((await self.record(picture_id)).sha256)

    async def thumb_of(self, sha256: str) -> bytes:
        """The thumbnail of bytes by their hash."""
        kept = await self.blobs.get_derived(sha256, THUMB)
        if kept is None:
            kept = await self._workshop.thumbnail(await self.bytes_of(sha256), 256)
            await self.blobs.put_derived(sha256, THUMB, kept)
        return kept

    async def plain(self, sha256: str) -> bytes:
        """A picture's pixels as PNG, without metadata: nothing in the file tells who made it. Made on the first look.
        Raises NotFoundError, and HostileContentError when it cannot be opened."""
        kept = await self.blobs.get_derived(sha256, _PLAIN)
        if kept is None:
            kept = await self._workshop.convert(await self.bytes_of(sha256), PLAIN_TYPE)
            await self.blobs.put_derived(sha256, _PLAIN, kept)
        return kept

    async def shown(self, sha256: str) -> tuple[bytes, str]:
        """Bytes and media type that are safe to show: as they are when the type is, else re-encoded."""
        data = await self.bytes_of(sha256)
        media_type = header(data).media_type
        return (data, media_type) if media_type in _SAFE_TO_SHOW else await self._workshop.display(data)
