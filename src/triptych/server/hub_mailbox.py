"""The call by which a node waits for its messages, and what goes out on it. A thousand nodes wait here at once, so it is an application of
its own: of what each of them holds, the framework's share would be the largest."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from triptych.hub.hub import Hub, UnauthorisedError
from triptych.hub.mailbox import Delivery
from triptych.network.presence import SCHEME, Presence
from triptych.server.errors import as_json, error_response
from triptych.spec.errors import BadRequestError, TriptychError

PREFIX = "/hub/v1"
MAILBOX = f"{PREFIX}/mailbox"
DELIVERY, IDLE = "triptych-delivery", "triptych-idle"
_log = logging.getLogger("triptych.server")


class MailboxCall:
    """The next message for the node that calls; 204 when none came, with why in `Triptych-Idle`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller, wait = self._waiting(Request(scope))
            delivery = await self._hub.boxes.fetch(caller.node, caller.start_ms, wait, partial(_gone, receive))
            answer = await self._fetched(caller.node, delivery, receive)
        except TriptychError as error:
            answer = error_response(error)
        await answer(scope, receive, send)

    def _waiting(self, request: Request) -> tuple[Presence, float]:
        return caller_of(self._hub, request), _seconds(request.query_params.get("wait_s", "25"))

    async def _fetched(self, node: str, delivery: Delivery | None, receive: Receive) -> Response:
        boxes = self._hub.boxes
        if delivery is None:
            return Response(status_code=204, headers={IDLE: _idle(self._hub, node)})
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await _gone(receive)
                boxes.put_back(node, delivery)
                return Response(status_code=204)  # nobody reads this: the node went away
        headers = {DELIVERY: delivery.id, "content-length": str(delivery.request.size)}
        return Carried(boxes.handed(node, delivery), delivery.kind, headers, boxes.limits.whole_s)


def caller_of(hub: Hub, request: Request) -> Presence:
    """The node that calls. Raises UnauthorisedError."""
    scheme, _, line = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != SCHEME.lower():
        raise UnauthorisedError("Only a node may do this.", hint=f"Send Authorization: {SCHEME} and a signed call.")
    return hub.caller(line.strip())


def _idle(hub: Hub, node: str) -> str:
    """Why nothing came, as JSON on one line: what this hub can know of it."""
    found = hub.directory.find(node)
    if found is None:
        return as_json({"listed": False}).decode()
    return as_json(
        {"listed": True, "probation": found.probation, "jobs": found.jobs, "same_models": hub.directory.like(found)}
    ).decode()


class Carried(StreamingResponse):
    """A sealed message on its way out, for which there are so many `seconds`: whoever reads more slowly is cut off, and the places that
    it takes up are free again. One that breaks off ends without its last chunk, which its reader notices."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], kind: str, headers: Mapping[str, str], seconds: float
    ) -> None:
        super().__init__(pieces, 200, {"cache-control": "no-store", **headers}, kind)
        self._pieces, self._seconds = pieces, seconds

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            async with asyncio.timeout(self._seconds) as alarm:
                cut = partial(_cut, alarm)
                leaving.add_done_callback(cut)
                try:
                    await self.stream_response(send)
                finally:
                    leaving.remove_done_callback(cut)
        except (TimeoutError, TriptychError) as error:  # strangers bring this about: a line in the log, and no more
            _log.info("a message was cut off", extra={"about": {"why": type(error).__name__}})
        finally:
            leaving.cancel()
            await self._pieces.aclose()


def _cut(alarm: asyncio.Timeout, _: "asyncio.Future[None]") -> None:
    """For a reader who has gone away."""
    if not alarm.expired():
        alarm.reschedule(0)


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        continue


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not 0 <= found <= 60:
        raise BadRequestError("`wait_s` is a number of seconds from 0 to 60.", param="wait_s")
    return found
