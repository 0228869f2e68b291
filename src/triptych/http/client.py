"""The one HTTP client: values in, values out, on aiohttp with its own resolver in front of every connection."""

import asyncio
import errno
import io
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from socket import AF_UNSPEC, AddressFamily
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from triptych import __version__
from triptych.http.guard import check_hostile_url, is_public, not_public, origin, parse_url
from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, Step, StreamHead
from triptych.http.sse import EventParser
from triptych.http.transport import MAX_ANSWER, MAX_IMAGE, AnswerLostError, EncodedBody, MadeBody
from triptych.spec.clock import Clock
from triptych.spec.errors import AmbiguousError, HostileContentError, NotSentError, TriptychError

CONNECT_SECONDS = 15.0
FETCH_SECONDS = 120.0
MAX_REDIRECTS = 4
# A server that closes an idle connection in the moment a submit goes out leaves a request whose fate nobody knows. Most
# servers keep idle connections for 5 s or longer, so ours are let go before that.
KEEPALIVE_SECONDS = 4.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SYSTEM_WORDS = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "the connection was cut",
    errno.EHOSTUNREACH: "there is no way to it",
    errno.ENETUNREACH: "there is no way to its network",
    errno.ETIMEDOUT: "time was up",
}
_LOST = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(slots=True)
class _Call:
    """One exchange on its way: whether any byte of it may have left this machine."""

    step: Step
    host: str
    sent: bool = False

    def fault(self, error: BaseException) -> TriptychError:
        """What the caller is told."""
        why = _words(error)
        if not self.sent and (place := _refused_at(error)) is not None:
            return NotSentError(
                f"Nothing listens at {place}. Nothing was sent.",
                hint="Is the server running? Check the address, then try again.", upstream=why,
            )  # fmt: skip
        if not self.sent:
            return NotSentError(
                f"No connection to {self.host}: {why}. Nothing was sent.",
                hint="Check the network and the address, then try again.", upstream=why,
            )  # fmt: skip
        if self.step == "submit":
            return AmbiguousError(
                f"The request reached {self.host}, but no whole answer came back: {why}.",
                hint="It may have been billed. Look at the provider's own usage page before you make it again.",
                upstream=why,
            )
        return AnswerLostError(f"No whole answer from {self.host}: {why}.", upstream=why)


def _refused_at(error: BaseException) -> str | None:
    """Host and port where a connection was turned away at once."""
    refused = isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.ECONNREFUSED
    return f"{error.host}:{error.port}" if refused and isinstance(error, aiohttp.ClientConnectorError) else None


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "time was up"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid for it"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name could not be resolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _SYSTEM_WORDS.get(error.os_error.errno or 0, "the connection could not be made")
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    return "the connection was cut" if isinstance(error, aiohttp.ClientConnectionError) else "it is not valid HTTP"


class _PublicOnly(AbstractResolver):
    """Refuses a name as soon as one of its addresses is not public."""

    def __init__(self, inner: AbstractResolver, public: Callable[[str], bool]) -> None:
        self._inner = inner
        self._public = public

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(self._public(entry["host"]) for entry in found):
            raise not_public(host)
        return found

    async def close(self) -> None:
        await self._inner.close()


class HttpClient:
    """Implements `http.transport.Transport`. Make it inside a running event loop, close it when done.

    `resolver`, `tls` and `public` are for tests: where names point, which certificates are believed, and which
    addresses count as public.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
        tls: ssl.SSLContext | None = None,
        public: Callable[[str], bool] = is_public,
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._tls = tls
        self._public = public
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets all connections go."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Guarded and configured origins never share a connection."""
        if guarded not in self._sessions:
            resolver = _PublicOnly(self._resolver(), self._public) if guarded else self._resolver()
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_sent)
            self._sessions[guarded] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=resolver, limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=self._tls or True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                trace_configs=[trace],
                read_bufsize=1 << 20,
                max_field_size=1 << 16,
                # Pictures in base64 do not get smaller by compression worth its time, on either side.
                headers={"User-Agent": f"triptych/{__version__}", "Accept-Encoding": "identity"},
            )
        return self._sessions[guarded]

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        """JSON or a form, parts in order; None without a body. Raises ValueError for a text part that is not UTF-8."""
        if request.parts:
            form = aiohttp.FormData(default_to_multipart=True)
            for part in request.parts:
                value: bytes | str = part.data if part.filename is not None else part.data.decode("utf-8")
                form.add_field(part.name, value, filename=part.filename, content_type=part.media_type)
            payload = form()
            return EncodedBody(
                await payload.as_bytes(), str(payload.headers["Content-Type"]) if payload.headers else None
            )
        if request.json is not None:
            return EncodedBody(msgspec.json.encode(request.json), "application/json")
        return None

    async def send(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        allow_private: bool = False,
        max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:
        """See `Transport.send`."""
        url, call = self._admit(request, deadline, allow_private=allow_private)
        body = body or await self.encode(request)
        try:
            async with (
                asyncio.timeout(self._left(deadline)),
                self._request(request, url, call, body, guarded=not allow_private) as response,
            ):
                return await _read(response, request.step, max_bytes)
        except _LOST as error:
            raise call.fault(error) from error

    async def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        """See `Transport.stream`."""
        url, call = self._admit(request, deadline, allow_private=allow_private)
        body = body or await self.encode(request)
        try:
            async with AsyncExitStack() as stack:
                opened = self._request(request, url, call, body, guarded=not allow_private)
                async with asyncio.timeout(self._left(deadline)):
                    response = await stack.enter_async_context(opened)
                stack.callback(response.close)
                if response.status != 200 or response.content_type != "text/event-stream":
                    async with asyncio.timeout(self._left(deadline)):
                        whole = await _read(response, request.step, MAX_ANSWER)
                    yield whole
                    return
                yield StreamHead(status=response.status, headers=_headers(response))
                parser = EventParser(MAX_ANSWER)
                while chunk := await self._next(response, deadline):
                    for event in parser.feed(chunk):
                        yield event
        except _LOST as error:
            raise call.fault(error) from error

    async def pieces(
        self, request: HttpRequest, *, deadline: float, idle_s: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | MadeBody | None = None,
    ) -> AsyncGenerator[HttpResponse | StreamHead | bytes, None]:  # fmt: skip
        """See `PieceTransport.pieces`."""
        url, call = self._admit(request, deadline, allow_private=allow_private)
        try:
            async with AsyncExitStack() as stack:
                opened = self._request(request, url, call, body, guarded=not allow_private)
                async with asyncio.timeout(self._left(deadline)):
                    response = await stack.enter_async_context(opened)
                stack.callback(response.close)
                if response.status != 200:
                    async with asyncio.timeout(self._left(deadline)):
                        whole = await _read(response, request.step, max_bytes)
                    yield whole
                    return
                yield StreamHead(status=response.status, headers=_headers(response))
                size = 0
                while chunk := await self._next(response, min(deadline, self._clock.monotonic() + idle_s)):
                    size += len(chunk)
                    if size > max_bytes:
                        raise _too_large(response, max_bytes)
                    yield chunk
        except _LOST as error:
            raise call.fault(error) from error

    async def _next(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        # The time limit is around the read only: around a yield it would strike whatever the consumer is doing.
        async with asyncio.timeout(self._left(deadline)):
            return await response.content.readany()

    async def fetch_image(
        self,
        url: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None,
        max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:
        """See `Transport.fetch_image`. `headers` go to the first origin only; at most FETCH_SECONDS in all."""
        limit = min(deadline, self._clock.monotonic() + FETCH_SECONDS)
        sent_headers = dict(headers or {})
        for _ in range(MAX_REDIRECTS + 1):
            request = HttpRequest(method="GET", url=url, headers=sent_headers, step="fetch", from_response=True)
            own = allow_private_origin is not None and origin(url) == allow_private_origin
            response = await self.send(request, deadline=limit, allow_private=own, max_bytes=max_bytes)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return response
            target = _joined(url, location)
            if origin(target) != origin(url):
                sent_headers = {}
            url = target
        raise HostileContentError(f"More than {MAX_REDIRECTS} redirects were refused.")

    @asynccontextmanager
    async def messages(
        self, url: str, *, deadline: float, first: str | None = None
    ) -> AsyncIterator[AsyncIterator[str | bytes]]:
        """See `Sockets.messages`."""
        call = _Call("check", parse_url(url.replace("ws", "http", 1)).host or "")
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(min(CONNECT_SECONDS, self._left(deadline))):
                    opened = self._session(guarded=False).ws_connect(url, max_msg_size=MAX_IMAGE)
                    socket = await stack.enter_async_context(opened)
                    if first is not None:
                        await socket.send_str(first)
            except _LOST as error:
                raise call.fault(error) from error
            yield self._heard(socket, deadline)

    async def _heard(self, socket: aiohttp.ClientWebSocketResponse, deadline: float) -> AsyncIterator[str | bytes]:
        while True:
            try:
                message = await socket.receive(self._left(deadline))
            except _LOST:
                return
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                return
            yield message.data

    def _admit(self, request: HttpRequest, deadline: float, *, allow_private: bool) -> tuple[URL, _Call]:
        """Everything that can be refused before a connection is made."""
        url = parse_url(request.url) if allow_private else check_hostile_url(request.url, self._public)
        call = _Call(request.step, url.host or "")
        if self._left(deadline) <= 0:
            raise call.fault(TimeoutError())
        return url, call

    @asynccontextmanager
    async def _request(
        self, request: HttpRequest, url: URL, call: _Call, body: EncodedBody | MadeBody | None, *, guarded: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = dict(request.headers)
        if body is not None and body.media_type is not None:
            headers["Content-Type"] = body.media_type
        if request.stream:
            headers.setdefault("Accept", "text/event-stream, application/json")
        async with self._session(guarded=guarded).request(
            request.method, url, headers=headers, data=_sent(body),
            allow_redirects=False, trace_request_ctx=call,
        ) as response:  # fmt: skip
            yield response

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - self._clock.monotonic())


def _sent(body: EncodedBody | MadeBody | None) -> io.BytesIO | AsyncIterator[bytes] | None:
    if body is None:
        return None
    return io.BytesIO(body.data) if isinstance(body, EncodedBody) else body.pieces


async def _mark_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    # aiohttp calls this when it hands the head to an open connection, before the first byte of the body.
    if context.trace_request_ctx is not None:  # a WebSocket has none
        context.trace_request_ctx.sent = True


def _joined(url: str, location: str) -> str:
    try:
        return str(parse_url(url).join(URL(location, encoded=True)))
    except ValueError as error:
        raise HostileContentError("A redirect to something that is no address was refused.") from error


async def _read(response: aiohttp.ClientResponse, step: Step, max_bytes: int) -> HttpResponse:
    if (response.content_length or 0) > max_bytes:
        response.close()
        raise _too_large(response, max_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.content.iter_any():  # as they came: joined once, at the end
            size += len(chunk)
            if size > max_bytes:
                response.close()
                raise _too_large(response, max_bytes)
            chunks.append(chunk)
    except aiohttp.ClientError:
        # The status line of a refusal is a verdict even when the words after it break off.
        if response.status < 400:
            raise
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return HttpResponse(status=response.status, headers=_headers(response), body=body, url=str(response.url), step=step)


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """By lower-case name; of several with one name the first."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), value)
    return headers


def _too_large(response: aiohttp.ClientResponse, max_bytes: int) -> HostileContentError:
    return HostileContentError(
        f"The answer of {response.url.host} is over {max_bytes >> 20} MB and was not read.", status=response.status
    )
