"""Reads model cards from TOML files: the built-in ones and the user's own."""

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import msgspec

from triptych.catalog import schema
from triptych.spec.errors import SettingsError
from triptych.spec.model import ModelCard, PolicyFact

_T = TypeVar("_T")
_PATH = re.compile(r" - at `([^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")


@cache
def load_cards() -> tuple[ModelCard, ...]:
    """Every built-in card, in the order of file name and then of the file. They are read once. Raises SettingsError."""
    folder = resources.files("triptych.catalog") / "data"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    cards: list[ModelCard] = []
    for entry in files:
        cards += cards_from_toml(entry.read_text(encoding="utf-8"), f"catalog/data/{entry.name}")
    _no_twins(cards, "catalog/data")
    return tuple(cards)


def cards_from_toml(text: str, where: str) -> tuple[ModelCard, ...]:
    """The cards of one file's text; `where` is its name for messages. Raises SettingsError naming table and field."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not valid TOML: {error}.") from error
    return cards_from_table(table, where)


def cards_from_table(table: Mapping[str, Any], where: str) -> tuple[ModelCard, ...]:
    """The cards of a file that is already parsed. Raises SettingsError naming table and field."""
    read = _at(where, "the file", lambda: msgspec.convert(dict(table), schema.FileTable))
    _at(where, "the file", lambda: schema.check_provider(read.provider))
    shared = tuple(
        _at(where, f"[[policy]] {number}", lambda fact=fact: schema.policy_fact(fact))  # type: ignore[misc]
        for number, fact in enumerate(read.policy, 1)
    )
    cards = tuple(_card(model, read, shared, where) for model in read.model)
    _no_twins(cards, where)
    return cards


def _card(model: schema.ModelTable, file: schema.FileTable, shared: tuple[PolicyFact, ...], where: str) -> ModelCard:
    name = f'[[model]] "{model.id}"'
    prices = tuple(
        _at(where, f"{name}, [[model.price]] {number}", lambda line=line: schema.price_line(line))  # type: ignore[misc]
        for number, line in enumerate(model.price, 1)
    )
    own = tuple(
        _at(where, f"{name}, [[model.policy]] {number}", lambda fact=fact: schema.policy_fact(fact))  # type: ignore[misc]
        for number, fact in enumerate(model.policy, 1)
    )
    caps = _at(where, f"{name}, [model.capabilities]", lambda: schema.capabilities(model.capabilities))
    return _at(where, name, lambda: schema.card(model, file=file, policy=shared + own, prices=prices, caps=caps))


def _at(where: str, table: str, read: Callable[[], _T]) -> _T:
    """Runs `read` and says where it was when something is wrong."""
    try:
        return read()
    except schema.BadValueError as error:
        raise SettingsError(f"{where}, {table}, field {error.field!r}: {error}.", param=error.field) from error
    except msgspec.ValidationError as error:
        text = str(error)
        path = _PATH.search(text)
        text = _PATH.sub("", text)
        unknown = _UNKNOWN.search(text)
        place = path.group(1).removeprefix("$").removeprefix(".") if path else ""
        field = unknown.group(1) if unknown else place.rpartition(".")[2] or None
        spot = f", at {place}" if place else ""
        what = f"there is no field {field!r} here" if unknown else f"field {field!r}: {text}" if field else text
        raise SettingsError(f"{where}, {table}{spot}: {what}.", param=field) from error


def _no_twins(cards: list[ModelCard] | tuple[ModelCard, ...], where: str) -> None:
    seen: set[str] = set()
    for card in cards:
        if card.id in seen:
            raise SettingsError(f"{where}: two models have the id {card.id!r}.", param="id")
        seen.add(card.id)
