"""The nodes that a studio believes nothing more of: what the lists of its hubs say, as far as each word proves itself, and who goes on as whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from triptych.network import ended
from triptych.network.card import Card
from triptych.network.ended import PAGE, EndedError, Ending, Word
from triptych.network.meeting import Meeting
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError
from triptych.tlog.errors import NoteError

MOST = 50_000  # strangers that are remembered as ended; a hub cannot fill the memory
_MOST_HOPS = 16  # keys that handed over, one to the next, since a node was heard of
_PAGES = 20  # of one hub in one go; what is left comes a minute later


@dataclass(slots=True)
class StudioEndings:
    """All that were heard of since the start; for nodes that are known here it is written down with what is known of them. `owner_of` gives the
    owner of a node as it was first seen, `known` whether a node is one that matters here."""

    clock: Clock
    owner_of: Callable[[str], str | None]
    known: Callable[[str], bool]
    _ended: dict[str, Ending] = field(default_factory=dict)
    _since: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)

    def of(self, node: str) -> Ending | None:
        """How a node ended."""
        return self._ended.get(node)

    async def pull(self, hub: Meeting, keys: Mapping[str, str]) -> None:
        """Takes over what is new in a hub's list; `keys` has the log keys of hubs that were seen before. Raises HostileContentError for a
        list that does not hold or has become shorter, and what asking raises."""
        key = keys.get(hub.origin) or self._keys.get(hub.origin)
        if key is None:
            key = self._keys[hub.origin] = (await hub.about()).log_key
        for _ in range(_PAGES):
            since = self._since.get(hub.origin, 0)
            page = await hub.ended(since)
            try:
                total = ended.check_page(page, hub.origin, since, key, self.clock.now_ms())
            except (EndedError, NoteError) as error:
                self._since.pop(hub.origin, None)
                raise HostileContentError(f"What {hub.origin} says of revoked nodes does not hold: {error}") from None
            for word in page.words:
                self._take(word)
            self._since[hub.origin] = since + len(page.words)
            if len(page.words) < PAGE or since + len(page.words) >= total:
                return

    def _take(self, word: Word) -> None:
        """One word of a hub. One that ends nothing is passed over: the hub may know an owner that is not known here."""
        try:
            found = ended.read(word)
            owner = self.owner_of(found.node)
            if found.by != found.node and owner is not None and owner != found.by:
                return
        except EndedError:
            return
        if found.node not in self._ended and (len(self._ended) < MOST or self.known(found.node)):
            self._ended[found.node] = found

    def learn(self, found: Card) -> None:
        """Takes over the hand-over that a card carries."""
        if found.body.follows is not None:
            self._take(Word(word=found.body.follows))

    def heir(self, node: str) -> str | None:
        """As whom a node goes on, after whatever number of hand-overs; None where it does not."""
        heir = None
        for _ in range(_MOST_HOPS):
            ending = self._ended.get(heir or node)
            if ending is None:
                return heir
            if ending.successor is None:
                return None
            heir = ending.successor
        return None
