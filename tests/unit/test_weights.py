"""Weights of tools on their way: in parts, on from where they broke off, and kept only under their right hash."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from triptych.app import weights as module
from triptych.app.weights import Weights
from triptych.http.message import HttpRequest, HttpResponse
from triptych.providers.tools import WeightsCard
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotSentError

FILE = bytes(range(256)) * 40
SHA256 = hashlib.sha256(FILE).hexdigest()
CARD = WeightsCard(url="https://one.example/a/tiny.onnx", sha256=SHA256, about_bytes=10_000, source="a test",
                   as_of="2026-11-21")  # fmt: skip
Answer = Callable[[HttpRequest], HttpResponse]


def parts(request: HttpRequest) -> HttpResponse:
    """A server that sends what was asked for."""
    start, _, end = request.headers["Range"].removeprefix("bytes=").partition("-")
    body = FILE[int(start) : int(end) + 1]
    said = f"bytes {start}-{int(start) + len(body) - 1}/{len(FILE)}"
    return HttpResponse(status=206, headers={"content-range": said}, body=body)


class Client:
    """Answers by a list, the last one for all further requests; holds each request until it is let go on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[HttpRequest] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def send(self, request: HttpRequest, *, deadline: float, max_bytes: int = 0) -> HttpResponse:
        self.asked.append(request)
        await self.go_on.wait()
        assert (request.from_response, deadline > 0, max_bytes < 20_000) == (True, True, True)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)

    @property
    def starts(self) -> list[int]:
        return [int(one.headers["Range"].removeprefix("bytes=").partition("-")[0]) for one in self.asked]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 4096)


def opened(folder: Path, client: Client) -> Weights:
    return Weights(folder / "models", client, SystemClock())


async def fetched(weights: Weights) -> dict[str, object]:
    assert weights.begin(CARD)["state"] == "fetching"
    await weights.wait(CARD)
    return dict(weights.state(CARD))


async def test_a_file_comes_in_parts_through_a_redirect(tmp_path: Path) -> None:
    moved = HttpResponse(status=302, headers={"location": "/b/tiny.onnx"})
    client = Client(lambda _: moved, parts)
    weights = opened(tmp_path, client)
    assert (weights.where(CARD), weights.state(CARD)["state"]) == (None, "missing")
    assert (await fetched(weights))["state"] == "here"
    assert Path(weights.where(CARD) or "").read_bytes() == FILE
    assert client.starts == [0, 0, 4096, 8192]
    assert client.asked[1].url == "https://one.example/b/tiny.onnx"
    assert weights.begin(CARD)["state"] == "here"
    assert len(client.asked) == 4


async def test_a_fetch_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    def gone(_: HttpRequest) -> HttpResponse:
        raise NotSentError("No connection to one.example.", hint="Check the network.")

    client = Client(parts, gone, parts)
    weights = opened(tmp_path, client)
    told = await fetched(weights)
    assert (told["state"], told["fetched"]) == ("failed", 4096)
    assert told["reason"] == "No connection to one.example. Check the network."
    assert (await fetched(weights))["state"] == "here"
    assert client.starts == [0, 4096, 4096, 8192]
    assert Path(weights.where(CARD) or "").read_bytes() == FILE


async def test_a_fetch_that_is_stopped_keeps_what_came(tmp_path: Path) -> None:
    client = Client(parts)
    weights = opened(tmp_path, client)
    client.go_on.clear()
    weights.begin(CARD)
    assert weights.begin(CARD)["state"] == "fetching"
    while not client.asked:
        await asyncio.sleep(0)
    assert (await weights.stop(CARD))["state"] == "missing"
    assert len(client.asked) == 1
    client.go_on.set()
    assert (await fetched(weights))["state"] == "here"
    await weights.close()


async def test_a_server_that_sends_no_parts_sends_all_of_it(tmp_path: Path) -> None:
    client = Client(lambda _: HttpResponse(status=200, body=FILE))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{SHA256}.part").write_bytes(b"of another time")
    weights = opened(tmp_path, client)
    assert (await fetched(weights))["state"] == "here"
    assert Path(weights.where(CARD) or "").read_bytes() == FILE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpResponse(status=200, body=FILE[::-1]), "its hash is another one"),
        (HttpResponse(status=404), "status 404"),
        (HttpResponse(status=206, headers={"content-range": "bytes 5-9/90"}, body=b"12345"), "no part"),
        (HttpResponse(status=206, headers={"content-range": "bytes 0-9/900000"}, body=b"12345"), "larger than its card"),
        (HttpResponse(status=206, headers={"content-range": "bytes 0-9/9000"}, body=b""), "empty part"),
        (HttpResponse(status=302, headers={"location": "https://one.example/a/tiny.onnx"}), "redirects"),
    ],
)  # fmt: skip
async def test_what_is_not_the_file_is_thrown_away(tmp_path: Path, answer: HttpResponse, words: str) -> None:
    weights = opened(tmp_path, Client(lambda _: answer))
    told = await fetched(weights)
    assert told["state"] == "failed"
    assert words in str(told["reason"])
    assert weights.where(CARD) is None
    assert [one.stat().st_size for one in (tmp_path / "models").iterdir()] == []


async def test_a_folder_that_cannot_be_made_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    told = await fetched(opened(tmp_path, Client(parts)))
    assert "folder for weights" in str(told["reason"])
