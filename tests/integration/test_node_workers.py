"""Workers made for AI Horde behind a node: what is sealed for the node is drawn by them, and signed by it."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image
from tests.integration.node_world import World, until, world_of
from tests.integration.test_node_command import asked as asked_for
from tests.unit.network.card_tools import NOW
from tests.unit.node.job_tools import Easel, wanted

from triptych.app.node import Node
from triptych.app.node_workers import NodeHouse, Offered
from triptych.app.remote_model import model_card
from triptych.catalog.load import load_cards
from triptych.cli.node import serve_node
from triptych.network import node_receipt
from triptych.network.card import BRIDGED, Card
from triptych.network.job import Done, Problem, Refused, Reply, Submit
from triptych.server.horde_api import horde_app
from triptych.spec.errors import NotFoundError, SettingsError, StorageError
from triptych.spec.secret import Secret

MODEL = "AlbedoBase XL (SDXL)"
SIDE = 512
SHADES = iter(range(1, 10_000))


def webp(side: int = SIDE) -> bytes:
    """Another one each time."""
    shade, out = next(SHADES), io.BytesIO()
    Image.new("RGB", (side, side), (shade % 256, shade // 256, 40)).save(out, "WEBP", lossless=True)
    return out.getvalue()


@dataclass
class Hands:
    """A worker of the Horde's protocol: it asks, uploads, submits. `draws` gives what it uploads, `says` what else it says."""

    web: httpx.AsyncClient
    key: str
    name: str = "attic"
    models: tuple[str, ...] = (MODEL,)
    draws: Any = webp
    says: tuple[tuple[str, Any], ...] = ()

    async def pop(self) -> dict[str, Any]:
        body = {"name": self.name, "models": list(self.models), "max_pixels": 1 << 20, "allow_painting": True}
        answer = await self.web.post("/api/v2/generate/pop", json=body, headers={"apikey": self.key})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def draw(self, job: dict[str, Any]) -> httpx.Response:
        await self.web.put(job["r2_upload"], content=self.draws())
        said = {
            "id": job["id"],
            "generation": "R2",
            "state": "ok",
            "seed": int(job["payload"]["seed"]),
            **dict(self.says),
        }
        return await self.web.post("/api/v2/generate/submit", json=said, headers={"apikey": self.key})

    async def work(self) -> None:
        while True:
            job = await self.pop()
            if job["id"] is not None:
                await self.draw(job)
            await asyncio.sleep(0.002)


@dataclass
class Place:
    """A node whose hands are workers, at a hub."""

    world: World
    house: NodeHouse
    node: Node
    web: httpx.AsyncClient

    async def hands(self, name: str = "attic", **changed: Any) -> Hands:
        return Hands(self.web, await self.house.new_key(name), name, **changed)

    @asynccontextmanager
    async def at_work(self, *workers: Hands) -> AsyncIterator[None]:
        """The node and these workers, until the models of these are on its card."""
        tasks = [asyncio.create_task(one.work()) for one in workers]
        tasks.append(asyncio.create_task(self.house.keep()))
        async with self.world.working(self.node):
            await until(lambda: self.house.models or self.house.fault)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def card(self) -> Card:
        """The card, once the hub has the one of now."""
        wanted_ = {one.id for one in self.house.models}

        async def shown() -> Card:
            while True:
                with suppress(StopIteration, RuntimeError):
                    found = await self.world.card(self.node.keys.id)
                    if {one.id for one in found.body.models} == wanted_:
                        return found
                # A node shows a new card when its question at the hub has ended; a message ends it.
                await self.world.ask(await self.world.card(self.node.keys.id), wanted("x" * 22, model="none"))

        async with asyncio.timeout(60):
            return await shown()

    async def ask(self, asked: Submit) -> tuple[Reply, Card]:
        found = await self.card()
        return await self.world.ended(found, await self.world.sent(found, asked)), found


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with world_of(tmp_path) as world:
        house = NodeHouse(tmp_path / "node", world.clock, load_cards())
        node = await world.node(None, workers=house)
        transport = httpx.ASGITransport(horde_app(house), client=("192.168.1.9", 4000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://192.168.1.5:8760") as web:
            yield Place(world, house, node, web)


def checked(reply: Reply, asked: Submit, found: Card) -> str:
    assert isinstance(reply.news, Done | Refused), reply.news
    return node_receipt.check(node_receipt.read(reply.news.receipt.encode()), asked, found, reply.pictures, NOW)


async def test_what_is_sealed_for_the_node_is_drawn_by_a_worker_and_signed_by_the_node(place: Place) -> None:
    async with place.at_work(await place.hands()):
        asked = wanted(model=MODEL, size="512x512", n=2, negative_prompt="fog", steps=12)
        reply, found = await place.ask(asked)
        assert checked(reply, asked, found) == "ok"
        assert len(reply.pictures) == 2
        assert isinstance(reply.news, Done)
        body = node_receipt.read(reply.news.receipt.encode()).body
        assert (body.engine, body.model, body.digest, body.steps) == (BRIDGED, MODEL, None, 12)
    (worker,) = place.house.desk.workers()
    assert worker.served == 3 + 2, "three pictures as a trial, and two that were asked for"
    assert place.node.jobs.p50_ms > 0, "how long one takes is known from the trial on"


async def test_its_card_has_the_models_of_workers_that_are_there_and_of_no_other(place: Place) -> None:
    attic, cellar = await place.hands(), await place.hands("cellar", models=("Deliberate", "bad\nname", "x" * 121))
    async with place.at_work(attic):
        (shown,) = (await place.card()).body.models
        assert (shown.id, shown.engine, shown.caps, shown.max_px) == (
            MODEL,
            BRIDGED,
            ("t2i", "i2i", "inpaint"),
            1 << 20,
        )
        await cellar.pop()
        await place.house.refresh()
        assert {one.id for one in (await place.card()).body.models} == {MODEL, "Deliberate"}
        place.house.desk.forget(next(one for one in place.house.desk.workers() if one.name == "cellar"))
        await place.house.refresh()
        assert {one.id for one in (await place.card()).body.models} == {MODEL}


async def test_a_worker_that_does_not_work_is_found_out_at_home(place: Place) -> None:
    same = webp()
    lazy = await place.hands(draws=lambda: same)
    async with place.at_work(lazy):
        await until(lambda: place.house.fault)
        assert place.house.why == (place.house.fault,)
        assert "the same picture for different words" in str(place.house.fault)
        assert not (await place.card()).body.models
        lazy.draws = webp
        lazy.models = (MODEL, "Deliberate")  # it comes with something else, and is tried again
        await until(lambda: place.house.models)


@pytest.mark.parametrize("says", [(("seed", 8),), (("state", "faulted"),)])
async def test_what_a_worker_does_wrong_is_no_picture_of_the_node(
    place: Place, says: tuple[tuple[str, Any], ...]
) -> None:
    hands = await place.hands()
    async with place.at_work(hands):
        hands.says = says
        reply, _ = await place.ask(wanted(model=MODEL, size="512x512"))
        assert isinstance(reply.news, Problem)
        assert reply.news.code == "failed"
        assert not reply.pictures


async def test_a_picture_that_a_worker_censors_is_a_refusal_that_the_node_signs(place: Place) -> None:
    hands = await place.hands()
    async with place.at_work(hands):
        hands.says = (("state", "censored"),)
        asked = wanted(model=MODEL, size="512x512")
        reply, found = await place.ask(asked)
        assert checked(reply, asked, found) == "refused"


async def test_what_workers_would_not_do_exactly_the_node_turns_away(place: Place) -> None:
    async with place.at_work(await place.hands()):
        found = await place.card()
        ways: tuple[dict[str, Any], ...] = (
            {"size": "520x512"}, {"prompt": "a ### b"}, {"size": "2048x2048"}, {"steps": 900}
        )  # fmt: skip
        for number, changed in enumerate(ways):
            asked = wanted(f"{number}" * 22, (), **{"model": MODEL, "size": "512x512", **changed})
            news = (await place.world.ask(found, asked)).news
            assert isinstance(news, Problem)
            assert news.code == "bad_request"


async def test_a_card_that_says_so_is_read_as_one_whose_prompts_go_on_to_workers(place: Place) -> None:
    async with place.at_work(await place.hands()):
        found = await place.card()
    (shown,) = found.body.models
    for lane, now in (("pinned", "pinned"), ("attested", "community"), ("community", "community")):
        made = model_card(found, shown, lane, "The attic")  # type: ignore[arg-type]
        assert made.lane == now, "the hardware of the node vouches for no worker"
        (fact,) = made.policy
        assert "one of the workers behind it, to which it goes in plain text" in fact.statement
        assert made.capabilities.size_rule is not None
        assert made.capabilities.size_rule.multiple == 64


async def test_an_engine_of_the_node_stays_beside_workers(place: Place) -> None:
    easel = Easel()
    house = place.house
    house._tried = True
    await (await place.hands(models=("sdxl", MODEL))).pop()
    await house.refresh()
    offered = Offered({"sdxl": (easel.offered[0], easel)}, house)
    assert {name: backend.name for name, (_, backend) in offered.items()} == {
        "sdxl": "the easel",
        MODEL: "your workers",
    }


async def test_keys_are_kept_as_hashes_and_count_at_once(place: Place, tmp_path: Path) -> None:
    key = await NodeHouse(tmp_path / "node", place.world.clock).new_key("Mira")  # another process
    assert await place.house.owner_of(key) == "Mira"
    path = tmp_path / "node" / "node" / "workers.json"
    assert key not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    await place.house.take_back("Mira")
    assert await place.house.keys() == ()
    with pytest.raises(NotFoundError):
        await place.house.take_back("Mira")
    mine = NodeHouse(tmp_path / "node", place.world.clock, keys={"AIHORDE_API_KEY": Secret("the-key-that-it-has")})
    assert await mine.owner_of("the-key-that-it-has") == "me"
    path.write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        await mine.keys()


async def test_a_public_address_is_refused_before_anything_else(tmp_path: Path) -> None:
    for address in ("0.0.0.0:8760", "8.8.8.8", "hub.example"):
        with pytest.raises(SettingsError, match="at no public one"):
            await serve_node(asked_for(tmp_path, "https://hub.example", painters=False, workers=address))
