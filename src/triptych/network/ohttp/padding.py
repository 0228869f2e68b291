"""Few sizes instead of many: what a hub can learn from the length of a sealed message is its class alone.

The zeros stand behind the message, where Binary HTTP allows them (RFC 9292 section 3.8; RFC 9458 section 6.2.3 asks for it).
The sizes count the sealed message, so that they are what is seen on the way.
"""

from triptych.network.ohttp.errors import PaddingError
from triptych.network.ohttp.seal import REQUEST_OVERHEAD, RESPONSE_OVERHEAD

REQUEST_SIZES = (2 * 1024, 64 * 1024, 1024 * 1024)  # bytes; then whole steps
REQUEST_STEP = 4 * 1024 * 1024
BLOCK = 64 * 1024  # bytes that an answer is a multiple of
MAX_REQUEST = 32 * 1024 * 1024  # bytes of a sealed request
MAX_RESPONSE = 64 * 1024 * 1024  # bytes of a sealed answer


def request_size(size: int) -> int:
    """The bytes that a sealed request of `size` bytes in the clear is carried in. Raises PaddingError over 32 MiB."""
    sealed = size + REQUEST_OVERHEAD
    found = next((one for one in REQUEST_SIZES if sealed <= one), -(-sealed // REQUEST_STEP) * REQUEST_STEP)
    return _within(found, MAX_REQUEST, "request")


def response_size(size: int) -> int:
    """The bytes that a sealed answer of `size` bytes in the clear is carried in; with AES-128-GCM it is 16 less. Raises
    PaddingError over 64 MiB."""
    return _within(-(-(size + RESPONSE_OVERHEAD) // BLOCK) * BLOCK, MAX_RESPONSE, "answer")


def pad_request(message: bytes) -> bytes:
    """A request of Binary HTTP with zeros behind it. Raises PaddingError."""
    return message.ljust(request_size(len(message)) - REQUEST_OVERHEAD, b"\0")


def pad_response(message: bytes) -> bytes:
    """An answer of Binary HTTP with zeros behind it. Raises PaddingError."""
    return message.ljust(response_size(len(message)) - RESPONSE_OVERHEAD, b"\0")


def _within(size: int, limit: int, what: str) -> int:
    if size > limit:
        raise PaddingError("too_large", f"A sealed {what} has at most {limit // 2**20} MiB.")
    return size
