"""How the value of a parameter is read: each reader takes the words it needs and gives the rest back."""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from triptych.spec.image import AspectRatio, Knob, Size
from triptych.studio.prompt.quotes import outside, quoted
from triptych.studio.prompt.values import Value

RESOLUTIONS = ("512", "1k", "1.5k", "2k", "3k", "4k")
_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})$", re.ASCII)
_RATIO = re.compile(r"(\d{1,5}):(\d{1,5})$", re.ASCII)
_DECIMAL_RATIO = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?:(\d{1,3})(?:\.(\d{1,2}))?$", re.ASCII)
_SIZE = re.compile(r"\d{1,5}x\d{1,5}$", re.ASCII | re.IGNORECASE)
_REFERENCE = re.compile(r"(?:https?://\S+|@img\d{1,3}(?:::[\d.]+)?)$", re.IGNORECASE)
_CODE = re.compile(r"(?:random|\d{1,20}|[a-z0-9]*\d[a-z0-9]*)(?:::[\d.]+)?$", re.IGNORECASE)
_COMMA = re.compile(",")
_LONGEST_RATIO = 20
_MOST_WORDS = 40  # of one list of names, pictures or codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of a value. `name` is set when the value decides which setting it is for. `clamped` and `problem` are
    sentences for the user; with a problem there is no value."""

    value: Value | None = None
    rest: str = ""
    name: str | None = None
    clamped: str | None = None
    problem: str | None = None
    words: tuple[str, ...] = ()


Reader = Callable[[str], Reading]


def first_word(text: str) -> tuple[str, str]:
    """The first word and what follows it."""
    words = text.split(None, 1)
    return (words[0] if words else ""), (words[1].strip() if len(words) > 1 else "")


def flag(value: Knob = True) -> Reader:  # noqa: FBT002 - a flag's value is a boolean
    """No value at all: whatever follows is text."""
    return lambda text: Reading(value=value, rest=text.strip())


def plain(value: float) -> str:
    """A number as people write it: whole ones without a point and never with an exponent."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def number(low: float, high: float, *, whole: bool) -> Reader:
    """A number from `low` to `high`; taken to the nearest of the two when it is outside."""

    def read(text: str) -> Reading:
        word, rest = first_word(text)
        if not _NUMBER.match(word):
            kind = "a whole number" if whole else "a number"
            return Reading(rest=text.strip(), problem=f"needs {kind} from {plain(low)} to {plain(high)}")
        wanted = float(word)
        value = min(max(wanted, low), high)
        clamped = (
            None if value == wanted else f"{word} is outside {plain(low)} to {plain(high)}; taken as {plain(value)}"
        )
        if whole and value != int(value):
            value = float(round(value))
            clamped = f"{word} is not a whole number; taken as {plain(value)}"
        return Reading(value=int(value) if whole else value, rest=rest, clamped=clamped)

    return read


def choice(words: Mapping[str, Knob], what: str) -> Reader:
    """One word of a list."""

    def read(text: str) -> Reading:
        word, rest = first_word(text)
        if word.lower() not in words:
            return Reading(rest=rest, problem=f"needs {what}: {', '.join(words)}")
        return Reading(value=words[word.lower()], rest=rest)

    return read


def seed(text: str) -> Reading:
    """A whole number below 2^32, or `random`."""
    word, rest = first_word(text)
    if word.lower() == "random":
        return Reading(value="random", rest=rest)
    return number(0, 4294967295, whole=True)(text)


def ratio(text: str) -> Reading:
    """`4:5`, in whole numbers."""
    word, rest = first_word(text)
    match = _RATIO.match(word)
    if match and int(match[1]) and int(match[2]):
        width, height = int(match[1]), int(match[2])
        if max(width, height) <= _LONGEST_RATIO * min(width, height):
            return Reading(value=AspectRatio(width, height), rest=rest)
        value = AspectRatio(_LONGEST_RATIO, 1) if width > height else AspectRatio(1, _LONGEST_RATIO)
        return Reading(value=value, rest=rest, clamped=f"{word} is longer than any model draws; taken as {value}")
    hint = _ratio_hint(word)
    return Reading(rest=rest if word[:1].isdigit() else text.strip(), problem=f"needs a ratio like 4:5{hint}")


def _ratio_hint(word: str) -> str:
    match = _DECIMAL_RATIO.match(word)
    if match:
        digits = max(len(match[2] or ""), len(match[4] or ""))
        width, height = (
            int(whole + (part or "").ljust(digits, "0")) for whole, part in (match.group(1, 2), match.group(3, 4))
        )
        if width and height:
            return f", in whole numbers: {AspectRatio(width, height)}"
    return ""


def size(text: str) -> Reading:
    """A class like `2k`, or pixels like `1536x1024`."""
    word, rest = first_word(text)
    if word.lower() in RESOLUTIONS:
        return Reading(name="resolution", value=word.lower(), rest=rest)
    if _SIZE.match(word):
        try:
            return Reading(name="size", value=Size.parse(word), rest=rest)
        except ValueError:
            return Reading(rest=rest, problem="has a side of zero pixels")
    return Reading(rest=rest, problem=f"needs {', '.join(RESOLUTIONS)} or pixels like 1536x1024")


_QUALITY_WORDS = ("draft", "low", "medium", "high", "xhigh", "max", "standard", "hd", "auto")
_QUALITY_NUMBERS = ((0.25, "draft"), (0.5, "draft"), (1.0, "standard"), (2.0, "high"), (4.0, "high"))


def quality(text: str) -> Reading:
    """.25, .5, 1, 2 or 4, or one of the words that providers use."""
    word, rest = first_word(text)
    if word.lower() in _QUALITY_WORDS:
        return Reading(value=word.lower(), rest=rest)
    if not _NUMBER.match(word):
        return Reading(rest=text.strip(), problem=f"needs .25, .5, 1, 2, 4 or {', '.join(_QUALITY_WORDS)}")
    wanted = float(word)
    nearest, name = min(_QUALITY_NUMBERS, key=lambda pair: abs(pair[0] - wanted))
    clamped = None if nearest == wanted else f"{word} is not one of .25, .5, 1, 2, 4; taken as {nearest:g}"
    return Reading(value=name, rest=rest, clamped=clamped)


def comma_list(text: str) -> Reading:
    """Everything up to the next parameter; the commas in quoted text do not divide."""
    cuts = [match.start() for match in outside(_COMMA, text, quoted(text))]
    items = (text[start + 1 : end] for start, end in itertools.pairwise([-1, *cuts, len(text)]))
    words = tuple(item.strip() for item in items if item.strip())
    if not words:
        return Reading(problem="needs what to leave out, like --no text, frame")
    return Reading(value=", ".join(words), words=words)


def names(text: str) -> Reading:
    """Names with commas between them; a space after a comma does no harm."""
    rest, words = text.strip(), list[str]()
    more = True
    while more and rest and len(words) < _MOST_WORDS:
        word, rest = first_word(rest)
        more = word.endswith(",") or rest.startswith(",")
        words += [name for name in word.split(",") if name]
        rest = rest.lstrip(", ") if more else rest
    if not words:
        return Reading(problem="needs model names, like --m google/gemini-3.1-flash-image,demo/aurora")
    return Reading(value=",".join(words), words=tuple(words), rest=rest)


def money(text: str) -> Reading:
    """Dollars, like `0.50` or `$0.50`; the value is in micro-dollars."""
    word, rest = first_word(text)
    try:
        amount = Decimal(word.removeprefix("$")) if len(word) <= 20 else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > 1_000_000:
        return Reading(rest=text.strip(), problem="needs dollars, like --budget 0.50")
    return Reading(value=int(amount * 1_000_000), rest=rest)


def version(prefix: str) -> Reader:
    """A version number, or nothing."""

    def read(text: str) -> Reading:
        word, rest = first_word(text)
        if _NUMBER.match(word):
            return Reading(value=f"{prefix}{word}", rest=rest)
        if prefix:
            return Reading(value=prefix.strip(), rest=text.strip())
        return Reading(rest=text.strip(), problem="needs a version number")

    return read


def references(text: str, *, codes: bool = False) -> Reading:
    """Pictures (`@img2`, addresses) and, where allowed, style codes; `random` is one."""
    words, rest = list[str](), text.strip()
    while rest and len(words) < _MOST_WORDS:
        word, after = first_word(rest)
        if not (_REFERENCE.match(word) or (codes and _CODE.match(word))):
            break
        words.append(word)
        rest = after
    if not words:
        what = "a picture like @img1 or a style code" if codes else "a picture like @img1"
        return Reading(rest=rest, problem=f"needs {what}")
    return Reading(value=" ".join(words), words=tuple(words), rest=rest)


def style_references(text: str) -> Reading:
    """As `references`, with style codes."""
    return references(text, codes=True)


def profile(text: str) -> Reading:
    """Personalisation codes, or none."""
    words, rest = list[str](), text.strip()
    while rest and len(words) < _MOST_WORDS:
        word, after = first_word(rest)
        if not (_CODE.match(word) and len(word) >= 4):
            break
        words.append(word)
        rest = after
    return Reading(value=" ".join(words) or True, rest=rest)
