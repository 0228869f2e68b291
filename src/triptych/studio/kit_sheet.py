"""The sheet a client opens from disk: one HTML file with its pictures in it, that speaks to nobody and asks for votes."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Final, Literal

import pybase64

from triptych.spec.kit import SheetRecord, Vote

SheetOf = Literal["formats", "row"]
"""What stands on a sheet: the chosen take of each format, or every picture of the row that the key visual is of."""
MOST_PICTURES: Final = 40
MOST_BYTES: Final = 16 << 20
"""Of a sheet: what a mail program takes."""
SIDES: Final = (1600, 1200, 900, 640, 480)
"""Pixels of the long side of its pictures: the first that fits."""
VOTES: Final[Sequence[tuple[Vote, str]]] = (("yes", "Yes"), ("maybe", "Maybe"), ("no", "No"))
_FOLDER = files("triptych.studio") / "sheet"
_CSS = (_FOLDER / "sheet.css").read_text("utf-8")
_JS = (_FOLDER / "sheet.js").read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPicture:
    """A picture on a sheet. `title` is what it is, `facts` who made it and what it cost; both empty where they are not to
    be told. `alt` says in words what it shows."""

    letter: str
    data: bytes
    media_type: str
    width: int
    height: int
    alt: str
    title: str = ""
    facts: tuple[str, ...] = ()


def letter(place: int) -> str:
    """A to Z, then AA, AB and on."""
    return chr(65 + place) if place < 26 else f"{letter(place // 26 - 1)}{letter(place % 26)}"


def sheet_html(sheet: SheetRecord, title: str, file: str, pictures: Sequence[SheetPicture]) -> str:
    """The whole file. `file` is its name without an ending. No text in it is markup, and its policy lets nothing in or out."""
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(_CSS)}'; script-src 'sha256-{_digest(_JS)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    cards = "".join(_card(picture, len(pictures)) for picture in pictures)
    hidden = "<p>Who made which picture is not told here.</p>" if sheet.blind else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">
<title>{escape(title)}</title><style>{_CSS}</style></head>
<body><main data-sheet="{escape(sheet.id)}" data-file="{escape(file)}"><h1>{escape(title)}</h1>
<p>Say yes, maybe or no to each picture, put the best in order if you like, and write what you think. Then save your answers and
send the file back. This page works offline: nothing leaves it until you send it.</p>{hidden}
<p>With the keyboard: <kbd>Tab</kbd> goes on, <kbd>Y</kbd> <kbd>M</kbd> <kbd>N</kbd> answer for the picture you are at.</p>
<noscript><p class="noscript">Your browser does not run scripts here: look at the pictures, and answer by letter in a message.</p></noscript>
<ol class="pictures">{cards}</ol>
<section class="you" aria-labelledby="you-h"><h2 id="you-h">About you and the whole</h2>
<label class="line">Your name, if you like<input type="text" id="client" maxlength="80" autocomplete="name"></label>
<label class="line">About all of them<textarea id="comment" maxlength="4000"></textarea></label>
<details><summary>The answers as text</summary><label class="line">To copy into a message<textarea id="text" readonly></textarea></label></details></section>
<div class="bar"><p id="said" role="status"></p><button type="button" id="copy">Copy as text</button><button type="button" id="save" class="go">Save my answers</button></div>
</main><script>{_JS}</script></body></html>
"""


def _card(picture: SheetPicture, count: int) -> str:
    mark = escape(picture.letter)
    data = pybase64.b64encode(picture.data).decode()
    votes = "".join(
        f'<label class="choice"><input type="radio" name="vote-{mark}" value="{value}">{name}</label>'
        for value, name in VOTES
    )
    places = "".join(f'<option value="{place}">{place}</option>' for place in range(1, count + 1))
    facts = "".join(f"<span>{escape(fact)}</span>" for fact in (picture.title, *picture.facts) if fact)
    return f"""<li class="card" data-letter="{mark}"><div class="plate"><img src="data:{picture.media_type};base64,{data}" alt="{escape(picture.alt)}" width="{picture.width}" height="{picture.height}"></div>
<div class="about"><header><h2>{mark}</h2>{facts}</header>
<fieldset><legend>Picture {mark}: do you want it?</legend>{votes}</fieldset>
<label class="line">Place of {mark} in your order<select name="rank-{mark}"><option value="">–</option>{places}</select></label>
<label class="line">About {mark}<textarea name="comment-{mark}" maxlength="2000" rows="2"></textarea></label></div></li>
"""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
