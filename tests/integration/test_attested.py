"""The lane of a node whose hardware vouches for it: earned by evidence that holds now, lost with it, and said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.neighbours_world import Land, LiveNode, land
from tests.unit.network.attestation_tools import PCRS, Vendor, vendor
from tests.unit.network.card_tools import body

from triptych.app.attested import Attested
from triptych.network import card
from triptych.network.attestation import nitro, standing
from triptych.network.card import Attest
from triptych.network.jose import decode_url64, encode_url64
from triptych.spec.clock import SystemClock
from triptych.spec.errors import SettingsError

ZEROS = {number: bytes(48) for number in PCRS}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


def evidence(ours: Vendor, node: LiveNode, pcrs: dict[int, bytes]) -> Attest:
    binds = card.binding(node.signer.key.public, decode_url64(body(node.key).hpke) or b"")
    return Attest(type="nitro", evidence=encode_url64(ours.document(bytes.fromhex(binds), pcrs=pcrs)), binds=binds)


def trusting(ours: Vendor, monkeypatch: pytest.MonkeyPatch) -> str:
    """Our own vendor stands in the place of AWS; the name of the program that its documents are for."""
    default = standing.Trust
    monkeypatch.setattr(
        "triptych.app.attested.Trust", lambda programs, handed: default(programs, handed, ours.root_sha256)
    )
    return f"nitro:{nitro.read(ours.document(b'')).program}"


async def test_a_node_is_attested_while_its_evidence_holds(world: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    now = SystemClock().now_ms()
    ours = vendor(now // 3_600_000 * 3_600_000)
    program = trusting(ours, monkeypatch)
    node = world.node()
    await node.join(attest=evidence(ours, node, PCRS))
    app = await world.open(trusted_programs=program)
    name = f"node/{node.id[:10]}/sdxl"
    endpoint = app.models.endpoints()[name]
    assert endpoint.model.card.lane == "attested"
    assert endpoint.ready  # the switch for strangers is not asked of it
    assert endpoint.enabled
    tile = await world.tile(name)
    assert (tile.record.state, tile.record.lane) == ("done", "attested")
    assert app.neighbours.nodes()[0].evidence is not None
    await node.hubs[0].publish(node.card(attest=evidence(ours, node, ZEROS)))
    await node.hubs[1].publish(node.card(attest=evidence(ours, node, ZEROS)))
    await app.neighbours.pull()
    assert app.models.endpoints()[name].model.card.lane == "community"
    assert app.models.endpoints()[name].reason_code == "off"
    found = app.neighbours.nodes()[0].evidence
    assert found is not None
    assert "debug mode" in found.why


async def test_nothing_is_sent_to_a_node_that_has_just_lost_its_lane(
    world: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = vendor(SystemClock().now_ms() // 3_600_000 * 3_600_000)
    program = trusting(ours, monkeypatch)
    node = world.node()
    await node.join(attest=evidence(ours, node, PCRS))
    await world.open(trusted_programs=program)
    monkeypatch.setattr("triptych.app.attested.AGAIN_MS", 0)
    monkeypatch.setattr("triptych.network.attestation.nitro.MAX_AGE_MS", -1)
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.error is not None
    assert "not attested any more. Nothing was sent." in tile.record.error.message
    assert tile.record.billed == "no"
    assert node.script.asked == []


async def test_a_program_must_be_a_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        Attested(("nitro:abc",), tmp_path, SystemClock())
    assert told.value.param == "trusted_programs"
