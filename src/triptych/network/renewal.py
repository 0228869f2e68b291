"""A card that was only signed anew, in a tenth of its bytes.

A node signs its card anew every few minutes, so that it does not end, and when it begins or ceases to be busy. What is new then are its number,
its times, its load and the signature; all the rest is what it was. Who has the card before makes the new one of it: canonical JSON has one
spelling, and the signature is over all of it, so that nobody who hands this on can change anything.
"""

from typing import Annotated

import msgspec

from triptych.network.card import Card
from triptych.network.jose import decode_url64, encode_url64
from triptych.network.jws import canonical
from triptych.network.strict import NodeId, Whole
from triptych.spec.json import Json


class RenewalError(Exception):
    """The card before is none that anything could be renewed of."""


class Renewal(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a card has that the one before it had not; see `card.CardBody`."""

    node: NodeId
    seq: Whole
    issued_ms: Whole
    expires_ms: Whole
    queue: Whole
    p50_ms: Whole
    signature: Annotated[str, msgspec.Meta(max_length=100)]


def renewal_of(found: Card) -> Renewal:
    """What is new of a card at least."""
    body = found.body
    signature = found.line.text.rpartition(".")[2]
    return Renewal(body.id, body.seq, body.issued_ms, body.expires_ms, body.load.queue, body.load.p50_ms, signature)


def renewed(before: str, news: Renewal) -> str:
    """The new card, as one line, of the one before it. Raises RenewalError."""
    header, _, rest = before.partition(".")
    data = decode_url64(rest.partition(".")[0])
    try:
        payload = msgspec.json.decode(data or b"", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RenewalError("It is no card.") from None
    fresh: dict[str, Json] = {"seq": news.seq, "issued_ms": news.issued_ms, "expires_ms": news.expires_ms,
             "load": {"p50_ms": news.p50_ms, "queue": news.queue}}  # fmt: skip
    spelled = {name: msgspec.Raw(canonical(value)) for name, value in fresh.items()}
    return f"{header}.{encode_url64(msgspec.json.encode({**payload, **spelled}, order='sorted'))}.{news.signature}"


def only_renewed(before: str, found: Card) -> bool:
    """Whether a card can be made of the one before it."""
    try:
        return renewed(before, renewal_of(found)) == found.line.text
    except RenewalError:
        return False
