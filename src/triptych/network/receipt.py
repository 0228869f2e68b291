"""Receipts: what was done with one request, signed. A line of the form that `jws` says, which is the entry of the log.

Nothing that a person wrote is in it: of the request and of the caller there are salted commitments, which only their
owner can open.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from triptych.network.jws import MAX_BYTES, JwsError, SignedLine, canonical, read_line, sign_line
from triptych.spec.json import JsonObject
from triptych.tlog.note import Signer

__all__ = ["FORMAT", "MAX_BYTES", "SALT_BYTES", "TYPE", "Receipt", "ReceiptError", "canonical", "commitment", "inputs_of",
           "own_inputs", "read", "sign"]  # fmt: skip

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


def inputs_of(request: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """The pictures that a request brings, each with its role, in the order of a receipt's `inputs`: its own, the mask
    (`mask`), and those of the earlier turns of its conversation (`turn`), each of these once and only where it is not
    among the others."""
    found = [(one, _text(one, "role")) for one in _objects(request.get("images"))]
    found += [(one, "mask") for one in _objects([request.get("mask")])]
    seen = {_text(one, "sha256") for one, _ in found}
    for turn in _objects(request.get("turns")):
        for one in _objects([*_objects(turn.get("images")), turn.get("answer")]):
            if (name := _text(one, "sha256")) not in seen:
                seen.add(name)
                found.append((one, "turn"))
    return found


def own_inputs(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pictures that the request itself brings, by its receipt: all but those of earlier turns, which it is neither
    decided nor priced by. They come first, so that they are listed as far as there is room."""
    return [one for one in payload.get("inputs", ()) if one.get("role") != "turn"]


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


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
