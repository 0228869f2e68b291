"""One way to write a value as bytes (RFC 8785, JSON Canonicalization Scheme), so that its hash is its name.

Whatever goes through here is made of objects with ASCII names, strings, integers, booleans and null. For those, sorted
names without spaces are all that RFC 8785 asks for, and msgspec writes them so; a test compares with the `rfc8785`
package. What holds a number with a fraction goes through that package itself.
"""

import hashlib
from typing import Any

import msgspec
import rfc8785

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value without fractions, or of a dataclass of such values."""
    return _encoder.encode(value)


def canonical_with_fractions(value: Any) -> bytes:
    """The canonical bytes of any JSON value. Slower."""
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()
