"""Tasks with a finished picture, by whichever model offers them: more pixels, or its subject alone.

The result is a tile in the picture's own row, made from it. Which models there are follows from their cards' operations:
a provider's and this machine's stand in one list, by a rule that is published.
"""

from dataclasses import replace
from typing import Final

import msgspec

from triptych.router.shielded import finish
from triptych.spec.errors import BadRequestError, ConflictError, NotFoundError
from triptych.spec.image import TASKS, ImageRequest, Size, Task
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import LANES, ModelCard
from triptych.spec.records import Parent, PictureRecord, RunRecord, TileRecord
from triptych.store.base import IdempotencyRecord, RecordStore
from triptych.studio.models import Names
from triptych.studio.service import Studio
from triptych.studio.views import TileView

FACTORS: Final = (2, 4)
"""How many times as long the sides become."""
ORDER_RULE: Final = (
    "models that can be used now first; of these by lane, this machine before all others; then networks before plain "
    "resampling, then the lower price, then the name"
)
_SAID: Final = {"upscale": "Enlarged", "remove_background": "Cut out"}
"""What stands in place of a prompt where the picture has none."""


class Tasks:
    """One per process. Every method may raise StorageError, and NotFoundError for a picture that is not there."""

    def __init__(self, studio: Studio, store: RecordStore) -> None:
        self._studio, self._store = studio, store

    async def offers(self, picture_id: str) -> JsonObject:
        """Every model that offers a task, in the order of `ORDER_RULE`: what it would make of the picture, and its price."""
        picture = await self._studio.pictures.record(picture_id)
        names = self._studio.planner.names()
        found = [
            (card, await self._offer(names, picture, card, task))
            for card in names.cards.values() for task in TASKS if task in card.capabilities.operations
        ]  # fmt: skip
        found.sort(key=lambda pair: _place(*pair))
        return {"offers": [offer for _, offer in found], "order_rule": ORDER_RULE}

    async def start(
        self,
        picture_id: str,
        task: Task,
        model: str,
        *,
        factor: int | None = None,
        nonce: str | None = None,
        claim: IdempotencyRecord | None = None,
    ) -> TileView:
        """Does a task with a picture by one model; `factor` is how many times as long its sides become. Returns the new
        tile, made from the picture and in its row.

        Raises UnknownModelError, BadRequestError for what this model cannot do, and ConflictError for a picture of a row in
        which it is hidden who made what.
        """
        picture = await self._studio.pictures.record(picture_id)
        tile, run = await self._row(picture)
        names = self._studio.planner.names()
        chosen = names.resolve(model)
        # Its words say what it shows, to search and to readers; a task takes none, so they go nowhere.
        words = str(tile.request.get("prompt") or _SAID[task])
        request = replace(await self._request(picture, task, factor), prompt=words)
        prospect = self._studio.planner.prospect(names, chosen, request)
        if (reason := prospect.reason) is not None:
            raise BadRequestError(reason, hint="Choose another model.", param="model")
        made = [(chosen, request, self._studio.planner.estimate(names, chosen, request))]
        parent = Parent(tile=picture.tile_id, picture=picture.id)
        added = await finish(self._studio.add(run, made, nonce, claim, parent=parent, draft=None))
        return added[0]

    async def _row(self, picture: PictureRecord) -> tuple[TileRecord, RunRecord]:
        tile = await self._store.tile(picture.tile_id)
        run = await self._store.run(tile.run_id) if tile is not None else None
        if tile is None or run is None:
            raise NotFoundError("There is no such run.", param="id")
        if await self._studio.veils(picture):
            raise ConflictError("It is hidden who made the pictures of this row.", hint="Pick one of them first.",
                                param="id")  # fmt: skip
        return tile, run

    async def _request(self, picture: PictureRecord, task: Task, factor: int | None) -> ImageRequest:
        """Raises BadRequestError for a factor that is none."""
        image = await self._studio.pictures.input(picture.sha256, "edit")
        if task != "upscale":
            return ImageRequest(prompt="", images=(image,), task=task)
        if factor not in FACTORS:
            raise BadRequestError(f"factor is {factor}; it takes {' or '.join(map(str, FACTORS))}.", param="factor")
        size = Size(image.width * factor, image.height * factor)
        return ImageRequest(prompt="", images=(image,), task=task, size=size)

    async def _offer(self, names: Names, picture: PictureRecord, card: ModelCard, task: Task) -> JsonObject:
        wanted = FACTORS if task == "upscale" else (None,)
        ways = [self._way(names, card, await self._request(picture, task, factor), factor) for factor in wanted]
        return {
            "task": task, "model": card.id, "name": card.name, "maker": card.maker, "provider": card.provider,
            "lane": card.lane, "is_ai": card.is_ai, "note": card.note, "license": card.license,
            "typical_seconds": list(card.typical_seconds) if card.typical_seconds else None, "ways": list[Json](ways),
        }  # fmt: skip

    def _way(self, names: Names, card: ModelCard, request: ImageRequest, factor: int | None) -> JsonObject:
        prospect = self._studio.planner.prospect(names, card.id, request)
        size = request.size
        return {
            "factor": factor, "width": size.width if size else None, "height": size.height if size else None,
            "ok": prospect.reason is None, "reason": prospect.reason, "cost": msgspec.to_builtins(prospect.quote.whole),
            "notes": [note.detail for note in prospect.outlook.adjustments if note.kind != "native"],
        }  # fmt: skip


def _place(card: ModelCard, offer: JsonObject) -> tuple[bool, int, bool, int, str]:
    """As `ORDER_RULE` says it; a price that nobody knows comes after all others."""
    ways = [way for way in offer["ways"] if isinstance(way, dict)] if isinstance(offer["ways"], list) else []
    costs = [way["cost"]["amount_micro_usd"] for way in ways]
    price = min((cost for cost in costs if cost is not None), default=1 << 62)
    return not any(way["ok"] for way in ways), LANES.index(card.lane), not card.is_ai, price, card.name.lower()
