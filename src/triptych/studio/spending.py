"""What is spent today, as the pages are told: without what veiled rows cost, at work or over, because a charge that comes with
a picture would tell its price, and the price its maker. It is told once the row is picked from or opened, with the others.
Caps count it at once, so that less may be left than this says; so does the budget of the router."""

from collections.abc import Callable

import structlog

from triptych.router.budget import Caps
from triptych.spec.clock import Clock
from triptych.spec.errors import StorageError
from triptych.spec.json import JsonObject
from triptych.store.base import Bus, RecordStore
from triptych.studio.planning import today
from triptych.studio.tiles import Tiles
from triptych.studio.views import spend_json

_log = structlog.get_logger("triptych.studio")


class Spending:
    """`tiles` gives the tiles of this process, which know the runs whose makers are hidden: its own, and those that were so
    when it began. `caps` are the spending caps now."""

    def __init__(
        self, store: RecordStore, bus: Bus, clock: Clock, caps: Callable[[], Caps], tiles: Callable[[], Tiles]
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._caps = caps
        self._tiles = tiles

    async def now(self) -> JsonObject:
        """What is spent today, and the caps. Raises StorageError."""
        caps = self._caps()
        spent = await self._store.spend_outside(day=today(self._clock), runs=frozenset(self._tiles().veiled))
        return spend_json(spent, caps.run, caps.day)

    async def publish(self) -> None:
        """Tells every page, unless a tile whose maker is hidden is at work."""
        if self._tiles().any_blind:
            return
        try:
            self._bus.publish("spend", await self.now())
        except StorageError as error:
            _log.warning("the spending could not be read", error=error.message)
