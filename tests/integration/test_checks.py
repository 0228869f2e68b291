"""Nodes that cheat, asked by a real studio through real hubs: what the user sees of it, on the tile and on the Network page."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx2 as httpx
import msgspec
import pytest
from benchmarks.painted import BY, CHEATS, SIZE, limits, painted
from PIL import Image
from tests.emulators.pictures import pixel_bomb
from tests.integration.neighbours_world import PROMPT, A, Land, LiveNode, Wires, land
from tests.integration.test_network_api import page
from tests.unit.network.card_tools import FIRST, NODE, SECOND, THIRD
from tests.unit.network.remote_tools import Draw, claimed, png, signed
from tests.unit.test_imaging import bomb

from triptych.app.audit_book import MEASURED
from triptych.app.audit_ways import CONSENT, FOLDER
from triptych.network import invite
from triptych.network.card import CardModel
from triptych.network.job import Reply, Submit
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting
from triptych.network.ohttp.keys import NodeKey
from triptych.server.hub_app import hub_app
from triptych.spec.clock import SystemClock
from triptych.spec.image import ImageRequest, Size
from triptych.studio.views import TileView
from triptych.tlog.note import Signer

WAVES = CardModel(
    id="waves", family="waves", engine=BY.engine, precision=BY.precision, max_px=1_048_576, steps_max=50, caps=("t2i",),
    digest=BY.digest,
)  # fmt: skip
OTHERS = Signer.from_seed("other", b"x" * 32), Signer.from_seed("friend", b"y" * 32)


class Sure(Random):
    """Chance that looks at every job, and takes the way that is named last."""

    def random(self) -> float:
        return 0.0

    def uniform(self, a: float, b: float) -> float:
        del a, b
        return 0.0

    def choice(self, found: Any) -> Any:
        return found[-1]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Land]:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    async with land(tmp_path) as made:
        yield made


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def draws(painter: Callable[[int, int], Image.Image], machine: int, signer: Signer) -> Draw:
    def draw(asked: Submit, now_ms: int) -> Reply:
        data = encoded(painter(asked.job.seed % 50, machine))
        return signed(asked, now_ms, (data,), signer=signer, node=kid_of(signer.key.public), model=WAVES.id, digest=WAVES.digest,
                      engine=WAVES.engine, precision=WAVES.precision, steps=asked.job.steps)  # fmt: skip

    return draw


async def joined(world: Land, draw: Draw, signer: Signer, key: NodeKey, address: str) -> LiveNode:
    """A node at an address of its own, as the hubs see it."""
    node, ways = world.node(draw, signer=signer, key=key, hubs=(A,)), Wires()
    ways.clients[A] = world.wires.clients[f"{A}/{address}"] = httpx.AsyncClient(
        transport=httpx.ASGITransport(hub_app(world.hubs[A]), raise_app_exceptions=False, client=(address, 1)),
        base_url=A,
    )
    node.hubs = [Meeting(A, ways, SystemClock())]
    await node.join(models=(WAVES,))
    return node


async def three(world: Land, painter: Callable[[int, int], Image.Image]) -> tuple[LiveNode, LiveNode, LiveNode]:
    """One that is looked at, a stranger in another network, and a friend; the studio knows the class and may draw twice."""
    suspect = await joined(world, draws(painter, 1, NODE), NODE, FIRST, "8.8.8.8")
    stranger = await joined(world, draws(painted, 2, OTHERS[0]), OTHERS[0], SECOND, "9.9.9.9")
    friend = await joined(world, draws(painted, 2, OTHERS[1]), OTHERS[1], THIRD, "8.8.8.9")
    checks = world.folder / "studio" / FOLDER
    checks.mkdir(parents=True)
    row = {"digest": BY.digest, "engine": BY.engine, "precision": BY.precision, **asdict(limits())}
    (checks / MEASURED).write_bytes(msgspec.json.encode([row]))
    await opened(world)
    await world.allowed()
    link = invite.invite(OTHERS[1], (A,), "Ada's attic", "w" * 22, SystemClock().now_ms())
    await world.studio.neighbours.accept(link)
    await world.studio.store.put_setting(CONSENT, True)
    return suspect, stranger, friend


async def opened(world: Land) -> None:
    await world.open(A)
    world.studio.audits.draw = Sure(3)


async def drawn(world: Land, node: LiveNode, model: str = "waves") -> TileView:
    """A picture of the user's, 160 by 112."""
    studio, name = world.studio.studio, f"node/{node.id[:10]}/{model}"
    run = await studio.start_single(ImageRequest(prompt=PROMPT, seed=7, size=Size(*SIZE)), model=name, source="studio")
    return (await studio.wait_run(run.record.id)).tiles[0]


async def noted(world: Land) -> None:
    audits = world.studio.audits
    while not audits.news.empty():
        await audits.note(audits.news.get_nowait())


async def looked(world: Land) -> None:
    await noted(world)
    while world.studio.audits.book.due:
        await world.studio.audits.look(next(iter(world.studio.audits.book.due.values())))


async def doubt(world: Land, tile: TileView) -> Any:
    """What is said on a tile now."""
    return (await world.studio.studio.tile(tile.record.id)).json["doubt"]


async def doubted(world: Land, tile: TileView) -> Any:
    """The same, once there is something."""
    async with asyncio.timeout(60):
        while (found := await doubt(world, tile)) is None:
            await asyncio.sleep(0.01)
    return found


async def test_another_picture_is_found_marked_and_shown_beside_the_right_one(world: Land) -> None:
    suspect, stranger, friend = await three(world, CHEATS["a wrong seed"])
    tile = await drawn(world, suspect)
    assert tile.record.state == "done"
    assert tile.json["doubt"] is None  # it is shown at once; what follows holds nothing up
    assert not stranger.script.names
    at_work = asyncio.create_task(world.studio.audits.keep())
    said = await doubted(world, tile)
    at_work.cancel()
    assert "Drawn again elsewhere, it came out otherwise. It is another picture" in said["message"]
    assert len(stranger.script.names) == len(friend.script.names) == 1
    assert len(suspect.script.names) == 1
    asked = [next(iter(node.script.jobs.values())).job for node in (suspect, stranger, friend)]
    assert {(one.seed, one.steps, one.size) for one in asked} == {(7, 25, "160x112")}
    assert len({one.nonce for one in asked}) == 3
    assert [one.guest for one in asked] == [None, None, "w" * 22]
    tiles = await world.studio.store.runs(limit=10)
    assert len(tiles.runs) == 1  # what the others drew is no picture of the studio's
    async with page(world) as web:
        told = (await web.get("/api/network/checks")).json()
        (check,) = told["checks"]
        assert (check["what"], check["wrong"], check["node"], check["id"]) == (
            "redundant",
            "suspect",
            suspect.id,
            said["check"],
        )
        assert {one["role"] for one in check["pictures"]} == {"suspect", "reference", "third"}
        for one in check["pictures"]:
            shown = await web.get(one["url"])
            assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
            assert "sandbox" in shown.headers["content-security-policy"]
        (model,) = next(one for one in told["owners"] if suspect.id in one["nodes"])["models"]
        assert (model["standing"], model["mismatches"], model["jobs"]) == ("quarantine", 1, 1)
        assert model["compared"] == "away"  # it is asked nothing
        nodes = {one["id"]: one["reason"] for one in (await web.get("/api/network")).json()["nodes"]}
        assert "is put aside: what others drew of the same jobs is something else" in nodes[suspect.id]
        assert nodes[stranger.id] is nodes[friend.id] is None
        again = await drawn(world, suspect)
        assert again.record.error is not None
        assert "put aside" in again.record.error.message
        told = (await web.post("/api/network/checks/pardon", json={"owner": suspect.id})).json()
        (model,) = next(one for one in told["owners"] if suspect.id in one["nodes"])["models"]
        assert (model["standing"], model["compared"]) == ("probation", "fully")
        assert (await web.post("/api/network/checks/pardon", json={"owner": "nobody"})).status_code == 404
        assert (await web.put("/api/network/checks/twice", json={"given": 1})).status_code == 400
        assert (await web.put("/api/network/checks/twice", json={"given": False})).json()["twice"] is False
        assert (await web.get(f"/api/network/checks/{check['id']}/third/1")).status_code == 404
    assert (await drawn(world, suspect)).record.state == "done"


async def test_a_canary_finds_who_cheats_and_no_prompt_leaves(world: Land) -> None:
    suspect, stranger, friend = await three(world, CHEATS["half the resolution"])
    await world.studio.store.put_setting(CONSENT, value=False)
    tile = await drawn(world, suspect)
    await looked(world)
    prompts = [one.job.prompt for node in (suspect, stranger, friend) for one in node.script.jobs.values()]
    assert len(prompts) == 3
    assert prompts.count(str(tile.record.request["prompt"])) == 1
    (check,) = world.studio.audits.book.checks.values()
    assert (check.what, check.wrong) == ("canary", "suspect")
    assert "fine detail" in check.why
    assert await doubt(world, tile) is None  # that picture was not looked at
    assert len((await world.studio.store.runs(limit=10)).runs) == 1
    spent: Any = (await world.studio.studio.spend())["today"]
    assert spent["amount_micro_usd"] == 0


async def test_a_check_that_is_due_is_made_after_a_restart(world: Land) -> None:
    suspect, stranger, _ = await three(world, CHEATS["another model"])
    tile = await drawn(world, suspect)
    await noted(world)
    assert len(world.studio.audits.book.due) == 1
    await world.close()
    await opened(world)
    assert not stranger.script.names
    await looked(world)
    await doubted(world, tile)
    await world.close()
    await opened(world)
    (check,) = world.studio.audits.book.checks.values()
    assert check.wrong == "suspect"
    assert (await doubt(world, tile))["check"] == check.id
    known = world.studio.neighbours
    (why,) = [known.away(one, SystemClock().now_ms()) for one in known.nodes() if one.id == suspect.id]
    assert why is not None
    assert "put aside" in why


async def test_two_honest_nodes_match_or_nobody_knows_and_nothing_is_said(world: Land) -> None:
    suspect, stranger, _ = await three(world, painted)
    tile = await drawn(world, suspect)
    await looked(world)
    (check,) = world.studio.audits.book.checks.values()
    assert check.wrong in {"nobody", "open"}
    assert not check.pictures
    assert not [one for one in (world.folder / "studio" / FOLDER).iterdir() if one.is_file() and one.name != MEASURED]
    assert await doubt(world, tile) is None
    assert stranger.script.names


def stale() -> Draw:
    """The answer to the first job, again and again."""
    first: list[Reply] = []

    def draw(asked: Submit, now_ms: int) -> Reply:
        first[:] = first or [signed(asked, now_ms, (png(160, 112, 1),))]
        return first[0]

    return draw


IMMEDIATE: dict[str, tuple[Draw, str]] = {
    "a bomb": (lambda asked, now: claimed(asked, now, pixel_bomb()), "claims 60000x60000 pixels"),
    "an SVG": (lambda asked, now: claimed(asked, now, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "SVG, which can carry scripts"),
    "half the resolution": (lambda asked, now: signed(asked, now, (png(80, 56),)), "80x56 pixels; 160x112 was asked for"),
    "another node's picture": (
        lambda asked, now: signed(asked, now, (png(160, 112),), signer=OTHERS[0], node=kid_of(OTHERS[0].key.public)), "the job was sealed to",
    ),
    "a stale one": (stale(), "of another job"),
    "a wrong seed, said": (lambda asked, now: signed(asked, now, (png(160, 112),), seed=8), "Seed 7 was asked for"),
    "fewer steps, said": (lambda asked, now: signed(asked, now, (png(160, 112),), steps=10), "25 steps were asked for"),
    "another sampler, said": (lambda asked, now: signed(asked, now, (png(160, 112),), sampler="euler"), "names the sampler euler"),
    "another model, said": (lambda asked, now: signed(asked, now, (png(160, 112),), model="sd15"), "names another model"),
}  # fmt: skip


async def test_what_a_receipt_shows_is_never_shown_and_puts_a_node_aside_at_the_second_time(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await opened(world)
    await world.allowed()
    async with page(world) as web:
        await drawn(world, node, "sdxl")  # what a stale one is a copy of, and no fault
        for cheat, (draw, words) in IMMEDIATE.items():
            node.script.draw = draw
            for time in range(2 if cheat != "a stale one" else 3):
                tile = await drawn(world, node, "sdxl")
                if cheat == "a stale one" and not time:
                    assert tile.record.state == "done"
                    continue
                assert (tile.record.state, tile.pictures) == ("failed", ()), cheat
                assert tile.record.error is not None
                assert tile.record.error.message.startswith(f"What Node {node.id[:6]} sent is not shown"), cheat
                assert words in tile.record.error.message, (cheat, tile.record.error.message)
            await noted(world)
            told = (await web.get("/api/network/checks")).json()
            (owner,) = told["owners"]
            assert (owner["models"][0]["standing"], owner["models"][0]["faults"] % 2) == ("quarantine", 0), cheat
            assert words in told["checks"][0]["why"]
            (shown,) = (await web.get("/api/network")).json()["nodes"]
            assert "is put aside: what it sent does not fit what it signed" in shown["reason"], cheat
            await web.post("/api/network/checks/pardon", json={"owner": node.id})


async def test_a_picture_that_cannot_be_opened_is_marked_and_counts(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await opened(world)
    await world.allowed()
    node.script.draw = lambda asked, now: claimed(
        asked, now, bomb(160, 112)
    )  # its head is good, its pixels are ten kilobytes of zeros
    tile = await drawn(world, node, "sdxl")
    await noted(world)
    if tile.record.state == "done":
        assert "This picture cannot be opened" in (await doubted(world, tile))["message"]
    (check,) = world.studio.audits.book.checks.values()
    assert (check.what, check.wrong) == ("receipt", "suspect")


async def test_two_gigabytes_stop_at_the_hub_and_the_tile_says_so(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await opened(world)
    await world.allowed()
    boxes = world.hubs[A].boxes
    boxes.limits = replace(boxes.limits, answer_bytes=1 << 20)
    node.script.draw = lambda asked, now: claimed(asked, now, b"\x89PNG\r\n\x1a\n" + bytes(2 << 20))
    tile = await drawn(world, node, "sdxl")
    assert (tile.record.state, tile.pictures) == ("failed", ())
    assert tile.record.error is not None
    assert (
        tile.record.error.message
        == f"The hub {A}: The node's answer is larger than the 1 MiB that are carried. It was stopped."
    )
    assert tile.record.billed == "no"
    await noted(world)
    assert not world.studio.audits.book.checks  # that is the hub's word, and nothing that the node signed


async def test_where_nothing_can_be_compared_no_look_is_promised(world: Land) -> None:
    """A node that draws what nobody else does; then somebody else does, and in the end it is known how far apart honest machines are."""
    vague = msgspec.structs.replace(WAVES, id="vague", digest=None)
    node = await joined(world, draws(painted, 1, NODE), NODE, FIRST, "8.8.8.8")
    await node.hubs[0].publish(node.card(models=(WAVES, vague)))
    await opened(world)
    await world.allowed()
    await drawn(world, node)
    node.script.draw = lambda asked, now: signed(asked, now, (png(160, 112),), model="vague", digest=None, engine=WAVES.engine,
                                                 precision=WAVES.precision, steps=asked.job.steps)  # fmt: skip
    await drawn(world, node, "vague")
    await noted(world)
    none = ("unstated", "probation", 0.0)
    async with page(world) as web:

        async def found() -> dict[str, tuple[str, str, float]]:
            told = (await web.get("/api/network/checks")).json()
            (owner,) = [one for one in told["owners"] if node.id in one["nodes"]]
            return {one["model"]: (one["compared"], one["standing"], one["rate"]) for one in owner["models"]}

        await world.studio.store.put_setting(CONSENT, value=True)
        assert await found() == {"waves": ("alone", "probation", 0.0), "vague": none}
        await joined(world, draws(painted, 2, OTHERS[0]), OTHERS[0], SECOND, "9.9.9.9")
        await world.studio.neighbours.pull()
        assert await found() == {"waves": ("roughly", "probation", 0.2), "vague": none}
        row = {"digest": BY.digest, "engine": BY.engine, "precision": BY.precision, **asdict(limits())}
        measured = world.folder / "studio" / FOLDER / MEASURED
        measured.parent.mkdir(exist_ok=True)
        measured.write_bytes(msgspec.json.encode([row]))
        await world.studio.audits.book.load()
        assert await found() == {"waves": ("fully", "probation", 0.2), "vague": none}
        await world.studio.store.put_setting(CONSENT, value=False)
        assert await found() == {"waves": ("alone", "probation", 0.0), "vague": none}


async def test_a_plainly_other_picture_is_a_doubt_where_nobody_has_measured(world: Land) -> None:
    """Two strangers, and a third in a network of its own: what the user sees is a doubt, and that it came out otherwise."""
    suspect = await joined(world, draws(CHEATS["another node's picture"], 1, NODE), NODE, FIRST, "8.8.8.8")
    await joined(world, draws(painted, 2, OTHERS[0]), OTHERS[0], SECOND, "9.9.9.9")
    await opened(world)
    await world.allowed()
    await world.studio.store.put_setting(CONSENT, value=True)
    tile = await drawn(world, suspect)
    await looked(world)
    assert "Nobody can say which is right" in (await doubted(world, tile))["message"]
    third = await joined(world, draws(painted, 3, OTHERS[1]), OTHERS[1], THIRD, "7.7.7.7")
    await world.studio.neighbours.pull()
    later = await drawn(world, suspect)
    await looked(world)
    assert "It is plainly another picture" in (await doubted(world, later))["message"]
    assert len(third.script.names) == 1
    check = list(world.studio.audits.book.checks.values())[-1]
    assert (check.what, check.wrong, check.outcome) == ("redundant", "suspect", "mismatch")
    opinion = world.studio.audits.book.tally(check.about).opinion
    assert (opinion.against, opinion.standing(SystemClock().now_ms())) == (("strangers",), "probation")
