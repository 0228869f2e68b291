"""A hub over HTTP: a node joins, is asked sealed, answers sealed; and what the hub saw of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from tests.unit.network.card_tools import FIRST, NODE, NODE_ID, NOW, STRANGER, body
from tests.unit.network.remote_tools import Hand

from triptych.app.hub import HubRules, hub_origin, open_hub
from triptych.hub.directory import Rules
from triptych.hub.here import PROBATION_JOBS
from triptych.hub.hub import Hub
from triptych.hub.mailbox import Limits
from triptych.hub.quota import Allowance
from triptych.hub.tickets import Share, order
from triptych.network import card, job, presence, stamp
from triptych.network.card import Work
from triptych.network.jose import decode_url64, encode_url64
from triptych.network.ohttp import seal
from triptych.network.tokens import IssuerKey, Order, epoch_at
from triptych.server.hub_app import hub_app
from triptych.spec.errors import SettingsError
from triptych.tlog.note import Note

URL = "https://hub.example"
DONE = stamp.make(NODE_ID, NOW, 4)
assert DONE is not None
CARD = card.sign(body(pow=Work(made_ms=DONE.made_ms, counter=DONE.counter)), NODE)
WORDS, PICTURE = "a heron over the weir", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8000
SEAL = {"content-type": "message/ohttp-req"}


@dataclass
class Seen:
    """Every byte that the hub was sent, by whom."""

    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@dataclass
class World:
    hub: Hub
    client: httpx.AsyncClient
    clock: Hand
    seen: Seen
    folder: Path

    def call(self, start_ms: int = 1, signer: Any = NODE) -> dict[str, str]:
        return {"authorization": f"Triptych {presence.present(signer, URL, start_ms, self.clock.ms)}"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, seen = Hand(), Seen()
    rules = HubRules(nodes=Rules(bits=4), tokens=Share(bits=4, each_day=5), mail=Limits(answer_s=60, take_s=60),
                     guests=Allowance(burst=6, per_minute=60))  # fmt: skip
    hub = await open_hub(tmp_path, URL, clock, rules)

    async def note(request: httpx.Request) -> None:
        seen.heads.append(f"{request.method} {request.url} {dict(request.headers)}")
        seen.bodies.append(await request.aread())

    transport = httpx.ASGITransport(hub_app(hub), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL, event_hooks={"request": [note]}) as client:
        yield World(hub, client, clock, seen, tmp_path)
    await hub.close()


async def joined(world: World) -> None:
    answer = await world.client.put("/hub/v1/cards", content=CARD)
    assert answer.status_code == 200, answer.text
    assert answer.json()["probation"] is True


async def drawn(world: World) -> None:
    """A node that takes one message, opens it, and answers with a picture."""
    got = await world.client.get("/hub/v1/mailbox", headers=world.call())
    assert got.status_code == 200
    data, reply = seal.open_request([FIRST], got.content)
    asked = job.decode_question(data)
    assert isinstance(asked, job.Submit)
    assert asked.job.prompt == WORDS
    done = job.Done(receipt="signed", images=(job.described(PICTURE, "image/png"),))
    sealed = reply.seal(job.encode_reply(job.Reply(done, (PICTURE,))))
    sent = await world.client.put(f"/hub/v1/mailbox/{got.headers['triptych-delivery']}", content=sealed,
                                  headers={**world.call(), "content-type": "message/ohttp-res"})  # fmt: skip
    assert sent.status_code == 204


def asked_for() -> tuple[bytes, seal.Answer]:
    wanted = job.Submit.of(job.Job(model="sdxl", prompt=WORDS, seed=7, nonce="n" * 22, sent_ms=NOW))
    return seal.seal_request([FIRST.config], job.encode_question(wanted))


async def test_a_picture_comes_through_and_the_hub_can_read_nothing_of_it(world: World) -> None:
    await joined(world)
    listed = (await world.client.get("/hub/v1/cards", params={"model": "sdxl"})).json()["cards"]
    found = card.read(listed[0]["card"].encode())
    assert found.id == NODE_ID
    world.seen.heads.clear()
    world.seen.bodies.clear()
    sealed, answer = asked_for()
    node = asyncio.create_task(drawn(world))
    await asyncio.sleep(0)
    while not world.hub.boxes.here(NODE_ID):
        await asyncio.sleep(0)
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=sealed, headers=SEAL)
    await node
    assert got.status_code == 200, got.text
    assert got.headers["content-type"] == "message/ohttp-res"
    reply = job.decode_reply(answer.open(got.content))
    assert reply.pictures == (PICTURE,)
    everything = b"".join([*world.seen.bodies, *[head.encode() for head in world.seen.heads]])
    everything += b"".join(path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    for secret in (WORDS.encode(), b"heron", PICTURE[:64], PICTURE[1000:1064]):
        assert secret not in everything
    asked = b"".join(world.seen.bodies) + "".join(world.seen.heads).encode()
    assert b"sdxl" not in asked
    assert world.hub.directory.listed()[0].jobs == 1


async def test_who_asks_nobody_hears_at_once_that_the_node_is_away(world: World) -> None:
    await joined(world)
    sealed, _ = asked_for()
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=sealed, headers=SEAL)
    assert (got.status_code, got.json()["error"]["code"]) == (503, "node_away")
    got = await world.client.post(f"/hub/v1/relay/{'x' * 43}", content=sealed, headers=SEAL)
    assert (got.status_code, got.json()["error"]["param"]) == (404, "node")
    got = await world.client.post(
        f"/hub/v1/relay/{NODE_ID}", content=b"{}", headers={"content-type": "application/json"}
    )
    assert (got.status_code, got.json()["error"]["param"]) == (400, "content-type")


async def test_a_node_that_takes_a_message_and_dies_is_told_from_one_that_was_away(world: World) -> None:
    await joined(world)
    world.hub.boxes.limits = replace(world.hub.boxes.limits, answer_s=0.1)
    poll = asyncio.create_task(world.client.get("/hub/v1/mailbox", headers=world.call()))
    while not world.hub.boxes.here(NODE_ID):
        await asyncio.sleep(0)
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=asked_for()[0], headers=SEAL)
    assert (got.status_code, got.json()["error"]["code"]) == (504, "node_silent")
    assert got.headers["x-should-retry"] == "false"
    late = (await poll).headers["triptych-delivery"]
    answer = await world.client.put(f"/hub/v1/mailbox/{late}", content=b"x",
                                    headers={**world.call(), "content-type": "message/ohttp-res"})  # fmt: skip
    assert answer.status_code == 404


async def test_only_the_node_itself_gets_its_messages(world: World) -> None:
    await joined(world)
    for headers, status in (
        ({}, 401),
        ({"authorization": "Bearer x"}, 401),
        ({"authorization": f"Triptych {presence.present(NODE, 'https://other.example', 1, NOW)}"}, 401),
        ({"authorization": f"Triptych {presence.present(NODE, URL, 1, NOW - 120_000)}"}, 401),
        (world.call(signer=STRANGER), 404),
    ):
        got = await world.client.get("/hub/v1/mailbox", params={"wait_s": 0}, headers=headers)
        assert got.status_code == status, got.text
    idle = await world.client.get("/hub/v1/mailbox", params={"wait_s": 0}, headers=world.call(start_ms=5))
    assert (idle.status_code, idle.headers["triptych-idle"]) == (
        204, '{"listed":true,"probation":true,"jobs":0,"same_models":0}')  # fmt: skip
    older = await world.client.get("/hub/v1/mailbox", params={"wait_s": 0}, headers=world.call(start_ms=4))
    assert (older.status_code, older.json()["error"]["code"]) == (409, "superseded")


async def test_guests_have_little_and_holders_of_tokens_are_not_known(world: World) -> None:
    await joined(world)
    about = (await world.client.get("/hub/v1/tokens")).json()
    key = IssuerKey.read(about["epoch"], decode_url64(about["key"]) or b"")
    mine = Order.new(key)
    text = order(NODE, URL, key.epoch, [mine.sent], NOW, DONE)
    signed = (await world.client.post("/hub/v1/tokens", json={"order": text})).json()["signed"]
    token = encode_url64(mine.finish(decode_url64(signed[0]) or b"").encode())
    for _ in range(6):
        await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=b"x", headers=SEAL)
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=b"x", headers=SEAL)
    assert (got.status_code, got.json()["error"]["code"]) == (429, "rate_limited")
    assert int(got.headers["retry-after"]) >= 1
    with_token = {**SEAL, "triptych-token": token}
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=b"x", headers=with_token)
    assert got.json()["error"]["code"] == "node_away"
    got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=b"x", headers=with_token)
    assert got.json()["error"]["code"] == "token_refused"


async def tokens_of(world: World, count: int) -> list[str]:
    about = (await world.client.get("/hub/v1/tokens")).json()
    key = IssuerKey.read(about["epoch"], decode_url64(about["key"]) or b"")
    mine = [Order.new(key) for _ in range(count)]
    text = order(NODE, URL, key.epoch, [one.sent for one in mine], NOW, DONE)
    signed = (await world.client.post("/hub/v1/tokens", json={"order": text})).json()["signed"]
    given = zip(mine, signed, strict=True)
    return [encode_url64(one.finish(decode_url64(answer) or b"").encode()) for one, answer in given]


async def test_a_hub_counts_what_can_be_a_picture_and_for_an_account_what_cost_a_token(world: World) -> None:
    await joined(world)
    tokens, account = await tokens_of(world, 5), "a" * 43

    async def asked(size: int, token: str | None, earner: str | None = account) -> None:
        """A message, and so many bytes of the node's in return."""

        async def answer() -> None:
            got = await world.client.get("/hub/v1/mailbox", headers=world.call())
            line = presence.present(NODE, URL, 1, world.clock.ms, earner)
            sent = await world.client.put(f"/hub/v1/mailbox/{got.headers['triptych-delivery']}", content=b"x" * size,
                                          headers={"authorization": f"Triptych {line}", "content-type": "message/ohttp-res"})  # fmt: skip
            assert sent.status_code == 204

        node = asyncio.create_task(answer())
        while not world.hub.boxes.here(NODE_ID):
            await asyncio.sleep(0)
        headers = SEAL if token is None else {**SEAL, "triptych-token": token}
        got = await world.client.post(f"/hub/v1/relay/{NODE_ID}", content=b"sealed", headers=headers)
        await node
        assert (got.status_code, len(got.content)) == (200, size)

    def counted() -> tuple[int, int]:
        return world.hub.directory.listed()[0].jobs, sum(world.hub.tickets._earned.values())

    for size in (0, 9, 64 << 10):  # nothing, rubbish, "taken" or "not yet"
        await asked(size, tokens.pop())
    assert counted() == (0, 0)
    await asked(128 << 10, None)
    assert counted() == (1, 0), "of a guest"
    await asked(128 << 10, tokens.pop(), None)
    assert counted() == (2, 0), "for nobody"
    await asked(128 << 10, tokens.pop())
    assert counted() == (3, 1)
    assert set(world.hub.tickets._earned) == {(epoch_at(NOW), account)}
    about = (await world.client.get("/hub/v1")).json()
    assert (about["tokens_each_day"], about["answers_per_token"], about["tokens_earned"]) == (5, 2, 500)


async def test_a_node_on_probation_has_a_part_of_the_room_and_later_all_of_it(tmp_path: Path) -> None:
    clock = Hand()
    hub = await open_hub(tmp_path, URL, clock, HubRules(nodes=Rules(bits=4), mail=Limits(new_bytes=1000)))
    transport = httpx.ASGITransport(hub_app(hub), raise_app_exceptions=False)
    async with AsyncExitStack() as held:
        held.push_async_callback(hub.close)
        client = await held.enter_async_context(httpx.AsyncClient(transport=transport, base_url=URL))

        async def asked() -> tuple[int, str]:
            got = await client.post(f"/hub/v1/relay/{NODE_ID}", content=b"x" * 1001, headers=SEAL)
            return got.status_code, got.json()["error"]["code"]

        assert (await client.put("/hub/v1/cards", content=CARD)).json()["probation"] is True
        assert await asked() == (503, "capacity")
        for _ in range(PROBATION_JOBS):
            await hub.directory.served(NODE_ID)
        later = card.sign(body(seq=2), NODE)
        assert (await client.put("/hub/v1/cards", content=later)).json()["probation"] is False
        assert await asked() == (503, "node_away"), "it was taken in: the node only does not fetch"


async def test_every_key_is_in_the_log_and_anybody_can_see_it(world: World) -> None:
    await joined(world)
    leaf = card.key_leaf(NODE_ID, FIRST.config)
    await world.hub.log.covered(0)
    checkpoint = (await world.client.get("/hub/v1/log/checkpoint")).content
    assert Note.parse(checkpoint).text.startswith(world.hub.log.origin)
    entries = (await world.client.get("/hub/v1/log/tile/entries/000.p/1")).content
    assert leaf in entries
    missing = await world.client.get("/hub/v1/log/..%2Fhub.key")
    assert missing.status_code == 404


def test_a_hub_is_named_by_its_origin() -> None:
    assert hub_origin("https://Hub.Example:8443/") == "https://hub.example:8443"
    for wrong in (
        "hub.example",
        "ftp://hub.example",
        "https://hub.example/x",
        "https://a:b@hub.example",
        "https://h:99999",
    ):
        with pytest.raises(SettingsError) as told:
            hub_origin(wrong)
        assert told.value.hint


async def test_who_opens_an_invite_in_a_browser_reads_what_to_do_with_it(world: World) -> None:
    got = await world.client.get("/join")
    assert "This is an invite" in got.text
    assert got.headers["content-security-policy"] == "default-src 'none'"
    assert (await world.client.get("/joined")).status_code == 404
