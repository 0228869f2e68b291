"""Looks at a node that asks a price: paid where that was agreed to, never above it, never twice, and booked as looks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks.painted import limits
from tests.integration.neighbours_world import A, LiveNode
from tests.integration.test_checks import OTHERS, Sure, looked, noted
from tests.integration.test_network_api import page
from tests.integration.test_paid_nodes import PRICE, Market, market_in
from tests.unit.cli_tools import cli_on
from tests.unit.network.card_tools import THIRD
from tests.unit.network.remote_tools import png, signed
from tests.unit.network.x402_tools import BUYER, SELLER
from tests.unit.node.job_tools import SHOWN

from triptych.app.audit_book import MEASURED
from triptych.app.audit_ways import FOLDER
from triptych.app.check_purse import CheckPurse
from triptych.app.container import App
from triptych.network import invite
from triptych.network.job import Reply, Submit
from triptych.network.jose import kid_of
from triptych.spec.clock import SystemClock
from triptych.spec.errors import ProviderFailedError, TriptychError

FRIEND = OTHERS[1]
STATED = msgspec.structs.replace(SHOWN, digest="cd" * 32)
Told = dict[str, Any]


def shown(asked: Submit, now_ms: int) -> Reply:
    """A friend's node draws what the easel should."""
    width, height = (int(one) for one in (asked.job.size or "64x64").split("x"))
    return signed(asked, now_ms, (png(width, height),), signer=FRIEND, node=kid_of(FRIEND.key.public), model=STATED.id, digest=STATED.digest,
                  engine=STATED.engine, precision=STATED.precision, steps=asked.job.steps, sampler=STATED.sampler)  # fmt: skip


@pytest.fixture
async def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Market]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with market_in(tmp_path, STATED) as made:
        made.chain.balances = {BUYER.address.lower(): 1_000_000}
        yield made


async def opened(market: Market, checks: int) -> App:
    """A studio with a friend who draws the same, which looks at every job."""
    folder = market.world.folder / "studio" / FOLDER
    folder.mkdir(parents=True)
    row = {"digest": STATED.digest, "engine": STATED.engine, "precision": STATED.precision, "sampler": STATED.sampler}
    (folder / MEASURED).write_bytes(msgspec.json.encode([{**row, **asdict(limits())}]))
    friend: LiveNode = market.world.node(shown, signer=FRIEND, key=THIRD, hubs=(A,))
    await friend.join(models=(STATED,))
    app = await market.studio()
    link = invite.invite(FRIEND, (A,), "Ada's attic", "w" * 22, SystemClock().now_ms())
    await app.neighbours.accept(link)
    await app.neighbours.paying.allow_checks(checks)
    app.audits.draw = Sure(3)
    return app


def purse(app: App) -> CheckPurse:
    assert app.audits.purse is not None
    return app.audits.purse


async def told(market: Market) -> tuple[Told, str]:
    """What the page is told of paid looks, and how the node's pictures can be compared."""
    async with page(market.world) as web:
        found = (await web.get("/api/network/checks")).json()
        theirs = [one for one in found["owners"] if market.node.keys.id in one["nodes"]]
        return found["paid"], theirs[0]["models"][0]["compared"] if theirs else ""


async def test_nothing_is_paid_for_a_look_before_that_is_agreed_to(market: Market) -> None:
    app = await opened(market, 0)
    assert (await market.tile()).record.state == "done"
    await looked(market.world)
    assert not app.audits.book.checks
    assert market.chain.balances[SELLER.address.lower()] == PRICE
    assert await told(market) == ({"day_micro_usd": 0, "spent_micro_usd": 0, "unknown": 0}, "")


async def test_a_look_is_paid_like_any_call_and_booked_as_one(market: Market) -> None:
    app = await opened(market, PRICE)
    tile = await market.tile()
    await looked(market.world)
    (check,) = app.audits.book.checks.values()
    assert (check.what, market.chain.balances[SELLER.address.lower()]) == ("canary", 2 * PRICE)
    first, second = await app.neighbours.paying.payments()
    assert not first.purpose.startswith("check/")
    assert second.purpose == f"check/{check.id}/{market.node.keys.id}"
    assert second.settled is not None
    assert second.settled.success
    spent = await app.store.spend(run_id=f"checks/{purse(app)._day()}")
    assert (spent.amount_micro_usd, spent.unknown, (await app.store.spend()).amount_micro_usd) == (PRICE, 0, 2 * PRICE)
    assert (await app.store.spend(run_id=tile.record.run_id)).amount_micro_usd == PRICE, "no look is on its run"
    assert not await app.store.open_reservations()
    paid, compared = await told(market)
    assert (paid, compared) == ({"day_micro_usd": PRICE, "spent_micro_usd": PRICE, "unknown": 0}, "priced")
    await market.tile()
    await looked(market.world)
    assert len(app.audits.book.checks) == 1, "the day's looks are paid out"
    assert market.chain.balances[SELLER.address.lower()] == 3 * PRICE


async def test_a_look_that_fails_after_it_was_paid_is_not_made_again(market: Market) -> None:
    app = await opened(market, 10 * PRICE)
    await market.tile()
    await noted(market.world)
    market.easel.fails = ProviderFailedError("It broke.")
    await looked(market.world)
    assert (app.audits.book.checks, app.audits.book.due) == ({}, {})
    assert len(await app.neighbours.paying.payments()) == 2, "one for the picture and one for the look"
    assert (await told(market))[0] == {"day_micro_usd": 10 * PRICE, "spent_micro_usd": PRICE, "unknown": 1}


async def test_the_caps_on_all_spending_hold_looks_too(market: Market) -> None:
    app = await opened(market, 10 * PRICE)
    await market.tile()
    await noted(market.world)
    assert app.audits.book.due
    await app.caps.set({"day": PRICE})
    await looked(market.world)
    assert (len(await app.neighbours.paying.payments()), app.audits.book.checks) == (1, {})
    assert market.chain.balances[SELLER.address.lower()] == PRICE


async def test_looks_at_the_same_time_do_not_pass_the_cap_together(market: Market) -> None:
    app = await opened(market, 2 * PRICE + PRICE - 1)
    await market.tile()
    (news,) = [app.audits.news.get_nowait()]
    line = await app.neighbours.reach(market.node.keys.id)
    price = next(one.price for one in app.neighbours.nodes() if one.id == market.node.keys.id)

    async def look(number: int) -> bool:
        nonce = f"{number:022}"
        asked = Submit.of(msgspec.structs.replace(news.asked.submit.job, nonce=nonce), ())
        try:
            await purse(app).ask(line, asked, market.name, price, f"c{number}")
        except TriptychError:
            return False
        return True

    assert sum(await asyncio.gather(*map(look, range(6)))) == 2
    assert len(await app.neighbours.paying.payments()) == 3
    assert market.chain.balances[SELLER.address.lower()] == 3 * PRICE
    assert (await purse(app).today()).amount_micro_usd == 2 * PRICE


async def test_what_a_process_held_that_ended_in_a_look_is_charged(market: Market) -> None:
    app = await opened(market, PRICE)
    await market.tile()
    news = app.audits.news.get_nowait()
    line = await app.neighbours.reach(market.node.keys.id)
    price = line.card.body.price
    assert price is not None
    await purse(app)._held(line, news.asked.submit, market.name, price, "check/c1/node")
    assert len(await app.store.open_reservations()) == 1
    await market.world.close()
    app = await market.world.open(A)
    spent = await purse(app).today()
    assert (spent.amount_micro_usd, spent.unknown, await app.store.open_reservations()) == (PRICE, 1, ())
    assert not purse(app).allows(price)


async def test_the_agreement_over_http(market: Market) -> None:
    app = await opened(market, 0)
    async with page(market.world) as web:
        for wrong in (-1, True, "1", 10**9 + 1, None):
            said = await web.put("/api/network/checks/paid", json={"day_micro_usd": wrong})
            assert (said.status_code, said.json()["error"]["param"]) == (400, "day_micro_usd")
        said = await web.put("/api/network/checks/paid", json={"day_micro_usd": 200_000})
        assert said.json()["paid"]["day_micro_usd"] == app.neighbours.paying.checks == 200_000
        assert app.neighbours.paying.allowed.per_request == 50_000, "what pictures may cost is what it was"


def test_the_agreement_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with cli_on(tmp_path, monkeypatch, capsys) as cli:
        said = cli("wallet", "allow", "--each", "0.05", "--day", "2", "--checks", "0.2")
        assert "$0.20 a day are for looking" in " ".join(said.err.split())
        assert "looking at nodes: $0.00 of $0.20 today" in cli("wallet", "show").out
        assert cli("wallet", "allow", "--each", "0.05", "--day", "2").code == 0
        assert "looking at nodes" not in cli("wallet", "show").out
