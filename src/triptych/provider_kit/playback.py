"""A clock and a transport that play what a test tells them: the driver runs on them without a socket or a wait."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from triptych.http.message import HttpRequest, HttpResponse, ServerSentEvent, StreamHead
from triptych.http.transport import MAX_ANSWER, MAX_IMAGE, EncodedBody
from triptych.spec.errors import TriptychError

Answer = HttpResponse | TriptychError | Sequence[HttpResponse | StreamHead | ServerSentEvent | TriptychError]
Answers = Callable[[HttpRequest], Answer]


@dataclass
class PlayedClock:
    """Time that passes only while something sleeps on it."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += max(0.0, seconds)


@dataclass(slots=True)
class PlayedTransport:
    """Implements `http.transport.Transport`: every request is kept in `seen`, with the headers that it went out with,
    and answered by `answers`; an error is raised, a list is a stream. `takes_s` is how long each exchange takes."""

    answers: Answers
    clock: PlayedClock
    takes_s: float = 0.0
    seen: list[HttpRequest] = field(default_factory=list)
    guarded: list[bool] = field(default_factory=list)

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        if request.parts:
            return EncodedBody(b"\n".join(part.data for part in request.parts), "multipart/form-data; boundary=x")
        return None if request.json is None else EncodedBody(msgspec.json.encode(request.json), "application/json")

    async def send(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        allow_private: bool = False,
        max_bytes: int = MAX_ANSWER,
        body: EncodedBody | None = None,
    ) -> HttpResponse:
        del deadline, max_bytes, body
        answer = self._next(request, guarded=not allow_private)
        if not isinstance(answer, HttpResponse):
            raise TypeError("a stream was played for a request that asked for none")
        return _at(answer, request)

    async def stream(
        self, request: HttpRequest, *, deadline: float, allow_private: bool = False, body: EncodedBody | None = None
    ) -> AsyncGenerator[HttpResponse | StreamHead | ServerSentEvent, None]:
        del deadline, body
        answer = self._next(request, guarded=not allow_private)
        for item in [answer] if isinstance(answer, HttpResponse) else answer:
            if isinstance(item, TriptychError):
                raise item
            yield item

    async def fetch_image(
        self,
        url: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        allow_private_origin: str | None = None,
        max_bytes: int = MAX_IMAGE,
    ) -> HttpResponse:
        del max_bytes
        request = HttpRequest(method="GET", url=url, headers=headers or {}, step="fetch", from_response=True)
        return await self.send(request, deadline=deadline, allow_private=allow_private_origin is not None)

    def _next(self, request: HttpRequest, *, guarded: bool) -> HttpResponse | Sequence[HttpResponse | StreamHead | ServerSentEvent | TriptychError]:  # fmt: skip
        self.seen.append(request)
        self.guarded.append(guarded)
        self.clock.now += self.takes_s
        answer = self.answers(request)
        if isinstance(answer, TriptychError):
            raise answer
        return answer


def _at(answer: HttpResponse, request: HttpRequest) -> HttpResponse:
    """The answer as one to this request."""
    return HttpResponse(
        status=answer.status, headers=answer.headers, body=answer.body, url=answer.url or request.url, step=request.step
    )
