"""Records to and from JSON, and the words of a prompt that are searched by.

JSON knows no tuples: inside `Mapping[str, Json]` fields a tuple comes back as a list. Every typed field comes back as
it was.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from triptych.spec.drift import CheckCell, CheckRecord, WatchRecord
from triptych.spec.errors import StorageError
from triptych.spec.image import Adjustment, Cost, Usage
from triptych.spec.json import Json
from triptych.spec.model import JobHandle, WireRecord
from triptych.spec.records import (
    AttemptRecord,
    Parent,
    PickRecord,
    PictureRecord,
    Received,
    Restored,
    RunRecord,
    ShownPicture,
    TileError,
    TileRecord,
    UpstreamCredentials,
)
from triptych.spec.routing import Decision

T = TypeVar("T")
Record = RunRecord | TileRecord | PictureRecord | AttemptRecord | PickRecord | Decision | WatchRecord | CheckRecord

_encoder = msgspec.json.Encoder()


def to_json(value: Record | Json) -> str:
    """Raises StorageError for what JSON in UTF-8 cannot hold: half a surrogate pair."""
    try:
        return _encoder.encode(value).decode()
    except (OverflowError, TypeError, ValueError) as error:
        raise StorageError(
            f"A {type(value).__name__} holds a value that cannot be kept: {error}.",
            hint="Remove the broken character and try again.",
        ) from error


def json_value(body: str) -> Json:
    """What `to_json` made of a JSON value."""
    value: Json = msgspec.json.decode(body)
    return value


def _job(raw: dict[str, Any] | None) -> JobHandle | None:
    return None if raw is None else JobHandle(**raw)


def _as(type_: Any) -> Callable[[Any], Any]:
    return lambda raw: msgspec.convert(raw, type_)


# Fields that are more than JSON. The rest is passed on as decoded, free-form JSON included.
_NESTED: dict[type, dict[str, Callable[[Any], Any]]] = {
    RunRecord: {},
    TileRecord: {
        "estimate": _as(Cost | None),
        "cost": _as(Cost | None),
        "usage": _as(Usage | None),
        "adjustments": _as(tuple[Adjustment, ...]),
        "error": _as(TileError | None),
        "job": _job,
        "coming": _as(tuple[PictureRecord, ...]),
        "parent": _as(Parent | None),
    },
    PictureRecord: {
        "cost": _as(Cost | None),
        "received": _as(Received | None),
        "credentials": _as(UpstreamCredentials | None),
        "restored": _as(Restored | None),
    },
    AttemptRecord: {
        "error": _as(TileError | None),
        "wires": _as(tuple[WireRecord, ...]),
        "cost": _as(Cost | None),
        "job": _job,
    },
    PickRecord: {"shown": _as(tuple[ShownPicture, ...]), "rejected": _as(tuple[int, ...])},
    WatchRecord: {"texts": _as(tuple[str, ...]), "models": _as(tuple[str, ...])},
    CheckRecord: {"cells": _as(tuple[CheckCell, ...])},
}
_FIELDS = {kind: frozenset(field.name for field in fields(kind)) for kind in (*_NESTED,)}
_decision = msgspec.json.Decoder(Decision)


def from_json(kind: type[T], body: str) -> T:
    """The record that `to_json` wrote. Raises StorageError when the row is not one."""
    try:
        if kind is Decision:
            decoded: Any = _decision.decode(body)
            return decoded  # type: ignore[no-any-return]
        raw = msgspec.json.decode(body, type=dict[str, Any])
        known = _FIELDS[kind]
        values = {name: value for name, value in raw.items() if name in known}
        for name, convert in _NESTED[kind].items():
            if name in values:
                values[name] = convert(values[name])
        return kind(**values)
    except (msgspec.MsgspecError, TypeError) as error:
        raise StorageError(
            f"A stored {kind.__name__} cannot be read: {error}.",
            hint="The database was changed by hand or is damaged: restore it from a backup.",
        ) from error


_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")
_MAX_SEARCHED = 100_000  # characters of a prompt that are searched; PostgreSQL's limit on one text is 1 MB


def search_words(text: str) -> list[str]:
    """The words of a text, lower-case and without accents. Scripts that put no spaces between words give one word per
    character; as both the prompts and the queries go through here, a phrase of such characters is found."""
    plain = unicodedata.normalize("NFKD", text[:_MAX_SEARCHED].casefold())
    bare = "".join(char for char in plain if unicodedata.category(char) != "Mn")
    return _WORD.findall(unicodedata.normalize("NFC", bare))


def search_terms(query: str) -> list[list[str]]:
    """A query as terms that must all be there; a term of several words is a phrase, `"in quotes"` too."""
    parts = re.findall(r'"([^"]*)"|([^\s"]+)', query)
    return [words for quoted, bare in parts if (words := search_words(quoted or bare))]
