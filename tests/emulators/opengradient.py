"""OpenGradient: a relay that sees nothing but a seal, and an enclave behind it that draws and signs.

Source: opengradient 1.1.4 (client/tee_ohttp.py, client/tee_ohttp_client.py, client/tee_verify.py), read 2026-11-22. It stands alone: its
faults are its own, and `lie` says which. The hash comes from the program, where it is held against hashlib and published values.
"""

import base64
import hmac
import json
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pyhpke import AEADId, CipherSuite, KDFId, KEMId
from tests.emulators.base import EPOCH, Call, Emulator, Refuse, Reply, json_reply

from triptych.network.keccak import keccak256

Lie = Literal["", "text", "request", "signature", "enclave", "unsigned", "unsealed", "no_json", "inner_error", "cut"]
PATH = "/api/v1/chat/ohttp"
_HEADER = struct.pack(">BHHH", 1, 0x20, 1, 3)
_NONCE = bytes(range(32))


@cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Enclave:
    """The keys of one enclave, and what it says."""

    key: rsa.RSAPrivateKey = field(default_factory=signing_key)
    sealing: X25519PrivateKey = field(default_factory=lambda: X25519PrivateKey.from_private_bytes(b"\x07" * 32))

    @property
    def pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def id(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return "0x" + keccak256(self.key.public_key().public_bytes(serialization.Encoding.DER, form)).hex()

    @property
    def file(self) -> dict[str, Any]:
        """What a user of it writes down."""
        return {
            "signing_key": self.pem,
            "ohttp_key": self.sealing.public_key().public_bytes_raw().hex(),
            "tee_id": self.id,
        }

    def open(self, wire: bytes) -> tuple[Any, bytes, bytes]:
        """The request, the encapsulated key, and the secret that its answer is sealed with."""
        suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
        private = suite.kem.deserialize_private_key(self.sealing.private_bytes_raw())
        info = b"message/bhttp request\0" + wire[:7]
        if wire[:7] != _HEADER:
            raise Refuse(json_reply({"detail": "unknown key configuration"}, 400))
        context = suite.create_recipient_context(wire[7:39], private, info)
        return json.loads(context.open(wire[39:])), wire[7:39], context.export(b"message/bhttp response", 32)

    def signed(self, asked: dict[str, Any], text: str) -> dict[str, Any]:
        request_hash, output_hash = keccak256(_canonical(asked)), keccak256(text.encode())
        message = keccak256(request_hash + output_hash + EPOCH.to_bytes(32, "big"))
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return {
            "tee_signature": base64.b64encode(self.key.sign(message, pss, hashes.SHA256())).decode(),
            "tee_request_hash": request_hash.hex(), "tee_output_hash": output_hash.hex(), "tee_timestamp": EPOCH, "tee_id": self.id,
        }  # fmt: skip


class OpenGradient(Emulator):
    name = "opengradient"
    key = "og-emulator-0123456789abcdef"
    key_env = "OPENGRADIENT_ACCESS_TOKEN"
    base_env = "TRIPTYCH_OPENGRADIENT_BASE_URL"
    hue = 0.4

    def __init__(self) -> None:
        super().__init__()
        self.enclave = Enclave()
        self.lie: Lie = ""
        self.asked: list[dict[str, Any]] = []  # what only the enclave sees

    def step(self, method: str, path: str) -> str:
        return {("POST", PATH): "submit", ("GET", "/health"): "check"}.get((method, path), "")

    def answer(self, call: Call) -> Reply:
        if call.recorded.step == "check":
            return json_reply({"status": "ok"})
        if call.bearer() != self.key:
            raise Refuse(json_reply({"detail": "Invalid or expired token"}, 401))
        if call.headers.get("content-type") != "message/ohttp-req" or call.headers.get("x-tee-id") != self.enclave.id:
            raise Refuse(json_reply({"detail": "not for an enclave of this relay"}, 400))
        asked, enc, secret = self.enclave.open(call.raw)
        self.asked.append(asked)
        answered = self._drawn(call, asked)
        if self.lie == "unsealed":
            return json_reply(answered)
        inner: Any = {"status": 200, "body": answered}
        if self.lie == "inner_error":
            inner = {"status": 429, "body": {"error": "Too many requests"}}
        sealed = _sealed(b"[1]" if self.lie == "no_json" else json.dumps(inner).encode(), enc, secret)
        return Reply(200, sealed[:-1] if self.lie == "cut" else sealed, "message/ohttp-res")

    def _drawn(self, call: Call, asked: dict[str, Any]) -> dict[str, Any]:
        content = asked["messages"][0]["content"]
        prompt = content if isinstance(content, str) else content[0]["text"]
        made = call.picture(asked["model"], prompt, (64, 64))
        call.charge(40_000, asked["model"])
        text = "Here is your picture — schön."
        other = Enclave(key=rsa.generate_private_key(65537, 2048)) if self.lie == "enclave" else self.enclave
        signed = other.signed({**asked, "model": "another"} if self.lie == "request" else asked, text)
        if self.lie == "signature":
            signed["tee_timestamp"] += 1
        message = {
            "role": "assistant", "content": text + ("!" if self.lie == "text" else ""),
            "images": [f"data:image/png;base64,{call.b64(made)}"],
        }  # fmt: skip
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return {
            "id": call.request_id,
            "model": asked["model"],
            "choices": [choice],
            **({} if self.lie == "unsigned" else signed),
        }


def _canonical(asked: dict[str, Any]) -> bytes:
    """What is hashed of a request with one user's message."""
    (message,) = asked["messages"]
    content = message["content"]
    if isinstance(content, list):
        content = [{"type": "text", "text": p["text"]} if p["type"] == "text" else {"type": p["type"]} for p in content]
    kept = {
        "messages": [{"content": content, "role": "user"}], "model": asked["model"], "temperature": float(asked["temperature"]),
    }  # fmt: skip
    return json.dumps(kept, sort_keys=True).encode()


def _sealed(plain: bytes, enc: bytes, secret: bytes) -> bytes:
    """RFC 9458 section 4.4 by hand, as the gateway does it."""

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, "sha256")

    prk = mac(enc + _NONCE, secret)
    key, nonce = mac(prk, b"key\x01"), mac(prk, b"nonce\x01")[:12]
    return _NONCE + ChaCha20Poly1305(key).encrypt(nonce, plain, b"")
