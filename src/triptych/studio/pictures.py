"""Kept pictures, as inputs and for looking at."""

from collections import OrderedDict
from dataclasses import replace

from triptych.imaging.header import header
from triptych.spec.errors import BadRequestError, HostileContentError, NotFoundError
from triptych.spec.image import InputImage, Role
from triptych.spec.records import PictureRecord
from triptych.store.base import BlobStore, RecordStore
from triptych.studio.ingest import Workshop
from triptych.studio.masks import GivenMask, changes_nothing
from triptych.studio.outside import chosen
from triptych.studio.small import SMALL, THUMB, VIEW, SmallCopies
from triptych.studio.veil import PLAIN_TYPE

_SAFE_TO_SHOW = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
_PLAIN = "plain"
DERIVED = (*SMALL, _PLAIN)
"""Everything that is made of a picture and kept beside it."""
_REMEMBERED_BYTES = 64 << 20


class Pictures:
    """Looks pictures up, whole or small."""

    def __init__(self, store: RecordStore, blobs: BlobStore, workshop: Workshop) -> None:
        self._store = store
        self.blobs = blobs
        self.small = SmallCopies(blobs, workshop)
        self._workshop = workshop
        self._inputs: OrderedDict[str, InputImage] = OrderedDict()
        self._masks: OrderedDict[str, GivenMask] = OrderedDict()

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

    async def mask(self, sha256: str) -> GivenMask:
        """A kept picture as a mask. One without transparency is turned into one that has it, which is kept too. Raises
        NotFoundError, and BadRequestError for what cannot be opened."""
        known = self._masks.get(sha256)
        if known is None:
            known = await self._read_mask(await self.input(sha256, "edit"))
            self._masks[sha256] = known
            while len(self._masks) > 1 and sum(len(k.image.data) for k in self._masks.values()) > _REMEMBERED_BYTES:
                self._masks.popitem(last=False)
        self._masks.move_to_end(sha256)
        return known

    async def check_mask(self, mask: InputImage | None) -> None:
        """Raises BadRequestError for a mask that cannot be opened, and for one that changes nothing."""
        if mask is None:
            return
        given = await self._read_mask(mask)
        problem = changes_nothing(given.reading) if given.reading else None
        if problem is not None:
            raise problem

    async def _read_mask(self, mask: InputImage) -> GivenMask:
        if mask.media_type != "image/png":
            return GivenMask(mask, None)
        try:
            reading, data = await self._workshop.read_mask(mask.data)
        except HostileContentError as error:
            raise BadRequestError(error.message, hint=error.hint, param="mask") from error
        if data == mask.data:
            return GivenMask(mask, reading)
        sha256 = await self.blobs.put(data)
        return GivenMask(replace(mask, data=data, sha256=sha256), reading)

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
        """WebP, 256 pixels on the short side. Raises NotFoundError, and HostileContentError when it cannot be opened."""
        return await self.thumb_of((await self.record(picture_id)).sha256)

    async def view(self, picture_id: str) -> bytes:
        """WebP, 1024 pixels on the long side, as rows show it. Raises as `thumb` does."""
        return await self.small.get((await self.record(picture_id)).sha256, VIEW)

    async def thumb_of(self, sha256: str) -> bytes:
        """The thumbnail of bytes by their hash."""
        return await self.small.get(sha256, THUMB)

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
