"""Who calls a hub as a node: a signed line that says so, for this hub, for the next minute.

A node fetches its sealed messages with it (`Authorization: Triptych <line>`). It names the hub, so that one hub cannot use it
at another, and the start of the node's process, so that of two processes with one key the younger one is known. With an answer it also
names the account at this hub that the answer is given for: each hub is told of its own alone.
"""

from dataclasses import dataclass

import msgspec

from triptych.network.jose import kid_of
from triptych.network.jws import JwsError, read_line, sign_line
from triptych.network.strict import NodeId
from triptych.tlog.note import Signer

TYPE = "triptych-presence"
SCHEME = "Triptych"
VALID_MS = 60_000  # before and after the moment that is stated


class PresenceError(Exception):
    """A line that does not show that a node calls now. The message says why."""


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    hub: str
    issued_ms: int
    start_ms: int
    account: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """`node` is the RFC 7638 thumbprint of the key that signed; `start_ms` is when its process began; `account` is whose tokens it earns,
    the thumbprint of the key that orders them."""

    node: str
    start_ms: int
    account: str | None = None


def present(signer: Signer, hub: str, start_ms: int, now_ms: int, account: str | None = None) -> str:
    """The line for a call to the hub of that name, as its origin is written: `https://hub.example`."""
    earns = {} if account is None else {"account": account}
    return sign_line({"hub": hub, "issued_ms": now_ms, "start_ms": start_ms, **earns}, signer, TYPE)


def read_presence(text: str, hub: str, now_ms: int) -> Presence:
    """Who calls. Raises PresenceError for a line that is not signed, for another hub, or of another time."""
    try:
        line = read_line(text.encode("ascii", "replace"), TYPE, "presence")
        claims = msgspec.convert(dict(line.payload), _Claims)
    except (JwsError, msgspec.ValidationError) as error:
        raise PresenceError(f"The call is not signed by a node: {error}") from None
    if claims.hub != hub:
        raise PresenceError(f"The call is for the hub {claims.hub[:100]!r}, and this is {hub!r}.")
    away = claims.issued_ms - now_ms
    if abs(away) > VALID_MS:
        which = "ahead of" if away > 0 else "behind"
        raise PresenceError(f"The node's clock is {abs(away) / 1000:.0f} s {which} the hub's; 60 s are allowed.")
    return Presence(kid_of(line.public), claims.start_ms, claims.account)
