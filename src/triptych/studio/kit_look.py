"""A kit with its pictures looked up: what each take shows, its window, what its file is called, and all of it for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from triptych.spec.errors import NotFoundError
from triptych.spec.image import Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.kit import KitFormat, KitRecord, Take, Way
from triptych.spec.records import PictureRecord
from triptych.studio.kit_formats import FORMATS, Window, enlarged, loss, size_of, window, zone_json
from triptych.studio.kit_names import Named, names
from triptych.studio.service import Studio
from triptych.studio.views import TileView

FileType = Literal["png", "jpeg", "webp"]
ENDINGS: Mapping[FileType, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
_TOLD = ("state", "name", "maker", "model", "lane", "cost", "estimate", "billed", "error", "adjustments", "progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedTake:
    """A take and what there is of it. `view` is the tile that makes it, or that made the key visual; None when that is
    gone, as `picture` while there is none."""

    take: Take
    view: TileView | None
    picture: PictureRecord | None

    @property
    def size(self) -> Size:
        """Of the whole picture. To be asked only where there is one."""
        if self.picture is None:
            raise NotFoundError("There is no picture of this take.", param="take")
        return Size(self.picture.width, self.picture.height)

    def window(self, wanted: Size) -> Window:
        """The part of the picture that is delivered."""
        return window(self.size, wanted, self.take.focus)

    @property
    def model(self) -> str:
        """Who made it, as it stands in a file's name."""
        if self.take.way == "crop":
            return "crop"
        if self.view is None or self.view.veiled:
            return "hidden"
        return (self.view.record.endpoint or self.view.record.model).rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedFormat:
    """A format with its takes; `chosen` is the one that is delivered."""

    made: KitFormat
    takes: tuple[LookedTake, ...]

    @property
    def chosen(self) -> LookedTake:
        return next((each for each in self.takes if each.take.id == self.made.chosen), self.takes[0])

    @property
    def number(self) -> int:
        """The place of the chosen take, from 1."""
        return 1 + self.takes.index(self.chosen)

    @property
    def title(self) -> str:
        """`4:5`, `A4`: what people call it."""
        return "A4" if self.made.kind == "a4" else self.made.ratio

    @property
    def missing(self) -> str | None:
        """Why it cannot be delivered now; None when it can."""
        if self.chosen.picture is None:
            ended = self.chosen.view is None or self.chosen.view.ended
            return "There is no picture of the chosen take." if ended else "The chosen take is still being made."
        if self.chosen.view is not None and self.chosen.view.veiled:
            return "It is hidden who made the chosen take."
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A kit with everything that it points to. `picture` is None when the key visual is no longer kept."""

    kit: KitRecord
    picture: PictureRecord | None
    view: TileView | None
    formats: tuple[LookedFormat, ...]

    def named(self, kind: FileType = "png", template: str | None = None) -> tuple[Named, ...]:
        """What the files of the formats are called."""
        return names(template or self.kit.template, [_values(self.kit, each) for each in self.formats], ENDINGS[kind])


async def look(studio: Studio, kit: KitRecord) -> Looked:
    """Looks a kit's pictures up. Raises StorageError."""
    picture = await _picture(studio, kit.picture)
    view = await studio.tile(picture.tile_id) if picture is not None else None
    source = LookedTake(take=Take(id="", way="crop", created_ms=0), view=view, picture=picture)
    formats = [
        LookedFormat(made=made, takes=tuple([await _take(studio, take, source) for take in made.takes]))
        for made in kit.formats
    ]
    return Looked(kit=kit, picture=picture, view=view, formats=tuple(formats))


async def _picture(studio: Studio, picture_id: str) -> PictureRecord | None:
    try:
        return await studio.pictures.record(picture_id)
    except NotFoundError:
        return None


async def _take(studio: Studio, take: Take, source: LookedTake) -> LookedTake:
    if take.tile is None:
        return LookedTake(take=take, view=source.view, picture=source.picture)
    try:
        view = await studio.tile(take.tile)
    except NotFoundError:
        return LookedTake(take=take, view=None, picture=None)
    return LookedTake(take=take, view=view, picture=next(iter(view.pictures), None))


def _values(kit: KitRecord, each: LookedFormat) -> Mapping[str, str]:
    kind = each.made.kind if each.made.kind in FORMATS else each.made.ratio.replace(":", "x")
    return {
        "project": kit.project or kit.name, "kit": kit.name, "format": kind, "width": str(each.made.width),
        "height": str(each.made.height), "model": each.chosen.model, "n": str(each.number),
    }  # fmt: skip


def kit_json(looked: Looked, proposed: Mapping[Way, str], *, kind: FileType = "png") -> JsonObject:
    """A kit as the page gets it."""
    kit, named = looked.kit, looked.named(kind)
    return {
        **summary_json(looked), "template": kit.template, "version": kit.version, "texts": dict(proposed.items()),
        "formats": [_format_json(each, name) for each, name in zip(looked.formats, named, strict=True)],
    }  # fmt: skip


def summary_json(looked: Looked) -> JsonObject:
    """A kit in a list."""
    kit = looked.kit
    return {
        "id": kit.id, "name": kit.name, "project": kit.project, "created_ms": kit.created_ms, "updated_ms": kit.updated_ms,
        "count": len(kit.formats), "ready": sum(each.missing is None for each in looked.formats),
        "picture": _picture_json(looked.picture), "prompt": None if looked.view is None else looked.view.page["prompt"],
        "model": None if looked.view is None else looked.view.page["name"],
    }  # fmt: skip


def _picture_json(picture: PictureRecord | None) -> JsonObject | None:
    if picture is None:
        return None
    return {"id": picture.id, "tile": picture.tile_id, "sha256": picture.sha256, "width": picture.width, "height": picture.height,
            "url": f"/api/images/{picture.id}", "thumb": f"/api/images/{picture.id}/thumb"}  # fmt: skip


def _format_json(each: LookedFormat, named: Named) -> JsonObject:
    row = FORMATS.get(each.made.kind)
    return {
        "id": each.made.id, "kind": each.made.kind, "title": each.title, "ratio": each.made.ratio, "width": each.made.width,
        "height": each.made.height, "use": row.use if row else "Own format", "source": row.source if row else None,
        "zones": [zone_json(zone) for zone in row.zones] if row else [], "chosen": each.chosen.take.id,
        "missing": each.missing, "file": msgspec.to_builtins(named),
        "takes": [_take_json(take, size_of(each.made)) for take in each.takes],
    }  # fmt: skip


def _take_json(each: LookedTake, wanted: Size) -> JsonObject:
    tile: dict[str, Json] = {}
    if each.take.tile is not None and each.view is not None:
        tile = {name: each.view.page.get(name) for name in _TOLD}
    part = each.window(wanted) if each.picture is not None else None
    return {
        "id": each.take.id, "way": each.take.way, "tile": each.take.tile, "focus": list(each.take.focus),
        "picture": _picture_json(each.picture), **tile, "state": tile.get("state") or ("done" if part else "gone"),
        "window": list(part.box) if part else None, "enlarged": enlarged(part, wanted) if part else None,
        "loss": loss(each.size, part) if part else None,
    }  # fmt: skip


def ready(formats: Sequence[LookedFormat]) -> list[LookedFormat]:
    """Those that can be delivered now."""
    return [each for each in formats if each.missing is None]
