"""One image call of any dialect as one job: claimed under its key, begun, followed, and answered out of what is stored.

A dialect is what a wire says of it. What is decided, spent, signed and kept is the same whichever way a call came.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from triptych.app.container import App
from triptych.router.shielded import finish
from triptych.server.auth import caller_key
from triptych.server.idempotency import Claim, Idempotency, still_at_work
from triptych.server.openai_answer import Answer, answer_of, has_pictures
from triptych.server.openai_fields import ImageCall, nonce_header
from triptych.spec.errors import BadRequestError, TriptychError
from triptych.spec.image import Adjustment
from triptych.spec.records import FINAL_STATES
from triptych.studio.terms import read_project
from triptych.studio.views import TileNews, TileView

PROJECT_HEADER = "X-Triptych-Project"
_NO_HEDGE = Adjustment("hedge", "unsupported", "the active policy has no hedge, so nobody is asked a second time")
_REPLAYED = {"idempotent-replayed": "true"}


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture that is not done yet: the how manieth of its call, and when it came, in seconds."""

    data: bytes
    index: int
    created: int


class Dialect(Protocol):
    """How one wire says what came of a call. Made for each call."""

    @property
    def words(self) -> Mapping[str, str]:
        """Fields of the studio and of the images API, as this wire names them, where it has other names."""

    def whole(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        """The answer in one piece, a failure too."""

    def preview(self, preview: Preview, /) -> bytes:
        """The event for a picture that is not done yet, empty where the wire has no place for one."""

    def last(self, answer: Answer) -> Iterator[bytes]:
        """The last events of a stream: what came, and why the rest did not."""


class ImageJobs:
    """Calls of all dialects over one studio. `Idempotency-Key` is honoured on all of them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._idempotency = Idempotency(app.store, app.clock, app.owners.name, app.owners.alive)

    async def run(self, request: Request, call: ImageCall, digest: str, dialect: Dialect) -> Response:
        """The answer to a call; `digest` is of all that it asks, for its key."""
        base = str(request.base_url).rstrip("/")
        self._app.caps.require_names(caller_key(request), project_of(request, call.project))
        if call.hedge and self._app.router.policies.active.hedge is None:
            call = replace(call, notes=(*call.notes, _NO_HEDGE))
        begun = await finish(self._begin(request, call, digest, dialect))
        if isinstance(begun, str):
            return await self._again(await self._app.studio.tile(begun), call, base, dialect)
        news, ended = begun
        if news is not None:
            return _event_stream(self._stream(news, ended, call, base, dialect), {})
        return dialect.whole(await self._answer(await asyncio.shield(ended), call, base), {})

    async def _begin(
        self, request: Request, call: ImageCall, digest: str, dialect: Dialect
    ) -> "str | tuple[AsyncIterator[TileNews] | None, asyncio.Task[TileView]]":
        """The tile of an earlier call with this key, else the news and the end of the one that is started now. In one go,
        so that a client that goes away leaves no key without its tile and no tile without its key."""
        claim = await self._idempotency.begin(request, digest)
        if claim.tiles:
            return claim.tiles[0]
        tile = await self._start(request, call, claim, dialect)
        news = self._app.studio.follow(tile.record.id) if call.stream else None
        # The work belongs to the studio: a client that goes away does not stop it, and finds it under its key.
        return news, self._idempotency.settle(claim, self._app.studio.wait(tile.record.id))

    async def _start(self, request: Request, call: ImageCall, claim: Claim, dialect: Dialect) -> TileView:
        """The tile, begun. Whatever stands in its way frees the key, and names the fields of this wire."""
        started = False
        try:
            run = await self._app.studio.start_single(
                call.request,
                model=call.model,
                lane_floor=call.lane_floor,
                allow_model_failover=call.allow_model_failover,
                hedge=call.hedge,
                floors=call.floors,
                nonce=nonce_header(request) or call.nonce,
                api_key=caller_key(request),
                project=project_of(request, call.project),
                parent=call.parent,
                claim=claim.record,
            )
            started = True
        except TriptychError as error:
            renamed(error, dialect.words)
            raise
        finally:
            if not started:
                await self._idempotency.free(claim)
        return run.tiles[0]

    async def _again(self, tile: TileView, call: ImageCall, base: str, dialect: Dialect) -> Response:
        """The answer of an earlier call with the same key."""
        if tile.record.state not in FINAL_STATES:
            raise still_at_work()
        answer = await self._answer(tile, call, base)
        if call.stream:
            return _event_stream(_told(dialect.last(answer)), _REPLAYED)
        return dialect.whole(answer, {**_REPLAYED, "x-should-retry": "false"})

    async def _answer(self, tile: TileView, call: ImageCall, base: str) -> Answer:
        receipt, attempts = await self._app.store.receipts.with_attempts(tile.record.id)
        pictures = self._app.studio.pictures
        wanted = tile.pictures if has_pictures(tile) and not call.as_url else ()
        return answer_of(tile, attempts, call, [await pictures.bytes_of(p.sha256) for p in wanted], base, receipt)

    async def _stream(
        self,
        news: AsyncIterator[TileNews],
        ended: "asyncio.Task[TileView]",
        call: ImageCall,
        base: str,
        dialect: Dialect,
    ) -> AsyncIterator[bytes]:
        sent = 0
        async for item in news:
            if item.preview is not None and sent < call.request.previews:
                yield dialect.preview(Preview(item.preview, sent, self._app.clock.now_ms() // 1000))
                sent += 1
        for event in dialect.last(await self._answer(await asyncio.shield(ended), call, base)):
            yield event


def renamed(error: TriptychError, words: Mapping[str, str]) -> TriptychError:
    """The error, about the field as a wire names it."""
    error.param = words.get(error.param or "", error.param)
    return error


def no_pictures(hint: str, param: str) -> BadRequestError:
    """What a request gets that asks for no picture."""
    return BadRequestError("This server draws pictures and writes no text, and this request does not ask for a picture.",
                           hint=hint, param=param)  # fmt: skip


def project_of(request: Request, named: str | None) -> str | None:
    """The project that a call is for: the header's, else the one that its body names. Raises BadRequestError."""
    header_value = request.headers.get(PROJECT_HEADER)
    return named if header_value is None else read_project(PROJECT_HEADER, header_value)


def _event_stream(events: AsyncIterator[bytes], headers: Mapping[str, str]) -> StreamingResponse:
    return StreamingResponse(events, 200, {"Cache-Control": "no-store", **headers}, "text/event-stream")


async def _told(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event
