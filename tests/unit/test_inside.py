"""Calls to an application of the same process, and the QR codes of what it gives out."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import segno
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from triptych.http.message import HttpRequest, HttpResponse
from triptych.http.transport import AnswerLostError, EncodedBody, MadeBody, PieceTransport
from triptych.server.inside import Inside
from triptych.server.qr import QUIET, qr_path, qr_text
from triptych.spec.clock import SystemClock
from triptych.spec.errors import HostileContentError, NotSentError

HERE = "https://mira.example"


class Outside:
    """Everything else."""

    async def encode(self, request: HttpRequest) -> EncodedBody | None:
        return None

    async def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        return HttpResponse(status=299, url=request.url)


async def echo(request: Request) -> Response:
    body = await request.body()
    return Response(body, 201, {"x-asked": f"{request.method} {request.url} {request.headers.get('x-more')}"},
                    media_type=request.headers.get("content-type"))  # fmt: skip


async def forever(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response()


async def much(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 300

    return StreamingResponse(pieces())


@pytest.fixture
def inside() -> Inside:
    app = Starlette(routes=[Route("/echo", echo, methods=["PUT"]), Route("/forever", forever), Route("/much", much)])
    return Inside(HERE, app, Outside(), SystemClock())  # type: ignore[arg-type]


async def send(inside: Inside, url: str, seconds: float = 60, **more: Any) -> HttpResponse:
    request = HttpRequest(method=more.pop("method", "GET"), url=url, headers={"X-More": "yes"})
    return await inside.send(request, deadline=SystemClock().monotonic() + seconds, **more)


async def test_what_is_here_is_asked_here_and_all_else_elsewhere(inside: Inside) -> None:
    found = await send(inside, f"{HERE}/echo?a=b", method="PUT", body=EncodedBody(b"hello", "text/x-note"))
    assert (found.status, found.body, found.headers["content-type"]) == (201, b"hello", "text/x-note; charset=utf-8")
    assert found.headers["x-asked"] == f"PUT {HERE}/echo?a=b yes"
    for url in ("https://other.example/echo", f"{HERE}.evil.example/echo"):
        assert (await send(inside, url)).status == 299


async def pieces(inside: Inside, url: str, body: MadeBody | None = None, **more: Any) -> list[Any]:
    request = HttpRequest(method="GET" if body is None else "PUT", url=url)
    deadline = SystemClock().monotonic() + 60
    return [one async for one in inside.pieces(request, deadline=deadline, idle_s=5, body=body, **more)]


async def test_a_body_is_made_while_it_is_read_and_an_answer_read_while_it_is_made(inside: Inside) -> None:
    assert isinstance(inside, PieceTransport)
    heard: list[str] = []

    async def made() -> AsyncIterator[bytes]:
        for word in ("one ", "two"):
            heard.append(word)
            yield word.encode()

    (whole,) = await pieces(inside, f"{HERE}/echo", MadeBody(made(), "text/x-note"))
    assert (whole.status, whole.body, heard) == (201, b"one two", ["one ", "two"])
    head, *parts = await pieces(inside, f"{HERE}/much")
    assert (head.status, [len(part) for part in parts]) == (200, [300] * 4)
    with pytest.raises(HostileContentError):
        await pieces(inside, f"{HERE}/much", max_bytes=1199)
    with pytest.raises(NotSentError):  # the way to all else can only be asked for whole answers
        await pieces(inside, "https://other.example/much")


async def test_what_never_ends_and_what_is_too_large(inside: Inside) -> None:
    with pytest.raises(AnswerLostError):
        await send(inside, f"{HERE}/forever", seconds=0.05)
    assert len((await send(inside, f"{HERE}/much", max_bytes=1200)).body) == 1200
    with pytest.raises(HostileContentError):
        await send(inside, f"{HERE}/much", max_bytes=1199)


def test_a_code_is_the_same_as_a_path_and_in_a_terminal() -> None:
    link = "http://192.168.1.20:8750/join#" + "a1B2-_" * 90
    path, side = qr_path(link)
    drawn = {
        (x, int(y)) for start, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1H\1z", path) for x in range(int(start), int(start) + int(length))
    }  # fmt: skip
    rows = list(segno.make(link, error="l", micro=False, boost_error=False).matrix_iter(border=QUIET))
    assert drawn == {(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}
    assert len(rows) == side
    lines = qr_text(link).splitlines()
    light = {(x, 2 * y + below) for y, line in enumerate(lines) for x, sign in enumerate(line) for below in (0, 1) if sign in ("█", "▄" if below else "▀")}  # fmt: skip
    assert {(x, y) for x in range(side) for y in range(side)} - light == drawn
