"""What is wrong with a sealed message, in one word a program can compare and one sentence a person can read.

OhttpError
├── BhttpError     bytes that are no Binary HTTP message
├── KeysError      key configurations that cannot be read, or none that is known here
├── SealError      a message that cannot be opened with these keys
└── PaddingError   a message larger than what is carried
"""

from typing import Final, Literal

Reason = Literal["malformed", "truncated", "too_large", "unknown_key", "unsupported", "not_opened", "finished"]
REASONS: Final[dict[Reason, str]] = {
    "malformed": "the bytes are not in their format",
    "truncated": "the bytes end too early",
    "too_large": "over a limit",
    "unknown_key": "sealed to a key that is not here",
    "unsupported": "an algorithm that is not offered",
    "not_opened": "sealed to somebody else, or changed on the way",
    "finished": "the last piece is through, and there is more",
}


class OhttpError(Exception):
    """Nothing of the message is to be believed. `reason` is one of REASONS; the text says more."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BhttpError(OhttpError):
    """Bytes that are no message of Binary HTTP (RFC 9292 section 4)."""


class KeysError(OhttpError):
    """Key configurations that cannot be read or used (RFC 9458 section 3)."""


class SealError(OhttpError):
    """A sealed message that cannot be opened, or a seal that cannot be used any more."""


class PaddingError(OhttpError):
    """A message that fits into none of the sizes that are carried."""
