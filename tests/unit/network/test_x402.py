"""Payment by x402: as its own packages have it, within caps, once, and settled on a chain of our own."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.x402_tools import BUYER, SELLER, TOKEN, Book, Chain, Hand, Into, Shop, till

from triptych.http.message import HttpRequest, HttpResponse
from triptych.network.x402.door import PaidDoor
from triptych.network.x402.payer import Caps, Payer, PayingTransport
from triptych.network.x402.sign import USDC, Wallet, digest, signer_of
from triptych.network.x402.till import HttpFacilitator, Till
from triptych.network.x402.wire import Payment, PaymentError, Required, Settled, decode, encode
from triptych.provider_kit.playback import PlayedClock, PlayedTransport
from triptych.spec.errors import BillingError

VECTORS: Any = json.loads((Path(__file__).parents[2] / "vectors" / "x402.json").read_text("utf-8"))
SECRET = bytes.fromhex(VECTORS["secret"].removeprefix("0x"))
URL = "http://node.example/v1/images/generations"
PRICE = 40_000
CAPS = Caps(per_request=50_000, per_day=90_000)


@pytest.fixture
def chain() -> Chain:
    return Chain(Hand())


def payer(chain: Chain, caps: Caps = CAPS, book: Book | None = None) -> Payer:
    return Payer(BUYER, caps, Book() if book is None else book, chain.clock, tokens=(TOKEN,))


def refused(told: pytest.ExceptionInfo[PaymentError]) -> str:
    return told.value.reason


# As its own packages have it.


def test_an_address_and_a_signature_are_those_of_the_official_packages() -> None:
    payment = decode(VECTORS["payment"], Payment, "payment")
    wallet, told = Wallet(SECRET), payment.payload.authorization
    assert wallet.address == VECTORS["address"] == "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
    hashed = digest(USDC[1], told)
    assert hashed.hex() == VECTORS["digest"]
    assert wallet.sign(hashed) == payment.payload.signature
    assert signer_of(hashed, payment.payload.signature) == wallet.address.lower()
    assert repr(wallet) == "Wallet()"


async def test_what_the_official_server_asks_is_paid_as_the_official_client_pays_it(chain: Chain) -> None:
    required = decode(VECTORS["required"], Required, "price")
    made = await Payer(Wallet(SECRET), CAPS, Book(), chain.clock).pay(required, "a")
    theirs = decode(VECTORS["payment"], Payment, "payment")
    assert (made.accepted, made.resource) == (theirs.accepted, theirs.resource)
    told = made.payload.authorization
    assert (told.payer, told.to, told.value) == (VECTORS["address"], required.accepts[0].pay_to, "40000")
    sent = json.loads(base64.b64decode(encode(made)))
    names = json.loads(base64.b64decode(VECTORS["payment"]))
    assert sent.keys() == names.keys()
    assert sent["payload"]["authorization"].keys() == names["payload"]["authorization"].keys()
    assert decode(VECTORS["settled"], Settled, "settlement").success


# The whole way.


def shop(chain: Chain, **how: Any) -> tuple[Shop, Into]:
    drawing = Shop(**how)
    return drawing, Into(PaidDoor(drawing, till(chain), lambda scope: PRICE if scope["method"] == "POST" else None))


async def bought(paying: Payer, way: Into, key: str = "one") -> HttpResponse:
    request = HttpRequest(url=URL, json={"prompt": "a heron"}, headers={"Idempotency-Key": key})
    return await PayingTransport(way, paying).send(request, deadline=1e12)


async def test_a_picture_is_paid_for_and_the_settlement_kept(chain: Chain) -> None:
    paying = payer(chain)
    drawing, way = shop(chain)
    answer = await bought(paying, way)
    assert (answer.status, answer.body, drawing.drawn) == (200, b"a picture", 1)
    assert chain.balances == {BUYER.address.lower(): 60_000, SELLER.address.lower(): 40_000}
    (kept,) = await paying.receipts()
    assert kept.settled is not None
    assert (kept.micro_usd, kept.settled.success, kept.settled.transaction) == (PRICE, True, "0x" + "1".rjust(64, "0"))
    free = await way.send(HttpRequest(method="GET", url=URL))
    assert free.status == 200


async def test_the_same_request_is_never_paid_twice(chain: Chain) -> None:
    paying = payer(chain)
    drawing, way = shop(chain)
    await bought(paying, way)
    again = await bought(paying, way)
    assert (again.status, drawing.drawn) == (402, 1)
    assert "used before" in json.loads(again.body)["error"]["message"]
    assert chain.balances[BUYER.address.lower()] == 60_000
    assert len(await paying.receipts()) == 1


async def test_caps_of_a_picture_and_of_a_day(chain: Chain) -> None:
    _, way = shop(chain)
    with pytest.raises(BillingError, match=r"at most \$0\.03 is paid"):
        await bought(payer(chain, Caps(30_000, 1_000_000)), way)
    paying = payer(chain)
    for key in ("one", "two"):
        assert (await bought(paying, way, key)).status == 200
    with pytest.raises(BillingError, match=r"\$0\.08 of \$0\.09") as told:
        await bought(paying, way, "three")
    assert (told.value.billed, told.value.detail) == ("no", "too_much")
    chain.clock.ms += 86_400_000
    assert (await bought(paying, way, "three")).status == 402  # within the caps again, and no money is left


@pytest.mark.parametrize("how", [{"status": 503}, {"breaks": True}])
async def test_a_picture_that_fails_costs_nothing_and_its_payment_can_be_used_again(
    chain: Chain, how: dict[str, Any]
) -> None:
    paying = payer(chain)
    drawing, way = shop(chain, **how)
    assert (await bought(paying, way)).status in {500, 503}
    assert chain.balances == {BUYER.address.lower(): 100_000}
    drawing.status, drawing.breaks = 200, False
    assert (await bought(paying, way)).status == 200
    assert len(await paying.receipts()) == 1


async def test_nothing_is_handed_out_where_the_payment_does_not_go_through(chain: Chain) -> None:
    drawing, way = shop(chain)
    chain.reverts = True
    answer = await bought(payer(chain), way)
    assert (answer.status, drawing.drawn) == (402, 1)
    assert b"picture" not in answer.body
    assert "reverted" in json.loads(answer.body)["error"]["message"]


async def test_a_facilitator_that_is_away_lets_nobody_in_and_the_payment_stays_good(chain: Chain) -> None:
    paying = payer(chain)
    drawing, way = shop(chain)
    chain.down = True
    assert (await bought(paying, way)).status == 402
    assert drawing.drawn == 0
    chain.down = False
    assert (await bought(paying, way)).status == 200


# What is taken.


async def taken(chain: Chain, change: Any, micro: int = PRICE) -> str:
    one = till(chain)
    payment = await payer(chain).pay(one.ask(URL, PRICE), "a")
    plain = msgspec.to_builtins(payment)
    change(plain)
    with pytest.raises(PaymentError) as told:
        await one.take(base64.b64encode(json.dumps(plain).encode()).decode(), micro)
    return refused(told)


@pytest.mark.parametrize(("reason", "change"), [
    ("other_terms", lambda p: p["accepted"].update(amount="1")),
    ("other_terms", lambda p: p["payload"]["authorization"].update(value="1")),
    ("other_terms", lambda p: p["payload"]["authorization"].update(to=BUYER.address)),
    ("other_terms", lambda p: p["accepted"].update(network="eip155:1")),
    ("other_terms", lambda p: p["accepted"]["extra"].update(version="9")),
    ("signature", lambda p: p["payload"]["authorization"].update({"from": SELLER.address})),
    ("signature", lambda p: p["payload"]["authorization"].update(nonce="0x" + "1" * 64)),
    ("signature", lambda p: p["payload"].update(signature="0x" + "0" * 130)),
    ("signature", lambda p: p["payload"].update(signature="0x" + "11" * 32 + "ff" * 32 + "1b")),
    ("time", lambda p: p["payload"]["authorization"].update(validBefore="1")),
    ("time", lambda p: p["payload"]["authorization"].update(validAfter="9000000000")),
    ("time", lambda p: p["payload"]["authorization"].update(validBefore="9000000000")),
    ("malformed", lambda p: p["payload"]["authorization"].update(value="-1")),
    ("malformed", lambda p: p["payload"].update(signature="0x")),
    ("malformed", lambda p: p.update(x402Version=1)),
    ("malformed", lambda p: p.pop("payload")),
])  # fmt: skip
async def test_a_payment_that_is_not_for_this_is_not_taken(chain: Chain, reason: str, change: Any) -> None:
    assert await taken(chain, change) == reason


async def test_a_payment_counts_once_and_its_time_is_the_facilitators_too(chain: Chain) -> None:
    one = till(chain)
    header = encode(await payer(chain).pay(one.ask(URL, PRICE), "a"))
    payment = await one.take(header, PRICE)
    with pytest.raises(PaymentError) as told:
        await one.take(header, PRICE)
    assert refused(told) == "used"
    one.let_go(payment)
    chain.balances.clear()
    with pytest.raises(PaymentError) as told:
        await one.take(header, PRICE)
    assert refused(told) == "refused"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()))
def test_a_header_that_is_garbage_is_malformed(text: str) -> None:
    with pytest.raises(PaymentError) as told:
        decode(text, Payment, "payment")
    assert refused(told) == "malformed"


# What is paid.


@pytest.mark.parametrize(("reason", "change"), [
    ("unknown", {"scheme": "upto"}), ("unknown", {"network": "eip155:1"}), ("unknown", {"asset": "0x" + "1" * 40}),
    ("unknown", {"extra": {"name": "Test Dollar", "version": "2"}}), ("unknown", {"extra": {}}),
    ("unknown", {"extra": {"name": "Test Dollar", "version": "1", "assetTransferMethod": "permit2"}}),
    ("malformed", {"amount": "4e4"}), ("malformed", {"pay_to": "nobody"}), ("too_much", {"amount": "50001"}),
])  # fmt: skip
async def test_what_is_not_known_is_not_paid(chain: Chain, reason: str, change: dict[str, Any]) -> None:
    asked = till(chain).ask(URL, PRICE)
    asked = msgspec.structs.replace(asked, accepts=(msgspec.structs.replace(asked.accepts[0], **change),))
    paying = payer(chain)
    with pytest.raises(PaymentError) as told:
        await paying.pay(asked, "a")
    assert refused(told) == reason
    assert await paying.receipts() == ()


async def test_the_cheapest_known_way_is_taken_and_a_purpose_keeps_its_transfer(chain: Chain) -> None:
    asked = till(chain).ask(URL, PRICE)
    cheap = msgspec.structs.replace(asked.accepts[0], amount="30000")
    both = msgspec.structs.replace(asked, accepts=(asked.accepts[0], cheap))
    paying = payer(chain)
    made = await paying.pay(both, "a")
    assert made.accepted == cheap
    assert await paying.pay(both, "a") == made
    with pytest.raises(PaymentError) as told:
        await paying.pay(asked, "a")
    assert refused(told) == "other_terms"
    chain.clock.ms += 700_000  # it has ended, and nobody carried it to the chain
    assert (await paying.pay(both, "a")).payload.authorization.nonce != made.payload.authorization.nonce


async def test_only_a_submit_is_paid_and_an_answer_that_asks_nothing_is_passed_on(chain: Chain) -> None:
    _, way = shop(chain)
    poll = await PayingTransport(way, payer(chain)).send(HttpRequest(url=URL, step="poll"), deadline=1e12)
    assert poll.status == 402
    plain = PlayedTransport(lambda _: HttpResponse(status=402, body=b"{}"), PlayedClock())
    answer = await PayingTransport(plain, payer(chain)).send(HttpRequest(url=URL), deadline=1e12)
    assert (answer.status, len(plain.seen)) == (402, 1)
    broken = PlayedTransport(lambda _: HttpResponse(status=402, headers={"payment-required": "?"}), PlayedClock())
    with pytest.raises(BillingError):
        await PayingTransport(broken, payer(chain)).send(HttpRequest(url=URL), deadline=1e12)


# A facilitator behind an address.


async def test_a_facilitator_is_spoken_to_as_the_official_one(chain: Chain) -> None:
    answers = {
        "verify": b'{"isValid": true, "payer": "0x1"}',
        "settle": base64.b64decode(VECTORS["settled"]),
    }
    played = PlayedTransport(
        lambda sent: HttpResponse(status=200, body=answers[sent.url.rpartition("/")[2]]), PlayedClock()
    )
    one = Till(SELLER.address, TOKEN, HttpFacilitator("https://f.example/", played, chain.clock), chain.clock)
    payment = await one.take(encode(await payer(chain).pay(one.ask(URL, PRICE), "a")), PRICE)
    assert (await one.settle(payment)).success
    assert [sent.url for sent in played.seen] == ["https://f.example/verify", "https://f.example/settle"]
    assert isinstance(played.seen[0].json, dict)
    assert played.seen[0].json.keys() == {"x402Version", "paymentPayload", "paymentRequirements"}
    answers_no = [(200, b'{"isValid": false, "invalidReason": "no"}'), (500, b"{}"), (200, b"<html>"), (200, b"{}")]
    turn = iter(answers_no)

    def play(_: HttpRequest) -> HttpResponse:
        status, body = next(turn)
        return HttpResponse(status=status, body=body)

    bad = HttpFacilitator("https://f.example", PlayedTransport(play, PlayedClock()), chain.clock)
    for _ in answers_no:
        with pytest.raises(PaymentError) as told:
            await bad.verify(payment, payment.accepted)
        assert refused(told) == "refused"


# Nothing depends on it.


def test_triptych_is_imported_without_the_extras() -> None:
    code = """
import sys
class No:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"coincurve", "cbor2", "dcap_qvl"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, No())
import triptych.app.container, triptych.network.attestation.standing, triptych.network.x402.door, triptych.network.x402.payer
assert not {"coincurve", "cbor2", "dcap_qvl"} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


def test_two_modules_alone_import_payment() -> None:
    source = Path(__file__).parents[3] / "src" / "triptych"
    inside = source / "network" / "x402"
    found = [
        path
        for path in source.rglob("*.py")
        if inside not in path.parents and "network.x402" in path.read_text("utf-8")
    ]
    assert sorted(one.relative_to(source).as_posix() for one in found) == ["app/paying.py", "app/pricing.py"]


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.network.x402.sign.find_spec", lambda _: None)
    with pytest.raises(PaymentError, match="triptych\\[x402\\]"):
        Wallet(b"\x01" * 32).sign(bytes(32))
