"""Golden receipts: what was brought, and every line that a check of it says, for every implementation of `verify`.

`python -m tests.vectors.make_receipts` writes receipts.json anew. Its keys and salts are drawn, so the file changes with
every run; what is published is the one that is here.
"""

import asyncio
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image
from tests.unit.receipt_lies import lies, snapshot_lies, talked
from tests.unit.receipt_tools import DECISION, FACTS, IMAGE, OTHER, SIGNER, SNAPSHOT, TILE, made, picture_bytes, whole

from triptych.cli.verify import keys_in, reclaim, redecide
from triptych.imaging.header import header
from triptych.imaging.recipe import with_recipe
from triptych.network.jose import decode_url64, encode_url64, jwk_of
from triptych.network.receipt import read, sign
from triptych.network.verify import Evidence, verify
from triptych.router.bundle import policy_bytes
from triptych.router.decide import decide
from triptych.router.policy import BEST_FOR_ME
from triptych.router.sealed import seal
from triptych.spec.errors import HostileContentError
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import TlogProof

FILE = Path(__file__).parent / "receipts.json"
ABOUT = (
    "Each case: what was brought (texts as they are; `images` by name in base64url) and the lines that a check says: what was "
    "looked at, the verdict, the words. `headers` are pictures in base64url with what their header says, null for none; "
    "`bare` are pictures with content credentials or a recipe and what is left without."
)
WITNESS = Signer.from_seed("witness.example/w", bytes(range(1, 33)), COSIGNATURE_V1)
TRUST = f"log {SIGNER.key}\nquorum none\n"
WITNESSED = f"# a comment\nlog {SIGNER.key} https://example.com\nwitness w {WITNESS.key}\ngroup g any w\nquorum g\n"
KEYS = json.dumps({"keys": [jwk_of(SIGNER.key.public)]})
Case = dict[str, Any]


def lines(case: Mapping[str, Any]) -> list[list[str]]:
    """What Python says of a case."""
    given = {name: None if case.get(name) is None else case[name].encode() for name in
             ("proof", "policy", "snapshot", "catalogue", "opening")}  # fmt: skip
    report = verify(
        Evidence(
            receipt=case["receipt"].encode(),
            images={name: decode_url64(data) or b"" for name, data in case.get("images", {}).items()},
            keys=keys_in(case["keys"].encode()) if case.get("keys") else (),
            trust=TrustPolicy.parse(case["trust"]) if case.get("trust") else None,
            redecide=redecide,
            reclaim=reclaim,
            nonces=tuple(case.get("nonces", ())),
            **given,
        )
    )
    return [[line.what, line.verdict, line.detail] for line in report.lines]


def cosigned(proof: str) -> str:
    """A proof whose checkpoint a witness has cosigned."""
    parsed = TlogProof.parse(proof.encode())
    note = Note.parse(parsed.checkpoint)
    both = Note(note.text, (*note.signatures, WITNESS.sign(note.text, 1_800_000_000)))
    return replace(parsed, checkpoint=both.encode()).encode().decode()


def liked() -> Case:
    """A receipt of a decision by taste."""
    states = tuple(replace(one, taste=900 * at, taste_sd=50) for at, one in enumerate(SNAPSHOT.endpoints))
    snapshot = replace(SNAPSHOT, endpoints=(*states[:2], replace(states[2], ready=True, taste=None, taste_sd=None)))
    decision = replace(decide(BEST_FOR_ME, snapshot, DECISION.features, "01ff"), id="dec_1")
    body = made(facts=replace(FACTS, decisions=(decision,))).body
    return {"receipt": body, "policy": policy_bytes(BEST_FOR_ME).decode(), "snapshot": seal(snapshot).body.decode()}


def priced(full: Case) -> dict[str, Case]:
    """Receipts whose price is of another kind, or cannot be computed again."""
    payload = read(full["receipt"].encode()).payload
    paid, size = payload["attempts"][0], {**payload["asked"], "size": "1024x0"}
    changes: dict[str, dict[str, Any]] = {
        "the provider's own price": {"cost": {"amount_micro_usd": 41_234, "source": "provider"}},
        "the provider's own price, which is the catalogue's": {"cost": {"amount_micro_usd": 40_000, "source": "provider"}},
        "a cost that nobody knows": {"cost": {"amount_micro_usd": None, "source": "unknown"}, "billed": "unknown"},
        "a price of a kind that there is not": {"cost": {"amount_micro_usd": 1, "source": "hearsay"}},
        "two calls that were paid for": {"attempts": [{**paid, "outcome": "failed"}, {**paid, "number": 2}], "attempts_in_all": 2},
        "no call that was paid for": {"attempts": [{**paid, "billed": "no"}], "served": None},
        "options of the provider's own": {"asked": {**payload["asked"], "options_for": ["one"]}},
        "a size that is none": {"asked": size},
        "attempts that are none": {"attempts": [{"number": 1}, {}], "attempts_in_all": 2},
        "usage that is none": {"usage": {"output_tokens": "many"}},
    }  # fmt: skip
    names = ("policy", "snapshot", "catalogue")
    return {
        name: {"receipt": sign({**payload, **change}, SIGNER)} | {one: full[one] for one in names}
        for name, change in changes.items()
    }


async def cases() -> dict[str, Case]:
    """Everything that can be said, by name."""
    with tempfile.TemporaryDirectory() as folder:
        found = await whole(Path(folder))
    evidence = found.evidence
    full: Case = {
        "receipt": evidence.receipt.decode(),
        "images": {"a.png": encode_url64(IMAGE)},
        "keys": KEYS,
        "trust": TRUST,
    }
    for name in ("proof", "policy", "snapshot", "catalogue", "opening"):
        full[name] = getattr(evidence, name).decode()
    first, second, *rest = DECISION.candidates
    lie = (replace(second, rank=0, reason="picked"), replace(first, rank=1, reason="ranked_lower"), *rest)
    lied = made(facts=replace(FACTS, decisions=(replace(DECISION, candidates=lie),))).body
    failed = made(
        replace(TILE, state="failed", decision_id=None, endpoint=None, cost=None),
        replace(FACTS, attempts=(), decisions=()),
    ).body
    talk = talked()
    top, payload, _ = full["receipt"].split(".")
    forged = {
        name: {**full, "receipt": text, "proof": None, "opening": opening} for name, (text, opening) in lies().items()
    }
    seen = {
        name: {**full, "receipt": text, "proof": None, "opening": opening, "snapshot": snapshot}
        for name, (text, opening, snapshot) in snapshot_lies().items()
    }
    return {
        **forged,
        **seen,
        **priced(full),
        "another catalogue": {**full, "catalogue": full["catalogue"].replace("40000", "40001")},
        "a catalogue without the policy": {**full, "policy": None},
        "no snapshot": {**full, "snapshot": None},
        "dice of the caller's": {**full, "nonces": ["1234", "00ff"]},
        "dice of somebody else's": {**full, "nonces": ["1234"]},
        "everything": full,
        "with a line break and verifier keys": {**full, "receipt": full["receipt"] + "\n", "keys": f"{SIGNER.key}\n"},
        "nothing but the receipt": {"receipt": full["receipt"]},
        "the log of its own key": {**full, "trust": None, "keys": None},
        "a witness": {**full, "proof": cosigned(full["proof"]), "trust": WITNESSED},
        "no witness where one is asked for": {**full, "trust": WITNESSED},
        "another log": {**full, "keys": None, "trust": f"log {OTHER.key}\nquorum none\n"},
        "another key": {**full, "trust": None, "keys": json.dumps(jwk_of(OTHER.key.public))},
        "another picture": {**full, "images": {"b.png": encode_url64(picture_bytes("red")), "c": encode_url64(b"no picture")}},
        "a picture that was taken home": {**full, "images": {"home.png": encode_url64(carrying(IMAGE, "PNG"))}},
        "another picture that was taken home": {**full, "images": {"x": encode_url64(carrying(picture_bytes("red"), "PNG"))}},
        "a picture with a recipe": {**full, "images": {"home.png": encode_url64(cooked(IMAGE))}},
        "a picture with a recipe that was taken home": {**full, "images": {"home.png": encode_url64(carrying(cooked(IMAGE), "PNG"))}},
        "another picture with a recipe": {**full, "images": {"x": encode_url64(cooked(picture_bytes("red")))}},
        "another policy": {**full, "policy": '{"format":"triptych-policy/1","name":"mine"}'},
        "no policy at all": {**full, "policy": '{"format":"triptych-policy/1","name":5}'},
        "another snapshot": {**full, "snapshot": seal(replace(SNAPSHOT, taken_ms=1)).body.decode()},
        "another opening": {**full, "opening": made().private},
        "an opening that is none": {**full, "opening": "{"},
        "another receipt": {**full, "receipt": made().body},
        "a lie about the decision": {**full, "receipt": lied, "proof": None, "opening": None},
        "failed before any decision": {"receipt": failed, "policy": "{}"},
        "a decision by taste": liked(),
        "a conversation": {**full, "receipt": talk.body, "opening": talk.private, "proof": None},
        "a signature that is another's": {**full, "receipt": f"{top}.{payload}.{made().body.rpartition('.')[2]}"},
        "a text that is none": {**full, "receipt": "a.b"},
        "a header that is none": {**full, "receipt": f"{encode_url64(b'{}')}.{payload}.{'A' * 86}"},
    }  # fmt: skip


def cooked(data: bytes) -> bytes:
    """A picture with a recipe put in."""
    made = with_recipe(data, '{"triptych":"recipe/1"}')
    if made is None:
        raise ValueError("It takes no recipe.")
    return made


def carrying(data: bytes, kind: str) -> bytes:
    """A picture with a manifest store put in, as far as its place and its size go."""
    store = b"jumb" + bytes.fromhex("6332706100110010800000aa00389b71") + bytes(40)
    if kind == "PNG":
        return data[:33] + len(store).to_bytes(4) + b"caBX" + store + bytes(4) + data[33:]
    if kind == "WEBP":
        chunk = b"C2PA" + len(store[:-1]).to_bytes(4, "little") + store
        return b"RIFF" + (len(data) - 8 + len(chunk)).to_bytes(4, "little") + data[8:] + chunk
    first, second = (len(part).to_bytes(2) for part in (bytes(10) + store, bytes(12)))
    return (
        data[:2]
        + b"\xff\xeb"
        + first
        + b"JP\0\1"
        + bytes(4)
        + store
        + b"\xff\xeb"
        + second
        + b"JP\0\1"
        + bytes(6)
        + data[2:]
    )


def bared() -> list[dict[str, str]]:
    """Pictures with a manifest store, a recipe or both, and what is left of them without."""
    made_ones = []
    for kind in ("PNG", "WEBP", "JPEG"):
        out = io.BytesIO()
        Image.new("RGB", (24, 16), "teal").save(out, kind)
        plain = out.getvalue()
        made_ones += [(carrying(plain, kind), plain), (carrying(carrying(plain, kind), kind), plain), (plain, plain)]
        made_ones += [(cooked(plain), plain), (carrying(cooked(plain), kind), plain)]
    return [{"data": encode_url64(data), "bare": encode_url64(left)} for data, left in made_ones]


def headers() -> list[dict[str, Any]]:
    """Pictures of every type that is opened, and a few that are damaged."""
    made_ones = []
    for kind, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {}),
        ("AVIF", {}),
    ):
        for orientation in (1, 6):
            out, exif = io.BytesIO(), Image.Exif()
            exif[0x0112] = orientation
            more = {} if kind == "GIF" or orientation == 1 else {"exif": exif}
            Image.new("RGB", (24, 16), "teal").save(out, kind, **options, **more)
            made_ones.append(out.getvalue())
    damaged = [data[:at] for data in made_ones for at in (0, 3, 12, len(data) // 2, len(data) - 9)]
    return [{"data": encode_url64(data), "header": head(data)} for data in (*made_ones, *damaged)]


def head_of(text: str) -> list[Any] | None:
    """The same for a picture in base64url."""
    return head(decode_url64(text) or b"")


def head(data: bytes) -> list[Any] | None:
    """Type, width and height by the header, None for no picture."""
    try:
        info = header(data)
    except HostileContentError:
        return None
    return [info.media_type, info.width, info.height]


def vectors() -> dict[str, Any]:
    """The whole file."""
    found = asyncio.run(cases())
    told = {name: {**case, "lines": lines(case)} for name, case in found.items()}
    return {"about": ABOUT, "cases": msgspec.to_builtins(told), "headers": headers(), "bare": bared()}


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", "utf-8")
