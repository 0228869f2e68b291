"""What a studio writes down of nodes, and what it does not."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.card_tools import DAY, FIRST, NODE, NODE_ID, NOW, SECOND, STRANGER, STRANGER_ID, body
from tests.unit.network.remote_tools import Hand

from triptych.app.neighbour import Remembered, heard, read_once, unlisted
from triptych.app.node_memory import TIMES_MS, NodeMemory
from triptych.network import card
from triptych.network.card import Load
from triptych.spec.errors import StorageError

MINUTE = 60_000
HUB, OTHER = "https://a.example", "https://b.example"
SIGNERS = {NODE_ID: NODE, STRANGER_ID: STRANGER}


@dataclass
class Shelf:
    """A memory that counts what is written, and can be full."""

    kept: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    full: bool = False

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        if self.full:
            raise StorageError("The disk is full.")
        self.kept |= bodies
        self.written += bodies

    async def all(self, scope: str) -> dict[str, str]:
        return dict(self.kept)

    async def forget(self, scope: str, *names: str) -> None:
        for name in names:
            del self.kept[name]

    def read(self, node: str) -> Remembered:
        return msgspec.json.decode(self.kept[node], type=Remembered)


@dataclass
class Desk:
    """A studio that hears of nodes."""

    shelf: Shelf = field(default_factory=Shelf)
    clock: Hand = field(default_factory=Hand)
    kept: dict[str, Remembered] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.memory = NodeMemory(self.shelf, self.clock)  # type: ignore[arg-type]

    def signed(self, node: str, **changed: Any) -> None:
        """A new card, which says what the one before it said but for what is `changed`."""
        now, said = self.clock.ms, self.said.setdefault(node, {})
        said |= changed
        times = {"seq": now, "issued_ms": now, "expires_ms": now + 600_000}
        made = body(
            *said.get("keys", (FIRST,)), id=node, **times, **{name: one for name, one in said.items() if name != "keys"}
        )
        self.lines[node] = card.sign(made, SIGNERS[node])

    def hear(self, node: str = NODE_ID, hub: str = HUB, *, here: bool = True) -> None:
        found = heard(self.kept.get(node), read_once(self.lines[node]), hub, self.clock, here=here)
        if found is not None:
            self.kept[node] = found

    async def look(self) -> list[str]:
        """What is written then."""
        self.shelf.written.clear()
        await self.memory.look(self.kept, self.used)
        return self.shelf.written


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    made.signed(NODE_ID)
    made.hear()
    assert await made.look() == [NODE_ID]
    return made


async def test_a_node_that_is_still_there_is_written_once_an_hour(desk: Desk) -> None:
    written = []
    for minute in range(1, 181):
        desk.clock.ms += MINUTE
        if minute % 5 == 0:
            desk.signed(NODE_ID, load=Load(queue=minute % 3, p50_ms=minute))
        desk.hear(here=minute % 7 > 0)
        written += [minute for _ in await desk.look()]
    assert written == [60, 120, 180]
    assert desk.shelf.read(NODE_ID) == desk.kept[NODE_ID]


async def test_the_newest_card_of_a_node_that_is_used_is_kept(desk: Desk) -> None:
    desk.clock.ms += MINUTE
    desk.signed(NODE_ID)
    desk.hear()
    assert await desk.look() == []
    desk.used.add(NODE_ID)
    assert await desk.look() == [NODE_ID], "it has become one that is used"
    assert desk.shelf.read(NODE_ID).card == desk.kept[NODE_ID].card
    for minute in range(1, 12):
        desk.clock.ms += MINUTE
        if minute % 5 == 0:
            desk.signed(NODE_ID)
        desk.hear(here=minute != 8)
        assert await desk.look() == ([NODE_ID] if minute in {5, 8, 9, 10} else [])


async def test_what_is_news_is_written_at_once(desk: Desk) -> None:
    def hears(**changed: Any) -> None:
        desk.signed(NODE_ID, **changed)
        desk.hear()

    def counted(**changed: Any) -> None:
        desk.kept[NODE_ID] = msgspec.structs.replace(desk.kept[NODE_ID], **changed)

    told: tuple[Callable[[], None], ...] = (
        lambda: hears(region="CH"),
        lambda: hears(hubs=(HUB, OTHER)),
        lambda: desk.hear(hub=OTHER),
        lambda: counted(jobs=1),
        lambda: counted(clashes={OTHER: "two cards"}),
        lambda: counted(networks={HUB: "net"}),
        lambda: counted(known=replace(desk.kept[NODE_ID].known, ended="Its owner ended it.")),
        lambda: counted(known=replace(desk.kept[NODE_ID].known, ended="")),
        lambda: counted(hubs=unlisted(desk.kept[NODE_ID], OTHER).hubs),
    )
    for news in told:
        desk.clock.ms += MINUTE
        news()
        assert await desk.look() == [NODE_ID]
        assert desk.shelf.read(NODE_ID) == desk.kept[NODE_ID]
        assert await desk.look() == []
    desk.clock.ms += DAY
    hears()
    await desk.look()
    desk.clock.ms += MINUTE
    hears(keys=(SECOND,))
    assert await desk.look() == [NODE_ID]
    assert desk.shelf.read(NODE_ID).known.keys == (SECOND.config.encode(),)


async def test_what_could_not_be_written_is_written_next_time(desk: Desk) -> None:
    desk.shelf.full = True
    desk.signed(NODE_ID, region="CH")
    desk.clock.ms += MINUTE
    desk.hear()
    with pytest.raises(StorageError):
        await desk.look()
    desk.shelf.full = False
    assert await desk.look() == [NODE_ID]
    assert await desk.look() == []


async def test_a_node_is_forgotten_no_sooner_after_a_process_was_killed_than_after_one_that_ended(desk: Desk) -> None:
    for _ in range(59):
        desk.clock.ms += MINUTE
        desk.signed(NODE_ID)
        desk.hear()
        assert await desk.look() == []
    last = desk.clock.ms
    assert desk.shelf.read(NODE_ID).heard_ms == NOW
    desk.start()
    desk.clock.ms = last + 7 * DAY - 1
    assert NODE_ID in await desk.memory.load(7 * DAY, ())
    await desk.memory.save_times(desk.kept)
    assert desk.shelf.read(NODE_ID) == desk.kept[NODE_ID]
    await desk.memory.save_times(desk.kept)
    for after, there in ((7 * DAY + TIMES_MS - 1, True), (7 * DAY + TIMES_MS, False)):
        desk.start()
        desk.clock.ms = last + after
        assert (NODE_ID in await desk.memory.load(7 * DAY, ())) is there
        assert NODE_ID in await desk.memory.load(7 * DAY, {NODE_ID})


async def test_a_node_that_no_hub_lists_any_more_is_kept_with_the_time_it_was_heard_of(desk: Desk) -> None:
    desk.clock.ms += 30 * MINUTE
    desk.signed(NODE_ID)
    desk.hear()
    assert await desk.look() == []
    desk.kept[NODE_ID] = unlisted(desk.kept[NODE_ID], HUB)
    assert await desk.look() == [NODE_ID]
    assert desk.shelf.read(NODE_ID).heard_ms == desk.clock.ms
    await desk.memory.forget([NODE_ID])
    assert desk.shelf.kept == {}
    assert await desk.look() == [NODE_ID], "it was heard of again"


names = st.sampled_from([NODE_ID, STRANGER_ID])
acts = st.one_of(
    st.tuples(st.just("sign"), names, st.sampled_from([None, None, None, "CH"])),
    st.tuples(st.just("hear"), names, st.sampled_from([HUB, OTHER])),
    st.tuples(st.just("gone"), names, st.sampled_from([HUB, OTHER])),
    st.tuples(st.just("count"), names, st.just(0)),
    st.tuples(st.just("use"), names, st.booleans()),
    st.tuples(st.just("full"), st.just(""), st.booleans()),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 3 * TIMES_MS)),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 3 * MINUTE)),
)  # fmt: skip


def done(desk: Desk, act: str, node: str, what: Any) -> None:
    one = desk.kept.get(node)
    if act == "wait":
        desk.clock.ms += what
    elif act == "full":
        desk.shelf.full = what
    elif act == "use":
        (desk.used.add if what else desk.used.discard)(node)
    elif act == "sign":
        desk.signed(node, region=what)
    elif act == "hear":
        desk.hear(node, what)
    elif one is not None:
        desk.kept[node] = unlisted(one, what) if act == "gone" else msgspec.structs.replace(one, jobs=one.jobs + 1)


async def told(story: list[tuple[str, str, Any]]) -> None:
    desk = Desk()
    for node in SIGNERS:
        desk.signed(node)
    for act in story:
        done(desk, *act)
        if desk.shelf.full:
            with pytest.raises(StorageError):
                await desk.look()
            continue
        await desk.look()
        for node, now in desk.kept.items():
            kept = desk.shelf.read(node)
            assert now.heard_ms - kept.heard_ms < TIMES_MS
            assert (kept.hubs.keys(), kept.jobs, kept.known.keys, read_once(kept.card).body.region) == (
                now.hubs.keys(), now.jobs, now.known.keys, read_once(now.card).body.region)  # fmt: skip
            assert node not in desk.used or (kept.card, kept.known) == (now.card, now.known)


@settings(max_examples=100, deadline=None)
@given(st.lists(acts, max_size=30))
def test_what_is_on_the_disk_lacks_nothing_but_times_and_signatures(story: list[tuple[str, str, Any]]) -> None:
    asyncio.run(told(story))
