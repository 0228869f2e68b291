"""What this installation states in public besides its receipts, and the files that lie beside its log.

Nothing depends on being told: which policies were activated, and which snapshots were decided on, is in the records, and
what has not been stated yet is stated when it is next looked at. So a stop at any moment leaves nothing out, and states
nothing twice.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from triptych.network.beside import catalogue_path, pack, pack_path, policy_path
from triptych.network.jws import peek
from triptych.network.statement import read, sign
from triptych.spec.clock import Clock
from triptych.spec.ids import new_id
from triptych.spec.json import JsonObject
from triptych.store.records import SqlRecordStore
from triptych.store.signed import MOST_AT_ONCE, StatementRecord
from triptych.tlog.disk import LogFiles
from triptych.tlog.note import Signer

MAX_IDS = 500  # of snapshots in one statement: 68 bytes each, and an entry of the log has 65,535
SNAPSHOTS_EVERY_S = 10.0
POLICIES_EVERY_S = 2.0
_KNOWN = 20_000  # ids of snapshots that are remembered as stated
_CATALOGUE = "catalogue "


class Statements:
    """The statements of one key. `tell` is called when there is one more for the log."""

    def __init__(
        self, signer: Signer, kid: str, store: SqlRecordStore, clock: Clock, files: LogFiles, tell: Callable[[], None]
    ) -> None:
        self._signer, self._kid, self._store, self._clock = signer, kid, store, clock
        self._files, self._tell = files, tell
        self._place = signer.key.name.rpartition("/")[2]  # tells logs over one database apart
        self._policies: set[str] = set()
        self._snapshots: OrderedDict[str, None] = OrderedDict()
        self._through: int | None = None
        self._looked_at: float | None = None
        self._policies_at: float | None = None

    async def publish(
        self, kind: str, payload: JsonObject, name: str | None = None, issued_ms: int | None = None
    ) -> str:
        """Signs a statement and keeps it for the log; returns its id. With a `name` that is taken, nothing happens.
        `issued_ms` is the time it states, for one that is not to tell the moment. Raises StatementError for a payload
        that is not of that kind, StorageError."""
        now = self._clock.now_ms()
        name = name or new_id("stmt", now)
        body = sign(kind, payload, self._signer, name=name, issued_ms=now if issued_ms is None else issued_ms)
        record = StatementRecord(id=name, kind=kind, signer=self._kid, created_ms=now, body=body)
        if await self._store.signed.keep(record):
            self._tell()
        return name

    async def keep_catalogue(self, catalogue_id: str, body: bytes) -> None:
        """Keeps the catalogue that policies name. Raises StorageError."""
        if await self._store.get_setting(_CATALOGUE + catalogue_id) is None:
            await self._store.put_setting(_CATALOGUE + catalogue_id, body.decode())

    async def catalogue(self, catalogue_id: str) -> bytes | None:
        """A catalogue to the byte; None when no policy here ever named it. Raises StorageError."""
        text = await self._store.get_setting(_CATALOGUE + catalogue_id)
        return text.encode() if isinstance(text, str) else None

    async def policies(self) -> None:
        """States each activation of a policy, with the policy and its catalogue beside the log; looks every two seconds.
        Raises StorageError."""
        moment = self._clock.monotonic()
        if self._policies_at is not None and moment - self._policies_at < POLICIES_EVERY_S:
            return
        for active in reversed(await self._store.policy_activations()):
            name = f"stmt_policy_{self._place}_{active.active_ms}_{active.policy_id[:12]}"
            if name in self._policies:
                continue
            if await self._store.signed.get(name) is None:
                await self._lay_policy(active.policy_id)
                await self.publish("policy", {"policy_id": active.policy_id, "active_ms": active.active_ms}, name)
            self._policies.add(name)
        self._policies_at = moment

    async def _lay_policy(self, policy_id: str) -> None:
        body = await self._store.policy(policy_id)
        if body is None:
            return
        await self._lay(policy_path(policy_id), body.encode())
        named = msgspec.json.decode(body).get("catalogue")
        if named and (catalogue := await self.catalogue(named)) is not None:
            await self._lay(catalogue_path(named), catalogue)

    async def snapshots(self, origin: str, *, now: bool = False) -> None:
        """States which snapshots the receipts were decided on that the log has taken in since, and lays them beside it:
        at most every ten seconds, unless it is to be done `now`. Raises StorageError."""
        moment = self._clock.monotonic()
        if not now and self._looked_at is not None and moment - self._looked_at < SNAPSHOTS_EVERY_S:
            return
        self._looked_at = moment
        end = await self._store.leaves.next_index(origin)
        while (start := await self._start()) < end:
            self._through = await self._state(origin, start, end)

    async def _state(self, origin: str, start: int, end: int) -> int:
        """One statement about the entries from `start` on; returns where the next one begins."""
        ids: dict[str, None] = {}
        found_at = await self._store.leaves.at(origin, start, end)
        if len(found_at) == MOST_AT_ONCE:
            end = found_at[-1][0] + 1
        for index, leaf in found_at:
            found = _snapshot_of(leaf.body)
            if found is None or found in ids or found in self._snapshots:
                continue
            if len(ids) == MAX_IDS:
                end = index
                break
            ids[found] = None
        bodies = await self._store.signed.snapshots(tuple(ids))
        if bodies:
            name, data = await asyncio.to_thread(pack, [body.encode() for body in bodies.values()])
            await self._lay(pack_path(name), data)
            payload: JsonObject = {"ids": list(bodies), "pack": name, "first": start, "end": end}
            await self.publish("snapshots", payload, f"stmt_snapshots_{self._place}_{start}")
            self._remember(bodies)
        return end

    async def _start(self) -> int:
        """Where the next statement about snapshots begins."""
        if self._through is None:
            self._through = 0
            for record in reversed(await self._store.signed.latest("snapshots", _KNOWN // MAX_IDS)):
                if record.id.startswith(f"stmt_snapshots_{self._place}_"):
                    payload = read(record.body.encode()).payload
                    self._through = max(self._through, int(payload["end"]))
                    self._remember(payload["ids"])
        return self._through

    def _remember(self, ids: Iterable[str]) -> None:
        for one in ids:
            self._snapshots[one] = None
        while len(self._snapshots) > _KNOWN:
            self._snapshots.popitem(last=False)

    async def _lay(self, path: str, data: bytes) -> None:
        def work() -> None:
            if self._files.read(path) is None:
                self._files.write(path, data)

        await asyncio.to_thread(work)


def _snapshot_of(body: str) -> str | None:
    found = peek(body.encode())
    decision = found[1].get("decision") if found else None
    return str(decision["snapshot_id"]) if isinstance(decision, dict) and decision.get("snapshot_id") else None
