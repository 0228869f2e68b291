"""Content credentials of this installation: its key, its switch, and pictures with their receipts as people get them."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from triptych.config.settings import Settings
from triptych.imaging.workshop import Workshop
from triptych.network.credentials import load_or_create
from triptych.spec.errors import SettingsError
from triptych.spec.records import PictureRecord
from triptych.store.base import BlobStore
from triptych.store.receipts import ReceiptRecord, Receipts
from triptych.studio.credentials import Credentials, Delivered
from triptych.studio.service import Studio

RECEIPT_SUFFIX = ".receipt.jws"


async def open_credentials(settings: Settings, blobs: BlobStore, workshop: Workshop) -> Credentials:
    """Raises StorageError for a key that cannot be read, SettingsError for a list of signers that cannot."""
    key = await asyncio.to_thread(load_or_create, settings.data)
    anchors: str | None = None
    if settings.content_credentials_trust is not None:
        path = settings.data / settings.content_credentials_trust
        try:
            anchors = await asyncio.to_thread(path.read_text, "ascii")
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"content_credentials_trust is {path}, which cannot be read.",
                                hint="Name a file of certificates in PEM.", param="content_credentials_trust") from None  # fmt: skip
    return Credentials(blobs=blobs, workshop=workshop, key=key, on=settings.content_credentials, anchors=anchors,
                       recipes=settings.recipe_in_files)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A picture as a file, and the receipt that goes beside it; `name` is the file's."""

    name: str
    picture: PictureRecord
    file: Delivered
    receipt: ReceiptRecord | None

    @property
    def receipt_name(self) -> str:
        return PurePath(self.name).stem + RECEIPT_SUFFIX


async def hand_over(studio: Studio, receipts: Receipts, picture_id: str) -> HandedOver:
    """A kept picture for a person to take home. Raises NotFoundError and StorageError."""
    picture = await studio.pictures.record(picture_id)
    receipt = await receipts.of_tile(picture.tile_id)
    name = await name_of(studio, picture)
    return HandedOver(name, picture, await studio.deliver(picture, receipt), receipt)


async def name_of(studio: Studio, picture: PictureRecord) -> str:
    """How a picture's file is called. Raises NotFoundError."""
    images: Any = (await studio.tile(picture.tile_id)).json["images"]
    return next((str(image["filename"]) for image in images if image["id"] == picture.id), "image.png")
