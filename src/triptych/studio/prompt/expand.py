"""Permutations: `{red, green} kite` stands for two prompts. Counting never makes the prompts."""

import re
from dataclasses import dataclass, field

from triptych.studio.prompt.quotes import protected

COUNT_CEILING = 10**30  # a number past which "too many" needs no more digits
_DEPTH_LIMIT = 40  # braces nested deeper are taken literally
_SPECIAL = re.compile(r"\\[,{}\\]|[{},]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with groups in it, and how many texts it stands for."""

    nodes: tuple["str | Group", ...]
    count: int

    def nth(self, index: int) -> str:
        """The text with that number, the first group turning slowest. `index` is below `count`."""
        pieces: list[str] = []
        for node in reversed(self.nodes):
            if isinstance(node, str):
                pieces.append(node)
            else:
                index, choice = divmod(index, node.count)
                pieces.append(node.nth(choice))
        return "".join(reversed(pieces))


@dataclass(frozen=True, slots=True)
class Group:
    """One `{…}` with at least two options."""

    options: tuple[Pattern, ...]
    count: int

    def nth(self, index: int) -> str:
        for option in self.options:
            if index < option.count:
                return option.nth(index)
            index -= option.count
        return ""


@dataclass(frozen=True, slots=True)
class _Comma:
    """A comma that was written with a backslash."""


_Piece = str | Group | _Comma


@dataclass(slots=True)
class _Open:
    """A brace that has not been closed yet, with the options read so far. The outermost one is the text itself."""

    options: list[list[_Piece]] = field(default_factory=lambda: [[]])

    def add(self, *pieces: _Piece) -> None:
        self.options[-1].extend(pieces)

    def literal(self) -> list[_Piece]:
        """The content with its commas put back."""
        pieces = list(self.options[0])
        for option in self.options[1:]:
            pieces.append(",")
            pieces.extend(option)
        return pieces


def read_pattern(text: str) -> Pattern:
    """Reads groups and escapes. Unmatched braces, braces around one option, quoted text and JSON stay as they are."""
    spans = protected(text)
    stack = [_Open()]
    too_deep = position = next_span = 0
    while match := _SPECIAL.search(text, position):
        while next_span < len(spans) and spans[next_span][1] <= match.start():
            next_span += 1
        if next_span < len(spans) and spans[next_span][0] <= match.start():
            stack[-1].add(text[position : spans[next_span][1]])
            position = spans[next_span][1]
            continue
        stack[-1].add(text[position : match.start()])
        position = match.end()
        too_deep = _take(match.group(), stack, too_deep)
    stack[-1].add(text[position:])
    while len(stack) > 1:
        unclosed = stack.pop()
        stack[-1].add("{", *unclosed.literal())
    return _pattern([("," if isinstance(piece, _Comma) else piece) for piece in stack[0].literal()])


def _take(symbol: str, stack: list[_Open], too_deep: int) -> int:
    """One special symbol; returns how many braces past the depth limit are open."""
    if symbol.startswith("\\"):
        stack[-1].add(_Comma() if symbol == "\\," else symbol[1])
    elif symbol == "{":
        if len(stack) > _DEPTH_LIMIT:
            stack[-1].add("{")
            return too_deep + 1
        stack.append(_Open())
    elif symbol == ",":
        _comma(stack, too_deep)
    elif too_deep or len(stack) == 1:
        stack[-1].add("}")
        return max(0, too_deep - 1)
    else:
        _close(stack)
    return too_deep


def _comma(stack: list[_Open], too_deep: int) -> None:
    if too_deep or len(stack) == 1:
        stack[-1].add(",")
    else:
        stack[-1].options.append([])


def _close(stack: list[_Open]) -> None:
    closed = stack.pop()
    if len(closed.options) == 1:
        stack[-1].add("{", *closed.literal(), "}")
        return
    options = tuple(_option(pieces) for pieces in closed.options)
    stack[-1].add(Group(options, min(COUNT_CEILING, sum(option.count for option in options))))


def _option(pieces: list[_Piece]) -> Pattern:
    """One option, trimmed; a space in front of an escaped comma goes too: `{pale \\, green, …}` gives `pale, green`."""
    nodes: list[str | Group] = []
    for piece in pieces:
        if not isinstance(piece, _Comma):
            nodes.append(piece)
            continue
        if nodes and isinstance(nodes[-1], str):
            nodes[-1] = nodes[-1].rstrip()
        nodes.append(",")
    merged = list(_pattern(nodes).nodes)
    if merged and isinstance(merged[0], str):
        merged[0] = merged[0].lstrip()
    if merged and isinstance(merged[-1], str):
        merged[-1] = merged[-1].rstrip()
    return _pattern(merged)


def _pattern(nodes: "list[str | Group]") -> Pattern:
    merged: list[str | Group] = []
    texts: list[str] = []
    count = 1
    for node in nodes:
        if isinstance(node, str):
            texts.append(node)
            continue
        if texts:
            merged.append("".join(texts))
            texts = []
        merged.append(node)
        count = min(COUNT_CEILING, count * node.count)
    if texts:
        merged.append("".join(texts))
    return Pattern(tuple(merged), count)
