"""A short name out of a prompt, for what is called after it: a kit, a picture's file, a grid's file."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from triptych.studio.prompt.quotes import quoted

MOST: Final = 40
"""Letters that a name made of a prompt has at most."""
_CLAUSE = re.compile(r"[,;:.!?…](?=\s|$)|\s[–—-](?=\s)|[、。，；：！？]")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^][]*\]")
_WORD = re.compile(r"\S+")
_MARKS = " \t,;:.!?…–—-、。，；：！？"
_OPENERS = "([{<«„“‘"
_TONES = range(0x1F3FB, 0x1F400)
"""Emoji that colour the one before them (UTS #51, section 2.4)."""
_SEEN = 160
"""Letters of a prompt that are looked at: it is named for every picture that is shown."""


def _words(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_LINKS: Final = _words(
    # English
    "a an the and or but nor of in on at to by for from with without into onto upon over under near against along around "
    "between beyond through toward towards inside outside during as like than while where when which who whose that is are "
    "was behind beside below above before after across amid among his her its their this these those",
    # German
    "der die das dem des ein eine einen einem einer eines und oder aber sondern auf am an aus bei beim bis durch für gegen "
    "hinter im ins mit nach neben ohne seit über um unter vom von vor zu zum zur zwischen als wie während sein seine seiner "
    "ihr ihre ihrer",
    # French
    "le la les un une du de et ou mais à au aux dans en par pour sans sous sur avec chez vers entre que qui dont",
    # Spanish, Italian, Portuguese, Dutch
    "el los del y o pero con por para sin sobre entre hacia desde al lo gli uno della delle degli dei nel nella sul sulla "
    "tra fra e ed os ao dos da das do na no um uma em com sem een het op bij naar voor van met zonder onder",
)
"""Words that begin a phrase and never end one. Where another language has such a word for a thing, a name is only shorter."""


@lru_cache(maxsize=512)
def title(text: str, most: int = MOST) -> str:
    """How a prompt begins, in one line of at most `most` letters, ended where a reader would: after a clause, else before the
    last phrase that does not fit whole, else after a word that need not be followed by another, else, in one long word or a
    text without spaces, between two letters. Empty where there is no letter to name anything by."""
    seen = (char if char.isprintable() else " " for char in text[:_SEEN] if unicodedata.category(char) != "Cf")
    line = " ".join("".join(seen).split()).lstrip(_MARKS)
    if len(line) <= most:
        return _tidy(line)
    spans = [*quoted(line), *(found.span() for found in _BRACKETS.finditer(line))]
    for places in (_clauses(line), _phrases(line)):
        ends = [at for at in places if most // 3 <= at <= most and not any(start < at < end for start, end in spans)]
        if ends:
            return _tidy(line[: ends[-1]])
    return _cut(line, most, spans)


def _tidy(line: str) -> str:
    return line.rstrip(_MARKS + _OPENERS)


def _clauses(line: str) -> Iterator[int]:
    return (found.start() for found in _CLAUSE.finditer(line))


def _phrases(line: str) -> Iterator[int]:
    """Where a word ends that may be the last, before one that begins a phrase."""
    end, last = 0, True
    for word in _WORD.finditer(line):
        links = _links(word[0])
        if links and not last:
            yield end
        end, last = word.end(), links


def _links(word: str) -> bool:
    return word.strip(_MARKS).casefold() in _LINKS


def _cut(line: str, most: int, spans: Sequence[tuple[int, int]]) -> str:
    """Where there is no good place: a quotation or bracket that is begun and not ended loses its mark."""
    ends = [word.end() for word in _WORD.finditer(line) if word.end() <= most]
    whole = [word.end() for word in _WORD.finditer(line) if word.end() <= most and not _links(word[0])]
    end = max(whole or ends or [most])
    while not ends and end > 1 and _joined(line[end]):
        end -= 1
    begun = next((start for start, last in spans if start < end < last), end)
    return _tidy(line[:begun] + line[begun + 1 : end])


def _joined(after: str) -> bool:
    """Whether a letter is seen as one with that before it."""
    return unicodedata.category(after)[0] == "M" or ord(after) in _TONES
