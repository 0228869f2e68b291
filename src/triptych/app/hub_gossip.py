"""What the hubs of this studio were shown of each other's logs, held against what is shown here; and the proof, kept, where one of them keeps
two logs."""

from collections.abc import Sequence

import msgspec
import structlog

from triptych.app.hub_proofs import HubProofs
from triptych.network.gossip import Gossip, Split
from triptych.network.meeting import Meeting
from triptych.spec.clock import Clock
from triptych.spec.json import JsonObject
from triptych.store.network import NetworkMemory

SCOPE = "hub-splits"
_log = structlog.get_logger("triptych.app")


class HubGossip:
    """A hub that was proven to keep two logs is not used until it is removed: nothing is believed to be in its log."""

    def __init__(self, memory: NetworkMemory, clock: Clock, proofs: HubProofs) -> None:
        self._memory, self._proofs = memory, proofs
        self._gossip = Gossip(proofs.key, clock)

    async def load(self) -> None:
        """Reads what was proven. Raises StorageError."""
        for body in (await self._memory.all(SCOPE)).values():
            self._is(msgspec.json.decode(body, type=Split))

    async def compare(self, hubs: Sequence[Meeting]) -> None:
        """Asks each hub what it has seen of the others. Raises StorageError."""
        for split in await self._gossip.compare(hubs):
            _log.error("a hub keeps two logs", hub=split.hub, told_by=split.told_by)
            await self._memory.save(SCOPE, {split.hub: msgspec.json.encode(split).decode()}, split.at_ms)
            self._is(split)

    def _is(self, split: Split) -> None:
        self._gossip.splits[split.hub] = split
        self._proofs.bad[split.hub] = split.why

    def fault(self, origin: str) -> str | None:
        """What is wrong with the log of a hub, in a sentence."""
        return self._proofs.bad.get(origin) or self._gossip.doubts.get(origin)

    def split(self, origin: str) -> JsonObject | None:
        """The two checkpoints that prove it."""
        found = self._gossip.splits.get(origin)
        if found is None:
            return None
        return {"ours": found.ours, "theirs": found.theirs, "told_by": found.told_by, "at_ms": found.at_ms}

    async def forget(self, origin: str) -> None:
        """A hub that was removed. Raises StorageError."""
        self._gossip.forget(origin)
        self._proofs.bad.pop(origin, None)
        await self._memory.forget(SCOPE, origin)
