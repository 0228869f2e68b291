"""Self-contained proofs that a log has an entry (C2SP tlog-proof), to be checked offline."""

from collections.abc import Sequence
from dataclasses import dataclass

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import ProofError
from triptych.tlog.merkle import HASH_SIZE, check_inclusion, leaf_hash
from triptych.tlog.note import Note, Signed, VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.text import decimal, decode64, encode64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
_MAX_PROOF = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What a proof file says. `extra` is carried along and vouched for by nobody."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        extra = "" if self.extra is None else f"extra {encode64(self.extra)}\n"
        return f"{HEADER}\n{extra}index {self.index}\n{hash_lines(self.hashes)}\n".encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """Takes a proof file apart. Raises ProofError. The checkpoint in it is not looked at."""
        if len(data) > _MAX_PROOF:
            raise ProofError("too_large", f"The proof is longer than {_MAX_PROOF} bytes.")
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise ProofError("malformed", "The first part of a proof is ASCII text.") from None
        if lines[0] != HEADER or not separator:
            raise ProofError("malformed", f"This is no proof: it does not begin with {HEADER}.")
        extra = None
        if len(lines) > 1 and lines[1].startswith("extra "):
            extra = decode64(lines.pop(1).removeprefix("extra "))
            if extra is None:
                raise ProofError("malformed", "The extra data of the proof is not base64.")
        index = decimal(lines[1].removeprefix("index ")) if len(lines) > 1 and lines[1].startswith("index ") else None
        if index is None:
            raise ProofError("malformed", "The proof does not say its index as a plain decimal.")
        return cls(index, read_hashes(lines[2:]), checkpoint, extra)


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """What a proof has proved: that the log signed a tree with the entry at `index`, and who cosigned that tree."""

    index: int
    leaf_hash: bytes
    checkpoint: Checkpoint
    log: VerifierKey
    cosigned: tuple[Signed, ...]
    ignored: int
    """Signature lines of keys the policy does not know: nothing was checked about them."""


def verify_proof(proof: bytes, leaf: bytes, policy: TrustPolicy) -> VerifiedProof:
    """Checks that a log of `policy` has the entry `leaf`, under a checkpoint that the policy accepts.

    Needs no network and no clock. Raises TlogError; its `reason` and text say what does not hold.
    """
    parsed = TlogProof.parse(proof)
    trusted = policy.check(parsed.checkpoint)
    hashed = leaf_hash(leaf)
    check_inclusion(hashed, parsed.index, trusted.checkpoint.size, parsed.hashes, trusted.checkpoint.root)
    known = {(k.name, k.key_id) for k in (*policy.logs, *policy.witnesses.values())}
    ignored = sum((s.name, s.key_id) not in known for s in Note.parse(parsed.checkpoint).signatures)
    return VerifiedProof(parsed.index, hashed, trusted.checkpoint, trusted.log, trusted.cosigned, ignored)


def hash_lines(hashes: Sequence[bytes]) -> str:
    """One hash a line, in base64."""
    return "".join(f"{encode64(h)}\n" for h in hashes)


def read_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Reads at most 63 lines of `hash_lines`. Raises ProofError."""
    if len(lines) > MAX_HASHES:
        raise ProofError("malformed", f"No proof has more than {MAX_HASHES} hashes.")
    hashes = [decode64(line) for line in lines]
    found = tuple(h for h in hashes if h is not None and len(h) == HASH_SIZE)
    if len(found) != len(hashes):
        raise ProofError("malformed", "A line of the proof is not base64 of a SHA-256 hash.")
    return found
