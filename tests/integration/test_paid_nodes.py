"""A node that asks a price, and a studio that pays it where its owner has allowed that: on a chain of our own, never with money."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.neighbours_world import A, Land, land
from tests.integration.node_world import ended, until
from tests.unit.cli_tools import cli_on
from tests.unit.network.x402_tools import BUYER, SELLER, TOKEN, Chain
from tests.unit.node.job_tools import SHOWN, Easel

from triptych.app.container import App
from triptych.app.node import Node, NodePlan, open_node
from triptych.app.pricing import Pricing
from triptych.network.card import CardModel
from triptych.network.receipt import read
from triptych.node.admission import Limits
from triptych.router.budget import Caps
from triptych.spec.clock import SystemClock
from triptych.spec.errors import ProviderFailedError
from triptych.spec.image import ImageRequest
from triptych.studio.views import TileView

PRICE = 40_000
WHOLE = {BUYER.address.lower(): 100_000}
PAID = {BUYER.address.lower(): 60_000, SELLER.address.lower(): PRICE}


@dataclass
class Market:
    world: Land
    chain: Chain
    easel: Easel
    node: Node

    @property
    def name(self) -> str:
        return f"node/{self.node.keys.id[:10]}/sdxl"

    async def studio(self, *, wallet: bool = True, each: int = 50_000, day: int = 1_000_000) -> App:
        app = await self.world.open(A)
        app.neighbours.paying.tokens = (TOKEN,)
        if wallet:
            await app.neighbours.paying.set_wallet("01" * 32)
        await app.neighbours.paying.allow(each, day)
        await app.neighbours.pull()
        await self.world.allowed()
        return app

    async def tile(self) -> TileView:
        return await self.world.tile(self.name)

    def why_not(self) -> str | None:
        (one,) = self.world.studio.neighbours.nodes()
        return self.world.studio.neighbours.away(one, SystemClock().now_ms())

    def away(self) -> str | None:
        return next(one.away for one in self.world.studio.models.providers() if one.id.startswith("node-"))


@pytest.fixture
async def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Market]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with market_in(tmp_path) as made:
        yield made


@asynccontextmanager
async def market_in(folder: Path, offered: CardModel = SHOWN) -> AsyncIterator[Market]:
    """A node with a price, at work at a hub."""
    clock: Any = SystemClock()
    async with land(folder) as world, AsyncExitStack() as held:
        chain, easel = Chain(clock), Easel(offered=(offered,))
        easel.free.set()
        plan = NodePlan(hubs=(A,), backends=(easel,), trial=None, watch=False, limits=Limits(),
                        pricing=Pricing(PRICE, SELLER.address, TOKEN, chain))  # fmt: skip
        node = await open_node(folder / "node", plan, world.wires, clock)
        held.push_async_callback(ended, asyncio.create_task(node.worker.run()))
        held.push_async_callback(world.close)  # before the node is
        await until(lambda: node.worker.hubs[0].state == "open" and world.hubs[A].boxes.here(node.keys.id))
        yield Market(world, chain, easel, node)


async def test_a_picture_is_paid_for_and_the_receipt_says_what_it_cost(market: Market) -> None:
    app = await market.studio()
    card = app.models.endpoints()[market.name].model.card
    assert (card.free, card.prices[0].micro_usd_per_million) == (False, PRICE * 1_000_000)
    tile = await market.tile()
    assert tile.record.state == "done", tile.record.error
    assert (tile.record.billed, tile.record.cost and tile.record.cost.amount_micro_usd) == ("yes", PRICE)
    assert tile.record.estimate is not None
    assert tile.record.estimate.amount_micro_usd == PRICE
    assert market.chain.balances == PAID
    (kept,) = await app.neighbours.paying.payments()
    assert kept.settled is not None
    assert kept.settled.success
    assert (await app.store.spend()).amount_micro_usd == PRICE
    assert not await app.store.open_reservations()
    receipt = await app.store.receipts.of_tile(tile.record.id)
    assert receipt is not None
    said = read(receipt.body.encode()).payload
    assert {one["billed"] for one in said["attempts"]} == {"yes"}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"each": 0}, "asks $0.04 for a picture, and paying nodes is not allowed here"),
        ({"each": 39_999}, r"asks $0.04 for a picture, and $0.039999 are allowed at most"),
        ({"wallet": False}, "asks $0.04 for a picture, and there is no wallet to pay with"),
    ],
)
async def test_a_node_with_a_price_is_asked_only_where_that_is_allowed(
    market: Market, how: dict[str, Any], why: str
) -> None:
    await market.studio(**how)
    assert why in (market.why_not() or "")
    tile = await market.tile()
    assert tile.record.state == "failed"
    assert tile.record.error is not None
    assert why in tile.record.error.message
    assert (tile.record.billed, market.easel.begun, market.chain.balances) == ("no", [], WHOLE)


async def test_without_the_extra_and_in_another_token_it_says_so(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await market.studio()
    monkeypatch.setattr("triptych.app.paying.has_extra", lambda: False)
    assert "install triptych[x402]" in (market.why_not() or "")
    monkeypatch.undo()
    app.neighbours.paying.tokens = ()
    assert "in a way that is not known here" in (market.why_not() or "")


async def test_caps_hold_a_node_as_anybody_else(market: Market) -> None:
    app = await market.studio(day=PRICE)
    await app.caps.set({"run": PRICE - 1})
    refused = await market.tile()
    assert refused.record.error is not None
    assert refused.record.error.code == "budget_exceeded", refused.record.error
    assert market.chain.balances == WHOLE
    await app.caps.set({"run": None})
    assert app.caps.current() == Caps()
    assert (await market.tile()).record.state == "done"
    second = await market.tile()
    assert second.record.error is not None
    assert "of these 24 hours are spent" in second.record.error.message
    assert (second.record.billed, market.chain.balances) == ("no", PAID)


@pytest.mark.parametrize("wrong", ["the engine", "the chain"])
async def test_who_gets_no_picture_is_told_that_nobody_knows_yet(market: Market, wrong: str) -> None:
    """A node that has a signed transfer can have it carried out until it ends, whatever it says."""
    app = await market.studio()
    market.chain.reverts = wrong == "the chain"
    market.easel.fails = ProviderFailedError("It broke.") if wrong == "the engine" else None
    tile = await market.tile()
    assert tile.record.state == "failed"
    assert (tile.record.billed, market.chain.balances) == ("unknown", WHOLE)
    spent = await app.store.spend()
    assert (spent.unknown, spent.guessed_micro_usd) == (1, PRICE)


async def test_a_restart_goes_on_with_the_job_that_was_paid_for(market: Market) -> None:
    market.easel.free.clear()
    app = await market.studio()
    run = await app.studio.start_single(ImageRequest(prompt="a weir"), model=market.name, source="studio")
    while not any(one.job for one in await app.store.unfinished_tiles()):
        await asyncio.sleep(0.002)
    await market.world.close()
    app = await market.world.open(A)
    app.neighbours.paying.tokens = (TOKEN,)
    await app.studio.recover(app.owners.alive)
    market.easel.free.set()
    tile = (await app.studio.wait_run(run.record.id)).tiles[0]
    assert tile.record.state == "done", tile.record.error
    assert (tile.record.billed, market.chain.balances, market.easel.drawn) == ("yes", PAID, 1)
    assert len(await app.neighbours.paying.payments()) == 1


async def test_who_has_an_invite_pays_nothing(market: Market) -> None:
    app = await market.studio(wallet=False, each=0)
    await app.neighbours.accept(market.node.invite("Mira"))
    assert market.why_not() is None
    assert app.models.endpoints()[market.name].model.card.free
    tile = await market.tile()
    assert tile.record.state == "done", tile.record.error
    assert (tile.record.billed, market.chain.balances) == ("no", WHOLE)


def test_the_wallet_is_kept_by_a_command_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "01" * 32
    with cli_on(tmp_path, monkeypatch, capsys) as cli:
        for typed, good in (("0x12", False), ("00" * 32, False), (f"0x{key}", True)):
            monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
            said = cli("wallet", "set")
            assert (said.code == 0, BUYER.address in said.err, key in said.out + said.err) == (good, good, False)
        assert cli("wallet", "allow", "--each", "0.05", "--day", "2").code == 0
        assert cli("wallet", "allow", "--each", "NaN", "--day", "2").code != 0
        shown = cli("wallet", "show").out
        assert BUYER.address in shown
        assert "$0.05 for a picture, $2.00 in 24 hours" in shown
        assert key not in shown
        assert all(key.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert cli("wallet", "remove").code == 0
        assert "wallet: none" in cli("wallet", "show").out
