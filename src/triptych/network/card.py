"""Node cards: what a node says of itself, signed by itself, for a quarter of an hour at most.

A line of the form that `jws` says, whose `kid` is the node's id (RFC 7638). Nobody else has to be believed: who has the card has the
keys to seal to (RFC 9458 section 3) and knows that their owner signed them. Because it ends so soon, a card that holds is
also the sign that its node was there just now.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from triptych.network import bond, statement
from triptych.network.bond import Bond, BondError
from triptych.network.jose import decode_url64, encode_url64
from triptych.network.jws import JwsError, SignedLine, canonical, read_line, sign_line
from triptych.network.ohttp import keys
from triptych.network.ohttp.errors import KeysError
from triptych.network.ohttp.keys import KeyConfig
from triptych.network.statement import Statement, StatementError
from triptych.network.strict import Hash, NodeId, Strict, StrictError, Text, Whole, body_of
from triptych.tlog.note import Signer

FORMAT = "triptych-card/1"
TYPE = "triptych-card"
KEY_FORMAT = "triptych-node-key/1"
MEDIA_TYPE = "application/vnd.triptych.card"
MAX_BYTES = 32 * 1024
MAX_LIFE_MS = 15 * 60_000
SKEW_MS = 60_000  # how far two clocks may be apart
MAX_KEYS = 2  # the key, and the one before it while it goes out
BRIDGED = "ai-horde-worker"
"""The engine of a model that workers behind the node draw with: the node hands the prompt on to them in plain text."""

_Url = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
_Line = Annotated[str, msgspec.Meta(max_length=4096)]
_Account = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]

Reason = Literal["malformed", "too_large", "forged", "wrong_id", "keys", "owner", "follows", "attest", "stamp", "early",
                 "expired", "rolled_back", "twice", "rotated", "revoked"]  # fmt: skip


class CardError(Exception):
    """A card that is not to be believed. `reason` says why in one word; the text says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CardModel(Strict, frozen=True):
    """A model that the node runs. `digest` is the SHA-256 of its weights; with `engine`, `precision` and `sampler` it says whose
    pictures can be compared. `max_px` is width times height; `steps` is how many it takes where a job names none."""

    id: Text
    family: Text
    engine: Text
    precision: Text
    max_px: Whole
    steps_max: Whole
    caps: Annotated[tuple[Literal["t2i", "i2i", "inpaint"], ...], msgspec.Meta(min_length=1, max_length=3)]
    digest: Hash | None = None
    sampler: Text | None = None
    steps: Whole = 0


class Load(Strict, frozen=True):
    """Jobs that wait, and how long half of the latest jobs took at most, in milliseconds."""

    queue: Whole
    p50_ms: Whole


class Policy(Strict, frozen=True):
    """What the node draws, and where its owner says more."""

    nsfw: bool
    terms_url: _Url | None = None


class Price(Strict, frozen=True):
    """What one picture costs, in micro-dollars, and how it is paid: by x402 to the address `pay_to`, in the token `asset` of the chain
    `network` (CAIP-2); or at a page of its owner's."""

    per_image_micro_usd: Whole
    pay_url: _Url | None = None
    pay_to: _Account | None = None
    asset: _Account | None = None
    network: Annotated[str, msgspec.Meta(pattern="^eip155:[1-9][0-9]{0,17}$")] | None = None


class Attest(Strict, frozen=True):
    """Evidence of the hardware, in base64url. `binds` is what `binding` gives, which the evidence has to have in it."""

    type: Literal["nitro", "tdx", "sgx", "snp"]
    evidence: Annotated[str, msgspec.Meta(max_length=24 * 1024)]
    binds: Hash


class Work(Strict, frozen=True):
    """The stamp of a first card; see `stamp`."""

    made_ms: Whole
    counter: Whole


class CardBody(Strict, frozen=True):
    """What a card says. `hpke` is `application/ohttp-keys` in base64url; `price` is None for a node that is free; `owner`
    and `follows` are signed lines; `seq` counts up with each card; times are in milliseconds since 1970."""

    id: NodeId
    hpke: Annotated[str, msgspec.Meta(max_length=4096)]
    hubs: Annotated[tuple[_Url, ...], msgspec.Meta(max_length=8)]
    models: Annotated[tuple[CardModel, ...], msgspec.Meta(max_length=64)]
    load: Load
    policy: Policy
    price: Price | None
    seq: Whole
    issued_ms: Whole
    expires_ms: Whole
    transports: Annotated[tuple[Literal["mailbox"], ...], msgspec.Meta(min_length=1, max_length=4)] = ("mailbox",)
    region: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] | None = None
    owner: _Line | None = None
    follows: _Line | None = None
    attest: Attest | None = None
    pow: Work | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card whose signatures hold and whose parts belong together. Whether it counts now, `check` says. `followed` is the
    id that this node had before."""

    line: SignedLine
    body: CardBody
    keys: tuple[KeyConfig, ...]
    owned: Bond | None = None
    followed: str | None = None

    @property
    def id(self) -> str:
        return self.body.id

    @property
    def owner(self) -> str | None:
        """The name of its owner's key."""
        return None if self.owned is None else self.owned.kid

    @property
    def digest(self) -> str:
        """SHA-256 of the line, in hex."""
        return hashlib.sha256(self.line.leaf).hexdigest()

    @property
    def leaves(self) -> tuple[bytes, ...]:
        """The entries of a hub's log that this card needs: one for each of its keys."""
        return tuple(key_leaf(self.id, one) for one in self.keys)


def key_leaf(node: str, config: KeyConfig) -> bytes:
    """The entry of a hub's log that says that a node has shown a key. Every reader of a card can compute it, so that a hub that
    shows two people two keys has to log both, or is found out."""
    return canonical({"format": KEY_FORMAT, "id": node, "key": encode_url64(config.encode())})


def binding(public: bytes, hpke: bytes) -> str:
    """What evidence of the hardware has to have in it: the SHA-256, in hex, of the signing key and the list of HPKE keys."""
    return hashlib.sha256(public + hpke).hexdigest()


def sign(body: CardBody, signer: Signer) -> str:
    """The card as one line of ASCII. Raises CardError for one that could not be read."""
    built: dict[str, Any] = msgspec.to_builtins(body)
    text = sign_line({"format": FORMAT, **built}, signer, TYPE)
    read(text.encode("ascii"))
    return text


def read(data: bytes) -> Card:
    """Reads a card and checks everything that needs no clock; one line break at its end is allowed. Raises CardError."""
    if len(data) > MAX_BYTES:
        raise CardError("too_large", f"A card has at most {MAX_BYTES // 1024} KiB.")
    try:
        line = read_line(data, TYPE, "card")
        body = body_of(line, FORMAT, CardBody, "card")
    except JwsError as error:
        raise CardError("forged", f"It is no card: {error}") from None
    except StrictError as error:
        raise CardError("malformed", str(error)) from None
    if body.id != line.kid:
        raise CardError("wrong_id", f"The card is signed by {line.kid} and says that it is of {body.id}.")
    if not 0 < body.expires_ms - body.issued_ms <= MAX_LIFE_MS:
        raise CardError("malformed", "A card counts for 15 minutes at most.")
    return Card(line, body, _keys(line, body), _owner(body), _followed(body))


def check(card: Card, now_ms: int) -> None:
    """Whether a card counts now; the clocks may be a minute apart. The stamp of a first card is for hubs to look at. Raises CardError."""
    if card.body.issued_ms > now_ms + SKEW_MS:
        raise CardError("early", "The card is from the future: one of the two clocks is wrong.")
    if now_ms >= card.body.expires_ms + SKEW_MS:
        raise CardError("expired", "The card has ended: the node has not been heard of since.")
    if card.owned is not None and not _holds(card.owned, now_ms):
        raise CardError("owner", "The owner's word for this node has ended, or has not begun: sign it again.")


def _keys(line: SignedLine, body: CardBody) -> tuple[KeyConfig, ...]:
    data = decode_url64(body.hpke)
    try:
        found = keys.decode(data or b"")
        keys.pick(found)
    except KeysError as error:
        raise CardError("keys", f"Nothing can be sealed to its keys: {error}") from None
    if len(found) > MAX_KEYS or data != keys.encode(found):
        raise CardError("keys", f"A card has {MAX_KEYS} keys at most, each of a kind that is known.")
    if body.attest is not None and body.attest.binds != binding(line.public, data):
        raise CardError("attest", "The evidence of the hardware is for other keys.")
    return found


def _holds(one: Bond, now_ms: int) -> bool:
    return one.issued_ms <= now_ms + SKEW_MS and (one.expires_ms is None or now_ms < one.expires_ms + SKEW_MS)


def _owner(body: CardBody) -> Bond | None:
    if body.owner is None:
        return None
    try:
        found = bond.read(body.owner.encode())
    except BondError as error:
        raise CardError("owner", str(error)) from None
    if (found.kind, found.node) != ("owner", body.id):
        raise CardError("owner", f"The bond of the kind {found.kind} is for {found.node}.")
    return found


def _followed(body: CardBody) -> str | None:
    if body.follows is None:
        return None
    try:
        found = statement.read(body.follows.encode())
    except StatementError as error:
        raise CardError("follows", str(error)) from None
    if successor(found) != body.id:
        raise CardError("follows", "The hand-over is not to the key of this card.")
    return found.kid


def successor(found: Statement) -> str | None:
    """Whom a key hands over to; None for a statement that is no hand-over."""
    return str(found.payload["new"]) if found.kind == "key" else None


def encode_keys(configs: Sequence[KeyConfig]) -> str:
    """A list of keys as a card has it. Raises KeysError."""
    return encode_url64(keys.encode(configs))
