"""Places of tiles: few for the page, memory for callers of the API."""

import asyncio

from triptych.studio.places import API_PICTURES, Places
from triptych.studio.terms import AT_ONCE


class Crowd:
    """Tiles that take a place and keep it until they are told to go."""

    def __init__(self) -> None:
        self.places = Places()
        self.inside: list[str] = []
        self._doors: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, pictures: int = 1, *, api: bool = True, model: str = "one/a") -> None:
        self._doors[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(name, pictures, api=api, model=model))
        await self.settle()

    async def _stay(self, name: str, pictures: int, *, api: bool, model: str) -> None:
        async with self.places.take(model, pictures, api=api):
            self.inside.append(name)
            await self._doors[name].wait()
            self.inside.remove(name)

    async def go(self, name: str) -> None:
        self._doors[name].set()
        await self._tasks[name]
        await self.settle()

    async def stop(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()
        await asyncio.gather(*(self._tasks[name] for name in names), return_exceptions=True)
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_tiles_of_the_page_are_few_of_one_model() -> None:
    crowd = Crowd()
    for number in range(AT_ONCE + 1):
        await crowd.come(f"{number}", api=False)
    assert len(crowd.inside) == AT_ONCE
    await crowd.come("other", api=False, model="one/b")
    await crowd.come("api")
    assert crowd.inside[-2:] == ["other", "api"]
    await crowd.go("0")
    assert crowd.inside[-1] == f"{AT_ONCE}"
    await crowd.stop(*(f"{number}" for number in range(1, AT_ONCE + 1)), "other", "api")


async def test_callers_of_the_api_share_the_memory_of_pictures_in_the_order_of_asking() -> None:
    crowd = Crowd()
    await crowd.come("most", API_PICTURES - 2)
    await crowd.come("four", 4)
    await crowd.come("one", 1)
    assert crowd.inside == ["most"]
    await crowd.go("most")
    assert crowd.inside == ["four", "one"]
    await crowd.stop("four", "one")


async def test_one_that_asks_for_more_than_there_is_room_for_comes_alone() -> None:
    crowd = Crowd()
    await crowd.come("small")
    await crowd.come("huge", API_PICTURES * 3)
    assert crowd.inside == ["small"]
    await crowd.go("small")
    await crowd.come("next")
    assert crowd.inside == ["huge"]
    await crowd.go("huge")
    assert crowd.inside == ["next"]
    await crowd.go("next")


async def test_who_is_stopped_while_waiting_leaves_its_place_to_the_next() -> None:
    crowd = Crowd()
    await crowd.come("most", API_PICTURES - 2)
    for name in ("four", "two", "huge"):
        await crowd.come(name, {"four": 4, "two": 2, "huge": API_PICTURES}[name])
    await crowd.stop("four")
    assert crowd.inside == ["most", "two"]
    both = asyncio.gather(crowd.go("most"), crowd.go("two"))
    await asyncio.sleep(0)
    await crowd.stop("huge")  # perhaps in the moment in which it gets its place
    await both
    await crowd.come("all", API_PICTURES)
    assert crowd.inside == ["all"]
    await crowd.go("all")
