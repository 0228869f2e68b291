"""A hub that is flooded with what costs its sender nothing: whoever came for pictures does not notice."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.unit.network.card_tools import NODE, NODE_ID, NOW, STRANGER, STRANGER_ID, body
from tests.unit.network.remote_tools import Hand

from triptych.app.hub import HubRules, open_hub
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.quota import Allowance
from triptych.hub.stamps import MOST_WAITING
from triptych.hub.tickets import Share, order
from triptych.network import card, presence, stamp
from triptych.network.card import Work
from triptych.network.jose import decode_url64
from triptych.network.stamp import Stamp
from triptych.network.tokens import IssuerKey, Order
from triptych.server.hub_app import hub_app
from triptych.tlog.note import Signer

URL, HONEST, NODES_HOME = "https://hub.example", "198.41.9.1", "198.41.8.1"
WRITES = 20
DONE = stamp.make(NODE_ID, NOW, 4)
assert DONE is not None
CARD = card.sign(body(pow=Work(made_ms=DONE.made_ms, counter=DONE.counter)), NODE)
LATER = card.sign(body(seq=2), NODE)
WRONG = next(one for one in map(Stamp, [NOW] * 99, range(99)) if stamp.zeros(stamp.work(STRANGER_ID, one)) < 4)
BAD = card.sign(body(id=STRANGER_ID, pow=Work(made_ms=WRONG.made_ms, counter=WRONG.counter)), STRANGER)
"""Of a node that nobody knows, well signed, with a stamp that only looks like one."""


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    rules = HubRules(nodes=Rules(bits=4), tokens=Share(bits=4), guests=Allowance(writes=WRITES))
    found = await open_hub(tmp_path, URL, Hand(), rules)
    yield found
    await found.close()


@asynccontextmanager
async def at(hub: Hub, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(hub_app(hub), raise_app_exceptions=False, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield client


async def served(hub: Hub) -> None:
    """A message of an honest studio goes to its node, and the answer comes back."""
    mine = {"authorization": f"Triptych {presence.present(NODE, URL, 1, hub.clock.now_ms())}"}
    async with asyncio.timeout(60), at(hub, HONEST) as studio, at(hub, NODES_HOME) as node:
        poll = asyncio.create_task(node.get("/hub/v1/mailbox", headers=mine))
        while not hub.boxes.here(NODE_ID):
            await asyncio.sleep(0)
        asked = asyncio.create_task(
            studio.post(f"/hub/v1/relay/{NODE_ID}", content=b"sealed", headers={"content-type": "message/ohttp-req"})
        )
        got = await poll
        assert got.content == b"sealed"
        place = f"/hub/v1/mailbox/{got.headers['triptych-delivery']}"
        said = await node.put(place, content=b"answer", headers={**mine, "content-type": "message/ohttp-res"})
        assert said.status_code == 204
        answer = await asked
        assert (answer.status_code, answer.content) == (200, b"answer")


async def asked_for_tokens(client: httpx.AsyncClient, work: Stamp | None, signer: Signer = NODE) -> httpx.Response:
    about = (await client.get("/hub/v1/tokens")).json()
    key = IssuerKey.read(about["epoch"], decode_url64(about["key"]) or b"")
    text = order(signer, URL, key.epoch, [Order.new(key).sent], NOW, work)
    return await client.post("/hub/v1/tokens", json={"order": text})


async def test_one_network_that_floods_is_told_to_wait_and_nobody_else_is(hub: Hub) -> None:
    said: Counter[tuple[int, str]] = Counter()
    async with at(hub, "198.41.7.1") as flood, at(hub, HONEST) as honest, at(hub, NODES_HOME) as node:
        for one in await asyncio.gather(*(flood.put("/hub/v1/cards", content=BAD) for _ in range(3 * WRITES))):
            error = one.json()["error"]
            said[one.status_code, error["param"] or error["code"]] += 1
            assert one.status_code == 400 or int(one.headers["retry-after"]) >= 1
        assert said == {(400, "card.stamp"): WRITES, (429, "rate_limited"): 2 * WRITES}
        for path, sent in (("/hub/v1/tokens", {"order": "x"}), ("/hub/v1/revocations", {})):
            assert (await flood.post(path, json=sent)).status_code == 429
        assert (await node.put("/hub/v1/cards", content=CARD)).status_code == 200
        assert (await asked_for_tokens(honest, DONE)).status_code == 200
    await served(hub)


class Held:
    """Work on stamps that takes until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, subject: str, found: Stamp) -> bytes:
        self.begun.set()
        assert self.go.wait(60)
        return b"\xff" * 32


@pytest.fixture
def held() -> Iterator[Held]:
    found = Held()
    yield found
    found.go.set()


async def test_while_stamps_from_everywhere_are_looked_at_pictures_go_through(
    hub: Hub, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at(hub, NODES_HOME) as node:
        assert (await node.put("/hub/v1/cards", content=CARD)).status_code == 200
        await asked_for_tokens(node, DONE)  # an account that is known
        monkeypatch.setattr(stamp, "work", held)

        async def flood(number: int) -> httpx.Response:
            async with at(hub, f"198.40.{number}.1") as client:
                if number % 2:
                    return await client.put("/hub/v1/cards", content=BAD)
                return await asked_for_tokens(client, WRONG, STRANGER)

        flooding = [asyncio.create_task(flood(number)) for number in range(100)]
        async with asyncio.timeout(60):
            while not held.begun.is_set() or sum(one.done() for one in flooding) < 100 - MOST_WAITING:
                await asyncio.sleep(0.005)
            await served(hub)
            assert (await node.put("/hub/v1/cards", content=LATER)).json()["probation"] is True
            assert (await asked_for_tokens(node, None)).status_code == 200
        held.go.set()
        said = Counter((one.status_code, one.json()["error"]["code"]) for one in await asyncio.gather(*flooding))
        assert said[503, "capacity"] == 100 - MOST_WAITING
        assert said[400, "card_refused"] + said[400, "token_refused"] == MOST_WAITING
