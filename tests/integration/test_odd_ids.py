"""Nodes whose ids begin with a hyphen or an underscore, as one in 32 does: they are found, asked, named, invited and ended like any other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.neighbours_world import A, Land, land
from tests.integration.test_network_api import page
from tests.unit.network.remote_tools import png, signed

from triptych.app.lan import Lan, Service, label, read
from triptych.app.remote_model import provider_of
from triptych.network import bond, invite
from triptych.network.job import Reply, Submit
from triptych.network.jose import kid_of
from triptych.spec.clock import SystemClock
from triptych.studio.models import Names
from triptych.tlog.note import Signer

SEEDS = {"-d1wGF_Mqz": 33, "_e6LNVlaFM": 158, "--NXHycuOT": 1885}
SIGNERS = {first: Signer.from_seed("node", seed.to_bytes(32, "big")) for first, seed in SEEDS.items()}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


@pytest.mark.parametrize("first", SEEDS)
async def test_a_node_with_such_an_id_is_asked_named_and_ended(world: Land, first: str) -> None:
    signer = SIGNERS[first]

    def draw(asked: Submit, now_ms: int) -> Reply:
        return signed(asked, now_ms, (png(1024, 1024),), signer=signer, node=kid_of(signer.key.public))

    node = world.node(draw, signer=signer, hubs=(A,))
    await node.join()
    app = await world.open(A)
    assert node.id.startswith(first)
    await world.allowed()
    name = f"node/{first}/sdxl"
    found = Names(app.models)
    assert [found.resolve(one) for one in (name, name.upper())] == [name, name]
    tile = await world.tile(name)
    assert tile.record.state == "done", tile.record.error
    async with page(world) as web:
        for asked in (f"model:{name}", f'model:"{name}"', name):
            told = await web.get("/api/gallery", params={"q": asked})
            assert [one["tile"] for one in told.json()["pictures"]] == [tile.record.id], asked
        said = await web.put(f"/api/providers/{provider_of(node.id)}/consent", json={"given": True})
        assert said.status_code == 200, said.text
        link = invite.invite(signer, (A,), "Ada's attic", "-" + "w" * 21, SystemClock().now_ms())
        told = await web.post("/api/network/invites", json={"link": f" {link}\n"})
        assert [one["node"] for one in told.json()["invites"]] == [node.id]
        told = await web.delete(f"/api/network/invites/{node.id}")
        assert (told.status_code, told.json()["invites"]) == (200, [])
    await node.hubs[0].revoke(bond.sign("revoke", node.id, signer, issued_ms=SystemClock().now_ms()))
    await app.neighbours.pull()
    assert world.hubs[A].directory.find(node.id) is None


async def test_the_letters_of_an_id_are_no_words_for_a_model(world: Land) -> None:
    await world.node(signer=SIGNERS["-d1wGF_Mqz"], hubs=(A,)).join()
    app = await world.open(A)
    found = Names(app.models)
    name = "node/-d1wGF_Mqz/sdxl"
    assert {"sdxl", "node", "-d1wgf_mqz", name.lower()} <= found.mentions()
    assert not {"mqz", "d1wgf"} & found.mentions()
    assert found.resolve("sdxl") == "sdxl"
    assert found.resolve("-d1wGF_Mqz") == name


class Said:
    """Air that keeps what is said."""

    def __init__(self) -> None:
        self.services: list[Service] = []

    async def say(self, service: Service) -> object:
        self.services.append(service)
        return None

    async def hear(self, seconds: float) -> list[Service]:
        del seconds
        return self.services


@pytest.mark.parametrize("first", SEEDS)
async def test_what_is_said_in_a_network_at_home_is_a_name_that_a_host_may_have(first: str) -> None:
    air, node = Said(), kid_of(SIGNERS[first].key.public)
    await Lan(air).say("Mira's attic", node, "http://192.168.1.20:8750")  # type: ignore[arg-type]
    (service,) = air.services
    assert (service.name, service.name.isalnum(), service.name.isascii()) == (label(node), True, True)
    heard = read(service)
    assert heard is not None
    assert heard.node == node
