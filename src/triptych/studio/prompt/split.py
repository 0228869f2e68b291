"""Takes one expanded text apart: leading pictures, body, parameters; and the body into weighted parts."""

import math
import re
from dataclasses import dataclass

from triptych.spec.image import WeightedPart
from triptych.studio.prompt.parameters import BY_SPELLING
from triptych.studio.prompt.quotes import outside, protected
from triptych.studio.prompt.values import PromptNote

_DASH = re.compile("(?<!\\S)(--|[\N{EM DASH}\N{EN DASH}])(?=[A-Za-z])")
_NAME = re.compile(r"([A-Za-z]+)(?:@([\w./:-]+)|=(\S+)|([\d.]\S*))?$", re.ASCII)
_WORD = re.compile(r"\S+")
_LEADING = re.compile(r"\s*(https?://\S+|@img\d{1,3})(?=\s|$)", re.IGNORECASE)
_MENTION = re.compile(r"(?<!\S)@([A-Za-z0-9][\w./-]*)(?:\s|$)", re.ASCII)
_WEIGHT = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_MARK = re.compile("::")
_HEAVIEST = 1e6


@dataclass(frozen=True, slots=True)
class RawParameter:
    """A parameter as typed: `name` in lower case, `model` from `--tile@flux`, `value` up to the next parameter."""

    dash: str
    name: str
    model: str | None
    value: str
    known: bool

    @property
    def token(self) -> str:
        suffix = f"@{self.model}" if self.model else ""
        return shorten(f"--{self.name}{suffix} {self.value}".rstrip())


def shorten(text: str, limit: int = 80) -> str:
    """At most `limit` characters, for a note or chip."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def split_parameters(text: str) -> tuple[str, tuple[RawParameter, ...]]:
    """The body and the parameters. A body without parameters is the text itself, to the byte."""
    spans = protected(text)
    found: list[tuple[int, int, str, str, str | None, str, bool]] = []
    for match in outside(_DASH, text, spans):
        word_match = _WORD.match(text, match.end())
        word = word_match.group() if word_match else ""
        parts = _NAME.match(word)
        known = parts is not None and parts[1].lower() in BY_SPELLING
        if match[1] != "--" and not known:
            continue
        name, model, glued = (
            (parts[1].lower(), parts[2], parts[3] or parts[4] or "") if parts and known else (word, None, "")
        )
        found.append((match.start(), match.end() + len(word), match[1], name, model, glued, known))
    if not found:
        return text, ()
    ends = [entry[0] for entry in found[1:]] + [len(text)]
    parameters = tuple(
        RawParameter(dash, name, model, f"{glued} {text[after:end].strip()}".strip(), known)
        for (_, after, dash, name, model, glued, known), end in zip(found, ends, strict=True)
    )
    return text[: found[0][0]].rstrip(), parameters


def leading_pictures(body: str) -> tuple[str, tuple[str, ...]]:
    """Addresses and `@img2` in front of the words, and the words."""
    words, position = [], 0
    while match := _LEADING.match(body, position):
        words.append(match[1])
        position = match.end()
    return (body[position:].lstrip() if words else body), tuple(words)


def mentions(body: str, names: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """`@gemini` anywhere in the words, when a model goes by that name; everything else with an @ is text."""
    found: list[str] = []
    pieces, start = [], 0
    for match in outside(_MENTION, body, protected(body)):
        if match[1].lower() in names:
            found.append(match[1].lower())
            pieces.append(body[start : match.start()])
            start = match.end()
    return ("".join([*pieces, body[start:]]).strip() if found else body), tuple(found)


def weighted_parts(body: str) -> tuple[tuple[WeightedPart, ...], tuple[PromptNote, ...]]:
    """The parts of a body with `::` in it; none when there is no `::` outside quoted text."""
    marks = outside(_MARK, body, protected(body))
    if not marks:
        return (), ()
    parts: list[WeightedPart] = []
    notes: list[PromptNote] = []
    start = 0
    for mark in marks:
        if mark.start() < start:
            continue
        text = body[start : mark.start()].strip()
        written = _WEIGHT.match(body, mark.end())
        weight = float(written.group()) if written else 1.0
        if not math.isfinite(weight) or abs(weight) > _HEAVIEST:
            weight = math.copysign(_HEAVIEST, weight)
            notes.append(
                PromptNote("clamped", shorten(f"::{written.group() if written else ''}"), f"Taken as {weight:g}.")
            )
        start = written.end() if written else mark.end()
        if text:
            parts.append(WeightedPart(text, weight))
    if rest := body[start:].strip():
        parts.append(WeightedPart(rest, 1.0))
    if parts and sum(part.weight for part in parts) <= 0:
        notes.append(
            PromptNote("error", "::", "The weights after :: must add up to more than zero; make one of them larger.")
        )
    return tuple(parts), tuple(notes)
