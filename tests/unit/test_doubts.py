"""What is said of a picture after it was shown: on a tile that is over, once, and to every page."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest
from tests.unit.network.audit_world import Hand

from triptych.spec.errors import NotFoundError
from triptych.spec.records import TileRecord, TileState
from triptych.studio.doubts import WAITS, Doubts
from triptych.studio.views import TileView, tile_view


def record(state: TileState = "done") -> TileRecord:
    return TileRecord(
        id="tile_1",
        run_id="run_1",
        position=0,
        model="m",
        state=state,
        created_ms=1,
        updated_ms=1,
        ratio=1.0,
        request={},
    )


@dataclass
class House:
    """Tiles, a store and a bus. The tile is told from memory so many times more, and then as it is stored."""

    live: list[TileRecord] = field(default_factory=list)
    stored: TileRecord | None = field(default_factory=record)
    told: list[Any] = field(default_factory=list)
    saved: int = 0

    async def tile(self, tile_id: str) -> TileView:
        assert tile_id == "tile_1"
        if self.stored is None:
            raise NotFoundError("gone")
        return tile_view(self.live.pop(0) if self.live else self.stored, card=lambda: None)

    async def tile_of(self, attempt_id: str) -> str | None:
        return "tile_1" if attempt_id == "attempt_1" else None

    async def save_tile(self, tile: TileRecord) -> None:
        self.saved += 1
        self.stored = tile

    def publish(self, type_: Literal["tile"], data: Any) -> None:
        assert type_ == "tile"
        self.told.append(data)

    async def marked(self, attempt: str = "attempt_1") -> bool:
        doubts = Doubts(self, self, self, Hand())  # type: ignore[arg-type]
        return await doubts.mark(attempt, "It came out otherwise.", "Look.", "c1")


async def test_a_tile_that_is_over_says_it_and_every_page_is_told() -> None:
    house = House()
    assert await house.marked()
    assert house.told[0]["doubt"] == {"message": "It came out otherwise.", "hint": "Look.", "check": "c1"}
    assert house.saved == 1


async def test_one_that_is_at_work_is_waited_for() -> None:
    house = House(live=[record("receiving"), record("receiving")])
    assert await house.marked()
    assert (house.saved, len(house.told)) == (1, 1)


async def test_one_that_is_just_ending_is_written_again() -> None:
    house = House(live=[record(), record()])
    assert await house.marked()
    assert (house.saved, len(house.told)) == (2, 1)


@pytest.mark.parametrize("house", [House(stored=None), House(stored=replace(record(), state="working")), House()])
async def test_what_is_gone_or_does_not_end_is_left_alone(house: House) -> None:
    known = house.stored is None or house.stored.state == "working"
    assert not await house.marked("attempt_1" if known else "attempt_2")
    assert (house.saved, house.told) == (0, [])
    assert WAITS > 1
