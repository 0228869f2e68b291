"""What a studio keeps of nodes for its next start: written when there is something to keep.

Each minute every listed node was heard of again, and every few minutes its card is another, only signed anew. Neither is worth a write: the card ends
within a quarter of an hour, and the first answer of a hub after a start brings both. So the times are written once an hour, and when this process
ends or a hub lists the node no more; what is another card, key, hub or standing at once. Of a node whose models are offered here
the newest card is kept as well: a picture that it draws is asked after at the next start, before any hub has answered.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

import msgspec

from triptych.app.neighbour import Remembered, read_once
from triptych.network.renewal import only_renewed
from triptych.spec.clock import Clock
from triptych.store.network import NetworkMemory

NODES = "nodes"
TIMES_MS = 3_600_000  # how much later than is kept a node may have been heard of, where the process was killed


class NodeMemory:
    """The nodes of one studio on its disk."""

    def __init__(self, memory: NetworkMemory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock
        self._last: dict[str, Remembered] = {}  # as they were looked at last
        self._written: dict[str, tuple[int, int]] = {}  # when each was heard of, and its card's number, on the disk
        self._unsaved: set[str] = set()

    async def load(self, within_ms: int, always: Container[str]) -> dict[str, Remembered]:
        """Those that were heard of within such a time, as far as that is known here, and some others `always`. Raises StorageError."""
        since = self._clock.now_ms() - within_ms - TIMES_MS
        found = {
            node: msgspec.json.decode(body, type=Remembered) for node, body in (await self._memory.all(NODES)).items()
        }
        found = {node: kept for node, kept in found.items() if node in always or kept.heard_ms > since}
        self._note(found)
        return found

    async def look(self, kept: Mapping[str, Remembered], used: Container[str]) -> None:
        """Writes what is worth keeping of what has changed; of the nodes that are `used` all but the times. What could not be written is
        written next time. Raises StorageError."""
        self._unsaved |= {node for node, one in kept.items() if self._is_due(node, one, used=node in used)}
        self._last |= kept
        await self.save({node: kept[node] for node in self._unsaved if node in kept})

    async def save(self, nodes: Mapping[str, Remembered]) -> None:
        """Writes some of them. Raises StorageError."""
        bodies = {node: msgspec.json.encode(kept).decode() for node, kept in nodes.items()}
        await self._memory.save(NODES, bodies, self._clock.now_ms())
        self._note(nodes)

    async def save_times(self, kept: Mapping[str, Remembered]) -> None:
        """Writes what was not worth a write, before this process ends. Raises StorageError."""
        await self.save({node: one for node, one in kept.items() if self._written.get(node) != _mark(one)})

    async def forget(self, nodes: Iterable[str]) -> None:
        """Raises StorageError."""
        gone = tuple(nodes)
        await self._memory.forget(NODES, *gone)
        for node in gone:
            self._last.pop(node, None)
            self._written.pop(node, None)
            self._unsaved.discard(node)

    def _note(self, nodes: Mapping[str, Remembered]) -> None:
        self._last |= nodes
        self._written |= {node: _mark(one) for node, one in nodes.items()}
        self._unsaved -= nodes.keys()

    def _is_due(self, node: str, one: Remembered, *, used: bool) -> bool:
        last, (heard_ms, seq) = self._last.get(node), self._written.get(node, (0, -1))
        if last is None or one.heard_ms - heard_ms >= TIMES_MS:
            return True
        return is_news(last, one, used=used) or (used and seq != one.known.seq)


def _mark(one: Remembered) -> tuple[int, int]:
    return one.heard_ms, one.known.seq


def is_news(before: Remembered, now: Remembered, *, used: bool) -> bool:
    """Whether what is remembered of a node now says more than that it is still there."""
    if _lasting(before, used=used) != _lasting(now, used=used):
        return True
    return not used and before.card != now.card and not only_renewed(before.card, read_once(now.card))


def _lasting(one: Remembered, *, used: bool) -> Remembered:
    hubs, told = dict.fromkeys(one.hubs, 0), dict.fromkeys(one.told, 0)
    plain = msgspec.structs.replace(one, heard_ms=0, hubs=hubs, told=told)
    if used:
        return plain
    return msgspec.structs.replace(plain, card="", known=replace(one.known, seq=0, digest=""), here={})
