"""What is written into the gallery's search box, read: free words, and fields such as `model:seedream cost:>0.05`.

Pure: no clock, no store. Fields may come in any order, each counts, and a field that is named twice counts twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from triptych.imaging.prints import NAMED
from triptych.spec.errors import BadRequestError
from triptych.spec.gallery import OF_A_NODE, Between, GallerySearch, Verdict
from triptych.spec.image import AspectRatio

MOST_LETTERS = 1000
FIELDS: Mapping[str, str] = {
    "model": "model:seedream",
    "ar": "ar:9:16",
    "kept": "kept:yes, kept:no or kept:rejected",
    "stars": "stars:4 or stars:>=3",
    "tag": "tag:summer",
    "project": "project:spring-launch",
    "cost": "cost:>0.05",
    "after": "after:2026-11-01",
    "before": "before:2026-11-30",
    "ref": "ref:yes, ref:no or ref: and a picture's id or hash",
    "failed": "failed:no",
    "keyvisual": "keyvisual:yes",
    "drift": "drift:no, drift:yes or drift: and the id of a watch or check",
    "color": "color:red or color:#c12b11",
    "trash": "trash:yes",
}
"""Every field with an example, in the order in which they are offered."""
_PIECE = re.compile(r'([a-z]+):("[^"]*"?|\S*)|("[^"]*"?|[^\s"]+)', re.IGNORECASE)
_AMOUNT = re.compile(r"(>=|<=|>|<|=)?\$?(\d{1,9}(?:\.\d{1,6})?)")
_STARS = re.compile(r"(>=|<=|>|<|=)?([0-5])")
_RATIO = re.compile(r"(\d{1,4})[:x](\d{1,4})")
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_COLOUR = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)
_MARK = re.compile(r"[0-9a-f]{8,64}|img_\w+", re.IGNORECASE)
_CHECK = re.compile(r"(wat|chk)_\w{1,60}")
_MICRO = 1_000_000
_ENDLESS = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query as read: what the store looks for, and colours (`#rrggbb` or a name), which are turned into their words elsewhere."""

    search: GallerySearch = field(default_factory=GallerySearch)
    colours: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    zone: tzinfo = UTC


def read_query(text: str, zone: str = "UTC") -> Query:
    """Its days are those of `zone`, an IANA name such as `Europe/Vienna`. Raises BadRequestError that names the part which
    is wrong, and what the field takes."""
    if len(text) > MOST_LETTERS:
        raise BadRequestError(f"The search has {len(text)} letters; the limit is {MOST_LETTERS}.", param="q")
    query, words = Query(zone=_zone(zone)), []
    for piece in _PIECE.finditer(text):
        name, value, word = piece.group(1), piece.group(2), piece.group(3)
        if name is None and OF_A_NODE.fullmatch(whole := word.strip('"')):
            query = _model(query, whole)
        elif name is None:
            words.append(word)
        elif name.lower() in _READERS:
            query = _READERS[name.lower()](query, _bare(name, value))
        else:
            raise BadRequestError(
                f"{name}: is no field.",
                hint=f"There are {', '.join(FIELDS)}. Words with a colon go in quotes.",
                param="q",
            )
    return replace(query, search=replace(query.search, text=" ".join(words)))


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name[:60])
    except (ValueError, OSError, ZoneInfoNotFoundError):  # OSError: a folder of zones, such as Europe
        raise BadRequestError(f"zone is {name[:60]!r}; it takes a name such as Europe/Vienna.", param="zone") from None


def _bare(name: str, value: str) -> str:
    bare = value.strip('"').strip()
    if not bare:
        raise _wrong(name, value)
    return bare


def _wrong(name: str, value: str) -> BadRequestError:
    shown = f"{name}:{value}"[:60]
    said = f"{shown} has no value." if not value.strip('" ') else f"{shown} cannot be read."
    example = FIELDS["color" if name.lower() == "colour" else name.lower()]
    return BadRequestError(said, hint=f"Write {example}.", param="q")


def _with(query: Query, **more: Any) -> Query:
    """With more of each list, and with another value of everything else."""
    old = query.search
    values = {name: (*getattr(old, name), *new) if isinstance(new, tuple) else new for name, new in more.items()}
    search = replace(old, **cast("dict[str, Any]", values))
    return replace(query, search=search)


def _yes(name: str, value: str) -> bool:
    if value.lower() not in {"yes", "no"}:
        raise _wrong(name, value)
    return value.lower() == "yes"


def _model(query: Query, value: str) -> Query:
    return _with(query, models=(value,))


def _tag(query: Query, value: str) -> Query:
    return _with(query, tags=(value,))


def _project(query: Query, value: str) -> Query:
    return _with(query, projects=(value,))


def _ratio(query: Query, value: str) -> Query:
    found = _RATIO.fullmatch(value)
    if found is None or "0" in {found.group(1).strip("0") or "0", found.group(2).strip("0") or "0"}:
        raise _wrong("ar", value)
    return _with(query, ratios=(AspectRatio(int(found.group(1)), int(found.group(2))),))


def _kept(query: Query, value: str) -> Query:
    known: Mapping[str, Verdict] = {"yes": "kept", "no": "open", "rejected": "rejected"}
    if value.lower() not in known:
        raise _wrong("kept", value)
    return _with(query, verdicts=(known[value.lower()],))


def _between(sign: str | None, value: int, step: int = 1) -> Between:
    """What a comparison leaves, both ends included. Without a sign the value itself."""
    ends = {">": (value + step, _ENDLESS), ">=": (value, _ENDLESS), "<": (0, value - step), "<=": (0, value)}
    return ends.get(sign or "=", (value, value))


def _stars(query: Query, value: str) -> Query:
    found = _STARS.fullmatch(value)
    if found is None:
        raise _wrong("stars", value)
    return _with(query, stars=(_between(found.group(1), int(found.group(2))),))


def _cost(query: Query, value: str) -> Query:
    found = _AMOUNT.fullmatch(value)
    if found is None:
        raise _wrong("cost", value)
    return _with(query, costs=(_between(found.group(1), int(Decimal(found.group(2)) * _MICRO)),))


def _day(name: str, value: str, zone: tzinfo) -> int:
    """The first millisecond of a day, month or year there."""
    found = _DAY.fullmatch(value)
    year, month, day = (int(part) if part else None for part in (found.groups() if found else ("0", None, None)))
    try:
        return round(datetime(year or 0, month or 1, day or 1, tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise _wrong(name, value) from None


def _after(query: Query, value: str) -> Query:
    return _with(query, times=((_day("after", value, query.zone), _ENDLESS),))


def _before(query: Query, value: str) -> Query:
    return _with(query, times=((0, _day("before", value, query.zone) - 1),))


def _ref(query: Query, value: str) -> Query:
    if value.lower() in {"yes", "no"}:
        return _with(query, referring=value.lower() == "yes")
    if not _MARK.fullmatch(value.removeprefix("@")):
        raise _wrong("ref", value)
    return replace(query, references=(*query.references, value.removeprefix("@")))


def _failed(query: Query, value: str) -> Query:
    return _with(query, failed=_yes("failed", value))


def _keyvisual(query: Query, value: str) -> Query:
    return _with(query, keyed=_yes("keyvisual", value))


def _drift(query: Query, value: str) -> Query:
    if _CHECK.fullmatch(value):
        return _with(query, checks=(value,))
    return _with(query, watched=_yes("drift", value))


def _trash(query: Query, value: str) -> Query:
    return _with(query, trashed=_yes("trash", value))


def _color(query: Query, value: str) -> Query:
    named = value.lower().replace("gray", "grey")
    if named in NAMED:
        return replace(query, colours=(*query.colours, named))
    found = _COLOUR.fullmatch(value)
    if found is None:
        raise _wrong("color", value)
    digits = found.group(1).lower()
    return replace(
        query, colours=(*query.colours, "#" + (digits if len(digits) == 6 else "".join(d * 2 for d in digits)))
    )


_READERS: Mapping[str, Callable[[Query, str], Query]] = {
    "model": _model, "ar": _ratio, "kept": _kept, "stars": _stars, "tag": _tag, "project": _project, "cost": _cost,
    "after": _after, "before": _before, "ref": _ref, "failed": _failed, "color": _color, "colour": _color,
    "trash": _trash, "keyvisual": _keyvisual, "drift": _drift,
}  # fmt: skip
