"""What a hub can know: every byte that comes in, goes out or lies on its disk, and every line of its log, with pictures over a mebibyte and
an answer that stays open."""

import io
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.integration.node_world import Served, served, working_at
from tests.unit.node.job_tools import SHOWN, WORDS, Easel, picture

from triptych.app.node import NodePlan, open_node
from triptych.http.client import HttpClient
from triptych.hub.hub import Hub
from triptych.hub.spool import IN_MEMORY, Spool
from triptych.network import card, job, remote
from triptych.network.job import Job, Submit
from triptych.network.meeting import Meeting
from triptych.network.remote import Line
from triptych.server.hub_app import hub_app
from triptych.spec.clock import SystemClock

CLOCK = SystemClock()
SIZE = "704x720"
BOTH = msgspec.structs.replace(SHOWN, caps=("t2i", "i2i"))


def noise() -> bytes:
    """A picture of more than a mebibyte."""
    out = io.BytesIO()
    Image.frombytes("RGB", (704, 720), os.urandom(704 * 720 * 3)).save(out, "PNG")
    assert len(out.getvalue()) > IN_MEMORY
    return out.getvalue()


@dataclass
class Tapped:
    """An application, with all that goes in and out of it."""

    app: ASGIApp
    heard: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.paths.append(f"{scope['method']} {scope['path']}")
            self.heard += [
                scope["raw_path"],
                scope["query_string"],
                *(part for one in scope["headers"] for part in one),
            ]

        async def coming() -> Message:
            message = await receive()
            self.heard.append(message.get("body", b""))
            return message

        async def going(message: Message) -> None:
            self.heard += [message.get("body", b""), *(part for one in message.get("headers", ()) for part in one)]
            await send(message)

        await self.app(scope, coming, going)


@dataclass
class Watched:
    """A hub on a socket that is looked at from all sides."""

    at: Served
    folder: Path
    tapped: Tapped
    filed: list[bytes]


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    filed: list[bytes] = []
    append = Spool._append

    def noted(self: Spool, data: bytes) -> None:
        append(self, data)
        assert self._file is not None
        self._file.flush()
        filed.append(Path(f"/proc/self/fd/{self._file.fileno()}").read_bytes())

    monkeypatch.setattr(Spool, "_append", noted)
    folder = tmp_path / "hub"
    folder.mkdir()
    tapped: list[Tapped] = []

    def tap(found: Hub) -> Tapped:
        tapped.append(Tapped(hub_app(found)))
        return tapped[0]

    async with served(folder, clock=CLOCK, app=tap) as at:
        yield Watched(at, folder, tapped[0], filed)


async def nothing(*_: Any) -> None:
    """Whoever is not interested in how it goes."""


async def test_a_hub_sees_nothing_of_large_pictures_and_open_answers_nor_writes_it_anywhere(
    hub: Watched, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    given, drawn = noise(), noise()
    easel = Easel(gives=(drawn,), offered=(BOTH,))
    async with HttpClient(CLOCK) as client, AsyncExitStack() as held:
        node = await open_node(
            tmp_path / "node", NodePlan(hubs=(hub.at.url,), backends=(easel,), trial=None), client, CLOCK
        )
        await held.enter_async_context(working_at(hub.at, node))
        meeting = Meeting(hub.at.url, client, CLOCK, private=True)
        (listed,) = (await meeting.listed()).cards
        line = Line(card.read(listed.card.encode()), [meeting], "The attic", CLOCK)
        hub.tapped.heard.clear()  # what was said before the prompt is in public: the card names its models
        hub.tapped.paths.clear()
        asked = Submit.of(
            Job(model="sdxl", prompt=WORDS, seed=7, nonce="n" * 22, sent_ms=CLOCK.now_ms(), size=SIZE, previews=1,
                images=(job.described(given, "image/png", role="edit"),)),
            (given,),
        )  # fmt: skip
        name = await remote.submit(line, asked)
        easel.free.set()
        found = await remote.follow(line, asked, name, CLOCK.monotonic() + 30, nothing)
        assert found.pictures == (drawn,)
    assert line.streams, "news came in an answer that stayed open"
    assert hub.filed, "and the picture that was given lay on the disk"
    assert max(map(len, hub.filed)) > len(given) - IN_MEMORY
    seen = b"\0".join([*hub.tapped.heard, *hub.filed])
    assert len(seen) > len(given) + len(drawn), "all of it was looked at"
    left = b"".join(path.read_bytes() for path in hub.folder.rglob("*") if path.is_file())
    said = (caplog.text + "".join(capfd.readouterr())).encode()
    preview = picture(SIZE, 200)
    secrets = [WORDS.encode(), b"heron", asked.job.nonce.encode(), name.encode()]
    for one in (given, drawn, preview):
        secrets += [one[:64], one[len(one) // 2 :][:64], one[-64:]]
    for secret in secrets:
        assert secret not in seen
        assert secret not in left
        assert secret not in said
    assert b"sdxl" not in seen, "not even the model"
