"""Previews through a hub on a real socket, while the job is being drawn; and somebody who does not read them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.node_world import served, until, working_at
from tests.unit.node.job_tools import WORDS, Easel

from triptych.app.node import Node, NodePlan, open_node
from triptych.http.client import HttpClient
from triptych.hub.hub import Hub
from triptych.network import card, job, remote
from triptych.network.job import Accepted, Job, Submit, Watch, Working
from triptych.network.meeting import Meeting
from triptych.network.remote import Line
from triptych.spec.clock import SystemClock


@dataclass
class Street:
    hub: Hub
    meeting: Meeting
    node: Node
    easel: Easel
    polled: list[str]

    async def line(self) -> Line:
        (found,) = (await self.meeting.listed()).cards
        return Line(card.read(found.card.encode()), [self.meeting], "The attic", SystemClock())


def asked(nonce: str = "n") -> Submit:
    now = SystemClock().now_ms()
    return Submit.of(Job(model="sdxl", prompt=WORDS, seed=7, nonce=nonce * 22, sent_ms=now, previews=1))


@pytest.fixture
async def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    clock, easel, polled = SystemClock(), Easel(), list[str]()
    async with served(tmp_path) as at, HttpClient(clock) as client:
        plan = NodePlan(hubs=(at.url,), backends=(easel,), trial=None)
        node = await open_node(tmp_path / "node", plan, client, clock)
        plain = node.jobs._poll

        async def poll(question: job.Poll) -> job.Reply:
            polled.append(question.job)
            return await plain(question)

        monkeypatch.setattr(node.jobs, "_poll", poll)
        async with working_at(at, node):
            yield Street(at.hub, Meeting(at.url, client, clock, private=True), node, easel, polled)


async def test_a_preview_is_there_before_the_picture_is_drawn(street: Street) -> None:
    heard: list[bytes] = []

    async def told(said: Working | Accepted, preview: bytes | None) -> None:
        assert isinstance(said, Working | Accepted)
        if preview is not None:
            heard.append(preview)
            street.easel.free.set()  # nothing is drawn to its end before the preview is here

    line = await street.line()
    sent = asked()
    name = await remote.submit(line, sent)
    found = await remote.follow(line, sent, name, SystemClock().monotonic() + 60, told)
    assert len(found.pictures) == 1
    assert len(heard) == 1
    assert street.polled == []
    (listed,) = street.hub.directory.listed()
    assert listed.jobs == 0, "an answer as small as this one counts for nobody"
    await until(lambda: not street.hub.boxes.depth(street.node.keys.id))


async def test_who_does_not_read_keeps_nobody_else_from_reading(street: Street) -> None:
    line = await street.line()
    name = await remote.submit(line, asked())
    async with aclosing(line.watch(Watch(job=name))) as news:
        assert isinstance((await anext(news)).news, Working)
        street.easel.free.set()
        other = asked("m")  # meanwhile, while the first answer lies there unread

        async def told(*_: object) -> None:
            return

        found = await remote.follow(line, other, await remote.submit(line, other), SystemClock().monotonic() + 60, told)
        assert len(found.pictures) == 1
    await until(lambda: street.hub.boxes._purse.taken == 0)
