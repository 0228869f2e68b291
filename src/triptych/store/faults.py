"""What a database says, as an error that a person can act on."""

import errno
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from triptych.spec.errors import StorageError

FULL_HINT = "Free some space and try again; what was saved before is safe."
_LOCKED_HINT = "Close the other program that uses it (a second Triptych, a database browser, a backup) and try again."
_DAMAGED_HINT = "Move the file away and restore it from a backup. Nothing was changed."

# SQLite primary result codes (sqlite.org/rescode.html, read 2026-01): the low byte of the extended code.
_SQLITE = {
    sqlite3.SQLITE_FULL: ("The disk is full: {place} cannot be written.", FULL_HINT),
    sqlite3.SQLITE_BUSY: ("{place} is locked by another program.", _LOCKED_HINT),
    sqlite3.SQLITE_LOCKED: ("{place} is locked by another program.", _LOCKED_HINT),
    sqlite3.SQLITE_CORRUPT: ("{place} is damaged.", _DAMAGED_HINT),
    sqlite3.SQLITE_NOTADB: ("{place} is not a database, or it is damaged.", _DAMAGED_HINT),
    sqlite3.SQLITE_READONLY: ("{place} cannot be written.", "Allow this user to write the file and its folder."),
    sqlite3.SQLITE_PERM: ("{place} may not be opened.", "Allow this user to read and write the file and its folder."),
    sqlite3.SQLITE_CANTOPEN: ("{place} cannot be opened.", "Check that its folder exists and may be written."),
    sqlite3.SQLITE_IOERR: (
        "The disk reports an error at {place}.",
        "The disk may be full, gone or failing: check it, then try again.",
    ),
}
# PostgreSQL error codes, whole or by class (postgresql.org/docs/15/errcodes-appendix.html, read 2026-01).
_POSTGRES = {
    "53100": ("The disk of {place} is full.", FULL_HINT),
    "53300": ("{place} takes no more connections.", "Raise max_connections or close other programs that use it."),
    "53": ("{place} is out of resources.", "Look at the server's log, then try again."),
    "55P03": ("A record of {place} is locked by another program.", _LOCKED_HINT),
    "40": ("{place} had to give up a transaction.", "Try again."),
    "42501": ("This user may not do that on {place}.", "Grant it the right to create and write tables there."),
    "25006": ("{place} is read-only.", "Use the primary server."),
    "28": ("{place} refuses this user.", "Check the user and password in the `database` setting."),
    "3D": ("{place} does not exist.", "Create it with createdb, or change the `database` setting."),
    "57P": ("{place} is shutting down or starting.", "Try again when it is up."),
    "08": ("{place} cannot be reached.", "Check that the server runs and that the `database` setting names it."),
    "XX": ("{place} is damaged.", "Look at the server's log and restore from a backup."),
}
_UNREACHABLE = _POSTGRES["08"]
RETRY_STATES = frozenset({"40001", "40P01"})
"""The transaction was undone because another one stood in its way: it may simply be run again."""
_DISK = {errno.ENOSPC, errno.EDQUOT}


def driver_errors() -> tuple[type[Exception], ...]:
    """What the database drivers raise by themselves. PostgreSQL's driver takes longer to load than the rest of a start,
    so it is loaded by the engine that needs it; until then nobody can have raised an error of it."""
    loaded = sys.modules.get("psycopg")
    return (sqlite3.Error,) if loaded is None else (sqlite3.Error, loaded.Error)


def _alchemy(name: str) -> tuple[type[Exception], ...]:
    """An error class of SQLAlchemy; none while it is not loaded, as in a hub, which keeps its memory without it."""
    loaded = sys.modules.get("sqlalchemy.exc")
    return () if loaded is None else (getattr(loaded, name),)


def _database_errors() -> tuple[type[Exception], ...]:
    return (*_alchemy("SQLAlchemyError"), *driver_errors())


def _original(error: BaseException) -> BaseException:
    """What the driver said."""
    orig: BaseException | None = getattr(error, "orig", None) if isinstance(error, _alchemy("DBAPIError")) else None
    return error if orig is None else orig


def _is_postgres(error: BaseException | None) -> bool:
    return isinstance(error, driver_errors()) and not isinstance(error, sqlite3.Error)


def state_of(error: BaseException) -> str | None:
    """The SQLSTATE of a PostgreSQL error."""
    original = _original(error)
    return getattr(original, "sqlstate", None) if _is_postgres(original) else None


def storage_error(error: BaseException, place: str) -> StorageError:
    """`error` as a StorageError that names `place`. Values of the statement are not in it."""
    original = _original(error)
    words = _words(original)
    if words is not None:
        message, hint = words
        return StorageError(message.format(place=place), hint=hint, upstream=_first_line(original))
    if isinstance(error, (*_alchemy("IntegrityError"), sqlite3.IntegrityError)):
        return StorageError(
            f"{place} refuses the record: it is there already, or what it belongs to is not.",
            hint="Save the run before its tiles and the tile before its pictures, and use an id only once.",
            upstream=_first_line(original),
        )
    return StorageError(
        f"{place} cannot keep or read this: {type(original).__name__}.",
        hint="The upstream text says more.",
        upstream=_first_line(original),
    )


def _words(original: BaseException | None) -> tuple[str, str] | None:
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _SQLITE.get(code & 0xFF)
    if _is_postgres(original):
        state: str | None = getattr(original, "sqlstate", None)
        if state is None:
            return _UNREACHABLE if isinstance(original, sys.modules["psycopg"].OperationalError) else None
        return next((_POSTGRES[part] for part in (state, state[:3], state[:2]) if part in _POSTGRES), None)
    if isinstance(original, _alchemy("TimeoutError")):
        return "{place} is too busy.", "Try again."
    return None


def _first_line(error: BaseException | None) -> str:
    return str(error).partition("\n")[0][:300]


def is_disk_full(error: OSError) -> bool:
    return error.errno in _DISK


def os_error(error: OSError, place: str) -> StorageError:
    """An error of the file system as a StorageError that names `place`."""
    if is_disk_full(error):
        return StorageError(f"The disk is full: {place} cannot be written.", hint=FULL_HINT)
    if isinstance(error, PermissionError):
        return StorageError(f"{place} may not be used.", hint="Allow this user to read and write it.")
    return StorageError(
        f"{place} cannot be used: {error.strerror or type(error).__name__}.",
        hint="Check that the disk is there and that the folder may be written.",
    )


@contextmanager
def at(place: str) -> Iterator[None]:
    """Turns what SQLAlchemy, SQLite or the file system raises inside into a StorageError that names `place`."""
    try:
        yield
    except _database_errors() as error:
        raise storage_error(error, place) from error
    except OSError as error:
        raise os_error(error, place) from error
