"""What a node asks for its pictures: held before the job, taken before the pictures, given back where there are none; and the file that says it."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.unit.network.x402_tools import BUYER, SELLER, TOKEN, Book, Chain, Hand
from tests.unit.node.job_tools import picture, wanted

from triptych.app.pricing import CHAINS, TRANSFER_S, Pricing, TillDesk, read_pricing
from triptych.network.job import Accepted, Done, Problem, Reply, Submit, decode_question, described, encode_question
from triptych.network.replay import WINDOW_MS
from triptych.network.x402.payer import Caps, Payer
from triptych.network.x402.till import HttpFacilitator
from triptych.network.x402.wire import Required, Settled, decode, encode
from triptych.node.fees import Fees
from triptych.provider_kit.playback import PlayedClock, PlayedTransport
from triptych.spec.errors import NotConfiguredError, SettingsError

PRICE = 40_000
PICTURE = picture()


@dataclass
class House:
    """A node's desk on a chain of our own, and a studio's wallet."""

    chain: Chain = field(default_factory=lambda: Chain(Hand()))
    submitted: list[str] = field(default_factory=list)
    full: bool = False

    def __post_init__(self) -> None:
        self.fees = Fees(Pricing(PRICE, SELLER.address, TOKEN, self.chain).desk(self.chain.clock), PRICE)

    async def paid(self, asked: Submit, micro_usd: int = PRICE) -> Submit:
        terms = TOKEN.terms(SELLER.address, micro_usd, TRANSFER_S)
        payer = Payer(BUYER, Caps(10**9, 10**9), Book(), self.chain.clock, (TOKEN,))
        return replace(asked, payment=encode(await payer.pay(Required(x402_version=2, accepts=(terms,)), "one")))

    def _submit(self, asked: Submit) -> Reply:
        if self.full:
            return Reply(Problem(code="busy", title="full"))
        self.submitted.append(asked.job.nonce)
        return Reply(Accepted(job="j" * 22))

    async def handed_in(self, asked: Submit) -> str:
        reply = await self.fees.handed_in(asked, self._submit, self.chain.clock.now_ms())
        return reply.news.code if isinstance(reply.news, Problem) else "accepted"

    async def drawn(self, asked: Submit, count: int = 1) -> Reply:
        pictures = (PICTURE,) * count
        listed = tuple(described(one, "image/png") for one in pictures)
        return await self.fees.settled(asked, Reply(Done(receipt="r", images=listed), pictures))

    @property
    def earned(self) -> int:
        return self.chain.balances.get(SELLER.address.lower(), 0)


def test_a_payment_travels_beside_the_job_and_changes_nothing_of_it() -> None:
    asked = replace(wanted(), payment="cGF5")
    found = decode_question(encode_question(asked))
    assert isinstance(found, Submit)
    assert (found.payment, found.hash) == ("cGF5", wanted().hash)
    assert "cGF5" not in repr(found)


async def test_money_is_taken_with_the_picture_and_once() -> None:
    house = House()
    asked = await house.paid(wanted())
    assert [await house.handed_in(asked) for _ in range(2)] == ["accepted"] * 2, "sent again it is paid for already"
    assert house.earned == 0
    reply = await house.drawn(asked)
    assert isinstance(reply.news, Done)
    assert decode(reply.news.paid or "", Settled, "settlement").success
    house.fees.give_back(asked)
    assert house.earned == PRICE
    assert str(house.fees) == "$0.04 a picture, $0.04 paid"
    other = await house.paid(wanted("m" * 22))
    assert await house.handed_in(replace(other, payment=asked.payment)) == "unpaid", "one transfer is for one job"


async def test_the_same_job_over_two_hubs_at_once_is_paid_once() -> None:
    house = House()
    asked = await house.paid(wanted())
    assert await asyncio.gather(*(house.handed_in(asked) for _ in range(3))) == ["accepted"] * 3


async def test_nothing_is_drawn_without_the_whole_price() -> None:
    house = House()
    assert await house.handed_in(wanted()) == "unpaid"
    for wrong in (await house.paid(wanted(), PRICE - 1), replace(wanted(), payment="?"), await house.paid(wanted(n=2))):
        assert await house.handed_in(wrong) == "unpaid"
    house.chain.balances.clear()
    assert await house.handed_in(await house.paid(wanted())) == "unpaid"
    assert house.submitted == []
    assert await house.handed_in(wanted(guest="g" * 22)) == "accepted", "who has an invite pays nothing"


async def test_no_picture_no_money_and_the_payment_is_good_again() -> None:
    house = House(full=True)
    asked = await house.paid(wanted())
    assert await house.handed_in(asked) == "busy"
    house.full = False
    assert await house.handed_in(asked) == "accepted"
    house.fees.give_back(asked)
    assert await house.handed_in(asked) == "accepted"
    two = await house.paid(wanted("m" * 22, n=2), 2 * PRICE)
    assert await house.handed_in(two) == "accepted"
    fewer = await house.drawn(two, 1)
    assert isinstance(fewer.news, Done)
    assert (fewer.news.paid, house.earned) == (None, 0)
    house.chain.clock.ms += 2 * WINDOW_MS + 1
    assert await house.handed_in(asked) == "unpaid", "it has ended"


async def test_what_does_not_go_through_brings_no_picture() -> None:
    house = House()
    asked = await house.paid(wanted())
    await house.handed_in(asked)
    house.chain.reverts = True
    reply = await house.drawn(asked)
    assert isinstance(reply.news, Problem)
    assert (reply.news.code, reply.pictures) == ("unpaid", ())
    assert "reverted" in reply.news.title
    assert str(house.fees) == "$0.04 a picture, $0.00 paid, 1 not known to be paid"
    assert str(Fees()) == ""


# The file.

GOOD = {"micro_usd": "40000", "pay_to": f'"{SELLER.address}"', "facilitator": '"https://f.example"', "chain": '"base"'}


def told(folder: Path, **changed: str) -> Pricing | None:
    text = "\n".join(f"{name} = {value}" for name, value in {**GOOD, **changed}.items())
    (folder / "price.toml").write_text(text, "utf-8")
    return read_pricing(folder, PlayedTransport(lambda _: None, PlayedClock()), Hand())  # type: ignore[arg-type,return-value]


def test_a_price_stands_in_the_nodes_folder(tmp_path: Path) -> None:
    assert read_pricing(tmp_path, None, Hand()) is None  # type: ignore[arg-type]
    found = told(tmp_path)
    assert found is not None
    assert (found.micro_usd, found.pay_to, found.token) == (40_000, SELLER.address, CHAINS["base"])
    assert isinstance(found.facilitator, HttpFacilitator)
    assert (found.card.per_image_micro_usd, found.card.pay_to) == (40_000, SELLER.address)
    assert (found.card.asset, found.card.network) == (CHAINS["base"].address, "eip155:8453")
    assert isinstance(found.desk(Hand()), TillDesk)


@pytest.mark.parametrize(
    "changed",
    [
        {"micro_usd": "0"}, {"micro_usd": "200000000"}, {"micro_usd": '"4 cents"'}, {"pay_to": '"0x12"'}, {"facilitator": '"http://f.example"'},
        {"chain": '"gold"'}, {"else": "1"}, {"micro_usd": "="},
    ],
)  # fmt: skip
def test_a_price_that_is_wrong_starts_no_node(tmp_path: Path, changed: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"price\.toml"):
        told(tmp_path, **changed)


def test_options_of_the_command_come_before_the_file_and_name_what_is_missing(tmp_path: Path) -> None:
    def asked(**asks: str | int) -> Pricing | None:
        return read_pricing(tmp_path, PlayedTransport(lambda _: None, PlayedClock()), Hand(), asks)  # type: ignore[arg-type,return-value]

    whole: dict[str, str | int] = {
        "micro_usd": 30_000, "pay_to": SELLER.address, "facilitator": "https://f.example", "chain": "base-sepolia",
    }  # fmt: skip
    found = asked(**whole)
    assert found is not None
    assert (found.micro_usd, found.pay_to, found.token.network) == (
        30_000,
        SELLER.address,
        CHAINS["base-sepolia"].network,
    )
    assert not any(tmp_path.iterdir()), "an option is for this start"
    with pytest.raises(SettingsError, match="A price needs --facilitator and --chain, too"):
        asked(micro_usd=30_000, pay_to=SELLER.address)
    told(tmp_path)
    dearer = asked(micro_usd=50_000)
    assert dearer is not None
    assert (dearer.micro_usd, dearer.token) == (50_000, CHAINS["base"])
    assert asked(micro_usd=0) is None, "free, whatever the file says"


def test_a_price_without_the_extra_starts_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.app.pricing.has_extra", lambda: False)
    with pytest.raises(NotConfiguredError, match="extra"):
        told(tmp_path)
