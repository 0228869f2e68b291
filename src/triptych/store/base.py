"""The interfaces of everything that keeps something, and what each of them promises."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from triptych.spec.events import AppEvent, EventType
from triptych.spec.json import Json
from triptych.spec.records import AttemptRecord, LedgerEntry, PickRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Some runs, newest first, and where the next page starts (None at the end)."""

    runs: tuple[RunRecord, ...]
    next_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """An answer kept for its key. `body_sha256` is over the request. While the first call is in flight `status` is None
    and `response` names the process that has it (None: not known)."""

    key: str
    scope: str
    body_sha256: str
    created_ms: int
    status: int | None = None
    response: str | None = None


Added = Literal["added", "taken", "again"]
Cap = Literal["run", "day", "key", "project"]
"""What a cap may be over, and spending is added up for."""


@dataclass(frozen=True, slots=True)
class PolicyActivation:
    """From `active_ms` (wall time) on, a policy decided, until the next one."""

    policy_id: str
    active_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """Calls of one endpoint whose reservation is closed, in micro-dollars. `estimated` and `charged` are over the
    `calls` for which both are known, so that their difference is the catalogue's error; `unknown` counts charges that
    nobody could tell or that had no estimate, `released` calls that cost nothing. `most_bp` is the largest charge of one
    call in ten-thousandths of its estimate."""

    calls: int
    estimated_micro_usd: int
    charged_micro_usd: int
    unknown: int
    released: int
    most_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Open reservations plus settled charges, in micro-dollars. `unknown` counts charges nobody could tell, for which
    their estimates stand in: `guessed_micro_usd` of the amount, told when one name is asked for or a scope is listed.
    `fee_micro_usd` of it is the router's own fee, told when one name is asked for.
    `cap` names the cap that refused, in an answer of `reserve`. A charge counts for the run, day, key and project of its
    reservation."""

    amount_micro_usd: int
    unknown: int
    cap: Cap | None = field(default=None, compare=False)
    guessed_micro_usd: int = field(default=0, compare=False)
    fee_micro_usd: int = field(default=0, compare=False)


class RecordStore(Protocol):
    """Records. A write that has returned is durable. Every method may raise StorageError.

    `save_*` insert or replace by id. Methods that take several values write them in one transaction.
    """

    async def save_run(
        self, run: RunRecord, tiles: Sequence[TileRecord] = (), answer: IdempotencyRecord | None = None
    ) -> None:
        """With the answer of the key that the run was asked for under, so that neither is there without the other."""
        ...

    async def add_tiles(
        self, tiles: Sequence[TileRecord], answer: IdempotencyRecord | None = None, *, once: bool = False
    ) -> Added:
        """Adds new tiles to a run. `taken`, and nothing is written, when another process has put one in such a place
        meanwhile; `again` when `once` is set and a tile that is at work already repeats the same tile, or is the final of
        the same draft, by the same model. Look and write are one transaction."""
        ...

    async def save_tile(self, tile: TileRecord, pictures: Sequence[PictureRecord] = ()) -> None: ...
    async def save_attempt(
        self, attempt: AttemptRecord, tile: TileRecord | None = None, superseded: Sequence[AttemptRecord] = ()
    ) -> None:
        """With its tile, which has not ended, where that changes too, and the attempts of that tile whose job it goes on
        with: all or none."""
        ...

    async def save_decision(self, decision: Decision, tile_id: str, snapshot: str | None = None) -> None:
        """With the text of the snapshot it was made on, which is kept once under its `snapshot_id`."""
        ...

    async def run(self, run_id: str) -> RunRecord | None: ...
    async def tile(self, tile_id: str) -> TileRecord | None: ...
    async def runs(self, *, before: str | None = None, limit: int = 20, text: str | None = None,
                   source: str | None = None) -> RunPage: ...  # fmt: skip
    async def tiles_of(self, run_ids: Sequence[str]) -> Mapping[str, tuple[TileRecord, ...]]: ...
    async def pictures_of(self, tile_ids: Sequence[str]) -> Mapping[str, tuple[PictureRecord, ...]]: ...
    async def picture(self, picture_id: str) -> PictureRecord | None: ...
    async def attempts_of(self, tile_id: str) -> tuple[AttemptRecord, ...]: ...
    async def decision(self, decision_id: str) -> Decision | None: ...
    async def decisions_of(self, tile_id: str) -> tuple[Decision, ...]: ...
    async def recent_decisions(self, limit: int) -> tuple[Decision, ...]:
        """The newest decisions, newest first."""
        ...

    async def snapshot(self, snapshot_id: str) -> str | None: ...
    async def keep_policy(self, policy_id: str, body: str, now_ms: int) -> None:
        """Keeps a policy's text under its hash, for ever."""
        ...

    async def activate_policy(self, policy_id: str, body: str, now_ms: int) -> None:
        """Keeps a policy and writes down that it is the active one from now on, unless it is already."""
        ...

    async def policy(self, policy_id: str) -> str | None: ...
    async def policy_activations(self, limit: int = 100) -> tuple[PolicyActivation, ...]:
        """The newest activations, newest first."""
        ...

    async def unfinished_tiles(self) -> tuple[TileRecord, ...]:
        """Tiles in no final state: what a starting server has to look after."""
        ...

    async def claim_tile(self, tile_id: str, held_by: str | None, owner: str) -> TileRecord | None:
        """Makes `owner` the one who holds an unfinished tile, if it is `held_by` that one still. Returns the tile as it is
        then, None when another was first or it has ended. Look and write are one transaction."""
        ...

    async def reserve(
        self, entry: LedgerEntry, caps: Mapping[str, int], fee: LedgerEntry | None = None
    ) -> Spend | None:
        """Writes the reservation, and that of its fee, if no cap would be passed, and returns None; else writes nothing and returns what
        is already spent under the cap that refused. `caps` maps a `Cap` to a limit in micro-dollars and is
        looked at for the entry's own run, day, api key and project, with both amounts together. Check and write are one
        transaction."""
        ...

    async def close_reservation(self, entry: LedgerEntry, fee: LedgerEntry | None = None) -> bool:
        """Writes a `settle` or `release`, and that of its fee, unless the reservation is already closed (then False)."""
        ...

    async def fees(self, scope: Cap | None = None) -> Mapping[str, int]:
        """What was booked or is held as fee under each name of a scope, in micro-dollars: part of what is spent there.
        Without a scope all of it, under the empty name. Names without a fee are left out."""
        ...

    async def spend(
        self,
        *,
        run_id: str | None = None,
        day: str | None = None,
        api_key: str | None = None,
        project: str | None = None,
    ) -> Spend: ...
    async def spend_outside(self, *, day: str, runs: Collection[str]) -> Spend:
        """What was spent on a day by all but these runs."""
        ...

    async def balances(self, scope: Cap, limit: int = 100) -> Mapping[str, Spend]:
        """What was spent under each name of a scope, by name: the newest days and runs, the largest keys and projects."""
        ...

    async def charges(self, since_day: str) -> Mapping[str, Charged]:
        """What the calls of each endpoint were estimated at and charged, over reservations made since a day (ISO)."""
        ...

    async def ledger(self, *, run_id: str | None = None, tile_id: str | None = None) -> tuple[LedgerEntry, ...]: ...
    async def open_reservations(self) -> tuple[LedgerEntry, ...]: ...
    async def begin_idempotent(
        self, record: IdempotencyRecord, instead_of: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        """Claims the key and returns None, or returns the record that has it already. `instead_of` is a record whose
        process is gone: it gives way, if it is there still."""
        ...

    async def finish_idempotent(self, key: str, scope: str, status: int | None, response: str | None) -> None:
        """Keeps the answer, or with None frees the key (nothing was spent)."""
        ...

    async def prune_idempotent(self, *, before_ms: int, unanswered_before_ms: int) -> int:
        """Forgets keys claimed before that, and keys in flight already after a shorter time. Returns how many."""
        ...

    async def save_pick(self, pick: PickRecord) -> None: ...
    async def picks(self, *, task: str | None = None) -> tuple[PickRecord, ...]:
        """All picks, or those of one kind of task, oldest first."""
        ...

    async def veiled(self) -> Mapping[str, tuple[str, ...]]:
        """The tiles, by id, of each run that is blind and was neither picked from nor opened."""
        ...

    async def picks_of(self, run_ids: Sequence[str]) -> Mapping[str, tuple[PickRecord, ...]]: ...
    async def picks_among(self, picture_ids: Sequence[str]) -> tuple[PickRecord, ...]:
        """Every pick that may be of these pictures: those of their runs, and those of no one run. Oldest first."""
        ...

    async def rejections(self) -> tuple[PickRecord, ...]:
        """Every pick without a winner, oldest first."""
        ...

    async def delete_pick(self, pick_id: str) -> bool:
        """False when there is none."""
        ...

    async def delete_picks(self, ids: Sequence[str] | None = None) -> int:
        """Those, or all of them. Returns how many there were."""
        ...

    async def get_setting(self, name: str) -> Json: ...
    async def put_setting(self, name: str, value: Json) -> None: ...
    async def endpoint_samples(self, endpoint: str, limit: int = 50) -> tuple[tuple[int, bool], ...]:
        """The newest finished attempts at an endpoint as (milliseconds, worked), newest first."""
        ...

    async def close(self) -> None: ...


class BlobStore(Protocol):
    """Bytes by SHA-256. A `put` that has returned is durable; the same bytes are kept once."""

    async def put(self, data: bytes, sha256: str | None = None) -> str:
        """Returns the hash in lower-case hex, which is `sha256` where the caller has it. Raises StorageError (disk
        full, …)."""
        ...

    async def get(self, sha256: str) -> bytes | None: ...
    async def has(self, sha256: str) -> bool: ...
    async def remove(self, sha256: str, kinds: Sequence[str] = ()) -> None:
        """Deletes bytes, and what of these kinds was made of them."""
        ...

    async def put_derived(self, sha256: str, kind: str, data: bytes) -> None:
        """Keeps something that can be made again from a blob, e.g. its thumbnail."""
        ...

    async def get_derived(self, sha256: str, kind: str) -> bytes | None: ...


class Bus(Protocol):
    """The app-wide event log: bounded, in memory, resumable."""

    def publish(self, type_: EventType, data: Mapping[str, Json]) -> AppEvent: ...
    def announce(self, type_: EventType, make: Callable[[], Mapping[str, Json] | None], characters: int) -> None:
        """As `publish`, with data that is made when somebody reads it first, from values that do not change; None makes
        it no event. `characters` is about how long its texts are."""
        ...

    def last_id(self) -> int: ...
    def subscribe(self, since: int | None) -> AsyncIterator[AppEvent]:
        """Everything after `since`, then what comes. When `since` is older than the log, or from the future, the
        first event is a `reset`."""
        ...


class Vault(Protocol):
    """Provider keys, encrypted at rest and write-only for everyone but the driver."""

    async def put(self, name: str, value: str) -> None: ...
    async def get(self, name: str) -> str | None: ...
    async def remove(self, name: str) -> bool: ...
    async def names(self) -> tuple[str, ...]: ...
    async def stamp(self) -> int:
        """A number that is another one after any process kept or removed a key."""
        ...
