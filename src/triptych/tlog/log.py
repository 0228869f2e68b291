"""The writing side of a log: durable appends in groups, and a checkpoint over them soon after.

`append` returns when the entry is on the disk and has its index; many callers share one flush. A background task puts what
has been appended into the tree: a checkpoint at most every 10 seconds, and never later than the merge delay of 60.
Only one program writes to a log. What readers need are static files; see `client`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NewType, TypeVar

from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import TileCache, Tree
from triptych.tlog.disk import (
    FolderFiles,
    FolderJournal,
    FolderLock,
    Head,
    HeadFile,
    JournalFiles,
    LogFiles,
    LogRefusedError,
)
from triptych.tlog.errors import ProofError, TlogError
from triptych.tlog.journal import Journal
from triptych.tlog.keeper import Keeper, Places
from triptych.tlog.note import Signature, Signer, VerifierKey
from triptych.tlog.tiles import MAX_ENTRY, is_log_path

T = TypeVar("T")
Index = NewType("Index", int)
CHECKPOINT_EVERY_S = 10.0
MERGE_DELAY_S = 60.0
_GROUP = 512  # entries in one flush
_log = logging.getLogger("triptych.tlog")


class LogBehindError(StorageError):
    """Entries wait longer for their checkpoint than was promised, so no more are taken. The cause is in the hint."""

    code = "log_behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlaces:
    """Where the parts of a log are. The defaults for a folder F: `F/public`, `F/journal`, the lock in F, `F.head`."""

    folder: Path
    files: LogFiles
    journal: JournalFiles
    head: Head

    @classmethod
    def at(
        cls,
        folder: Path,
        *,
        files: LogFiles | None = None,
        journal: JournalFiles | None = None,
        head: Head | None = None,
    ) -> "LogPlaces":
        """The places of a log with its private side in `folder`. `files` may be a bucket."""
        folder = folder.absolute()
        return cls(
            folder=folder,
            files=files or FolderFiles(folder / "public"),
            journal=journal or FolderJournal(folder / "journal"),
            head=head or HeadFile(folder.with_name(f"{folder.name}.head")),
        )


class Log:
    """Belongs to the event loop that opened it."""

    def __init__(self, places: LogPlaces, clock: Clock, lock: FolderLock, keeper: Keeper, journal: Journal) -> None:
        self._places, self._clock, self._lock = places, clock, lock
        self._keeper, self._journal = keeper, journal
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="triptych-tlog-journal")
        self._builder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="triptych-tlog-tree")
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._writing: asyncio.Future[int] | None = None
        self._pending: list[bytes] = []  # on the disk, and in no tree yet
        self._pending_since: float | None = None
        self._checkpoint_at: float | None = None
        self._wake = asyncio.Event()
        self._grown = asyncio.Condition()
        self._fault: StorageError | None = None
        self._tree: Tree | None = None
        self._cache = TileCache()
        self._closed = False
        self._tending: asyncio.Task[None] | None = None
        self.pace_s = CHECKPOINT_EVERY_S
        """Seconds between two checkpoints at least; a log whose readers wait for its entries has less."""

    @classmethod
    async def create(cls, folder: Path | LogPlaces, signer: Signer, clock: Clock) -> "Log":
        """Begins a new log, whose origin is the name of the signer's key, and opens it.

        Raises StorageError, and LogRefusedError (`exists`, `busy`) when a log is there or was there before.
        """
        places = folder if isinstance(folder, LogPlaces) else await asyncio.to_thread(LogPlaces.at, folder)

        def work() -> None:
            lock = FolderLock(places.folder)
            try:
                public = Places(places.files, places.head)
                Keeper.refuse_old(public)
                Journal.create(places.journal).close()
                Keeper.create(public, signer)
            finally:
                lock.release()

        await asyncio.to_thread(work)
        return await cls.open(places, signer, clock)

    @classmethod
    async def open(
        cls, folder: Path | LogPlaces, signer: Signer, clock: Clock, *, previous: Sequence[VerifierKey] = ()
    ) -> "Log":
        """Opens a log that is there, and puts into the tree what a stop has left over.

        `previous` are older keys of the log, for the start after a change of key. Raises StorageError, and
        LogRefusedError when the log is missing, shorter than it was, another one, damaged, or in use.
        """

        def work() -> tuple[LogPlaces, FolderLock, Keeper, Journal, tuple[bytes, ...]]:
            where = folder.folder if isinstance(folder, LogPlaces) else folder
            if not where.is_dir():
                raise LogRefusedError("missing", f"There is no log in {where}.", "Create it, or restore the folder.")
            with contextlib.ExitStack() as undo:
                lock = FolderLock(where)
                undo.callback(lock.release)
                places = folder if isinstance(folder, LogPlaces) else LogPlaces.at(folder)
                keeper = Keeper.open(Places(places.files, places.head), signer, previous)
                journal, left = Journal.open(places.journal, keeper.size)
                if left:
                    keeper.grow(left)
                journal.prune(keeper.size)
                undo.pop_all()
            return places, lock, keeper, journal, left

        places, lock, keeper, journal, left = await asyncio.to_thread(work)
        log = cls(places, clock, lock, keeper, journal)
        log._checkpoint_at = clock.monotonic() if left else None
        log._tending = asyncio.create_task(log._tend(), name="tlog")
        return log

    @property
    def origin(self) -> str:
        return self._checkpoint.origin

    @property
    def size(self) -> int:
        """How many entries the latest checkpoint has."""
        return self._keeper.size

    @property
    def fault(self) -> StorageError | None:
        """Why the latest checkpoint could not be made; None when all is well."""
        return self._fault

    def checkpoint(self) -> bytes:
        """The latest checkpoint, with the cosignatures that it has so far."""
        return self._keeper.note.encode()

    @property
    def _checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(self._keeper.note.text)

    async def append(self, leaf: bytes) -> Index:
        """Puts an entry of at most 65,535 bytes into the log, durably, and returns its index.

        It is under a checkpoint within the merge delay. Raises TlogError (`too_large`), LogBehindError, StorageError;
        after a StorageError, or when cancelled, the entry may be in the log all the same.
        """
        if len(leaf) > MAX_ENTRY:
            raise TlogError("too_large", f"An entry has at most {MAX_ENTRY} bytes, this one {len(leaf)}.")
        self._check_open()
        since = self._pending_since
        stuck = self._fault or (self._tending is not None and self._tending.done())
        if since is not None and stuck and self._clock.monotonic() - since > MERGE_DELAY_S:
            raise LogBehindError(
                "The transparency log cannot make its checkpoints.", hint=str(self._fault or "Restart.")
            )
        result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((leaf, result))
        if self._writing is None:
            self._write()
        return Index(await result)

    async def covered(self, index: int) -> None:
        """Waits until the entry at `index` is under a checkpoint. Raises StorageError when the log is closed first."""
        async with self._grown:
            await self._grown.wait_for(lambda: self.size > index or self._closed)
        if self.size <= index:
            self._check_open()

    async def tree(self) -> Tree:
        """The log at its latest checkpoint, to make proofs from."""
        note = self.checkpoint()
        if self._tree is None or self._tree.note != note:
            self._tree = Tree(note, self._checkpoint, self.file, self._cache)
        return self._tree

    async def proof(self, index: int, extra: bytes | None = None) -> bytes:
        """A self-contained proof for the entry at `index` (C2SP tlog-proof).

        Raises ProofError (`pending` when it is under no checkpoint yet, `out_of_range`), TileError, StorageError.
        """
        tree = await self.tree()
        if tree.size <= index < tree.size + len(self._pending):
            raise ProofError("pending", f"Entry {index} is in the log, and under a checkpoint within a minute.")
        return await tree.proof(index, extra)

    async def file(self, path: str) -> bytes | None:
        """A public file by its path, to be served; None when the log has none there. Raises StorageError."""
        return await asyncio.to_thread(self._places.files.read, path) if is_log_path(path) else None

    async def cosign(self, cosignatures: Iterable[Signature], witnesses: Sequence[VerifierKey]) -> bool:
        """Puts cosignatures of witnesses on the latest checkpoint; False when they are not for it. Raises StorageError."""
        found = tuple(cosignatures)
        self._check_open()
        return await self._build(lambda: self._keeper.cosign(found, witnesses))

    async def close(self) -> None:
        """Finishes what is waiting, makes a last checkpoint, and lets the log go. May be called twice."""
        if self._closed:
            return
        self._closed = True
        while self._writing is not None:
            await asyncio.wait([self._writing])
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending])
        await self._grow()
        async with self._grown:
            self._grown.notify_all()
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._writer.shutdown(wait=True)
        self._builder.shutdown(wait=True)
        self._journal.close()
        self._lock.release()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("The transparency log is closed.", hint="The program is shutting down.")

    def _write(self) -> None:
        """Starts one flush for all that are waiting. The next one starts when it is done."""
        group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
        entries = [leaf for leaf, _ in group]
        self._writing = asyncio.get_running_loop().run_in_executor(self._writer, self._journal.append, entries)
        self._writing.add_done_callback(lambda done: self._written(group, done))

    def _written(self, group: list[tuple[bytes, asyncio.Future[int]]], done: asyncio.Future[int]) -> None:
        error = done.exception()
        if error is None:
            self._pending += [leaf for leaf, _ in group]
            if self._pending_since is None:
                self._pending_since = self._clock.monotonic()
            self._wake.set()
        self._writing = None
        if self._waiting:
            self._write()
        for at, (_, result) in enumerate(group):
            if result.done():  # the caller was cancelled
                continue
            if error is None:
                result.set_result(done.result() + at)
            else:
                result.set_exception(error)

    async def _tend(self) -> None:
        """Makes checkpoints, one at a time, not more often than they may be."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._checkpoint_at is not None:
                await self._clock.sleep(self._checkpoint_at + self.pace_s - self._clock.monotonic())
            # Once it has begun it is finished, so that the tree and what is pending stay in step.
            growing = asyncio.ensure_future(self._grow())
            try:
                await asyncio.shield(growing)
            except asyncio.CancelledError:
                await growing
                raise

    async def _grow(self) -> None:
        entries, started = tuple(self._pending), self._clock.monotonic()
        if not entries:
            return
        self._checkpoint_at = started
        try:
            await self._build(lambda: self._keeper.grow(entries))
        except StorageError as error:
            self._fault = error
            self._wake.set()
            _log.warning("no checkpoint could be made", extra={"about": {"entries": len(entries), "error": str(error)}})
            return
        self._fault = None
        del self._pending[: len(entries)]
        self._pending_since = started if self._pending else None
        async with self._grown:
            self._grown.notify_all()
        size = self._keeper.size
        with contextlib.suppress(StorageError):  # a segment that stays costs space, and goes with the next one
            await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.prune, size)

    async def _build(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._builder, work)
