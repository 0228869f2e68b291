"""Receipts: what was done with one request, signed. A line of the form that `jws` says, which is the entry of the log.

Nothing that a person wrote is in it: of the request and of the caller there are salted commitments, which only their
owner can open.
"""

import hashlib
import hmac
from typing import Any

import msgspec

from triptych.network.jws import MAX_BYTES, JwsError, SignedLine, canonical, read_line, sign_line
from triptych.spec.json import JsonObject
from triptych.tlog.note import Signer

__all__ = ["FORMAT", "MAX_BYTES", "SALT_BYTES", "TYPE", "Receipt", "ReceiptError", "canonical", "commitment", "read",
           "sign"]  # fmt: skip

FORMAT = "triptych-receipt/1"
TYPE = "triptych-receipt"
SALT_BYTES = 32


class ReceiptError(Exception):
    """A text that is no receipt, or one whose signature does not belong to it. The message says which."""


class _Picture(msgspec.Struct):
    sha256: str
    media_type: str
    width: int
    height: int
    bytes: int | None = None


class _Cost(msgspec.Struct):
    amount_micro_usd: int | None
    source: str


class _Shape(msgspec.Struct):
    """What every receipt has; see docs/concepts/receipts.md for the rest."""

    id: str
    seq: int
    issued_ms: int
    state: str
    billed: str
    fee_micro_usd: int
    commitments: dict[str, str]
    inputs: tuple[_Picture, ...]
    outputs: tuple[_Picture, ...]
    attempts: tuple[dict[str, Any], ...] = ()
    decision: dict[str, Any] | None = None
    cost: _Cost | None = None


class Receipt(SignedLine):
    """A receipt whose signature fits the key it carries. Whose key that is, is another question."""

    __slots__ = ()


def commitment(salt: bytes, what: str, data: bytes) -> str:
    """HMAC-SHA-256 of `what` and `data` under a random salt: tells nothing without the salt, and cannot be opened to
    anything else with it. In lower-case hex."""
    return hmac.new(salt, what.encode() + b"\0" + data, hashlib.sha256).hexdigest()


def sign(payload: JsonObject, signer: Signer) -> str:
    """The receipt for a payload, as one line of ASCII."""
    return sign_line(payload, signer, TYPE)


def read(data: bytes) -> Receipt:
    """Reads and checks a receipt; one line break at its end is allowed. Raises ReceiptError."""
    try:
        line = read_line(data, TYPE, "receipt")
    except JwsError as error:
        raise ReceiptError(str(error)) from None
    if line.payload.get("format") != FORMAT:
        raise ReceiptError(f"Its format is {line.payload.get('format')!r}; known is {FORMAT}.")
    try:
        msgspec.convert(line.payload, _Shape)
    except msgspec.ValidationError as error:
        raise ReceiptError(f"Its payload is not that of a receipt: {error}.") from None
    return Receipt(line.text, line.payload, line.public)
