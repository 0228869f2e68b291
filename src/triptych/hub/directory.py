"""The directory of a hub: the cards of the nodes that are here now, and what is remembered of each.

A card is signed by its node and ends within a quarter of an hour, so that the list is also the list of who is alive. The hub
believes nobody more than a reader could: it checks what every reader checks, keeps old cards from coming back, writes every key that
a node shows into its log, and holds newcomers to a little work and one network to a few nodes.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from triptych.hub.changes import Changes
from triptych.hub.endings import Endings
from triptych.hub.here import Here, Listing
from triptych.hub.stamps import Stamps
from triptych.network import bond, card, ended, stamp
from triptych.network.bond import BondError
from triptych.network.card import Card, CardError, Work
from triptych.network.ended import EndedError, Ending, Word
from triptych.network.known import Known, learn
from triptych.network.renewal import only_renewed, renewal_of
from triptych.network.stamp import Stamp, StampError
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, RateLimitedError

SCOPE = "hub"
_NOTHING: Mapping[str, Any] = {}
_MOST_FORGOTTEN_MS = 400 * 86_400_000


class CardRefusedError(BadRequestError):
    """A card, or a bond, that this hub does not take. `param` is `card.` and the reason in one word."""

    code = "card_refused"


class Memory(Protocol):
    """Where the directory remembers; `store.network.NetworkMemory` is one."""

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None: ...
    async def all(self, scope: str) -> dict[str, str]: ...
    async def get(self, scope: str, name: str) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a hub asks of nodes: the work of a first card in bits, how many nodes of one network it lists, and how many of one other
    hub: that many at a time, and that many new ones a day. Networks at home are not counted."""

    bits: int = stamp.BITS
    per_network: int = 16
    per_peer: int = 2_000
    most: int = 20_000


@dataclass(frozen=True, slots=True)
class Changed:
    """What is new in the list: nodes whose whole card is told, those of which it was only signed anew, and those that left."""

    fresh: tuple[Listing, ...]
    renewed: tuple[Listing, ...]
    gone: tuple[str, ...]


class _Remembered(msgspec.Struct):
    known: Known
    first_ms: int
    seen_ms: int
    jobs: int = 0
    work: Work | None = None


class Directory:
    """The nodes of one hub. `enter` writes an entry into its log and returns when it is there for good; `stamps` is where it looks at work."""

    def __init__(
        self,
        clock: Clock,
        memory: Memory,
        enter: Callable[[bytes], Awaitable[int]],
        rules: Rules | None = None,
        stamps: Stamps | None = None,
    ) -> None:
        self.rules, self._stamps = rules or Rules(), stamps or Stamps()
        self._clock, self._memory, self._enter = clock, memory, enter
        self.endings = Endings(clock, memory, enter)
        self._lock = asyncio.Lock()  # of two cards of one node the second is judged by the first
        self._remembered: dict[str, _Remembered] = {}
        self._here = Here()
        self.changes = Changes(clock, self.rules.most)
        self._firsts: dict[str, tuple[int, int]] = {}  # by hub, how many new nodes came from it on a day

    async def load(self) -> None:
        """Reads what was remembered. Raises StorageError."""
        await self.endings.load()
        for name, body in (await self._memory.all(SCOPE)).items():
            found = msgspec.json.decode(body, type=_Remembered)
            if self._clock.now_ms() - found.seen_ms < _MOST_FORGOTTEN_MS or found.known.ended:
                self._remembered[name] = found

    async def publish(self, data: bytes, network: str) -> Listing:
        """Takes a node's card. When this returns, its keys are in the log and the card is listed.

        Raises CardRefusedError for a card that does not hold, RateLimitedError for one node too many, OverloadedError, StorageError.
        """
        try:
            found = card.read(data)
            if self._is_new(found):
                await self._admit(found, network)
        except CardError as error:
            raise refusal(error) from None
        async with self._lock:
            return await self._publish(found, network)

    def _is_new(self, found: Card) -> bool:
        """Whether a card is the first one of a node, and of all that it goes on from. Who is known here stays so."""
        return found.id not in self._remembered and found.followed not in self._remembered

    async def _admit(self, found: Card, network: str) -> None:
        """What a first card shows, what costs nothing first and the work last; nobody else waits for that. Raises CardError, RateLimitedError,
        OverloadedError."""
        now = self._clock.now_ms()
        self._check_ended(found)
        card.check(found, now)
        self._check_room(found.id, network)
        if found.body.pow is None:
            raise CardError("stamp", f"A first card needs a stamp of {self.rules.bits} bits.")
        await self._check_work(found.body.pow, found.id, now)

    async def _publish(self, found: Card, network: str) -> Listing:
        now = self._clock.now_ms()
        try:
            self._check_ended(found)
            before = self._remembered.get(found.id) or await self._inherited(found)
            card.check(found, now)
            known = learn(None if before is None else before.known, found, now)
        except CardError as error:
            raise refusal(error) from None
        self._check_room(found.id, network)
        return await self._list(found, known, found.body.pow, network=network)

    async def hear(self, found: Card, via: str, work: Work | None) -> Listing | None:
        """Takes over a card that another hub, `via`, lists, with the stamp that it had of the node's first one: work that was done once
        counts at every hub. None for a card that says nothing new, and for a node that is registered here.

        Raises CardRefusedError for a card that does not hold, RateLimitedError for one node too many, OverloadedError, StorageError.
        """
        if self._says_nothing(found):
            return None
        try:
            if self._is_new(found):
                self._check_ended(found)
                card.check(found, self._clock.now_ms())
                await self._check_heard(work, found.id)
        except CardError as error:
            raise refusal(error) from None
        async with self._lock:
            return await self._hear(found, via, work)

    async def _hear(self, found: Card, via: str, work: Work | None) -> Listing | None:
        if self._says_nothing(found):
            return None
        now, here, before = self._clock.now_ms(), self.find(found.id), self._remembered.get(found.id)
        try:
            self._check_ended(found)
            before = before or await self._inherited(found)
            card.check(found, now)
            known = learn(None if before is None else before.known, found, now)
        except CardError as error:
            raise refusal(error) from None
        self._check_share(via, first=before is None, listed=here is not None)
        return await self._list(found, known, work, via=via)

    def _says_nothing(self, found: Card) -> bool:
        """Whether another hub need not tell of a card: the node is registered here, or it is the same card."""
        here = self.find(found.id)
        return here is not None and (not here.via or here.card.digest == found.digest)

    async def _check_heard(self, work: Work | None, node: str) -> None:
        """The stamp of a first card, at whatever time it was made. Raises CardError, OverloadedError."""
        if work is None or work.made_ms > self._clock.now_ms() + card.SKEW_MS:
            raise CardError("stamp", "The hub shows no stamp for the node's first card.")
        await self._check_work(work, node, work.made_ms)

    async def _check_work(self, work: Work, node: str, now_ms: int) -> None:
        try:
            await self._stamps.check(Stamp(work.made_ms, work.counter), node, now_ms, self.rules.bits)
        except StampError as error:
            raise CardError("stamp", str(error)) from None

    def _check_share(self, via: str, *, first: bool, listed: bool) -> None:
        """Keeps one hub from filling this one."""
        today = self._clock.now_ms() // 86_400_000
        day, firsts = self._firsts.get(via, (today, 0))
        firsts = firsts + first if day == today else int(first)
        others = self._here.heard_of()[via]
        if firsts > self.rules.per_peer or (not listed and others >= self.rules.per_peer):
            raise RateLimitedError(f"{self.rules.per_peer} nodes of the hub {via} are listed here, or came today.")
        self._firsts[via] = (today, firsts)

    def _check_ended(self, found: Card) -> None:
        """Raises CardError for a node that was ended here, or that goes on from one that was ended otherwise."""
        if (ending := self.endings.of(found.id)) is not None:
            raise CardError("revoked", ending.why)
        before = None if found.followed is None else self.endings.of(found.followed)
        if before is not None and before.successor != found.id:
            raise CardError("follows", f"It cannot go on from {before.node}. {before.why}")

    async def _inherited(self, found: Card) -> _Remembered | None:
        """What was known of the node that the key of a card has taken over from: what it did counts on. Raises CardError, StorageError."""
        old = None if found.followed is None else self._remembered.get(found.followed)
        if old is None or found.body.follows is None:
            return None
        if old.known.owner is not None and old.known.owner != found.owner:
            raise CardError("owner", "The node had an owner, who has to sign for its new key, too.")
        now = self._clock.now_ms()
        try:
            card.check(found, now)
            await self.endings.add(ended.read(Word(word=found.body.follows)))
        except EndedError as error:
            raise CardError("follows", str(error)) from None
        self._drop(old.known.id)
        known = learn(None, found, now)
        made = msgspec.structs.replace(old, known=known)
        for config in found.keys:
            await self._enter(card.key_leaf(found.id, config))
        await self._remember(found.id, made)
        return made

    async def _list(self, found: Card, known: Known, work: Work | None, *, network: str = "", via: str = "") -> Listing:
        """`work` is that of a first card, which was checked."""
        now, before = self._clock.now_ms(), self._remembered.get(found.id)
        for config in found.keys:
            if before is None or config.encode() not in before.known.keys:
                await self._enter(card.key_leaf(found.id, config))
        fresh = (
            _Remembered(known, now, now, 0, work)
            if before is None
            else _Remembered(known, before.first_ms, now, before.jobs, before.work)
        )
        await self._remember(found.id, fresh)
        if found.owner is not None and (before is None or before.known.owner is None):
            await self.endings.owned(found.id, found.line.text)
        lean = replace(
            found, line=replace(found.line, payload=_NOTHING)
        )  # what it says is in its body; twenty thousand are kept
        last, number = self.find(found.id), self.changes.came(found.id)
        same = last is not None and (last.network, last.via) == (network, via)
        anew = last.anew if last is not None and same and only_renewed(last.card.line.text, found) else number
        listing = Listing(card=lean, network=network, first_ms=fresh.first_ms, jobs=fresh.jobs, work=fresh.work,
                          number=number, anew=anew, renewal=b"" if anew == number else msgspec.json.encode(renewal_of(found)),
                          via=via)  # fmt: skip
        self._here.put(listing)
        return listing

    def since(self, number: int, most: int) -> tuple[Listing, ...]:
        """The nodes that are registered here and were listed after that `number`, oldest first: so many at most."""
        self._prune()
        return tuple([one for one in self._here.after(number) if not one.via][:most])

    def changed(self, minute: int) -> Changed | None:
        """What has changed since a minute began; None where that is not known any more."""
        self._prune()
        number = self.changes.before(minute)
        if number is None:
            return None
        after = self._here.after(number)
        return Changed(
            tuple(one for one in after if one.anew > number), tuple(one for one in after if one.anew <= number),
            self.changes.gone(number),
        )  # fmt: skip

    def _check_room(self, node: str, network: str) -> None:
        self._prune()
        every, beside = self._here.room(node, network)
        if every >= self.rules.most:
            raise RateLimitedError(f"This hub lists {self.rules.most} nodes, and that is all it can.",
                                   retry_after_s=300, hint="Join another hub.")  # fmt: skip
        if is_home(network):
            return
        if beside >= self.rules.per_network:
            raise RateLimitedError(
                f"{self.rules.per_network} nodes of the network {network} are listed here, and that is all of one network.",
                retry_after_s=300, hint="Join another hub with this one.",
            )  # fmt: skip

    async def revoke(self, data: bytes) -> str:
        """Takes the word of a node or its owner that nothing more is to be believed of it; returns its id.

        Raises CardRefusedError for a word of anybody else, or about a node that was never here; StorageError.
        """
        async with self._lock:
            return await self._revoke(data)

    async def _revoke(self, data: bytes) -> str:
        try:
            word = bond.read(data)
            found = ended.read(await self.endings.said(word.text, word.node))
        except (BondError, EndedError) as error:
            raise CardRefusedError(f"The revocation is not taken: {error}", param="card.revoked") from None
        if found.node not in self._remembered:
            raise CardRefusedError("No node of this name was ever here.", param="card.revoked")
        await self._end(found)
        return found.node

    async def hear_ended(self, found: Ending, via: str) -> bool:
        """Takes over an ending that another hub has told of; whether it was new. Raises RateLimitedError for one too many of that hub about
        nodes that were never here, StorageError."""
        async with self._lock:
            if found.node not in self._remembered and self.endings.of(found.node) is None:
                self._check_share(via, first=True, listed=True)
            return await self._end(found)

    async def _end(self, found: Ending) -> bool:
        self._drop(found.node)
        return await self.endings.add(found)

    def _drop(self, node: str) -> None:
        if self._here.pop(node) is not None:
            self.changes.left(node)

    def _prune(self) -> None:
        for node in self._here.ended(self._clock.now_ms()):
            self._drop(node)

    def find(self, node: str) -> Listing | None:
        """A node that is here now."""
        found = self._here.get(node)
        if found is not None and self._ended(found):
            self._drop(node)
            return None
        return found

    def listed(self, model: str | None = None) -> tuple[Listing, ...]:
        """The nodes that are here now, in the order of their ids; with `model`, those that run it."""
        self._prune()
        return self._here.ordered(model)

    def registered(self, nodes: Iterable[str]) -> set[str]:
        """Those of some nodes that are registered here now."""
        self._prune()
        return {node for node in nodes if (one := self._here.get(node)) is not None and not one.via}

    def counted(self) -> tuple[int, Mapping[str, int]]:
        """How many nodes are here now, and how many of them by the word of each other hub."""
        self._prune()
        return len(self._here), self._here.heard_of()

    def like(self, found: Listing) -> int:
        """How many nodes are here now that have a model of one that is, without that one."""
        self._prune()
        return self._here.like(found)

    def _ended(self, found: Listing) -> bool:
        return self._clock.now_ms() >= found.card.body.expires_ms

    async def served(self, node: str) -> None:
        """Counts an answer that this hub carried for a node; it is written down with the node's next card."""
        if (before := self._remembered.get(node)) is not None:
            before.jobs += 1
            if (here := self._here.get(node)) is not None:
                self._here.amend(replace(here, jobs=before.jobs))

    async def _remember(self, node: str, fresh: _Remembered) -> None:
        await self._memory.save(SCOPE, {node: msgspec.json.encode(fresh).decode()}, self._clock.now_ms())
        self._remembered[node] = fresh


def is_home(network: str) -> bool:
    """Whether a network is none of the public ones: nobody can tell two of them apart."""
    try:
        return not ipaddress.ip_network(network).is_global
    except ValueError:
        return True


def refusal(error: CardError) -> CardRefusedError:
    """What is said of a card that does not hold."""
    return CardRefusedError(f"The card is not taken: {error}", param=f"card.{error.reason}", hint=_hint(error.reason))


def _hint(reason: str) -> str:
    return {
        "early": "Set the clock of the node; the answer to GET /hub/v1 has the hub's time.",
        "expired": "Set the clock of the node, and send the card when it is made.",
        "stamp": "Make a stamp for the node's id; GET /hub/v1 says how many bits.",
        "twice": "Stop the second machine, or give it a key of its own.",
        "rotated": "Keep the key to seal to for a day.",
        "revoked": "Begin anew with another key.",
    }.get(reason, "Make the card anew with a current Triptych.")
