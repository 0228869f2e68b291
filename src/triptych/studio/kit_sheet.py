"""The sheet a client opens from disk: one HTML file with its pictures in it, that speaks to nobody and asks for votes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Final, Literal

import pybase64

from triptych.spec.kit import SheetRecord, Vote
from triptych.studio.papers import ENGLISH, Words
from triptych.studio.sealed_page import head

SheetOf = Literal["formats", "row"]
"""What stands on a sheet: the chosen take of each format, or every picture of the row that the key visual is of."""
MOST_PICTURES: Final = 40
MOST_BYTES: Final = 16 << 20
"""Of a sheet: what a mail program takes."""
SIDES: Final = (1600, 1200, 900, 640, 480)
"""Pixels of the long side of its pictures: the first that fits."""
VOTES: Final[Sequence[tuple[Vote, str]]] = (("yes", "Yes"), ("maybe", "Maybe"), ("no", "No"))
_ASKED = (
    "Say yes, maybe or no to each picture, put the best in order if you like, and write what you think. Then save your answers "
    "and send the file back. This page works offline: nothing leaves it until you send it."
)
_KEYS = "With the keyboard: {tab} goes on, {keys} answer for the picture you are at."
_SPOKEN = (
    "place {0}", "no answer", "{0} of {1} answered", "Saved as a file. Send it to whoever sent you this page.",
    "Copied. Paste it into a message.", "Selected below: copy it from there.",
)  # fmt: skip
"""What the script says."""
_FOLDER = files("triptych.studio") / "sheet"
_CSS = (_FOLDER / "sheet.css").read_text("utf-8")
_JS = (_FOLDER / "sheet.js").read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPicture:
    """A picture on a sheet. `title` is what it is, `facts` who made it and what it cost; both empty where they are not to
    be told. `alt` says in words what it shows; `prompt` is what paper says below it, and no sheet."""

    letter: str
    data: bytes
    media_type: str
    width: int
    height: int
    alt: str
    title: str = ""
    prompt: str = ""
    facts: tuple[str, ...] = ()


def letter(place: int) -> str:
    """A to Z, then AA, AB and on."""
    return chr(65 + place) if place < 26 else f"{letter(place // 26 - 1)}{letter(place % 26)}"


def sheet_html(
    sheet: SheetRecord, title: str, file: str, pictures: Sequence[SheetPicture], words: Words = ENGLISH
) -> str:
    """The whole file. `file` is its name without an ending. No text in it is markup, and its policy lets nothing in or out."""
    cards = "".join(_card(picture, len(pictures), words) for picture in pictures)
    say = _speaker(words)
    hidden = f"<p>{say('Who made which picture is not told here.')}</p>" if sheet.blind else ""
    keys = " ".join(f"<kbd>{escape(words(name)[0])}</kbd>" for _, name in VOTES)
    spoken = escape(json.dumps({text: words(text) for text in _SPOKEN} | {name: words(name) for _, name in VOTES}))
    return f"""<!doctype html>
<html lang="{words.language}">{head(title, _CSS, _JS)}
<body><main data-sheet="{escape(sheet.id)}" data-file="{escape(file)}" data-words="{spoken}"><h1>{escape(title)}</h1>
<p>{say(_ASKED)}</p>{hidden}
<p class="keys">{say(_KEYS).replace("{tab}", "<kbd>Tab</kbd>").replace("{keys}", keys)}</p>
<noscript><p class="noscript">{say("Your browser does not run scripts here: look at the pictures, and answer by letter in a message.")}</p></noscript>
<ol class="pictures">{cards}</ol>
<section class="you" aria-labelledby="you-h"><h2 id="you-h">{say("About you and the whole")}</h2>
<label class="line">{say("Your name, if you like")}<input type="text" id="client" maxlength="80" autocomplete="name"></label>
<label class="line">{say("About all of them")}<textarea id="comment" maxlength="4000"></textarea></label>
<details><summary>{say("The answers as text")}</summary><label class="line">{say("To copy into a message")}<textarea id="text" readonly></textarea></label></details></section>
<div class="bar"><p id="said" role="status"></p><button type="button" id="copy">{say("Copy as text")}</button><button type="button" id="save" class="go">{say("Save my answers")}</button></div>
</main><script>{_JS}</script></body></html>
"""


def _speaker(words: Words) -> Callable[..., str]:
    return lambda text, *parts: escape(words(text, *parts))


def _card(picture: SheetPicture, count: int, words: Words) -> str:
    mark, say = escape(picture.letter), _speaker(words)
    data = pybase64.b64encode(picture.data).decode()
    votes = "".join(
        f'<label class="choice"><input type="radio" name="vote-{mark}" value="{value}">{say(name)}</label>'
        for value, name in VOTES
    )
    places = "".join(f'<option value="{place}">{place}</option>' for place in range(1, count + 1))
    facts = "".join(f"<span>{escape(fact)}</span>" for fact in (picture.title, *picture.facts) if fact)
    return f"""<li class="card" data-letter="{mark}"><div class="plate"><img src="data:{picture.media_type};base64,{data}" alt="{escape(picture.alt)}" width="{picture.width}" height="{picture.height}"></div>
<div class="about"><header><h2>{mark}</h2>{facts}</header>
<fieldset><legend>{say("Picture {0}: do you want it?", picture.letter)}</legend>{votes}</fieldset>
<label class="line">{say("Place of {0} in your order", picture.letter)}<select name="rank-{mark}"><option value="">–</option>{places}</select></label>
<label class="line">{say("About {0}", picture.letter)}<textarea name="comment-{mark}" maxlength="2000" rows="2"></textarea></label></div></li>
"""
