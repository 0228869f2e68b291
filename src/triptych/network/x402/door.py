"""A server whose answers are paid for, as ASGI around another: it asks, takes, lets the work be done, settles, and only then answers."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from triptych.network.x402.till import Till
from triptych.network.x402.wire import REQUIRED, RESPONSE, SIGNATURE, Payment, PaymentError, Settled, encode
from triptych.spec.errors import TriptychError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Price = Callable[[Mapping[str, Any]], int | None]
"""What a call costs, in micro-dollars, from its ASGI scope; None for one that is free."""
_START: Final = "http.response.start"


@dataclass(frozen=True, slots=True)
class PaidDoor:
    """Lets a call through once it is paid. An answer that is an error costs nothing: its payment is given back unsettled."""

    app: App
    till: Till
    price: Price

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        micro = self.price(scope) if scope["type"] == "http" else None
        if micro is None:
            await self.app(scope, receive, send)
            return
        header = _header(scope, SIGNATURE)
        if header is None:
            await self.refuse(scope, send, micro, "Payment required")
            return
        try:
            payment = await self.till.take(header, micro)
        except (PaymentError, TriptychError) as error:
            await self.refuse(scope, send, micro, str(error))
            return
        call = _Call(self, scope, send, payment, micro)
        try:
            await self.app(scope, receive, call.send)
        finally:
            if not call.begun:
                self.till.let_go(payment)

    async def refuse(self, scope: Scope, send: Send, micro: int, why: str) -> None:
        """Answers with status 402, the price and why."""
        host = _header(scope, "host") or "localhost"
        asked = self.till.ask(f"{scope.get('scheme', 'http')}://{host}{scope['path']}", micro, why)
        body = msgspec.json.encode({"error": {"message": why, "type": "billing_error", "code": "payment_required"}})
        headers = [(b"content-type", b"application/json"), (REQUIRED.lower().encode(), encode(asked).encode())]
        await send({"type": _START, "status": 402, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Call:
    """One paid call on its way out. `begun` once its payment has gone to the facilitator, or was given back."""

    def __init__(self, door: PaidDoor, scope: Scope, send: Send, payment: Payment, micro: int) -> None:
        self._door, self._scope, self._send, self._payment, self._micro = door, scope, send, payment, micro
        self.begun = self._over = False

    async def send(self, message: Message) -> None:
        if message["type"] == _START and not self.begun:
            self.begun = True
            message = await self._started(message)
        if not self._over:
            await self._send(message)

    async def _started(self, message: Message) -> Message:
        if message["status"] >= 400:
            self._door.till.let_go(self._payment)
            return message
        try:
            found = await self._door.till.settle(self._payment)
        except (PaymentError, TriptychError) as error:
            await self._unpaid(str(error))
            return message
        if not found.success:
            await self._unpaid(f"The payment did not go through: {found.error_reason or 'nobody says why'}.")
            return message
        return {**message, "headers": [*message.get("headers", ()), _told(found)]}

    async def _unpaid(self, why: str) -> None:
        """Nothing of the answer is handed out."""
        await self._door.refuse(self._scope, self._send, self._micro, why)
        self._over = True


def _told(found: Settled) -> tuple[bytes, bytes]:
    return RESPONSE.lower().encode(), encode(found).encode()


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == wanted), None)
