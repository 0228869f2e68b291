"""Models that have ended: a name that somebody still has leads to what came after it."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Annotated

import msgspec

from triptych.spec.model import ModelCard

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+/[a-z0-9][a-z0-9._:-]*$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Retired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of the table. `id` is what it was called here, `successors` what its provider names in its place, none where it names
    nothing; `as_of` is the day on which `source` was read."""

    id: Name
    ended: Day
    successors: tuple[Name, ...]
    source: str
    as_of: Day


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[Retired, ...]


@cache
def retired_models() -> Mapping[str, Retired]:
    """The whole table, by id."""
    text = (resources.files("triptych.catalog") / "retired.toml").read_text("utf-8")
    return {one.id: one for one in msgspec.convert(tomllib.loads(text), _File).model}


def retired_model(name: str) -> Retired | None:
    """The model that had this name, with its provider or without; None for any other."""
    table, wanted = retired_models(), name.strip().lower()
    return table.get(wanted) or next((one for one in table.values() if one.id.partition("/")[2] == wanted), None)


def come_after(successors: Iterable[str], cards: Mapping[str, ModelCard]) -> tuple[str, ...]:
    """Those of `cards` that these names lead to: one that has ended, or is to end, leads on to what comes after it. `cards` is by id."""
    found, todo, seen = dict[str, None](), list(successors), set[str]()
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        card, gone = cards.get(name), retired_models().get(name)
        after = (card.successors if card is not None else gone.successors if gone is not None else None) or ()
        if card is not None and not after:
            found[name] = None
        todo += after
    return tuple(found)
