"""Paid jobs at a provider, and a process that ends, or is told to stop, at any write while it goes on with them: no job is
sent twice, and none that may be paid for is called unbilled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import WIRE, Bench, bench, model, picture, result, until
from tests.unit.test_studio_legs import EACH, handle

from triptych.router.errand import DETACH
from triptych.spec.errors import ConflictError, ProviderFailedError, StorageError
from triptych.spec.image import Cost, ImageRequest, ImageResult
from triptych.spec.model import Accepted, CallContext, JobHandle, Sent
from triptych.spec.records import FINAL_STATES, TileRecord
from triptych.store.records import SqlRecordStore
from triptych.studio.live import Live
from triptych.studio.service import Studio

WRITES = ("save_tile", "save_attempt", "claim_tile", "close_reservation", "reserve")


class Provider:
    """Takes two jobs: the first fails and costs nothing, the second is paid for when it is done."""

    def __init__(self) -> None:
        self.model = model("a/one", play=self.play, seed=True, cancel=True)
        self.model.replay = self.replay
        self.model.cancel = self.cancel  # type: ignore[method-assign]
        self.done = asyncio.Event()
        self.charged = 0
        self.ended = False

    async def play(self, request: ImageRequest, context: CallContext) -> ImageResult:
        place = (request.seed or 0) - 100
        await context.tell(Sent(WIRE))
        await context.tell(Accepted(handle(f"job-{place}")))
        if place == 0:
            raise ProviderFailedError("It did not work.", billed="no")
        await asyncio.Event().wait()
        raise AssertionError

    async def replay(self, request: ImageRequest, context: CallContext) -> ImageResult:
        await self.done.wait()
        if not self.ended:
            self.ended, self.charged = True, self.charged + EACH
        return result(picture(), cost=Cost(EACH, "provider"))

    async def cancel(self, job: JobHandle) -> bool:
        """A job that is stopped is paid for all the same."""
        self.model.cancelled.append(job)
        if not self.ended:
            self.ended, self.charged = True, self.charged + EACH
        return True


class Watched:
    """The store as one process has it: something happens before or after its write number `at`. After an end it writes
    nothing any more."""

    def __init__(self, store: SqlRecordStore, at: int, when: str, deed: Callable[[], None] | None) -> None:
        self._store, self._at, self._when, self._deed = store, at, when, deed
        self.writes = 0
        self.dead, self.buried = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._watching(found) if name in WRITES else found

    def _watching(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def watched(*args: Any, **more: Any) -> Any:
            await self._lives()
            here, self.writes = self.writes == self._at, self.writes + 1
            if here and self._when == "before":
                await self._happens()
            answer = await write(*args, **more)
            if here and self._when == "after":
                await self._happens()
            return answer

        return watched

    async def _lives(self) -> None:
        if self.dead.is_set():
            await self.buried.wait()
            raise StorageError("This process has ended.")

    async def _happens(self) -> None:
        if self._deed is None:
            self.dead.set()
            await self._lives()
        else:
            self._deed()


async def left_with_a_job(b: Bench) -> str:
    """A tile whose first job has failed and whose second is out, and no process any more."""
    request = ImageRequest(prompt="x", n=2, seed=100)
    tile = (await b.studio.start_single(request, model="a/one")).tiles[0].record.id
    async with asyncio.timeout(60):
        while [one.outcome for one in await b.store.attempts_of(tile) if one.job] != ["failed", "running"]:
            await asyncio.sleep(0.002)
    return tile


async def abandon(studio: Studio, tile: str) -> None:
    """Ends what is left of a process in memory; its store lets it write no more."""
    live = studio._tiles.get(tile)
    if live is not None and live.task is not None:
        while not live.task.done():  # it may have begun to wait for its store again
            live.task.cancel(DETACH)
            await asyncio.wait([live.task], timeout=0.01)


class Tale:
    """A first life that ended, and what is known at the end."""

    def __init__(self, b: Bench, provider: Provider, tile: str) -> None:
        self.b, self.provider, self.tile = b, provider, tile

    def second(self, at: int, when: str, deed: Callable[[], None] | None) -> tuple[Studio, Watched]:
        kept = self.b.store
        watched = Watched(kept, at, when, deed)
        self.b.store = watched  # type: ignore[assignment]
        try:
            return self.b.build("second"), watched
        finally:
            self.b.store = kept

    async def is_over(self) -> bool:
        kept = await self.b.store.tile(self.tile)
        return kept is not None and kept.state in FINAL_STATES

    async def check(self, *, written: bool = True) -> TileRecord:
        """The laws. `written`: no end of an attempt was refused by the store."""
        kept = await self.b.store.tile(self.tile)
        assert kept is not None
        assert kept.state in FINAL_STATES
        assert len(self.provider.model.asked) == 2, "it was sent again"
        entries = await self.b.store.ledger(tile_id=self.tile)
        held = [one.reservation for one in entries if one.kind == "reserve"]
        ends = [one for one in entries if one.kind != "reserve"]
        assert sorted(held) == sorted(one.reservation for one in ends), "each reservation is closed, once"
        known = sum(one.amount_micro_usd for one in ends if one.known)
        guessed = sum(one.amount_micro_usd for one in ends if not one.known)
        assert known <= self.provider.charged <= known + guessed
        assert self.provider.charged == 0 or kept.billed != "no"
        attempts = await self.b.store.attempts_of(self.tile)
        last = [one for one in attempts if one.job == handle("job-1")][-1]
        assert not written or all(one.outcome != "running" for one in attempts)
        assert last.billed != "no" or (last.outcome == "running" and not written)
        return kept


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_at_any_write_of_the_second_life_sends_nothing_again(tmp_path: Path, when: str) -> None:
    async def life(b: Bench, provider: Provider, at: int) -> bool:
        provider.done.set()
        tale = Tale(b, provider, await left_with_a_job(b))
        second, watched = tale.second(at, when, None)
        recovering = asyncio.create_task(second.recover())
        async with asyncio.timeout(60):
            while not watched.dead.is_set() and not (recovering.done() and second._tiles.get(tale.tile) is None):
                await asyncio.sleep(0.002)
        third = b.build("third")
        await third.recover()
        await third.wait(tale.tile)
        await tale.check()
        watched.buried.set()
        await asyncio.gather(recovering, return_exceptions=True)
        await abandon(second, tale.tile)
        await abandon(b.studio, tale.tile)
        return watched.dead.is_set()

    assert await every_write(tmp_path, life) >= 4


async def through(tale: Tale, at: int, when: str, deed: Callable[[Studio], Awaitable[object]]) -> bool:
    """A second life in which something is asked for at one write. Whether it came to that."""
    asked: list[asyncio.Future[object]] = []
    second, _ = tale.second(at, when, lambda: asked.append(asyncio.ensure_future(deed(second))))
    await second.recover()
    async with asyncio.timeout(60):
        while not asked and not await tale.is_over():
            tale.provider.done.set()
            await asyncio.sleep(0.002)
    tale.provider.done.set()
    for one in asked:
        await one
    return bool(asked)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_stop_at_any_write_of_the_second_life_is_not_called_free(tmp_path: Path, when: str) -> None:
    stopped: list[TileRecord] = []

    async def life(b: Bench, provider: Provider, at: int) -> bool:
        tale = Tale(b, provider, await left_with_a_job(b))

        async def stop(second: Studio) -> None:
            with suppress(ConflictError):  # nobody has it yet, or it is over
                await second.cancel(tale.tile)
            if second._tiles.get(tale.tile) is not None:
                await second.wait(tale.tile)

        reached = await through(tale, at, when, stop)
        async with asyncio.timeout(60):
            while not await tale.is_over():
                await asyncio.sleep(0.002)
        kept = await tale.check()
        if kept.state == "cancelled":
            stopped.append(kept)
            assert kept.billed == "yes" or provider.model.cancelled == [handle("job-1")]
        await abandon(b.studio, tale.tile)
        return reached

    assert await every_write(tmp_path, life) >= 4
    assert stopped


async def test_an_orderly_end_at_any_write_of_the_second_life_sends_nothing_again(tmp_path: Path) -> None:
    async def life(b: Bench, provider: Provider, at: int) -> bool:
        tale = Tale(b, provider, await left_with_a_job(b))
        reached = await through(tale, at, "after", lambda second: second.shutdown())
        third = b.build("third")
        await third.recover()
        await third.wait(tale.tile)
        await tale.check()
        await abandon(b.studio, tale.tile)
        return reached

    assert await every_write(tmp_path, life) >= 4


async def test_a_write_of_the_second_life_that_fails_loses_no_bill(tmp_path: Path) -> None:
    async def life(b: Bench, provider: Provider, at: int) -> bool:
        failed: list[int] = []

        def fail() -> None:
            failed.append(at)
            raise StorageError("The disk is full.")

        provider.done.set()
        tale = Tale(b, provider, await left_with_a_job(b))
        second, _ = tale.second(at, "before", fail)
        with suppress(StorageError):
            await second.recover()
        if (live := second._tiles.get(tale.tile)) is not None:
            await until(lambda: over_by(b, live))
        third = b.build("third")
        await third.recover()
        await third.wait(tale.tile)
        await tale.check(written=False)
        await abandon(b.studio, tale.tile)
        return bool(failed)

    assert await every_write(tmp_path, life) >= 4


def over_by(b: Bench, live: Live) -> bool:
    """Whether the tile has ended; else a second passes for what it waits for."""
    if not live.ended.is_set():
        b.clock.advance(1)
    return live.ended.is_set()


async def every_write(folder: Path, life: Callable[[Bench, Provider, int], Awaitable[bool]]) -> int:
    """Lives on until a write is asked for that there is not. Returns how many there are."""
    for at in count():
        provider = Provider()
        (folder / str(at)).mkdir()
        async with bench(folder / str(at), provider.model) as b:
            if not await life(b, provider, at):
                return at
    raise AssertionError
