"""How many tiles of one model are with the router at the same time.

Those of the page are few: somebody who asks for fifty pictures at once wants them all, and not all in the same second.
Callers of the API choose themselves how many they ask for at once, and the router's limits hold back what an endpoint
cannot take (`triptych.router.limits`). What is bounded for them are the pictures of one model that are held in memory at
once; the models that are asked at the same time add up.
"""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress

from triptych.studio.terms import AT_ONCE

API_PICTURES = 64
"""Pictures of one model in work for callers of the API. One of 1.5 MB takes about 4 MB on its way from answer to answer."""


class Places:
    """The places of all models. One per process and event loop."""

    def __init__(self) -> None:
        self._page: dict[str, asyncio.Semaphore] = {}
        self._api: dict[str, _Room] = {}

    def take(self, model: str, pictures: int, *, api: bool) -> AbstractAsyncContextManager[None]:
        """A place for a tile of that many pictures, in the order of asking."""
        if not api:
            return self._page.setdefault(model, asyncio.Semaphore(AT_ONCE))
        return _Place(self._api.setdefault(model, _Room()), min(pictures, API_PICTURES))


class _Room:
    def __init__(self) -> None:
        self.left = API_PICTURES
        self.queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def give(self, pictures: int) -> None:
        """Takes places back, and lets in who comes first as long as there is room."""
        self.left += pictures
        while self.queue and self.queue[0][0] <= self.left:
            wanted, turn = self.queue.popleft()
            if not turn.done():  # else it was stopped, and is about to leave
                self.left -= wanted
                turn.set_result(None)


class _Place(AbstractAsyncContextManager[None]):
    def __init__(self, room: _Room, pictures: int) -> None:
        self._room, self._pictures = room, pictures

    async def __aenter__(self) -> None:
        room = self._room
        if not room.queue and room.left >= self._pictures:
            room.left -= self._pictures
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked = (self._pictures, turn)
        room.queue.append(asked)
        try:
            await turn
        except asyncio.CancelledError:
            with suppress(ValueError):
                room.queue.remove(asked)
            came = turn.done() and not turn.cancelled()  # in the same moment: it goes to the next
            room.give(self._pictures if came else 0)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._room.give(self._pictures)
