"""Calls to an application of this process, without a socket: the way of a node to the hub beside it.

What goes elsewhere takes the ordinary way. So the door that others come in by needs none of the calls that are for nodes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Scope

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import (
    MAX_ANSWER,
    MAX_IMAGE,
    AnswerLostError,
    EncodedBody,
    MadeBody,
    PieceTransport,
    Transport,
)
from triptych.spec.clock import Clock
from triptych.spec.errors import HostileContentError, NotSentError


@dataclass(slots=True)
class _Call:
    """One exchange with an application: what it is asked, and what it has said so far. `said` ends with nothing."""

    body: AsyncIterator[bytes]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    said: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    asked: bool = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self.receive, self.send)
        finally:
            self.said.put_nowait(None)

    async def receive(self) -> Message:
        if self.asked:
            await asyncio.Event().wait()  # whoever asks stays until the answer is there, or is cancelled
        async for part in self.body:
            return {"type": "http.request", "body": part, "more_body": True}
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
            self.said.put_nowait(b"")
        elif message["type"] == "http.response.body" and (part := message.get("body", b"")):
            self.said.put_nowait(part)


class Inside:
    """A `Transport` and `PieceTransport` by which `origin` is `app`, and everything else is reached by `outside`."""

    def __init__(self, origin: str, app: ASGIApp, outside: Transport, clock: Clock) -> None:
        self._origin, self._app, self._outside, self._clock = origin, app, outside, clock

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        """See `Transport.encode`."""
        return await self._outside.encode(request)

    async def send(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:  # fmt: skip
        """See `Transport.send`."""
        if not request.url.startswith(f"{self._origin}/"):
            return await self._outside.send(
                request, deadline=deadline, allow_private=allow_private, max_bytes=max_bytes, body=body
            )
        encoded = body or await self._outside.encode(request)
        async with aclosing(self._exchange(request, encoded, deadline, deadline, max_bytes)) as found:
            return await _whole(request, found)

    async def pieces(
        self, request: HttpRequest, *, deadline: float, idle_s: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | MadeBody | None = None,
    ) -> AsyncGenerator[HttpResponse | StreamHead | bytes, None]:  # fmt: skip
        """See `PieceTransport.pieces`."""
        if request.url.startswith(f"{self._origin}/"):
            found = self._exchange(request, body, deadline, idle_s, max_bytes)
        elif isinstance(self._outside, PieceTransport):
            found = self._outside.pieces(
                request, deadline=deadline, idle_s=idle_s, allow_private=allow_private, max_bytes=max_bytes, body=body
            )
        else:
            raise NotSentError(f"{request.url} cannot be asked for an answer in pieces.")
        async with aclosing(found):
            async for one in found:
                if isinstance(one, StreamHead) and one.status != 200:
                    yield await _whole(request, found, one)
                    return
                yield one

    async def _exchange(
        self, request: HttpRequest, body: EncodedBody | MadeBody | None, deadline: float, idle_s: float, most: int
    ) -> AsyncGenerator[HttpResponse | StreamHead | bytes, None]:
        """The head and then the bytes of an answer of the application, as they come."""
        call = _Call(_parts(body))
        running = asyncio.create_task(call.run(self._app, _scope(request, body)))
        size, until = 0, deadline
        try:
            while (part := await self._next(call, until)) is not None:
                size += len(part)
                if size > most:
                    raise HostileContentError(f"The answer has more than {most} bytes.")
                yield part or StreamHead(status=call.status, headers=call.headers)
                until = min(deadline, self._clock.monotonic() + idle_s)
            await running
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _next(self, call: _Call, until: float) -> bytes | None:
        try:
            async with asyncio.timeout(max(0, until - self._clock.monotonic())):
                return await call.said.get()
        except TimeoutError:
            raise AnswerLostError(f"{self._origin} did not answer in time.") from None

    def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        """See `Transport.stream`."""
        return self._outside.stream(request, deadline=deadline, allow_private=allow_private, body=body)

    async def fetch_image(
        self, url: str, *, deadline: float, headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None, max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:  # fmt: skip
        """See `Transport.fetch_image`."""
        return await self._outside.fetch_image(url, deadline=deadline, headers=headers,
                                               allow_private_origin=allow_private_origin, max_bytes=max_bytes)  # fmt: skip


async def _parts(body: EncodedBody | MadeBody | None) -> AsyncIterator[bytes]:
    if isinstance(body, MadeBody):
        async for piece in body.pieces:
            yield piece
    elif body is not None:
        yield body.data


async def _whole(
    request: HttpRequest, found: AsyncIterator[HttpResponse | StreamHead | bytes], head: StreamHead | None = None
) -> HttpResponse:
    """What is left of an answer, read to its end."""
    data: list[bytes] = []
    async for one in found:
        if isinstance(one, HttpResponse):
            return one
        if isinstance(one, StreamHead):
            head = one
        else:
            data.append(one)
    if head is None:
        raise AnswerLostError(f"{request.url} did not answer.")
    return HttpResponse(status=head.status, headers=head.headers, body=b"".join(data), url=request.url)


def _scope(request: HttpRequest, body: EncodedBody | MadeBody | None) -> Scope:
    found = urlsplit(request.url)
    headers = {"host": found.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    if body is not None:
        if isinstance(body, EncodedBody):
            headers["content-length"] = str(len(body.data))
        if body.media_type:
            headers["content-type"] = body.media_type
    port = 0
    with suppress(ValueError):
        port = found.port or 0
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": request.method, "scheme": found.scheme,
        "path": found.path, "raw_path": found.path.encode(), "query_string": found.query.encode(), "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 0), "server": (found.hostname, port),
    }  # fmt: skip
