"""A chain of our own with a facilitator in front of it, and a transport that leads into an ASGI app."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import EncodedBody
from triptych.network.x402.sign import Token, Wallet, digest, signer_of
from triptych.network.x402.till import Till
from triptych.network.x402.wire import Payment, PaymentError, Settled, Terms
from triptych.spec.errors import NotSentError

TOKEN = Token("eip155:31337", "0x5FbDB2315678afecb367f032d93F642f64180aa3", "Test Dollar", "1")
BUYER, SELLER = Wallet(b"\x01" * 32), Wallet(b"\x02" * 32)


class Hand:
    """A clock that is set by hand."""

    def __init__(self, ms: int = 1_800_000_000_000) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@dataclass
class Chain:
    """Balances of one token, and which transfers were made. As a facilitator it checks every signature by itself."""

    clock: Hand
    token: Token = TOKEN
    balances: dict[str, int] = field(default_factory=lambda: {BUYER.address.lower(): 100_000})
    used: set[str] = field(default_factory=set)
    down: bool = False
    reverts: bool = False

    async def verify(self, payment: Payment, terms: Terms) -> None:
        if self.down:
            raise NotSentError("The facilitator is away.")
        why = self._wrong(payment)
        if why:
            raise PaymentError("refused", f"The facilitator refuses the payment: {why}.")

    async def settle(self, payment: Payment, terms: Terms) -> Settled:
        told = payment.payload.authorization
        why = "reverted" if self.reverts else self._wrong(payment)
        if why:
            return Settled(success=False, transaction="", network=self.token.network, error_reason=why)
        self.used.add(told.nonce)
        for who, by in ((told.payer, -int(told.value)), (told.to, int(told.value))):
            self.balances[who.lower()] = self.balances.get(who.lower(), 0) + by
        return Settled(
            success=True, transaction=f"0x{len(self.used):064x}", network=self.token.network, payer=told.payer
        )

    def _wrong(self, payment: Payment) -> str:
        told, now = payment.payload.authorization, self.clock.now_ms() // 1000
        if signer_of(digest(self.token, told), payment.payload.signature) != told.payer.lower():
            return "invalid signature"
        if told.nonce in self.used:
            return "authorization is used"
        if not int(told.valid_after) < now < int(told.valid_before):
            return "authorization is not valid now"
        return "" if self.balances.get(told.payer.lower(), 0) >= int(told.value) else "insufficient funds"


class Book(dict[str, str]):
    """Implements `payer.Memory`."""

    async def all(self) -> Mapping[str, str]:
        return self

    async def save(self, key: str, body: str) -> None:
        self[key] = body


@dataclass
class Shop:
    """A server that draws for whoever asks; `status` is what it answers with."""

    status: int = 200
    drawn: int = 0
    breaks: bool = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.breaks:
            raise RuntimeError("the engine broke")
        self.drawn += 1
        await send(
            {"type": "http.response.start", "status": self.status, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"a pic", "more_body": True})
        await send({"type": "http.response.body", "body": b"ture"})


class Into:
    """Implements `http.transport.Transport` for one ASGI app."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.seen: list[HttpRequest] = []

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        return None if request.json is None else EncodedBody(msgspec.json.encode(request.json), "application/json")

    async def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        self.seen.append(request)
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            got = await client.request(
                request.method, request.url, headers=dict(request.headers), content=msgspec.json.encode(request.json)
            )
        headers = {name.lower(): value for name, value in got.headers.items()}
        return HttpResponse(
            status=got.status_code, headers=headers, body=got.content, url=request.url, step=request.step
        )

    async def stream(
        self, request: HttpRequest, **_: Any
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        yield await self.send(request)

    async def fetch_image(self, url: str, **_: Any) -> HttpResponse:
        return await self.send(HttpRequest(method="GET", url=url, step="fetch"))


def till(chain: Chain) -> Till:
    return Till(pay_to=SELLER.address, token=chain.token, facilitator=chain, clock=chain.clock)
