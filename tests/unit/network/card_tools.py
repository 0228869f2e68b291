"""A node with its keys, its owner, and cards of it."""

from typing import Any

import msgspec

from triptych.network import bond, card
from triptych.network.card import CardBody, CardModel, Load, Policy
from triptych.network.jose import kid_of
from triptych.network.jws import sign_line
from triptych.network.ohttp.keys import NodeKey
from triptych.tlog.note import Signer

NOW = 1_800_000_000_000
DAY = 86_400_000
NODE = Signer.from_seed("node", bytes(range(32)))
OWNER = Signer.from_seed("owner", b"o" * 32)
STRANGER = Signer.from_seed("stranger", b"s" * 32)
NODE_ID, OWNER_ID, STRANGER_ID = (kid_of(one.key.public) for one in (NODE, OWNER, STRANGER))
FIRST = NodeKey.from_private(1, b"1" * 32)
SECOND = NodeKey.from_private(2, b"2" * 32)
THIRD = NodeKey.from_private(3, b"3" * 32)
OWNED = bond.sign("owner", NODE_ID, OWNER, issued_ms=NOW - DAY, expires_ms=NOW + DAY)
MODEL = CardModel(
    id="sdxl", family="sdxl", digest="ab" * 32, precision="fp16", engine="comfyui/0.3", max_px=1_048_576, steps_max=50,
    caps=("t2i", "i2i"), steps=20,
)  # fmt: skip


def body(*held: NodeKey, **changed: Any) -> CardBody:
    base = CardBody(
        id=NODE_ID, hpke=card.encode_keys([one.config for one in held or (FIRST,)]), hubs=("https://hub.example",),
        models=(MODEL,), load=Load(queue=0, p50_ms=4000), policy=Policy(nsfw=False), price=None, seq=1, issued_ms=NOW,
        expires_ms=NOW + 600_000,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changed)


def made(*held: NodeKey, signer: Signer = NODE, **changed: Any) -> card.Card:
    return card.read(card.sign(body(*held, **changed), signer).encode("ascii"))


def forged(signer: Signer = NODE, **changed: Any) -> bytes:
    """A signed line with fields put in or replaced; `None` as `...` takes one out."""
    payload: dict[str, Any] = {"format": card.FORMAT, **msgspec.to_builtins(body()), **changed}
    return sign_line({name: one for name, one in payload.items() if one is not ...}, signer, card.TYPE).encode("ascii")
