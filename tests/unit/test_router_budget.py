import asyncio
from typing import cast

import pytest
from tests.unit.router_doubles import FakeClock, FakeStore

from triptych.router.budget import NO_CAPS, Budget, Caps, Hold, Payer
from triptych.router.price import usd
from triptych.spec.errors import BudgetError, StorageError
from triptych.spec.image import FREE, UNKNOWN_COST, Billed, Cost
from triptych.store.base import RecordStore

CENT = Cost(10_000, "table")


class Purse:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.budget = Budget(cast(RecordStore, self.store), self.clock)

    async def hold(self, estimate: Cost = CENT, caps: Caps = NO_CAPS, run: str = "r", key: str | None = "k") -> Hold:
        payer = Payer(run_id=run, tile_id=f"tile_{run}", api_key=key, caps=caps)
        return await self.budget.reserve(payer, "one/a", estimate)


@pytest.fixture
def purse() -> Purse:
    return Purse()


async def test_a_reservation_holds_the_estimate_under_all_its_names(purse: Purse) -> None:
    entry = (await purse.hold()).entry
    assert (entry.kind, entry.amount_micro_usd, entry.known, entry.day) == ("reserve", 10_000, True, "2026-09-21")
    assert (entry.run_id, entry.tile_id, entry.api_key, entry.endpoint) == ("r", "tile_r", "k", "one/a")


@pytest.mark.parametrize(
    ("caps", "name", "hint"),
    [
        (Caps(run=15_000), "this run", "ask for fewer"),
        (Caps(day=15_000), "the day", "next day"),
        (Caps(key=15_000), "this API key", "another key"),
    ],
)
async def test_a_cap_refuses_before_anything_is_written_and_says_all_about_it(
    purse: Purse, caps: Caps, name: str, hint: str
) -> None:
    await purse.hold(caps=caps)
    with pytest.raises(BudgetError) as caught:
        await purse.hold(caps=caps)
    assert caught.value.message == (
        f"The spending cap for {name} is $0.015: $0.01 is spent or held, and this would cost $0.01. Nothing was sent."
    )
    assert hint in (caught.value.hint or "")
    assert caught.value.amount_micro_usd == 10_000
    assert len(purse.store.entries) == 1


async def test_a_cap_may_be_reached_exactly_and_counts_only_its_own(purse: Purse) -> None:
    caps = Caps(run=20_000, day=1_000_000, key=1_000_000)
    await purse.hold(caps=caps)
    await purse.hold(caps=caps)
    await purse.hold(caps=caps, run="another")
    with pytest.raises(BudgetError, match="this run"):
        await purse.hold(caps=caps)


async def test_the_cap_of_a_key_does_not_hold_without_one(purse: Purse) -> None:
    await purse.hold(caps=Caps(key=0), key=None)
    assert len(purse.store.entries) == 1


async def test_the_day_is_utc_and_a_charge_stays_on_the_day_of_its_reservation(purse: Purse) -> None:
    hold = await purse.hold()
    purse.clock.seconds += 86_400
    await purse.budget.close(hold, "yes", CENT)
    assert [e.day for e in purse.store.entries] == ["2026-09-21", "2026-09-21"]
    assert (await purse.hold(caps=Caps(day=10_000))).entry.day == "2026-09-22"


@pytest.mark.parametrize(
    ("billed", "cost", "kind", "amount", "known"),
    [
        ("yes", Cost(12_000, "provider"), "settle", 12_000, True),
        ("yes", UNKNOWN_COST, "settle", 10_000, False),
        ("unknown", UNKNOWN_COST, "settle", 10_000, False),
        ("unknown", Cost(9_000, "table"), "settle", 9_000, False),
        ("no", Cost(9_000, "table"), "release", 0, True),
        ("no", UNKNOWN_COST, "release", 0, True),
    ],
)
async def test_how_each_ending_is_settled(
    purse: Purse, *, billed: Billed, cost: Cost, kind: str, amount: int, known: bool
) -> None:
    await purse.budget.close(await purse.hold(), billed, cost)
    entry = purse.store.entries[-1]
    assert (entry.kind, entry.amount_micro_usd, entry.known) == (kind, amount, known)


async def test_the_first_closing_holds(purse: Purse) -> None:
    hold = await purse.hold()
    await purse.budget.close(hold, "no", UNKNOWN_COST)
    await purse.budget.close(hold, "yes", CENT)
    assert [e.kind for e in purse.store.entries] == ["reserve", "release"]


async def test_an_unknown_price_is_refused_under_a_cap_and_else_shown_as_unknown(purse: Purse) -> None:
    with pytest.raises(BudgetError, match="Nobody knows"):
        await purse.hold(UNKNOWN_COST, Caps(day=1_000_000))
    with pytest.raises(BudgetError, match="Nobody knows"):
        await purse.budget.check(Payer(run_id="r", tile_id="t", caps=Caps(run=1)), "one/a", UNKNOWN_COST)
    for caps in (NO_CAPS, Caps(day=0, allow_unknown_price=True)):
        await purse.budget.close(await purse.hold(UNKNOWN_COST, caps), "yes", UNKNOWN_COST)
    spent = await purse.store.spend()
    assert (spent.amount_micro_usd, spent.unknown) == (0, 2)


async def test_what_is_free_needs_no_room(purse: Purse) -> None:
    await purse.hold(Cost(50_000, "table"))
    assert (await purse.hold(FREE, Caps(run=10_000))).entry.amount_micro_usd == 0


async def test_a_charge_above_its_estimate_stops_the_next_call(purse: Purse) -> None:
    caps = Caps(run=20_000)
    await purse.budget.close(await purse.hold(caps=caps), "yes", Cost(15_000, "provider"))
    with pytest.raises(BudgetError, match=r"\$0\.015 is spent"):
        await purse.hold(caps=caps)


async def test_what_an_endpoint_charged_above_its_estimate_is_held_from_then_on(purse: Purse) -> None:
    caps = Caps(day=100_000)
    await purse.budget.close(await purse.hold(caps=caps), "yes", Cost(25_000, "provider"))
    hold = await purse.hold(caps=caps)
    assert (hold.entry.amount_micro_usd, hold.margin and hold.margin.amount_micro_usd) == (10_000, 15_000)
    assert (await purse.store.spend()).amount_micro_usd == 50_000
    await purse.budget.close(hold, "yes", Cost(12_000, "provider"))
    assert (await purse.store.spend()).amount_micro_usd == 37_000
    assert purse.store.open() == []
    with pytest.raises(BudgetError, match=r"would cost \$0\.01, or up to \$0\.025 by what was charged here lately\."):
        await purse.hold(caps=Caps(day=60_000))
    assert purse.store.open() == []


async def test_the_ledger_of_an_earlier_process_teaches_too_for_a_week(purse: Purse) -> None:
    await purse.budget.close(await purse.hold(), "yes", Cost(30_000, "provider"))
    later = Purse()
    later.store = purse.store
    later.budget = Budget(cast(RecordStore, later.store), later.clock)
    hold = await later.hold(caps=Caps(run=1_000_000))
    assert hold.margin is not None
    assert hold.margin.amount_micro_usd == 20_000
    later.clock.seconds += 7 * 86_400
    assert (await later.hold(caps=Caps(run=1_000_000))).margin is None


async def test_without_a_cap_or_a_price_nothing_is_held_beside_the_estimate(purse: Purse) -> None:
    await purse.budget.close(await purse.hold(), "yes", Cost(30_000, "provider"))
    assert (await purse.hold()).margin is None
    assert (await purse.hold(FREE, Caps(run=1))).margin is None


async def test_a_margin_that_finds_no_room_any_more_leaves_nothing_held(purse: Purse) -> None:
    caps = Caps(day=60_000)
    await purse.budget.close(await purse.hold(), "yes", Cost(25_000, "provider"))
    both = await asyncio.gather(*(purse.hold(caps=caps, run=run) for run in ("r", "s")), return_exceptions=True)
    assert [isinstance(one, BudgetError) for one in both].count(True) == 1
    assert sum(entry.amount_micro_usd for entry in purse.store.open()) == 25_000


async def test_the_margin_of_a_lost_call_is_released_and_its_estimate_settled(purse: Purse) -> None:
    await purse.budget.close(await purse.hold(), "yes", Cost(25_000, "provider"))
    lost = await purse.hold(caps=Caps(day=100_000))
    assert lost.margin is not None
    assert set(await purse.budget.reconcile("tile_r")) == {lost.entry.reservation, lost.margin.reservation}
    assert (await purse.store.spend()).amount_micro_usd == 35_000
    assert sum(not entry.known for entry in purse.store.entries) == 1


async def test_a_refusal_after_a_charge_above_the_cap_says_why_it_was_passed(purse: Purse) -> None:
    caps = Caps(run=10_000)
    await purse.budget.close(await purse.hold(caps=caps), "yes", Cost(50_000, "provider"))
    with pytest.raises(BudgetError, match="above its estimate, for the provider decides it; nothing more is sent"):
        await purse.hold(caps=caps)


async def test_unknown_charges_are_mentioned_when_a_cap_refuses(purse: Purse) -> None:
    await purse.budget.close(await purse.hold(), "unknown", UNKNOWN_COST)
    with pytest.raises(BudgetError, match="1 of the charges are not known"):
        await purse.hold(caps=Caps(run=10_000))


async def test_reconcile_settles_only_what_is_lost_and_only_once(purse: Purse) -> None:
    lost, kept = await purse.hold(), await purse.hold(run="kept")
    went_on = await purse.hold()
    assert await purse.budget.reconcile("tile_r", kept=[went_on]) == (lost.entry.reservation,)
    assert await purse.budget.reconcile("tile_r", kept=[went_on]) == ()
    assert purse.store.open() == [kept.entry, went_on.entry]
    assert (purse.store.entries[-1].amount_micro_usd, purse.store.entries[-1].known) == (10_000, False)


async def test_adopt_finds_the_open_reservation_of_a_tile_at_an_endpoint(purse: Purse) -> None:
    hold = await purse.hold()
    assert await purse.budget.adopt("tile_r", "one/a") == hold
    assert await purse.budget.adopt("tile_r", "two/a") is None
    await purse.budget.close(hold, "no", UNKNOWN_COST)
    assert await purse.budget.adopt("tile_r", "one/a") is None


def test_money_is_written_with_as_many_decimals_as_it_needs() -> None:
    assert [usd(n) for n in (0, 1, 39_000, 1_500_000, 12_345_678)] == [
        "$0.00",
        "$0.000001",
        "$0.039",
        "$1.50",
        "$12.345678",
    ]


async def test_an_end_that_could_not_be_written_is_written_later(purse: Purse, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = await purse.hold()

    async def full(*_: object) -> bool:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(purse.store, "close_reservation", full)
        await purse.budget.close(hold, "yes", CENT)
        await purse.budget.settle_late()
    assert [e.kind for e in purse.store.entries] == ["reserve"]
    await purse.budget.settle_late()
    await purse.budget.settle_late()
    assert [(e.kind, e.amount_micro_usd, e.known) for e in purse.store.entries[1:]] == [("settle", 10_000, True)]
