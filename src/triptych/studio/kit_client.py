"""What a client is shown of a kit and what they say: sheets, contact sheets on paper, ballots."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError, TooLargeError
from triptych.spec.ids import new_id
from triptych.spec.json import JsonObject
from triptych.spec.kit import BallotRecord, SheetRecord, Shown
from triptych.spec.records import PictureRecord
from triptych.studio.alt import Alt, alt_text
from triptych.studio.kit_files import EncodedType, KitFiles
from triptych.studio.kit_look import Looked, LookedFormat, look, ready
from triptych.studio.kit_names import slug
from triptych.studio.kit_pdf import contact_sheet
from triptych.studio.kit_sheet import MOST_BYTES, MOST_PICTURES, SIDES, SheetOf, SheetPicture, letter, sheet_html
from triptych.studio.kit_votes import ballot_of, read_votes, votes_json
from triptych.studio.kits import Kits
from triptych.studio.papers import ENGLISH, Words
from triptych.studio.service import Studio
from triptych.studio.views import TileView

_QUALITY = 82
_PAPER_SIDE = 900  # pixels: 52 mm at more than 400 dots an inch
_shuffle = random.SystemRandom().shuffle


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to stand on a sheet. `blind`: letters only, in an order of chance; `prices`: what each cost is told; `language`:
    that of its words, as a tag."""

    of: SheetOf = "formats"
    blind: bool = False
    prices: bool = False
    language: str = "en"


class KitClients:
    """One per process. Every method may raise StorageError, and NotFoundError for a kit or sheet that is not there."""

    def __init__(self, kits: Kits, files: KitFiles, studio: Studio, clock: Clock, alt: Alt) -> None:
        self._kits, self._files, self._studio, self._clock, self._alt = kits, files, studio, clock, alt

    async def create(self, kit_id: str, asked: Asked) -> SheetRecord:
        """Writes down what stands under which letter of a new sheet. Raises ConflictError where there is nothing to show."""
        looked = await look(self._studio, await self._kits.get(kit_id))
        shown = list(await self._shown(looked, asked))
        if asked.blind:
            _shuffle(shown)
        lettered = tuple(replace(each, letter=letter(place)) for place, each in enumerate(shown))
        now = self._clock.now_ms()
        sheet = SheetRecord(id=new_id("sht", now), kit_id=kit_id, created_ms=now, blind=asked.blind, shown=lettered,
                            options={"of": asked.of, "prices": "1" if asked.prices else "0", "lang": asked.language})  # fmt: skip
        await self._kits.store.add_sheet(sheet)
        self._kits.tell(kit_id, None, votes=True)
        return sheet

    async def html(self, sheet_id: str, words_of: Callable[[str], Words] = lambda _: ENGLISH) -> tuple[str, str]:
        """The name of a sheet's file without an ending, and the file. Its pictures are made smaller until all of it is below
        the cap. Raises TooLargeError where even the smallest are too much."""
        sheet = await self._sheet(sheet_id)
        looked = await look(self._studio, await self._kits.get(sheet.kit_id))
        words = words_of(sheet.options.get("lang", "en"))
        name = f"{slug(looked.kit.name)}-{sheet.id[-6:]}"
        for side in SIDES:
            pictures = await self._pictures(looked, sheet, side, "image/webp", words)
            made = await asyncio.to_thread(sheet_html, sheet, looked.kit.name, name, pictures, words)
            if len(made) <= MOST_BYTES:
                return name, made
        raise TooLargeError(
            f"This sheet is larger than {MOST_BYTES >> 20} MB.", hint="Show fewer pictures.", param="of"
        )

    async def paper(self, kit_id: str, asked: Asked, words: Words = ENGLISH) -> tuple[str, bytes]:
        """A contact sheet as PDF: the name of its file without an ending, and the file. Raises ConflictError."""
        looked = await look(self._studio, await self._kits.get(kit_id))
        shown = [replace(each, letter=letter(place)) for place, each in enumerate(await self._shown(looked, asked))]
        now = self._clock.now_ms()
        sheet = SheetRecord(id="", kit_id=kit_id, created_ms=now, blind=False, shown=tuple(shown),
                            options={"prices": "1" if asked.prices else "0"})  # fmt: skip
        pictures = await self._pictures(looked, sheet, _PAPER_SIDE, "image/jpeg", words)
        made = await asyncio.to_thread(contact_sheet, looked.kit.name, pictures, words.day(now), words)
        return slug(looked.kit.name), made

    # What comes back.

    async def receive(self, data: bytes) -> BallotRecord:
        """Keeps what a client sent, in place of what the same copy of the sheet sent before. Raises BadRequestError for what
        is no such file, NotFoundError for one of a sheet that was not made here."""
        votes = await asyncio.to_thread(read_votes, data)
        sheet = await self._kits.store.sheet(votes.sheet)
        if sheet is None:
            raise NotFoundError("These votes are about a sheet that was not made here, or whose kit was deleted.",
                                hint="Open them where the sheet was made.", param="sheet")  # fmt: skip
        now = self._clock.now_ms()
        ballot = ballot_of(votes, sheet, id_=new_id("blt", now), now_ms=now)
        await self._kits.store.save_ballot(ballot)
        self._kits.tell(ballot.kit_id, None, votes=True)
        return ballot

    async def votes(self, kit_id: str) -> JsonObject:
        """What clients said about a kit, by picture."""
        store = self._kits.store
        return votes_json(await store.sheets(kit_id), await store.ballots(kit_id))

    async def forget(self, kit_id: str, ballot_id: str) -> None:
        """Forgets what one client said."""
        if not await self._kits.store.delete_ballot(kit_id, ballot_id):
            raise NotFoundError("There are no such votes.", param="ballot")
        self._kits.tell(kit_id, None, votes=True)

    # Inside.

    async def _sheet(self, sheet_id: str) -> SheetRecord:
        sheet = await self._kits.store.sheet(sheet_id)
        if sheet is None:
            raise NotFoundError("There is no such sheet.", param="id")
        return sheet

    async def _shown(self, looked: Looked, asked: Asked) -> Sequence[Shown]:
        """What is to be shown, without letters yet."""
        if asked.of == "formats":
            formats = ready(looked.formats)[:MOST_PICTURES]
            found = [
                Shown(letter="", picture=each.chosen.picture.id, format=each.made.id, take=each.chosen.take.id)
                for each in formats if each.chosen.picture is not None
            ]  # fmt: skip
        else:
            found = [Shown(letter="", picture=picture.id) for picture in await self._row(looked)]
        if not found:
            raise ConflictError("There is no picture to show yet.", hint="Choose a take that is there.", param="of")
        return found

    async def _row(self, looked: Looked) -> list[PictureRecord]:
        if looked.view is None:
            return []
        run = await self._studio.run(looked.view.record.run_id)
        if run.veiled:
            raise ConflictError(
                "It is hidden who made the pictures of this row.", hint="Pick one of it first.", param="of"
            )
        return [picture for tile in run.tiles for picture in tile.pictures][:MOST_PICTURES]

    async def _pictures(
        self, looked: Looked, sheet: SheetRecord, side: int, kind: EncodedType, words: Words
    ) -> list[SheetPicture]:
        return [await self._picture(looked, sheet, shown, side, kind, words) for shown in sheet.shown]

    async def _picture(
        self, looked: Looked, sheet: SheetRecord, shown: Shown, side: int, kind: EncodedType, words: Words
    ) -> SheetPicture:
        record = await self._studio.pictures.record(shown.picture)
        view = await self._studio.tile(record.tile_id)
        found = _format_of(looked, shown)
        if found is None:
            data, size = await self._files.whole(record, side, kind, _QUALITY), (record.width, record.height)
            title = f"{record.width} \u00d7 {record.height}"
        else:
            data, size = await self._files.rendered(found, side, kind, _QUALITY), (found.made.width, found.made.height)
            title = f"{found.title}, {found.made.width} \u00d7 {found.made.height}"
        prompt = str(view.record.request.get("prompt", ""))
        alt = words("Picture {0}", shown.letter) if sheet.blind else alt_text(await self._alt(record.id), prompt)
        facts = () if sheet.blind else _facts(view, words, prices=sheet.options.get("prices") == "1")
        return SheetPicture(letter=shown.letter, data=data, media_type=kind, width=size[0], height=size[1], alt=alt, prompt=prompt,
                            title=found.title if sheet.blind and found else "" if sheet.blind else title, facts=facts)  # fmt: skip


def _format_of(looked: Looked, shown: Shown) -> LookedFormat | None:
    """The format as it was shown, where it is in the kit still."""
    for each in looked.formats:
        if each.made.id == shown.format and any(take.take.id == shown.take for take in each.takes):
            return replace(each, made=replace(each.made, chosen=str(shown.take)))
    return None


def _facts(view: TileView, words: Words, *, prices: bool) -> tuple[str, ...]:
    cost, name = view.record.cost, str(view.json["name"])
    return (name, words.cost(None if cost is None else cost.amount_micro_usd)) if prices else (name,)


def read_asked(of: object, *, blind: bool = False, prices: bool = False, language: str = "en") -> Asked:
    """Raises BadRequestError for what cannot stand on a sheet."""
    if of == "formats":
        return Asked(of="formats", blind=blind, prices=prices, language=language)
    if of == "row":
        return Asked(of="row", blind=blind, prices=prices, language=language)
    raise BadRequestError("of takes formats or row.", param="of")
