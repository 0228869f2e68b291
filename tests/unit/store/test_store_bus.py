"""The event log in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.store.samples import FixedClock

from triptych.spec.events import AppEvent
from triptych.store.base import Bus
from triptych.store.bus import MemoryBus


async def _take(events: AsyncIterator[AppEvent], number: int) -> list[AppEvent]:
    return [await asyncio.wait_for(anext(events), 60) for _ in range(number)]


def _numbers(events: list[AppEvent]) -> list[Any]:
    return [event.data.get("n", event.type) for event in events]


async def test_what_comes_is_delivered_to_everybody() -> None:
    bus: Bus = MemoryBus(FixedClock())
    bus.publish("tile", {"n": 0})
    readers = [bus.subscribe(None) for _ in range(3)]
    waiting = [asyncio.ensure_future(_take(reader, 2)) for reader in readers]
    await asyncio.sleep(0)
    published = [bus.publish("tile", {"n": 1}), bus.publish("run", {"n": 2})]
    assert await asyncio.gather(*waiting) == [published] * 3


async def test_a_subscription_begins_when_it_is_made() -> None:
    bus = MemoryBus(FixedClock())
    reader = bus.subscribe(None)
    bus.publish("tile", {"n": 1})
    assert _numbers(await _take(reader, 1)) == [1]


async def test_resuming_misses_nothing_and_repeats_nothing() -> None:
    bus = MemoryBus(FixedClock())
    start = bus.last_id()
    events = [bus.publish("tile", {"n": n}) for n in range(5)]
    assert _numbers(await _take(bus.subscribe(start), 5)) == [0, 1, 2, 3, 4]
    assert _numbers(await _take(bus.subscribe(events[2].id), 2)) == [3, 4]


@pytest.mark.parametrize("away", [-1_000_000, -6, 1, 10**9])
async def test_a_place_that_is_gone_gets_a_reset(away: int) -> None:
    bus = MemoryBus(FixedClock(), size=5)
    for n in range(8):
        bus.publish("tile", {"n": n})
    reader = bus.subscribe(bus.last_id() + away)
    first = await _take(reader, 1)
    assert first == [AppEvent(bus.last_id(), "reset", {})]
    bus.publish("tile", {"n": "next"})
    assert _numbers(await _take(reader, 1)) == ["next"]


async def test_the_oldest_place_that_is_kept_needs_no_reset() -> None:
    bus = MemoryBus(FixedClock(), size=5)
    for n in range(8):
        bus.publish("tile", {"n": n})
    assert _numbers(await _take(bus.subscribe(bus.last_id() - 5), 5)) == [3, 4, 5, 6, 7]


async def test_a_reader_who_has_passed_what_made_no_event_is_not_told_to_load_anew() -> None:
    bus = MemoryBus(FixedClock(), size=4)
    reader = bus.subscribe(None)
    first = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    for _ in range(4):
        bus.announce("tile", lambda: None, 1)
    await asyncio.sleep(0)  # the reader wakes, and finds nothing to tell
    bus.publish("tile", {"n": 1})
    for _ in range(3):
        bus.announce("tile", lambda: None, 1)
    assert (await asyncio.wait_for(first, 60)).data == {"n": 1}


async def test_a_slow_reader_is_told_to_load_anew_and_delays_nobody() -> None:
    bus = MemoryBus(FixedClock(), size=4)
    slow = bus.subscribe(None)
    bus.publish("tile", {"n": 0})
    assert _numbers(await _take(slow, 1)) == [0]
    for n in range(1, 100):
        bus.publish("tile", {"n": n})
    assert _numbers(await _take(slow, 1)) == ["reset"]
    bus.publish("tile", {"n": 100})
    assert _numbers(await _take(slow, 1)) == [100]


async def test_a_cancelled_reader_leaves_nothing_behind() -> None:
    bus = MemoryBus(FixedClock())
    tasks = [asyncio.ensure_future(_take(bus.subscribe(None), 1)) for _ in range(10)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(bus._sleeping) == 10
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not bus._sleeping
    bus.publish("tile", {})


async def test_a_wait_can_be_given_up_and_taken_up_again() -> None:
    bus = MemoryBus(FixedClock())
    reader = bus.subscribe(None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(reader), 0.001)
    bus.publish("tile", {"n": 1})
    assert _numbers(await _take(reader, 1)) == [1]


def test_ids_grow_across_restarts() -> None:
    clock = FixedClock()
    before = MemoryBus(clock)
    for n in range(900):
        before.publish("tile", {"n": n})
    clock.now += 1
    assert MemoryBus(clock).last_id() > before.last_id()


def test_a_ring_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MemoryBus(FixedClock(), size=0)


@given(size=st.integers(1, 6), steps=st.lists(st.booleans(), max_size=40))
async def test_a_reader_sees_every_event_in_order_or_a_reset(size: int, steps: list[bool]) -> None:
    bus = MemoryBus(FixedClock(), size=size)
    reader, place = bus.subscribe(None), bus.last_id()
    for publish in steps:
        if publish:
            bus.publish("tile", {})
        elif place < bus.last_id():
            [event] = await _take(reader, 1)
            gone = bus.last_id() - place > size
            assert event.type == ("reset" if gone else "tile")
            place = bus.last_id() if gone else place + 1
            assert event.id == place


async def test_large_events_take_the_place_of_many_small_ones() -> None:
    bus = MemoryBus(FixedClock(), size=100, weight=20)
    start = bus.last_id()
    for number in range(10):
        bus.publish("tile", {"n": number})
    tiles: list[Any] = [{"prompt": "x"}] * 14
    bus.publish("run", {"n": 10, "tiles": tiles})
    assert _numbers(await _take(bus.subscribe(start), 1)) == ["reset"]
    assert _numbers(await _take(bus.subscribe(start + 5), 6)) == [5, 6, 7, 8, 9, 10]
    bus.publish("run", {"n": 11, "text": "y" * 40_000})
    assert _numbers(await _take(bus.subscribe(start + 11), 1)) == [11]
    bus.publish("tile", {"n": 12})
    assert _numbers(await _take(bus.subscribe(start + 12), 1)) == [12]


async def test_what_is_announced_is_made_once_and_only_for_who_reads_it() -> None:
    bus, made = MemoryBus(FixedClock()), 0

    def make() -> dict[str, Any]:
        nonlocal made
        made += 1
        return {"n": made}

    start = bus.last_id()
    bus.announce("tile", make, 0)
    bus.announce("tile", lambda: None, 0)
    bus.publish("run", {"n": "last"})
    assert made == 0
    for _ in range(2):
        seen = bus.subscribe(start)
        assert [(event.id - start, event.type, event.data) for event in [await anext(seen), await anext(seen)]] == [
            (1, "tile", {"n": 1}), (3, "run", {"n": "last"}),
        ]  # fmt: skip
    assert made == 1


async def test_who_waits_is_not_woken_for_nothing() -> None:
    bus = MemoryBus(FixedClock())
    upcoming = asyncio.ensure_future(anext(bus.subscribe(None)))
    await asyncio.sleep(0)
    bus.announce("tile", lambda: None, 0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not upcoming.done()
    bus.announce("tile", lambda: {"n": 1}, 0)
    assert (await upcoming).data == {"n": 1}
