"""The client over real sockets: what went out, what came back, and what may have been billed."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.unit.http_server import cut, raw, says, serving, silent
from tests.unit.loop_time import LoopTime

from triptych.http.client import KEEPALIVE_SECONDS, HttpClient
from triptych.http.message import HttpRequest, HttpResponse, Part, ServerSentEvent, Step, StreamHead
from triptych.http.transport import AnswerLostError
from triptych.spec.clock import SystemClock
from triptych.spec.errors import AmbiguousError, HostileContentError, NotSentError

CLOCK = SystemClock()


SOON_S = 60.0


def soon(seconds: float = SOON_S) -> float:
    return CLOCK.monotonic() + seconds


class Names(AbstractResolver):
    """Names that point where the test says."""

    def __init__(self, **hosts: list[str]) -> None:
        self.hosts = {name.replace("_", "."): found for name, found in hosts.items()}
        self.port: int | None = None

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        if host not in self.hosts:
            raise OSError(f"no such name {host}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self.port or port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.hosts[host]
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(CLOCK) as made:
        yield made


async def ask(client: HttpClient, url: str, step: Step = "submit", *, seconds: float = SOON_S) -> HttpResponse:
    return await client.send(HttpRequest(url=url, json={"a": 1}, step=step), deadline=soon(seconds), allow_private=True)


async def test_json_goes_out_and_an_answer_comes_back_whole(client: HttpClient) -> None:
    async with serving(says(b'{"ok":true}', X_Thing="1")) as server:
        request = HttpRequest(url=f"{server.url}/v1?x=%2F", json={"prompt": "ä"}, headers={"X-Key": "k"})
        response = await client.send(request, deadline=soon(), allow_private=True)
    assert (response.status, response.body, response.headers["x-thing"], response.step) == (
        200,
        b'{"ok":true}',
        "1",
        "submit",
    )
    head = server.heads[0]
    assert head.startswith("POST /v1?x=%2F HTTP/1.1\r\n")
    assert "X-Key: k" in head
    assert "content-type: application/json" in head.lower()
    assert "user-agent: triptych/" in head.lower()
    assert msgspec.json.decode(server.bodies[0]) == {"prompt": "ä"}


async def test_an_answer_that_has_no_body_ends(client: HttpClient) -> None:
    """aiohttp's stream of no bytes gives an empty piece again and again to whoever asks for chunks."""
    async with serving(raw(b"HTTP/1.1 204 No Content\r\nTriptych-Idle: {}\r\n\r\n")) as server:
        answer = await client.send(HttpRequest(url=server.url, method="GET"), deadline=soon(), allow_private=True)
    assert (answer.status, answer.body, answer.headers["triptych-idle"]) == (204, b"", "{}")


async def test_a_form_keeps_the_order_of_its_parts(client: HttpClient) -> None:
    parts = (
        Part(name="prompt", data="käse".encode()), Part(name="image[]", data=b"\x89PNG", filename="a.png", media_type="image/png"),
        Part(name="image[]", data=b"\xff\xd8", filename="b.jpg", media_type="image/jpeg"), Part(name="n", data=b"1"),
    )  # fmt: skip
    async with serving(says()) as server:
        await client.send(HttpRequest(url=server.url, parts=parts), deadline=soon(), allow_private=True)
    body = server.bodies[0]
    places = [
        body.index(mark)
        for mark in (
            b'name="prompt"',
            b"k\xc3\xa4se",
            b'filename="a.png"',
            b"\x89PNG",
            b'filename="b.jpg"',
            b'name="n"',
        )
    ]
    assert places == sorted(places)
    assert "multipart/form-data; boundary=" in server.heads[0]
    assert b"image/jpeg" in body


async def test_what_was_encoded_is_what_is_sent(client: HttpClient) -> None:
    request = HttpRequest(url="", parts=(Part(name="a", data=b"1", filename="f"),))
    body = await client.encode(request)
    assert body is not None
    async with serving(says()) as server:
        await client.send(HttpRequest(url=server.url), deadline=soon(), allow_private=True, body=body)
    assert server.bodies[0] == body.data
    assert await client.encode(HttpRequest(url="/x")) is None


async def test_a_body_of_megabytes_goes_out_whole_and_with_its_length(client: HttpClient) -> None:
    text = "x" * (3 << 20)
    async with serving(says()) as server:
        request = HttpRequest(url=server.url, json={"image": text})
        await client.send(request, deadline=soon(), allow_private=True)
    assert len(server.bodies[0]) == len(text) + len('{"image":""}')
    assert "content-length" in server.heads[0].lower()


async def test_nothing_is_asked_for_compressed_and_a_bomb_is_not_unpacked(client: HttpClient) -> None:
    bomb = gzip.compress(b"0" * (64 << 20))
    async with serving(says(bomb, Content_Encoding="gzip")) as server:
        request = HttpRequest(method="GET", url=server.url, step="poll")
        with pytest.raises(HostileContentError, match="over 1 MB"):
            await client.send(request, deadline=soon(), allow_private=True, max_bytes=1 << 20)
    assert "accept-encoding: identity" in server.heads[0].lower()


async def test_a_closed_port_means_that_nothing_was_sent(client: HttpClient) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(NotSentError, match="Nothing was sent") as caught:
            await ask(client, f"http://127.0.0.1:{held.getsockname()[1]}")
        assert caught.value.message == f"Nothing listens at 127.0.0.1:{held.getsockname()[1]}. Nothing was sent."
        assert "Is the server running?" in (caught.value.hint or "")
    assert (caught.value.billed, caught.value.retryable) == ("no", True)


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent() -> None:
    async with HttpClient(CLOCK, resolver=Names) as client:
        for allow in (True, False):
            with pytest.raises(NotSentError, match="could not be resolved"):
                await client.send(HttpRequest(url="https://nowhere.test"), deadline=soon(), allow_private=allow)


async def test_a_failed_tls_handshake_means_that_nothing_was_sent(client: HttpClient) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        with pytest.raises(NotSentError):
            await ask(client, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_no_time_left_means_that_nothing_was_sent(client: HttpClient) -> None:
    async with serving(says()) as server:
        with pytest.raises(NotSentError, match="time was up"):
            await ask(client, server.url, seconds=-1)
        assert server.heads == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(cut(), id="reset"),
        pytest.param(raw(), id="closed"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), id="short body"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), id="no last chunk"),
        pytest.param(raw(b"SSH-2.0-nonsense\r\n\r\n"), id="not HTTP"),
        pytest.param(silent(), id="silent"),
    ],
)
async def test_after_the_body_went_out_nobody_knows(
    client: HttpClient, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = LoopTime(monkeypatch)
    async with serving(answer) as server:  # type: ignore[arg-type]

        async def asked(step: Step = "submit") -> HttpResponse:
            asking, before = asyncio.create_task(ask(client, server.url, step)), len(server.bodies)
            while len(server.bodies) == before:
                await asyncio.sleep(0)
            if "silent" in repr(answer):
                await time.forward(2 * SOON_S)
            return await asking

        with pytest.raises(AmbiguousError) as caught:
            await asked()
        assert caught.value.billed == "unknown"
        assert len(server.bodies) == 1, "a submit is never sent twice"
        with pytest.raises(AnswerLostError) as lost:
            await asked("poll")
        assert (lost.value.retryable, lost.value.billed) == (True, "no")


async def test_a_refusal_whose_words_break_off_is_still_a_refusal(client: HttpClient) -> None:
    async with serving(raw(b"HTTP/1.1 429 Slow\r\nContent-Length: 10\r\nRetry-After: 3\r\n\r\nabc")) as server:
        response = await ask(client, server.url)
    assert (response.status, response.body, response.headers["retry-after"]) == (429, b"abc", "3")


async def test_redirects_of_api_calls_are_not_followed(client: HttpClient) -> None:
    async with serving(says(status="307 Temporary Redirect", Location="http://127.0.0.1:1/x")) as server:
        assert (await ask(client, server.url)).status == 307


async def test_connections_are_used_again_and_let_go_before_servers_do(client: HttpClient) -> None:
    async with serving(says(b"a")) as server:
        for _ in range(3):
            await ask(client, server.url)
        assert (server.connections, len(server.heads)) == (1, 3)
    assert KEEPALIVE_SECONDS < 5


@pytest.mark.parametrize("head", [b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
async def test_an_answer_over_the_limit_is_not_read(client: HttpClient, head: bytes) -> None:
    body = b"x" * 5000 if b"Length" in head else b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"
    async with serving(raw(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", body)) as server:
        with pytest.raises(HostileContentError, match="was not read"):
            await client.send(HttpRequest(url=server.url), deadline=soon(), allow_private=True, max_bytes=4999)


async def test_without_leave_a_private_address_is_refused_before_and_after_its_name_is_resolved() -> None:
    names = {
        "inside_test": ["10.0.0.7"],
        "mixed_test": ["93.184.216.34", "127.0.0.1"],
        "six_test": ["::ffff:169.254.169.254"],
    }
    async with HttpClient(CLOCK, resolver=lambda: Names(**names)) as client:
        for url in ("https://127.0.0.1/x", "https://[::1]/x", "https://inside.test/x", "https://mixed.test/x",
                    "https://six.test/x", "http://example.com/x", "https://localhost/x"):  # fmt: skip
            with pytest.raises(HostileContentError):
                await client.fetch_image(url, deadline=soon())
            with pytest.raises(HostileContentError):
                await client.send(HttpRequest(url=url), deadline=soon())


async def test_an_origin_that_the_user_configured_may_be_fetched_from_and_no_other() -> None:
    async with HttpClient(CLOCK) as client, serving(says(b"picture")) as server, serving(says()) as other:
        got = await client.fetch_image(f"{server.url}/a.png", deadline=soon(), allow_private_origin=server.url)
        assert got.body == b"picture"
        for url in (f"{other.url}/a.png", f"http://localhost:{server.port}/a.png"):
            with pytest.raises(HostileContentError):
                await client.fetch_image(url, deadline=soon(), allow_private_origin=server.url)
        assert other.connections == 0


async def test_a_redirect_is_guarded_like_the_first_address() -> None:
    async with HttpClient(CLOCK) as client, serving(says()) as inside:
        async with serving(says(status="302 Found", Location=f"{inside.url}/secret")) as server:
            with pytest.raises(HostileContentError):
                await client.fetch_image(f"{server.url}/a", deadline=soon(), allow_private_origin=server.url)
        assert inside.connections == 0


async def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    async with HttpClient(CLOCK) as client:
        async with serving(
            says(status="302 Found", Location="/b"), says(status="302 Found", Location="https://nowhere.invalid:1/c")
        ) as server:
            seen: list[dict[str, str]] = []
            send = client.send

            async def watch(request: HttpRequest, **kwargs: object) -> HttpResponse:
                seen.append({"url": request.url, **request.headers})
                if "nowhere" in request.url:
                    return HttpResponse(status=200, body=b"p")
                return await send(request, **kwargs)  # type: ignore[arg-type]

            client.send = watch  # type: ignore[method-assign]
            await client.fetch_image(
                f"{server.url}/a", deadline=soon(), headers={"Authorization": "k"}, allow_private_origin=server.url
            )
        assert [("Authorization" in entry) for entry in seen] == [True, True, False]
        assert "Authorization: k" in server.heads[1]


async def test_redirects_end() -> None:
    async with HttpClient(CLOCK) as client, serving(says(status="302 Found", Location="/again")) as server:
        with pytest.raises(HostileContentError, match="redirects"):
            await client.fetch_image(server.url, deadline=soon(), allow_private_origin=server.url)
        assert len(server.heads) == 5


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def listen(client: HttpClient, url: str) -> list[HttpResponse | StreamHead | ServerSentEvent]:
    request = HttpRequest(url=url, json={"stream": True}, stream=True)
    async with aclosing(client.stream(request, deadline=soon(), allow_private=True)) as events:
        return [event async for event in events]


async def test_events_come_one_by_one(client: HttpClient) -> None:
    pieces = [chunk(b"event: a\ndata: 1\n\nda"), chunk(b'ta: {"x":'), chunk(b"2}\r\n\r\n"), b"0\r\n\r\n"]
    async with serving(raw(HEAD, *pieces)) as server:
        head, *got = await listen(client, server.url)
    assert isinstance(head, StreamHead)
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert got == [ServerSentEvent(event="a", data="1"), ServerSentEvent(event="message", data='{"x":2}')]
    assert "accept: text/event-stream" in server.heads[0].lower()


@pytest.mark.parametrize(
    "answer", [says(b'{"error":1}', "400 Bad Request"), says(b'{"data":[]}', Content_Type="application/json")]
)
async def test_an_answer_that_is_no_stream_comes_whole(client: HttpClient, answer: object) -> None:
    async with serving(answer) as server:  # type: ignore[arg-type]
        (got,) = await listen(client, server.url)
    assert isinstance(got, HttpResponse)
    assert got.body.startswith(b"{")


async def test_a_stream_that_breaks_gives_what_came_and_then_says_so(client: HttpClient) -> None:
    async with serving(raw(HEAD, chunk(b"data: 1\n\n"))) as server:
        seen: list[object] = []
        request = HttpRequest(url=server.url, stream=True)
        with pytest.raises(AmbiguousError):
            async with aclosing(client.stream(request, deadline=soon(), allow_private=True)) as events:
                async for event in events:
                    seen.append(event)
    assert seen[1:] == [ServerSentEvent(event="message", data="1")]


async def test_a_stream_that_stalls_ends_at_the_deadline(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    time = LoopTime(monkeypatch)

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"data: 1\n\n"))
        await asyncio.Event().wait()

    async with serving(stall) as server:
        request = HttpRequest(url=server.url, stream=True)
        async with aclosing(client.stream(request, deadline=soon(), allow_private=True)) as events:
            assert isinstance(await anext(events), StreamHead)
            assert await anext(events) == ServerSentEvent(event="message", data="1")
            upcoming = asyncio.ensure_future(anext(events))
            await time.forward(0)
            await time.forward(2 * SOON_S)
            with pytest.raises(AmbiguousError, match="time was up"):
                await upcoming


async def test_a_slow_reader_of_a_stream_is_not_cancelled_by_the_deadline(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = LoopTime(monkeypatch)
    async with serving(raw(HEAD, chunk(b"data: 1\n\n"), b"0\r\n\r\n")) as server:
        request = HttpRequest(url=server.url, stream=True)
        async with aclosing(client.stream(request, deadline=soon(), allow_private=True)) as events:
            assert isinstance(await anext(events), StreamHead)
            assert await anext(events) == ServerSentEvent(event="message", data="1")
            await time.forward(2 * SOON_S)


async def test_cancelling_the_caller_cancels_the_call(client: HttpClient) -> None:
    async with serving(silent()) as server:
        task = asyncio.create_task(ask(client, server.url))
        while not server.heads:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
