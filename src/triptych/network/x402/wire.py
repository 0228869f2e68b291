"""What x402 says over HTTP: JSON in base64 in three headers.

Source: x402 2.25.0 (`schemas/payments.py`, `schemas/responses.py`, `http/constants.py`, `mechanisms/evm/types.py`; MIT), read 2026-11-22.
"""

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import pybase64

REQUIRED: Final = "PAYMENT-REQUIRED"
SIGNATURE: Final = "PAYMENT-SIGNATURE"
RESPONSE: Final = "PAYMENT-RESPONSE"
VERSION: Final = 2
EXACT: Final = "exact"
MAX_HEADER: Final = 16 * 1024

Reason = Literal["malformed", "unknown", "too_much", "other_terms", "time", "used", "signature", "refused", "missing"]
Address = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]
Amount = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,30})$")]
"""A whole number of a token's smallest parts, in decimal."""


class PaymentError(Exception):
    """A payment that is not made, or not taken. `reason` says why in one word; the text says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """Names that are not known are passed over: the protocol grows by them."""


class Resource(Wire, frozen=True):
    """What is paid for."""

    url: str
    description: str | None = None
    mime_type: str | None = None


class Terms(Wire, frozen=True):
    """One way to pay. `network` is a CAIP-2 name, `amount` in the smallest part of `asset`; `extra` has the token's EIP-712 name
    and version."""

    scheme: str
    network: str
    asset: str
    amount: str
    pay_to: str
    max_timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    extra: dict[str, Any] = {}


class Required(Wire, frozen=True):
    """What an answer with status 402 asks for."""

    x402_version: Literal[2] = msgspec.field(name="x402Version")
    accepts: Annotated[tuple[Terms, ...], msgspec.Meta(max_length=32)]
    error: str | None = None
    resource: Resource | None = None


class Authorization(Wire, frozen=True):
    """One transfer (EIP-3009, TransferWithAuthorization). Times in seconds since 1970; `nonce` is 32 bytes in hex."""

    payer: Address = msgspec.field(name="from")
    to: Address
    value: Amount
    valid_after: Amount
    valid_before: Amount
    nonce: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")]


class Exact(Wire, frozen=True):
    """A transfer and its signature: 65 bytes in hex."""

    authorization: Authorization
    signature: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{130}$")]


class Payment(Wire, frozen=True):
    """What a client sends to pay."""

    x402_version: Literal[2] = msgspec.field(name="x402Version")
    payload: Exact
    accepted: Terms
    resource: Resource | None = None


class Settled(Wire, frozen=True):
    """What became of a payment on its chain."""

    success: bool
    transaction: str
    network: str
    payer: str | None = None
    amount: str | None = None
    error_reason: str | None = None
    error_message: str | None = None


T = TypeVar("T", bound=Wire)


def encode(value: Wire) -> str:
    """As it stands in a header."""
    return pybase64.b64encode(msgspec.json.encode(value)).decode("ascii")


def decode(text: str, kind: type[T], what: str) -> T:
    """Out of a header. Raises PaymentError, `malformed`."""
    if len(text) > MAX_HEADER:
        raise PaymentError("malformed", f"The {what} is longer than {MAX_HEADER // 1024} KiB.")
    try:
        return msgspec.json.decode(pybase64.b64decode(text, validate=True), type=kind)
    except (ValueError, RecursionError) as error:
        raise PaymentError("malformed", f"The {what} cannot be read: {error}.") from None


def micro_of(amount: str) -> int:
    """Micro-dollars of an amount of a dollar's token, which have six places. Raises PaymentError."""
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 31):
        raise PaymentError("malformed", f"{amount[:40]!r} is no amount.")
    return int(amount)
