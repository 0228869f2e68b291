"""Signed lines: a JWS in compact form (RFC 7515) over canonical JSON, as receipts and statements are.

Signed with Ed25519 (`EdDSA`, RFC 8037). The header carries the public key (`jwk`), its name (`kid`) and the kind of text
(`typ`); the payload is canonical JSON (RFC 8785) of strings, whole numbers, booleans and null, with ASCII names only. So any
JOSE library can check it, and one text has exactly one spelling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from triptych.network.jose import decode_url64, encode_url64, jwk_of, kid_of
from triptych.spec.json import Json, JsonObject
from triptych.tlog.errors import NoteError
from triptych.tlog.note import ED25519, Signature, Signer, VerifierKey

MAX_BYTES = 65_535  # what fits into one entry of the log
_MOST = 2**53 - 1  # what every JSON reader takes as a whole number
_encoder = msgspec.json.Encoder(order="sorted")


class JwsError(Exception):
    """A text that is no signed line, or one whose signature does not belong to it. The message says which."""


@dataclass(frozen=True, slots=True)
class SignedLine:
    """A text whose signature fits the key it carries. Whose key that is, is another question."""

    text: str
    payload: Mapping[str, Any]
    public: bytes

    @property
    def kid(self) -> str:
        return kid_of(self.public)

    @property
    def leaf(self) -> bytes:
        """The entry of the log."""
        return self.text.encode("ascii")


def canonical(value: Json) -> bytes:
    """The canonical bytes (RFC 8785) of a JSON value with ASCII names and no fractions: for those, sorted names without
    spaces are all that is asked for."""
    return _encoder.encode(value)


def sign_line(payload: JsonObject, signer: Signer, typ: str) -> str:
    """The payload, signed, as one line of ASCII."""
    public = signer.key.public
    header: JsonObject = {"alg": "EdDSA", "jwk": jwk_of(public), "kid": kid_of(public), "typ": typ}
    body = f"{encode_url64(canonical(header))}.{encode_url64(canonical(payload))}"
    return f"{body}.{encode_url64(signer.sign(body).raw)}"


def read_line(data: bytes, typ: str, what: str) -> SignedLine:
    """Reads and checks a line of one kind; one line break at its end is allowed. `what` names the kind in messages.
    Raises JwsError."""
    try:
        text = data.removesuffix(b"\n").decode("ascii")
    except UnicodeDecodeError:
        raise JwsError("It is not a line of ASCII text.") from None
    parts = text.split(".")
    raw = [decode_url64(part) for part in parts]
    if len(raw) != 3 or len(data) > MAX_BYTES + 1:
        raise JwsError("It is not three parts of base64url with dots between them.")
    header, payload, signature = raw
    if header is None or payload is None or signature is None or len(signature) != 64:
        raise JwsError("One of its three parts is not base64url, or the signature is not 64 bytes long.")
    public = _key_of(header, typ, what)
    claims = _object(payload, "payload")
    key = VerifierKey(what, ED25519, public)
    try:
        key.verify(text.rpartition(".")[0], Signature(key.name, key.key_id, signature))
    except NoteError:
        raise JwsError("The signature does not belong to this text.") from None
    return SignedLine(text, claims, public)


def peek(entry: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The header and the payload of what may be a signed line, with nothing checked; None for anything else."""
    parts = entry.split(b".")
    if len(parts) != 3:
        return None
    found: list[Mapping[str, Any]] = []
    for part in parts[:2]:
        data = decode_url64(part.decode("ascii", "replace"))
        try:
            value = msgspec.json.decode(data or b"null")
        except (msgspec.DecodeError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        found.append(value)
    return found[0], found[1]


def _object(data: bytes, part: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(data)
        same = isinstance(value, dict) and _plain(value) and canonical(value) == data
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        same = False
    if not same:
        raise JwsError(f"Its {part} is not canonical JSON.")
    found: Mapping[str, Any] = value
    return found


def _plain(value: Any) -> bool:
    """Whether a value is made of what these lines are made of; a number with a fraction is not."""
    if isinstance(value, dict):
        return all(name.isascii() and _plain(item) for name, item in value.items())
    if isinstance(value, list):
        return all(map(_plain, value))
    return value is None or isinstance(value, str | bool) or (isinstance(value, int) and abs(value) <= _MOST)


@lru_cache(maxsize=256)  # many lines have the same header
def _key_of(data: bytes, typ: str, what: str) -> bytes:
    header = _object(data, "header")
    jwk = header.get("jwk")
    x = jwk.get("x") if isinstance(jwk, dict) else None
    public = decode_url64(x) if isinstance(x, str) else None
    if public is None or len(public) != 32:
        raise JwsError("Its header has no Ed25519 key.")
    if header != {"alg": "EdDSA", "jwk": jwk_of(public), "kid": kid_of(public), "typ": typ}:
        raise JwsError(f"Its header is not that of a {what}.")
    return public
