"""The record store on SQLAlchemy Core: SQLite by default, PostgreSQL by setting."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Self, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, true, update

from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError
from triptych.spec.json import Json
from triptych.spec.records import (
    FINAL_STATES,
    AttemptRecord,
    LedgerEntry,
    PickRecord,
    PictureRecord,
    RunRecord,
    TileRecord,
)
from triptych.spec.routing import Decision
from triptych.store import ledger, reads, tables
from triptych.store.base import Added, Cap, Charged, IdempotencyRecord, PolicyActivation, RunPage, Spend
from triptych.store.codec import json_value, to_json
from triptych.store.drift import DriftStore
from triptych.store.engine import READERS, Place, open_engines, parse_place
from triptych.store.faults import at
from triptych.store.gallery import GalleryStore
from triptych.store.imported import ImportedStore
from triptych.store.kits import KitStore
from triptych.store.lineage import LineageStore
from triptych.store.network import NetworkMemory
from triptych.store.receipts import Receipts
from triptych.store.schema import bring_up_to_date, check_file
from triptych.store.signed import Leaves, Signed
from triptych.store.statements import Statements, insert_into
from triptych.store.writer import Writer

T = TypeVar("T")


class SqlRecordStore:
    """Records in a database, see `RecordStore` for what every method promises.

    Made by `open`, used in the event loop it was opened in. One thread writes, with group commit; a few read. A caller
    that is cancelled inside a write cannot know whether it was written.
    """

    def __init__(self, place: Place, clock: Clock, busy_s: float) -> None:
        """Use `open`, which also migrates."""
        self._place = place
        self._clock = clock
        self._engines = open_engines(place, busy_s)
        self._statements = Statements("sqlite" if place.path else "postgresql")
        self._writer = Writer(self._engines.writer, place.name)
        self.receipts = Receipts(self._writer, self._read, self._statements)
        self.signed = Signed(self._writer, self._read)
        self.leaves = Leaves(self._writer, self._read)
        self.gallery = GalleryStore(self._writer, self._read, self._statements)
        self.kits = KitStore(self._writer, self._read)
        self.lineage = LineageStore(self._writer, self._read)
        self.imported = ImportedStore(self._writer, self._statements)
        self.drift = DriftStore(self._writer, self._read)
        self.network = NetworkMemory(self._writer, self._read)
        self._readers = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="triptych-reader")
        self._closed = False

    @classmethod
    async def open(cls, url: str, clock: Clock, *, busy_s: float = 5.0) -> Self:
        """Opens the database at `url`, makes it when there is none and brings an older one up to date.

        `url` is `sqlite:///folder/file.db` (four slashes for an absolute path) or `postgresql://user@host/name`;
        `busy_s` is how many seconds to wait for another program's lock. Raises SettingsError for another address and
        StorageError for a database that is damaged, locked, another program's, out of reach or newer than this
        program; such a database is not changed.
        """
        place = parse_place(url)
        return await asyncio.to_thread(cls._open, place, clock, busy_s)

    @classmethod
    def _open(cls, place: Place, clock: Clock, busy_s: float) -> Self:
        check_file(place, busy_s)
        if place.path is not None:
            with at(place.name):
                place.path.parent.mkdir(parents=True, exist_ok=True)
        store = cls(place, clock, busy_s)
        with ExitStack() as on_failure:
            on_failure.callback(store._engines.dispose)
            bring_up_to_date(store._engines.writer, place)
            on_failure.pop_all()
        return store

    async def close(self) -> None:
        """Finishes what is being written and lets go of the database."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._dispose)

    def _dispose(self) -> None:
        self._readers.shutdown(wait=True)
        self._engines.dispose()

    async def _read(self, query: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StorageError(f"{self._place.name} is closed.", hint="The program is shutting down.")

        def run() -> T:
            with at(self._place.name), self._engines.reader.connect() as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    # Runs, tiles and what belongs to them.

    async def save_run(
        self, run: RunRecord, tiles: Sequence[TileRecord] = (), answer: IdempotencyRecord | None = None
    ) -> None:
        rows = [self._statements.run(run), *([self._statements.tiles(tiles)] if tiles else [])]

        def save(db: Connection) -> None:
            for row in rows:
                row.statement.run(db, row.values)
            if answer is not None:
                keep_answer(db, answer)

        if answer is None:
            await self._writer.rows(*rows)
        else:
            await self._writer.call(save, locked=True)
        self.receipts.stories.begin(run, tiles)

    async def add_tiles(
        self, tiles: Sequence[TileRecord], answer: IdempotencyRecord | None = None, *, once: bool = False
    ) -> Added:
        places = {tile.position for tile in tiles}

        def add(db: Connection) -> Added:
            there = reads.tiles_of(db, [tiles[0].run_id])[tiles[0].run_id]
            if any(tile.position in places for tile in there):
                return "taken"
            if once and any(_repeats(tile, other) for tile in tiles for other in there):
                return "again"
            rows = self._statements.tiles(tiles)
            rows.statement.run(db, rows.values)
            if answer is not None:
                keep_answer(db, answer)
            return "added"

        return await self._writer.call(add, locked=True)

    async def save_tile(self, tile: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None:
        if tile.state in FINAL_STATES and self.receipts.maker is not None:
            await self.receipts.end(self.receipts.maker, tile, pictures)
            return
        with self.receipts.stories.writing(tile.id) as story:
            await self._writer.rows(*self._statements.tile(tile, pictures))
            if story is not None:
                story.job = tile.job

    async def save_attempt(
        self, attempt: AttemptRecord, tile: TileRecord | None = None, superseded: Sequence[AttemptRecord] = ()
    ) -> None:
        more = [] if tile is None else [self._statements.tiles([tile])]
        more += [self._statements.attempt(one) for one in superseded]
        with self.receipts.stories.writing(attempt.tile_id) as story:
            await self._writer.rows(self._statements.attempt(attempt), *more)
            if story is not None:
                story.attempts |= {one.id: one for one in (attempt, *superseded)}
                story.job = story.job if tile is None else tile.job

    async def save_decision(self, decision: Decision, tile_id: str, snapshot: str | None = None) -> None:
        more = [] if snapshot is None else [self._statements.snapshot(decision.snapshot_id, snapshot)]
        with self.receipts.stories.writing(tile_id) as story:
            await self._writer.rows(self._statements.decision(decision, tile_id), *more)
            if story is not None:
                story.decisions[decision.id] = decision

    async def run(self, run_id: str) -> RunRecord | None:
        return await self._read(lambda db: reads.one(db, tables.runs, RunRecord, run_id))

    async def tile(self, tile_id: str) -> TileRecord | None:
        return await self._read(lambda db: reads.one(db, tables.tiles, TileRecord, tile_id))

    async def picture(self, picture_id: str) -> PictureRecord | None:
        return await self._read(lambda db: reads.one(db, tables.pictures, PictureRecord, picture_id))

    async def decision(self, decision_id: str) -> Decision | None:
        return await self._read(lambda db: reads.one(db, tables.decisions, Decision, decision_id))

    async def runs(
        self, *, before: str | None = None, limit: int = 20, text: str | None = None, source: str | None = None
    ) -> RunPage:
        """Newest first, without deleted ones. `text` is words that must all begin some word of the prompt, `"in
        quotes"` a phrase; case and accents make no difference. Raises BadRequestError for a `before` that names no
        run and a `limit` below one."""
        return await self._read(
            lambda db: reads.runs(db, before=before, limit=limit, query_text=text, source=source)
        )  # fmt: skip

    async def tiles_of(self, run_ids: Sequence[str]) -> Mapping[str, tuple[TileRecord, ...]]:
        return await self._read(lambda db: reads.tiles_of(db, run_ids))

    async def pictures_of(self, tile_ids: Sequence[str]) -> Mapping[str, tuple[PictureRecord, ...]]:
        return await self._read(lambda db: reads.pictures_of(db, tile_ids))

    async def attempts_of(self, tile_id: str) -> tuple[AttemptRecord, ...]:
        return await self._read(lambda db: reads.attempts_of(db, tile_id))

    async def tile_of(self, attempt_id: str) -> str | None:
        """The tile that an attempt is for."""
        return await self._read(lambda db: reads.tile_of(db, attempt_id))

    async def decisions_of(self, tile_id: str) -> tuple[Decision, ...]:
        return await self._read(lambda db: reads.decisions_of(db, tile_id))

    async def recent_decisions(self, limit: int) -> tuple[Decision, ...]:
        return await self._read(lambda db: reads.recent_decisions(db, limit))

    async def snapshot(self, snapshot_id: str) -> str | None:
        return await self._read(lambda db: reads.body_of(db, tables.snapshots, snapshot_id))

    # Policies.

    async def keep_policy(self, policy_id: str, body: str, now_ms: int) -> None:
        await self._writer.call(lambda db: self._keep_policy(db, policy_id, body, now_ms))

    async def activate_policy(self, policy_id: str, body: str, now_ms: int) -> None:
        def activate(db: Connection) -> None:
            self._keep_policy(db, policy_id, body, now_ms)
            active = reads.policy_activations(db, 1)
            if not active or active[0].policy_id != policy_id:
                db.execute(tables.policy_activations.insert(), {"policy_id": policy_id, "active_ms": now_ms})

        await self._writer.call(activate, locked=True)

    def _keep_policy(self, db: Connection, policy_id: str, body: str, now_ms: int) -> None:
        insert = insert_into(tables.policies, "sqlite" if self._place.path else "postgresql")
        row = insert.values(id=policy_id, created_ms=now_ms, body=body)
        db.execute(row.on_conflict_do_nothing(index_elements=["id"]))

    async def policy(self, policy_id: str) -> str | None:
        return await self._read(lambda db: reads.body_of(db, tables.policies, policy_id))

    async def policy_activations(self, limit: int = 100) -> tuple[PolicyActivation, ...]:
        return await self._read(lambda db: reads.policy_activations(db, limit))

    async def unfinished_tiles(self) -> tuple[TileRecord, ...]:
        return await self._read(reads.unfinished_tiles)

    async def claim_tile(self, tile_id: str, held_by: str | None, owner: str) -> TileRecord | None:
        now = self._clock.now_ms()

        def claim(db: Connection) -> TileRecord | None:
            tile = reads.one(db, tables.tiles, TileRecord, tile_id)
            if tile is None or tile.owner != held_by or tile.state in FINAL_STATES:
                return None
            claimed = replace(tile, owner=owner, updated_ms=now)
            rows = self._statements.tiles([claimed])
            rows.statement.run(db, rows.values)
            return claimed

        return await self._writer.call(claim, locked=True)

    async def endpoint_samples(self, endpoint: str, limit: int = 50) -> tuple[tuple[int, bool], ...]:
        return await self._read(lambda db: reads.endpoint_samples(db, endpoint, limit))

    # Picks.

    async def save_pick(self, pick: PickRecord) -> None:
        await self._writer.rows(self._statements.pick(pick))

    async def picks(self, *, task: str | None = None) -> tuple[PickRecord, ...]:
        return await self._read(lambda db: reads.picks(db, task))

    async def veiled(self) -> Mapping[str, tuple[str, ...]]:
        return await self._read(reads.veiled)

    async def picks_of(self, run_ids: Sequence[str]) -> Mapping[str, tuple[PickRecord, ...]]:
        return await self._read(lambda db: reads.picks_of(db, run_ids))

    async def picks_among(self, picture_ids: Sequence[str]) -> tuple[PickRecord, ...]:
        return await self._read(lambda db: reads.picks_among(db, picture_ids))

    async def rejections(self) -> tuple[PickRecord, ...]:
        return await self._read(reads.rejections)

    async def delete_pick(self, pick_id: str) -> bool:
        return bool(await self._delete_picks(tables.picks.c.id == pick_id))

    async def delete_picks(self, ids: Sequence[str] | None = None) -> int:
        return await self._delete_picks(true() if ids is None else tables.picks.c.id.in_(ids))

    async def _delete_picks(self, which: ColumnElement[bool]) -> int:
        statement = delete(tables.picks).where(which)
        return await self._writer.call(lambda db: db.execute(statement).rowcount)

    # Money.

    async def reserve(
        self, entry: LedgerEntry, caps: Mapping[str, int], fee: LedgerEntry | None = None
    ) -> Spend | None:
        """See RecordStore. A cap on a run or key is passed over when the entry has none. Raises BadRequestError for an
        unknown cap or a negative amount, StorageError when the reservation is there already."""
        for one in (entry, fee) if fee is not None else (entry,):
            ledger.check_entry(one, caps, reserve=True)
        limits = dict(caps)
        return await self._writer.call(lambda db: ledger.reserve(db, entry, limits, fee), locked=True)

    async def close_reservation(self, entry: LedgerEntry, fee: LedgerEntry | None = None) -> bool:
        """See RecordStore. A settle without a reservation is kept and counted; a release without one is False."""
        for one in (entry, fee) if fee is not None else (entry,):
            ledger.check_entry(one, {}, reserve=False)
        return await self._writer.call(lambda db: ledger.close(db, entry, fee), locked=True)

    async def fees(self, scope: Cap | None = None) -> Mapping[str, int]:
        return await self._read(lambda db: ledger.fees(db, scope))

    async def spend(
        self,
        *,
        run_id: str | None = None,
        day: str | None = None,
        api_key: str | None = None,
        project: str | None = None,
    ) -> Spend:
        """What was spent under all the given names together; everything when none is given."""
        return await self._read(
            lambda db: ledger.spend(db, run_id=run_id, day=day, api_key=api_key, project=project)
        )  # fmt: skip

    async def spend_outside(self, *, day: str, runs: Collection[str]) -> Spend:
        return await self._read(lambda db: ledger.spend_outside(db, day, runs))

    async def balances(self, scope: Cap, limit: int = 100) -> Mapping[str, Spend]:
        return await self._read(lambda db: ledger.balances(db, scope, limit))

    async def charges(self, since_day: str) -> Mapping[str, Charged]:
        return await self._read(lambda db: ledger.charges(db, since_day))

    async def ledger(self, *, run_id: str | None = None, tile_id: str | None = None) -> tuple[LedgerEntry, ...]:
        return await self._read(lambda db: ledger.entries(db, run_id, tile_id))

    async def open_reservations(self) -> tuple[LedgerEntry, ...]:
        return await self._read(ledger.open_reservations)

    # Answers kept for their keys, and settings.

    async def begin_idempotent(
        self, record: IdempotencyRecord, instead_of: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        def begin(db: Connection) -> IdempotencyRecord | None:
            there = reads.idempotent(db, record.key, record.scope)
            if there is not None and there != instead_of:
                return there
            if there is not None:
                db.execute(delete(tables.idempotency).where(*_of_key(record.key, record.scope)))
            db.execute(tables.idempotency.insert(), asdict(record))
            return None

        return await self._writer.call(begin, locked=True)

    async def finish_idempotent(self, key: str, scope: str, status: int | None, response: str | None) -> None:
        table = tables.idempotency
        mine = _of_key(key, scope)
        statement = (
            delete(table).where(*mine)
            if status is None
            else update(table).where(*mine).values(status=status, response=response)
        )

        def finish(db: Connection) -> None:
            db.execute(statement)

        await self._writer.call(finish, locked=True)

    async def prune_idempotent(self, *, before_ms: int, unanswered_before_ms: int) -> int:
        table = tables.idempotency
        unanswered = and_(table.c.status.is_(None), table.c.created_ms < unanswered_before_ms)
        statement = delete(table).where(or_(table.c.created_ms < before_ms, unanswered))

        def prune(db: Connection) -> int:
            return db.execute(statement).rowcount

        return await self._writer.call(prune, locked=True)

    async def get_setting(self, name: str) -> Json:
        """None when it was never put."""
        query = select(tables.settings.c.value).where(tables.settings.c.name == name)
        value = await self._read(lambda db: db.execute(query).scalar())
        return None if value is None else json_value(value)

    async def put_setting(self, name: str, value: Json) -> None:
        insert = insert_into(tables.settings, "sqlite" if self._place.path else "postgresql")
        statement = insert.values(name=name, value=to_json(value), updated_ms=self._clock.now_ms())
        kept = {"value": statement.excluded.value, "updated_ms": statement.excluded.updated_ms}

        def put(db: Connection) -> None:
            db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=kept))

        await self._writer.call(put, locked=True)


def _of_key(key: str, scope: str) -> tuple[ColumnElement[bool], ...]:
    return tables.idempotency.c.key == key, tables.idempotency.c.scope == scope


def _repeats(tile: TileRecord, other: TileRecord) -> bool:
    """Whether another tile of the row is at work on what a new one is for: the same retry, or the same draft's final."""
    if other.state in FINAL_STATES or other.model != tile.model:
        return False
    if tile.retry_of is not None:
        return other.retry_of == tile.retry_of
    if not (tile.final and other.final) or tile.parent is None or other.parent is None:
        return False
    return other.parent.tile == tile.parent.tile


def keep_answer(db: Connection, answer: IdempotencyRecord) -> None:
    """Keeps the answer of a key that was claimed."""
    kept = update(tables.idempotency).where(*_of_key(answer.key, answer.scope))
    db.execute(kept.values(status=answer.status, response=answer.response))


async def open_store(url: str, clock: Clock) -> SqlRecordStore:
    """Opens the record store that the `database` setting names, see `SqlRecordStore.open`."""
    return await SqlRecordStore.open(url, clock)
