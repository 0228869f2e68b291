"""Other hubs whose cards this one takes over, so that a node is found at hubs where it is not registered.

A hub is asked for what it has listed since the last time, and tells of the nodes that are registered at itself alone: what it has
from others it does not hand on, so that a ring of hubs carries nothing around. Each card is looked at as if its node had brought it:
the signature, its end, its number, its owner, the stamp of its first one. What comes of one hub is bounded, however much it sends.

Nothing is carried to a node that is registered elsewhere: its card names its hubs.

What was seen of each hub's log is kept: a hub that shows another one after a restart of this one is found out all the same. Its memory ends
when this hub is started once without it among its peers.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from triptych.hub.directory import CardRefusedError, Directory
from triptych.network import card, ended
from triptych.network.card import CardError
from triptych.network.ended import EndedError
from triptych.network.gossip import Gossip, Split
from triptych.network.meeting import Meeting, Page, SeenLog
from triptych.spec.clock import Clock
from triptych.spec.errors import RateLimitedError, StorageError, TriptychError
from triptych.tlog.errors import TlogError

PULL_S = 30.0
MOST_PAGES = 8  # of one pull; what is left comes with the next
LOGS, SPLITS = "peer-logs", "peer-splits"
_log = logging.getLogger("triptych.hub")


class Memory(Protocol):
    """Where it is kept what was seen of other hubs' logs; `store.memory_file.MemoryFile` is one."""

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None: ...
    async def all(self, scope: str) -> dict[str, str]: ...
    async def forget(self, scope: str, *names: str) -> None: ...


@dataclass(slots=True)
class PeerState:
    """How asking a hub went last. `taken` and `refused` count the cards of the last pull, `refusal` says why of one of them;
    `heard_ms` is None before its first answer; `ended` are the endings of its list that were looked at."""

    origin: str
    cursor: str = ""
    ended: int = 0
    heard_ms: int | None = None
    fault: str | None = None
    taken: int = 0
    refused: int = 0
    refusal: str | None = None


class Peers:
    """The hubs that are asked. Each has a line of its own: one that is down or slow takes nothing from the others."""

    def __init__(
        self, directory: Directory, hubs: Sequence[Meeting], clock: Clock, memory: Memory | None = None
    ) -> None:
        self._directory, self._clock, self._memory = directory, clock, memory
        self._kept: dict[str, SeenLog] = {}
        self._hubs = [(one, PeerState(one.origin)) for one in hubs]
        self.gossip = Gossip(_log_key, clock)

    @property
    def states(self) -> tuple[PeerState, ...]:
        return tuple(state for _, state in self._hubs)

    async def load(self) -> None:
        """Takes up what was seen of their logs before. Raises StorageError."""
        if self._memory is None:
            return
        hubs = {one.origin: one for one, _ in self._hubs}
        for scope in (LOGS, SPLITS):
            kept = await self._memory.all(scope)
            if gone := kept.keys() - hubs.keys():
                await self._memory.forget(scope, *gone)
            for origin in kept.keys() & hubs.keys():
                self._recall(scope, hubs[origin], kept[origin])

    def _recall(self, scope: str, hub: Meeting, body: str) -> None:
        try:
            if scope == SPLITS:
                self.gossip.splits[hub.origin] = msgspec.json.decode(body, type=Split)
                return
            seen = msgspec.json.decode(body, type=SeenLog)
            self.gossip.recall(hub, seen)
        except (msgspec.MsgspecError, TlogError) as error:
            raise StorageError(f"What was kept of the log of {hub.origin} cannot be read: {error}",
                               hint="Start once without this peer: its memory is forgotten then.") from None  # fmt: skip
        self._kept[hub.origin] = seen

    async def keep(self) -> None:
        """Asks each of them again and again, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for hub, state in self._hubs:
                group.create_task(self._keep(hub, state))
            group.create_task(self._compare_all())

    async def _keep(self, hub: Meeting, state: PeerState) -> None:
        while True:
            await self._pull(hub, state)
            await self._clock.sleep(PULL_S)

    async def _compare_all(self) -> None:
        while True:
            await self.compare()
            await self._clock.sleep(PULL_S)

    async def compare(self) -> None:
        """Looks once whether each of them shows its log to the others as it shows it here. Raises StorageError."""
        splits = await self.gossip.compare([hub for hub, _ in self._hubs])
        for split in splits:
            about = {"hub": split.hub, "told_by": split.told_by}
            _log.error(
                "a hub keeps two logs: both checkpoints are in the answer to GET /hub/v1", extra={"about": about}
            )
        fresh = {one.hub: one for one in self.gossip.seen() if self._kept.get(one.hub) != one}
        if self._memory is not None:
            for scope, found in ((SPLITS, {one.hub: one for one in splits}), (LOGS, fresh)):
                bodies = {origin: msgspec.json.encode(one).decode() for origin, one in found.items()}
                await self._memory.save(scope, bodies, self._clock.now_ms())
        self._kept |= fresh

    async def pull(self) -> None:
        """Asks all of them once, all at once."""
        await asyncio.gather(*(self._pull(hub, state) for hub, state in self._hubs))

    async def _pull(self, hub: Meeting, state: PeerState) -> None:
        state.taken = state.refused = 0
        state.refusal = None
        try:
            for _ in range(MOST_PAGES):
                page = await hub.page(state.cursor)
                await self._take(hub.origin, state, page)
                # What was refused is not asked for again before its node shows a new card.
                state.cursor = page.cursor
                if not page.more:
                    break
            await self._take_ended(hub, state)
        except TriptychError as error:
            state.fault = error.message
            _log.warning("a hub gives no cards", extra={"about": {"hub": hub.origin, "code": error.code}})
        else:
            state.heard_ms, state.fault = self._clock.now_ms(), None

    async def _take_ended(self, hub: Meeting, state: PeerState) -> None:
        """What was revoked elsewhere ends here, too; each word proves itself."""
        for word in (await hub.ended(state.ended)).words:
            try:
                await self._directory.hear_ended(await asyncio.to_thread(ended.read, word), hub.origin)
            except (EndedError, RateLimitedError) as error:
                state.refused += 1
                state.refusal = str(error)
            state.ended += 1

    async def _take(self, origin: str, state: PeerState, page: Page) -> None:
        for one in page.cards:
            try:
                found = await asyncio.to_thread(card.read, one.card.encode())
                listed = await self._directory.hear(found, origin, one.work)
            except StorageError:
                raise
            except (CardError, CardRefusedError, RateLimitedError) as error:
                state.refused += 1
                state.refusal = str(error)
            else:
                state.taken += listed is not None


async def _log_key(hub: Meeting) -> str:
    return (await hub.about()).log_key
