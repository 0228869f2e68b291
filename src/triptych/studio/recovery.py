"""After a restart: every tile that was left unfinished is re-attached, started, or said to be lost.

A tile that may have been sent to a provider that bills, and that has no job to ask about, is never sent again by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from triptych.router.book import fees_of_tile
from triptych.router.budget import Budget, Caps
from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError
from triptych.spec.image import UNKNOWN_COST, Billed
from triptych.spec.model import JobHandle
from triptych.spec.records import FINAL_STATES, AttemptRecord, PictureRecord, RunRecord, TileError, TileRecord
from triptych.spec.routing import Leg
from triptych.store.base import BlobStore, RecordStore
from triptych.studio.conversation import Conversation
from triptych.studio.credentials import sha256_of
from triptych.studio.failures import bill_words, came_words
from triptych.studio.ingest import missing_pictures
from triptych.studio.outstanding import leg_of, lost, unheard
from triptych.studio.terms import for_lane, terms_of
from triptych.studio.tiles import Tiles

KEYS_KEPT_MS = 7 * 24 * 3600 * 1000
_CLAIM_KEPT_MS = 10 * 60 * 1000  # a claim gets its tile within moments: the process of an older one without is gone


def legs_of(tile: TileRecord, attempts: Sequence[AttemptRecord]) -> list[Leg]:
    """The jobs at providers that a tile still waits for, in the order of its pictures."""
    left = [one for one in attempts if one.job is not None and one.outcome == "running"]
    legs = [leg_of(one, one.job) for one in left if one.job is not None]
    if not legs and tile.job is not None:
        legs = [_leg_of_tile(tile.job, attempts)]
    return sorted(legs, key=lambda leg: leg.offset)


def _leg_of_tile(job: JobHandle, attempts: Sequence[AttemptRecord]) -> Leg:
    """The tile's own job: that of an attempt that has ended and whose pictures were not kept, or of an older record."""
    made = next((one for one in attempts if one.job == job), None)
    return Leg(job) if made is None else leg_of(made, job)


class Recovery:
    """Looks after what an earlier process left."""

    def __init__(
        self,
        *,
        store: RecordStore,
        blobs: BlobStore,
        registry: Registry,
        tiles: Tiles,
        clock: Clock,
        caps: Callable[[], Caps],
        owner: str,
        deadline_s: float,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._conversation = Conversation(store, blobs)
        self._registry = registry
        self._tiles = tiles
        self._clock = clock
        self._caps = caps
        self._owner = owner
        self._deadline_s = deadline_s
        self._budget = Budget(store, clock)

    async def recover(self, owner_alive: Callable[[str], bool]) -> int:
        """See Studio.recover."""
        taken = 0
        self._tiles.veiled.update(await self._store.veiled())
        for left in await self._store.unfinished_tiles():
            if left.owner is not None and owner_alive(left.owner):
                continue
            # Claimed one by one, because another process may be starting on the same records.
            tile = await self._store.claim_tile(left.id, left.owner, self._owner)
            if tile is not None:
                taken += 1
                await self._go_on(tile)
        await self._settle_ended()
        now = self._clock.now_ms()
        await self._store.prune_idempotent(before_ms=now - KEYS_KEPT_MS, unanswered_before_ms=now - _CLAIM_KEPT_MS)
        return taken

    async def _settle_ended(self) -> None:
        """Closes what tiles still hold that have ended: their end could be kept when the ledger could not."""
        open_ones = await self._store.open_reservations()
        for tile_id in dict.fromkeys(entry.tile_id for entry in open_ones if entry.tile_id is not None):
            tile = await self._store.tile(tile_id)
            if tile is not None and tile.state in FINAL_STATES:
                await self._settle(tile)

    async def _settle(self, tile: TileRecord) -> None:
        """Closes what a tile still holds by its own word. With several calls in it nobody can tell whose charge it was;
        then it is settled as unknown."""
        entries = await self._store.ledger(tile_id=tile.id)
        calls = [one for one in entries if one.kind == "reserve" and one.endpoint is not None]
        if len(calls) == 1:
            fees = await fees_of_tile(self._store, tile.id)
            hold = await self._budget.adopt(tile.id, "", calls[0].reservation, fees)
            if hold is not None:
                await self._budget.close(hold, tile.billed, tile.cost or UNKNOWN_COST)
        await self._budget.reconcile(tile.id)

    async def _go_on(self, tile: TileRecord) -> None:
        run = await self._store.run(tile.run_id)
        attempts = await self._store.attempts_of(tile.id)
        running = [attempt for attempt in attempts if attempt.outcome == "running"]
        if run is None:
            await self._lose(tile, attempts, "Its run is gone.")
            return
        try:
            tile, pictures = await self._take_in(tile)
            if pictures and tile.state == "receiving" and (len(pictures) == len(tile.coming) or tile.job is None):
                await self._finish(tile, pictures, running)
            elif legs := legs_of(tile, attempts):
                await self._reattach(tile, run, attempts, legs)
            elif not pictures and self._may_run_again(tile, attempts):
                await self._start_again(tile, run, running)
            else:
                await self._lose(tile, attempts, "This provider cannot go on with it after a restart.")
        except NotFoundError as error:
            await self._lose(tile, attempts, error.message)

    async def _take_in(self, tile: TileRecord) -> tuple[TileRecord, tuple[PictureRecord, ...]]:
        """The pictures that are here: those of the records, and those that were written down as coming and whose bytes
        are kept whole. Bytes that were not kept are gone with the process that had them."""
        there = {one.id: one for one in (await self._store.pictures_of([tile.id])).get(tile.id, ())}
        whole = [one for one in tile.coming if await self._is_whole(one)]
        if whole:
            tile = replace(tile, updated_ms=self._clock.now_ms())
            await self._store.save_tile(tile, whole)
        there |= {one.id: one for one in whole}
        return tile, tuple(sorted(there.values(), key=lambda one: one.position))

    async def _is_whole(self, picture: PictureRecord) -> bool:
        data = await self._blobs.get(picture.sha256)
        return data is not None and await sha256_of(data) == picture.sha256

    async def _finish(
        self, tile: TileRecord, pictures: Sequence[PictureRecord], running: Sequence[AttemptRecord]
    ) -> None:
        """The end of a tile that had its whole answer: what it says and what it cost is in its record."""
        await self._settle(tile)
        await self._close(running, "unknown")
        notes = {note.feature: note for note in tile.adjustments}
        if gone := len(tile.coming) - len(pictures):
            notes["pictures"] = missing_pictures(gone, len(tile.coming), ["the server stopped before they were kept"])
        now = self._clock.now_ms()
        done = replace(tile, state="done", adjustments=tuple(notes.values()), coming=(), job=None, ended_ms=now,
                       updated_ms=now, fee_micro_usd=await self._fee(tile))  # fmt: skip
        await self._store.save_tile(done, pictures)

    def _may_run_again(self, tile: TileRecord, attempts: Sequence[AttemptRecord]) -> bool:
        """When nothing was ever out, or only where nothing costs anything. A job is out until its provider has ended it."""
        open_ended = [a for a in attempts if a.outcome == "running" or a.billed != "no"] + unheard(attempts)
        if tile.state == "receiving" and tile.billed != "no":
            return False
        return all(self._costs_nothing(attempt.endpoint) for attempt in open_ended)

    def _costs_nothing(self, endpoint: str) -> bool:
        found = self._registry.endpoints().get(endpoint)
        return found is not None and (found.model.card.free or found.model.card.lane == "local")

    async def _reattach(
        self, tile: TileRecord, run: RunRecord, attempts: Sequence[AttemptRecord], legs: Sequence[Leg]
    ) -> None:
        request = await self._conversation.request_of(tile)
        running = [attempt for attempt in attempts if attempt.outcome == "running"]
        # Those that name a job stay as they are until the attempt that goes on with it, and with its bill, is written.
        # Records that name none are those of the tile's; of several, nobody knows which of them that is.
        own = [attempt for attempt in running if attempt.job is not None] or (running if len(running) == 1 else [])
        for one in own:
            if one.job is None:
                await self._store.save_attempt(replace(one, job=legs[0].job))
        await self._close([attempt for attempt in running if attempt not in own], "unknown")
        if tile.state == "receiving":
            tile = replace(tile, state="working")  # its answer is to come again, and can be stopped until then
        terms = terms_of(run, self._caps(), self._deadline_s)
        pictures = (await self._store.pictures_of([tile.id])).get(tile.id, ())
        live = self._tiles.enlist(tile, blind=terms.blind, pictures=pictures)
        live.attempts |= {one.id: one for one in await self._store.attempts_of(tile.id)}
        self._tiles.resume(live, legs, request, for_lane(terms, tile.lane))

    async def _start_again(self, tile: TileRecord, run: RunRecord, running: Sequence[AttemptRecord]) -> None:
        request = await self._conversation.request_of(tile)
        await self._budget.give_back(tile.id)
        await self._close(running, "no")
        tile = replace(tile, state="queued", started_ms=None, updated_ms=self._clock.now_ms(), cost=None, billed="no")
        await self._store.save_tile(tile)
        terms = terms_of(run, self._caps(), self._deadline_s)
        live = self._tiles.enlist(tile, blind=terms.blind)
        self._tiles.start(live, request, for_lane(terms, tile.lane))

    async def _lose(self, tile: TileRecord, attempts: Sequence[AttemptRecord], why: str) -> None:
        """The final state of what cannot be known any more."""
        known = [attempt for attempt in attempts if attempt.outcome != "running" and attempt.billed == "yes"]
        never_out = tile.job is None and all(a.outcome != "running" and a.billed == "no" for a in attempts)
        never_out = never_out and not unheard(attempts)
        billed: Billed = "no" if never_out else "yes" if known and len(known) == len(attempts) else "unknown"
        pictures = (await self._store.pictures_of([tile.id])).get(tile.id, ())
        words = f"{came_words(pictures, tile)} {bill_words(billed)}" if pictures else bill_words(billed)
        error = TileError(
            code="lost", failure="ambiguous", message=f"It was under way when the server stopped. {why} {words}",
            hint="Retry when you want it after all." if billed == "no" else
            "Look at the provider's own page before you retry.", billed=billed,
        )  # fmt: skip
        now = self._clock.now_ms()
        await self._budget.reconcile(tile.id)
        await self._close([attempt for attempt in attempts if attempt.outcome == "running"], "unknown")
        cost = known[-1].cost if billed == "yes" and len(known) == 1 else None if billed == "no" else UNKNOWN_COST
        await self._store.save_tile(
            replace(
                tile, state="lost", error=error, billed=billed, cost=cost, job=None, coming=(), ended_ms=now,
                updated_ms=now, fee_micro_usd=await self._fee(tile),
            ),
            pictures,
        )  # fmt: skip

    async def _fee(self, tile: TileRecord) -> int:
        return sum(attempt.fee_micro_usd for attempt in await self._store.attempts_of(tile.id))

    async def _close(self, attempts: Sequence[AttemptRecord], billed: Billed) -> None:
        for attempt in attempts:
            booked = await self._budget.fees_of(attempt.tile_id) if billed != "no" else {}
            fee = booked.get(attempt.reservation, 0)
            await self._store.save_attempt(lost(attempt, self._clock.now_ms(), billed, fee))
