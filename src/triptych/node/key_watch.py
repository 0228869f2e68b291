"""Whether a hub's log has a key under this node's id that is not the node's own.

Each pair of id and key that a hub has shown is an entry of its log. Whoever reads all of it sees whether somebody else signs cards with this
node's key, or whether the hub writes down what is not so; nobody but the node can tell which keys are its own. What was found is kept with
the proof that it stands in the log, which the hub has signed.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from triptych.network.card import KEY_FORMAT, key_leaf
from triptych.network.meeting import Meeting
from triptych.node.keys import NodeKeys
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, StorageError, TriptychError
from triptych.store.durable import write_private
from triptych.store.faults import at
from triptych.tlog.client import Tree, extends
from triptych.tlog.errors import CheckpointError, ProofError, TlogError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH

FILE = "key-watch.json"
LOOK_S = 300.0
MOST_STRANGE = 64  # that are kept of one hub
_log = structlog.get_logger("triptych.node")


class Strange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of a hub's log that has a key under this node's id which is not its own: where it stands, since when that is known, in
    milliseconds since 1970, and the proof that it stands there (C2SP tlog-proof)."""

    index: int
    entry: str
    seen_ms: int
    proof: str


class Watched(msgspec.Struct, forbid_unknown_fields=True):
    """One hub's log as far as it was read: `key` signs it, `note` is the latest checkpoint, `read` how many of its entries were looked at.
    `before` counts keys that were there when this node began to look, and had had other keys itself."""

    key: str
    note: str = ""
    read: int = 0
    before: int = 0
    strange: list[Strange] = []


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    node: str
    fresh: bool
    own: list[str] = []  # SHA-256 of the entries of its own keys
    hubs: dict[str, Watched] = {}


class _Entry(msgspec.Struct):
    format: str = ""
    id: str = ""


@dataclass(slots=True)
class KeyWatch:
    """The watch of one node over the logs of its hubs. `faults` says by hub why its log could not be read."""

    keys: NodeKeys
    hubs: Sequence[Meeting]
    clock: Clock
    faults: dict[str, str] = field(default_factory=dict)
    _kept: _Kept = field(init=False)

    def __post_init__(self) -> None:
        """Raises StorageError."""
        found = _read(self.keys.folder / FILE)
        if found is None or found.node != self.keys.id:
            # A node without a card was never listed, so every key under its id has to be its own.
            found = _Kept(node=self.keys.id, fresh=found is not None or not self.keys.number)
        self._kept = found

    @property
    def alarms(self) -> tuple[str, ...]:
        """What the node's operator has to know, a sentence for each hub."""
        return tuple(
            f"{hub} has {len(one.strange)} key(s) under this node's id that are not its own. Either somebody else signs cards with this node's key, "
            f"or the hub writes down what is not so. The proof is in {self.keys.folder / FILE}; --withdraw ends the key for good."
            for hub, one in self._kept.hubs.items()
            if one.strange
        )

    async def keep(self) -> None:
        """Looks every five minutes, until it is cancelled."""
        while True:
            for hub in self.hubs:
                await self.look(hub)
            await self.clock.sleep(LOOK_S)

    async def look(self, hub: Meeting) -> None:
        """Reads what is new in one hub's log. What cannot be read is noted, and read the next time."""
        try:
            await self._look(hub)
        except (CheckpointError, ProofError) as error:
            self.faults[hub.origin] = f"The log of {hub.origin} does not hold: {error}"
            _log.error("a hub's log does not hold", hub=hub.origin, reason=str(error))
        except (TriptychError, TlogError) as error:
            self.faults[hub.origin] = f"The log of {hub.origin} cannot be read now: {error}"
        else:
            self.faults.pop(hub.origin, None)

    async def _look(self, hub: Meeting) -> None:
        watched = self._kept.hubs.get(hub.origin)
        shown = (await hub.about()).log_key
        if watched is None:
            watched = Watched(shown)
        elif watched.key != shown:
            raise HostileContentError(f"it is another one than before, signed by {shown}")
        policy = TrustPolicy(logs=(VerifierKey.parse(watched.key),))
        note = await hub.log_file(CHECKPOINT_PATH)
        tree = Tree(note, policy.check(note).checkpoint, hub.log_file)
        if watched.note:
            await extends(tree, policy.check(watched.note.encode()).checkpoint)
        named = [(index, entry) async for index, entry in tree.entries(watched.read) if self._names(entry)]
        own = self._own()  # after reading: a key that was made meanwhile is its own
        strange = [one for one in named if hashlib.sha256(one[1]).hexdigest() not in own]
        if strange and not watched.note and not self._kept.fresh:
            watched.before, strange = len(strange), []
        await self._found(hub.origin, watched, tree, strange)
        watched.note, watched.read = note.decode(), tree.size
        self._kept.hubs[hub.origin] = watched
        await asyncio.to_thread(self._write)

    def _names(self, entry: bytes) -> bool:
        """Whether an entry is a key under this node's id."""
        if self.keys.id.encode() not in entry:
            return False
        try:
            found = msgspec.json.decode(entry, type=_Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return (found.format, found.id) == (KEY_FORMAT, self.keys.id)

    def _own(self) -> frozenset[str]:
        """All keys that this node ever had, as far as it remembers. Raises StorageError."""
        now = [key_leaf(self.keys.id, one.config) for one in self.keys.sealing(self.clock.now_ms())]
        fresh = [name for name in (hashlib.sha256(leaf).hexdigest() for leaf in now) if name not in self._kept.own]
        self._kept.own += fresh
        return frozenset(self._kept.own)

    async def _found(self, origin: str, watched: Watched, tree: Tree, strange: Iterable[tuple[int, bytes]]) -> None:
        for index, entry in strange:
            _log.error("a hub has a key under this node's id that is not its own", hub=origin, index=index)
            if len(watched.strange) < MOST_STRANGE:
                proof = (await tree.proof(index)).decode()
                found = Strange(index, entry.decode("utf-8", "replace"), self.clock.now_ms(), proof)
                watched.strange = [*watched.strange, found]

    def _write(self) -> None:
        path = self.keys.folder / FILE
        with at(f"The file {path}"):
            write_private(path, msgspec.json.encode(self._kept), replace=True)


def _read(path: Path) -> _Kept | None:
    with at(f"The file {path}"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        return msgspec.json.decode(data, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StorageError(
            f"{path} cannot be read.", hint="Restore it, or take it away: then the logs are read from the beginning."
        ) from None
