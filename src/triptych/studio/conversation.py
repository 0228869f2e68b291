"""Conversations with a picture: each turn is a tile whose parent is the picture of the turn before.

A turn without a picture (refused, failed) has no child, so that no later one goes on from it. What a provider keeps of its
own turns stays with the picture's record, and only the endpoint that wrote it is given it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError
from triptych.spec.image import ImageRequest, InputImage, Turn
from triptych.spec.records import Parent, PictureRecord, TileRecord
from triptych.store.base import BlobStore, RecordStore
from triptych.studio.picks import picked_of
from triptych.studio.requests import request_from_json
from triptych.studio.veil import is_veiled

MOST_TURNS = 16


class Conversation:
    """Looks turns up. Every method may raise StorageError."""

    def __init__(self, store: RecordStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    async def steps(self, parent: Parent) -> tuple[tuple[TileRecord, PictureRecord], ...]:
        """The turns that led to a picture, the oldest first; that picture is the last one's. At most `MOST_TURNS`, and none
        from before one of which it is hidden who made it.

        Raises NotFoundError, and ConflictError while it is hidden who made it.
        """
        found: list[tuple[TileRecord, PictureRecord]] = []
        at: Parent | None = parent
        while at is not None and len(found) < MOST_TURNS:
            tile, picture = await self._store.tile(at.tile), await self._store.picture(at.picture)
            if tile is None or picture is None or picture.tile_id != tile.id:
                break
            if found and _used(found[0][0].request, picture) is None:
                break  # it was a reference, or was laid into another frame: a conversation of its own
            if await self._hidden(tile):
                if found:
                    break
                raise ConflictError("It is hidden who made this picture, so a conversation cannot go on from it.",
                                    hint="Pick one of its row first.", param="parent")  # fmt: skip
            found.insert(0, (tile, picture))
            at = tile.parent
        if not found:
            raise NotFoundError("There is no such picture.", param="parent")
        return tuple(found)

    async def turns(self, parent: Parent, images: Sequence[InputImage]) -> tuple[Turn, ...]:
        """The turns as a request takes them; `images` are what goes along now. Raises BadRequestError when the picture that
        the conversation goes on from is not among them."""
        steps = await self.steps(parent)
        asked = [await request_from_json(tile.request, self._blobs) for tile, _ in steps]
        later = [*(request.images for request in asked[1:]), images]
        made = []
        for (tile, picture), request, following in zip(steps, asked, later, strict=True):
            answer = next((one for one in following if one.sha256 in _files(picture)), None)
            if answer is None:
                raise BadRequestError("The picture that the conversation goes on from is not among the images.", param="images",
                                      hint="Give it with the role edit.")  # fmt: skip
            made.append(Turn(
                prompt=request.prompt, picture=picture.id, answer=replace(answer, role="edit"), images=request.images,
                endpoint=picture.context_of or tile.endpoint or tile.model, context=picture.context,
            ))  # fmt: skip
        return tuple(made)

    async def request_of(self, tile: TileRecord) -> ImageRequest:
        """What a tile asked for, turns and all. Raises NotFoundError when a picture of it is gone."""
        return await request_from_json(tile.request, self._blobs, self._context)

    async def _context(self, picture_id: str, endpoint: str) -> str | None:
        picture = await self._store.picture(picture_id)
        return picture.context if picture is not None and picture.context_of == endpoint else None

    async def _hidden(self, tile: TileRecord) -> bool:
        run = await self._store.run(tile.run_id)
        return run is not None and is_veiled(run, (await picked_of(self._store, [run])).get(run.id))


def _files(picture: PictureRecord) -> set[str]:
    """Under which hashes a picture may have gone along: the file shown, and the other one of a restored picture."""
    restored = picture.restored.file if picture.restored is not None else None
    return {picture.sha256, *(one.sha256 for one in (picture.received, restored) if one is not None)}


def _used(request: Mapping[str, Any], picture: PictureRecord) -> str | None:
    given = (str(image["sha256"]) for image in request.get("images", ()))
    return next((sha256 for sha256 in given if sha256 in _files(picture)), None)
