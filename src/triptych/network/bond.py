"""Bonds: signed words of one key about a node. A line of the form that `jws` says.

owner    the node is mine: its behaviour counts for all nodes of this owner
revoke   no card of the node is to be believed from now on: by the node's own key, or its owner's

Anybody can say either of any node. What makes an owner is that the node's own card carries the bond; what makes a revocation is
that it is by the node or by that owner. Where one node key hands over to the next, that is a statement of the kind `key`.
"""

from typing import Final, Literal

from triptych.network.jws import JwsError, SignedLine, read_line, sign_line
from triptych.network.strict import NodeId, Strict, StrictError, Whole, body_of
from triptych.spec.json import JsonObject
from triptych.tlog.note import Signer

FORMAT = "triptych-bond/1"
TYPE = "triptych-bond"
MAX_LIFE_MS = 400 * 86_400_000  # of an owner's word
Kind = Literal["owner", "revoke"]
KINDS: Final = ("owner", "revoke")


class BondError(Exception):
    """A text that is no bond, or one whose signature does not belong to it. The message says which."""


class _Shape(Strict, frozen=True):
    kind: Kind
    node: NodeId
    issued_ms: Whole
    expires_ms: Whole | None = None


class Bond(SignedLine):
    """A bond whose signature fits the key it carries; `kid` says whose word it is."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return str(self.payload["kind"])

    @property
    def node(self) -> str:
        """The id of the node that it is about."""
        return str(self.payload["node"])

    @property
    def issued_ms(self) -> int:
        return int(self.payload["issued_ms"])

    @property
    def expires_ms(self) -> int | None:
        """When it ends, in milliseconds since 1970; None for a revocation, which does not."""
        found = self.payload.get("expires_ms")
        return None if found is None else int(found)


def sign(kind: Kind, node: str, signer: Signer, *, issued_ms: int, expires_ms: int | None = None) -> str:
    """A bond as one line of ASCII. Raises BondError for one that could not be read."""
    ends: JsonObject = {} if expires_ms is None else {"expires_ms": expires_ms}
    text = sign_line({"format": FORMAT, "kind": kind, "node": node, "issued_ms": issued_ms, **ends}, signer, TYPE)
    read(text.encode("ascii"))
    return text


def read(data: bytes) -> Bond:
    """Reads and checks a bond; one line break at its end is allowed. Raises BondError."""
    try:
        line = read_line(data, TYPE, "bond")
        shape = body_of(line, FORMAT, _Shape, "bond")
    except (JwsError, StrictError) as error:
        raise BondError(f"It is no bond: {error}") from None
    ends, life = shape.expires_ms, (shape.expires_ms or 0) - shape.issued_ms
    if (ends is None) != (shape.kind == "revoke") or (ends is not None and not 0 < life <= MAX_LIFE_MS):
        raise BondError("An owner's word ends within 400 days, and a revocation never does.")
    return Bond(line.text, line.payload, line.public)
