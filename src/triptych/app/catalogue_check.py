"""Whether the cards are true still: by their own dates, and by what each provider's list of models says now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from triptych.app.model_views import ENDS_SOON
from triptych.app.models import Models, ProviderState
from triptych.catalog.retired import retired_model
from triptych.provider_kit.adapter import ListsModels
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import ModelCard

OLD = timedelta(days=60)
"""The age from which a price is said to be old."""
_PICTURES = ("image", "imagen", "imagine", "seedream", "seededit", "flux", "diffusion")
Kind = Literal[
    "gone",
    "ended",
    "ends",
    "other_end",
    "still_listed",
    "unserved",
    "old_price",
    "no_price",
    "new",
    "not_asked",
    "no_list",
]
WRONG: frozenset[Kind] = frozenset({"gone", "ended", "other_end"})
"""What makes a card untrue; the rest is for whoever keeps the cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a model (`model` is its id) or, where that is None, about a provider as a whole."""

    kind: Kind
    provider: str
    model: str | None
    text: str

    def json(self) -> JsonObject:
        """As the command prints it."""
        return {"kind": self.kind, "provider": self.provider, "model": self.model, "text": self.text}


async def check_catalogue(models: Models, today: date) -> tuple[Finding, ...]:
    """Asks every provider that can be used here for its list, with a call that costs nothing."""
    found: list[Finding] = []
    for state in models.providers():
        found += by_dates(state.cards, today)
        found += await by_list(models, state)
    return tuple(found)


def by_dates(cards: Iterable[ModelCard], today: date) -> Iterator[Finding]:
    """What the cards themselves say on this day."""
    for card in cards:
        ends = None if card.retires is None else date.fromisoformat(card.retires)
        after = _after(card)
        gone = retired_model(card.id)
        if ends is None and gone is not None:
            yield _of(card, "ended", f"ended on {gone.ended}, by {gone.source}.{_names(gone.successors)}")
        if ends is not None and ends <= today:
            yield _of(card, "ended", f"ended on {ends}: nobody is sent there any more.{after}")
        elif ends is not None and ends <= today + ENDS_SOON:
            yield _of(card, "ends", f"ends on {ends}, in {(ends - today).days} days.{after}")
        oldest = min((line.as_of for line in card.prices), default=None)
        if oldest is not None and today - date.fromisoformat(oldest) > OLD:
            yield _of(
                card, "old_price", f"its price is of {oldest}, {(today - date.fromisoformat(oldest)).days} days ago."
            )
        if oldest is None and not card.free:
            yield _of(card, "no_price", "no price is known.")


async def by_list(models: Models, state: ProviderState) -> list[Finding]:
    """What the provider's own list says now. Of volunteers it is asked where a server tells what they draw at this moment."""
    drawing = {card.lane for card in state.cards if card.is_ai and card.draws}
    if not drawing & {"commercial", "local"} and not (
        "community" in drawing and isinstance(state.adapter, ListsModels)
    ):
        return []
    if (trouble := state.trouble()) is not None:
        return [_whole(state, "not_asked", f"was not asked: {trouble[1]}")]
    check = await models.listed(state.id)
    if check is None:
        return [_whole(state, "no_list", "has no list of its image models that is known here: look at its page.")]
    if not check.ok:
        return [_whole(state, "not_asked", f"did not tell its models: {check.message}")]
    return list(_by_answer(state, check.detail))


def _by_answer(state: ProviderState, told: Mapping[str, Json]) -> Iterator[Finding]:
    listed, ends, there = told.get("models"), told.get("ends"), told.get("there")
    if isinstance(there, Mapping):
        yield from (_gone(card) for card in state.cards if there.get(card.id) is False)
        return
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        yield _whole(state, "no_list", "answered without a list of its models: look at its page.")
        return
    names = [str(name) for name in listed]
    if all(card.lane == "community" for card in state.cards):
        yield from unserved(state.cards, names)
        return
    days = {name: str(day) for name, day in ends.items()} if isinstance(ends, Mapping) else {}
    yield from compared(state.id, state.cards, names, days)


def _whole(state: ProviderState, kind: Kind, text: str) -> Finding:
    return Finding(kind=kind, provider=state.id, model=None, text=text)


def compared(
    provider: str, cards: Sequence[ModelCard], listed: Sequence[str], ends: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Cards that the list does not have or gives another end, and names of image models on it that no card has. `ends` has the days on
    which models end, as the list tells them."""
    ends = ends or {}
    known, there = {card.provider_model_id for card in cards}, set(listed)
    for card in cards:
        if card.provider_model_id not in there:
            yield _gone(card)
        elif (end := ends.get(card.provider_model_id)) is not None and end != card.retires:
            here = "names no end" if card.retires is None else f"says {card.retires}"
            yield _of(card, "other_end", f"ends on {end} by the provider's list; the card {here}.")
    for name in sorted(there - known):
        gone = retired_model(f"{provider}/{name}")
        if gone is not None:
            text = f"still lists {name}, which ended on {gone.ended}.{_names(gone.successors)}"
            yield Finding(kind="still_listed", provider=provider, model=None, text=text)
        elif any(word in name.lower() for word in _PICTURES):
            yield Finding(kind="new", provider=provider, model=None, text=f"lists {name}, which no card has.")


def unserved(cards: Sequence[ModelCard], listed: Sequence[str]) -> Iterator[Finding]:
    """Cards that no volunteer draws with now. They come and go, so that none of these cards is wrong for it, and what else they have
    is no news."""
    for card in cards:
        if card.provider_model_id not in listed:
            yield _of(card, "unserved", f"is drawn by nobody at this moment ({card.provider_model_id}).")


def _gone(card: ModelCard) -> Finding:
    return _of(card, "gone", f"is not in the provider's list any more ({card.provider_model_id}).{_after(card)}")


def _after(card: ModelCard) -> str:
    return "" if card.successors is None else _names(card.successors)


def _names(successors: Sequence[str]) -> str:
    return f" {' or '.join(successors)} comes after it." if successors else " Its provider names nothing in its place."


def _of(card: ModelCard, kind: Kind, text: str) -> Finding:
    return Finding(kind=kind, provider=card.provider, model=card.id, text=text)
