"""What OpenGradient's enclaves sign, checked: that a request and the text of its answer went through the enclave whose key one trusts.

Wire format of opengradient 1.1.4 (`client/tee_verify.py`, MIT) and OpenGradient/tee-gateway at cb95a5c, read 2026-11-22. Not covered by
the signature, and so not by this check: the bytes of pictures in either direction, what it cost, and which model answered.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
import pybase64
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from triptych.network.attestation import nitro
from triptych.network.attestation.nitro import NitroDocument
from triptych.network.keccak import keccak256
from triptych.network.ohttp.keys import CHACHA20_POLY1305, HKDF_SHA256, X25519_SHA256, KeyConfig, Suite
from triptych.spec.json import JsonObject

_SALT_BYTES: Final = 32
_SHA256_HEAD: Final = b"\x12\x20"  # how nitriding marks a SHA-256 in an enclave's user_data
_HASHED: Final = ("stop", "tools", "response_format")

Reason = Literal["malformed", "tee", "request", "output", "signature"]


class ProofError(Exception):
    """An answer that does not prove where it is from. `reason` says in one word what is wrong, the text says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signing_key: Annotated[str, msgspec.Meta(max_length=4096)]
    ohttp_key: Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{64}$")]
    ohttp_key_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    tee_id: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")] | None = None


@dataclass(frozen=True, slots=True)
class Tee:
    """One enclave: its signing key, and the key that requests are sealed to. Who believes these two, out of the registry or out of
    evidence of the hardware (`enclave_holds`), is not for this module."""

    key: RSAPublicKey = field(repr=False)
    config: KeyConfig

    @property
    def id(self) -> str:
        """`0x` and the Keccak-256 of its signing key as DER, which is how the registry names it."""
        return f"0x{keccak256(_der(self.key)).hex()}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What an answer proves: the enclave, the Keccak-256 hashes of the request and of the answer's text in hex, and when it was signed by
    the enclave's clock, in seconds since 1970."""

    tee_id: str
    request_hash: str
    output_hash: str
    signed_s: int
    signature: str


def read_tee(data: bytes) -> Tee:
    """An enclave out of JSON: `signing_key` (PEM), `ohttp_key` (hex), `ohttp_key_id`, and `tee_id` to check it by. Raises ProofError."""
    try:
        found = msgspec.json.decode(data, type=_File)
        key = load_pem_public_key(found.signing_key.encode())
    except (msgspec.DecodeError, ValueError, UnsupportedAlgorithm) as error:
        raise ProofError("malformed", f"It does not say which enclave it is about: {error}.") from None
    if not isinstance(key, RSAPublicKey):
        raise ProofError("malformed", "The enclave's signing key is not of RSA.")
    public = bytes.fromhex(found.ohttp_key.removeprefix("0x"))
    suite = Suite(HKDF_SHA256, CHACHA20_POLY1305)
    tee = Tee(key, KeyConfig(found.ohttp_key_id, X25519_SHA256, public, (suite,)))
    if found.tee_id is not None and found.tee_id.lower() != tee.id:
        raise ProofError("tee", f"The signing key is that of {tee.id}, not of {found.tee_id}.")
    return tee


def enclave_holds(document: NitroDocument, tee: Tee, now_ms: int, *, root_sha256: str = nitro.ROOT_SHA256) -> None:
    """Checks that an attestation document is of the enclave that holds the signing key: nitriding puts the SHA-256 of its TLS
    certificate and that of the key into `user_data`. The key that requests are sealed to is not in it. Raises AttestationError."""
    said = (document.user_data or b"")[len(_SHA256_HEAD) :][:32]
    bound = _SHA256_HEAD + said + _SHA256_HEAD + hashlib.sha256(_der(tee.key)).digest()
    nitro.verify(document, now_ms, bound=bound, root_sha256=root_sha256)


def verify(tee: Tee, asked: JsonObject, answered: JsonObject) -> Proof:
    """Checks the answer to a chat request: `asked` and `answered` are the two JSON objects inside the seal. Raises ProofError; then
    nothing of the answer is to be shown."""
    signature, said_id = _text(answered, "tee_signature"), _text(answered, "tee_id")
    signed_s = _seconds(answered)
    if _plain(said_id) != _plain(tee.id):
        raise ProofError("tee", f"The answer says that it is of {said_id[:80]}, and {tee.id} was asked.")
    request_hash = keccak256(request_bytes(asked)).hex()
    if request_hash != _plain(_text(answered, "tee_request_hash")):
        raise ProofError("request", "The enclave signed another request than the one that was sent.")
    output_hash = keccak256(_output(answered).encode()).hex()
    if output_hash != _plain(_text(answered, "tee_output_hash")):
        raise ProofError("output", "The enclave signed another text than the one that came.")
    proof = Proof(tee.id, request_hash, output_hash, signed_s, signature)
    holds(tee, proof)
    return proof


def holds(tee: Tee, proof: Proof) -> None:
    """Checks a proof that was kept: that this enclave signed these two hashes and this time. Whether they are those of a request
    and a text is for whoever has both. Raises ProofError."""
    if _plain(proof.tee_id) != _plain(tee.id):
        raise ProofError("tee", f"The proof says that it is of {proof.tee_id[:80]}, and not of {tee.id}.")
    try:
        hashes = bytes.fromhex(_plain(proof.request_hash)) + bytes.fromhex(_plain(proof.output_hash))
        message = keccak256(hashes + proof.signed_s.to_bytes(32, "big"))
        raw = pybase64.b64decode(proof.signature, validate=True)
        tee.key.verify(raw, message, padding.PSS(padding.MGF1(SHA256()), _SALT_BYTES), SHA256())
    except (InvalidSignature, ValueError, OverflowError):
        raise ProofError("signature", "The answer is not signed by the enclave's key.") from None


def request_bytes(asked: JsonObject) -> bytes:
    """What of a chat request is hashed, as the enclave writes it: Python's `json.dumps` with sorted names, its spaces and its
    escapes. Settings that are not in it are not signed. Raises ProofError for a request that has no such form."""
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(asked.get("model"), str):
        raise ProofError("malformed", "A chat request has a model and messages.")
    temperature = asked.get("temperature")
    kept: dict[str, Any] = {
        "model": asked["model"], "messages": [_message(one) for one in messages],
        "temperature": float(temperature) if isinstance(temperature, int | float) else 0.0,
    }  # fmt: skip
    kept |= {} if asked.get("max_tokens") is None else {"max_tokens": asked["max_tokens"]}
    kept |= {name: asked[name] for name in _HASHED if asked.get(name)}
    kept |= {"web_search": True} if asked.get("web_search") else {}
    return json.dumps(kept, sort_keys=True).encode()


def _message(one: Any) -> dict[str, Any]:
    role = one.get("role") if isinstance(one, Mapping) else None
    if role in {"system", "developer"}:
        return {"role": "system", "content": one.get("content")}
    if role == "user":
        return {"role": "user", "content": _content(one.get("content"))}
    if role == "assistant" and not one.get("tool_calls"):
        return {"role": "assistant", "content": one.get("content") or ""}
    raise ProofError("malformed", f"A message of the role {role!r} is not sent to make pictures.")


def _content(content: Any) -> Any:
    """Text as it is; of anything else only its type and its name: the bytes of pictures are not hashed."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else str(content)
    return [_part(one) for one in content]


def _part(one: Any) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        return {"type": "text", "text": str(one)}
    if one.get("type") == "text":
        return {"type": "text", "text": one.get("text") or ""}
    file = one.get("file")
    name = (file.get("filename") if isinstance(file, Mapping) else None) or one.get("filename")
    return {"type": one.get("type"), **({"filename": name} if name else {})}


def _output(answered: JsonObject) -> str:
    """The text of an answer that is hashed."""
    choices = answered.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        return ""
    calls, content = message.get("tool_calls"), message.get("content")
    if choice.get("finish_reason") == "tool_calls" and isinstance(calls, list):
        return json.dumps(calls, sort_keys=True)
    if isinstance(content, list):
        return "".join(str(one.get("text", "")) if isinstance(one, Mapping) else str(one) for one in content)
    return content if isinstance(content, str) else ""


def _text(answered: JsonObject, name: str) -> str:
    value = answered.get(name)
    if not isinstance(value, str):
        raise ProofError("malformed", f"The answer has no {name}: nothing shows where it is from.")
    return value


def _seconds(answered: JsonObject) -> int:
    value = answered.get("tee_timestamp")
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**63:
        raise ProofError("malformed", "The answer has no tee_timestamp: nothing shows when it is from.")
    return number


def _plain(name: str) -> str:
    return name.lower().removeprefix("0x")


def _der(key: RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
