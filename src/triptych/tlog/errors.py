"""What is wrong with a proof, a note or a log, in one word a program can compare and one sentence a person can read.

TlogError                 nothing below is to be believed; `reason` is one of REASONS
├── NoteError             a signed note or key that is malformed, or not signed by a trusted key
├── CheckpointError       a checkpoint that is malformed, or that contradicts another
├── ProofError            an inclusion or consistency proof that does not hold
├── TileError             a tile or entry bundle that is not what the checkpoint commits to
└── TrustError            a trust policy that cannot be read, or that the signatures do not satisfy
"""

from typing import Final

REASONS: Final = frozenset({
    "malformed",         # the text is not in its format
    "unsigned",          # no signature of a trusted key
    "bad_signature",     # a trusted key's signature does not verify
    "unknown_log",       # signed, but by no log of the policy
    "quorum",            # too few cosignatures of witnesses
    "not_included",      # the proof does not lead from the entry to the root
    "inconsistent",      # one tree is no extension of the other
    "rollback",          # the log shows a smaller tree than before
    "out_of_range",      # no such index or size in this tree
    "pending",           # sequenced, but under no checkpoint yet
    "missing",           # a file of the log is not there
    "wrong_tile",        # a file of the log is not what the checkpoint commits to
    "too_large",         # an entry, note or proof over its limit
    "policy",            # the trust policy cannot be read
})  # fmt: skip


class TlogError(Exception):
    """Something of a transparency log is not to be believed. `reason` is one of REASONS; the text says more."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoteError(TlogError):
    """A signed note or a key (C2SP signed-note)."""


class CheckpointError(TlogError):
    """A tree head (C2SP tlog-checkpoint)."""


class ProofError(TlogError):
    """A Merkle proof (RFC 6962 section 2.1) or its text (C2SP tlog-proof)."""


class TileError(TlogError):
    """A file of a log (C2SP tlog-tiles)."""


class TrustError(TlogError):
    """Who is trusted (C2SP tlog-policy)."""
