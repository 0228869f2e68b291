"""Which words of a prompt a painter could not draw, when they are important: so that it can say so."""

import re
from itertools import pairwise

from triptych.providers.demo.reading import read, singular
from triptych.providers.demo.rehearsal import REFUSAL, SLOW
from triptych.providers.demo.words import (
    BACKDROPS,
    COLOURS,
    COUNTS,
    FRAMES,
    GROUNDS,
    HOURS,
    PLACES,
    SIZES,
    STOP,
    THINGS,
    WEATHERS,
)

_MOST = 6
_LONGEST = 30
_PIECE = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|[^\w\s]")
_KNOWN: tuple[frozenset[str] | dict[str, str] | dict[str, int] | dict[str, float], ...] = (
    COLOURS, HOURS, WEATHERS, GROUNDS, BACKDROPS, THINGS, COUNTS, SIZES, PLACES, FRAMES, STOP,
)  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BEFORE_A_NOUN = _words("a an the one my your his her its our their this that these those two three four five six")
_LINKS = _words(
    "and or but nor of in on at to by for from with without into onto upon over under near next across against along "
    "around between beyond through toward towards inside outside during as like than while where when which who whose "
    "that is are was be not no per via up down out off"
)
_NO_THINGS = _words(  # about how a picture is made or how it feels; no painter is expected to draw them
    "photo photograph photography photographic picture image illustration painting drawing sketch render rendering "
    "artwork art print poster woodcut mosaic watercolor watercolour oil ink pencil pastel etching linocut style look "
    "scene view shot composition closeup lens camera film light lights lighting mood atmosphere color colour colors "
    "colours tone tones palette texture texture detail details quality resolution depth focus contrast shadow shadows "
    "reflection reflections highlights bokeh metal metallic logo icon design pattern background foreground horizon "
    "area rest side edge corner rim handle shape surface distance silhouette outline way bit lot kind sort type sense touch hint "
    "very some any all each every more most less just only also still soft hard warm cold cool bright dark pale deep "
    "light old new young small high low long short wide thin thick round flat simple plain fine rich quiet calm "
    "beautiful pretty lovely lonely dramatic cinematic realistic photorealistic abstract surreal vintage modern "
    "minimal minimalist vivid muted dreamy moody epic majestic intricate ultra hyper full half single product studio "
    "sail sails mast hull roof window windows door petal petals stem leaf leaves branch branches wing wings feather "
    "feathers tail fur eye eyes hand hands string strings spout lid flame page pages trunk steam smoke "
    "you i it he she we they there here then"
)
_VERB = re.compile(r".{3,}ing")
_NO_NOUN = re.compile(r".{3,}(?:ing|ed)|.{2,}(?:ly|ous|ful|ish|less)")  # reading, painted, softly


def not_drawn(prompt: str) -> tuple[str, ...]:
    """Words that name things no painter knows, at most six, in their order; empty when all that matters is drawn.

    Of a prompt in which nothing is known these are all its words for things; otherwise those at the end of a phrase
    that begins with an article or the like, because any other unknown word may be about the style.
    """
    pieces = [piece.replace("’", "'") for piece in _PIECE.findall(prompt.lower())]
    strange = {word for word in pieces if _strange(word)}
    strange -= {after for before, after in pairwise(pieces) if before in {"no", "without", "not"}}
    if read(prompt).things:
        strange &= _ends_of_phrases(pieces)
    return tuple(dict.fromkeys(_short(word) for word in pieces if word in strange))[:_MOST]


def _short(word: str) -> str:
    """Some scripts put no spaces between words, so that a word may be a sentence."""
    return word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…"


def _strange(word: str) -> bool:
    if (
        (len(word) < 3 and word.isascii())
        or word in _LINKS
        or word in _NO_THINGS
        or word in _BEFORE_A_NOUN
        or word in {REFUSAL, SLOW}
        or _NO_NOUN.fullmatch(word)
    ):
        return False
    forms = {word, singular(word), word.removesuffix("'s")}
    forms |= {part for form in tuple(forms) for part in form.split("-")} if "-" in word else set()
    return not any(form in table for form in forms for table in _KNOWN) and not forms & _NO_THINGS


def _ends_of_phrases(pieces: list[str]) -> set[str]:
    """`velociraptor` of `a green velociraptor in the rain`."""
    ends: set[str] = set()
    phrase: list[str] | None = None
    for word in [*pieces, "."]:
        if word in _BEFORE_A_NOUN:
            ends |= set(phrase[-1:]) if phrase else set()
            phrase = []
        elif word in _LINKS or word in STOP or not word[0].isalpha() or _VERB.fullmatch(word):
            ends |= set(phrase[-1:]) if phrase else set()
            phrase = None
        elif phrase is not None:
            phrase.append(word)
    return ends
