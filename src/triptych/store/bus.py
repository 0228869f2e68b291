"""The app-wide event log in memory: a ring that every subscriber reads at its own pace."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from triptych.spec.clock import Clock
from triptych.spec.events import AppEvent, EventType
from triptych.spec.json import Json

DEFAULT_SIZE = 4096
DEFAULT_WEIGHT = 16_384  # about a kilobyte each
_IDS_PER_MS = 1000


class _Entry:
    """An event in the ring, or what makes it."""

    __slots__ = ("_made", "id", "type", "weight")

    def __init__(
        self, id_: int, type_: EventType, weight: int, made: AppEvent | Callable[[], Mapping[str, Json] | None] | None
    ) -> None:
        self.id, self.type, self.weight, self._made = id_, type_, weight, made

    def event(self) -> AppEvent | None:
        """None where there is nothing to tell."""
        if callable(self._made):
            data = self._made()
            self._made = None if data is None else AppEvent(self.id, self.type, data)
        return self._made


class MemoryBus:
    """Used from one event loop. Nothing is kept per subscriber but its place in the ring, so one that is slow costs
    nothing and delays nobody: it is told to load everything anew once the ring has moved past it.

    Ids begin at the wall clock in microseconds, so they go on growing after a restart as long as a server sends fewer
    than a million events a second, and an id of an earlier process is known to be one.
    """

    def __init__(self, clock: Clock, size: int = DEFAULT_SIZE, weight: int = DEFAULT_WEIGHT) -> None:
        """Keeps at most `size` events, and of large ones fewer: together about `weight` kilobytes, as far as that can be
        told without encoding them. The newest is always kept."""
        if size < 1:
            raise ValueError("size must be at least 1 event")
        self._size, self._most = size, weight
        self._ring: deque[_Entry] = deque()
        self._weight = 0
        self._last = clock.now_ms() * _IDS_PER_MS
        self._sleeping: set[asyncio.Future[None]] = set()

    def publish(self, type_: EventType, data: Mapping[str, Json]) -> AppEvent:
        """Adds an event and wakes everybody who waits for one. Never blocks."""
        event = AppEvent(self._last + 1, type_, data)
        self._add(_Entry(event.id, type_, _weight(data), event))
        return event

    def announce(self, type_: EventType, make: Callable[[], Mapping[str, Json] | None], characters: int) -> None:
        """See Bus. Most of what happens to a tile is read by nobody."""
        self._add(_Entry(self._last + 1, type_, 1 + characters // 1024, make))

    def _add(self, entry: "_Entry") -> None:
        self._last = entry.id
        self._ring.append(entry)
        self._weight += entry.weight
        while len(self._ring) > self._size or (self._weight > self._most and len(self._ring) > 1):
            self._weight -= self._ring.popleft().weight
        if self._sleeping:
            sleeping, self._sleeping = self._sleeping, set()
            for future in sleeping:
                if not future.done():
                    future.set_result(None)

    def last_id(self) -> int:
        """The id of the newest event; what to subscribe from to miss nothing from now on."""
        return self._last

    def subscribe(self, since: int | None) -> AsyncIterator[AppEvent]:
        """Everything after `since`, then what comes; with None what comes from this call on. A `reset` stands for
        events that are gone, at the start or later; its id is the newest, and the events after it follow."""
        return _Subscription(self, self._last if since is None else since)

    def after(self, place: int) -> tuple[AppEvent | None, int]:
        """The event that a reader at `place` gets next, a `reset` when it is gone, None when there is none yet; and where
        the reader then is, which is past what made no event."""
        kept_after = self._last - len(self._ring)
        if not kept_after <= place <= self._last:
            return AppEvent(self._last, "reset", {}), self._last
        while place < self._last:
            event = self._ring[place - kept_after].event()
            place += 1
            if event is not None:
                return event, place
        return None, place

    async def changed(self) -> None:
        """Waits until something is published."""
        future = asyncio.get_running_loop().create_future()
        self._sleeping.add(future)
        try:
            await future
        finally:
            self._sleeping.discard(future)


def _weight(data: Mapping[str, Json]) -> int:
    """About how many kilobytes: one for the event and for each tile or model in it, and what long prompts take."""
    lists = [value for name in ("tiles", "models", "providers") if isinstance(value := data.get(name), list)]
    bodies = [data, *(item for items in lists for item in items if isinstance(item, Mapping))]
    texts = (body.get(name) for body in bodies for name in ("text", "prompt"))
    return len(bodies) + sum(len(text) for text in texts if isinstance(text, str)) // 1024


class _Subscription:
    """A place in the ring. An object and not a generator, so that a wait for the next event can be given up (to send
    a sign of life down the line) and taken up again."""

    def __init__(self, bus: MemoryBus, place: int) -> None:
        self._bus = bus
        self._place = place

    def __aiter__(self) -> "_Subscription":
        return self

    async def __anext__(self) -> AppEvent:
        while True:
            event, self._place = self._bus.after(self._place)
            if event is not None:
                return event
            await self._bus.changed()
