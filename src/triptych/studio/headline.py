"""Whether a headline that a prompt quotes stands in the picture letter for letter, where this machine can read pictures."""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from triptych.imaging.ocr import Ocr, OcrError
from triptych.imaging.workshop import EncodedType
from triptych.spec.json import Json, JsonObject
from triptych.studio.kit_files import KitFiles
from triptych.studio.kit_formats import size_of
from triptych.studio.kit_look import look
from triptych.studio.kits import Kits, format_of
from triptych.studio.service import Studio

State = Literal["found", "capitals", "missing", "unchecked"]
"""`found` letter for letter · `capitals` all letters, some in the other case · `missing` not read in the picture ·
`unchecked` nobody could read it."""
MOST_HEADLINES, MOST_LETTERS = 6, 120
WORDS: Mapping[State, str] = {
    "found": "found letter for letter",
    "capitals": "found, but with other capitals",
    "missing": "not found",
    "unchecked": "not checked",
}
_SIDE, _KEPT = 2400, 100
_QUOTED = re.compile(
    '"([^"\n]+)"|\u201c([^\u201c\u201d\n]+)\u201d|\u201e([^\u201e\u201c\u201d\n]+)[\u201c\u201d]|\u00ab([^\u00ab\u00bb\n]+)\u00bb'
)
_SAME = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2011": "-"}
)


class Framer(Protocol):
    """What is needed of the workshop."""

    async def reframe(
        self, data: bytes, box: tuple[int, int, int, int] | None, size: tuple[int, int], media_type: EncodedType, *,
        quality: int | None = None,
    ) -> bytes: ...  # fmt: skip


def quoted(prompt: str) -> Sequence[str]:
    """What a prompt has in quotation marks, each once, with at least two letters or digits."""
    found = [next(filter(None, match.groups())).strip() for match in _QUOTED.finditer(prompt)]
    words = [text for text in found if sum(map(str.isalnum, text)) > 1 and len(text) <= MOST_LETTERS]
    return tuple(dict.fromkeys(words))[:MOST_HEADLINES]


def judged(headline: str, read: str) -> State:
    """Whether it stands in what was read as words of its own. Where a line breaks makes no difference, nor how quotation
    marks, apostrophes and dashes are drawn."""
    wanted, text = _plain(headline), _plain(read)
    if _stands(wanted, text):
        return "found"
    return "capitals" if _stands(wanted.casefold(), text.casefold()) else "missing"


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_SAME).split())


def _stands(wanted: str, text: str) -> bool:
    letters = r"\s*".join(map(re.escape, wanted.split()))  # readers often lose the gap between two short words
    return re.search(rf"(?<!\w){letters}(?!\w)", text) is not None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one picture: each headline with its verdict, all that was `read`, and `why` nothing was."""

    headlines: Sequence[tuple[str, State]]
    read: str | None = None
    why: str | None = None

    @property
    def json(self) -> JsonObject:
        told: list[Json] = [{"text": text, "state": state, "words": WORDS[state]} for text, state in self.headlines]
        return {"headlines": told, "read": self.read, "why": self.why}


class Headlines:
    """One per process. Every method may raise StorageError, NotFoundError and HostileContentError."""

    def __init__(self, studio: Studio, workshop: Framer, kits: Kits, files: KitFiles, ocr: Ocr) -> None:
        self._studio, self._workshop, self._kits, self._files, self._ocr = studio, workshop, kits, files, ocr
        self._read: OrderedDict[tuple[str, ...], str] = OrderedDict()

    async def picture(self, picture_id: str) -> Checked:
        """Of a whole picture, by the prompt of its tile."""
        record = await self._studio.pictures.record(picture_id)
        view = await self._studio.tile(record.tile_id)
        headlines = quoted(str(view.record.request.get("prompt", "")))
        scale = min(1.0, _SIDE / max(record.width, record.height))
        size = (max(1, round(record.width * scale)), max(1, round(record.height * scale)))

        async def png() -> bytes:
            data = await self._studio.pictures.bytes_of(record.sha256)
            return await self._workshop.reframe(data, None, size, "image/png")

        return await self._checked(headlines, (record.sha256,), png)

    async def format(self, kit_id: str, format_id: str) -> Checked:
        """Of a format as it is delivered: what its window cuts off is not in it. Nothing is checked while it has no picture."""
        kit = await self._kits.get(kit_id)
        format_of(kit, format_id)
        looked = await look(self._studio, kit)
        each = next(one for one in looked.formats if one.made.id == format_id)
        if each.chosen.picture is None or each.chosen.view is None:
            return Checked(())
        key_visual = looked.view.record.request if looked.view is not None else {}
        prompts = [str(request.get("prompt", "")) for request in (each.chosen.view.record.request, key_visual)]
        headlines = quoted("\n".join(prompts))  # an extended picture has the words of the one that it was made from
        window = each.chosen.window(size_of(each.made))
        key = (each.chosen.picture.sha256, str(window.box), f"{each.made.width}x{each.made.height}")
        return await self._checked(headlines, key, lambda: self._files.rendered(each, _SIDE, "image/png", 100))

    async def _checked(
        self, headlines: Sequence[str], key: tuple[str, ...], png: Callable[[], Awaitable[bytes]]
    ) -> Checked:
        if not headlines:
            return Checked(())
        read = self._read.get(key)
        if read is None:
            if self._ocr.path() is None:
                return _unchecked(headlines, "no OCR on this machine")
            try:
                read = await self._ocr.read(await png())
            except OcrError as error:
                return _unchecked(headlines, str(error))
            self._read[key] = read
            if len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return Checked([(headline, judged(headline, read)) for headline in headlines], read=_plain(read))


def _unchecked(headlines: Sequence[str], why: str) -> Checked:
    return Checked([(headline, "unchecked") for headline in headlines], why=why)
