"""Reads a prompt: which things, where, how many, in which colours, on what, when and in what weather."""

import re
from dataclasses import dataclass, field

from triptych.providers.demo.words import (
    BACKDROPS,
    COLOURS,
    COUNTS,
    FRAMES,
    GROUNDS,
    HOURS,
    METALS,
    PLACES,
    SIZES,
    STOP,
    THINGS,
    WEATHERS,
)

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?|[,.;:]|\d+")
_PAIRS = {"golden hour", "blue hour", "low horizon", "high horizon", "close up"}
_NEGATIONS = {"no", "without", "not"}


@dataclass(slots=True)
class Thing:
    """One noun with what was said about it. `layer` is figure, ground or backdrop."""

    kind: str
    layer: str
    colours: list[str] = field(default_factory=list)
    count: int = 1
    size: float = 1.0
    places: set[str] = field(default_factory=set)
    row: bool = False
    metal: bool = False


@dataclass(slots=True)
class Reading:
    """What the words of a prompt say to a painter. Colours are names from the table."""

    things: list[Thing] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)
    hour: str | None = None
    weathers: set[str] = field(default_factory=set)
    frames: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    def layer(self, name: str) -> list[Thing]:
        return [thing for thing in self.things if thing.layer == name]

    def backdrop(self, kind: str) -> Thing | None:
        return next((thing for thing in self.layer("backdrop") if thing.kind == kind), None)


def singular(word: str) -> str:
    """The word as the tables have it: `boxes`, `berries` and `cats` without their endings."""
    for end, instead in (
        ("ies", "y"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("sses", "ss"),
        ("xes", "x"),
        ("ves", "f"),
        ("s", ""),
    ):
        if word.endswith(end) and len(word) > len(end) + 1:
            return word[: -len(end)] + instead
    return word


def tokens(text: str) -> list[str]:
    """Words in small letters, commas and the like, and the known pairs of words as one."""
    words = _WORD.findall(text.lower())
    joined: list[str] = []
    while words:
        pair = " ".join(words[:2])
        joined.append(pair if pair in _PAIRS else words[0])
        del words[: 2 if pair in _PAIRS else 1]
    return joined


class _Reader:
    """Goes through the words once; adjectives wait for the noun they belong to."""

    def __init__(self) -> None:
        self.out = Reading()
        self._colours: list[str] = []
        self._count: int | None = None
        self._size = 1.0
        self._row = False
        self._places: set[str] = set()
        self._last: Thing | None = None
        self._metal = False

    def read(self, words: list[str]) -> Reading:
        for at, word in enumerate(words):
            if at and words[at - 1] in _NEGATIONS:
                continue
            following = next((w for w in words[at + 1 :] if w not in STOP), "")
            self._word(word, following)
        self._pause()
        return self.out

    def _word(self, word: str, following: str) -> None:
        if word in {",", ".", ";", ":"}:
            self._pause()
            self._last = None
            return
        noun = self._noun(word)
        if word in HOURS and following not in COLOURS:
            self.out.hour = HOURS[word]  # `midnight`, but not `midnight blue`
        elif word in COLOURS and (noun is None or self._is_adjective(word, following)):
            self._colours.append(word)
            self._metal = self._metal or word in METALS
        elif noun is not None:
            self._take(noun, plural=singular(word) != word and word not in THINGS)
        else:
            self._setting(word)

    @staticmethod
    def _is_adjective(word: str, following: str) -> bool:
        """`rose` and `orange` are colours when a thing comes next; a `pine tree` is a pine."""
        noun = _Reader._noun(following)
        return noun is not None and word != following and noun[0] != "tree"

    @staticmethod
    def _noun(word: str) -> tuple[str, str] | None:
        for form in dict.fromkeys((word, singular(word))):
            for table, layer in ((THINGS, "figure"), (BACKDROPS, "backdrop"), (GROUNDS, "ground")):
                if form in table:
                    return table[form], layer
        return None

    def _setting(self, word: str) -> None:
        if word in WEATHERS:
            self.out.weathers.add(WEATHERS[word])
        elif word in FRAMES:
            self.out.frames.add(FRAMES[word])
        elif word in SIZES:
            self._size = SIZES[word]
        else:
            self._arrangement(word)

    def _arrangement(self, word: str) -> None:
        if word in COUNTS or word.isdigit():
            self._count = COUNTS[word] if word in COUNTS else min(max(int(word), 1), 12)
            self._row = self._row or word in {"row", "line"}
        elif word in PLACES:
            where = PLACES[word]
            (self._last.places if self._last is not None else self._places).add(where)
        elif word == "metal":
            self._metal = True
        elif word not in STOP and len(word) > 2:
            self.out.unknown.append(word)

    def _take(self, noun: tuple[str, str], *, plural: bool) -> None:
        kind, layer = noun
        count = self._count if self._count is not None else 3 if plural and layer == "figure" else 1
        thing = Thing(kind, layer, self._colours, count, self._size, self._places, self._row, self._metal)
        if self._last is not None and self._same(self._last, kind, layer) and not self._colours:
            return
        self.out.things.append(thing)
        if kind == "snow":
            self.out.weathers.add("flurry")
        self._last = thing
        self._colours, self._count, self._size, self._row, self._places, self._metal = (
            [],
            None,
            1.0,
            False,
            set(),
            False,
        )

    @staticmethod
    def _same(last: Thing, kind: str, layer: str) -> bool:
        """A second noun for the same thing: `city skyline`, `pine tree`, `bottle of wine`, `portrait of a woman`."""
        people = last.kind == "portrait" and kind in {"person", "woman"}
        trees = last.kind == "pine" and kind == "tree"
        return last.layer == layer and (last.kind == kind or people or trees)

    def _pause(self) -> None:
        """A comma: adjectives that met no noun are about the whole picture."""
        self.out.colours += self._colours
        if self._places and self.out.things:
            self.out.things[0].places |= self._places
        self._colours, self._places = [], set()


def read(prompt: str) -> Reading:
    """Everything the painters understand of a prompt. Any text is fine; words nobody knows are kept in `unknown`."""
    return _Reader().read(tokens(prompt))


def without(reading: Reading, avoided: Reading) -> Reading:
    """The reading less everything a negative prompt names."""
    names = set(avoided.colours) | {colour for thing in avoided.things for colour in thing.colours}
    kinds = {thing.kind for thing in avoided.things}
    reading.things = [thing for thing in reading.things if thing.kind not in kinds]
    for thing in reading.things:
        thing.colours = [colour for colour in thing.colours if colour not in names]
    reading.colours = [colour for colour in reading.colours if colour not in names]
    reading.weathers -= avoided.weathers
    if avoided.hour is not None and reading.hour == avoided.hour:
        reading.hour = None
    return reading
