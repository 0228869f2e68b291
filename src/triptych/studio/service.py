"""The studio: every use case of runs, tiles and pictures, without HTTP."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

from triptych.router.budget import Caps
from triptych.router.execute import Router
from triptych.router.price import Price
from triptych.router.registry import Registry
from triptych.router.shielded import finish
from triptych.spec.clock import Clock
from triptych.spec.errors import ConflictError, NotFoundError
from triptych.spec.ids import new_id
from triptych.spec.image import Cost, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import Lane, ModelCard
from triptych.spec.records import FINAL_STATES, Parent, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import NO_FLOORS, Floors
from triptych.store.base import BlobStore, Bus, IdempotencyRecord, RecordStore
from triptych.store.receipts import ReceiptRecord
from triptych.studio.credentials import Credentials, Delivered
from triptych.studio.curtain import Curtain
from triptych.studio.hearing import Hearing
from triptych.studio.ingest import Intake, Workshop
from triptych.studio.kept import asked_again, draft_of, kept_parent, parent_of, settings_of
from triptych.studio.live import Announcer, Live, follow
from triptych.studio.once import answered
from triptych.studio.picks import picked_of
from triptych.studio.pictures import Pictures
from triptych.studio.planning import Asked, Planner, check_text
from triptych.studio.prompt import DEFAULT_LIMIT
from triptych.studio.queue import Queue
from triptych.studio.recovery import Recovery
from triptych.studio.requests import ratio_of, request_json
from triptych.studio.spending import Spending
from triptych.studio.terms import AT_ONCE, DEADLINE_S, for_lane, routing_settings, terms_of, tile_nonce
from triptych.studio.tiles import Tiles
from triptych.studio.variation import is_derived, varied
from triptych.studio.veil import is_veiled
from triptych.studio.views import (
    Held,
    PlanView,
    RunsView,
    RunView,
    TileDetail,
    TileNews,
    TileView,
    UploadView,
    run_view,
    tile_view,
)

Source = Literal["studio", "api", "cli"]


class Studio:
    """One per process, used in one event loop. `owner` names this process; `caps` are the spending caps now; `price`
    is what one call costs by its card; `prompt_limit` is how many prompts one run may stand for, `deadline_s` how long a
    tile may take (the community lane takes at least half an hour). Every method may raise StorageError."""

    def __init__(
        self,
        *,
        store: RecordStore,
        blobs: BlobStore,
        bus: Bus,
        router: Router,
        registry: Registry,
        workshop: Workshop,
        clock: Clock,
        owner: str,
        caps: Callable[[], Caps],
        price: Price,
        prompt_limit: int = DEFAULT_LIMIT,
        deadline_s: float = DEADLINE_S,
        credentials: Credentials | None = None,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._blobs = blobs
        self._bus = bus
        self._router = router
        self._registry = registry
        self._clock, self._owner = clock, owner
        self._caps, self._deadline_s = caps, deadline_s
        self.within: Callable[[JsonObject], JsonObject] = dict  # how far any prompt may go, as a run keeps it
        self.pictures = Pictures(store, blobs, workshop)
        self._intake = Intake(blobs, workshop, clock, credentials)
        self._announcer = announcer = Announcer(bus, clock, self._live_view)
        hearing = Hearing(store, clock, announcer, self._card_of)
        self.queue = Queue(store, announcer.now)
        self.planner = Planner(registry=registry, pictures=self.pictures, store=store, clock=clock, caps=caps,
                                price=price, hold=router.hold, typical=router.typical_seconds, fees=router.fees, foresee=router.foresee, limit=prompt_limit, deadline_s=deadline_s)  # fmt: skip
        self._spending = Spending(store, bus, clock, caps, lambda: self._tiles)
        self._curtain = Curtain(store, bus, lambda: self._tiles.get, self.run)
        self._tiles = Tiles(store=store, router=router, intake=self._intake, announcer=announcer, hearing=hearing,
                            clock=clock, spent=self._spending.publish, ended=self._curtain.ended, queue=self.queue, kept=self.pictures.small.expect)  # fmt: skip
        self._recovery = Recovery(store=store, blobs=blobs, registry=registry, tiles=self._tiles, clock=clock,
                                  caps=caps, owner=owner, deadline_s=deadline_s)  # fmt: skip

    # Before and at the start.

    async def plan(self, asked: Asked) -> PlanView:
        """Reads and prices a prompt; nothing is started. What stands in the way is in `allowed` and `reason`.

        Raises NotFoundError for a picture that is not there.
        """
        return (await self.planner.draft(asked)).view

    async def start(
        self,
        asked: Asked,
        source: Source = "studio",
        nonce: str | None = None,
        claim: IdempotencyRecord | None = None,
    ) -> RunView:
        """Starts a run: one tile of one picture for each prompt, model and repeat. Returns once it is stored, together
        with the answer of the key that was claimed for it. `nonce` is the caller's own for the router's draws; each
        tile's is mixed from it, see `tile_nonce`.

        Raises UnknownModelError with the near names, BadRequestError with what is wrong, BudgetError for a cap that has
        no room; nothing is sent then.
        """
        draft = await self.planner.draft(asked)
        if draft.problem is not None:
            raise draft.problem
        settings: JsonObject = {**settings_of(asked, draft), **routing_settings(NO_FLOORS, nonce)}
        return await self.begin(asked.text, list(draft.tiles()), settings, source=source, claim=claim)

    async def begin(self, text: str, made: Sequence[tuple[str, ImageRequest, Cost]], settings: JsonObject, *,
                    source: Source = "studio", claim: IdempotencyRecord | None = None, run_id: str | None = None,
                    hidden: bool = False) -> RunView:  # fmt: skip
        """Starts a run of tiles that were read and priced already. Many tiles of the page's are a batch, which goes
        through the queue; a `hidden` one is in no list of rows."""
        now = self._clock.now_ms()
        if source == "studio" and (hidden or len(made) > AT_ONCE):
            settings = {**settings, "batch": True}
        run = RunRecord(id=run_id or new_id("run", now), created_ms=now, text=text, source=source,
                        settings=self.within(settings), deleted=hidden)  # fmt: skip
        tiles = [self._tile(run, position, *one) for position, one in enumerate(made)]
        return await finish(self._launch(run, tiles, claim))

    async def start_single(self, request: ImageRequest, *, model: str, source: Source = "api",
                           lane_floor: Lane | None = None, allow_model_failover: bool = False,
                           floors: Floors = NO_FLOORS, nonce: str | None = None, hedge: bool = False,
                           api_key: str | None = None, project: str | None = None, parent: Parent | None = None,
                           claim: IdempotencyRecord | None = None) -> RunView:  # fmt: skip
        """Starts one tile with all `request.n` pictures; its prompt is sent as it is, without the grammar.

        Raises UnknownModelError, BadRequestError for a size far from all that the model makes, or a mask of no effect.
        """
        check_text(request.prompt)
        await self.pictures.check_mask(request.mask)
        names = self.planner.names()
        chosen = names.resolve(model, see="GET /v1/models")
        self.planner.check_size(names, chosen, request)
        settings: dict[str, Json] = {"models": [chosen], "n": request.n, "lane_floor": lane_floor,
                                     "allow_model_failover": allow_model_failover, "api_key": api_key,
                                     "project": project, **kept_parent(parent), **routing_settings(floors, nonce, hedge=hedge)}  # fmt: skip
        now, kept = self._clock.now_ms(), self.within(settings)
        run = RunRecord(id=new_id("run", now), created_ms=now, text=request.prompt, source=source, settings=kept)
        for image in (*request.images, *((request.mask,) if request.mask else ())):
            await self._blobs.put(image.data)
        tile, _ = self._tile(run, 0, chosen, request, self.planner.estimate(names, chosen, request))
        return await finish(self._launch(run, [(replace(tile, nonce=nonce), request)], claim))

    async def add_model(
        self, run_id: str, model: str, nonce: str | None = None, claim: IdempotencyRecord | None = None
    ) -> tuple[TileView, ...]:
        """Adds a model to a row: one tile for each picture that every other model of the row makes. `nonce` as in
        `start`."""
        run = await self._run(run_id)
        if run.settings.get("grammar"):
            draft = await self.planner.draft(asked_again(run, model))
            if draft.problem is not None:
                raise draft.problem
            made, kept = list(draft.tiles()), draft.drafts.get(draft.models[0])
        else:
            first = (await self._store.tiles_of([run_id]))[run_id][0]
            names = self.planner.names()
            request = await self.planner.conversation.request_of(first)
            chosen = names.resolve(model)
            made, kept = [(chosen, request, self.planner.estimate(names, chosen, request))], None
        return await finish(self.add(run, made, nonce, claim, draft=kept))

    async def add(self, run: RunRecord, made: Sequence[tuple[str, ImageRequest, Cost]], nonce: str | None,
                  claim: IdempotencyRecord | None, *, once: bool = False, **fields: Any) -> tuple[TileView, ...]:  # fmt: skip
        """Adds tiles to a row, whose records have these `fields` besides; with `once` none while one at work is the final
        of the same draft by the same model. To be called inside of `finish`."""
        while True:
            place = await self._next_position(run.id)
            made_now = [self._tile(run, place + index, *one, nonce=nonce) for index, one in enumerate(made)]
            tiles = [(replace(tile, **fields), request) for tile, request in made_now]
            records = [tile for tile, _ in tiles]
            added = await self._store.add_tiles(records, answered(claim, records), once=once)
            if added != "taken":
                return tuple(self._begin(run, *one) for one in tiles) if added == "added" else ()

    # While it runs.

    async def wait(self, tile_id: str) -> TileView:
        """The tile once it has ended."""
        live = self._tiles.get(tile_id)
        if live is not None:
            await live.ended.wait()
            return self._live_view(live)
        return await self.tile(tile_id)

    async def wait_run(self, run_id: str) -> RunView:
        """The run once all its tiles have ended."""
        for tile in (await self.run(run_id)).tiles:
            await self.wait(tile.record.id)
        return await self.run(run_id)

    def follow(self, tile_id: str) -> AsyncIterator[TileNews]:
        """What happens to a tile from this call on: changed fields, each preview, and at last its end.

        Called right after a start, before anything else is awaited, nothing is missed.
        """
        live = self._tiles.get(tile_id)
        return follow(live) if live is not None else self._only_the_end(tile_id)

    async def _only_the_end(self, tile_id: str) -> AsyncIterator[TileNews]:
        yield TileNews(ended=await self.wait(tile_id))

    def preview(self, tile_id: str) -> bytes | None:
        """The newest preview of a tile at work."""
        live = self._tiles.get(tile_id)
        return live.preview if live is not None and not live.blind else None

    async def cancel(self, tile_id: str) -> TileView:
        """Stops a tile; the answer says whether it was billed, and comes at once for one of which nothing is told yet. One
        that has ended stays as it is. Raises ConflictError for one that another process makes."""
        live, view = self._tiles.get(tile_id), await self.tile(tile_id)
        if view.held:
            self._curtain.stop(view.record)
        if live is None:
            if not view.ended:
                raise ConflictError("Another process of Triptych makes this picture.", hint="Stop it there.",
                                    param="id")  # fmt: skip
            return await self.tile(tile_id)
        self._announcer.now(live)
        await self._tiles.stop(live, wait=not view.held)
        return self._live_view(live)

    async def retry_now(self, tile_id: str) -> TileView:
        """Ends the wait of a tile for its next attempt. Raises ConflictError when it is not waiting."""
        if not self._router.retry_now(tile_id):
            raise ConflictError("This tile is not waiting for another attempt.", param="id")
        return await self.tile(tile_id)

    async def retry(
        self,
        tile_id: str,
        model: str | None = None,
        *,
        confirm: bool = False,
        nonce: str | None = None,
        claim: IdempotencyRecord | None = None,
    ) -> TileView:
        """A new tile in the same row, for the same request: by the same model, or by the one named. `nonce` as in
        `start`.

        Raises ConflictError for a tile still at work, and without `confirm` for one that may have been billed or that is
        being made again by this model already.
        """
        old = await self._tile_record(tile_id)
        if old.state not in FINAL_STATES:
            raise ConflictError("This tile is still at work.", hint="Stop it first.", param="id")
        if old.billed == "unknown" and old.state != "done" and not confirm:
            raise ConflictError(
                "This one may have been billed; trying again may be billed again.",
                hint="Look at the provider's own page, then confirm.", param="confirm", billed="unknown",
            )  # fmt: skip
        run = await self._run(old.run_id)
        names = self.planner.names()
        chosen = names.resolve(model or old.model)
        request = await self.planner.conversation.request_of(old)
        if is_derived(request) and not names.repeats_itself(chosen):
            request = replace(request, seed=None)
        again = (chosen, request, self.planner.estimate(names, chosen, request))
        return await finish(self._add_retry(run, old, again, claim, confirm=confirm, nonce=nonce))

    async def _add_retry(
        self,
        run: RunRecord,
        old: TileRecord,
        again: tuple[str, ImageRequest, Cost],
        claim: IdempotencyRecord | None,
        *,
        confirm: bool,
        nonce: str | None,
    ) -> TileView:
        """The store looks and writes without a gap, so that a button pressed twice starts one picture, in whichever
        process."""
        model, asked, cost = again
        while True:
            place, request = await self._next_position(run.id), asked
            if old.state == "done" and old.model == model and self.planner.names().repeats_itself(model):
                request = varied(request, place * request.n)
            tile = replace(self._tile(run, place, model, request, cost, nonce=nonce)[0], retry_of=old.id, draft=old.draft,
                           final=old.final, parent=old.parent)  # fmt: skip
            added = await self._store.add_tiles([tile], answered(claim, [tile]), once=not confirm)
            if added == "again":
                raise ConflictError(
                    "This picture is being made again already.",
                    hint="Wait for it, or confirm that you want one more.", param="confirm",
                )  # fmt: skip
            if added == "added":
                return self._begin(run, tile, request)

    # Looking back.

    async def run(self, run_id: str) -> RunView:
        """One run with its tiles. Raises NotFoundError."""
        return (await self._run_views([await self._run(run_id)]))[0]

    async def runs(self, *, before: str | None = None, limit: int = 20, text: str | None = None) -> RunsView:
        """Runs that are not hidden, newest first."""
        page = await self._store.runs(before=before, limit=max(1, min(limit, 100)), text=text or None)
        return RunsView(runs=await self._run_views(page.runs), next_before=page.next_before)

    async def tile(self, tile_id: str) -> TileView:
        """One tile as it is now. Raises NotFoundError."""
        live = self._tiles.get(tile_id)
        if live is not None:
            return self._live_view(live)
        record = await self._tile_record(tile_id)
        pictures = (await self._store.pictures_of([tile_id])).get(tile_id, ())
        run = await self._store.run(record.run_id)
        picked = await picked_of(self._store, [run] if run is not None else [])
        blind = run is not None and is_veiled(run, picked.get(run.id))
        held = await self._curtain.held_stored(record) if blind else None
        return self._stored_view(record, pictures, blind=blind, held=held)

    async def detail(self, tile_id: str) -> TileDetail:
        """Everything about one tile: what the inspector shows."""
        return TileDetail(tile=await self.tile(tile_id), attempts=await self._store.attempts_of(tile_id),
                          decisions=await self._store.decisions_of(tile_id))  # fmt: skip

    async def deliver(self, picture: PictureRecord, receipt: ReceiptRecord | None, *, recipe: bool = True) -> Delivered:
        """A picture as a file for a person to keep, with content credentials where they are to be had, and with its recipe
        unless it is hidden who made it. Raises NotFoundError and StorageError."""
        tile, data = await self._tile_record(picture.tile_id), await self.pictures.bytes_of(picture.sha256)
        if self._credentials is None:
            return Delivered(data, "off")
        card = self._card_of(tile.endpoint or "")
        told = recipe and not await self.veils(picture)
        return await self._credentials.deliver(
            tile, picture, data, receipt, is_ai=card is None or card.is_ai, recipe=told
        )

    async def use(self, picture_id: str, *, unrestored: bool) -> TileView:
        """Chooses among a restored picture's two files, as `Pictures.choose`."""
        view = await self.tile(await self.pictures.choose(picture_id, unrestored=unrestored))
        self._bus.publish("tile", view.page)
        return view

    async def hide(self, run_id: str) -> None:
        """Takes a row out of sight, of every page; nothing is deleted."""
        await self._store.save_run(replace(await self._run(run_id), deleted=True))
        self._bus.publish("hidden", {"id": run_id})

    async def restore(self, run_id: str) -> RunView:
        """Brings a hidden row back."""
        await self._store.save_run(replace(await self._run(run_id), deleted=False))
        view = await self.run(run_id)
        self._bus.publish("run", view.page)
        return view

    async def open(self, run_id: str) -> RunView:
        """Shows to every page who made the pictures of a blind run, for good. Raises NotFoundError."""
        run = await self._run(run_id)
        if is_veiled(run):
            await self._store.save_run(replace(run, settings={**run.settings, "opened": True}))
            self._tiles.unveil(run_id)
            await self._spending.publish()
        view = await self.run(run_id)
        self._bus.publish("run", view.page)
        return view

    async def veils(self, picture: PictureRecord) -> bool:
        """Whether it is hidden who made this picture."""
        return (await self.tile(picture.tile_id)).veiled

    async def upload(self, data: bytes) -> UploadView:
        """Keeps a picture to start from. Raises TooLargeError over 50 MB, BadRequestError for what is no picture."""
        sha256, info = await self._intake.upload(data)
        return UploadView(sha256=sha256, width=info.width, height=info.height, media_type=info.media_type, alpha=info.has_alpha)  # fmt: skip

    async def spend(self) -> JsonObject:
        """What is spent today, and the caps."""
        return await self._spending.now()

    # The life of the process.

    async def recover(self, owner_alive: Callable[[str], bool] = lambda _: False) -> int:
        """Looks after the tiles that an earlier process left unfinished; returns how many. `owner_alive` says whether
        another process still holds a tile. To be called once, before anything is started."""
        async with self.queue.taken_up():
            return await self._recovery.recover(owner_alive)

    async def shutdown(self) -> None:
        """Ends all tiles in order; jobs at providers go on and are re-attached after the next start."""
        await self._tiles.shutdown()
        await self.pictures.small.close()

    # Inside.

    def _tile(
        self, run: RunRecord, position: int, model: str, request: ImageRequest, cost: Cost, nonce: str | None = None
    ) -> tuple[TileRecord, ImageRequest]:
        now = self._clock.now_ms()
        given = nonce or run.settings.get("nonce")
        made = run.created_ms if is_veiled(run) else now  # an id sorts by its time, which would tell the order
        return TileRecord(
            id=new_id("tile", made), run_id=run.id, position=position, model=model, state="queued", created_ms=now,
            updated_ms=now, ratio=ratio_of(request), request=request_json(request), estimate=cost, owner=self._owner,
            nonce=tile_nonce(given, position) if isinstance(given, str) else None, parent=parent_of(run), draft=draft_of(run, model),
            fee_estimate_micro_usd=self.planner.fee(model, request),
        ), request  # fmt: skip

    async def _launch(
        self, run: RunRecord, tiles: Sequence[tuple[TileRecord, ImageRequest]], claim: IdempotencyRecord | None
    ) -> RunView:
        """Stored and begun, or neither. To be called inside of `finish`, so that no caller comes between."""
        records = [tile for tile, _ in tiles]
        await self._store.save_run(run, records, answered(claim, records))
        terms = terms_of(run, self._caps(), self._deadline_s)
        lives = [self._tiles.enlist(tile, blind=terms.blind) for tile, _ in tiles]
        view = run_view(run, [self._live_view(live) for live in lives])
        if not run.deleted:
            self._bus.announce("run", lambda: view.page, (1 + len(lives)) * len(run.text))
        here = {model: for_lane(terms, self._lane_of(model)) for model in {tile.model for tile in records}}
        for live, (tile, request) in zip(lives, tiles, strict=True):
            self._tiles.start(live, request, here[tile.model], answer_first=not terms.api)
        return view

    def _begin(self, run: RunRecord, tile: TileRecord, request: ImageRequest) -> TileView:
        """To be called inside of `finish`, right after the tile was stored."""
        terms = terms_of(run, self._caps(), self._deadline_s)
        view = self._live_view(live := self._tiles.enlist(tile, blind=terms.blind))
        self._bus.publish("tile", view.page)
        self._tiles.start(live, request, for_lane(terms, self._lane_of(tile.model)))
        return view

    async def _next_position(self, run_id: str) -> int:
        return max((tile.position for tile in (await self._store.tiles_of([run_id]))[run_id]), default=-1) + 1

    async def _run(self, run_id: str) -> RunRecord:
        run = await self._store.run(run_id)
        if run is None:
            raise NotFoundError("There is no such run.", param="id")
        return run

    async def _tile_record(self, tile_id: str) -> TileRecord:
        record = await self._store.tile(tile_id)
        if record is None:
            raise NotFoundError("There is no such tile.", param="id")
        return record

    async def _run_views(self, records: Sequence[RunRecord]) -> tuple[RunView, ...]:
        tiles = await self._store.tiles_of([run.id for run in records])
        every = [tile.id for group in tiles.values() for tile in group]
        pictures = await self._store.pictures_of(every) if every else {}
        picked = await picked_of(self._store, records)
        views = []
        for run in records:
            blind = is_veiled(run, picked.get(run.id))
            shown = [tile for tile in tiles.get(run.id, ()) if not tile.hidden]
            held = self._curtain.held_of(shown) if blind else ()
            made = [self._any_view(tile, pictures.get(tile.id, ()), blind=blind, held=held) for tile in shown]
            views.append(run_view(run, made, picked=picked.get(run.id)))
        return tuple(views)

    def _any_view(self, record: TileRecord, pictures: Sequence[PictureRecord], *, blind: bool, held: Collection[str]) -> TileView:  # fmt: skip
        how, live = self._curtain.held(record.id, held), self._tiles.get(record.id)
        return self._seen(live, how) if live is not None else self._stored_view(record, pictures, blind=blind, held=how)

    def _stored_view(self, record: TileRecord, pictures: Sequence[PictureRecord], *, blind: bool, held: Held | None) -> TileView:  # fmt: skip
        return tile_view(record, pictures, card=lambda: self._card_for(record), blind=blind, held=held, slow=self._router.health.knows_slow)  # fmt: skip

    def _live_view(self, live: Live) -> TileView:
        return self._seen(live, self._curtain.held_now(live))

    def _seen(self, live: Live, held: Held | None) -> TileView:
        return tile_view(record := live.record, live.pictures, card=lambda: self._card_for(record), now=live.now,
                         blind=live.blind, held=held, error=live.error, slow=self._router.health.knows_slow)  # fmt: skip

    def _card_for(self, record: TileRecord) -> ModelCard | None:
        """The card to show, with how long it usually takes here."""
        card = self._card_of(record.endpoint or "") or self._card_of(record.model)
        return replace(card, typical_seconds=self._router.typical_seconds(card)) if card is not None else None

    def _card_of(self, name: str) -> ModelCard | None:
        return found.model.card if (found := self._registry.endpoints().get(name)) is not None else None

    def _lane_of(self, model: str) -> Lane | None:
        return next((card.lane for card in self.planner.names().served_by(model)), None)
