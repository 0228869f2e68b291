"""The cards of a node: signed anew before the last one ends, and when what they say of its load is not true any more."""

from collections.abc import Callable
from dataclasses import dataclass

from triptych.network import card
from triptych.network.card import Attest, CardBody, CardModel, Load, Policy, Price, Work
from triptych.network.ohttp import keys as ohttp_keys
from triptych.network.ohttp.keys import NodeKey
from triptych.network.stamp import FRESH_MS, Stamp
from triptych.node.keys import NodeKeys

LIFE_MS = 10 * 60_000
RENEW_MS = 5 * 60_000
NEWS_MS = 15_000  # a card that only tells of another load comes no sooner than this after the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A card as it goes out, and what was true when it was signed."""

    text: str
    seq: int
    issued_ms: int
    models: tuple[CardModel, ...]
    load: Load
    keys: tuple[NodeKey, ...]


class Cards:
    """The latest card of a node. `models` and `load` say what is true now; a node that takes no jobs has no models. `evidence` gives that
    of its hardware for what it has to be bound to, see `network.card.binding`; `price` is None for a node that is free."""

    def __init__(
        self, keys: NodeKeys, hubs: tuple[str, ...], policy: Policy, models: Callable[[], tuple[CardModel, ...]],
        load: Callable[[], Load], evidence: Callable[[str], Attest | None] = lambda _: None, price: Price | None = None,
    ) -> None:  # fmt: skip
        self._keys, self._hubs, self._policy = keys, hubs, policy
        self._models, self._load, self._evidence, self._price = models, load, evidence, price
        self._stamp: Stamp | None = None
        self._latest: Signed | None = None

    @property
    def number(self) -> int:
        """The number of the latest card; 0 before the first."""
        return 0 if self._latest is None else self._latest.seq

    @property
    def models(self) -> tuple[CardModel, ...]:
        """What the latest card offers."""
        return () if self._latest is None else self._latest.models

    def stamped(self, stamp: Stamp) -> None:
        """The next card has this stamp on it, and so have those after it while it is fresh."""
        self._stamp, self._latest = stamp, None

    def current(self, now_ms: int) -> Signed:
        """The card for now: the latest, or a new one. Raises StorageError, CardError."""
        keys = self._keys.sealing(now_ms)
        models, load = self._models(), self._load()
        latest = self._latest
        if latest is not None and latest.keys == keys and latest.models == models:
            age = now_ms - latest.issued_ms
            busy = (latest.load.queue > 0) != (load.queue > 0)
            if 0 <= age < RENEW_MS and not (busy and age >= NEWS_MS):
                return latest
        return self._sign(now_ms, keys, models, load)

    def _sign(self, now_ms: int, keys: tuple[NodeKey, ...], models: tuple[CardModel, ...], load: Load) -> Signed:
        stamp, seq = self._stamp, self._keys.next_number(now_ms)
        fresh = stamp is not None and now_ms - stamp.made_ms < FRESH_MS
        configs = [one.config for one in keys]
        binds = card.binding(self._keys.signer.key.public, ohttp_keys.encode(configs))
        body = CardBody(
            id=self._keys.id, hpke=card.encode_keys(configs), attest=self._evidence(binds), hubs=self._hubs, models=models, load=load,
            policy=self._policy, price=self._price, seq=seq, issued_ms=now_ms, expires_ms=now_ms + LIFE_MS, owner=self._keys.owner,
            follows=self._keys.follows,
            pow=Work(made_ms=stamp.made_ms, counter=stamp.counter) if fresh and stamp is not None else None,
        )  # fmt: skip
        text = card.sign(body, self._keys.signer)
        self._latest = Signed(text=text, seq=seq, issued_ms=now_ms, models=models, load=load, keys=keys)
        return self._latest
