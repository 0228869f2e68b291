"""A sealed mailbox: messages reach the node that asks for them, answers go back, and every wait has an end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from triptych.hub.errors import NodeAwayError, NodeSilentError, SupersededError
from triptych.hub.mailbox import Delivery, Limits, Mailboxes
from triptych.hub.spool import IN_MEMORY, Purse, Spool
from triptych.spec.errors import NotFoundError, OverloadedError, TooLargeError

KIND = "message/ohttp-req"


@dataclass
class Hands:
    """A clock whose monotonic time is set by hand."""

    at: float = 100.0

    def now_ms(self) -> int:
        return int(self.at * 1000)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def boxes(clock: Hands | None = None, **limits: float) -> Mailboxes:
    made = Mailboxes(clock or Hands(), Limits(**limits))  # type: ignore[arg-type]
    made.register("node")
    return made


async def filled(made: Mailboxes, data: bytes) -> Spool:
    spool = made.spool(made.limits.request_bytes, "node")
    await spool.write(data)
    spool.end()
    return spool


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def served(made: Mailboxes, answer: bytes) -> Delivery:
    """A node that fetches one message and answers it."""
    delivery = await made.fetch("node", 1, 5)
    assert delivery is not None
    spool = made.answering("node", 1, delivery.id, "message/ohttp-res")
    await spool.write(answer)
    spool.end()
    return delivery


async def fetched(made: Mailboxes) -> tuple[asyncio.Task[Delivery], Delivery]:
    """A question on its way: who asks waits, and the node has fetched it."""
    poll = asyncio.create_task(made.fetch("node", 1, 5))
    await asyncio.sleep(0)
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    delivery = await poll
    assert delivery is not None
    return send, delivery


@pytest.mark.parametrize("size", [10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7])
async def test_a_message_goes_there_and_its_answer_comes_back(size: int) -> None:
    made = boxes()
    question, answer = bytes(range(256)) * (size // 256 + 1), b"sealed" * (size // 6 + 1)
    node = asyncio.create_task(served(made, answer))
    await asyncio.sleep(0)
    delivery = await made.send("node", KIND, await filled(made, question))
    assert (await node) is delivery
    assert delivery.answer_kind == "message/ohttp-res"
    assert await whole(delivery.request.read()) == question
    assert await whole(made.body(delivery)) == answer
    made.finish("node", delivery)
    assert made.depth("node") == 0
    assert made.spool(1, "node")._purse.taken == 0


async def test_an_answer_is_read_while_it_is_written() -> None:
    made = boxes()
    send, delivery = await fetched(made)
    spool = made.answering("node", 1, delivery.id, "message/ohttp-chunked-res")
    await spool.write(b"preview")
    pieces = made.body(await send)
    assert await anext(pieces) == b"preview"
    await spool.write(b"picture")
    spool.end()
    assert await whole(pieces) == b"picture"


async def test_a_node_that_does_not_fetch_is_away_at_once() -> None:
    made = boxes()
    with pytest.raises(NodeAwayError):
        await made.send("node", KIND, await filled(made, b"q"))
    with pytest.raises(NotFoundError):
        await made.send("another", KIND, await filled(made, b"q"))
    assert made.spool(1, "node")._purse.taken == 0


async def test_a_node_between_two_polls_is_waited_for_and_then_given_up() -> None:
    clock = Hands()
    made = boxes(clock, take_s=0.01, away_s=40)
    assert await made.fetch("node", 1, 0) is None
    with pytest.raises(NodeAwayError, match="did not fetch"):
        await made.send("node", KIND, await filled(made, b"q"))
    assert made.depth("node") == 0
    clock.at += 41
    assert not made.here("node")


async def test_a_node_that_takes_a_message_and_dies_is_silent() -> None:
    made = boxes(answer_s=0.01)
    poll = asyncio.create_task(made.fetch("node", 1, 5))
    await asyncio.sleep(0)
    with pytest.raises(NodeSilentError):
        await made.send("node", KIND, await filled(made, b"q"))
    delivery = await poll
    assert delivery is not None
    with pytest.raises(NotFoundError, match="Nobody waits"):
        made.answering("node", 1, delivery.id, "x")


async def test_an_answer_that_breaks_off_says_so_after_what_came() -> None:
    made = boxes()
    send, delivery = await fetched(made)
    spool = made.answering("node", 1, delivery.id, "x")
    await spool.write(b"half")
    pieces = made.body(await send)
    assert await anext(pieces) == b"half"
    made.broken(spool)
    with pytest.raises(NodeSilentError):
        await anext(pieces)


async def test_an_answer_that_never_ends_is_cut_off() -> None:
    made = boxes(whole_s=0.01)
    send, delivery = await fetched(made)
    await made.answering("node", 1, delivery.id, "x").write(b"half")
    with pytest.raises(NodeSilentError):
        await whole(made.body(await send))


async def test_the_younger_of_two_processes_with_one_key_gets_the_messages() -> None:
    made = boxes()
    old = asyncio.create_task(made.fetch("node", 1, 5))
    await asyncio.sleep(0)
    young = asyncio.create_task(made.fetch("node", 2, 5))
    with pytest.raises(SupersededError):
        await old
    with pytest.raises(SupersededError):
        await made.fetch("node", 1, 5)
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    assert await young is not None
    send.cancel()


async def test_a_full_mailbox_and_a_full_hub_say_so() -> None:
    made = boxes(depth=1, room_bytes=100)
    assert await made.fetch("node", 1, 0) is None
    first = asyncio.create_task(made.send("node", KIND, await filled(made, b"1" * 60)))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="wait for this node"):
        await made.send("node", KIND, await filled(made, b"2" * 30))
    with pytest.raises(OverloadedError, match="no room"):
        await filled(made, b"3" * 41)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert made.spool(1, "node")._purse.taken == 0


async def test_new_nodes_together_have_a_part_of_the_room_and_the_others_all_of_it() -> None:
    made = boxes(room_bytes=100, new_bytes=40)
    for fresh in ("one", "two"):
        made.register(fresh, new=True)
    first, second, old = made.spool(100, "one"), made.spool(100, "two"), made.spool(100, "node")
    await first.write(b"1" * 40)
    with pytest.raises(OverloadedError, match="for new nodes"):
        await second.write(b"2")
    with pytest.raises(OverloadedError, match="for new nodes"):
        await made.spool(100, "nobody").write(b"3")
    await old.write(b"4" * 60)
    with pytest.raises(OverloadedError, match="more messages now"):
        await old.write(b"5")
    first.close()
    await old.write(b"5" * 40)
    with pytest.raises(OverloadedError, match="more messages now"):
        await second.write(b"2")
    old.close()
    await second.write(b"2" * 40)
    made.register("one")  # it is known by now
    await made.spool(100, "one").write(b"6" * 60)


async def test_a_sender_who_goes_away_leaves_nothing_behind() -> None:
    made = boxes()
    assert await made.fetch("node", 1, 0) is None
    send = asyncio.create_task(made.send("node", KIND, await filled(made, b"q")))
    await asyncio.sleep(0)
    assert made.depth("node") == 1
    send.cancel()
    await asyncio.gather(send, return_exceptions=True)
    assert made.depth("node") == 0


async def test_a_node_that_leaves_gives_back_what_waits() -> None:
    made = boxes()
    poll = asyncio.create_task(made.fetch("node", 1, 5))
    await asyncio.sleep(0)
    made.remove("node")
    with pytest.raises(NotFoundError):
        await poll


async def test_too_much_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    spool = Spool(Purse(10 << 20), 2 << 20, tmp_path)
    await spool.write(b"x" * (2 << 20))
    with pytest.raises(TooLargeError, match="2 MiB"):
        await spool.write(b"x")
    spool.close()
    spool.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_node_whose_connection_ends_waits_no_more() -> None:
    made, left = boxes(), asyncio.Event()

    async def gone() -> None:
        await left.wait()

    waiting = asyncio.create_task(made.fetch("node", 1, 25, gone))
    while not made.here("node"):
        await asyncio.sleep(0)
    left.set()
    assert await waiting is None


async def test_of_two_that_wait_for_one_node_each_gets_a_message() -> None:
    made = boxes()
    waiting = [asyncio.create_task(made.fetch("node", 1, 5)) for _ in range(2)]
    while not made.here("node"):
        await asyncio.sleep(0)
    sent = [asyncio.create_task(made.send("node", KIND, await filled(made, data))) for data in (b"one", b"two")]
    found = [await one for one in waiting]
    assert [await whole(made.handed("node", one)) for one in found if one is not None] == [b"one", b"two"]
    for one in found:
        assert one is not None
        made.answering("node", 1, one.id, "message/ohttp-res").end()
    for delivery in [await one for one in sent]:
        made.finish("node", delivery)


async def test_a_reader_that_keeps_up_makes_no_file_and_gives_the_room_back(tmp_path: Path) -> None:
    purse = Purse(4 << 20)
    spool, sent = Spool(purse, 64 << 20, tmp_path / "nowhere"), bytes(range(256)) * 1024  # a file could not be made
    reading = spool.read()
    for _ in range(20):
        await spool.write(sent)
        await spool.write(sent)
        assert [await anext(reading), await anext(reading)] == [sent, sent]
        assert purse.taken == 0
    spool.end()
    assert await whole(reading) == b""
    assert spool.size == 40 * len(sent)


async def test_what_comes_while_the_file_is_read_stays_in_order(tmp_path: Path) -> None:
    purse = Purse(64 << 20)
    spool, part = Spool(purse, 64 << 20, tmp_path), IN_MEMORY // 2
    for number in range(5):  # two in memory, three in the file
        await spool.write(bytes([number]) * part)
    reading, found = spool.read(), b""
    for number in range(5, 12):
        found += await anext(reading)
        await spool.write(bytes([number]) * part)
    spool.end()
    assert found + await whole(reading) == b"".join(bytes([number]) * part for number in range(12))
    assert purse.taken == 0
    spool.close()
