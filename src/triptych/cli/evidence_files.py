"""The files that `triptych verify` is given, each told by what is in it, so that one in another's place is named as what it
is. What is not known is passed on as it is: whether it is damaged, the check says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from triptych.imaging.sniff import sniff
from triptych.network import node_receipt, receipt, statement
from triptych.network.jws import peek
from triptych.router import bundle, sealed
from triptych.spec.errors import BadRequestError
from triptych.tlog.errors import NoteError, TlogError
from triptych.tlog.note import Note, VerifierKey
from triptych.tlog.proof import HEADER

Kind = Literal["receipt", "node receipt", "picture", "proof", "trust", "policy", "snapshot", "catalogue", "opening", "key", "checkpoint",
               "statement", "answer", "error"]  # fmt: skip
MAX_FILE = 128 << 20
_FORMATS: Mapping[str, Kind] = {bundle.FORMAT: "policy", sealed.FORMAT: "snapshot"}
_SAID: Mapping[Kind, str] = {
    "receipt": "a receipt; it comes first, before the pictures",
    "node receipt": "the receipt of a node; it comes first, before the pictures",
    "picture": "a picture; it comes after the receipt, without an option",
    "proof": "the proof of a log; --proof takes it",
    "trust": "the trust policy of a log; --policy takes it",
    "policy": "a routing policy; --policy takes it",
    "snapshot": "a snapshot; --snapshot takes it",
    "catalogue": "a catalogue; --catalogue takes it",
    "opening": "what opens a request; --opening takes it",
    "key": "a public key; --key takes it",
    "checkpoint": "the checkpoint of a log; --log takes the folder that it is in",
    "statement": "a statement out of a log, and no receipt; nothing takes it",
    "answer": "an answer of the image API; save the text in triptych.receipt.jws, which is the receipt",
    "error": "an error that a server answered, and not what was asked for; fetch it again",
}


def read_evidence(path: Path, param: str, *wanted: Kind) -> bytes:
    """The bytes of a file where one of some kinds belongs. Raises BadRequestError for a file that cannot be read, an empty
    one, and one of another kind."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}.", param=param) from None
    if not data.strip():
        raise BadRequestError(f"{path} is empty.", param=param)
    if len(data) > MAX_FILE:
        raise BadRequestError(f"{path} is larger than {MAX_FILE >> 20} MB.", param=param)
    kind = kind_of(data)
    if kind is not None and kind not in wanted:
        raise BadRequestError(f"{path} is {_SAID[kind]}.", param=param)
    return data


def kind_of(data: bytes) -> Kind | None:
    """What a file is by its content; None for what is none of these, or was one and is damaged."""
    if (sniff(data) or "").startswith("image/"):
        return "picture"
    if data.startswith(HEADER.encode()):
        return "proof"
    if (signed := peek(data.removesuffix(b"\n"))) is not None:
        return _TYPES.get(str(signed[0].get("typ")))
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _of_text(data)
    return _of_json(value)


_TYPES: Mapping[str, Kind] = {receipt.TYPE: "receipt", node_receipt.TYPE: "node receipt", statement.TYPE: "statement"}


def _is_catalogue(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and "capabilities" in one for one in value)
    )


def _of_json(value: Any) -> Kind | None:
    if not isinstance(value, dict):
        return "catalogue" if _is_catalogue(value) else None
    told = value.get("triptych")
    fits: tuple[tuple[Kind, bool], ...] = (
        ("key", "kty" in value or isinstance(value.get("keys"), list)),
        ("answer", isinstance(told, dict) and "receipt" in told),
        ("error", isinstance(value.get("error"), dict)),
        ("opening", isinstance(value.get("salt"), str) and isinstance(value.get("request"), str)),
    )
    return _FORMATS.get(str(value.get("format"))) or next((kind for kind, fit in fits if fit), None)


def _of_text(data: bytes) -> Kind | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    said = [words for line in text.split("\n") if (words := line.split()) and not words[0].startswith("#")]
    if said and all(words[0] in {"log", "witness", "group", "quorum"} for words in said):
        return "trust"
    try:
        Note.parse(data)
    except TlogError:
        return "key" if said and all(_is_key(word) for words in said for word in words) else None
    return "checkpoint"


def _is_key(word: str) -> bool:
    try:
        VerifierKey.parse(word)
    except NoteError:
        return False
    return True
