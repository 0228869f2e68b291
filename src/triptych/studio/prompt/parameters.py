"""The table of parameters: every spelling, what it sets and what values it takes."""

import difflib
import itertools
from dataclasses import dataclass
from typing import Literal

from triptych.studio.prompt import readers
from triptych.studio.prompt.readers import Reader

Scope = Literal["request", "knob", "plan", "reference", "nothing"]
"""`request` a field of ImageRequest · `knob` a creative setting that few models have · `plan` about the run as a whole ·
`reference` pictures · `nothing` read, and without effect here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter. `name` is canonical: two parameters with the same name set the same thing."""

    name: str
    spellings: tuple[str, ...]
    read: Reader
    scope: Scope
    note: str | None = None


def _request(name: str, *spellings: str, read: Reader, note: str | None = None) -> Parameter:
    return Parameter(name=name, spellings=spellings, read=read, scope="request", note=note)


def _knob(name: str, *spellings: str, read: Reader) -> Parameter:
    return Parameter(name=name, spellings=spellings, read=read, scope="knob")


def _whole(name: str, spellings: tuple[str, ...], low: int, high: int) -> Parameter:
    return _knob(name, *spellings, read=readers.number(low, high, whole=True))


def _plan(name: str, *spellings: str, read: Reader) -> Parameter:
    return Parameter(name=name, spellings=spellings, read=read, scope="plan")


def _reference(name: str, spelling: str, read: Reader) -> Parameter:
    return Parameter(name=name, spellings=(spelling,), read=read, scope="reference")


def _nothing(spelling: str, note: str) -> Parameter:
    return Parameter(name=spelling, spellings=(spelling,), read=readers.flag(), scope="nothing", note=note)


_SPEED = "Speed modes belong to one vendor; every request here goes out at once."
_VISIBILITY = "What you make here stays on this machine; there is no gallery to hide from."
_FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}
_BACKGROUNDS = {word: word for word in ("transparent", "opaque", "auto")}

PARAMETERS: tuple[Parameter, ...] = (
    _request("aspect_ratio", "ar", "aspect", read=readers.ratio),
    _request("size", "size", read=readers.size),
    _request("negative_prompt", "no", read=readers.comma_list),
    _request("seed", "seed", read=readers.seed),
    _request("seed", "sameseed", read=readers.seed, note="--sameseed is read as --seed."),
    _request("quality", "quality", "q", read=readers.quality),
    _request("quality", "draft", read=readers.flag("draft")),
    _request("quality", "hd", read=readers.flag("hd")),
    _request("quality", "sd", read=readers.flag("standard")),
    _request("output_format", "format", read=readers.choice(_FORMATS, "a format")),
    _request("background", "bg", read=readers.choice(_BACKGROUNDS, "a background")),
    _whole("stylize", ("stylize", "s"), 0, 1000),
    _whole("chaos", ("chaos", "c"), 0, 100),
    _whole("weird", ("weird", "w"), 0, 3000),
    _knob("tile", "tile", read=readers.flag()),
    _knob("raw", "raw", read=readers.flag()),
    _knob("raw", "style", read=readers.choice({"raw": True}, "a style")),
    _knob("iw", "iw", read=readers.number(0, 3, whole=False)),
    _whole("sw", ("sw",), 0, 1000),
    _whole("ow", ("ow",), 1, 1000),
    _whole("cw", ("cw",), 0, 100),
    _whole("exp", ("exp",), 0, 100),
    _whole("sv", ("sv",), 1, 7),
    _whole("stop", ("stop",), 10, 100),
    _knob("version", "version", "v", read=readers.version("")),
    _knob("version", "niji", read=readers.version("niji ")),
    _knob("profile", "profile", "p", read=readers.profile),
    _reference("sref", "sref", readers.style_references),
    _reference("oref", "oref", readers.references),
    _reference("cref", "cref", readers.references),
    _reference("edit", "edit", readers.references),
    _plan("repeat", "repeat", "r", read=readers.number(1, 40, whole=True)),
    _plan("models", "m", "models", read=readers.names),
    _plan("n", "n", read=readers.number(1, 10, whole=True)),
    _plan("budget", "budget", read=readers.money),
    _plan("blind", "blind", read=readers.flag()),
    _nothing("fast", _SPEED),
    _nothing("relax", _SPEED),
    _nothing("turbo", _SPEED),
    _nothing("stealth", _VISIBILITY),
    _nothing("public", _VISIBILITY),
)

BY_SPELLING: dict[str, Parameter] = {
    spelling: parameter for parameter in PARAMETERS for spelling in parameter.spellings
}


def did_you_mean(name: str) -> tuple[str, ...]:
    """Up to two spellings near to an unknown one, nearest first; the same first letters count for more."""
    wanted = name.lower()[:40]
    near = difflib.get_close_matches(wanted, BY_SPELLING, n=6, cutoff=0.6)

    def likeness(spelling: str) -> float:
        same_start = sum(
            1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(wanted, spelling, strict=False))
        )
        return difflib.SequenceMatcher(a=wanted, b=spelling).ratio() + same_start / 10

    return tuple(sorted(near, key=likeness, reverse=True)[:2])
