"""The two spellings all C2SP formats share: canonical base64 and plain decimals. One value has one spelling."""

import base64
import binascii
import re

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
MAX_NUMBER = (1 << 63) - 1


def encode64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def decode64(text: str) -> bytes | None:
    """What `text` spells, or None. Only the one canonical spelling is taken: stray bits at the end would let a text be
    changed without changing what it says."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return data if encode64(data) == text else None


def decimal(text: str) -> int | None:
    """The number below 2^63 that `text` spells in ASCII digits without leading zeroes, or None."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = int(text)
    return number if number <= MAX_NUMBER else None
