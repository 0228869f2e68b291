"""Owners of nodes: signed for by a command, carried by the cards, one owner for all of their nodes, and ended from anywhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from benchmarks.painted import CHEATS
from tests.integration.neighbours_world import Land, LiveNode, land
from tests.integration.node_world import World, served, working_at, world_of
from tests.integration.test_checks import WAVES, drawn, looked, three
from tests.integration.test_network_api import page
from tests.unit.cli_tools import Cli, cli_on
from tests.unit.network.card_tools import DAY, NOW
from tests.unit.node.job_tools import Easel

from triptych.app.hub import HubRules
from triptych.app.node import NodePlan, open_node
from triptych.http.client import HttpClient
from triptych.hub.directory import Rules
from triptych.network.reputation import About
from triptych.node import leaving
from triptych.node.keys import open_keys, read_owner
from triptych.node.owning import make_owner
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotConfiguredError, SettingsError


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path) as made:
        yield made


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "laptop", monkeypatch, capsys) as made:
        yield made


async def owned_by_one(world: Land, *nodes: LiveNode) -> str:
    """Signs for nodes that are there with one key; its name."""
    owner, now = make_owner(world.folder / "laptop"), SystemClock().now_ms()
    for node in nodes:
        await node.hubs[0].publish(node.card(models=(WAVES,), owner=owner.sign(node.id, now)))
    await world.studio.neighbours.pull()
    return owner.id


async def test_two_nodes_of_one_owner_do_not_check_each_other(world: Land) -> None:
    suspect, sibling, friend = await three(world, CHEATS["a wrong seed"])
    await owned_by_one(world, suspect, sibling)
    await drawn(world, suspect)
    await looked(world)
    (check,) = world.studio.audits.book.checks.values()
    assert check.what == "canary", "a friend's node, since the other one is the same owner's"
    assert not sibling.script.names
    assert friend.script.names


async def test_what_one_node_of_an_owner_does_counts_for_the_other(world: Land) -> None:
    suspect, sibling, friend = await three(world, CHEATS["a wrong seed"])
    owner = await owned_by_one(world, suspect, sibling)
    await drawn(world, suspect)
    await looked(world)
    book, about = world.studio.audits.book, About(owner, WAVES.digest or "")
    assert book.tally(about).opinion.bad > 0
    for _ in range(2):
        await book.fault(about, SystemClock().now_ms())
    async with page(world) as web:
        reasons = {one["id"]: one["reason"] for one in (await web.get("/api/network")).json()["nodes"]}
        assert "is put aside" in reasons[suspect.id]
        assert "is put aside" in reasons[sibling.id]
        assert reasons[friend.id] is None
        told = (await web.get("/api/network/checks")).json()
        (one,) = [one for one in told["owners"] if one["owner"] == owner]
        assert set(one["nodes"]) == {suspect.id, sibling.id}


async def test_a_node_that_was_signed_for_shows_its_owner_at_the_hub_and_keeps_it(there: World) -> None:
    owner, place = make_owner(there.folder / "laptop"), there.folder / "node"
    before = open_keys(place)
    before.adopt(owner.sign(before.id, there.clock.ms, days=100))
    node = await there.node(Easel())
    async with there.working(node):
        found = await there.card(node.keys.id)
        assert found.owner == owner.id
        assert not node.worker.alarms
        there.clock.ms += 80 * DAY
        assert "triptych keys owner sign" in node.worker.alarms[0]
    (there.folder / "node" / "node" / "owner.bond").unlink()  # as a thief of the node's key would have it
    thief = await there.node(Easel())
    async with asyncio.timeout(60):
        why = await thief.worker.run()
    assert "The hub does not take the owner of this node" in why
    assert "--owner FILE" in why


async def test_a_new_key_of_an_owned_node_names_the_command_and_takes_the_word(tmp_path: Path) -> None:
    owner, node = make_owner(tmp_path / "laptop"), open_keys(tmp_path)
    node.adopt(owner.sign(node.id, NOW))
    with pytest.raises(NotConfiguredError, match="who has to sign for the new key") as told:
        leaving.rotate(tmp_path, NOW)
    words = str(told.value.hint).split("`")
    fresh = words[1].split()[4]
    assert words[1] == f"triptych keys owner sign {fresh} > FILE"
    assert words[3] == "triptych node --rotate-key --owner FILE"
    with pytest.raises(SettingsError, match="is about"):
        leaving.rotate(tmp_path, NOW, owner.sign(node.id, NOW))
    assert leaving.rotate(tmp_path, NOW, owner.sign(fresh, NOW)) == (node.id, fresh)
    again = open_keys(tmp_path)
    assert (again.id, again.owner is not None) == (fresh, True)


def test_the_commands_from_the_first_key_to_the_end_of_a_node(cli: Cli, tmp_path: Path) -> None:
    attic = str(tmp_path / "attic")
    none = cli("keys", "owner", "sign", "x" * 43)
    assert none.code == 2
    assert "triptych keys owner make" in none.err
    made = cli("keys", "owner", "make")
    assert cli("keys", "owner", "make").out == made.out
    assert "Keep a copy" in made.err
    node = cli("node", "--id", "--data", attic).out.strip()
    assert open_keys(tmp_path / "attic").id == node
    wrong = cli("keys", "owner", "sign", "attic")
    assert "triptych node --id" in " ".join(wrong.err.split())
    word = tmp_path / "word"
    word.write_text(cli("keys", "owner", "sign", node).out)
    told = cli(
        "node", "--owner", str(word), "--hub", "nowhere", "--data", attic
    )  # it takes the word before it looks for its hub
    assert f"belongs to {made.out.strip()}" in " ".join(told.err.split())
    listed = cli("keys", "owner", "list").out
    assert node in listed.replace("\n", "")
    assert "yours" in listed
    assert "No hub is named" in cli("keys", "owner", "end", node).err
    assert "has not spoken for" in " ".join(
        cli("keys", "owner", "end", "y" * 43, "--hub", "https://hub.example").err.split()
    )
    assert "you ended it" not in cli("keys", "owner", "list").out


def test_an_id_that_begins_with_a_hyphen_is_no_option(cli: Cli, tmp_path: Path) -> None:
    assert cli("keys", "owner", "make").code == 0
    for one in ("-k" + "x" * 41, "--" + "x" * 41, "-" + "d" * 42):
        word = tmp_path / "word"
        word.write_text(cli("keys", "owner", "sign", one, "--days", "3").out)
        assert read_owner(word.read_text(), one).text
        assert "No hub is named" in cli("keys", "owner", "end", one).err
    mistyped = cli("keys", "owner", "sign", "x" * 43, "--dyas", "3")
    assert (mistyped.code, "--dyas" in mistyped.err) == (2, True)


async def test_an_owner_ends_a_node_from_another_machine(tmp_path: Path, cli: Cli) -> None:
    clock = SystemClock()
    owner, node = make_owner(tmp_path / "laptop"), open_keys(tmp_path / "attic")
    node.adopt(owner.sign(node.id, clock.now_ms()))
    async with (
        served(tmp_path, HubRules(nodes=Rules(bits=1))) as at,
        HttpClient(clock) as client,
        AsyncExitStack() as stack,
    ):
        url, hub = at.url, at.hub
        plan = NodePlan(hubs=(url,), backends=(Easel(),), trial=None, watch=False)
        attic = await stack.enter_async_context(
            working_at(at, await open_node(tmp_path / "attic", plan, client, clock))
        )
        assert [one.card.owner for one in hub.directory.listed()] == [owner.id]
        said = await asyncio.to_thread(cli, "keys", "owner", "end", node.id, "--hub", url)
        assert (said.code, f"{url} was told." in " ".join(said.err.split())) == (0, True), said.err
        assert hub.directory.listed() == ()
        again = await asyncio.to_thread(cli, "keys", "owner", "end", node.id, "--hub", "http://127.0.0.1:9")
        assert (again.code, "was not told" in " ".join(again.err.split()), "later" in again.err) == (1, True, True)
        assert "you ended it" in cli("keys", "owner", "list").out
        assert "ended" in cli("keys", "owner", "sign", node.id).err
        async with asyncio.timeout(60):
            assert "was revoked" in await attic
