"""Proof of work on a node's first card: seconds to make, milliseconds to check, so that ten thousand nodes cost a core a working day.

A stamp is a number for which scrypt (RFC 7914) over it, the node's id and the time begins with enough zero bits. scrypt takes one
megabyte for each try, because those who have graphics cards by the dozen try plain hashes by the billion. It is bound to an
hour of making, so that stamps cannot be laid in store.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

BITS = 10  # of a first card: 1,024 tries on average
MAX_BITS = 24  # more is a mistake
FRESH_MS = 3_600_000  # how old a stamp may be
SKEW_MS = 60_000  # how far a clock may be ahead
_MOST = 2**53 - 1  # what every JSON reader takes as a whole number
_COST, _BLOCK = 1024, 8  # scrypt's N and r: 128 * N * r = 1 MiB

Reason = Literal["malformed", "too_easy", "old", "early"]


class StampError(Exception):
    """A stamp that does not count. `reason` says why in one word."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stamp:
    """`made_ms` is when the work began, in milliseconds since 1970; `counter` is what was found."""

    made_ms: int
    counter: int


def make(subject: str, made_ms: int, bits: int = BITS, *, start: int = 0, tries: int | None = None) -> Stamp | None:
    """A stamp for a subject, such as a node's id; None where it is not among so many tries from `start` on, so that the work
    can be done in parts. Raises StampError for numbers that make no stamp."""
    _check_shape(made_ms, start, bits)
    end = _MOST if tries is None else start + tries
    for counter in range(start, end):
        if zeros(work(subject, Stamp(made_ms, counter))) >= bits:
            return Stamp(made_ms, counter)
    return None


def check(stamp: Stamp, subject: str, now_ms: int, bits: int = BITS) -> None:
    """Whether a stamp counts for a subject now: one try of scrypt, and none for a stamp that is old. Raises StampError."""
    check_form(stamp, now_ms, bits)
    check_work(stamp, subject, bits)


def check_form(stamp: Stamp, now_ms: int, bits: int = BITS) -> None:
    """What can be seen of a stamp without work: its numbers and its time. Raises StampError."""
    _check_shape(stamp.made_ms, stamp.counter, bits)
    if stamp.made_ms > now_ms + SKEW_MS:
        raise StampError("early", "The stamp is from the future: set the clock.")
    if now_ms > stamp.made_ms + FRESH_MS:
        raise StampError("old", "The stamp is more than an hour old: make a new one.")


def check_work(stamp: Stamp, subject: str, bits: int = BITS) -> None:
    """Whether the work was done, by one try of scrypt: some milliseconds. Raises StampError."""
    if (found := zeros(work(subject, stamp))) < bits:
        raise StampError("too_easy", f"The stamp has {found} zero bits; {bits} are asked for.")


def work(subject: str, stamp: Stamp) -> bytes:
    """32 bytes that nobody can steer."""
    salt = stamp.made_ms.to_bytes(8, "big") + stamp.counter.to_bytes(8, "big")
    return hashlib.scrypt(b"triptych-stamp/1\0" + subject.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)


def zeros(data: bytes) -> int:
    """How many zero bits bytes begin with."""
    return 8 * len(data) - int.from_bytes(data, "big").bit_length()


def _check_shape(made_ms: int, counter: int, bits: int) -> None:
    if not (0 <= made_ms <= _MOST and 0 <= counter <= _MOST and 1 <= bits <= MAX_BITS):
        raise StampError("malformed", f"A stamp is two whole numbers from 0 on, and has 1 to {MAX_BITS} zero bits.")
