"""Events of the router's health that no receipt tells of, stated in the log: so that the numbers of the events have no gap."""

import asyncio

import structlog

from triptych.app.receipts import ReceiptDesk
from triptych.router.derive import event_json
from triptych.router.fold import HealthEvent
from triptych.spec.errors import StorageError

_log = structlog.get_logger("triptych.health")


class HealthNews:
    """States events as they come. One per process."""

    def __init__(self, desk: ReceiptDesk) -> None:
        self._desk = desk
        self._under_way: set[asyncio.Task[None]] = set()

    def publish(self, epoch: str, event: HealthEvent) -> None:
        """Begins to state an event; to be called while the event loop runs."""
        task = asyncio.create_task(self._state(epoch, event), name="health statement")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Waits until all is stated."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _state(self, epoch: str, event: HealthEvent) -> None:
        try:
            await self._desk.publish("health", event_json(epoch, event))
        except StorageError as error:
            # A gap in the numbers is found by whoever counts; the router itself goes on.
            _log.warning("an event of an endpoint's health is not stated", number=event.number, error=error.message)
