"""Invites: one link with which a friend's studio finds a node, and knows that it is that node.

    https://hub.example/join#<line>

What stands behind the `#` never leaves the machine of whoever opens the link. It is a signed line of the node: its id is the key
that signed, so that no hub can put another node in its place. The studio pins it: lane `pinned`, people you know.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from triptych.network.jose import kid_of
from triptych.network.jws import JwsError, read_line, sign_line
from triptych.network.strict import Whole
from triptych.tlog.note import Signer

TYPE = "triptych-invite"
FORMAT = "triptych-invite/1"
MAX_LIFE_MS = 30 * 86_400_000
SKEW_MS = 60_000
MOST_CHARS = 4096

_Url = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^https?://[^\s/?#@]+$")]


class InviteError(Exception):
    """A text that is no invite, or one that has ended. The message says which."""


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["triptych-invite/1"]
    hubs: Annotated[tuple[_Url, ...], msgspec.Meta(min_length=1, max_length=8)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    pass_: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{22}$")] = msgspec.field(name="pass")
    issued_ms: Whole
    expires_ms: Whole


@dataclass(frozen=True, slots=True)
class Invite:
    """`node` is the id to pin, `hubs` where it can be found, `name` what its owner calls it, `pass_` the word by which the node
    knows its guests; it ends at `expires_ms`, in milliseconds since 1970."""

    node: str
    hubs: tuple[str, ...]
    name: str
    pass_: str
    expires_ms: int


def invite(
    signer: Signer, hubs: tuple[str, ...], name: str, pass_: str, now_ms: int, life_ms: int = MAX_LIFE_MS
) -> str:
    """The link. Raises InviteError for one that could not be read."""
    line = sign_line(
        {"format": FORMAT, "hubs": list(hubs), "name": name, "pass": pass_, "issued_ms": now_ms, "expires_ms": now_ms + life_ms},
        signer, TYPE,
    )  # fmt: skip
    link = f"{hubs[0] if hubs else ''}/join#{line}"
    read(link, now_ms)
    return link


def read(text: str, now_ms: int) -> Invite:
    """Reads a link, or the line out of one, as people paste it. Raises InviteError, which says what to do."""
    text = text.strip()
    line = urlsplit(text).fragment if "#" in text else text
    if len(text) > MOST_CHARS or line.count(".") != 2:
        raise InviteError("That is not an invite: paste the whole link, with what stands behind its #.")
    try:
        found = read_line(line.encode("ascii", "replace"), TYPE, "invite")
        claims = msgspec.convert(dict(found.payload), _Claims)
    except (JwsError, msgspec.ValidationError) as error:
        raise InviteError(f"The invite cannot be read: {error} Ask for the link again.") from None
    if not 0 < claims.expires_ms - claims.issued_ms <= MAX_LIFE_MS:
        raise InviteError("The invite counts for longer than 30 days, which none may.")
    if now_ms >= claims.expires_ms + SKEW_MS:
        raise InviteError("The invite has ended. Ask for a new one.")
    if claims.issued_ms > now_ms + SKEW_MS:
        raise InviteError("The invite is from the future: one of the two clocks is wrong.")
    return Invite(kid_of(found.public), claims.hubs, claims.name, claims.pass_, claims.expires_ms)
