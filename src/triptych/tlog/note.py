"""Signed notes (C2SP signed-note) and the timestamped cosignatures of witnesses (C2SP tlog-cosignature, `cosignature/v1`).

A note is text, an empty line, and signature lines `— <key name> <base64(key id || signature)>`. A key is known by its name
and its id together; signatures of other keys are ignored, a known key's signature that does not verify spoils the note.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from triptych.tlog.errors import NoteError
from triptych.tlog.text import MAX_NUMBER, decode64, encode64

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
_DASH = "— "
_MAX_NOTE = 1_000_000  # bytes
_MAX_SIGNATURES = 100
_SIGNATURE_SIZE = {ED25519: 64, COSIGNATURE_V1: 8 + 64}


def check_name(name: str) -> str:
    """The name, if it can name a key: not empty, no space of any kind, no plus, no control character."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteError("malformed", f"{name!r} cannot name a key: it is empty or has a space, plus or control sign.")
    return name


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. `raw` is what follows the four bytes of the key id."""

    name: str
    key_id: bytes
    raw: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {encode64(self.key_id + self.raw)}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key by name. `algorithm` is ED25519 for logs and COSIGNATURE_V1 for witnesses."""

    name: str
    algorithm: int
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.algorithm not in _SIGNATURE_SIZE or len(self.public) != 32:
            raise NoteError("malformed", f"The key of {self.name} is not an Ed25519 key of type 0x01 or 0x04.")

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Reads `<name>+<hex id>+<base64(type || key)>` (signed-note, verifier keys). Raises NoteError."""
        parts = vkey.split("+", 2)
        data = decode64(parts[2]) if len(parts) == 3 else None
        if not data:
            raise NoteError("malformed", "A verifier key is <name>+<8 hex digits>+<base64 of type and key>.")
        key = cls(parts[0], data[0], data[1:])
        if parts[1] != key.key_id.hex():
            raise NoteError("malformed", f"The key id of {key.name} is {key.key_id.hex()}, not {parts[1][:16]}.")
        return key

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || type || key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode64(bytes([self.algorithm]) + self.public)}"

    def verify(self, text: str, signature: Signature) -> int | None:
        """The time a cosignature was made in seconds since 1970, None for a plain signature. Raises NoteError."""
        raw, time = signature.raw, None
        wrong = NoteError("bad_signature", f"The signature of {self.name} does not belong to this text.")
        if len(raw) != _SIGNATURE_SIZE[self.algorithm]:
            raise wrong
        if self.algorithm == COSIGNATURE_V1:
            time, raw = int.from_bytes(raw[:8], "big"), raw[8:]
            if time > MAX_NUMBER:
                raise wrong
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(raw, _message(text, time))
        except InvalidSignature:
            raise wrong from None
        return time


def _message(text: str, time: int | None) -> bytes:
    """What is signed: the text itself, or with its header and time (tlog-cosignature, Ed25519 signed message)."""
    return text.encode() if time is None else f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key by name. One Ed25519 key serves one name and one algorithm only."""

    key: VerifierKey
    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, algorithm: int = ED25519) -> "Signer":
        """A signer from the 32 secret bytes of an Ed25519 key (RFC 8032 section 5.1.5). Raises NoteError."""
        if len(seed) != 32:
            raise NoteError("malformed", f"The secret of {name} is not 32 bytes long.")
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(VerifierKey(name, algorithm, private.public_key().public_bytes_raw()), private)

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> "Signer":
        return cls.from_seed(name, Ed25519PrivateKey.generate().private_bytes_raw(), algorithm)

    @classmethod
    def parse(cls, skey: str) -> "Signer":
        """Reads `PRIVATE+KEY+<name>+<hex id>+<base64(type || seed)>`, as Go's sumdb/note spells it. Raises NoteError."""
        parts = skey.split("+", 4)
        data = decode64(parts[4]) if len(parts) == 5 and parts[:2] == ["PRIVATE", "KEY"] else None
        if not data:
            raise NoteError("malformed", "A signer key is PRIVATE+KEY+<name>+<8 hex digits>+<base64 of type and seed>.")
        signer = cls.from_seed(parts[2], data[1:], data[0])
        if parts[3] != signer.key.key_id.hex():
            raise NoteError("malformed", f"The key id of the signer key {signer.key.name} is another one.")
        return signer

    def secret(self) -> str:
        """The private key as `parse` reads it. To be kept in a file that only its user may read."""
        data = bytes([self.key.algorithm]) + self._private.private_bytes_raw()
        return f"PRIVATE+KEY+{self.key.name}+{self.key.key_id.hex()}+{encode64(data)}"

    def sign(self, text: str, time: int | None = None) -> Signature:
        """Signs a note's text. `time`, in seconds since 1970, is for cosignatures, and only for them."""
        if (time is None) != (self.key.algorithm == ED25519):
            raise NoteError("malformed", f"{self.key.name} signs {'with' if time is None else 'without'} a time.")
        signed = self._private.sign(_message(text, time))
        return Signature(self.key.name, self.key.key_id, signed if time is None else time.to_bytes(8, "big") + signed)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was verified. `time` is that of a cosignature, in seconds since 1970."""

    key: VerifierKey
    time: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """Text and its signature lines. Nothing in it is to be believed before `verified` has said so."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Takes a note apart (signed-note, format). Raises NoteError."""
        if len(data) > _MAX_NOTE:
            raise NoteError("too_large", f"The note is longer than {_MAX_NOTE} bytes.")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("malformed", "The note is not UTF-8 text.") from None
        if any(c < " " and c != "\n" for c in whole):
            raise NoteError("malformed", "The note has control characters in it.")
        text, separator, lines = whole.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise NoteError(
                "malformed", "The note has no empty line before its signatures, or does not end its last line."
            )
        return cls(text + "\n", parse_signatures(lines))

    @classmethod
    def signed(cls, text: str, *signers: Signer) -> "Note":
        """A new note. The text must end with a newline and have only printable characters."""
        note = cls(text, tuple(s.sign(text) for s in signers))
        if not text.endswith("\n") or cls.parse(note.encode()) != note:
            raise NoteError("malformed", "This text cannot be signed as a note: it must be lines of printable text.")
        return note

    def encode(self) -> bytes:
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()

    def verified(self, keys: Iterable[VerifierKey]) -> tuple[Signed, ...]:
        """The signatures of `keys`, each key once. Raises NoteError when there is none or one is wrong."""
        known = {(key.name, key.key_id): key for key in keys}
        found: dict[VerifierKey, Signed] = {}
        for signature in self.signatures:
            if key := known.get((signature.name, signature.key_id)):
                found.setdefault(key, Signed(key, key.verify(self.text, signature)))
        if not found:
            raise NoteError("unsigned", "The note is not signed by any of the trusted keys.")
        return tuple(found.values())


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Reads signature lines, as a witness answers them. Raises NoteError."""
    found = lines.split("\n")
    if found.pop() or not 0 < len(found) <= _MAX_SIGNATURES:
        raise NoteError("malformed", f"Signatures are 1 to {_MAX_SIGNATURES} whole lines.")
    return tuple(_signature(line) for line in found)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = decode64(encoded)
    if not line.startswith(_DASH) or data is None or len(data) < 5:
        raise NoteError("malformed", "A signature line is an em dash, a key name and base64 of at least five bytes.")
    return Signature(check_name(name), data[:4], data[4:])
