"""Values that are taken from strangers: nothing that is not known, nothing out of its bounds."""

from typing import Annotated, TypeVar

import msgspec

from triptych.network.jws import SignedLine

NodeId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{43}$")]
"""The RFC 7638 thumbprint of a node's signing key."""
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""A whole number that every JSON reader takes as one."""
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""256 bits in lower-case hex, mostly a SHA-256."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
"""A name or a version: 1 to 120 characters."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Names that are not known are refused: what nobody has checked is not carried along."""


B = TypeVar("B", bound=Strict)


class StrictError(Exception):
    """A payload that does not say what it should. The message names the field."""


def body_of(line: SignedLine, form: str, kind: type[B], what: str) -> B:
    """What a signed line says, whose payload has `form` as its format. `what` names it in messages. Raises StrictError."""
    payload = dict(line.payload)
    if (found := payload.pop("format", None)) != form:
        raise StrictError(f"Its format is {found!r}; known is {form}.")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise StrictError(f"A {what} does not say this: {error}.") from None
