"""Reading what clients send, with a limit."""

import asyncio
import hashlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Message

from triptych.spec.errors import BadRequestError, TooLargeError

_HASHED_AT_ONCE = 1 << 20


def limited(request: Request, limit: int) -> Request:
    """The request with a body of at most `limit` bytes. Raises TooLargeError at once when it says that it has more;
    one that does not say raises it while it is read, before more than that was taken in."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said[:18]) > limit:
        raise _too_large(limit)
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return Request(request.scope, receive)


def _too_large(limit: int) -> TooLargeError:
    shown = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} KB"
    return TooLargeError(f"The request is larger than {shown}.", hint="Send less, or smaller pictures.", param="body")


async def whole_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises TooLargeError as `limited` does."""
    return await limited(request, limit).body()


async def sha256_of(data: bytes) -> str:
    """The hash in lower-case hex; of much data in a thread, so that nobody else waits for it."""
    if len(data) <= _HASHED_AT_ONCE:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


def json_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises BadRequestError."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(
            f"The body is not JSON: {error}.", hint="Send an object with the fields of the call.", param="body"
        ) from None
    if not isinstance(value, dict):
        raise BadRequestError("The body must be a JSON object.", param="body")
    return value
