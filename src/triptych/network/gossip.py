"""Whether a hub shows everybody the same log: what others were shown of it is held against what is shown here.

Each checkpoint is signed by the hub whose log it is, so nobody else can make one up, and two of which neither is a beginning of the other
prove that the hub keeps two logs: one for these, one for those. What somebody merely says is told and proves nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from triptych.network.meeting import Meeting, SeenLog
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError
from triptych.tlog.client import Tree, extends
from triptych.tlog.errors import CheckpointError, NoteError, ProofError, TlogError, TrustError
from triptych.tlog.note import VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH

BEHIND_MS = 60_000  # how long a hub may show here less than it showed others
MOST = 256  # logs that one hub may tell of
LOOK_S = 20.0  # for all hubs

KeyOf = Callable[[Meeting], Awaitable[str]]
"""The key that a hub's log had when it was first seen here. Raises TriptychError."""


class Split(msgspec.Struct, frozen=True):
    """The proof that a hub keeps two logs: two checkpoints, both signed by it, `ours` as it was shown here and `theirs` as it was shown to
    `told_by`, who is this observer itself where it was shown both. `at_ms` is when they were held against each other."""

    hub: str
    told_by: str
    ours: str
    theirs: str
    at_ms: int

    @property
    def why(self) -> str:
        """In a sentence."""
        return f"{self.hub} keeps two logs: what it has signed for others does not fit what it has signed for us. It is not used any more."


class Gossip:
    """The logs of some hubs as one observer sees them. `splits` has what was proven of each, `doubts` what was only said."""

    def __init__(self, key_of: KeyOf, clock: Clock) -> None:
        self._key_of, self._clock = key_of, clock
        self._clients: dict[str, tuple[TrustPolicy, str]] = {}
        self._trees: dict[str, Tree] = {}
        self._ahead: dict[tuple[str, str], int] = {}
        self.splits: dict[str, Split] = {}
        self.doubts: dict[str, str] = {}

    def seen(self) -> tuple[SeenLog, ...]:
        """The latest checkpoint of each log, to be told to others."""
        return tuple(
            SeenLog(hub=origin, key=self._clients[origin][1], checkpoint=tree.note.decode())
            for origin, tree in self._trees.items()
        )

    def recall(self, hub: Meeting, before: SeenLog) -> None:
        """Takes up what was seen of a hub's log before the last start, so that it has to go on from there. Raises TlogError for what that hub's
        key did not sign."""
        policy, note = TrustPolicy(logs=(VerifierKey.parse(before.key),)), before.checkpoint.encode()
        self._trees[hub.origin] = Tree(note, policy.check(note).checkpoint, hub.log_file)
        self._clients[hub.origin] = (policy, before.key)

    def forget(self, origin: str) -> None:
        """A hub that is not asked any more."""
        for known in (self._clients, self._trees, self.splits, self.doubts):
            known.pop(origin, None)

    async def compare(self, hubs: Sequence[Meeting]) -> tuple[Split, ...]:
        """Looks at the log of each hub, and asks each of them what it has seen of the others'. Returns what was proven now. A hub that does not
        answer is passed over."""
        before = set(self.splits)
        try:
            async with asyncio.timeout(LOOK_S):
                await asyncio.gather(*(self._look(one) for one in hubs))
                known = {one.origin for one in hubs}
                told = await asyncio.gather(*(self._asked(one) for one in hubs))
                for one, said in zip(hubs, told, strict=True):
                    for log in said[:MOST]:
                        if log.hub in known and log.hub != one.origin:
                            await self._hold(log, one.origin)
        except TimeoutError:
            pass  # what was held against each other so far counts
        return tuple(split for origin, split in self.splits.items() if origin not in before)

    async def _asked(self, hub: Meeting) -> Sequence[SeenLog]:
        try:
            return await hub.seen()
        except TriptychError:
            return ()  # away, or of an older making

    async def _look(self, hub: Meeting) -> None:
        origin, before = hub.origin, self._trees.get(hub.origin)
        note = b""
        try:
            policy, _ = await self._client(hub)
            note = await hub.log_file(CHECKPOINT_PATH)
            tree = Tree(note, policy.check(note).checkpoint, hub.log_file)
            if before is not None:
                await extends(tree, before.checkpoint)
            self._trees[origin] = tree
        except (CheckpointError, NoteError, ProofError, TrustError) as error:
            forked = isinstance(error, ProofError) or error.reason == "inconsistent"
            if before is None or not forked:
                self.doubts[origin] = f"The log of {origin} does not hold: {error}"
            else:
                self._split(Split(origin, "", before.note.decode(), note.decode(), self._clock.now_ms()))
        except (TriptychError, TlogError):
            return
        else:
            self.doubts.pop(origin, None)

    async def _client(self, hub: Meeting) -> tuple[TrustPolicy, str]:
        if (known := self._clients.get(hub.origin)) is not None:
            return known
        key = await self._key_of(hub)
        policy = TrustPolicy(logs=(VerifierKey.parse(key),))
        return self._clients.setdefault(hub.origin, (policy, key))

    async def _hold(self, told: SeenLog, by: str) -> None:
        """What `by` was shown of a log, against what is shown here."""
        tree = self._trees.get(told.hub)
        if tree is None or told.hub in self.splits:
            return
        policy, key = self._clients[told.hub]
        try:
            checkpoint = policy.check(told.checkpoint.encode()).checkpoint
        except TlogError:
            if told.key != key:
                self.doubts[told.hub] = (
                    f"{by} knows {told.hub} by another log than we do. One of the two is shown something else."
                )
            return
        if checkpoint.size > tree.size:
            self._behind(told, by)
            return
        self._ahead.pop((told.hub, by), None)
        try:
            await extends(tree, checkpoint)
        except (CheckpointError, ProofError):
            # The hashes of our tree lead to its signed root, so the other checkpoint is no beginning of it, whoever looks.
            self._split(Split(told.hub, by, tree.note.decode(), told.checkpoint, self._clock.now_ms()))
        except (TriptychError, TlogError):
            return  # it cannot be read now

    def _behind(self, told: SeenLog, by: str) -> None:
        """A hub has shown somebody more than us: a moment of that is nothing."""
        now = self._clock.now_ms()
        since = self._ahead.setdefault((told.hub, by), now)
        if now - since > BEHIND_MS:
            self.doubts[told.hub] = f"{told.hub} has shown {by} more of its log than us, for more than a minute."

    def _split(self, found: Split) -> None:
        self.splits[found.hub] = found
