"""Text that the grammar must leave alone: quoted words and JSON."""

import json
import re
from collections.abc import Sequence

Span = tuple[int, int]
_CLOSING = {'"': '"', "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}"}
_OPENING = re.compile("[" + "".join(_CLOSING) + "]")
_AFTER_JSON = re.compile("\\s*$|\\s+(?:--|[\N{EM DASH}\N{EN DASH}])[A-Za-z{]")
_DECODER = json.JSONDecoder()


def quoted(text: str) -> tuple[Span, ...]:
    """Where quoted text stands, quotes included. A quote that is never closed is an ordinary character."""
    spans: list[Span] = []
    unclosed: set[str] = set()
    position = 0
    while match := _OPENING.search(text, position):
        position = match.end()
        closing = _CLOSING[match.group()]
        end = -1 if closing in unclosed else text.find(closing, position)
        if end < 0:
            unclosed.add(closing)
            continue
        spans.append((match.start(), end + 1))
        position = end + 1
    return tuple(spans)


def json_head(text: str) -> int:
    """The length of a JSON object or list that the text begins with, when nothing but parameters follows; else 0."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] not in {"{", "["}:
        return 0
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return 0
    return end if _AFTER_JSON.match(text, end) else 0


def protected(text: str) -> tuple[Span, ...]:
    """Every stretch that is to be taken literally, in order."""
    head = json_head(text)
    return ((0, head), *quoted_after(text, head)) if head else quoted(text)


def quoted_after(text: str, start: int) -> tuple[Span, ...]:
    """Quoted stretches from a position on."""
    return tuple((left + start, right + start) for left, right in quoted(text[start:]))


def outside(pattern: re.Pattern[str], text: str, spans: Sequence[Span]) -> list[re.Match[str]]:
    """The matches that do not begin in one of the stretches."""
    matches, index = [], 0
    for match in pattern.finditer(text):
        while index < len(spans) and spans[index][1] <= match.start():
            index += 1
        if index == len(spans) or match.start() < spans[index][0]:
            matches.append(match)
    return matches
