"""Opening, migrating and losing a database: nothing is touched that is not ours, and every fault says what to do."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from tests.unit.store.samples import NOW, FixedClock, picture_of, run_of, tile_of

from triptych.spec.errors import SettingsError, StorageError
from triptych.store import schema
from triptych.store.codec import to_json
from triptych.store.engine import open_engines, parse_place
from triptych.store.records import SqlRecordStore, open_store
from triptych.store.tables import METADATA, REVISIONS, VERSION_TABLE


async def _refused(url: str, **more: float) -> StorageError:
    with pytest.raises(StorageError) as caught:
        await SqlRecordStore.open(url, FixedClock(), **more)
    assert caught.value.hint
    return caught.value


def test_the_program_knows_the_schemas_that_the_scripts_make() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._SCRIPTS))
    scripts = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(scripts)) == REVISIONS


_SEARCH = ("run_words", "word_vector", "ix_runs_words", "gallery_words", "ix_gallery_words")


def _is_ours(_object: object, name: str | None, _type: str, _reflected: bool, _compared: object) -> bool:
    return name is None or not name.startswith(_SEARCH)


# SQLAlchemy reads no index over an expression out of SQLite, so that one is not compared there.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index ix_gallery_cost")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index 'ix_gallery_cost'")
async def test_the_scripts_make_the_tables_that_the_program_uses(store: SqlRecordStore) -> None:
    def differences(db: Connection) -> list[str]:
        context = MigrationContext.configure(db, opts={"version_table": VERSION_TABLE, "include_object": _is_ours})
        return [str(difference) for difference in compare_metadata(context, METADATA)]

    assert await store._writer.call(differences) == []


def _old_database(url: str) -> None:
    """A database of the first schema with one run in it."""
    place = parse_place(url)
    engines = open_engines(place, 5.0)
    run = run_of(text="an old fox")
    with engines.writer.begin() as connection:
        schema.upgrade(connection, REVISIONS[0])
        connection.execute(
            text("INSERT INTO runs VALUES (:id, :seq, :ms, 'studio', :no, 'an old fox', :body)"),
            {"id": run.id, "seq": NOW << 20, "ms": NOW, "no": False, "body": to_json(run)},
        )
    engines.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'triptych.db'}"
    url: str = request.getfixturevalue("empty_postgres")
    return url


async def test_a_new_database_is_made(empty_database: str) -> None:
    store = await open_store(empty_database, FixedClock())
    await store.save_run(run_of(), [tile_of()])
    assert (await store.runs(text="fox")).runs == (run_of(),)
    await store.close()


async def test_an_old_database_is_brought_up_to_date_with_what_is_in_it(empty_database: str) -> None:
    place = parse_place(empty_database)
    if place.path is not None:
        place.path.parent.mkdir()
    _old_database(empty_database)
    store = await open_store(empty_database, FixedClock())
    assert (await store.runs(text="old")).runs == (run_of(text="an old fox"),)
    await store.save_run(run_of(text="a new cat"))
    assert (await store.runs(text="old")).runs == ()
    assert (await store.runs(text="cat")).runs == (run_of(text="a new cat"),)
    await store.close()


async def test_programs_that_start_together_migrate_once(empty_database: str) -> None:
    stores = await asyncio.gather(*(open_store(empty_database, FixedClock()) for _ in range(4)))
    await asyncio.gather(*(store.save_run(run_of(f"run_{n}")) for n, store in enumerate(stores)))
    assert len((await stores[0].runs()).runs) == 4
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_program_is_not_touched(empty_database: str) -> None:
    await (await open_store(empty_database, FixedClock())).close()
    place = parse_place(empty_database)
    engines = open_engines(place, 5.0)
    with engines.writer.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engines.dispose()
    before = place.path.read_bytes() if place.path else b""
    error = await _refused(empty_database)
    assert "newer Triptych" in error.message
    assert "9999" in error.message
    assert str(place.path or "PostgreSQL") in error.message
    assert "Nothing was changed" in str(error.hint)
    if place.path is not None:
        assert place.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "triptych.db"
    path.write_bytes(content)
    error = await _refused(f"sqlite:///{path}")
    assert str(path) in error.message
    assert "damaged" in error.message
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["triptych.db"]


async def test_a_damaged_page_is_found_at_the_start(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "triptych.db"
    content = bytearray(migrated_sqlite.read_bytes())
    content[2 * 4096 : 6 * 4096] = os.urandom(4 * 4096)
    path.write_bytes(content)
    error = await _refused(f"sqlite:///{path}")
    assert "damaged" in error.message
    assert path.read_bytes() == content


async def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id TEXT)")
    before = path.read_bytes()
    error = await _refused(f"sqlite:///{path}")
    assert "another program" in error.message
    assert path.read_bytes() == before


async def test_a_locked_database_is_refused_at_the_start(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "triptych.db"
    shutil.copy(migrated_sqlite, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        error = await _refused(f"sqlite:///{path}", busy_s=0.02)
    assert "locked by another program" in error.message
    assert str(path) in error.message
    await (await open_store(f"sqlite:///{path}", FixedClock())).close()


def _hold_sqlite(url: str) -> Callable[[], None]:
    other = sqlite3.connect(str(parse_place(url).path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def _hold_postgres(url: str) -> Callable[[], None]:
    other = psycopg.connect(url)
    other.execute("LOCK TABLE runs")

    def release() -> None:
        other.rollback()  # answered once the lock is gone, which a connection that ends does not wait for
        other.close()

    return release


async def test_a_lock_of_another_program_is_named_and_outlived(database: str) -> None:
    store = await SqlRecordStore.open(database, FixedClock(), busy_s=0.5)
    release = (_hold_sqlite if database.startswith("sqlite") else _hold_postgres)(database)
    with pytest.raises(StorageError, match="locked by another program") as caught:
        await store.save_run(run_of())
    assert "Close the other program" in str(caught.value.hint)
    release()
    await store.save_run(run_of())
    assert await store.run("run_1") == run_of()
    await store.close()


async def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "triptych.db"
    shutil.copy(migrated_sqlite, path)
    store = await open_store(f"sqlite:///{path}", FixedClock())
    await store.save_run(run_of(), [tile_of()])

    def room_for(pages: int) -> Callable[[Connection], None]:
        return lambda db: db.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()

    await store._writer.call(room_for(1))  # as many pages as there are now
    writes = [store.save_run(run_of(f"big_{n}", text="word " * 20_000)) for n in range(5)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(result, StorageError) and "The disk is full" in result.message for result in results)
    assert isinstance(results[0], StorageError)
    assert str(path) in results[0].message
    assert "Free some space" in str(results[0].hint)
    assert (await store.runs()).runs == (run_of(),)

    await store._writer.call(room_for(1_000_000))
    await store.save_tile(tile_of(state="done"), [picture_of()])
    assert (await store.pictures_of(["tile_1"]))["tile_1"] == (picture_of(),)
    await store.close()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    error = await _refused(f"sqlite:///{tmp_path / 'file' / 'deeper' / 'triptych.db'}")
    assert str(tmp_path) in error.message


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    error = await _refused("postgresql://somebody:hunter2@127.0.0.1:1/gallery")
    assert "'gallery' on 127.0.0.1 cannot be reached" in error.message
    assert "hunter2" not in str(error) + repr(error) + str(error.upstream)


@pytest.mark.postgres
async def test_a_broken_connection_heals(migrated_postgres: str) -> None:
    store = await SqlRecordStore.open(migrated_postgres, FixedClock())
    mine = await store._writer.call(lambda db: db.execute(text("SELECT pg_backend_pid()")).scalar())
    with psycopg.connect(migrated_postgres, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [mine])
    assert await store.get_setting("x") is None
    await store.put_setting("x", 1)
    assert await store.get_setting("x") == 1
    await store._writer.call(lambda db: db.execute(text("DELETE FROM settings")).close())
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "triptych.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://root:hunter2@localhost/test",
        "postgresql://host:port/test",
        "x://y",
    ],
)
async def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await open_store(url, FixedClock())
    assert caught.value.param == "database"
    assert "sqlite:///" in str(caught.value.hint) or "nothing" in caught.value.message
    assert "hunter2" not in str(caught.value)


async def test_the_file_survives_a_killed_program(tmp_path: Path) -> None:
    """What a write has returned for is there after a crash: the copy is what the disk holds at that moment."""
    path = tmp_path / "triptych.db"
    store = await open_store(f"sqlite:///{path}", FixedClock())
    await asyncio.gather(*(store.save_run(run_of(f"run_{n}")) for n in range(30)))
    (tmp_path / "copy").mkdir()
    for name in ("triptych.db", "triptych.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / "copy" / name)
    after_crash = await open_store(f"sqlite:///{tmp_path / 'copy' / 'triptych.db'}", FixedClock())
    assert len((await after_crash.runs(limit=100)).runs) == 30
    await after_crash.close()
    await store.close()
