"""Statements that are compiled once and then run on the driver itself.

What SQLAlchemy does around each execution costs several times what SQLite does in it, and a picture takes two dozen
statements. On PostgreSQL, where the round trip costs more than both, they go the usual way, with its care for lost connections.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.sql.base import Executable


class Prepared:
    """One statement with named parameters. Values pass as the driver
    takes them: on SQLite a yes or no comes back as 0 or 1."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._made: tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] | None = None

    def _sqlite(self) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
        """The text, and what puts values in its order. Made on the first use: another database has other texts."""
        if self._made is None:
            compiled: Any = self._statement.compile(dialect=sqlite_dialect())  # type: ignore[attr-defined]  # Core's own
            names = tuple(compiled.positiontup or ())
            fixed = {name: value for name, value in compiled.params.items() if value is not None}

            def ordered(given: Mapping[str, Any]) -> tuple[Any, ...]:
                return tuple([given[name] if name in given else fixed[name] for name in names])

            self._made = (str(compiled), ordered)
        return self._made

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Runs it and returns what it finds."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        sql, ordered = self._sqlite()
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, ordered(values))
            found = cursor.fetchall()
        finally:
            cursor.close()
        return found

    def run(self, connection: Connection, values: Iterable[Mapping[str, Any]]) -> int:
        """Runs it for each set of values; how many rows it changed in all."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, list(values)).rowcount
        sql, ordered = self._sqlite()
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(sql, [ordered(one) for one in values])
            changed: int = cursor.rowcount
        finally:
            cursor.close()
        return changed
