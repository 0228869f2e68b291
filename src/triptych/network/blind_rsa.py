"""Blind RSA signatures (RFC 9474, October 2023), RSABSSA-SHA384-PSS-Randomized: a signer counts what it signs and never sees it.

The client prepares and blinds a message, the signer signs what it gets, the client takes the blinding off. What comes out is an
ordinary RSA-PSS signature (RFC 8017 section 8.1), which `cryptography` checks. Python's `pow` takes time that depends on its
numbers, so the signer hides both from whoever has a stopwatch: it blinds what it is given, and its exponents.
"""

import hashlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA384

SALT_SIZE = 48  # bytes; the length of the hash (RFC 9474 section 5)
PREFIX_SIZE = 32  # bytes that a message is prepared with (section 4.1)
MIN_BITS, MAX_BITS = 2048, 4096
_HASH_SIZE = 48

Random = Callable[[int], bytes]
Below = Callable[[int], int]


class BlindError(Exception):
    """Numbers that are no blind signature, or a signature that does not hold. The message says which."""


@dataclass(frozen=True, slots=True)
class Blinded:
    """What the signer gets, and what the client keeps until the answer is there. `inverse` takes the blinding off."""

    sent: bytes
    prepared: bytes = field(repr=False)
    inverse: int = field(repr=False)


def prepare(message: bytes, *, random: Random = secrets.token_bytes) -> bytes:
    """The message with random bytes before it, so that even a signer with a bad key cannot guess it (sections 4.1
    and 7.3)."""
    return random(PREFIX_SIZE) + message


def blind(
    key: RSAPublicKey, prepared: bytes, *, random: Random = secrets.token_bytes, below: Below = secrets.randbelow
) -> Blinded:
    """Blinds a prepared message for a signer (section 4.2). `below` gives a random number under another. Raises BlindError."""
    check_key(key)
    n, e = _numbers(key)
    encoded = int.from_bytes(_encode(prepared, key.key_size - 1, random(SALT_SIZE)), "big")
    if math.gcd(encoded, n) != 1:  # the message has one of the factors in it, and so the key is broken
        raise BlindError("This message cannot be signed with this key.")
    r = 1 + below(n - 1)
    try:
        inverse = pow(r, -1, n)
    except ValueError:
        raise BlindError("The random number does not blind; take another.") from None
    return Blinded(_bytes(encoded * pow(r, e, n) % n, key), prepared, inverse)


def sign(key: RSAPrivateKey, blinded: bytes, *, below: Below = secrets.randbelow) -> bytes:
    """Signs what is blinded (section 4.3), and checks its own work, because a signature with one wrong bit in it gives the key
    away. Raises BlindError."""
    numbers = key.private_numbers()
    p, q, n, e = numbers.p, numbers.q, numbers.public_numbers.n, numbers.public_numbers.e
    m = _number(blinded, key.public_key())
    r = 1 + below(n - 1)
    try:
        inverse = pow(r, -1, n)
    except ValueError:
        raise BlindError("The random number does not blind; take another.") from None
    hidden = m * pow(r, e, n) % n
    # d plus a random multiple of the order gives the same result, by other steps each time
    at_p = pow(hidden, numbers.dmp1 + (p - 1) * below(1 << 64), p)
    at_q = pow(hidden, numbers.dmq1 + (q - 1) * below(1 << 64), q)
    signed = (at_q + q * (numbers.iqmp * (at_p - at_q) % p)) * inverse % n
    if pow(signed, e, n) != m:
        raise BlindError("The signature came out wrong and is not given away.")
    return _bytes(signed, key.public_key())


def finalize(key: RSAPublicKey, blinded: Blinded, answer: bytes) -> bytes:
    """The signature of the prepared message, with the blinding taken off, and checked (section 4.4). Raises BlindError."""
    n, _ = _numbers(key)
    signature = _bytes(_number(answer, key) * blinded.inverse % n, key)
    verify(key, blinded.prepared, signature)
    return signature


def verify(key: RSAPublicKey, prepared: bytes, signature: bytes) -> None:
    """Whether a signature is that of a prepared message (section 4.5). Raises BlindError."""
    try:
        key.verify(signature, prepared, padding.PSS(padding.MGF1(SHA384()), SALT_SIZE), SHA384())
    except InvalidSignature:
        raise BlindError("The signature does not belong to this message.") from None


def check_key(key: RSAPublicKey) -> None:
    """Whether a key can be used: 2048 to 4096 bits, whole bytes, and the exponent that everybody has. Raises BlindError."""
    if not MIN_BITS <= key.key_size <= MAX_BITS or key.key_size % 8 or key.public_numbers().e != 65537:
        raise BlindError(f"A key has {MIN_BITS} to {MAX_BITS} bits and the exponent 65537.")


def _encode(message: bytes, bits: int, salt: bytes) -> bytes:
    """EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with SHA-384."""
    size = (bits + 7) // 8
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(message).digest() + salt).digest()
    data = bytes(size - len(salt) - _HASH_SIZE - 2) + b"\1" + salt
    masked = bytearray(a ^ b for a, b in zip(data, _mask(digest, len(data)), strict=True))
    masked[0] &= 0xFF >> (8 * size - bits)
    return bytes(masked) + digest + b"\xbc"


def _mask(seed: bytes, size: int) -> bytes:
    """MGF1 (RFC 8017 appendix B.2.1) with SHA-384."""
    blocks = (hashlib.sha384(seed + count.to_bytes(4, "big")).digest() for count in range(-(-size // _HASH_SIZE)))
    return b"".join(blocks)[:size]


def _numbers(key: RSAPublicKey) -> tuple[int, int]:
    numbers = key.public_numbers()
    return numbers.n, numbers.e


def _number(data: bytes, key: RSAPublicKey) -> int:
    """A number that is as long as the key and under its modulus (RFC 8017 section 5.2)."""
    value = int.from_bytes(data, "big")
    if len(data) != key.key_size // 8 or not 0 < value < _numbers(key)[0]:
        raise BlindError("It is not a number that this key can sign or has signed.")
    return value


def _bytes(value: int, key: RSAPublicKey) -> bytes:
    return value.to_bytes(key.key_size // 8, "big")
