"""Receipts of this installation: the key that signs them, and the log that takes them in.

Every process over the data folder signs receipts; they are in the database with the end of their tile. One process, a
server, writes the log: it takes in whatever waits, from other processes and from before it started, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from triptych.app.log_set_up import BEGIN, places_of, setting_of
from triptych.app.statements import Statements
from triptych.app.witnessing import Witnessing
from triptych.config.settings import Settings
from triptych.network.beside import is_beside_path
from triptych.network.identity import Identity
from triptych.network.jose import jwk_of, kid_of
from triptych.network.jws import peek
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, OverloadedError, StorageError
from triptych.spec.json import Json, JsonObject
from triptych.store.receipts import ReceiptRecord
from triptych.store.records import SqlRecordStore
from triptych.studio.receipts import ReceiptMaker
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import TileCache, Tree
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.errors import TlogError
from triptych.tlog.log import Log
from triptych.tlog.note import Note
from triptych.tlog.tiles import CHECKPOINT_PATH, is_log_path

POLL_S = 2.0  # for receipts of other processes, and for a log that another server gives up
_BATCH = 256
_log = structlog.get_logger("triptych.receipts")


@dataclass(frozen=True, slots=True)
class LogState:
    """What can be seen of the log from outside. `size` is None when it cannot be read. `witnesses` are the names, sizes
    and times of the last cosignatures that this process knows of, the newest first."""

    folder: Path
    key: str
    origin: str
    size: int | None
    waiting: int
    witnesses: Sequence[JsonObject] = ()


class ReceiptDesk:
    """One per process. Without `start`, receipts are made all the same and wait for a process that writes the log."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        store: SqlRecordStore,
        clock: Clock,
        witnessing: Witnessing | None = None,
    ) -> None:
        self._witnessing = witnessing
        self._identity, self._store, self._clock = identity, store, clock
        self._setting = setting_of(settings)
        self._places = places_of(settings.data)
        self._wake = asyncio.Event()
        self._log: Log | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._stopping = False
        self._placed: dict[str, int] = {}  # in the log, and not yet written down
        self._cache = TileCache()
        self.statements = Statements(identity.signer, identity.kid, store, clock, self._places.files, self._wake.set)
        store.receipts.maker = ReceiptMaker(identity.signer, clock, self._wake.set)

    async def publish(self, kind: str, payload: JsonObject) -> str:
        """Signs a statement of one kind (see `triptych.network.statement`) and keeps it for the log; returns its id.
        Works in every process, also one that does not write the log. Raises StatementError, StorageError."""
        return await self.statements.publish(kind, payload)

    # Writing the log.

    async def start(self) -> None:
        """Opens the log, or creates it where there has never been one, and begins to take receipts in. While another
        server writes it, this one waits for its turn. Raises StorageError for a log that is not as it was left."""
        await self._try_open()
        self._feeding = asyncio.create_task(self._feed(), name="receipts")

    async def stop(self) -> None:
        """Takes in what waits, and lets the log go. Nothing to do when it was not started."""
        self._stopping = True
        self._wake.set()
        if self._feeding is not None:
            await asyncio.wait([self._feeding])
            self._feeding = None
        if self._log is not None:
            log, self._log = self._log, None
            if self._witnessing is not None:
                await self._witnessing.stop()
            await log.close()

    async def _try_open(self) -> None:
        try:
            log = await self._open()
        except LogRefusedError as error:
            if error.reason == "busy":
                return
            raise LogRefusedError(
                error.reason, f"The transparency log is not as it was left. {error.message}",
                f"{error.hint} Restore {self._places.folder} and its .head from a backup; or, if it is lost, begin a "
                f"new log deliberately with `{BEGIN}`.",
            ) from error  # fmt: skip
        await self._note_places(log)
        self._log = log
        if self._witnessing is not None:
            self._witnessing.follow(log)

    async def _open(self) -> Log:
        signer = self._identity.signer
        known = await self._store.get_setting(self._setting)
        if known is None and not await asyncio.to_thread(self._has_log):
            try:
                log = await Log.create(self._places, signer, self._clock)
            except LogRefusedError as error:
                if error.reason != "exists":  # else another server was faster on a new folder
                    raise
                log = await self._reopen()
        else:
            log = await self._reopen()
        if known is None:
            await self._know()
        return log

    async def _reopen(self) -> Log:
        return await Log.open(self._places, self._identity.signer, self._clock, previous=self._identity.earlier)

    async def _know(self) -> None:
        """From now on a log that is missing is a loss and no beginning."""
        await self._store.put_setting(self._setting, {"key": str(self._identity.key)})

    def _has_log(self) -> bool:
        return self._places.head.load() is not None or self._places.files.read(CHECKPOINT_PATH) is not None

    async def _note_places(self, log: Log) -> None:
        """Writes down the places of receipts that an earlier process took in and could not write down any more."""
        start = await self._store.leaves.next_index(log.origin)
        if start < log.size:
            tree = await log.tree()
            try:
                found = {name: index async for index, entry in tree.entries(start) if (name := name_in(entry))}
            except TlogError as error:
                await log.close()
                raise StorageError(f"The transparency log cannot be read: {error}", hint="Restore it.") from error
            await self._store.leaves.logged(log.origin, found)

    async def _feed(self) -> None:
        while True:
            self._wake.clear()
            more = False
            try:
                if self._log is None and not self._stopping:
                    await self._try_open()
                more = await self._take_in()
            except (StorageError, TlogError) as error:
                _log.warning("receipts wait for the log", error=str(error))
            if self._stopping and not more:
                return
            if not more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)

    async def _take_in(self) -> bool:
        """Takes in what waits; whether there may be more."""
        if self._log is None:
            return False
        shelf, log = self._store.leaves, self._log
        await self.statements.policies()
        rows = await shelf.unlogged(self._identity.kids, _BATCH)
        fresh = [row for row in rows if row.id not in self._placed]
        results = await asyncio.gather(*(log.append(row.body.encode()) for row in fresh), return_exceptions=True)
        self._placed |= {r.id: int(i) for r, i in zip(fresh, results, strict=True) if not isinstance(i, BaseException)}
        if self._placed:
            await shelf.logged(log.origin, self._placed)
            self._placed = {}
        for result in results:
            if isinstance(result, BaseException):
                raise result
        if len(rows) == _BATCH:
            return True
        await self.statements.snapshots(log.origin, now=self._stopping)
        return self._wake.is_set()

    async def take_cosignatures(self, body: bytes) -> bool:
        """Takes what a witness hands in by itself (see `Witnessing.take`); False without a witness of that name."""
        return self._witnessing is not None and await self._witnessing.take(self._log, body)

    # Reading, also while another process writes.

    async def file(self, path: str) -> bytes | None:
        """A public file of the log, or one that lies beside it. Raises StorageError."""
        known = is_log_path(path) or is_beside_path(path)
        return await asyncio.to_thread(self._places.files.read, path) if known else None

    async def proof(self, receipt: ReceiptRecord) -> bytes:
        """The proof that the log has a receipt (C2SP tlog-proof). Raises OverloadedError while it waits for its
        checkpoint, NotFoundError when it is in a log that is lost, StorageError."""
        if receipt.log_origin not in {None, self._identity.key.name}:
            raise NotFoundError("This receipt is in an earlier log, which is no longer here.", param="id")
        note = await self.file(CHECKPOINT_PATH)
        if note is None or receipt.log_index is None:
            raise not_yet()
        try:
            checkpoint = Checkpoint.parse(Note.parse(note).text)
            if checkpoint.size <= receipt.log_index:
                raise not_yet()
            return await Tree(note, checkpoint, self.file, self._cache).proof(receipt.log_index)
        except TlogError as error:
            raise StorageError(f"The transparency log cannot be read: {error}", hint="Restore it.") from error

    def trust(self) -> str:
        """The trust policy for this log (C2SP tlog-policy)."""
        name = self._identity.key.name
        older = [key for key in self._identity.retired if key.name == name]
        witnesses = self._witnessing.keys if self._witnessing is not None else ()
        logs = "".join(f"log {key}\n" for key in (self._identity.key, *older))
        return logs + "".join(f"witness {key.name} {key}\n" for key in witnesses) + "quorum none\n"

    def keys(self) -> Mapping[str, Json]:
        """The public keys that sign or signed receipts here (RFC 7517, JWK set), the one in use first."""
        publics = (self._identity.key.public, *(key.public for key in self._identity.retired))
        return {"keys": [{**jwk_of(p), "kid": kid_of(p), "alg": "EdDSA", "use": "sig"} for p in publics]}

    async def state(self) -> LogState:
        """What there is of the log. Raises StorageError."""
        note = await self.file(CHECKPOINT_PATH)
        try:
            size = None if note is None else Checkpoint.parse(Note.parse(note).text).size
            seen = () if note is None or self._witnessing is None else self._witnessing.seen_on(note)
        except TlogError:
            size, seen = None, ()
        key = self._identity.key
        return LogState(self._places.folder, str(key), key.name, size, await self._store.leaves.waiting(), seen)


def not_yet() -> OverloadedError:
    """What a receipt without a proof gets."""
    return OverloadedError("The log has no checkpoint over this receipt yet; it has one within a minute.",
                           hint="Ask again shortly.", param="id", retry_after_s=2)  # fmt: skip


def name_in(entry: bytes) -> str | None:
    """The id of the receipt or statement that an entry of the log is; None when it is something else."""
    found = peek(entry)
    return str(found[1]["id"]) if found and "id" in found[1] else None
