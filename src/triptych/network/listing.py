"""The list of one hub, as who asks for it each minute puts it together: the whole once, then what has changed.

What is named to the hub is a minute that every studio which asks in it names, and never a cursor of the hub's own making: by one that is
different for each studio a hub could tell that two calls from two addresses are one studio's. So a minute that is not the one on the
clock here, give or take one, is not named; and after a pause the whole is asked for again, since how long somebody was away is something to know
them by, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from triptych.network.jose import decode_url64
from triptych.network.meeting import MOST_BYTES, MOST_LISTED, Listed, Seen
from triptych.network.renewal import RenewalError, renewed
from triptych.spec.errors import HostileContentError

MINUTE_MS = 60_000
PAUSE = 5  # minutes after which the whole list is asked for again


@dataclass(frozen=True, slots=True)
class Listing:
    """What a hub lists, by node, and the minute as of which it does; None where the whole is to be asked for."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    minute: int | None = None

    def since(self, now_ms: int) -> int | None:
        """The minute that the hub is asked from; None for the whole list."""
        if self.minute is None or not -1 <= now_ms // MINUTE_MS - self.minute <= PAUSE:
            return None
        return self.minute

    def after(self, told: Listed, asked: int | None, now_ms: int) -> "Listing":
        """The list after an answer to the question from the minute `asked`. Raises HostileContentError for an answer that makes none."""
        if not told.whole and asked is None:
            raise HostileContentError("The hub tells what has changed, and the whole list was asked for.")
        found = _named(told.cards) if told.whole else _changed(self.seen, told)
        if len(found) > MOST_LISTED or sum(len(one.card) for one in found.values()) > MOST_BYTES:
            raise HostileContentError("The hub lists more nodes than can be kept.")
        near = told.minute is not None and abs(now_ms // MINUTE_MS - told.minute) <= 1
        return Listing(found, told.minute if near else None)


def _changed(before: Mapping[str, Seen], told: Listed) -> dict[str, Seen]:
    gone, away = frozenset(told.gone), frozenset(told.away)
    found = {node: one for node, one in before.items() if node not in gone} | _named(told.cards)
    for news in told.renewed:
        last = found.get(news.node)
        try:
            fresh = None if last is None else renewed(last.card, news)
        except RenewalError:
            fresh = None
        if last is None or fresh is None:
            raise HostileContentError("The hub renews the card of a node that it has not shown.")
        found[news.node] = replace(last, card=fresh)
    for node, one in found.items():
        if one.here != (here := not one.via and node not in away):
            found[node] = replace(one, here=here)
    return dict(sorted(found.items()))


def _named(cards: Iterable[Seen]) -> dict[str, Seen]:
    """By the node that each says it is of; nothing is checked here. What says none is left out."""
    return {node: one for one in cards if (node := _node(one.card)) is not None}


def _node(card: str) -> str | None:
    data = decode_url64(card.partition(".")[0])
    try:
        return msgspec.json.decode(data or b"", type=_Header).kid
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Header(msgspec.Struct):
    kid: str
