"""Pictures that are in doubt: what is said on a tile after it was shown, because somebody else drew the same job otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError
from triptych.spec.json import Json
from triptych.spec.records import TileRecord
from triptych.store.base import Bus
from triptych.studio.views import TileView

WAIT_S, WAITS = 0.5, 240  # a tile whose pictures just came has two minutes to end


class Tiles(Protocol):
    """The studio, as far as it is needed."""

    async def tile(self, tile_id: str) -> TileView: ...


class Store(Protocol):
    """What is needed of the store."""

    async def tile_of(self, attempt_id: str) -> str | None: ...
    async def save_tile(self, tile: TileRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Doubts:
    """Marks tiles."""

    tiles: Tiles
    store: Store
    bus: Bus
    clock: Clock

    async def mark(self, attempt_id: str, message: str, hint: str, check: str) -> bool:
        """Says on the tile of an attempt that its picture is in doubt, and tells every page; `check` names the evidence. False where
        there is no such tile, or it does not end. Raises StorageError."""
        tile_id = await self.store.tile_of(attempt_id)
        if tile_id is None:
            return False
        for _ in range(WAITS):
            try:
                view = await self.tiles.tile(tile_id)
            except NotFoundError:
                return False
            if view.ended and await self._said(view, {"message": message, "hint": hint, "check": check}):
                return True
            await self.clock.sleep(WAIT_S)
        return False

    async def _said(self, view: TileView, doubt: Mapping[str, Json]) -> bool:
        """Whether it stands on the tile: one that is just ending may still be told from memory, and is written again."""
        await self.store.save_tile(replace(view.record, doubt=doubt))
        fresh = await self.tiles.tile(view.record.id)
        if fresh.record.doubt is None:
            return False
        self.bus.publish("tile", fresh.page)
        return True
