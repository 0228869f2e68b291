"""The nodes that a hub lists now, found by all that is asked of them often: nothing that happens with each card, each question and each wait
looks through the list.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import takewhile

from triptych.network.card import Card, Work

PROBATION_JOBS = 50
_SPARE = 64  # ends of cards before it is looked whether most of them are of cards that others have followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A node that is here now. `first_ms` is when its first card came, `jobs` how many answers of it this hub has carried, `work` the
    stamp of its first card. `number` counts what was listed, so that who asks again is told what is new; `anew` is the number since which
    its card was only signed anew, and `renewal` what is new in it then, as JSON. `via` is the hub that it was heard of from; empty for a
    node that is registered here."""

    card: Card
    network: str
    first_ms: int
    jobs: int = 0
    work: Work | None = None
    number: int = 0
    anew: int = 0
    renewal: bytes = b""
    via: str = ""

    @property
    def probation(self) -> bool:
        """Whether it is new: its first fifty answers."""
        return self.jobs < PROBATION_JOBS

    @property
    def models(self) -> frozenset[str]:
        return frozenset(one.id for one in self.card.body.models)


class Here:
    """The list. Each listing that is put in has a higher number than all before it."""

    def __init__(self) -> None:
        self._listed: dict[str, Listing] = {}  # in the order of their numbers
        self._ids: list[str] = []  # in their own order
        self._ends: list[tuple[int, int, str]] = []  # a heap; one whose number is not the listing's is of an older card
        self._own = 0
        self._networks: Counter[str] = Counter()
        self._vias: Counter[str] = Counter()
        self._models: defaultdict[str, set[str]] = defaultdict(set)
        self._together: dict[frozenset[str], int] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def get(self, node: str) -> Listing | None:
        return self._listed.get(node)

    def put(self, fresh: Listing) -> None:
        """Lists a node, last of all."""
        node = fresh.card.id
        before = self._listed.pop(node, None)
        if before is None:
            insort(self._ids, node)
        else:
            self._count(before, -1)
        self._listed[node] = fresh
        self._count(fresh, 1)
        self._runs(node, frozenset() if before is None else before.models, fresh.models)
        heappush(self._ends, (fresh.card.body.expires_ms, fresh.number, node))
        if len(self._ends) > 2 * len(self._listed) + _SPARE:
            self._ends = [(one.card.body.expires_ms, one.number, name) for name, one in self._listed.items()]
            heapify(self._ends)

    def amend(self, fresh: Listing) -> None:
        """Puts what was counted of a node in its place: nothing else of it is another."""
        self._listed[fresh.card.id] = fresh

    def pop(self, node: str) -> Listing | None:
        """Takes a node out of the list."""
        before = self._listed.pop(node, None)
        if before is not None:
            del self._ids[bisect_left(self._ids, node)]
            self._count(before, -1)
            self._runs(node, before.models, frozenset())
        return before

    def _count(self, one: Listing, step: int) -> None:
        counted, name = (self._vias, one.via) if one.via else (self._networks, one.network)
        self._own += 0 if one.via else step
        counted[name] += step
        if not counted[name]:
            del counted[name]

    def _runs(self, node: str, before: frozenset[str], now: frozenset[str]) -> None:
        if before == now:
            return
        self._together.clear()
        for model in before - now:
            self._models[model].remove(node)
            if not self._models[model]:
                del self._models[model]
        for model in now - before:
            self._models[model].add(node)

    def ended(self, now_ms: int) -> list[str]:
        """The nodes whose cards have ended, in the order of their numbers; each is told once, and whoever asks takes them out."""
        found = []
        while self._ends and self._ends[0][0] <= now_ms:
            _, number, node = heappop(self._ends)
            if (one := self._listed.get(node)) is not None and one.number == number:
                found.append((number, node))
        return [node for _, node in sorted(found)]

    def after(self, number: int) -> list[Listing]:
        """What was listed after that number, oldest first."""
        return list(takewhile(lambda one: one.number > number, reversed(self._listed.values())))[::-1]

    def ordered(self, model: str | None = None) -> tuple[Listing, ...]:
        """All of them in the order of their ids; with `model`, those that run it."""
        names: Iterable[str] = self._ids if model is None else sorted(self._models.get(model, ()))
        return tuple(self._listed[name] for name in names)

    def room(self, but: str, network: str) -> tuple[int, int]:
        """How many nodes are registered here without that one, and how many of them in a network."""
        one = self._listed.get(but)
        mine = one is not None and not one.via
        return self._own - mine, self._networks[network] - (mine and one is not None and one.network == network)

    def heard_of(self) -> Counter[str]:
        """How many nodes are listed by the word of each other hub."""
        return self._vias

    def like(self, one: Listing) -> int:
        """How many other nodes have a model that a listed one has."""
        models = one.models
        if models not in self._together:
            self._together[models] = len(frozenset[str]().union(*(self._models[model] for model in models)))
        return max(0, self._together[models] - 1)
