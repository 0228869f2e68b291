"""Prices that people agree to have the fee in them, and caps have room for what is held beyond: wherever something is started."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import Bench, bench, hang, model, paints
from tests.unit.test_drift import DAY_S, Painter, a_watch, drift_of

from triptych.router.budget import Caps
from triptych.router.policy import CHEAPEST
from triptych.spec.errors import BudgetError, ConflictError
from triptych.spec.image import UNKNOWN_COST, Cost, ImageRequest, ImageResult
from triptych.spec.model import CallContext
from triptych.spec.routing import Fees
from triptych.store.base import IdempotencyRecord
from triptych.studio.grid import Axis, Grids
from triptych.studio.planning import Asked
from triptych.studio.promotion import Promotion
from triptych.studio.quotes import Quote, quoted
from triptych.studio.views import TileView

FEES = Fees(per_mille=25, per_request_micro_usd=500)
CALL, FEE = 67_000, 2_175
WHOLE = CALL + FEE
BEYOND = 41_000  # 40,000 above the price, with 25 thousandths of that
ONE = "a/one"


class Switch:
    """Draws, until it is told to leave its callers waiting."""

    def __init__(self) -> None:
        self.painter, self.waits, self.asked = Painter(), False, 0

    async def play(self, request: ImageRequest, context: CallContext) -> ImageResult:
        self.asked += 1
        return await (hang if self.waits else self.painter.play)(request, context)


@pytest.fixture
def maker() -> Switch:
    return Switch()


@pytest.fixture
async def b(tmp_path: Path, maker: Switch) -> AsyncIterator[Bench]:
    policy = replace(CHEAPEST, name="dear", fees=FEES)
    models = (model(ONE, play=maker.play, seed=True), model("b/two", play=paints))
    async with bench(tmp_path, *models, policy=policy, beyond=40_000) as made:
        yield made


def promotion(b: Bench) -> Promotion:
    return Promotion(b.studio, b.store, b.blobs)


async def a_draft(b: Bench) -> str:
    run = await b.studio.start(Asked(text="a kettle", models=(ONE,), tier="draft"))
    (tile,) = (await b.studio.wait_run(run.record.id)).tiles
    assert tile.record.draft is not None
    return tile.record.id


def test_a_sum_over_prompts_has_the_fee_of_every_picture() -> None:
    quotes = [Quote(cost=Cost(CALL, "table"), fee_micro_usd=FEE), Quote(cost=Cost(1_000, "table"), fee_micro_usd=525)]
    assert quoted(quotes, 6) == (Cost(3 * (CALL + 1_000 + FEE + 525), "table"), 3 * (FEE + 525))
    assert quoted([*quotes, Quote(cost=UNKNOWN_COST, fee_micro_usd=500)], 3) == (UNKNOWN_COST, FEE + 525 + 500)
    assert (Quote(cost=UNKNOWN_COST, fee_micro_usd=500).whole, Quote(cost=UNKNOWN_COST).held_micro_usd) == (
        UNKNOWN_COST, None,
    )  # fmt: skip


async def test_a_check_is_agreed_to_with_its_fee_and_needs_room_for_what_is_held(b: Bench) -> None:
    drift = drift_of(b)
    watch = await drift.save(a_watch(ONE))
    price = await drift.price(watch)
    assert (price.total, price.beyond) == (Cost(6 * WHOLE, "table"), 6 * BEYOND)
    with pytest.raises(ConflictError, match=r"\$0.402 was agreed to"):
        await drift.check_now(watch.id, 6 * CALL)
    b.caps[0] = Caps(day=6 * (WHOLE + BEYOND) - 1)
    with pytest.raises(BudgetError):
        await drift.check_now(watch.id, 6 * WHOLE)
    assert await drift.checks(watch.id) == ()
    b.caps[0] = Caps(day=6 * (WHOLE + BEYOND), run=6 * (WHOLE + BEYOND))
    check = await drift.check_now(watch.id, 6 * WHOLE)
    run = await b.studio.run(check.run_id)
    assert run.record.settings["budget_micro_usd"] == 6 * (WHOLE + BEYOND)  # a quarter more would not hold it
    await drift.settled()
    (done,) = await drift.checks(watch.id)
    assert [(len(cell.samples), cell.missing) for cell in done.cells] == [(3, 0), (3, 0)]
    assert await drift.spent(watch.id) == 6 * WHOLE
    await drift.close()


async def test_the_cap_of_a_watch_has_room_for_what_is_held(b: Bench) -> None:
    drift = drift_of(b)
    watch = await drift.save(a_watch(ONE))
    most = 6 * (WHOLE + BEYOND)
    await drift.schedule(watch.id, "daily", agreed_micro_usd=6 * WHOLE, cap_micro_usd=most - 1)
    b.clock.advance(DAY_S)
    assert await drift.tick() == 0
    note = (await drift.watch(watch.id)).note
    assert note is not None
    assert "$0.00 is spent and $0.66105 is held for this check" in note
    await drift.schedule(watch.id, "daily", agreed_micro_usd=6 * WHOLE, cap_micro_usd=most)
    b.clock.advance(DAY_S)
    assert await drift.tick() == 1
    await drift.settled()
    await drift.close()


async def test_a_grid_is_priced_with_its_fee_and_needs_room_for_what_is_held(b: Bench) -> None:
    grids, asked = Grids(b.studio, b.clock), Asked(text="a kettle --n 2", models=(ONE,))
    axes = (Axis(kind="model", values=(ONE, "b/two")), Axis(kind="parameter", name="seed", values=("1", "2")))
    b.caps[0] = Caps(day=8 * (WHOLE + BEYOND) - 1)
    plan: Any = (await grids.plan(asked, axes)).json
    assert {cell["cost"]["amount_micro_usd"] for cell in plan["cells"]} == {2 * WHOLE}
    assert plan["total"]["amount_micro_usd"] == plan["known_micro_usd"] == 8 * WHOLE
    assert plan["allowed"] is False
    with pytest.raises(BudgetError):
        await grids.start(asked, axes)
    b.caps[0] = Caps(day=8 * (WHOLE + BEYOND))
    assert (await grids.plan(asked, axes)).problem is None


async def test_a_final_is_offered_with_its_fee(b: Bench) -> None:
    plan = (await b.studio.plan(Asked(text="a kettle", models=(ONE,), tier="draft"))).per_model[ONE]
    assert plan.draft is not None
    assert plan.draft.final == Cost(WHOLE, "table")
    offers: Any = await promotion(b).offers(await a_draft(b))
    for offer in offers["offers"]:
        assert (offer["cost"]["amount_micro_usd"], offer["fee_micro_usd"]) == (WHOLE, FEE)
        assert offer["held_micro_usd"] == WHOLE + BEYOND


async def test_two_promotions_at_once_with_keys_of_their_own_make_one_final(b: Bench, maker: Switch) -> None:
    tile, made = await a_draft(b), promotion(b)
    keys = [
        IdempotencyRecord(key=key, scope="s", body_sha256="00", created_ms=1, response="first") for key in ("a", "b")
    ]
    for key in keys:
        assert await b.store.begin_idempotent(key) is None
    maker.waits = True
    answers = await asyncio.gather(*(made.promote(tile, claim=key) for key in keys), return_exceptions=True)
    (one,) = [answer for answer in answers if isinstance(answer, TileView)]
    (refused,) = [answer for answer in answers if isinstance(answer, ConflictError)]
    assert "being made already" in refused.message
    tiles = (await b.store.tiles_of([one.record.run_id]))[one.record.run_id]
    assert [each.final for each in tiles] == [False, True]
    kept = [await b.store.begin_idempotent(key) for key in keys]
    assert sorted(str(each.response) for each in kept if each is not None) == ["first", one.record.id]
    other = await made.promote(tile, model="b/two")  # another final
    more = await made.promote(tile, confirm=True)
    assert len({one.record.id, other.record.id, more.record.id}) == 3
    for each in (one, more):
        await b.studio.cancel(each.record.id)
        await b.studio.wait(each.record.id)
    await b.studio.wait(other.record.id)
    maker.waits = False
    again = await made.promote(tile)  # nothing of it is at work now
    assert (await b.studio.wait(again.record.id)).record.state == "done"
