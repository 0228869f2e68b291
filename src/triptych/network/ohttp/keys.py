"""The keys that a node offers to have requests sealed to: key configurations (RFC 9458 section 3, January 2024).

`application/ohttp-keys` is a list of them, each with its length before it. Of the algorithms of HPKE (RFC 9180 section 7) one
KEM, one KDF and three AEADs are known here; configurations of other KEMs are passed over.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from triptych.network.ohttp.errors import KeysError

MEDIA_TYPE = "application/ohttp-keys"
X25519_SHA256: Final = 0x0020  # DHKEM(X25519, HKDF-SHA256)
HKDF_SHA256: Final = 0x0001
AES_128_GCM: Final = 0x0001
AES_256_GCM: Final = 0x0002
CHACHA20_POLY1305: Final = 0x0003
ENC_SIZE = 32  # bytes of an encapsulated X25519 key
MAX_BYTES = 16 * 1024  # of a list
_PUBLIC_SIZE = {0x0010: 65, 0x0011: 97, 0x0012: 133, X25519_SHA256: 32, 0x0021: 56}  # RFC 9180 section 7.1


@dataclass(frozen=True, slots=True)
class Suite:
    """A KDF and an AEAD by their numbers (RFC 9180 sections 7.2 and 7.3)."""

    kdf: int
    aead: int

    @property
    def known(self) -> bool:
        return self in SUITES


SUITES: Final = tuple(Suite(HKDF_SHA256, aead) for aead in (AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305))
"""What can be used here, the one that is taken first in front."""


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """One public key and what may be used with it (RFC 9458 section 3.1). `public` is as the KEM spells it."""

    key_id: int
    kem: int
    public: bytes
    suites: tuple[Suite, ...] = SUITES

    def encode(self) -> bytes:
        """The bytes of the configuration, without a length before them."""
        pairs = b"".join(struct.pack(">HH", one.kdf, one.aead) for one in self.suites)
        return struct.pack(">BH", self.key_id, self.kem) + self.public + struct.pack(">H", len(pairs)) + pairs

    @property
    def suite(self) -> Suite | None:
        """The first of its suites that can be used here; None where there is none."""
        return next((one for one in self.suites if one.known), None) if self.kem == X25519_SHA256 else None


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A key configuration with its private key, the 32 bytes of X25519 (RFC 7748)."""

    config: KeyConfig
    private: bytes = field(repr=False)

    @classmethod
    def from_private(cls, key_id: int, private: bytes, suites: tuple[Suite, ...] = SUITES) -> "NodeKey":
        """The key for 32 secret bytes and a number from 0 to 255. Raises KeysError."""
        if len(private) != 32 or not 0 <= key_id <= 255 or not suites:
            raise KeysError("malformed", "A key has a number from 0 to 255, 32 secret bytes, and a suite at least.")
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        return cls(KeyConfig(key_id, X25519_SHA256, public, suites), private)


def encode(configs: Iterable[KeyConfig]) -> bytes:
    """The list as `application/ohttp-keys` (RFC 9458 section 3.2). Raises KeysError for one that could not be read."""
    parts = [one.encode() for one in configs]
    data = b"".join(struct.pack(">H", len(part)) + part for part in parts)
    decode(data)
    return data


def decode(data: bytes) -> tuple[KeyConfig, ...]:
    """Reads `application/ohttp-keys`; one wrong configuration spoils the list (RFC 9458 section 3.2). Those whose KEM is not
    known are left out. Raises KeysError, also where none is left."""
    if len(data) > MAX_BYTES:
        raise KeysError("too_large", f"A list of keys has at most {MAX_BYTES} bytes.")
    found: list[KeyConfig] = []
    rest = data
    while rest:
        size = int.from_bytes(rest[:2], "big")
        if len(rest) < 2 + size:
            raise KeysError("truncated", "The list of keys ends too early.")
        one = decode_one(rest[2 : 2 + size])
        found += [one] if one is not None else []
        rest = rest[2 + size :]
    if not found:
        raise KeysError("unsupported", "None of the keys is of a kind that is known here.")
    if len({(one.key_id, one.kem) for one in found}) != len(found):
        raise KeysError("malformed", "Two keys of one list have the same number.")
    return tuple(found)


def decode_one(data: bytes) -> KeyConfig | None:
    """Reads one configuration; None where its KEM is not known, so that its end cannot be. Raises KeysError."""
    if len(data) < 3:
        raise KeysError("truncated", "A key configuration ends too early.")
    key_id, kem = struct.unpack_from(">BH", data)
    if (size := _PUBLIC_SIZE.get(kem)) is None:
        return None
    public, rest = data[3 : 3 + size], data[3 + size :]
    stated = int.from_bytes(rest[:2], "big")
    if len(public) < size or len(rest) != 2 + stated:
        raise KeysError("truncated", "A key configuration is not as long as it says.")
    if stated < 4 or stated % 4:
        raise KeysError("malformed", "The algorithms of a key are one or more pairs of two numbers.")
    pairs = struct.iter_unpack(">HH", rest[2:])
    return KeyConfig(key_id, kem, public, tuple(Suite(kdf, aead) for kdf, aead in pairs))


def pick(configs: Sequence[KeyConfig]) -> tuple[KeyConfig, Suite]:
    """The first configuration that can be used here, and with what. Raises KeysError."""
    for one in configs:
        if (suite := one.suite) is not None:
            return one, suite
    raise KeysError("unsupported", "None of the keys can be used with the algorithms that are known here.")
