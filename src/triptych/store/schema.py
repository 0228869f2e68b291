"""Opening a database: is it ours, is it sound, is it of this age; and bringing an older one up to date."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, text

from triptych.spec.errors import StorageError
from triptych.store.engine import ADVISORY_LOCK, Place
from triptych.store.faults import at
from triptych.store.tables import REVISIONS, VERSION_TABLE

_SCRIPTS = Path(__file__).parent / "migrations"
_CHECKED_WHOLE = 32 << 20  # bytes: a file up to this size is checked page by page at every start, in about 0.1 s


def check_file(place: Place, busy_s: float) -> None:
    """Looks at a SQLite file without changing it. Raises StorageError when it is damaged, another program's, or
    written by a newer Triptych."""
    path = place.path
    if path is None or not path.exists() or path.stat().st_size == 0:
        return
    address = f"file:{quote(str(path))}?mode=ro"
    with at(place.name), closing(sqlite3.connect(address, uri=True, timeout=busy_s)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if VERSION_TABLE in names:
            row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - a constant
            _check_revision(row[0] if row else None, place)
        elif names:
            raise StorageError(
                f"{place.name} belongs to another program.",
                hint="Set `database` to a file of its own. Nothing was changed.",
            )
        if path.stat().st_size <= _CHECKED_WHOLE:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise StorageError(
                    f"{place.name} is damaged.",
                    hint="Move the file away and restore it from a backup. Nothing was changed.",
                    upstream=str(verdict)[:300],
                )


def _check_revision(revision: str | None, place: Place) -> None:
    if revision is not None and revision not in REVISIONS:
        raise StorageError(
            f"{place.name} was written by a newer Triptych: its schema is {revision}, and this program knows up to "
            f"{REVISIONS[-1]}.",
            hint="Start that newer version, or set `database` to another place. Nothing was changed.",
        )


def revision_of(connection: Connection) -> str | None:
    """The schema of a database, None for an empty one."""
    if connection.dialect.name == "sqlite":
        there = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name")
    else:
        there = text("SELECT 1 WHERE to_regclass(:name) IS NOT NULL")
    if connection.execute(there, {"name": VERSION_TABLE}).first() is None:
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return found


def bring_up_to_date(engine: Engine, place: Place) -> None:
    """Migrates in one transaction, once, also when several programs start together. Raises StorageError for a
    database of a newer program, which is then left as it is."""
    with at(place.name), engine.begin() as connection:
        current = revision_of(connection)
        _check_revision(current, place)
        if current == REVISIONS[-1]:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        upgrade(connection, REVISIONS[-1])


def upgrade(connection: Connection, revision: str) -> None:
    """Runs the migration scripts up to `revision` in the connection's transaction."""
    # Loaded here because a database that is up to date, which is nearly every start, has no use for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
