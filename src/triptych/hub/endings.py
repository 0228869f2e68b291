"""The nodes that a hub believes nothing more of, in the order in which it heard of each: in its log, on its disk, and told to whoever asks."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from triptych.network.ended import PAGE, EndedError, Ending, Page, Word, read, sign_page
from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError
from triptych.tlog.note import Signer

SCOPE, OWNED = "endings", "owned"


class Memory(Protocol):
    """Where they are kept; `store.network.NetworkMemory` is one."""

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None: ...
    async def all(self, scope: str) -> dict[str, str]: ...
    async def get(self, scope: str, name: str) -> str | None: ...


class Endings:
    """All of one hub. `enter` writes an entry into its log and returns when it is there for good."""

    def __init__(self, clock: Clock, memory: Memory, enter: Callable[[bytes], Awaitable[int]]) -> None:
        self._clock, self._memory, self._enter = clock, memory, enter
        self._words: list[Word] = []
        self._ended: dict[str, Ending] = {}

    async def load(self) -> None:
        """Reads what there is. Raises StorageError."""
        for _, body in sorted((await self._memory.all(SCOPE)).items()):
            try:
                said = msgspec.json.decode(body, type=Word)
                found = read(said)
            except (msgspec.MsgspecError, EndedError) as error:
                raise StorageError(f"A revocation that was kept cannot be read: {error}",
                                   hint="Restore the database from a backup.") from None  # fmt: skip
            self._words.append(said)
            self._ended[found.node] = found

    @property
    def total(self) -> int:
        return len(self._words)

    def of(self, node: str) -> Ending | None:
        """How a node ended."""
        return self._ended.get(node)

    async def owned(self, node: str, line: str) -> None:
        """Keeps a card that names an owner, for the day on which the owner ends the node. Raises StorageError."""
        await self._memory.save(OWNED, {node: line}, self._clock.now_ms())

    async def said(self, line: str, node: str) -> Word:
        """A word about a node, with the card that names its owner. Raises StorageError."""
        return Word(word=line, card=await self._memory.get(OWNED, node))

    async def add(self, found: Ending) -> bool:
        """Takes an ending, of each node the first; whether it was new. When this returns it is in the log and on the disk. Raises
        StorageError."""
        if found.node in self._ended:
            return False
        await self._enter(found.leaf)
        await self._memory.save(
            SCOPE, {f"{self.total:012}": msgspec.json.encode(found.said).decode()}, self._clock.now_ms()
        )
        self._words.append(found.said)
        self._ended[found.node] = found
        return True

    def page(self, hub: str, since: int, signer: Signer) -> Page:
        """The list from a number on, as far as it fits into one answer, signed."""
        words = self._words[since : since + PAGE]
        return sign_page(hub, min(since, self.total), self.total, words, signer, self._clock.now_ms())
