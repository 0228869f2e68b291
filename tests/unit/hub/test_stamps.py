"""The desk for stamps: what costs nothing first, one at a time, and a bound on who waits."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from tests.unit.network.card_tools import NOW

from triptych.hub.stamps import Stamps
from triptych.network import stamp
from triptych.network.stamp import Stamp, StampError
from triptych.spec.errors import OverloadedError

DONE = stamp.make("node", NOW, 4)
assert DONE is not None


class Slow:
    """Work that takes until it is let go, and how much of it there was."""

    def __init__(self) -> None:
        self.begun, self.go, self.at_once, self.most = 0, threading.Event(), 0, 0
        self.one = threading.Lock()

    def __call__(self, subject: str, found: Stamp) -> bytes:
        with self.one:
            self.begun, self.at_once = self.begun + 1, self.at_once + 1
            self.most = max(self.most, self.at_once)
        assert self.go.wait(60)
        with self.one:
            self.at_once -= 1
        return b"\xff" * 32


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    found = Slow()
    monkeypatch.setattr(stamp, "work", found)
    yield found
    found.go.set()


async def test_a_good_stamp_counts_and_another_does_not() -> None:
    desk = Stamps()
    assert DONE is not None
    await desk.check(DONE, "node", NOW, 4)
    with pytest.raises(StampError, match="24 are asked for"):
        await desk.check(DONE, "node", NOW, 24)


async def test_what_can_be_seen_without_work_is_seen_without_work(slow: Slow) -> None:
    for wrong in (Stamp(-1, 0), Stamp(NOW, -1), Stamp(NOW - stamp.FRESH_MS - 1, 0), Stamp(NOW + stamp.SKEW_MS + 1, 0)):
        with pytest.raises(StampError):
            await Stamps().check(wrong, "node", NOW, 4)
    assert slow.begun == 0


async def test_one_at_a_time_and_so_many_wait(slow: Slow) -> None:
    desk = Stamps(most=3)
    asked = [asyncio.create_task(desk.check(Stamp(NOW, one), "node", NOW, 4)) for one in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError) as full:
        await desk.check(Stamp(NOW, 9), "node", NOW, 4)
    assert (full.value.retry_after_s, bool(full.value.hint)) == (5, True)
    slow.go.set()
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in said] == [StampError] * 3
    assert (slow.begun, slow.most) == (3, 1)
    with pytest.raises(StampError):  # there is room again
        await desk.check(Stamp(NOW, 9), "node", NOW, 4)
