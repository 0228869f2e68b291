"""Tokens: so many pictures a day for each account, and no way to tell whose picture it was.

A hub signs, blind, as many numbers a day as an account may have, and later takes each number once. It can count, and it cannot link what
it signed to what it is given (RFC 9474; the scheme of Privacy Pass, RFC 9576). Its key is another one each day and is in its log,
so that it cannot mark people by giving each a key of their own.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from triptych.network import blind_rsa
from triptych.network.blind_rsa import Blinded, BlindError, Random
from triptych.network.jose import encode_url64
from triptych.network.jws import canonical

KEY_FORMAT = "triptych-token-key/1"
EPOCH_MS = 86_400_000  # a day
GRACE_EPOCHS = 1  # a token of yesterday counts today
NONCE_SIZE = 32  # bytes
KEY_BITS = 2048
_LABEL = b"triptych-token/1\0"
_HEAD = 4 + 32 + blind_rsa.PREFIX_SIZE + NONCE_SIZE
_MAX_EPOCH = 2**32 - 1


class TokenError(Exception):
    """A token or a key that does not count. The message says why."""


def epoch_at(now_ms: int) -> int:
    """The number of the day, from 1970-01-01 UTC."""
    return now_ms // EPOCH_MS


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """The public key of a hub for one day. `der` is a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""

    epoch: int
    der: bytes
    public: rsa.RSAPublicKey = field(repr=False, compare=False)

    @classmethod
    def read(cls, epoch: int, der: bytes) -> "IssuerKey":
        """Raises TokenError for bytes that are no key, or none that is used."""
        try:
            key = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            raise TokenError("The key of the hub cannot be read.") from None
        if not isinstance(key, rsa.RSAPublicKey) or not 0 <= epoch <= _MAX_EPOCH or _der(key) != der:
            raise TokenError("The key of the hub is not an RSA key of one day.")
        try:
            blind_rsa.check_key(key)
        except BlindError as error:
            raise TokenError(f"The key of the hub cannot be used: {error}") from None
        return cls(epoch, der, key)

    @property
    def id(self) -> bytes:
        """32 bytes that name the key and its day."""
        return hashlib.sha256(self.leaf).digest()

    @property
    def leaf(self) -> bytes:
        """The entry of the hub's log that everybody who gets this key can look for."""
        return canonical({"format": KEY_FORMAT, "epoch": self.epoch, "key": encode_url64(self.der)})


@dataclass(frozen=True, slots=True)
class Issuer:
    """The private side of a day's key."""

    key: IssuerKey
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls, epoch: int) -> "Issuer":
        """A new key for a day; takes a moment."""
        return cls._of(epoch, rsa.generate_private_key(65537, KEY_BITS))

    @classmethod
    def read(cls, epoch: int, secret: bytes) -> "Issuer":
        """The key from what `secret` gave. Raises TokenError."""
        try:
            private = load_der_private_key(secret, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise TokenError("The secret key of the hub cannot be read.") from None
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TokenError("The secret key of the hub is not an RSA key.")
        return cls._of(epoch, private)

    @classmethod
    def _of(cls, epoch: int, private: rsa.RSAPrivateKey) -> "Issuer":
        return cls(IssuerKey.read(epoch, _der(private.public_key())), private)

    def secret(self) -> bytes:
        """PKCS #8, unencrypted: for a file that only the hub may read."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, blinded: bytes) -> bytes:
        """Signs what a client has blinded. How many, the caller counts. Raises TokenError."""
        try:
            return blind_rsa.sign(self.private, blinded)
        except BlindError as error:
            raise TokenError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `prefix` and `nonce` are random, `signature` is the hub's."""

    epoch: int
    key_id: bytes
    prefix: bytes
    nonce: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The bytes of the token: the day in four, then its parts one after the other."""
        return self.epoch.to_bytes(4, "big") + self.key_id + self.prefix + self.nonce + self.signature

    @classmethod
    def decode(cls, data: bytes) -> "Token":
        """Raises TokenError."""
        size = len(data) - _HEAD
        if not blind_rsa.MIN_BITS <= 8 * size <= blind_rsa.MAX_BITS:
            raise TokenError("A token is not as long as this.")
        parts = (data[4:36], data[36:68], data[68:_HEAD], data[_HEAD:])
        return cls(int.from_bytes(data[:4], "big"), *parts)


@dataclass(frozen=True, slots=True)
class Order:
    """A token that is still to be signed: `sent` goes to the hub."""

    key: IssuerKey
    nonce: bytes = field(repr=False)
    blinded: Blinded = field(repr=False)

    @classmethod
    def new(cls, key: IssuerKey, *, random: Random = secrets.token_bytes) -> "Order":
        """Raises TokenError."""
        nonce = random(NONCE_SIZE)
        try:
            prepared = blind_rsa.prepare(_message(key.id, nonce), random=random)
            return cls(key, nonce, blind_rsa.blind(key.public, prepared, random=random))
        except BlindError as error:
            raise TokenError(str(error)) from None

    @property
    def sent(self) -> bytes:
        return self.blinded.sent

    def finish(self, answer: bytes) -> Token:
        """The token from the hub's answer. Raises TokenError where the hub signed something else, or with another key."""
        try:
            signature = blind_rsa.finalize(self.key.public, self.blinded, answer)
        except BlindError as error:
            raise TokenError(f"The hub did not sign this token: {error}") from None
        prefix = self.blinded.prepared[: blind_rsa.PREFIX_SIZE]
        return Token(self.key.epoch, self.key.id, prefix, self.nonce, signature)


def check(token: Token, key: IssuerKey) -> None:
    """Whether a token is signed with a key. Raises TokenError."""
    if (token.epoch, token.key_id) != (key.epoch, key.id):
        raise TokenError("The token is of another hub or another day.")
    try:
        blind_rsa.verify(key.public, token.prefix + _message(key.id, token.nonce), token.signature)
    except BlindError as error:
        raise TokenError(f"The token is not the hub's: {error}") from None


class SpentTokens:
    """The tokens of the days that still count, each of which is taken once. In memory; no clock of its own. What has been spent
    has to be kept by whoever restarts: `dump` and `load`."""

    def __init__(self) -> None:
        self._days: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._days.values()))

    def spend(self, token: Token, key: IssuerKey, now_ms: int) -> None:
        """Takes a token, once. Raises TokenError, and then has taken nothing."""
        today = epoch_at(now_ms)
        if not today - GRACE_EPOCHS <= token.epoch <= today:
            raise TokenError("The token is not of today or yesterday: ask for new ones.")
        check(token, key)
        self._forget(today)
        day = self._days.setdefault(token.epoch, set())
        if token.nonce in day:
            raise TokenError("The token has been used before.")
        day.add(token.nonce)

    def dump(self) -> dict[int, tuple[bytes, ...]]:
        """The nonces by their days."""
        return {epoch: tuple(sorted(day)) for epoch, day in self._days.items()}

    @classmethod
    def load(cls, days: dict[int, tuple[bytes, ...]]) -> "SpentTokens":
        """What `dump` gave."""
        found = cls()
        found._days = {epoch: set(day) for epoch, day in days.items()}
        return found

    def _forget(self, today: int) -> None:
        for epoch in [one for one in self._days if one < today - GRACE_EPOCHS]:
            del self._days[epoch]


def _message(key_id: bytes, nonce: bytes) -> bytes:
    return _LABEL + key_id + nonce


def _der(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
