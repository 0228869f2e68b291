"""What a running server does from time to time."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from triptych.app.container import App, watch_keys
from triptych.spec.errors import StorageError
from triptych.spec.gallery import Purged
from triptych.studio.gallery import Gallery

DAY_MS = 24 * 3600 * 1000


class Upkeep:
    """An app of which only the upkeep is there; its clock jumps half a day at each sleep, and ends it after four."""

    def __init__(self, *, full: bool = False) -> None:
        self.now = 100 * DAY_MS
        self.naps = 0
        self.full = full
        self.loaded = 0
        self.pruned: list[tuple[int, int, int]] = []

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, _: float) -> None:
        await asyncio.sleep(0)
        self.naps += 1
        if self.naps > 4:
            raise asyncio.CancelledError
        self.now += DAY_MS // 2

    async def try_keys(self) -> None: ...
    async def notice(self) -> None: ...
    async def load(self) -> None:
        self.loaded += 1

    async def prune_idempotent(self, **before: Any) -> int:
        self.pruned.append((self.now, before["before_ms"], before["unanswered_before_ms"]))
        if self.full:
            raise StorageError("The disk is full.")
        return 0


@pytest.mark.parametrize("full", [False, True])
async def test_old_idempotency_keys_are_forgotten_daily_and_caps_read_again(*, full: bool) -> None:
    upkeep = Upkeep(full=full)
    with pytest.raises(asyncio.CancelledError):
        await watch_keys(
            cast(App, SimpleNamespace(models=upkeep, local=upkeep, caps=upkeep, clock=upkeep, store=upkeep))
        )
    week = 7 * DAY_MS
    days = [101 * DAY_MS, 102 * DAY_MS]
    assert upkeep.pruned == [(now, now - week, now - week) for now in days]
    assert upkeep.loaded == 4


class Trash:
    """A store of which only the trash is there; each time it is emptied it notes when, and the first time the disk is full."""

    def __init__(self, clock: Upkeep) -> None:
        self.clock, self.tiles, self.emptied = clock, self, list[int]()

    async def hide(self, before_ms: int) -> int:
        self.emptied.append(self.clock.now - before_ms)
        if len(self.emptied) == 1:
            raise StorageError("The disk is full.")
        return 0

    async def purge(self, _: int) -> Purged:
        return Purged()


async def test_the_trash_is_emptied_again_and_again_also_after_a_failure() -> None:
    clock = Upkeep()
    trash = Trash(clock)
    nothing = cast(Any, None)
    gallery = Gallery(cast(Any, trash), nothing, nothing, nothing, nothing, cast(Any, clock))
    with pytest.raises(asyncio.CancelledError):
        await gallery.keep()
    assert trash.emptied == [30 * DAY_MS] * 5
