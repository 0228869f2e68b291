"""Connections: what a `database` setting means, and how each kind of database is opened."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from triptych.spec.errors import SettingsError

_FORMS = "Use sqlite:///folder/triptych.db (four slashes for an absolute path) or postgresql://user@host:5432/name."
READERS = 4
"""Reader threads, each with a connection of its own."""
_WAL_PAUSES = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)  # seconds
ADVISORY_LOCK = 7_217_021_903
"""The lock that PostgreSQL holds for the one who migrates or moves money; any number that no other program uses."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where records are kept. `name` is for messages: it never holds a password."""

    url: URL
    name: str
    path: Path | None  # of the SQLite file; None for PostgreSQL


def parse_place(text: str) -> Place:
    """Reads a `database` setting. Raises SettingsError for anything but SQLite on disk and PostgreSQL."""
    try:
        url = make_url(text)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise SettingsError("The `database` setting is not an address.", hint=_FORMS, param="database") from error
    if kind in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
        return Place(url, f"The PostgreSQL database {url.database or ''!r} on {url.host or 'this machine'}", None)
    if kind != "sqlite":
        raise SettingsError(f"The `database` setting names {kind!r}, which is not supported.", hint=_FORMS,
                            param="database")  # fmt: skip
    if not url.database or url.database == ":memory:":
        raise SettingsError("A database in memory keeps nothing.", hint=_FORMS, param="database")
    path = Path(url.database).absolute()
    return Place(URL.create("sqlite", database=str(path)), f"The database {path}", path)


@dataclass(frozen=True, slots=True)
class Engines:
    """One connection for the writer, some for the readers."""

    writer: Engine
    reader: Engine

    def dispose(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def open_engines(place: Place, busy_s: float) -> Engines:
    """Prepares connections; nothing is opened yet. `busy_s` is how long to wait for a lock of another program."""
    if place.path is not None:
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": busy_s}}
        engines = Engines(
            create_engine(place.url, pool_size=1, max_overflow=0, hide_parameters=True, **options),
            create_engine(place.url, pool_size=READERS, max_overflow=0, hide_parameters=True, **options),
        )
        event.listen(engines.writer, "connect", _sqlite_writer)
        event.listen(engines.writer, "begin", _begin_immediate)
        event.listen(engines.reader, "connect", _sqlite_reader)
        event.listen(engines.reader, "begin", _begin)
        return engines
    # pre_ping: a server that was restarted between two statements is not the caller's trouble.
    writer = create_engine(place.url, pool_size=1, max_overflow=0, pool_pre_ping=True, hide_parameters=True)
    reader = create_engine(place.url, pool_size=READERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True)

    def limit_waiting(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(busy_s * 1000)}")
        connection.commit()

    event.listen(writer, "connect", limit_waiting)
    event.listen(writer, "connect", _no_jit)
    event.listen(reader, "connect", _no_jit)
    return Engines(writer, reader)


def _no_jit(connection: Any, _record: Any) -> None:
    # Compiling a plan takes half a second where running it takes some milliseconds (postgresql.org/docs/15/jit-decision.html).
    connection.execute("SET jit = off")
    connection.commit()


def _sqlite_common(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None  # transactions are begun by the events below, not by the driver's guess
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -32768")


def _sqlite_writer(connection: sqlite3.Connection, _record: Any) -> None:
    _sqlite_common(connection)
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a write that has returned survives a power cut


def _use_wal(connection: sqlite3.Connection) -> None:
    """While another program turns the same new file to WAL, SQLite says "locked" at once and not after the busy timeout.
    It is over in a moment."""
    for pause in _WAL_PAUSES:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(pause)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _sqlite_reader(connection: sqlite3.Connection, _record: Any) -> None:
    _sqlite_common(connection)
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: Connection) -> None:
    # The write lock is taken at once: a transaction that reads first and then writes cannot be refused half-way.
    _tell(connection, "BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    _tell(connection, "BEGIN")


def _tell(connection: Connection, words: str) -> None:
    """On the driver itself, as `prepared` does: SQLAlchemy's own way takes longer than a small transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(words)
    finally:
        cursor.close()
