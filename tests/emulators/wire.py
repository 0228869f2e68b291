"""How an answer gets onto the wire, whole or damaged."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any

from tests.emulators.base import Reply
from tests.emulators.scenario import Kind, Scenario

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
HTML_429 = (
    b"<!DOCTYPE html><html><head><title>Too many requests</title></head><body>Error 1015: rate limited</body></html>"
)


def before_the_vendor(scenario: Scenario) -> Reply | None:
    """What a proxy in front of the vendor answers on its own: nothing gets through, nothing is charged."""
    if scenario.kind is Kind.HTML_502:
        return Reply(502, HTML_502, "text/html")
    if scenario.kind is Kind.RATE_LIMIT_HTML:
        wait = 30 if scenario.retry_after_s is None else scenario.retry_after_s
        return Reply(429, HTML_429, "text/html; charset=UTF-8", {"Retry-After": f"{wait:g}"})
    if scenario.kind is Kind.HUGE_BODY:
        return Reply(200, b" " * scenario.size_bytes)
    return None


def damage(reply: Reply, kind: Kind) -> Reply:
    """Spoils an answer that the vendor made, and charged."""
    if kind is Kind.EMPTY_BODY:
        return replace(reply, body=b"", events=())
    if kind is Kind.INVALID_JSON:
        return replace(reply, body=b'{"data": [oops}', events=(), media_type="application/json")
    if kind is Kind.HALF_JSON:
        whole = reply.body or b"".join(reply.events)
        return replace(reply, body=whole[: len(whole) // 2], events=())
    if reply.events:
        return replace(reply, events=stream_fault(reply.events, kind))
    return reply


def stream_fault(events: tuple[bytes, ...], kind: Kind) -> tuple[bytes, ...]:
    """Events in the order and form that a scenario wants. Contents are the vendor's business."""
    if kind is Kind.STREAM_CRLF_COMMENTS:
        comment = b": keep-alive\r\n\r\n"
        return tuple(comment + one.replace(b"\n", b"\r\n") for one in events)
    if kind is Kind.STREAM_ODD_BYTES:
        return tuple(piece for one in events for piece in odd_pieces(one))
    return events


def odd_pieces(data: bytes) -> Iterable[bytes]:
    """Small uneven pieces at both ends of an event, so that names, line ends and characters get split."""
    start = 0
    sizes = [1, 2, 3, 5, 7] * 6
    for size in sizes:
        if start >= len(data) - 8:
            break
        yield data[start : start + size]
        start += size
    while start < len(data) - 8:
        stop = min(start + 40_009, len(data) - 8)
        yield data[start:stop]
        start = stop
    for position in range(start, len(data)):
        yield data[position : position + 1]


async def hold(scenario: Scenario) -> None:
    if scenario.delay_s > 0:
        await asyncio.sleep(scenario.delay_s)
    if scenario.gate is not None:
        await scenario.gate.hold()


async def send_reply(reply: Reply, scenario: Scenario, send: Send) -> None:
    """Sends an answer. One that is to break off returns early: the server then closes the connection."""
    headers = {"content-type": reply.media_type, **{name.lower(): value for name, value in reply.headers.items()}}
    if not reply.events:
        headers["content-length"] = str(len(reply.body))
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    if reply.events:
        await _send_events(reply, scenario, send)
        return
    if scenario.kind is Kind.TRUNCATED_BODY and len(reply.body) > 1:
        await send({"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True})
        return
    await send({"type": "http.response.body", "body": reply.body})


async def _send_events(reply: Reply, scenario: Scenario, send: Send) -> None:
    last = len(reply.events) - 1
    cut = scenario.kind in (Kind.STREAM_CUT, Kind.TRUNCATED_BODY)
    for position, event in enumerate(reply.events):
        if position == last and scenario.final_gate is not None:
            await scenario.final_gate.hold()
        if cut and position == last:
            await send({"type": "http.response.body", "body": event[: len(event) // 2], "more_body": True})
            return
        await send({"type": "http.response.body", "body": event, "more_body": True})
        if scenario.delay_s > 0 and position < last:
            await asyncio.sleep(scenario.delay_s / len(reply.events))
        else:
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


def reset_connection(transport: asyncio.Transport) -> None:
    """Ends a connection with RST instead of FIN (zero linger, POSIX setsockopt)."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
