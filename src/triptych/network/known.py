"""What a reader of cards remembers of each node, so that an old card, a second machine with the same key, or a stolen key is
noticed. A value: whoever keeps it puts the new one in the place of the old.
"""

from dataclasses import dataclass, replace

from triptych.network.card import SKEW_MS, Card, CardError

KEY_LIFE_MS = 24 * 3_600_000  # a new HPKE key comes once a day at most


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one node: the latest card's number and digest; the keys of that card, as they are encoded; since when no
    new one may come for a day; the first owner that a card named; why nothing more is believed of it, empty while all is well;
    and whether a new key was ever seen."""

    id: str
    seq: int
    digest: str
    keys: tuple[bytes, ...]
    rotated_ms: int
    owner: str | None = None
    ended: str = ""
    turned: bool = False


def learn(known: Known | None, card: Card, now_ms: int) -> Known:
    """What is known after a card that `card.check` has passed. Raises CardError for one that does not follow from what was known:
    `revoked`, `rolled_back`, `twice`, `rotated`, `owner`."""
    configs = tuple(one.encode() for one in card.keys)
    fresh = Known(card.id, card.body.seq, card.digest, configs, now_ms, card.owner)
    if known is None:
        return fresh
    if known.ended:
        raise CardError("revoked", known.ended)
    if card.body.seq < known.seq:
        raise CardError("rolled_back", f"Card {card.body.seq} is older than card {known.seq}, which was here before.")
    if card.body.seq == known.seq and card.digest != known.digest:
        raise CardError("twice", f"There are two cards with the number {known.seq}: the key is in use on two machines.")
    if known.owner is not None and card.owner != known.owner:
        raise CardError("owner", "The card has lost its owner, or has another one: the key may be stolen.")
    if not set(configs) - set(known.keys):
        return replace(fresh, rotated_ms=known.rotated_ms, turned=known.turned)
    if now_ms >= known.rotated_ms + KEY_LIFE_MS - SKEW_MS:
        # Who sees a key later than it was shown counts the day from when it could have been, so as not to refuse the next one.
        return replace(fresh, rotated_ms=max(now_ms - KEY_LIFE_MS, known.rotated_ms + KEY_LIFE_MS), turned=True)
    if not known.turned and set(configs) & set(known.keys):
        return replace(fresh, turned=True)  # how old the first key is nobody can know; here it goes out beside the next
    raise CardError("rotated", "The node shows a new key to seal to, and showed one less than a day ago.")
