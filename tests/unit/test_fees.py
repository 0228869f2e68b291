"""What the router takes for itself: declared in the policy, held with the estimate, booked beside the charge."""

from typing import Any, cast

import pytest
from tests.unit.fee_cases import CASES
from tests.unit.router_doubles import FakeClock, FakeStore

from triptych.network.check_fee import fee_line
from triptych.router.budget import Budget, Caps, Payer
from triptych.router.policy import BALANCED, fee_words, in_words
from triptych.spec.errors import BudgetError
from triptych.spec.image import UNKNOWN_COST, Cost
from triptych.spec.routing import NO_FEES, Fees
from triptych.store.base import RecordStore

FEES = Fees(per_mille=25, per_request_micro_usd=500)
PRICE = Cost(40_000, "table")


@pytest.mark.parametrize(("payload", "declared", "verdict", "words"), CASES)
def test_a_stated_fee_against_the_declared_one(
    payload: dict[str, Any], declared: dict[str, int], verdict: str, words: str
) -> None:
    line = fee_line(payload, declared)
    assert (line.what, line.verdict) == ("fee", verdict)
    assert words in line.detail


@pytest.mark.parametrize(
    ("amount", "fee"), [(0, 0), (1, 500), (39, 500), (40, 501), (40_000, 1_500), (10**10, 250_000_500), (None, 500)]
)
def test_a_fee_is_rounded_down_and_none_of_what_costs_nothing(amount: int | None, fee: int) -> None:
    assert FEES.on(amount) == fee
    assert NO_FEES.on(amount) == 0


def test_a_fee_is_said_in_words() -> None:
    assert in_words(BALANCED)[-1] == "No fee is taken."
    assert fee_words(FEES) == (
        "A fee is taken for each call that is billed: $0.0005 and 25 thousandths of what the provider charges."
    )
    assert fee_words(Fees(per_mille=10)).endswith("billed: 10 thousandths of what the provider charges.")
    assert fee_words(Fees(per_request_micro_usd=2_000)).endswith("is billed: $0.002.")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def budget(store: FakeStore) -> Budget:
    return Budget(cast(RecordStore, store), FakeClock())


def booked(store: FakeStore) -> list[tuple[str, int, bool, bool]]:
    """Kind, amount, whether it is certain, and whether it is a fee."""
    return [(one.kind, one.amount_micro_usd, one.known, one.fee_of is not None) for one in store.entries]


ENDS: list[tuple[Any, Cost, list[tuple[str, int, bool, bool]]]] = [
    ("yes", Cost(60_000, "provider"), [("settle", 60_000, True, False), ("settle", 2_000, True, True)]),
    ("yes", Cost(0, "provider"), [("settle", 0, True, False), ("release", 0, True, True)]),
    ("no", Cost(0, "provider"), [("release", 0, True, False), ("release", 0, True, True)]),
    ("unknown", UNKNOWN_COST, [("settle", 40_000, False, False), ("settle", 1_500, False, True)]),
    ("yes", UNKNOWN_COST, [("settle", 40_000, False, False), ("settle", 1_500, False, True)]),
    ("unknown", Cost(60_000, "provider"), [("settle", 60_000, False, False), ("settle", 2_000, False, True)]),
]


@pytest.mark.parametrize(("billed", "cost", "ends"), ENDS)
async def test_a_fee_goes_with_its_charge(
    store: FakeStore, budget: Budget, billed: Any, cost: Cost, ends: list[tuple[str, int, bool, bool]]
) -> None:
    hold = await budget.reserve(Payer(run_id="r", tile_id="t"), "one/a", PRICE, FEES)
    assert booked(store) == [("reserve", 40_000, True, False), ("reserve", 1_500, True, True)]
    assert store.entries[1].fee_of == store.entries[0].reservation != store.entries[1].reservation
    taken = await budget.close(hold, billed, cost)
    assert booked(store)[2:] == ends
    assert taken == ends[1][1]
    assert store.open() == []
    assert await budget.fees_of("t") == {hold.entry.reservation: taken}


async def test_a_cap_has_to_have_room_for_the_fee(store: FakeStore, budget: Budget) -> None:
    payer = Payer(run_id="r", tile_id="t", caps=Caps(run=41_499))
    with pytest.raises(BudgetError) as refused:
        await budget.reserve(payer, "one/a", PRICE, FEES)
    assert "this would cost $0.0415, of it a fee of $0.0015." in refused.value.message
    assert store.entries == []
    assert not await budget.roomy(payer, "one/a", PRICE, 1_500)
    with pytest.raises(BudgetError, match="of it a fee of"):
        await budget.check(payer, "one/a", PRICE, 1_500)
    roomy = Payer(run_id="r", tile_id="t", caps=Caps(run=41_500))
    await budget.check(roomy, "one/a", PRICE, 1_500)
    await budget.reserve(roomy, "one/a", PRICE, FEES)


async def test_what_may_be_charged_above_the_estimate_is_held_with_its_fee(store: FakeStore, budget: Budget) -> None:
    free = Payer(run_id="r", tile_id="t")
    await budget.close(await budget.reserve(free, "one/a", PRICE, FEES), "yes", Cost(80_000, "provider"))
    spent = 82_500
    payer = Payer(run_id="r", tile_id="t2", caps=Caps(run=spent + 82_499))
    with pytest.raises(BudgetError, match=r"or up to \$0\.0815"):
        await budget.reserve(payer, "one/a", PRICE, FEES)
    assert store.open() == []
    hold = await budget.reserve(Payer(run_id="r", tile_id="t2", caps=Caps(run=spent + 82_500)), "one/a", PRICE, FEES)
    assert hold.margin is not None
    assert hold.margin.amount_micro_usd == 41_000  # twice the estimate with its fee, less what is held for one


async def test_a_call_that_is_gone_on_with_keeps_its_fee_and_lost_ones_settle_it(
    store: FakeStore, budget: Budget
) -> None:
    payer = Payer(run_id="r", tile_id="t")
    held = [await budget.reserve(payer, "one/a", PRICE, FEES) for _ in range(2)]
    hold = await budget.adopt("t", "one/a", held[1].entry.reservation, FEES)
    assert hold is not None
    assert (hold.fee_micro_usd, hold.fees) == (1_500, FEES)
    assert len(await budget.reconcile("t", kept=[hold])) == 2
    assert booked(store)[4:] == [("settle", 40_000, False, False), ("settle", 1_500, False, True)]
    await budget.close(hold, "yes", Cost(20_000, "provider"))
    assert booked(store)[6:] == [("settle", 20_000, True, False), ("settle", 1_000, True, True)]


async def test_an_unknown_price_is_held_with_the_part_that_needs_none(store: FakeStore, budget: Budget) -> None:
    payer = Payer(run_id="r", tile_id="t", caps=Caps(run=500, allow_unknown_price=True))
    hold = await budget.reserve(payer, "one/a", UNKNOWN_COST, FEES)
    assert booked(store) == [("reserve", 0, False, False), ("reserve", 500, False, True)]
    assert await budget.close(hold, "unknown", UNKNOWN_COST) == 500
    with pytest.raises(BudgetError):
        await budget.reserve(payer, "one/a", UNKNOWN_COST, FEES)
