"""Group commit: all writes that are waiting go into one transaction, in one thread.

A commit with `synchronous=FULL` costs a flush of the disk, whatever is in it; so sixty writers that share a commit are
many times as fast as sixty commits, and nobody waits longer than for the flush that is under way.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError, SQLAlchemyError

from triptych.spec.errors import StorageError, TriptychError
from triptych.store.engine import ADVISORY_LOCK
from triptych.store.faults import RETRY_STATES, driver_errors, state_of, storage_error
from triptych.store.prepared import Prepared

T = TypeVar("T")
_BATCH = 512  # writes in one transaction: enough to hide the flush, short enough to keep latency low
_TRIES = 5
_OWN_FAULT = (IntegrityError, DataError, ProgrammingError, InterfaceError)
_OWN_FAULT_NAMES = tuple(kind.__name__ for kind in _OWN_FAULT)


RowMaker = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one statement, by the ids of their records. Statements with a lower `rank` run first: parents before
    children. A row is made in the writer's thread, and not at all when the same transaction has a later one of its record."""

    rank: int
    statement: Prepared
    made: Sequence[tuple[str, RowMaker]]

    @property
    def values(self) -> list[Mapping[str, Any]]:
        return [make() for _, make in self.made]


@dataclass(frozen=True, slots=True)
class Write:
    """Something to be written as a whole or not at all: rows, or a function for what has to look before it writes.

    A function may be run more than once, in a transaction that was rolled back each time but the last.
    """

    rows: tuple[Rows, ...] = ()
    call: Callable[[Connection], Any] | None = None
    locked: bool = False  # the function needs to be the only one, across programs
    result: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Belongs to the event loop that uses it. A caller that is cancelled while it waits has written all or nothing,
    and cannot know which."""

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine = engine
        self._place = place
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="triptych-writer")
        self._kept: Connection | None = None
        self._waiting: list[Write] = []
        self._running: asyncio.Future[list[Any]] | None = None
        self._due = self._closed = False

    async def rows(self, *rows: Rows) -> None:
        """Inserts or replaces rows in one transaction."""
        await self._submit(Write(rows=rows))

    async def call(self, function: Callable[[Connection], T], *, locked: bool = False) -> T:
        """Runs `function` in the writer's transaction."""
        return cast("T", await self._submit(Write(call=function, locked=locked)))

    async def close(self) -> None:
        """Finishes what is waiting, then refuses everything."""
        self._closed = True
        while self._due or self._running is not None:
            await (asyncio.sleep(0) if self._running is None else asyncio.wait([self._running]))
        self._thread.shutdown(wait=True)
        self._let_go()

    async def _submit(self, write: Write) -> Any:
        if self._closed:
            raise StorageError(f"{self._place} is closed.", hint="The program is shutting down.")
        self._waiting.append(write)
        if self._running is None:
            self._start_soon()
        return await write.result

    def _start_soon(self) -> None:
        """Once everybody who is ready to write now has said so: fewer transactions, with more in each."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._due = False
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._run, batch)
        self._running.add_done_callback(lambda finished: self._deliver(batch, finished))

    def _deliver(self, batch: list[Write], finished: "asyncio.Future[list[Any]]") -> None:
        self._running = None
        # Anything that is not a fault of a database is a mistake of ours: every caller sees it as it is.
        failed = finished.exception()
        outcomes = [_Raised(failed)] * len(batch) if failed else finished.result()
        for write, outcome in zip(batch, outcomes, strict=True):
            if write.result.done():  # the caller was cancelled
                continue
            if isinstance(outcome, _Raised):
                write.result.set_exception(outcome.error)
            else:
                write.result.set_result(outcome)
        if self._waiting:
            self._start_soon()

    # From here on: in the writer's thread.

    def _run(self, batch: list[Write]) -> list[Any]:
        for _ in range(_TRIES):
            try:
                return self._together(batch)
            except _raised() as error:
                fault = error
            if state_of(fault) not in RETRY_STATES:
                break
        if len(batch) == 1 or not _is_own_fault(fault):
            return [_Raised(self._typed(fault))] * len(batch)
        try:
            return self._one_by_one(batch)
        except _raised() as error:
            return [_Raised(self._typed(error))] * len(batch)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """SQLite's one connection is kept from one transaction to the next, as long as all goes well. On PostgreSQL each
        transaction asks the pool, which looks whether the server is still there."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.begin() as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        whole = False
        try:
            with self._kept.begin():
                yield self._kept
            whole = True
        finally:
            if not whole:
                self._let_go()

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _together(self, batch: list[Write]) -> list[Any]:
        with self._transaction() as connection:
            self._lock(connection, batch)
            by_rank: dict[int, tuple[Prepared, dict[str, RowMaker]]] = {}
            for write in batch:
                for rows in write.rows:
                    by_rank.setdefault(rows.rank, (rows.statement, {}))[1].update(rows.made)  # the last of each record
            for _, (statement, made) in sorted(by_rank.items(), key=_rank_of):
                # By id, so that two programs which write the same records never wait for each other in a ring.
                statement.run(connection, [make() for _, make in sorted(made.items(), key=_id_of)])
            return [write.call(connection) if write.call else None for write in batch]

    def _one_by_one(self, batch: list[Write]) -> list[Any]:
        """One transaction still, but each write in a savepoint: those that fail are undone alone."""
        outcomes: list[Any] = []
        with self._transaction() as connection:
            self._lock(connection, batch)
            for write in batch:
                try:
                    with connection.begin_nested():
                        for rows in write.rows:
                            rows.statement.run(connection, rows.values)
                        outcomes.append(write.call(connection) if write.call else None)
                except _raised() as error:
                    if not _is_own_fault(error):
                        raise
                    outcomes.append(_Raised(self._typed(error)))
        return outcomes

    def _lock(self, connection: Connection, batch: list[Write]) -> None:
        # SQLite has one writer at a time anyway. On PostgreSQL the lock is held until the commit.
        if connection.dialect.name == "postgresql" and any(write.locked for write in batch):
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})

    def _typed(self, error: BaseException) -> TriptychError:
        return error if isinstance(error, TriptychError) else storage_error(error, self._place)


@dataclass(frozen=True, slots=True)
class _Raised:
    error: BaseException


def _raised() -> tuple[type[Exception], ...]:
    """What one write can raise. OverflowError, ValueError and TypeError come from drivers that cannot bind a value."""
    return (SQLAlchemyError, *driver_errors(), TriptychError, OverflowError, ValueError, TypeError)


def _id_of(row: tuple[str, RowMaker]) -> str:
    return row[0]


def _rank_of(rows: tuple[int, Any]) -> int:
    return rows[0]


def _is_own_fault(error: BaseException) -> bool:
    """Whether the write is to blame, and not the disk, the server or another program."""
    if isinstance(error, driver_errors()):  # PEP 249 names the classes, each driver has its own
        return any(kind.__name__ in _OWN_FAULT_NAMES for kind in type(error).__mro__)
    return isinstance(error, _OWN_FAULT) or not isinstance(error, DBAPIError)
