"""The app-wide event log as server-sent events (WHATWG HTML, section 9.2), resumable by `since` or `Last-Event-ID`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from triptych.server.errors import as_json
from triptych.spec.errors import BadRequestError
from triptych.spec.events import AppEvent
from triptych.store.base import Bus

KEEP_ALIVE_S = 15.0
Reading = Callable[[], AbstractContextManager[None]]


def since_of(request: Request) -> int | None:
    """The id after which the client wants events; None means from now on. Raises BadRequestError for junk."""
    value = request.headers.get("last-event-id") or request.query_params.get("since")
    if value is None or value == "":
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise BadRequestError(f"since is {value!r}; it takes the id of an event.", param="since")
    return int(value)


def frame(event: AppEvent) -> bytes:
    """One event on the wire."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.type.encode(), as_json(event.data))


async def stream(
    bus: Bus, since: int | None, stopping: asyncio.Event, reading: Reading = nullcontext
) -> AsyncIterator[bytes]:
    """Events as they come, a comment whenever nothing came for a while, the end when the server stops. `reading` is
    entered while somebody reads."""
    source = aiter(bus.subscribe(since))
    stopped = asyncio.ensure_future(stopping.wait())
    upcoming: asyncio.Future[AppEvent] | None = None
    read = ExitStack()
    try:
        read.enter_context(reading())
        yield b"retry: 1000\n\n"
        while not stopped.done():
            upcoming = upcoming or asyncio.ensure_future(anext(source))
            pending: set[asyncio.Future[Any]] = {upcoming, stopped}
            await asyncio.wait(pending, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                event, upcoming = upcoming.result(), None
                yield frame(event)
            elif not stopped.done():
                yield b": still here\n\n"
    finally:
        read.close()
        stopped.cancel()
        if upcoming is not None:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


def events_response(
    request: Request, bus: Bus, stopping: asyncio.Event, reading: Reading = nullcontext
) -> StreamingResponse:
    """The open stream as an answer."""
    return StreamingResponse(
        stream(bus, since_of(request), stopping, reading),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
