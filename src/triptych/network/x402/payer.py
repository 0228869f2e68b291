"""The paying side: an answer with status 402 is paid once, within caps, for terms that are known."""

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import MAX_ANSWER, MAX_IMAGE, EncodedBody, Transport
from triptych.network.x402.sign import USDC, Token, Wallet, digest
from triptych.network.x402.wire import (
    EXACT,
    REQUIRED,
    RESPONSE,
    SIGNATURE,
    VERSION,
    Authorization,
    Exact,
    Payment,
    PaymentError,
    Required,
    Settled,
    Terms,
    decode,
    encode,
    micro_of,
)
from triptych.spec.clock import Clock
from triptych.spec.errors import BillingError

DAY_MS: Final = 86_400_000
_LONGEST_S: Final = 600  # that a signed transfer counts, whatever is asked for
_SKEW_S: Final = 60


class Memory(Protocol):
    """Where payments are kept: JSON by a key. Written before anything is sent."""

    async def all(self) -> Mapping[str, str]: ...

    async def save(self, key: str, body: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that is paid, in micro-dollars: for one request, and within any 24 hours."""

    per_request: int
    per_day: int


class Paid(msgspec.Struct, frozen=True):
    """One payment, from its signature on. `settled` is what the seller said became of it; None while nothing is known."""

    purpose: str
    micro_usd: int
    signed_ms: int
    payment: Payment
    settled: Settled | None = None

    @property
    def until_s(self) -> int:
        """Until when it can be carried to the chain."""
        return int(self.payment.payload.authorization.valid_before)


@dataclass(slots=True)
class Payer:
    """Signs payments with one wallet. `tokens` are those it pays in; anything else is refused."""

    wallet: Wallet = field(repr=False)
    caps: Caps
    memory: Memory
    clock: Clock
    tokens: tuple[Token, ...] = USDC
    random: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)

    async def pay(self, required: Required, purpose: str) -> Payment:
        """The payment for what is asked. The same purpose is given the same signed transfer as before, as long as that one can still
        reach the chain: so it can be paid for once only. Raises PaymentError."""
        known = {one.purpose: one for one in await self._all()}
        now_ms = self.clock.now_ms()
        before = known.get(purpose)
        if before is not None and (before.settled is not None or now_ms // 1000 <= before.until_s + _SKEW_S):
            if before.payment.accepted not in required.accepts:
                raise PaymentError("other_terms", "Something else is asked for now than was paid before for the same.")
            return before.payment
        terms, token, micro = self._chosen(required)
        spent = sum(one.micro_usd for one in known.values() if self._counts(one, now_ms))
        if spent + micro > self.caps.per_day:
            raise PaymentError("too_much", f"{_usd(micro)} is asked for; {_usd(spent)} of {_usd(self.caps.per_day)} "
                                           "of these 24 hours are spent.")  # fmt: skip
        payment = self._signed(terms, token, required, now_ms)
        await self._keep(Paid(purpose, micro, now_ms, payment))
        return payment

    async def settled(self, purpose: str, found: Settled) -> None:
        """Keeps what the seller said became of a payment; the transfer stays as it was signed."""
        for one in await self._all():
            if one.purpose == purpose and one.settled is None:
                await self._keep(msgspec.structs.replace(one, settled=found))

    async def receipts(self) -> tuple[Paid, ...]:
        """Every payment, the oldest first."""
        return tuple(sorted(await self._all(), key=lambda one: one.signed_ms))

    def _chosen(self, required: Required) -> tuple[Terms, Token, int]:
        """The cheapest of the terms that can be met."""
        found = [(one, token) for one in required.accepts if (token := self._token(one)) is not None]
        if not found:
            raise PaymentError("unknown", "It asks to be paid in a way, or in a token, that is not known here.")
        terms, token = min(found, key=lambda pair: micro_of(pair[0].amount))
        micro = micro_of(terms.amount)
        if micro > self.caps.per_request:
            raise PaymentError(
                "too_much", f"{_usd(micro)} is asked for, and at most {_usd(self.caps.per_request)} is paid."
            )
        return terms, token, micro

    def _token(self, terms: Terms) -> Token | None:
        if terms.scheme != EXACT or terms.extra.get("assetTransferMethod", "eip3009") != "eip3009":
            return None
        for one in self.tokens:
            same = (one.network, one.address.lower()) == (terms.network, terms.asset.lower())
            if same and (terms.extra.get("name"), terms.extra.get("version")) == (one.name, one.version):
                return one
        return None

    def _signed(self, terms: Terms, token: Token, required: Required, now_ms: int) -> Payment:
        until = now_ms // 1000 + min(terms.max_timeout_seconds, _LONGEST_S)
        try:
            told = msgspec.convert(
                {"from": self.wallet.address, "to": terms.pay_to, "value": terms.amount, "validAfter": "0",
                 "validBefore": str(until), "nonce": f"0x{self.random(32).hex()}"}, Authorization,
            )  # fmt: skip
        except msgspec.ValidationError as error:
            raise PaymentError("malformed", f"What is asked for cannot be paid: {error}.") from None
        signed = Exact(authorization=told, signature=self.wallet.sign(digest(token, told)))
        return Payment(x402_version=VERSION, payload=signed, accepted=terms, resource=required.resource)

    @staticmethod
    def _counts(one: Paid, now_ms: int) -> bool:
        """A transfer that was never settled and has ended has moved nothing."""
        if now_ms - one.signed_ms >= DAY_MS:
            return False
        if one.settled is not None:
            return one.settled.success or now_ms // 1000 <= one.until_s + _SKEW_S
        return True

    async def _all(self) -> list[Paid]:
        return [msgspec.json.decode(body, type=Paid) for body in (await self.memory.all()).values()]

    async def _keep(self, one: Paid) -> None:
        await self.memory.save(one.payment.payload.authorization.nonce, msgspec.json.encode(one).decode())


class PayingTransport:
    """Implements `http.transport.Transport` over another one: a submit that is answered with 402 is paid and sent once more. One
    request is one purpose, by its `Idempotency-Key` where it has one."""

    def __init__(self, inner: Transport, payer: Payer) -> None:
        self._inner, self._payer = inner, payer

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        return await self._inner.encode(request)

    async def send(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:  # fmt: skip
        """See `Transport.send`. Raises BillingError, before anything is paid, for what is not paid here."""
        answer = await self._inner.send(
            request, deadline=deadline, allow_private=allow_private, max_bytes=max_bytes, body=body
        )
        asked = answer.headers.get(REQUIRED.lower())
        if answer.status != 402 or asked is None or request.step != "submit":
            return answer
        key = next((value for name, value in request.headers.items() if name.lower() == "idempotency-key"), None)
        purpose = key or secrets.token_hex(16)
        try:
            payment = await self._payer.pay(decode(asked, Required, "price"), purpose)
        except PaymentError as error:
            raise BillingError(f"It asks to be paid, and was not: {error}", status=402, billed="no", detail=error.reason,
                               hint="Raise the cap, or choose another model.") from None  # fmt: skip
        paying = replace(request, headers={**request.headers, SIGNATURE: encode(payment)})
        answer = await self._inner.send(
            paying, deadline=deadline, allow_private=allow_private, max_bytes=max_bytes, body=body
        )
        if (told := answer.headers.get(RESPONSE.lower())) is not None:
            await self._told(purpose, told)
        return answer

    async def _told(self, purpose: str, told: str) -> None:
        try:
            found = decode(told, Settled, "settlement")
        except PaymentError:
            return  # the payment stays as one of which nothing is known
        await self._payer.settled(purpose, found)

    async def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        """As the transport under it: a stream is not paid for."""
        async for one in self._inner.stream(request, deadline=deadline, allow_private=allow_private, body=body):
            yield one

    async def fetch_image(
        self, url: str, *, deadline: float, headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None, max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:  # fmt: skip
        return await self._inner.fetch_image(url, deadline=deadline, headers=headers,
                                             allow_private_origin=allow_private_origin, max_bytes=max_bytes)  # fmt: skip


def _usd(micro: int) -> str:
    return f"${micro / 1e6:.6f}".rstrip("0").rstrip(".")
