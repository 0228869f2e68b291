"""What a picture's file has in it: what a provider's came with, and what one gets when it is handed over.

A receipt signs the hash of the bytes that are kept, and those stay as they are. The file that a person takes home is
another one, with its recipe and with a manifest (C2PA) that names the receipt. Taken out again (`triptych.imaging.bare`) they
leave the bytes that the receipt signs: so both the receipt and a reader of content credentials hold for the file. See
docs/decisions.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec
import structlog

from triptych import __version__
from triptych.imaging import credentials
from triptych.imaging.bare import bare, has_credentials, has_recipe
from triptych.imaging.credentials import PARENT
from triptych.imaging.recipe import with_recipe
from triptych.network.check_images import RECEIPT_LABEL
from triptych.network.credentials import CredentialKey
from triptych.spec.errors import TriptychError
from triptych.spec.json import Json
from triptych.spec.records import PictureRecord, TileRecord, UpstreamCredentials
from triptych.store.base import BlobStore
from triptych.store.receipts import ReceiptRecord
from triptych.studio.recipe import recipe_of

Embedded = Literal["embedded", "off", "not_installed", "unsupported", "failed", "imported"]
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_LABEL = f"{RECEIPT_LABEL}-of-source"
"""The assertion of a derived file: the receipt of the picture that it was made of, which does not sign the file itself."""
_TAKEN = frozenset({"image/png", "image/jpeg", "image/webp"})
_log = structlog.get_logger("triptych.credentials")


class Workshop(Protocol):
    """What is needed of imaging."""

    async def read_credentials(self, data: bytes, anchors: str | None = None) -> dict[str, Any]: ...
    async def embed_credentials(
        self,
        data: bytes,
        manifest: Mapping[str, Any],
        *,
        chain: str,
        sign: Callable[[bytes], bytes],
        parent: bytes = b"",
    ) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file as it is handed over. `credentials` says whether it has ours, and if not, why not; `recipe` whether its recipe
    was put in. With neither it is the kept one, byte for byte, with whatever it came with."""

    data: bytes
    credentials: Embedded
    recipe: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """Reads and makes content credentials, and puts in recipes. `on` and `recipes` are the user's switches; `anchors` are
    certificates (PEM) of signers that are believed; `installed` says whether the package is there."""

    blobs: BlobStore
    workshop: Workshop
    key: CredentialKey
    on: bool = True
    anchors: str | None = None
    installed: Callable[[], bool] = credentials.installed
    recipes: bool = True

    async def upstream(self, data: bytes, *, carried: bool) -> UpstreamCredentials | None:
        """What a provider's file came with; None when it came with nothing. Never raises for what is wrong with it."""
        if not has_credentials(data):
            return None
        if not self.installed():
            return UpstreamCredentials(state="unread", carried=carried)
        try:
            said = await self.workshop.read_credentials(data, self.anchors)
        except TriptychError as error:
            _log.warning("content credentials cannot be read", reason=error.message)
            return UpstreamCredentials(state="broken", carried=carried)
        return UpstreamCredentials(
            state=said["state"], issuer=said["issuer"], generator=said["generator"], carried=carried
        )

    async def deliver(
        self,
        tile: TileRecord,
        picture: PictureRecord,
        data: bytes,
        receipt: ReceiptRecord | None,
        *,
        is_ai: bool,
        recipe: bool = True,
    ) -> Delivered:
        """The file for a person to keep. A picture is never lost over what is put in: without it, it goes as it is."""
        if tile.imported is not None:
            return Delivered(data, "imported")  # it was not made here, so that there is nothing to state
        if await asyncio.to_thread(has_recipe, data):
            return Delivered(data, "failed")  # somebody else's: taken out with ours, the bytes would not come back
        written = await self._written(tile, picture, data) if recipe and self.recipes else None
        made = await self._stated(tile, picture, data, written, receipt, is_ai=is_ai)
        if made.credentials == "embedded":
            return replace(made, recipe=written is not None)
        if written is None or await asyncio.to_thread(has_credentials, data):
            return made  # the provider's own credentials would no longer hold with a recipe beside them
        return Delivered(written, made.credentials, recipe=True)

    async def _written(self, tile: TileRecord, picture: PictureRecord, data: bytes) -> bytes | None:
        """The picture with its recipe and without any manifest; None for a file that takes none."""
        said = msgspec.json.encode(recipe_of(tile, picture)).decode()
        return await asyncio.to_thread(lambda: with_recipe(bare(data), said))

    async def _stated(
        self,
        tile: TileRecord,
        picture: PictureRecord,
        data: bytes,
        written: bytes | None,
        receipt: ReceiptRecord | None,
        *,
        is_ai: bool,
    ) -> Delivered:
        """With our manifest in it, over the recipe where one is `written`; otherwise `data` as it is."""
        if (why := self._not_here(picture.media_type)) is not None:
            return Delivered(data, why)
        try:
            parent = await self._parent(tile, picture, data)
        except TriptychError as error:
            _log.warning("a picture goes without content credentials", picture=picture.id, reason=error.message)
            return Delivered(data, "failed")
        said = manifest(tile, picture, receipt, is_ai=is_ai, edited=parent is not None)
        return await self._embedded(data if written is None else written, said, parent or b"", data)

    async def derive(self, data: bytes, media_type: str, said: Mapping[str, Any], original: bytes) -> Delivered:
        """A file that was made here of a kept picture, `said` by `derived_manifest`, with that picture as what it came of."""
        if (why := self._not_here(media_type)) is not None:
            return Delivered(data, why)
        return await self._embedded(data, said, original, data)

    def _not_here(self, media_type: str) -> Embedded | None:
        """Why a file gets no credentials; None when it does."""
        if not self.on or media_type not in _TAKEN:
            return "off" if not self.on else "unsupported"
        return None if self.installed() else "not_installed"

    async def _embedded(self, file: bytes, said: Mapping[str, Any], parent: bytes, kept: bytes) -> Delivered:
        """`file` with credentials; where that fails, or would not leave the `kept` picture again, the kept one."""
        try:
            made = await self.workshop.embed_credentials(
                file, said, chain=self.key.chain, sign=self.key.sign, parent=parent
            )
        except TriptychError as error:
            _log.warning("a picture goes without content credentials", reason=error.message)
            return Delivered(kept, "failed")
        if not await asyncio.to_thread(lambda: bare(made) == bare(kept)):
            _log.warning("content credentials changed a picture; it goes without them")
            return Delivered(kept, "failed")
        return Delivered(made, "embedded")

    async def _parent(self, tile: TileRecord, picture: PictureRecord, data: bytes) -> bytes | None:
        """The picture that this one was made from: the provider's own file where that has credentials, else the first
        one that was to be edited."""
        if picture.credentials is not None and picture.credentials.carried:
            return data
        if picture.credentials is not None:
            return await self._blob(picture.received.sha256 if picture.received else None)
        given: Any = tile.request.get("images", ())
        edited = next((one for one in given if one.get("role") == "edit"), None)
        return None if edited is None else await self._blob(edited.get("sha256"))

    async def _blob(self, sha256: str | None) -> bytes | None:
        return None if sha256 is None else await self.blobs.get(sha256)


async def sha256_of(data: bytes, *, without_credentials: bool = False) -> str:
    """In lower-case hex, off the event loop."""
    return await asyncio.to_thread(lambda: hashlib.sha256(bare(data) if without_credentials else data).hexdigest())


def manifest(
    tile: TileRecord, picture: PictureRecord, receipt: ReceiptRecord | None, *, is_ai: bool, edited: bool
) -> dict[str, Json]:
    """The manifest for c2pa-python: who made the picture and how, and its receipt. Nothing that was written is in it.

    The first action is `c2pa.created`, or `c2pa.opened` for a picture made from another one (C2PA 2.2, section 18.15);
    digital source types are IPTC's, and the painters' is `algorithmicMedia`, for they are no AI.
    """
    agent: dict[str, Json] = {"name": tile.model_served or tile.endpoint or tile.model}
    made: dict[str, Json] = {
        "softwareAgent": agent,
        "digitalSourceType": f"{_SOURCE}{'trainedAlgorithmicMedia' if is_ai else 'algorithmicMedia'}",
        "when": datetime.fromtimestamp(picture.created_ms // 1000, UTC).isoformat().replace("+00:00", "Z"),
    }
    opened: dict[str, Json] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    actions: list[Json] = [{"action": "c2pa.created", **made}]
    if edited and picture.credentials is None:
        actions = [opened, {"action": "c2pa.edited", **made}]
    elif edited:
        actions = [opened, *([{"action": "c2pa.transcoded"}] if picture.received else [])]
    return _manifest(actions, RECEIPT_LABEL, tile, picture, receipt)


def derived_manifest(
    tile: TileRecord, picture: PictureRecord, receipt: ReceiptRecord | None, *, cropped: bool
) -> dict[str, Json]:
    """The manifest of a file that was cut out of a kept picture, or brought to another size or type, on this machine. The
    receipt named in it is that picture's, and does not sign this file."""
    opened: dict[str, Json] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    done = ["c2pa.cropped"] if cropped else []
    actions: list[Json] = [opened, *({"action": each} for each in (*done, "c2pa.resized", "c2pa.transcoded"))]
    return _manifest(actions, SOURCE_LABEL, tile, picture, receipt)


def _manifest(
    actions: list[Json], label: str, tile: TileRecord, picture: PictureRecord, receipt: ReceiptRecord | None
) -> dict[str, Json]:
    about: dict[str, Json] = {
        "picture_sha256": picture.sha256, "model_asked": tile.model, "model_served": tile.model_served,
        "endpoint": tile.endpoint,
    }  # fmt: skip
    if receipt is not None:
        about |= {"receipt": receipt.id, "receipt_sha256": hashlib.sha256(receipt.body.encode()).hexdigest()}
    return {
        "claim_generator_info": [{"name": "Triptych", "version": __version__}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": label, "data": about},
        ],
    }
