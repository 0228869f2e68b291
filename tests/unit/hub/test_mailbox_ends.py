"""Nobody waits for a node that has gone: how soon whoever asks hears of it, and what many nodes that only wait have to do with each other."""

import asyncio

import pytest
from tests.unit.hub.test_mailbox import KIND, Hands, boxes, fetched, filled, served, whole
from tests.unit.loop_time import LoopTime

from triptych.hub.errors import NodeAwayError, NodeSilentError
from triptych.hub.mailbox import Limits, Mailboxes


def test_a_new_request_hears_within_two_seconds_that_a_node_has_gone() -> None:
    assert Limits().away_s < 2
    assert Limits().lost_s < 10


async def test_what_waits_for_a_node_that_does_not_come_back_goes_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    time, made = LoopTime(monkeypatch), boxes(away_s=1, take_s=60)
    assert await made.fetch("node", 1, 0) is None
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    await time.forward(0.5)
    assert not send.done()
    await time.forward(1)
    with pytest.raises(NodeAwayError, match="does not fetch"):
        await send
    assert made.depth("node") == 0


async def test_a_node_that_comes_back_in_time_gets_what_waits() -> None:
    made = boxes(away_s=5)
    assert await made.fetch("node", 1, 0) is None
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    await asyncio.sleep(0)
    assert (await served(made, b"a")).id
    assert await whole(made.body(await send)) == b"a"


async def test_a_node_that_dies_with_a_message_in_its_hand_is_silent_soon() -> None:
    made = boxes(away_s=0.01, lost_s=0.02, answer_s=60)
    send, _ = await fetched(made)
    with pytest.raises(NodeSilentError, match="went away"):
        await send


async def test_a_node_that_is_at_work_and_asks_for_more_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    time, made = LoopTime(monkeypatch), boxes(away_s=1, lost_s=2, answer_s=60)
    send, delivery = await fetched(made)
    poll = asyncio.create_task(made.fetch("node", 1, 5))
    await time.forward(0)
    await time.forward(3)
    assert not poll.done()
    assert not send.done()
    spool = made.answering("node", 1, delivery.id, "x")
    await spool.write(b"late")
    spool.end()
    assert await whole(made.body(await send)) == b"late"
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_node_that_still_loads_its_message_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    time, made = LoopTime(monkeypatch), boxes(Hands(), away_s=1, lost_s=2, answer_s=60)
    send, delivery = await fetched(made)
    pieces = made.handed("node", delivery)
    assert await anext(pieces) == b"q"
    await time.forward(3)
    assert made.here("node")
    assert not send.done()
    await pieces.aclose()
    await time.forward(3)
    with pytest.raises(NodeSilentError):
        await send


async def test_a_node_that_is_taken_off_the_list_gives_back_what_waits_for_it() -> None:
    made = boxes(take_s=60)
    assert await made.fetch("node", 1, 0) is None
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    await asyncio.sleep(0)
    made.remove("node")
    with pytest.raises(NodeAwayError, match="left this hub"):
        await send


async def test_a_thousand_nodes_that_wait_do_not_disturb_each_other() -> None:
    made = Mailboxes(Hands())
    names = [f"node {number}" for number in range(1000)]
    for name in names:
        made.register(name)
    polls = {name: asyncio.create_task(made.fetch(name, 1, 60)) for name in names}
    await asyncio.sleep(0)
    assert all(made.here(name) for name in names)
    send = asyncio.create_task(made.send("node 500", KIND, await filled(made, b"q")))
    delivery = await polls["node 500"]
    assert delivery is not None
    made.answering("node 500", 1, delivery.id, "x").end()
    assert await whole(made.body(await send)) == b""
    assert sum(poll.done() for poll in polls.values()) == 1
    for poll in polls.values():
        poll.cancel()
    await asyncio.gather(*polls.values(), return_exceptions=True)
    assert not any(box.polls for box in made._boxes.values())
