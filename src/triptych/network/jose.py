"""The few things that JOSE asks for: base64url, and keys as JWK with their thumbprint."""

import base64
import hashlib
from functools import lru_cache

from triptych.spec.json import JsonObject


def encode_url64(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_url64(text: str) -> bytes | None:
    """What `text` spells in base64url without padding, or None; only the one canonical spelling is taken."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if encode_url64(data) == text else None


def jwk_of(public: bytes) -> JsonObject:
    """An Ed25519 public key as a JWK (RFC 8037 section 2)."""
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_url64(public)}


@lru_cache(maxsize=64)
def kid_of(public: bytes) -> str:
    """The name of a key: its JWK thumbprint (RFC 7638, RFC 8037 appendix A.3)."""
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{encode_url64(public)}"}}'
    return encode_url64(hashlib.sha256(text.encode()).digest())
