"""Whether the keys of a node are in a hub's log, looked up before anything is sealed to them: a hub that shows two people two keys has to
show both to everybody who reads its log."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from triptych.network.card import Card
from triptych.network.meeting import Meeting
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, TriptychError
from triptych.store.network import NetworkMemory
from triptych.tlog.client import LogClient, Tree
from triptych.tlog.errors import TlogError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy

SCOPE = "hub-logs"
MERGE_S = 2.0  # a hub puts an entry into its tree within a second of taking it
_LOOK_S = 0.25


@dataclass(slots=True)
class HubProofs:
    """The logs of the hubs that are asked here. The key of each log is the one that it had when it was first seen: a hub that
    comes with another is not used any more, and neither is one of which `bad` says why."""

    memory: NetworkMemory
    clock: Clock
    _keys: dict[str, str] = field(default_factory=dict)
    _logs: dict[str, LogClient] = field(default_factory=dict)
    _proved: set[tuple[str, bytes]] = field(default_factory=set)
    bad: dict[str, str] = field(default_factory=dict)

    async def load(self) -> None:
        """Reads which key each log had. Raises StorageError."""
        self._keys = await self.memory.all(SCOPE)

    @property
    def keys(self) -> Mapping[str, str]:
        """By the origin of a hub, the key of its log."""
        return self._keys

    async def prove(self, hub: Meeting, card: Card, wait_s: float = 0.0) -> None:
        """Returns when every key of a card is in the log of a hub; `wait_s` is for a key so new that it may still come.

        Raises HostileContentError where one is not, or the log is not what it was; and what asking the hub raises.
        """
        if not await self.has(hub, card.leaves, wait_s):
            raise HostileContentError(f"A key of the node is not in the log of {hub.origin}, which has to have it.")

    async def has(self, hub: Meeting, leaves: Sequence[bytes], wait_s: float = 0.0) -> bool:
        """Whether all of these entries are in the log of a hub. Raises as `prove` does."""
        if (why := self.bad.get(hub.origin)) is not None:
            raise HostileContentError(why, hint="Use another hub. The Network page has the proof.")
        wanted = [leaf for leaf in leaves if (hub.origin, leaf) not in self._proved]
        if not wanted:
            return True
        log = await self._log(hub)
        try:
            until = self.clock.monotonic() + wait_s
            while (missing := await _missing(await log.latest(), wanted)) and self.clock.monotonic() < until:
                await self.clock.sleep(_LOOK_S)
        except TlogError as error:
            raise HostileContentError(f"The log of {hub.origin} does not hold: {error}") from None
        if not missing:
            self._proved |= {(hub.origin, leaf) for leaf in wanted}
        return not missing

    async def _log(self, hub: Meeting) -> LogClient:
        if (known := self._logs.get(hub.origin)) is not None:
            return known
        key = VerifierKey.parse(await self.key(hub))

        async def fetch(path: str) -> bytes | None:
            return await hub.log_file(path)

        return self._logs.setdefault(hub.origin, LogClient(fetch, TrustPolicy(logs=(key,))))

    async def key(self, hub: Meeting) -> str:
        """The key of a hub's log: the one that it had when it was first seen. Raises HostileContentError where it has another one now, or
        says none; and what asking the hub raises."""
        shown = (await hub.about()).log_key
        before = self._keys.get(hub.origin)
        if before is not None and before != shown:
            raise HostileContentError(f"{hub.origin} has another log than before, so it is not used.",
                                      hint="If its operator began anew, remove the hub and add it again.")  # fmt: skip
        try:
            VerifierKey.parse(shown)
        except TlogError:
            raise HostileContentError(f"{hub.origin} does not say which key signs its log.") from None
        if before is None:
            await self.memory.save(SCOPE, {hub.origin: shown}, self.clock.now_ms())
            self._keys[hub.origin] = shown
        return shown

    async def forget(self, origin: str) -> None:
        """Forgets a hub, with the key of its log. Raises StorageError."""
        self._keys.pop(origin, None)
        self._logs.pop(origin, None)
        self._proved = {one for one in self._proved if one[0] != origin}
        await self.memory.forget(SCOPE, origin)


async def _missing(tree: Tree, wanted: list[bytes]) -> list[bytes]:
    return [leaf for leaf in wanted if await tree.find(leaf) is None]


async def proved_hubs(
    proofs: HubProofs, hubs: list[Meeting], card: Card, seconds: float, *, new: bool = False
) -> tuple[list[Meeting], list[str]]:
    """Those hubs whose log has the keys of a card, in their order, and why the others are left out. Each log has `seconds` to
    answer, and more where the key is `new`."""
    wait_s = MERGE_S if new else 0.0

    async def one(hub: Meeting) -> str | None:
        try:
            async with asyncio.timeout(seconds + wait_s):
                await proofs.prove(hub, card, wait_s)
        except TimeoutError:
            return f"The log of {hub.origin} could not be read in time."
        except TriptychError as error:
            return error.message
        return None

    said = await asyncio.gather(*(one(hub) for hub in hubs))
    good = [hub for hub, why in zip(hubs, said, strict=True) if why is None]
    return good, [why for why in said if why is not None]
