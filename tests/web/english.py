"""Reads the page's modules as far as it takes to find the words in them: strings, templates and the text of markup."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BEFORE_A_PATTERN = re.compile(r"(?:[(,=:\[!&|?{};+\n]|=>|\breturn|\btypeof|\bcase|^)\s*$")
_NAME = re.compile(r"\b(?:class|key|href|id|style|src|name|type|for|aria-labelledby|aria-describedby|data-[\w-]+)=$")
_TAG = re.compile(r"[A-Za-z_$][\w$]*$")


@dataclass
class Text:
    """A string (one chunk) or a template: its chunks, and between them the source of its expressions.

    `tag` is the function before a template; `start` and `end` are offsets in the source, quotes included; `spans` are those of
    the expressions; `inside` is what the expressions hold. `call` is the function that it is given to, as which `argument`;
    `[` or `{` stand for a list or an object; `compared` says that a value is tested for being it.
    """

    tag: str
    start: int
    end: int = 0
    chunks: list[str] = field(default_factory=list[str])
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    inside: list["Text"] = field(default_factory=list["Text"])
    call: str = ""
    argument: int = 0
    compared: bool = False


def texts(source: str) -> list[Text]:
    """The outermost strings and templates of a module."""
    found, _ = _code(source, 0, closing="")
    return found


def every(found: list[Text]) -> Iterator[Text]:
    """These and what is inside of them, without what names classes, keys and addresses in markup."""
    for text in found:
        yield text
        yield from every([one for one in text.inside if not _names(text, one)])


def _names(markup: Text, one: Text) -> bool:
    at = next(i for i, (start, end) in enumerate(markup.spans) if start <= one.start < end)
    return markup.tag == "html" and bool(_NAME.search(markup.chunks[at]))


def _code(source: str, at: int, *, closing: str) -> tuple[list[Text], int]:
    found: list[Text] = []
    open_: list[tuple[str, int]] = []
    while at < len(source):
        sign = source[at]
        if source.startswith("//", at):
            at = (source.find("\n", at) + 1 or len(source) + 1) - 1
        elif source.startswith("/*", at):
            at = source.index("*/", at) + 2
        elif sign == "/" and _BEFORE_A_PATTERN.search(source, max(0, at - 12), at):
            at = _pattern(source, at)
        elif sign in "'\"`":
            tag = _TAG.search(source, max(0, at - 20), at)
            text = _template(source, at, tag.group() if tag else "") if sign == "`" else _string(source, at)
            text.call, text.argument = open_[-1] if open_ else ("", 0)
            text.compared = source[max(0, at - 4) : at] in ("=== ", "!== ")
            found.append(text)
            at = text.end
        elif sign == closing and not open_:
            break
        else:
            _bracket(source, at, open_)
            at += 1
    return found, at


def _bracket(source: str, at: int, open_: list[tuple[str, int]]) -> None:
    """Keeps the calls, lists and objects that are open at this place, each with how many commas it had."""
    sign = source[at]
    if sign == "(":
        name = _TAG.search(source, max(0, at - 30), at)
        open_.append((name.group() if name else "(", 0))
    elif sign in "[{":
        open_.append((sign, 0))
    elif sign in ")]}":
        open_.pop()
    elif sign == "," and open_:
        open_[-1] = (open_[-1][0], open_[-1][1] + 1)


def _pattern(source: str, at: int) -> int:
    inside = False
    while True:
        at += 1
        if source[at] == "\\":
            at += 1
        elif source[at] in "[]":
            inside = source[at] == "["
        elif source[at] == "/" and not inside:
            return at + 1


def _string(source: str, at: int) -> Text:
    match = re.compile(rf"{source[at]}((?:[^\\{source[at]}]|\\.)*){source[at]}", re.DOTALL).match(source, at)
    assert match, source[at : at + 60]
    return Text("", at, match.end(), [re.sub(r"\\(['\"])", r"\1", match[1])])


def _template(source: str, start: int, tag: str) -> Text:
    text, at, chunk = Text(tag, start), start + 1, ""
    while source[at] != "`":
        if source.startswith("${", at):
            text.chunks.append(chunk)
            inside, end = _code(source, at + 2, closing="}")
            text.inside += inside
            text.spans.append((at + 2, end))
            at, chunk = end + 1, ""
        else:
            step = 2 if source[at] == "\\" else 1
            chunk += source[at : at + step]
            at += step
    text.chunks.append(chunk)
    text.end = at + 1
    return text
