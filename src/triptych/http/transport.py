"""What a driver needs of a client, as an interface: so that the laws can play any answer without a socket."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.spec.errors import FailureClass, TriptychError

MAX_ANSWER = 96 << 20
MAX_IMAGE = 64 << 20


class AnswerLostError(TriptychError):
    """A question that costs nothing (poll, fetch, cancel, check) got no answer; it may be asked again.

    Stays inside the driver: callers of a model never see it.
    """

    code = "answer_lost"
    failure: ClassVar[FailureClass] = "failed"
    retryable = True


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A body as bytes, made once: what is hashed is what is sent."""

    data: bytes = field(repr=False)
    media_type: str | None


@dataclass(frozen=True, slots=True)
class MadeBody:
    """A body that is made while it is sent."""

    pieces: AsyncIterator[bytes] = field(repr=False)
    media_type: str


@runtime_checkable
class PieceTransport(Protocol):
    """What can hand on an answer while it comes. A transport that cannot is asked for whole answers."""

    def pieces(
        self, request: HttpRequest, *, deadline: float, idle_s: float, allow_private: bool = False, max_bytes: int = MAX_ANSWER,
        body: EncodedBody | MadeBody | None = None,
    ) -> AsyncGenerator[HttpResponse | StreamHead | bytes, None]:  # fmt: skip
        """The head and then the bytes as they come; or, where the status is not 200, that answer read whole and nothing else. Between two
        of them pass `idle_s` seconds at most. Raises as `Transport` does."""
        ...


class Transport(Protocol):
    """Sends values and brings values back. Deadlines are in `Clock.monotonic()` seconds.

    Raises NotSentError when nothing left this machine, AmbiguousError when a submit went out and no answer came,
    AnswerLostError when any other step did, HostileContentError for what must not be opened or read.
    """

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        """The body of a request; None when it has none."""
        ...

    async def send(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        allow_private: bool = False,
        max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:
        """One exchange, answer read whole. Redirects are not followed. `allow_private` is for an origin that was
        configured, never for an address out of an answer."""
        ...

    def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        """The head and then the events of a stream as they come; or, when the answer is not a stream (an error, plain JSON), that
        answer read whole and nothing else."""
        ...

    async def fetch_image(
        self,
        url: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None,
        max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:
        """A picture from an address out of an answer: https and public addresses only, at every redirect."""
        ...


@runtime_checkable
class Sockets(Protocol):
    """Listens to a server that talks by WebSocket (RFC 6455), and asks it one thing."""

    def messages(
        self, url: str, *, deadline: float, first: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[str | bytes]]:
        """What comes from an address that was configured, `ws://` or `wss://`, message by message, until the server ends it or the time is
        over: then the messages end. `first` is said to the server at once. Raises NotSentError where no connection comes about."""
        ...
