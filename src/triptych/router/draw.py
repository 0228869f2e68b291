"""Draws that anybody can repeat: weighted rendezvous hashing in whole numbers.

Each endpoint's share of chance is U = (x + 1) / 2^64, where x is the first 64 bits, most significant first, of
SHA-256("triptych-draw/1\\n" policy_id "\\n" nonce "\\n" endpoint) in UTF-8. The endpoint with the least -log2(U) / weight
comes first, the next least second and so on: the first place falls to each in proportion to its weight, and taking one
endpoint away changes nothing in the order of the others (the "exponential race", Efraimidis and Spirakis 2006).

The logarithm is computed by repeated squaring with 64-bit fixed point, so every language with big integers gets the
same bits.

The taste of an endpoint is drawn from a bell curve: z, in thousandths of a standard deviation, is
(S - 6·65535)·1000 / 65535 rounded down, where S is the sum of the first twelve 16-bit words, most significant byte
first, of SHA-256("triptych-taste/1\\n" policy_id "\\n" nonce "\\n" endpoint) in UTF-8. A sum of twelve uniform numbers is
nearly normal (Irwin and Hall, 1927) and never more than six standard deviations from its mean.
"""

import hashlib

FRACTION_BITS = 32
HASH_BITS = 64
_ONE = 1 << (HASH_BITS - 1)
_WORDS, _WORD = 12, 0xFFFF
SHIFT = 64  # how far a cost is scaled up before it is divided by its weight


def chance(policy_id: str, nonce: str, endpoint: str) -> int:
    """x: a whole number below 2^64 that is as good as random and the same for everybody."""
    text = f"triptych-draw/1\n{policy_id}\n{nonce}\n{endpoint}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def deviate(policy_id: str, nonce: str, endpoint: str) -> int:
    """z: a normal deviate in thousandths, from -6000 to 6000, the same for everybody."""
    spread = hashlib.sha256(f"triptych-taste/1\n{policy_id}\n{nonce}\n{endpoint}".encode()).digest()
    total = sum(int.from_bytes(spread[at : at + 2]) for at in range(0, 2 * _WORDS, 2))
    return (total - _WORDS // 2 * _WORD) * 1000 // _WORD


def log2_fixed(value: int) -> int:
    """log2 of 1..2^64, times 2^32, rounded down: the whole part is the length in bits, and each further bit of the
    fraction says whether the square of what is left reaches 2."""
    whole = value.bit_length() - 1
    rest = value << (HASH_BITS - 1 - whole) if whole < HASH_BITS else value >> 1
    result = whole
    for _ in range(FRACTION_BITS):
        rest = rest * rest >> (HASH_BITS - 1)
        result <<= 1
        if rest >= _ONE << 1:
            result |= 1
            rest >>= 1
    return result


def race(draw: int, weight: int) -> int:
    """The time at which an endpoint with this chance and weight (at least 1) comes in; the earliest is first."""
    cost = (HASH_BITS << FRACTION_BITS) - log2_fixed(draw + 1)
    return (cost << SHIFT) // weight
