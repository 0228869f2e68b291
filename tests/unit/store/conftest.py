"""The record store on both databases. `TRIPTYCH_TEST_POSTGRES` names another server than the usual local one."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.unit.store.samples import FixedClock

from triptych.store import tables
from triptych.store.engine import open_engines, parse_place
from triptych.store.records import SqlRecordStore
from triptych.store.schema import bring_up_to_date


def _migrate(url: str) -> None:
    place = parse_place(url)
    engines = open_engines(place, 5.0)
    bring_up_to_date(engines.writer, place)
    engines.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The address of a server that can be reached; without one the tests are skipped, in CI they fail."""
    url = os.environ.get("TRIPTYCH_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
    try:
        psycopg.connect(url, connect_timeout=30).close()
    except psycopg.OperationalError as error:
        reason = f"no PostgreSQL at {url.rpartition('@')[2]}: {str(error).partition(chr(10))[0]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return url


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """The address of a schema with nothing in it."""
    yield from _schema(postgres_server)


def _schema(server: str) -> Iterator[str]:
    schema = f"triptych_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute("SET client_min_messages = warning")
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    for url in _schema(postgres_server):
        _migrate(url)
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, up-to-date database."""
    if request.param == "sqlite":
        path = tmp_path / "triptych.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    url: str = request.getfixturevalue("migrated_postgres")
    yield url
    with psycopg.connect(url) as connection:
        connection.execute(f"TRUNCATE {', '.join(tables.METADATA.tables)} CASCADE")


@pytest.fixture
async def store(database: str) -> AsyncIterator[SqlRecordStore]:
    opened = await SqlRecordStore.open(database, FixedClock())
    yield opened
    await opened.close()
