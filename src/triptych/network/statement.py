"""Statements: what is public and signed, and no receipt. A line of the form that `jws` says, which is the entry of the log.

policy      a routing policy decides from a moment on
snapshots   where to find the snapshots that the receipts of some entries were decided on
key         one signing key hands over to the next; both have signed
health      somebody set an endpoint's health by hand
pick        somebody picked one of several pictures, and lets it be counted
"""

from typing import Any, Final

import msgspec

from triptych.network.jose import kid_of
from triptych.network.jws import JwsError, SignedLine, read_line, sign_line
from triptych.spec.json import JsonObject
from triptych.tlog.note import Signer

FORMAT = "triptych-statement/1"
TYPE = "triptych-statement"
CONSENT = "triptych-key-consent"


class StatementError(Exception):
    """A text that is no statement, or one whose signature does not belong to it. The message says which."""


class _Shape(msgspec.Struct):
    """What every statement has."""

    format: str
    id: str
    kind: str
    issued_ms: int


class _Policy(_Shape):
    policy_id: str
    active_ms: int


class _Snapshots(_Shape):
    """`ids` are the SHA-256 of snapshots that the receipts at entries `first` to `end - 1` name; `pack` is the SHA-256
    of the file beside the log that has their bodies."""

    ids: tuple[str, ...]
    pack: str
    first: int
    end: int


class _Key(_Shape):
    """Names of keys; `consent` is the new key's own signature under the same hand-over, as a line."""

    old: str
    new: str
    consent: str


class _Health(_Shape):
    act: str
    endpoint: str = ""


KINDS: Final = {"policy": _Policy, "snapshots": _Snapshots, "key": _Key, "health": _Health, "pick": _Shape}
"""What a statement of each kind must have. It may have more."""


class Statement(SignedLine):
    """A statement whose signature fits the key it carries. Whose key that is, is another question."""

    __slots__ = ()

    @property
    def id(self) -> str:
        return str(self.payload["id"])

    @property
    def kind(self) -> str:
        return str(self.payload["kind"])

    @property
    def issued_ms(self) -> int:
        return int(self.payload["issued_ms"])


def sign(kind: str, payload: JsonObject, signer: Signer, *, name: str, issued_ms: int) -> str:
    """The statement for a payload, as one line of ASCII. `name` is its id. Raises StatementError for a kind that is not
    known, or a payload that is not of that kind."""
    whole: JsonObject = {**payload, "format": FORMAT, "id": name, "kind": kind, "issued_ms": issued_ms}
    text = sign_line(whole, signer, TYPE)
    read(text.encode("ascii"))
    return text


def read(data: bytes) -> Statement:
    """Reads and checks a statement; one line break at its end is allowed. Raises StatementError."""
    try:
        line = read_line(data, TYPE, "statement")
    except JwsError as error:
        raise StatementError(str(error)) from None
    if line.payload.get("format") != FORMAT:
        raise StatementError(f"Its format is {line.payload.get('format')!r}; known is {FORMAT}.")
    kind = line.payload.get("kind")
    if kind not in KINDS:
        raise StatementError(f"Its kind is {kind!r}; known are {', '.join(KINDS)}.")
    try:
        msgspec.convert(line.payload, KINDS[str(kind)])
    except msgspec.ValidationError as error:
        raise StatementError(f"Its payload is not that of a statement of kind {kind}: {error}.") from None
    statement = Statement(line.text, line.payload, line.public)
    if kind == "key":
        _check_key(statement)
    return statement


def hand_over(old: Signer, new: Signer, *, name: str, issued_ms: int) -> str:
    """The statement by which `old` hands over to `new`, signed by both."""
    names: dict[str, Any] = {"old": kid_of(old.key.public), "new": kid_of(new.key.public)}
    consent = sign_line({**names, "issued_ms": issued_ms}, new, CONSENT)
    return sign("key", {**names, "consent": consent}, old, name=name, issued_ms=issued_ms)


def _check_key(statement: Statement) -> None:
    """The signer is the old key, and the new one has agreed to the same words. Raises StatementError."""
    stated = {name: statement.payload[name] for name in ("old", "new", "issued_ms")}
    try:
        consent = read_line(str(statement.payload["consent"]).encode(), CONSENT, "consent")
    except JwsError as error:
        raise StatementError(f"The new key's consent does not hold: {error}") from None
    if stated["old"] != statement.kid or stated["new"] != consent.kid or stated != consent.payload:
        raise StatementError("The old and the new key have not signed the same hand-over.")
