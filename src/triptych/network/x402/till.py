"""The side that is paid: what a picture costs, whether a payment is for it, and its way to the chain by a facilitator."""

from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from triptych.http.message import HttpRequest
from triptych.http.transport import Transport
from triptych.network.x402.sign import Token, digest, signer_of
from triptych.network.x402.wire import (
    VERSION,
    Payment,
    PaymentError,
    Required,
    Resource,
    Settled,
    T,
    Terms,
    Wire,
    decode,
)
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError

_SOON_S: Final = 6  # that a transfer has to hold on for, so that it can reach the chain
_TIMEOUT_S: Final = 300
_FACILITATOR_S: Final = 30.0


class Facilitator(Protocol):
    """Carries signed transfers to their chain."""

    async def verify(self, payment: Payment, terms: Terms) -> None:
        """Whether it would go through now. Raises PaymentError, `refused`."""
        ...

    async def settle(self, payment: Payment, terms: Terms) -> Settled: ...


@dataclass(slots=True)
class Till:
    """Takes payments in one token to one address. What was taken is remembered until it could not be used again anyway."""

    pay_to: str
    token: Token
    facilitator: Facilitator
    clock: Clock
    seconds: int = _TIMEOUT_S  # that a transfer may count at most
    _taken: dict[str, int] = field(default_factory=dict)  # by nonce: until when it counts, in seconds since 1970

    def terms(self, micro_usd: int) -> Terms:
        """What is asked for that many micro-dollars."""
        return self.token.terms(self.pay_to, micro_usd, self.seconds)

    def ask(self, url: str, micro_usd: int, error: str = "Payment required") -> Required:
        """What an answer with status 402 says."""
        return Required(x402_version=VERSION, accepts=(self.terms(micro_usd),), error=error, resource=Resource(url=url))

    async def take(self, header: str, micro_usd: int) -> Payment:
        """A payment for exactly this price that nobody has used, and that is held from now on: settle it, or `let_go`. Raises
        PaymentError."""
        payment, terms = decode(header, Payment, "payment"), self.terms(micro_usd)
        told, now = payment.payload.authorization, self.clock.now_ms() // 1000
        if payment.accepted != terms or (told.to.lower(), told.value) != (self.pay_to.lower(), terms.amount):
            raise PaymentError("other_terms", "The payment is for something else than what is asked for.")
        if not int(told.valid_after) <= now or int(told.valid_before) < now + _SOON_S:
            raise PaymentError("time", "The payment does not count now: it has ended, or has not begun.")
        if int(told.valid_before) > now + self.seconds + _SOON_S:
            raise PaymentError("time", f"The payment counts for longer than {self.seconds} seconds.")
        if signer_of(digest(self.token, told), payment.payload.signature) != told.payer.lower():
            raise PaymentError("signature", "The payment is not signed by who is to pay.")
        self._hold(told.payer, told.nonce, int(told.valid_before), now)
        try:
            await self.facilitator.verify(payment, terms)
        except (PaymentError, TriptychError):
            self.let_go(payment)
            raise
        return payment

    async def settle(self, payment: Payment) -> Settled:
        """Has the transfer made. A payment whose fate is not known stays used. Raises what the facilitator raises."""
        return await self.facilitator.settle(payment, payment.accepted)

    def let_go(self, payment: Payment) -> None:
        """Gives a payment back that was not settled, because there is no picture for it."""
        told = payment.payload.authorization
        self._taken.pop(_used(told.payer, told.nonce), None)

    def _hold(self, payer: str, nonce: str, until: int, now: int) -> None:
        self._taken = {one: end for one, end in self._taken.items() if end >= now}
        if _used(payer, nonce) in self._taken:
            raise PaymentError("used", "This payment was used before.")
        self._taken[_used(payer, nonce)] = until


class _Verified(Wire, frozen=True):
    is_valid: bool
    invalid_reason: str | None = None


@dataclass(frozen=True, slots=True)
class HttpFacilitator:
    """A facilitator behind an address, as x402 2.25.0 speaks to one: `POST /verify` and `POST /settle`."""

    url: str
    transport: Transport
    clock: Clock

    async def verify(self, payment: Payment, terms: Terms) -> None:
        """Raises PaymentError, TriptychError where it cannot be asked."""
        found = await self._asked("verify", payment, terms, _Verified)
        if not found.is_valid:
            raise PaymentError(
                "refused", f"The facilitator refuses the payment: {found.invalid_reason or 'it does not say why'}."
            )

    async def settle(self, payment: Payment, terms: Terms) -> Settled:
        """Raises PaymentError, TriptychError where nobody knows what became of it."""
        return await self._asked("settle", payment, terms, Settled)

    async def _asked(self, what: str, payment: Payment, terms: Terms, kind: type[T]) -> T:
        body = {
            "x402Version": VERSION, "paymentPayload": msgspec.to_builtins(payment), "paymentRequirements": msgspec.to_builtins(terms),
        }  # fmt: skip
        request = HttpRequest(url=f"{self.url.rstrip('/')}/{what}", json=body)
        answer = await self.transport.send(request, deadline=self.clock.monotonic() + _FACILITATOR_S)
        if answer.status != 200:
            raise PaymentError("refused", f"The facilitator answers with status {answer.status}.")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise PaymentError("refused", "The facilitator's answer cannot be read.") from None


def _used(payer: str, nonce: str) -> str:
    return f"{payer.lower()} {nonce.lower()}"
