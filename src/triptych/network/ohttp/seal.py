"""Sealing a request to a node's key, and the answer to whoever asked (RFC 9458 section 4, January 2024).

The client seals a request and keeps what opens its answer; the node opens the request and gets what seals the answer. Nothing is
kept besides, so that neither can be used for another message. Where the messages come in pieces, see `chunks`.
"""

import secrets
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey, KEMKeyPair, OpenError
from pyhpke.context_interface import ContextInterface

from triptych.network.ohttp.errors import SealError
from triptych.network.ohttp.keys import CHACHA20_POLY1305, ENC_SIZE, KeyConfig, NodeKey, Suite, pick

REQUEST_TYPE = "message/ohttp-req"
RESPONSE_TYPE = "message/ohttp-res"
TAG_SIZE = 16  # bytes that an AEAD adds
NONCE_SIZE = 12  # of all three AEADs (RFC 9180 section 7.3)
HEADER_SIZE = 7 + ENC_SIZE
REQUEST_OVERHEAD = HEADER_SIZE + TAG_SIZE  # bytes that sealing adds to a request
RESPONSE_OVERHEAD = 32 + TAG_SIZE  # the most that sealing adds to an answer
_KEY_SIZE = {1: 16, 2: 32, CHACHA20_POLY1305: 32}
_REQUEST, _RESPONSE = b"message/bhttp request", b"message/bhttp response"
_HEADER = struct.Struct(">BHHH")

Random = Callable[[int], bytes]
"""Gives that many random bytes. Other than the system's own only in tests."""


def seal_request(
    configs: Iterable[KeyConfig], request: bytes, *, random: Random = secrets.token_bytes
) -> tuple[bytes, "Answer"]:
    """A request sealed to the first key that can be used (RFC 9458 section 4.3), and what opens its answer. Raises
    KeysError, SealError."""
    context = send(configs, _REQUEST, random)
    return context.header + context.hpke.seal(request), Answer(context)


def open_request(keys: Iterable[NodeKey], data: bytes) -> tuple[bytes, "Reply"]:
    """The request that was sealed to one of these keys, and what seals its answer (RFC 9458 section 4.3). Raises SealError."""
    context = receive(keys, data[:HEADER_SIZE], _REQUEST)
    return unseal(context.hpke, data[HEADER_SIZE:], b""), Reply(context)


@dataclass(frozen=True, slots=True)
class Context:
    """What both sides share after the header of a request: the HPKE context, and what was in the header."""

    header: bytes
    suite: Suite
    hpke: ContextInterface = field(repr=False)

    @property
    def enc(self) -> bytes:
        """The encapsulated key: as good as random, and another one for each request."""
        return self.header[-ENC_SIZE:]

    @property
    def entropy(self) -> int:
        """Length of the random part of an answer: the larger of the AEAD's nonce and key (RFC 9458 section 4.2)."""
        return max(NONCE_SIZE, _KEY_SIZE[self.suite.aead])

    def answer_key(self, label: bytes, nonce: bytes) -> "AnswerKey":
        """What an answer is sealed with (RFC 9458 section 4.4)."""
        kdf = _suite(self.suite).kdf
        prk = kdf.extract(self.enc + nonce, self.hpke.export(label, self.entropy))
        key = kdf.expand(prk, b"key", _KEY_SIZE[self.suite.aead])
        aead = ChaCha20Poly1305(key) if self.suite.aead == CHACHA20_POLY1305 else AESGCM(key)
        return AnswerKey(aead, kdf.expand(prk, b"nonce", NONCE_SIZE))


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """An AEAD with its key, and the nonce of the first piece."""

    aead: AESGCM | ChaCha20Poly1305 = field(repr=False)
    nonce: bytes = field(repr=False)

    def seal(self, count: int, data: bytes, aad: bytes = b"") -> bytes:
        return self.aead.encrypt(self._nonce(count), data, aad)

    def open(self, count: int, data: bytes, aad: bytes = b"") -> bytes:
        """Raises SealError."""
        try:
            return self.aead.decrypt(self._nonce(count), data, aad)
        except InvalidTag:
            raise SealError("not_opened", "The answer is not from the node that was asked, or was changed.") from None

    def _nonce(self, count: int) -> bytes:
        """The nonce of piece number `count`, from 0 (draft-ietf-ohai-chunked-ohttp-06 section 6.2)."""
        return (int.from_bytes(self.nonce, "big") ^ count).to_bytes(NONCE_SIZE, "big")


@dataclass(frozen=True, slots=True)
class Answer:
    """The client's side: opens the answer to one request."""

    context: Context

    def open(self, data: bytes) -> bytes:
        """The answer in the clear (RFC 9458 section 4.4). Raises SealError."""
        size = self.context.entropy
        if len(data) < size + TAG_SIZE:
            raise SealError("truncated", "The sealed answer ends too early.")
        return self.context.answer_key(_RESPONSE, data[:size]).open(0, data[size:])


@dataclass(frozen=True, slots=True)
class Reply:
    """The node's side: seals answers to one request. Each is sealed under a nonce of its own, so that one request may be
    answered again."""

    context: Context

    def seal(self, response: bytes, *, random: Random = secrets.token_bytes) -> bytes:
        """The answer, sealed (RFC 9458 section 4.4)."""
        nonce = random(self.context.entropy)
        return nonce + self.context.answer_key(_RESPONSE, nonce).seal(0, response)


def send(configs: Iterable[KeyConfig], label: bytes, random: Random) -> Context:
    """The sending side of a new context. Raises KeysError, SealError."""
    config, suite = pick(tuple(configs))
    header = _HEADER.pack(config.key_id, config.kem, suite.kdf, suite.aead)
    hpke = _suite(suite)
    try:
        private = hpke.kem.deserialize_private_key(random(32))
        pair = KEMKeyPair(private, KEMKey.from_pyca_cryptography_key(private.raw.public_key()))
        public = hpke.kem.deserialize_public_key(config.public)
        enc, context = hpke.create_sender_context(public, label + b"\0" + header, eks=pair)
    except ValueError:  # a point of small order (RFC 9180 section 7.1.4)
        raise SealError("malformed", "The key of the node is no key that anything can be sealed to.") from None
    return Context(header + enc, suite, context)


def receive(keys: Iterable[NodeKey], header: bytes, label: bytes) -> Context:
    """The receiving side of a context, from the header of a request. Raises SealError."""
    if len(header) < HEADER_SIZE:
        raise SealError("truncated", "The sealed request ends in its header.")
    key_id, kem, kdf, aead = _HEADER.unpack_from(header)
    key = next((one for one in keys if (one.config.key_id, one.config.kem) == (key_id, kem)), None)
    if key is None:
        raise SealError("unknown_key", f"The request is sealed to key {key_id}, which is not in use here.")
    suite = Suite(kdf, aead)
    if suite not in key.config.suites or not suite.known:
        raise SealError("unsupported", f"Key {key_id} is not offered with KDF {kdf} and AEAD {aead}.")
    hpke = _suite(suite)
    try:
        private = hpke.kem.deserialize_private_key(key.private)
        context = hpke.create_recipient_context(header[7:], private, label + b"\0" + header[:7])
    except ValueError:
        raise SealError("malformed", "The request has a key in it that is none.") from None
    return Context(header, suite, context)


def unseal(context: ContextInterface, data: bytes, aad: bytes) -> bytes:
    """The next piece of a request in the clear. Raises SealError."""
    try:
        return context.open(data, aad)
    except OpenError:
        raise SealError("not_opened", "The request is sealed to another key, or was changed on the way.") from None


@lru_cache
def _suite(suite: Suite) -> CipherSuite:
    return CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId(suite.kdf), AEADId(suite.aead))
