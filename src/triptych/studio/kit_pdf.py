"""A contact sheet on paper: A4, pictures with letter, model, prompt and, where wanted, price. The text in it is text."""

import io
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader, simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from triptych.studio.kit_sheet import SheetPicture
from triptych.studio.papers import ENGLISH, Words

_FONT = "Triptych"
_MARGIN, _GAP, _HEAD = 14 * mm, 7 * mm, 16 * mm
_COLUMNS, _ROWS = 3, 3
_PICTURE_MM = 52.0
_BIG, _SMALL, _LINES = 9.0, 7.0, 4
_INK, _GREY = (0.09, 0.09, 0.09), (0.35, 0.35, 0.35)
_UNSEEN = "This document's font does not have every letter of the texts; those it lacks are shown as \u00b7."


def contact_sheet(title: str, pictures: Sequence[SheetPicture], made: str, words: Words = ENGLISH) -> bytes:
    """The document. `made` is the day, in words; below each picture stands its prompt."""
    known = _letters()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    canvas.setCreator("Triptych")
    pages = list(_pages(pictures))
    lacking = any(ord(char) not in known for text in _texts(title, pictures) for char in text)
    for number, page in enumerate(pages, start=1):
        _head(canvas, _shown(title, known), f"{made}, {number} / {len(pages)}", words(_UNSEEN) if lacking else "")
        for place, picture in enumerate(page):
            _cell(canvas, picture, place, known)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@cache
def _letters() -> frozenset[int]:
    """The letters that the font has. It is made known once: documents drawn side by side share it, each with its own subset."""
    font = TTFont(_FONT, io.BytesIO((files("triptych.studio") / "sheet" / "sans.ttf").read_bytes()))
    pdfmetrics.registerFont(font)
    return frozenset(font.face.charToGlyph)


def _pages(pictures: Sequence[SheetPicture]) -> Iterator[Sequence[SheetPicture]]:
    each = _COLUMNS * _ROWS
    for start in range(0, len(pictures), each):
        yield pictures[start : start + each]


def _texts(title: str, pictures: Sequence[SheetPicture]) -> Iterator[str]:
    yield title
    for picture in pictures:
        yield from (picture.prompt, picture.title, *picture.facts)


def _shown(text: str, known: frozenset[int]) -> str:
    """Text in one line, with a dot for each letter that the font lacks."""
    return "".join(char if ord(char) in known else "\u00b7" for char in " ".join(text.split()))


def _head(canvas: Canvas, title: str, right: str, note: str) -> None:
    width, height = A4
    canvas.setFillColorRGB(*_INK)
    canvas.setFont(_FONT, 14)
    room = width - 2 * _MARGIN - 40 * mm
    first, *more = simpleSplit(title, _FONT, 14, room) or [""]
    canvas.drawString(_MARGIN, height - _MARGIN - 4 * mm, f"{first} \u2026" if more else first)
    canvas.setFillColorRGB(*_GREY)
    canvas.setFont(_FONT, _SMALL)
    canvas.drawRightString(width - _MARGIN, height - _MARGIN - 4 * mm, right)
    if note:
        canvas.drawString(_MARGIN, _MARGIN - 6 * mm, note)


def _cell(canvas: Canvas, picture: SheetPicture, place: int, known: frozenset[int]) -> None:
    """A picture in its true shape, and below it what is said of it."""
    page_width, page_height = A4
    width = (page_width - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
    height = (page_height - 2 * _MARGIN - _HEAD - (_ROWS - 1) * _GAP) / _ROWS
    left = _MARGIN + (place % _COLUMNS) * (width + _GAP)
    top = page_height - _MARGIN - _HEAD - (place // _COLUMNS) * (height + _GAP)
    scale = min(width / picture.width, _PICTURE_MM * mm / picture.height)
    wide, high = picture.width * scale, picture.height * scale
    canvas.drawImage(ImageReader(io.BytesIO(picture.data)), left, top - high, wide, high)
    line = top - high - 4 * mm
    canvas.setFillColorRGB(*_INK)
    canvas.setFont(_FONT, _BIG)
    canvas.drawString(left, line, _shown(f"{picture.letter} {picture.title}", known))
    canvas.setFillColorRGB(*_GREY)
    canvas.setFont(_FONT, _SMALL)
    facts = simpleSplit(_shown(", ".join(picture.facts), known), _FONT, _SMALL, width)
    words = simpleSplit(_shown(picture.prompt, known), _FONT, _SMALL, width)
    cut = [*words[: _LINES - 1], f"{words[_LINES - 1]} \u2026"] if len(words) > _LINES else words
    for text in (*facts, *cut):
        line -= 3.4 * mm
        canvas.drawString(left, line, text)
