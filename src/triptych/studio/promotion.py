"""Drafts made final: the same text, references and shape, by the model that drew the draft or by another."""

from dataclasses import replace

import msgspec

from triptych.router.shielded import finish
from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError
from triptych.spec.image import ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.records import Parent, PictureRecord, RunRecord, TileRecord
from triptych.store.base import BlobStore, IdempotencyRecord, RecordStore
from triptych.studio.models import Names
from triptych.studio.requests import request_from_json
from triptych.studio.service import Studio
from triptych.studio.tiers import finished
from triptych.studio.variation import is_derived
from triptych.studio.views import TileView


class Promotion:
    """One per process. Every method may raise StorageError, NotFoundError for a tile that is not there, and
    BadRequestError for one that is no draft with a picture, and ConflictError while it is hidden who made it."""

    def __init__(self, studio: Studio, store: RecordStore, blobs: BlobStore) -> None:
        self._studio, self._store, self._blobs = studio, store, blobs

    async def offers(self, tile_id: str) -> JsonObject:
        """What a draft would cost as a final: by the model that drew it first, then by every other one that can be used."""
        tile, picture, _ = await self._draft(tile_id, None)
        names = self._studio.planner.names()
        own = tile.endpoint or tile.model
        usable = [name for name, found in names.endpoints.items() if found.ready and found.enabled and name != own]
        offers = [await self._offer(names, tile, picture, name) for name in (own, *usable)]
        return {"own": own, "offers": list[Json](offers)}

    async def promote(
        self,
        tile_id: str,
        *,
        picture_id: str | None = None,
        model: str | None = None,
        confirm: bool = False,
        nonce: str | None = None,
        claim: IdempotencyRecord | None = None,
    ) -> TileView:
        """Starts the final of a draft, in its row, made from it. Without `model` by the one that drew the draft.

        Raises UnknownModelError, BadRequestError where the model cannot do it, and without `confirm` ConflictError while
        this very final is being made.
        """
        tile, picture, run = await self._draft(tile_id, picture_id)
        names = self._studio.planner.names()
        chosen = names.resolve(model or tile.model)
        request = await self._final(names, tile, picture, chosen)
        prospect = self._studio.planner.prospect(names, chosen, request)
        if (reason := prospect.reason) is not None:
            raise BadRequestError(reason, hint="Choose another model.", param="model")
        made = [(chosen, request, self._studio.planner.estimate(names, chosen, request))]
        parent = Parent(tile=tile.id, picture=picture.id)
        # The store looks and writes without a gap: two calls at once make one final.
        adding = self._studio.add(run, made, nonce, claim, once=not confirm, parent=parent, draft=None, final=True)
        added = await finish(adding)
        if not added:
            raise ConflictError("This final is being made already.",
                                hint="Wait for it, or confirm that you want one more.", param="confirm")  # fmt: skip
        return added[0]

    async def _draft(self, tile_id: str, picture_id: str | None) -> tuple[TileRecord, PictureRecord, RunRecord]:
        tile = await self._store.tile(tile_id)
        run = await self._store.run(tile.run_id) if tile is not None else None
        if tile is None or run is None:
            raise NotFoundError("There is no such tile.", param="id")
        if (await self._studio.tile(tile_id)).veiled:
            raise ConflictError("Pick one of this row first: the offers would tell who made it.",
                                hint="Or show the makers from the menu of the row.", param="id")  # fmt: skip
        if tile.draft is None:
            raise BadRequestError(
                "This is no draft: it was made as a final.", hint="Make another one instead.", param="id"
            )
        pictures = (await self._store.pictures_of([tile_id]))[tile_id]
        found = next((one for one in pictures if picture_id in {None, one.id}), None)
        if found is None:
            raise BadRequestError("This draft has no such picture.", param="picture")
        return tile, found, run

    async def _final(self, names: Names, tile: TileRecord, picture: PictureRecord, model: str) -> ImageRequest:
        """The request as it was asked for. The seed goes along to a model that keeps to seeds."""
        request = finished(await request_from_json(tile.request, self._blobs), tile.draft or {})
        cards = names.served_by(model)
        honours = bool(cards) and cards[0].capabilities.seed
        if is_derived(request) and not names.repeats_itself(model):
            request = replace(request, seed=None)
        if request.seed is None and honours and picture.seed is not None:
            request = replace(request, seed=picture.seed)
        return request

    async def _offer(self, names: Names, tile: TileRecord, picture: PictureRecord, model: str) -> JsonObject:
        request = await self._final(names, tile, picture, model)
        cards = names.served_by(model)
        prospect = self._studio.planner.prospect(names, model, request)
        quote = prospect.quote
        return {"model": model, "name": cards[0].name if cards else model, "cost": msgspec.to_builtins(quote.whole),
                "fee_micro_usd": quote.fee_micro_usd, "held_micro_usd": quote.held_micro_usd, "ok": prospect.reason is None,
                "reason": prospect.reason, "seed": request.seed}  # fmt: skip
