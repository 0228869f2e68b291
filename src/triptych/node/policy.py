"""What a node draws and hands out: words are looked at before drawing, pictures after it.

The words are data in a file that the node's operator reads and changes; see `words.toml`. A rule holds when one word of each of its
lists is there, so that what comes together counts and a single harmless word does not. Pictures are looked at by whatever implements
`PictureCheck`; one that ships is a list of hashes, whose entries the operator supplies, since such lists are not public.
"""

import asyncio
import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from triptych.imaging.decode import open_picture
from triptych.imaging.pdq import GOOD_QUALITY, pdq_distance, pdq_of
from triptych.spec.errors import SettingsError
from triptych.store.durable import write_private
from triptych.store.faults import at

FILE = "words.toml"
PDQ_NEAR = 31  # bits of 256: what its authors recommend for the same picture
_WEIGHT = re.compile(r":{1,2}\s*-?\d+(?:\.\d+)?")
_TOKEN = re.compile(r"[^\W_]+")
_LEAST_SPACED = 3  # single letters in a row that may be a word pulled apart

_List = Annotated[list[str], msgspec.Meta(min_length=1)]


class _Never(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    words: Annotated[list[_List], msgspec.Meta(min_length=1)]
    always: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    never: list[_Never] = []
    allowed: list[str] = []


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is looked for: phrases in lists, one of each of which has to be there. `always`: whatever the node draws else."""

    name: str
    lists: tuple[tuple[str, ...], ...]
    always: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The rules of a node. `nsfw` switches off those that do not hold always."""

    rules: tuple[Rule, ...] = ()
    allowed: tuple[str, ...] = ()
    nsfw: bool = False

    def refuses(self, prompt: str) -> str | None:
        """The name of the first rule that holds for a prompt; None where none does."""
        plain = _without(_plain(prompt), self.allowed)
        joined = _joined(plain)
        for rule in self.rules:
            if (rule.always or not self.nsfw) and all(
                any(_is_there(phrase, plain, joined) for phrase in phrases) for phrases in rule.lists
            ):
                return rule.name
        return None


class PictureCheck(Protocol):
    """Looks at a picture before it is handed out."""

    async def look(self, data: bytes) -> str | None:
        """Why it is kept back, in a few words for the operator; None where it is not."""
        ...


@dataclass(frozen=True, slots=True)
class HashList:
    """Pictures that are known, by the SHA-256 of their bytes or by what they look like (PDQ), both in hex."""

    exact: frozenset[str] = frozenset()
    alike: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str, where: str) -> "HashList":
        """One entry a line: `sha256:` or `pdq:` and 64 hex digits; what follows a # is a note. Raises SettingsError."""
        exact: set[str] = set()
        alike: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not (entry := line.partition("#")[0].strip().lower()):
                continue
            found = re.fullmatch("(sha256|pdq):([0-9a-f]{64})", entry)
            if found is None:
                raise SettingsError(f"{where}, line {number}: it is no hash.", param="hashes",
                                    hint="Write sha256: or pdq: and 64 hex digits.")  # fmt: skip
            kind, value = found.groups()
            exact |= {value} if kind == "sha256" else set()
            alike += [value] if kind == "pdq" else []
        return cls(frozenset(exact), tuple(alike))

    async def look(self, data: bytes) -> str | None:
        """See `PictureCheck.look`. Raises HostileContentError for a picture that cannot be opened."""
        if hashlib.sha256(data).hexdigest() in self.exact:
            return "its bytes are on the list"
        return await asyncio.to_thread(self._looks_like, data) if self.alike else None

    def _looks_like(self, data: bytes) -> str | None:
        found = pdq_of(open_picture(data))
        if found.quality < GOOD_QUALITY:
            return None  # too plain to be told from any other
        near = any(pdq_distance(found.hash, one) <= PDQ_NEAR for one in self.alike)
        return "it looks like one on the list" if near else None


def open_words(folder: Path, *, nsfw: bool = False) -> Words:
    """The rules of a node's folder; the ones that come with the program are put there where there are none. Raises SettingsError,
    StorageError."""
    path = folder / FILE
    shipped = (resources.files("triptych.node") / FILE).read_text("utf-8")
    with at(f"The file {path}"):
        write_private(path, shipped.encode(), replace=False)
        data = path.read_bytes()
    return read_words(data, str(path), nsfw=nsfw)


def read_words(data: bytes, where: str, *, nsfw: bool = False) -> Words:
    """Rules out of a file. Raises SettingsError, which says what is wrong in it."""
    try:
        found = msgspec.convert(tomllib.loads(data.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{where}: {error}.", param="words", hint="Mend the line, or take the file away.") from None
    rules = tuple(
        Rule(one.name, tuple(_phrases(words, f"{where}, {one.name!r}") for words in one.words), one.always)
        for one in found.never
    )
    return Words(rules, _phrases(found.allowed, where), nsfw)


def _phrases(words: Iterable[str], where: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in words:
        if not (plain := _plain(word).strip()):
            raise SettingsError(f"{where}: {word!r} has no letters in it.", param="words")
        found.append(plain + ("*" if word.endswith("*") else ""))
    return tuple(found)


def _plain(text: str) -> str:
    """The words of a text in small letters without accents and weights, one space before, between and behind them."""
    flat = unicodedata.normalize("NFKD", text)
    kept = "".join(one for one in flat if not unicodedata.combining(one) and unicodedata.category(one) != "Cf")
    return f" {' '.join(_TOKEN.findall(_WEIGHT.sub(' ', kept.casefold())))} "


def _without(plain: str, allowed: Sequence[str]) -> str:
    for phrase in allowed:
        pattern = rf" {re.escape(phrase[:-1])}\w* " if phrase.endswith("*") else f" {re.escape(phrase)} "
        plain = re.sub(pattern, " ", plain)
    return plain


def _joined(plain: str) -> tuple[str, ...]:
    """Runs of single letters, put together: n u d e."""
    runs = re.findall(rf"(?<= )(?:\w ){{{_LEAST_SPACED},}}", plain)
    return tuple(run.replace(" ", "") for run in runs)


def _is_there(phrase: str, plain: str, joined: Sequence[str]) -> bool:
    start = phrase.removesuffix("*")
    looked_for = f" {start}" if phrase.endswith("*") else f" {start} "
    return looked_for in plain or any(start.replace(" ", "") in run for run in joined)
