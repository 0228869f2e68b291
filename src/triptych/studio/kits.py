"""Key-visual kits: from one approved picture a set of formats, each cut out, drawn on, or made again by chosen models."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from triptych.imaging.outpaint import frame_for
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError
from triptych.spec.ids import new_id
from triptych.spec.image import AspectRatio, Role, Size
from triptych.spec.kit import KitFormat, KitRecord, Take, Way
from triptych.spec.records import Parent, PictureRecord, TileRecord
from triptych.store.base import Bus, IdempotencyRecord
from triptych.store.kits import KitStore
from triptych.studio.instructions import EXTEND
from triptych.studio.kit_formats import read_format
from triptych.studio.kit_names import TEMPLATE, check_template
from triptych.studio.naming import title
from triptych.studio.outpaint import Outpaint
from triptych.studio.outpaint import asked_for as asked_to_extend
from triptych.studio.planning import Asked, PictureRef
from triptych.studio.prompt import read_prompt
from triptych.studio.service import Studio
from triptych.studio.terms import read_project
from triptych.studio.views import PlanView, RunView

FIRST_FORMATS = ("1x1", "4x5", "9x16", "16x9")
MOST_FORMATS, MOST_TAKES = 40, 100
_MOST_NAME = 80
_ROLE: Role = "subject"
"""What the key visual is to a model that makes a format again."""
_GROUPS = re.compile(r"[\\{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be made of a format: how, by which models, with which words (None: those that are proposed). `at` is where
    an outpainted picture lies in its frame, in thousandths of the free space from the left or the top."""

    format: str
    way: Way
    models: tuple[str, ...]
    text: str | None = None
    at: int = 500


class Kits:
    """One per process. Every method may raise StorageError, and NotFoundError for a kit, format or take that is not there."""

    def __init__(self, store: KitStore, studio: Studio, outpaint: Outpaint, bus: Bus, clock: Clock) -> None:
        self.store = store
        self._studio, self._outpaint, self._bus, self._clock = studio, outpaint, bus, clock

    async def create(
        self, picture_id: str, *, name: str = "", project: str | None = None, formats: Sequence[str] = FIRST_FORMATS
    ) -> KitRecord:
        """A kit of a picture; each format begins as a crop around the middle.

        Raises BadRequestError naming the field, ConflictError while it is hidden who made the picture.
        """
        picture = await self._studio.pictures.record(picture_id)
        await self._seen(picture)
        tile = await self._studio.tile(picture.tile_id)
        now = self._clock.now_ms()
        kit = KitRecord(
            id=new_id("kit", now), created_ms=now, updated_ms=now, picture=picture_id, template=TEMPLATE,
            name=_name(name or title(str(tile.record.request.get("prompt", ""))) or "Key visual"),
            project=None if project is None else read_project("project", project),
        )  # fmt: skip
        for each in dict.fromkeys(formats):
            kit = self._with_format(kit, each)
        await self.store.add(kit)
        self.tell(kit.id, kit.version)
        return kit

    async def get(self, kit_id: str) -> KitRecord:
        kit = await self.store.get(kit_id)
        if kit is None:
            raise NotFoundError("There is no such kit.", param="id")
        return kit

    async def delete(self, kit_id: str) -> None:
        """Deletes a kit with its sheets and what clients said; no picture is touched."""
        if not await self.store.delete(kit_id):
            raise NotFoundError("There is no such kit.", param="id")
        self.tell(kit_id, None)

    def tell(self, kit_id: str, version: int | None, *, votes: bool = False) -> None:
        """Says to every page that a kit changed, or with `votes` what clients said of it. `version` is the one it has now,
        None where that is not what changed, or where the kit is gone."""
        self._bus.publish("kit", {"id": kit_id, "version": version, "votes": votes})

    # What a kit says of itself.

    async def describe(
        self, kit_id: str, *, name: str | None = None, project: str | None = None, template: str | None = None
    ) -> KitRecord:
        """Changes what is given; an empty project is none. Raises BadRequestError naming the field."""
        words = None if name is None else _name(name)
        shown = None if template is None else check_template(template)
        if project:
            read_project("project", project)

        def change(kit: KitRecord) -> KitRecord:
            return replace(kit, name=words or kit.name, template=shown or kit.template,
                           project=kit.project if project is None else project or None)  # fmt: skip

        return await self._change(kit_id, change)

    async def add_format(self, kit_id: str, text: str) -> KitRecord:
        """Adds a format, see `read_format`. Raises BadRequestError, and ConflictError for one that is in the kit."""
        return await self._change(kit_id, lambda kit: self._with_format(kit, text))

    async def remove_format(self, kit_id: str, format_id: str) -> KitRecord:
        """Takes a format out of the kit; what was made for it stays in the studio."""

        def change(kit: KitRecord) -> KitRecord:
            format_of(kit, format_id)
            return replace(kit, formats=tuple(each for each in kit.formats if each.id != format_id))

        return await self._change(kit_id, change)

    async def choose(self, kit_id: str, format_id: str, take_id: str) -> KitRecord:
        """The take that is delivered of a format."""

        def change(kit: KitRecord) -> KitRecord:
            made = format_of(kit, format_id)
            take_of(made, take_id)
            return _put(kit, replace(made, chosen=take_id))

        return await self._change(kit_id, change)

    async def aim(self, kit_id: str, format_id: str, take_id: str, focus: tuple[int, int]) -> KitRecord:
        """Lays the window of a take around another place. Raises BadRequestError for one outside of the picture."""
        if not all(0 <= place <= 1000 for place in focus):
            raise BadRequestError("focus takes two whole numbers from 0 to 1000.", param="focus")

        def change(kit: KitRecord) -> KitRecord:
            made = format_of(kit, format_id)
            take = replace(take_of(made, take_id), focus=focus)
            return _put(kit, replace(made, takes=tuple(take if each.id == take_id else each for each in made.takes)))

        return await self._change(kit_id, change)

    # Making.

    async def plan(self, kit_id: str, wish: Wish) -> PlanView:
        """What a wish would cost, and what stands in its way; nothing is started and no file is made."""
        return await self._studio.plan(await self._asked(await self.get(kit_id), wish, draft=True))

    async def make(
        self, kit_id: str, wish: Wish, nonce: str | None = None, claim: IdempotencyRecord | None = None
    ) -> RunView:
        """Starts a run for a format; each of its tiles is a take. Raises as `Studio.start`."""
        kit = await self.get(kit_id)
        run = await self._studio.start(await self._asked(kit, wish, draft=False), nonce=nonce, claim=claim)
        await self.attach(kit_id, wish, run)
        return run

    async def attach(self, kit_id: str, wish: Wish, run: RunView) -> KitRecord:
        """Makes the tiles of a run takes of a format; those that are, stay."""
        now = self._clock.now_ms()

        def change(kit: KitRecord) -> KitRecord:
            made = format_of(kit, wish.format)
            there = {take.tile for take in made.takes}
            new = [tile.record.id for tile in run.tiles if tile.record.id not in there]
            takes = [Take(id=new_id("take", now), way=wish.way, created_ms=now, tile=tile) for tile in new]
            return _put(kit, replace(made, takes=(*made.takes, *takes)))

        return await self._change(kit_id, change)

    async def proposed(self, kit: KitRecord) -> dict[Way, str]:
        """The words that each way of making begins with."""
        tile = await self._source_tile(kit)
        return {"again": _as_typed(tile), "outpaint": EXTEND}

    async def _asked(self, kit: KitRecord, wish: Wish, *, draft: bool) -> Asked:
        made = format_of(kit, wish.format)
        if wish.way == "crop":
            raise BadRequestError("A crop is made here and needs no model.", param="way")
        if len(made.takes) >= MOST_TAKES:
            raise ConflictError(f"A format has at most {MOST_TAKES} takes.", hint="Begin a new kit.", param="format")
        picture = await self._studio.pictures.record(kit.picture)
        parent = Parent(tile=picture.tile_id, picture=picture.id)
        text = wish.text if wish.text is not None else (await self.proposed(kit))[wish.way]
        if not text.strip():
            raise BadRequestError("text is empty.", hint="Say what the picture should show.", param="text")
        if (
            wish.way == "outpaint"
            and frame_for((picture.width, picture.height), made.width / made.height).new_permille < 1
        ):
            raise BadRequestError(f"The key visual fills {made.ratio}: nothing would be new.", param="format",
                                  hint="Crop it, or make it again.")  # fmt: skip
        if wish.way == "again" or draft:
            role: Role = _ROLE if wish.way == "again" else "edit"
            return Asked(text=f"{text} --ar {made.ratio}", models=wish.models, project=kit.project, parent=parent,
                         images=(PictureRef(sha256=picture.sha256, role=role),))  # fmt: skip
        at = wish.at / 1000
        framed = await self._outpaint.frame(picture.sha256, AspectRatio.parse(made.ratio), x=at, y=at)
        return replace(asked_to_extend(framed, models=wish.models, text=text, parent=parent), project=kit.project)

    # Inside.

    async def _seen(self, picture: PictureRecord) -> None:
        if await self._studio.veils(picture):
            raise ConflictError("It is hidden who made this picture.", param="picture",
                                hint="Pick one of its row first, or show the makers.")  # fmt: skip

    async def _source_tile(self, kit: KitRecord) -> TileRecord:
        picture = await self._studio.pictures.record(kit.picture)
        return (await self._studio.tile(picture.tile_id)).record

    def _with_format(self, kit: KitRecord, text: str) -> KitRecord:
        kind, ratio, size = read_format(text)
        if any((each.width, each.height) == (size.width, size.height) for each in kit.formats):
            raise ConflictError(f"{size} is in this kit already.", param="format")
        if len(kit.formats) >= MOST_FORMATS:
            raise ConflictError(f"A kit has at most {MOST_FORMATS} formats.", param="format")
        return replace(kit, formats=(*kit.formats, self._format(kind, ratio, size)))

    def _format(self, kind: str, ratio: str, size: Size) -> KitFormat:
        now = self._clock.now_ms()
        take = Take(id=new_id("take", now), way="crop", created_ms=now)
        return KitFormat(id=new_id("fmt", now), kind=kind, ratio=ratio, width=size.width, height=size.height,
                         takes=(take,), chosen=take.id)  # fmt: skip

    async def _change(self, kit_id: str, change: Callable[[KitRecord], KitRecord]) -> KitRecord:
        now = self._clock.now_ms()
        changed = await self.store.change(
            kit_id, lambda kit: replace(change(kit), updated_ms=now, version=kit.version + 1)
        )
        if changed is None:
            raise NotFoundError("There is no such kit.", param="id")
        self.tell(kit_id, changed.version)
        return changed


def format_of(kit: KitRecord, format_id: str) -> KitFormat:
    """Raises NotFoundError."""
    found = next((each for each in kit.formats if each.id == format_id), None)
    if found is None:
        raise NotFoundError("There is no such format in this kit.", param="format")
    return found


def take_of(made: KitFormat, take_id: str) -> Take:
    """Raises NotFoundError."""
    found = next((each for each in made.takes if each.id == take_id), None)
    if found is None:
        raise NotFoundError("There is no such take of this format.", param="take")
    return found


def _put(kit: KitRecord, made: KitFormat) -> KitRecord:
    return replace(kit, formats=tuple(made if each.id == made.id else each for each in kit.formats))


def _name(text: str) -> str:
    shown = " ".join(text.split())
    if not 1 <= len(shown) <= _MOST_NAME or not shown.isprintable():
        raise BadRequestError(f"The name of a kit has 1 to {_MOST_NAME} letters.", param="name")
    return shown


def _as_typed(tile: TileRecord) -> str:
    """The prompt of a tile as the grammar takes it, with what was not to be in the picture."""
    prompt, unwanted = str(tile.request.get("prompt", "")), tile.request.get("negative_prompt")
    escaped = _GROUPS.sub(lambda found: "\\" + found[0], prompt)
    text = next((each for each in (prompt, escaped) if _reads_as(each, prompt)), prompt)
    return f"{text} --no {unwanted}" if isinstance(unwanted, str) and unwanted else text


def _reads_as(text: str, prompt: str) -> bool:
    read = read_prompt(text)
    return read.total == 1 and len(read.prompts) == 1 and read.prompts[0].text == prompt
