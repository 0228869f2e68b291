"""Payment on a real chain: an Ethereum of our own (py-evm) with a token that takes signed transfers (EIP-3009).

The token is `tests/vectors/token.vy`; `token.hex` is what `vyper 0.4.3 --evm-version cancun` makes of it.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_abi.abi import encode as abi
from tests.unit.network.x402_tools import BUYER, SELLER, Book, Hand, Into, Shop

from triptych.http.message import HttpRequest, HttpResponse
from triptych.network.keccak import keccak256
from triptych.network.x402.door import PaidDoor
from triptych.network.x402.payer import Caps, Payer, PayingTransport
from triptych.network.x402.sign import Token
from triptych.network.x402.till import Till
from triptych.network.x402.wire import Payment, PaymentError, Settled, Terms, decode

VECTORS = Path(__file__).parents[2] / "vectors"
PRICE = 40_000
TRANSFER = "address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32"
MOVED = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()


def ethereum() -> Any:
    """A chain in memory. Its package lets Python call ten times as deep, which what reads JSON in C does not survive: not here."""
    limit = sys.getrecursionlimit()
    try:
        made = import_module("eth_tester")
        return made.EthereumTester(made.PyEVMBackend())
    finally:
        sys.setrecursionlimit(limit)


def selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


class Evm:
    """Implements `till.Facilitator` on a chain of its own: what the token's code says counts, and nothing else."""

    def __init__(self) -> None:
        self.tester = ethereum()
        self.refused: type[Exception] = import_module("eth_tester.exceptions").TransactionFailed
        self.account = self.tester.get_accounts()[0]  # pays for the gas
        number = self.tester.backend.chain.chain_id
        code = bytes.fromhex("".join((VECTORS / "token.hex").read_text("ascii").split()).removeprefix("0x"))
        made = abi(["string", "string", "address", "uint256"], ["Test Dollar", "1", BUYER.address, 100_000])
        receipt = self._sent({"to": "", "data": "0x" + (code + made).hex()})
        self.token = Token(f"eip155:{number}", receipt["contract_address"], "Test Dollar", "1")
        self.clock = Hand(self.tester.get_block_by_number("latest")["timestamp"] * 1000)

    def _sent(self, told: dict[str, Any]) -> dict[str, Any]:
        asked = {"from": self.account, "gas": 2_000_000, "value": 0, **told}
        found: dict[str, Any] = self.tester.get_transaction_receipt(self.tester.send_transaction(asked))
        return found

    def _order(self, payment: Payment) -> dict[str, Any]:
        told, signed = payment.payload.authorization, bytes.fromhex(payment.payload.signature[2:])
        words = abi(TRANSFER.split(","), [told.payer, told.to, int(told.value), int(told.valid_after), int(told.valid_before),
                                          bytes.fromhex(told.nonce[2:]), signed[64], signed[:32], signed[32:64]])  # fmt: skip
        data = selector(f"transferWithAuthorization({TRANSFER})") + words
        return {"to": self.token.address, "data": "0x" + data.hex()}

    def balance(self, who: str) -> int:
        asked = {"from": self.account, "to": self.token.address, "gas": 100_000,
                 "data": "0x" + (selector("balanceOf(address)") + abi(["address"], [who])).hex()}  # fmt: skip
        return int(self.tester.call(asked), 16)

    async def verify(self, payment: Payment, terms: Terms) -> None:
        try:
            self.tester.call({"from": self.account, "gas": 500_000, **self._order(payment)})
        except self.refused as error:
            raise PaymentError("refused", f"The chain refuses the payment: {error}.") from None

    async def settle(self, payment: Payment, terms: Terms) -> Settled:
        done = self._sent({"gas": 500_000, **self._order(payment)})
        return Settled(success=done["status"] == 1, transaction=str(done["transaction_hash"]), network=self.token.network,
                       payer=payment.payload.authorization.payer)  # fmt: skip


@pytest.fixture(scope="module")
def fresh() -> Evm:
    return Evm()


@pytest.fixture
def chain(fresh: Evm) -> Any:
    """The chain as it was made; what a test does on it is taken back."""
    kept = fresh.tester.take_snapshot()
    yield fresh
    fresh.tester.revert_to_snapshot(kept)


def till(chain: Evm) -> Till:
    return Till(pay_to=SELLER.address, token=chain.token, facilitator=chain, clock=chain.clock)


async def bought(chain: Evm, selling: Till, key: str) -> tuple[HttpResponse, Payer, Into]:
    paying = Payer(BUYER, Caps(50_000, 90_000), Book(), chain.clock, tokens=(chain.token,))
    way = Into(PaidDoor(Shop(), selling, lambda _: PRICE))
    request = HttpRequest(
        url="http://node.example/v1/images/generations", json={"prompt": "x"}, headers={"Idempotency-Key": key}
    )
    return await PayingTransport(way, paying).send(request, deadline=1e12), paying, way


def paid(way: Into) -> Payment:
    return decode(way.seen[-1].headers["PAYMENT-SIGNATURE"], Payment, "payment")


async def test_a_picture_is_paid_for_on_the_chain(chain: Evm) -> None:
    answer, paying, _ = await bought(chain, till(chain), "one")
    assert (answer.status, answer.body) == (200, b"a picture")
    assert (chain.balance(BUYER.address), chain.balance(SELLER.address)) == (60_000, PRICE)
    (kept,) = await paying.receipts()
    assert kept.settled is not None
    told = chain.tester.get_transaction_receipt(kept.settled.transaction)
    (log,) = told["logs"]
    assert (told["status"], log["address"], log["topics"][0]) == (1, chain.token.address, MOVED)
    assert int(log["data"], 16) == PRICE


async def test_a_transfer_that_was_made_is_refused_by_the_chain_wherever_it_is_shown_again(chain: Evm) -> None:
    _, _, way = await bought(chain, till(chain), "one")
    again, forgetful = paid(way), till(chain)
    with pytest.raises(PaymentError, match="authorization is used"):
        await forgetful.take(way.seen[-1].headers["PAYMENT-SIGNATURE"], PRICE)
    assert not (await chain.settle(again, again.accepted)).success
    assert (chain.balance(BUYER.address), chain.balance(SELLER.address)) == (60_000, PRICE)


async def test_what_was_not_signed_so_or_is_over_is_refused_by_the_chain(chain: Evm) -> None:
    _, _, way = await bought(chain, till(chain), "one")
    sent = paid(way)
    told = sent.payload.authorization
    for changed, why in (
        ({"nonce": "0x" + "07" * 32}, "invalid signature"),
        ({"nonce": "0x" + "08" * 32, "to": BUYER.address}, "invalid signature"),
        ({"nonce": "0x" + "09" * 32, "valid_before": "1"}, "authorization is expired"),
    ):
        forged = msgspec.structs.replace(sent, payload=msgspec.structs.replace(
            sent.payload, authorization=msgspec.structs.replace(told, **changed)))  # fmt: skip
        with pytest.raises(PaymentError, match=why):
            await chain.verify(forged, forged.accepted)
    assert chain.balance(SELLER.address) == PRICE


def test_the_chain_leaves_this_process_as_it_was(chain: Evm) -> None:
    assert chain.balance(BUYER.address) == 100_000
    assert sys.getrecursionlimit() < 2_000
