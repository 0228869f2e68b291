"""The files of a kit: each format at its exact size, the signed originals with their receipts, and the sidecar."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from triptych import __version__
from triptych.imaging.bare import has_credentials
from triptych.imaging.recipe import with_recipe
from triptych.imaging.workshop import Workshop
from triptych.spec.clock import Clock
from triptych.spec.errors import ConflictError
from triptych.spec.image import UNKNOWN_COST, Size
from triptych.spec.records import PictureRecord, TileRecord
from triptych.store.receipts import ReceiptRecord
from triptych.studio.alt import Alt, alt_text
from triptych.studio.credentials import Credentials, Delivered, derived_manifest, sha256_of
from triptych.studio.kit_formats import Window, enlarged, size_of
from triptych.studio.kit_look import FileType, Looked, LookedFormat, LookedTake, ready
from triptych.studio.kit_sidecar import SCHEMA, Delivery, Derived, Fitted, From, LeftOut, Original, Paper, Sidecar
from triptych.studio.recipe import recipe_of
from triptych.studio.service import Studio

EncodedType = Literal["image/png", "image/jpeg", "image/webp"]
TYPES: Mapping[FileType, EncodedType] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_ENDING_OF = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif"}


class ReceiptStore(Protocol):
    """What is needed of the receipts."""

    async def of_tile(self, tile_id: str) -> ReceiptRecord | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How a kit is to be delivered. `recipe`: prompt and model go into the files; `credentials`: content credentials do,
    where they are to be had; `originals`: the signed originals go along with their receipts."""

    kind: FileType = "png"
    quality: int = 90
    recipe: bool = True
    credentials: bool = True
    originals: bool = True


@dataclass(slots=True)
class Papers:
    """What one delivery has so far: the originals by picture, with what was made of them."""

    originals: dict[str, Original] = field(default_factory=dict)
    files: list[Delivery] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a delivery."""

    name: str
    data: bytes


class KitFiles:
    """Makes the files of kits. Every method may raise StorageError, and NotFoundError for a picture that is gone."""

    def __init__(
        self,
        studio: Studio,
        receipts: ReceiptStore,
        workshop: Workshop,
        credentials: Credentials | None,
        clock: Clock,
        alt: Alt,
    ) -> None:
        self._studio, self._receipts, self._workshop = studio, receipts, workshop
        self._credentials, self._clock, self._alt = credentials, clock, alt

    async def check(self, looked: Looked, export: Export) -> list[tuple[LookedFormat, str]]:
        """The formats that are delivered, with their files' names.

        Raises ConflictError where there is none, for names that clash or that a system refuses, and NotFoundError where the
        bytes of one are gone: before the first byte is sent.
        """
        if looked.picture is None or looked.view is None:
            raise ConflictError("The key visual of this kit is no longer kept.", param="id")
        if looked.view.veiled:
            raise ConflictError("It is hidden who made the key visual.", hint="Pick one of its row first.", param="id")
        wanted = ready(looked.formats)
        if not wanted:
            raise ConflictError(
                "No format of this kit can be delivered yet.", hint="Choose a take that is there.", param="id"
            )
        named = {each.made.id: name for each, name in zip(looked.formats, looked.named(export.kind), strict=True)}
        if wrong := next((named[each.made.id] for each in wanted if named[each.made.id].problem), None):
            raise ConflictError(f"{wrong.name}: {wrong.problem}", hint="Change the template.", param="template")
        for each in wanted:
            await self._studio.pictures.bytes_of(_picture(each.chosen).sha256)
        return [(each, named[each.made.id].name) for each in wanted]

    async def rendered(self, each: LookedFormat, side: int, kind: EncodedType, quality: int) -> bytes:
        """A format as it is delivered, at most `side` pixels long, without anything in the file but pixels."""
        wanted, part = size_of(each.made), each.chosen.window(size_of(each.made))
        scale = min(
            1.0,
            side / max(wanted.width, wanted.height),
            max(part.width, part.height) / max(wanted.width, wanted.height),
        )
        size = (max(1, round(wanted.width * scale)), max(1, round(wanted.height * scale)))
        data = await self._studio.pictures.bytes_of(_picture(each.chosen).sha256)
        return await self._workshop.reframe(data, part.box, size, kind, quality=quality)

    async def whole(self, picture: PictureRecord, side: int, kind: EncodedType, quality: int) -> bytes:
        """A whole picture, at most `side` pixels long, without anything in the file but pixels."""
        scale = min(1.0, side / max(picture.width, picture.height))
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return await self._workshop.reframe(
            await self._studio.pictures.bytes_of(picture.sha256), None, size, kind, quality=quality
        )

    async def make(self, each: LookedFormat, name: str, export: Export, papers: Papers) -> list[File]:
        """The files of one format, what is said of them added to `papers`."""
        take, wanted = each.chosen, size_of(each.made)
        picture, tile = _picture(take), _tile(take)
        data = await self._studio.pictures.bytes_of(picture.sha256)
        receipt = await self._receipts.of_tile(picture.tile_id)
        beside = await self._original(picture, tile, data, receipt, export, papers)
        part, original = take.window(wanted), papers.originals[picture.id]
        same = part.box == (0, 0, picture.width, picture.height) and part.width == wanted.width
        if same and part.height == wanted.height and picture.media_type == TYPES[export.kind]:
            made = await self._deliver(picture, tile, data, receipt, export)
            derived = None
        else:
            made = await self._derive(take, data, part, wanted, export, receipt)
            derived = Derived(original=original.file if export.originals else None, original_sha256=picture.sha256,
                              window=part.box, scale_percent=enlarged(part, wanted))  # fmt: skip
        told = _delivery(each, name, made, derived, export, original.receipt)
        alt = alt_text(await self._alt(picture.id), told.prompt)
        papers.files.append(msgspec.structs.replace(told, sha256=await sha256_of(made.data), alt=alt))
        return [File(name, made.data), *beside]

    async def _original(
        self,
        picture: PictureRecord,
        tile: TileRecord,
        data: bytes,
        receipt: ReceiptRecord | None,
        export: Export,
        papers: Papers,
    ) -> list[File]:
        """The kept file and its receipt, once for each picture."""
        if picture.id in papers.originals:
            return []
        stem = f"originals/{(tile.endpoint or tile.model).rpartition('/')[2]}_{picture.id[-6:]}"
        name = f"{stem}.{_ENDING_OF.get(picture.media_type, 'bin')}"
        body = b"" if receipt is None else f"{receipt.body}\n".encode()
        paper = None
        if receipt is not None:
            paper = Paper(id=receipt.id, file=f"{stem}.receipt.jws" if export.originals else None,
                          sha256=hashlib.sha256(body).hexdigest())  # fmt: skip
        papers.originals[picture.id] = Original(
            file=name, sha256=picture.sha256, bytes=len(data), media_type=picture.media_type, width=picture.width,
            height=picture.height, tile=picture.tile_id, picture=picture.id, receipt=paper,
        )  # fmt: skip
        if not export.originals:
            return []
        return [File(name, data), *([File(f"{stem}.receipt.jws", body)] if receipt is not None else [])]

    async def _deliver(
        self, picture: PictureRecord, tile: TileRecord, data: bytes, receipt: ReceiptRecord | None, export: Export
    ) -> Delivered:
        """The kept file, with what is to be in it in places of its own: taken out, the bytes are those that are signed."""
        if export.credentials:
            return await self._studio.deliver(picture, receipt, recipe=export.recipe)
        if not export.recipe or tile.imported is not None or await asyncio.to_thread(has_credentials, data):
            return Delivered(data, "off")
        said = msgspec.json.encode(recipe_of(tile, picture)).decode()
        written = await asyncio.to_thread(with_recipe, data, said)
        return Delivered(data if written is None else written, "off", recipe=written is not None)

    async def _derive(
        self, take: LookedTake, data: bytes, part: Window, wanted: Size, export: Export, receipt: ReceiptRecord | None
    ) -> Delivered:
        recipe = ""
        if export.recipe:
            recipe = msgspec.json.encode(recipe_of(_tile(take), _picture(take), way=take.take.way)).decode()
        made = await self._workshop.reframe(
            data, part.box, (wanted.width, wanted.height), TYPES[export.kind], quality=export.quality, recipe=recipe
        )
        if not export.credentials or self._credentials is None:
            return Delivered(made, "off")
        said = derived_manifest(
            _tile(take), _picture(take), receipt, cropped=(part.width, part.height) != tuple(_sides(take))
        )
        return await self._credentials.derive(made, TYPES[export.kind], said, data)

    def sidecar(self, looked: Looked, export: Export, papers: Papers) -> bytes:
        """`kit.json` for what is in `papers`."""
        kit, picture = looked.kit, looked.picture
        if picture is None:
            raise ConflictError("The key visual of this kit is no longer kept.", param="id")
        left = [
            LeftOut(format=each.title, width=each.made.width, height=each.made.height, why=each.missing)
            for each in looked.formats if each.missing is not None
        ]  # fmt: skip
        made = Sidecar(
            schema=SCHEMA, program=f"Triptych {__version__}", kit=kit.id, name=kit.name, project=kit.project,
            made_ms=self._clock.now_ms(), key_visual=From(tile=picture.tile_id, picture=picture.id, sha256=picture.sha256),
            files=tuple(papers.files), originals=tuple(papers.originals.values()) if export.originals else (),
            left_out=tuple(left),
        )  # fmt: skip
        return msgspec.json.format(msgspec.json.encode(made), indent=1)


def _sides(take: LookedTake) -> tuple[int, int]:
    return take.size.width, take.size.height


def _picture(take: LookedTake) -> PictureRecord:
    if take.picture is None:
        raise ConflictError("A picture of this kit is no longer kept.", param="id")
    return take.picture


def _tile(take: LookedTake) -> TileRecord:
    if take.view is None:
        raise ConflictError("A picture of this kit is no longer kept.", param="id")
    return take.view.record


def _delivery(
    each: LookedFormat, name: str, made: Delivered, derived: Derived | None, export: Export, paper: Paper | None
) -> Delivery:
    take = each.chosen
    tile, picture = _tile(take), _picture(take)
    cost = tile.cost or UNKNOWN_COST
    parent = tile.parent
    return Delivery(
        file=name, sha256="", bytes=len(made.data),
        media_type=picture.media_type if derived is None else TYPES[export.kind], width=each.made.width,
        height=each.made.height, format=each.title, ratio=each.made.ratio, way=take.take.way, version=each.number,
        signed=derived is None and paper is not None, derived=derived, content_credentials=made.credentials,
        recipe_in_file=made.recipe if derived is None else export.recipe, alt="", prompt=str(tile.request.get("prompt", "")),
        model=tile.endpoint or tile.model, model_served=tile.model_served, lane=tile.lane, seed=picture.seed,
        cost_micro_usd=cost.amount_micro_usd, cost_source=cost.source, billed=tile.billed, receipt=paper,
        adjustments=tuple(Fitted(feature=a.feature, kind=a.kind, detail=a.detail) for a in tile.adjustments if a.kind != "native"),
        parent=None if parent is None else From(tile=parent.tile, picture=parent.picture),
        tile=tile.id, picture=picture.id, made_ms=picture.created_ms,
    )  # fmt: skip
