"""Programs that make the same new file together all get it, whoever turns it to WAL."""

import sqlite3
from typing import cast

import pytest

from triptych.store import engine


class Busy:
    """A connection that is told `code` some times before it is let through."""

    def __init__(self, times: int, code: int = sqlite3.SQLITE_BUSY) -> None:
        self.times = times
        self.code = code
        self.asked = 0

    def execute(self, _: str) -> None:
        self.asked += 1
        if self.asked <= self.times:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error


def use_wal(connection: Busy) -> None:
    engine._use_wal(cast(sqlite3.Connection, connection))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_WAL_PAUSES", (0.0,) * 3)


def test_it_is_asked_for_again_while_another_program_has_the_file() -> None:
    connection = Busy(3)
    use_wal(connection)
    assert connection.asked == 4


def test_a_file_that_stays_locked_and_other_errors_are_not_hidden() -> None:
    with pytest.raises(sqlite3.OperationalError):
        use_wal(Busy(9))
    broken = Busy(1, sqlite3.SQLITE_IOERR)
    with pytest.raises(sqlite3.OperationalError):
        use_wal(broken)
    assert broken.asked == 1
