"""What is remembered of one node: its newest card, what was noticed of it, and why it cannot be used now."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import msgspec

from triptych.network import card as cards
from triptych.network.attestation.standing import Standing
from triptych.network.card import SKEW_MS, Card, CardError, Price
from triptych.network.known import Known, learn
from triptych.network.meeting import Seen
from triptych.spec.clock import Clock
from triptych.spec.model import Lane

MOST_KNOWN = 5_000  # nodes that one hub may list, and strangers that are remembered
_CLASHES = frozenset({"twice", "rotated", "owner"})
"""What a card can be refused for that says that somebody shows two things of one node."""


class Remembered(msgspec.Struct, frozen=True):
    """As it is kept. `hubs` lists it at these times, `told` those that have it from other hubs; `clashes` says by hub what does not fit there; `jobs` are pictures that came
    and were checked, `networks` how each hub names its network, `refused` what the node did not draw, `wrong` what was not shown. Times in milliseconds since 1970."""

    card: str
    known: Known
    heard_ms: int
    hubs: dict[str, int] = {}
    here: dict[str, bool] = {}
    networks: dict[str, str] = {}
    clashes: dict[str, str] = {}
    jobs: int = 0
    refused: int = 0
    wrong: int = 0
    told: dict[str, int] = {}


@lru_cache(maxsize=MOST_KNOWN + 1_000)
def read_once(card: str) -> Card:
    """A card whose signature has been checked once does not change."""
    return cards.read(card.encode())


def readable(seen: Iterable[Seen]) -> list[tuple[Card, Seen]]:
    """Those that a hub lists whose signatures hold."""
    found = []
    for one in seen:
        with suppress(CardError):
            found.append((read_once(one.card), one))
    return found


@dataclass(frozen=True)
class Neighbour:
    """A node that was heard of. `pinned` is its name where it is known by an invite, whose word is `guest`; `evidence` is what its
    hardware's evidence is worth now, None where that was not looked at."""

    kept: Remembered
    pinned: str | None = None
    guest: str | None = field(default=None, repr=False)
    evidence: Standing | None = None

    @cached_property
    def card(self) -> Card:
        """The newest card that was believed."""
        return read_once(self.kept.card)

    @property
    def id(self) -> str:
        return self.kept.known.id

    @property
    def lane(self) -> Lane:
        if self.pinned is not None:
            return "pinned"
        return "community" if self.evidence is None else self.evidence.lane

    @property
    def name(self) -> str:
        return f"Node {self.id[:6]}" if self.pinned is None else self.pinned

    @property
    def price(self) -> Price | None:
        """What it asks for a picture; None where it asks nothing. Who has an invite of it pays nothing."""
        asked = self.card.body.price
        return asked if self.guest is None and asked is not None and asked.per_image_micro_usd else None

    def away(self, now_ms: int) -> str | None:
        """Why nothing can be asked of it now, in a sentence; None when it can."""
        return next(self._reasons(now_ms), None)

    def _reasons(self, now_ms: int) -> Iterator[str]:
        kept, body = self.kept, self.card.body
        if kept.known.ended:
            yield kept.known.ended
        for hub, why in kept.clashes.items():
            yield f"{self.name} is put aside, because {hub} shows something else of it: {why}"
        if now_ms >= body.expires_ms + SKEW_MS:
            yield f"{self.name} is away: nothing was heard of it for {_span(now_ms - kept.heard_ms)}."
        if not kept.hubs and not (kept.told and body.hubs):
            yield f"No hub leads to {self.name} now."
        if kept.here and not any(kept.here.values()):
            yield f"{self.name} does not fetch jobs now."


def _span(ms: int) -> str:
    """A time in words that do not change each minute."""
    hours = ms // 3_600_000
    if hours < 1:
        return "some minutes"
    return "an hour" if hours == 1 else f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def heard(
    before: Remembered | None, found: Card, hub: str, clock: Clock, *, here: bool, network: str | None = None, via: str = ""
) -> Remembered | None:  # fmt: skip
    """What is remembered after a hub has shown a card; None for a card that is not believed and says nothing of the node.
    A card that holds and does not fit what was known is noted as a clash of that hub. A hub that has it `via` another one leads
    nowhere: the hubs that the card names do."""
    now = clock.now_ms()
    try:
        cards.check(found, now)
    except CardError:
        return None
    try:
        known = learn(None if before is None else before.known, found, now)
    except CardError as error:
        return None if before is None else _doubted(before, found, hub, now, error, via)
    fresh = Remembered(found.line.text, known, now) if before is None else unlisted(before, hub)
    fresh = msgspec.structs.replace(fresh, card=found.line.text, known=known, heard_ms=now)
    if via:
        return _shown(fresh, hub, now, via)
    networks = fresh.networks if network is None else {**fresh.networks, hub: network}
    return msgspec.structs.replace(_shown(fresh, hub, now, via), here={**fresh.here, hub: here}, networks=networks)


def _shown(one: Remembered, hub: str, now: int, via: str) -> Remembered:
    if via:
        return msgspec.structs.replace(one, told={**one.told, hub: now})
    return msgspec.structs.replace(one, hubs={**one.hubs, hub: now})


def apart(one: Remembered, other: Remembered) -> bool | None:
    """Whether two nodes are in two networks, by the word of the hubs that list both; None where none of them says."""
    told = [one.networks[hub] != other.networks[hub] for hub in one.networks.keys() & other.networks.keys()]
    return all(told) if told else None


def _doubted(
    before: Remembered, found: Card, hub: str, now: int, error: CardError, via: str
) -> Remembered | None:  # fmt: skip
    same_keys = bool({one.encode() for one in found.keys} & set(before.known.keys))
    if error.reason == "rolled_back" and same_keys:  # a hub that is behind: it leads there all the same
        return _shown(before, hub, now, via)
    if error.reason in _CLASHES or error.reason == "rolled_back":
        return msgspec.structs.replace(before, clashes={**before.clashes, hub: str(error)})
    return None


def unlisted(before: Remembered, hub: str) -> Remembered:
    """What is remembered when a hub does not list the node any more."""
    if not any(hub in one for one in (before.hubs, before.told, before.clashes)):
        return before
    return msgspec.structs.replace(
        before,
        hubs={one: at for one, at in before.hubs.items() if one != hub},
        told={one: at for one, at in before.told.items() if one != hub},
        here={one: is_here for one, is_here in before.here.items() if one != hub},
        networks={one: name for one, name in before.networks.items() if one != hub},
        clashes={one: why for one, why in before.clashes.items() if one != hub},
    )
