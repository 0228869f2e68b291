"""Whole numbers of variable length (RFC 9000 section 16): 1, 2, 4 or 8 bytes, the first two bits say how many."""

MAX = 2**62 - 1
_LIMITS = ((1 << 6, 1, 0x00), (1 << 14, 2, 0x40), (1 << 30, 4, 0x80), (1 << 62, 8, 0xC0))


def encode(value: int) -> bytes:
    """The shortest spelling of a number from 0 to 2^62 - 1. Raises ValueError for any other."""
    for limit, size, mark in _LIMITS:
        if 0 <= value < limit:
            data = bytearray(value.to_bytes(size, "big"))
            data[0] |= mark
            return bytes(data)
    raise ValueError(f"{value} is not between 0 and 2^62 - 1.")


def decode(data: bytes | bytearray | memoryview, at: int) -> tuple[int, int] | None:
    """The number at a place and the place after it; None where the bytes end before it does. Longer spellings than needed
    are taken, as RFC 9000 says."""
    if at >= len(data):
        return None
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        return None
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size
