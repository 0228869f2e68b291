"""Identifiers that sort by the time they were made (as UUIDv7 does, RFC 9562 section 5.7), short enough to read out."""

import secrets
from collections import deque

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_DRAW = 128  # at a time: each call of the system gives other threads a turn, and has to wait for its own again
_drawn: deque[int] = deque()


def _encode(value: int) -> str:
    """Nine characters, 45 bits."""
    return (
        f"{_ALPHABET[value >> 40 & 31]}{_PAIRS[value >> 30 & 1023]}{_PAIRS[value >> 20 & 1023]}"
        f"{_PAIRS[value >> 10 & 1023]}{_PAIRS[value & 1023]}"
    )


def _random() -> int:
    """Bits of the system's own randomness, each used once."""
    while True:
        try:
            return _drawn.popleft()
        except IndexError:
            fresh = secrets.token_bytes(6 * _DRAW)
            _drawn.extend(int.from_bytes(fresh[at : at + 6], "big") for at in range(0, len(fresh), 6))


def new_id(kind: str, now_ms: int) -> str:
    """`kind_` + 9 characters of time + 9 of randomness (45 bits), e.g. `run_1jd2v3k8m4q7…`."""
    return f"{kind}_{_encode(now_ms)}{_encode(_random())}"


def id_beside(kind: str, other: str) -> str:
    """As `new_id`, with the time of another id: it does not tell when it was made, nor after what."""
    return f"{kind}_{other.partition('_')[2][:9]}{_encode(_random())}"
