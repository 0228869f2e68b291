"""The network over HTTP: what is shown, what can be changed, and how far prompts go."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.integration.neighbours_world import A, B, Land, land
from tests.integration.node_world import served
from tests.unit.network.remote_tools import Draw, honest, refusing

from triptych.app.container import open_app
from triptych.config.settings import load
from triptych.network import invite, receipt
from triptych.network.verify_node import verify_node
from triptych.server.application import build
from triptych.spec.clock import SystemClock

SESSION = "X-Triptych-Session"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Land]:
    async with land(tmp_path) as made:
        yield made


def page(world: Land) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build(world.studio), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8700", headers={SESSION: world.studio.session}
    )


async def test_hubs_nodes_and_invites_are_shown_and_changed(world: Land) -> None:
    node = world.node(hubs=(A,))
    await node.join()
    await world.open("")
    async with page(world) as web:
        empty = (await web.get("/api/network")).json()
        assert (empty["hubs"], empty["nodes"], empty["reach"], empty["community"]) == ([], [], "anywhere", False)
        told = (await web.post("/api/network/hubs", json={"hub": f"{A}/"})).json()
        assert [(hub["origin"], hub["source"], hub["nodes"], hub["fault"]) for hub in told["hubs"]] == [
            (A, "added", 1, None)
        ]
        (shown,) = told["nodes"]
        assert (shown["id"], shown["lane"], shown["reason"], shown["jobs"]) == (node.id, "community", None, 0)
        assert shown["endpoints"] == [f"node/{node.id[:10]}/sdxl"]
        assert shown["models"][0]["engine"] == "comfyui/0.3"
        told = (await web.put("/api/network/community", json={"given": True})).json()
        assert told["community"] is True
        assert world.studio.models.endpoints()[shown["endpoints"][0]].enabled
        link = invite.invite(node.signer, (A,), "Ada's attic", "w" * 22, SystemClock().now_ms())
        told = (await web.post("/api/network/invites", json={"link": link})).json()
        assert [one["name"] for one in told["invites"]] == ["Ada's attic"]
        assert (told["nodes"][0]["lane"], told["nodes"][0]["name"]) == ("pinned", "Ada's attic")
        assert "w" * 22 not in str(told)
        told = (await web.delete(f"/api/network/invites/{node.id}")).json()
        assert (told["invites"], told["nodes"][0]["lane"]) == ([], "community")
        told = (await web.request("DELETE", "/api/network/hubs", json={"hub": A})).json()
        assert told["hubs"] == []
        assert "No hub leads to" in told["nodes"][0]["reason"]


async def test_what_is_wrong_is_said_and_strangers_change_nothing(world: Land) -> None:
    await world.open("")
    async with page(world) as web:
        for method, path, body, param in (
            ("POST", "/api/network/hubs", {}, "hub"),
            ("POST", "/api/network/hubs", {"hub": "hub.example"}, "hub"),
            ("POST", "/api/network/invites", {"link": "https://a.example/join#no"}, "link"),
            ("PUT", "/api/network/reach", {"reach": "far"}, "reach"),
            ("PUT", "/api/network/community", {"given": "yes"}, "given"),
        ):
            told = await web.request(method, path, json=body)
            assert (told.status_code, told.json()["error"]["param"]) == (400, param), told.text
        assert (await web.request("DELETE", "/api/network/hubs", json={"hub": A})).status_code == 404
        assert (await web.delete(f"/api/network/invites/{'x' * 43}")).status_code == 404
        assert (await web.get(f"/api/network/receipts/{'0' * 64}")).status_code == 404
        gone = await web.post("/api/network/hubs", json={"hub": "https://nobody.example"})
        error = gone.json()["error"]
        assert (gone.status_code, error["param"], error["triptych"]["billed"]) == (400, "hub", "no")
        assert "https://nobody.example could not be added: Nothing listens" in error["message"]
        assert (await web.get("/api/network")).json()["hubs"] == []
        stranger = await web.put("/api/network/reach", json={"reach": "here"}, headers={SESSION: "guess"})
        assert stranger.status_code in {401, 403}


async def test_a_hub_at_home_is_added_on_the_page_as_by_the_settings(tmp_path: Path) -> None:
    app = await open_app(load({"data": tmp_path / "studio", "browser": False}, {"TRIPTYCH_SAMPLE": "false"}))
    transport = httpx.ASGITransport(build(app), raise_app_exceptions=False)
    headers = {SESSION: app.session}
    async with AsyncExitStack() as held:
        held.push_async_callback(app.close)
        at = await held.enter_async_context(served(tmp_path))
        url = at.url
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700", headers=headers) as web:
            added = await web.post("/api/network/hubs", json={"hub": f"{url}/"})
            assert added.status_code == 200, added.text
            assert [(one["origin"], one["source"], one["fault"]) for one in added.json()["hubs"]] == [
                (url, "added", None)
            ]
            await web.request("DELETE", "/api/network/hubs", json={"hub": url})
            await at.stop()
            gone = await web.post("/api/network/hubs", json={"hub": url})
            error = gone.json()["error"]
            assert (gone.status_code, error["param"], error["triptych"]["billed"]) == (400, "hub", "no")
            assert f"The hub {url} could not be added: Nothing listens at 127.0.0.1" in error["message"]
            assert (await web.get("/api/network")).json()["hubs"] == []


async def test_one_switch_says_how_far_any_prompt_goes(world: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    node = world.node()
    await node.join()
    app = await world.open(B)
    await world.allowed()
    name = f"node/{node.id[:10]}/sdxl"
    async with page(world) as web:
        for reach, usable in (("here", False), ("known", False), ("no_community", False), ("anywhere", True)):
            assert (await web.put("/api/network/reach", json={"reach": reach})).json()["reach"] == reach
            assert app.models.endpoints()[name].enabled == usable
        await web.put("/api/network/reach", json={"reach": "here"})
        (view,) = [one for one in (await web.get("/api/models")).json()["models"] if one["id"] == name]
        assert (view["state"], view["reason_code"]) == ("off", "floor")
        assert "only this machine" in view["reason"]
        assert app.models.endpoints()["demo/aurora"].enabled
        assert not app.models.endpoints()["openai/gpt-image-2"].enabled
        tile = await world.tile(name)
        assert tile.record.state == "failed"
        assert not node.script.names
        await world.close()
        app = await world.open(B)
        assert (app.models.reach, app.models.endpoints()[name].enabled) == ("here", False)


async def test_one_switch_says_that_nobody_may_learn_from_what_is_sent(
    world: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triptych.tlog.log.CHECKPOINT_EVERY_S", 0.05)
    node = world.node()
    await node.join()
    app = await world.open(B)
    await world.allowed()
    name = f"node/{node.id[:10]}/sdxl"
    async with page(world) as web:
        for wrong in ("yes", 1, None):
            refused = await web.put("/api/network/reach", json={"no_training": wrong})
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "no_training")
        told = (await web.put("/api/network/reach", json={"no_training": True})).json()
        assert (told["reach"], told["no_training"]) == ("anywhere", True)
        (view,) = [one for one in (await web.get("/api/models")).json()["models"] if one["id"] == name]
        assert (view["state"], view["reason_code"]) == ("off", "training")
        assert "learns from what it is sent is not known" in view["reason"]
        assert view["data"] == ["Whether what is sent is learnt from is not known."]
        assert not app.models.endpoints()[name].enabled
        assert app.models.endpoints()["demo/aurora"].enabled
        run = (await web.post("/api/runs", json={"text": "a heron", "models": ["demo/aurora"]})).json()
        assert run["settings"]["no_training"] is True, (
            "so it is kept with the run, also after the switch is turned again"
        )
        tile = await world.tile(name)
        assert tile.record.state == "failed"
        assert not node.script.names
        await world.close()
        app = await world.open(B)
        assert app.models.no_training
    async with page(world) as web:
        assert (await web.put("/api/network/reach", json={"no_training": False, "reach": "known"})).status_code == 200
        assert (await web.get("/api/network/reach")).json() == {"reach": "known", "no_training": False}


@pytest.mark.parametrize(("draw", "state"), [(honest, "done"), (refusing, "blocked")])
async def test_what_a_node_signed_is_named_by_its_call_and_is_a_file_that_the_check_reads(
    world: Land, draw: Draw, state: str
) -> None:
    node = world.node(draw)
    await node.join()
    app = await world.open(B)
    await world.allowed()
    tile = await world.tile(f"node/{node.id[:10]}/sdxl")
    assert tile.record.state == state
    async with page(world) as web:
        (attempt,) = (await web.get(f"/api/tiles/{tile.record.id}")).json()["attempts"]
        (call,) = attempt["wires"]
        file = await web.get(f"/api/network/receipts/{call['request_id']}.jws")
    assert (file.status_code, file.headers["content-type"], call["status"]) == (200, "application/jose", 200)
    pictures = {one.sha256: await app.studio.pictures.bytes_of(one.sha256) for one in tile.pictures}
    report = verify_node(file.content, pictures, {node.id})
    proved = {line.what for line in report.lines if line.verdict == "proved"}
    assert proved == {"signature", "signer", "outcome", *(f"image {name}" for name in pictures)}
    assert report.ok
    ours = await app.store.receipts.of_tile(tile.record.id)
    assert ours is not None
    assert call["request_id"] in str(receipt.read(ours.body.encode()).payload["attempts"]), (
        "our receipt names the node's"
    )


async def test_one_run_may_have_a_floor_of_its_own(world: Land) -> None:
    node = world.node()
    await node.join()
    app = await world.open(B)
    await world.allowed()
    name = f"node/{node.id[:10]}/sdxl"
    asked = {"text": "a heron", "models": [name, "demo/aurora"], "lane_floor": "pinned"}
    async with page(world) as web:
        wrong = await web.post("/api/runs", json={**asked, "lane_floor": "far"})
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "lane_floor")
        run = (await web.post("/api/runs", json=asked)).json()
        assert run["settings"]["lane_floor"] == "pinned"
        await app.studio.wait_run(run["id"])
        tiles = (await web.get(f"/api/runs/{run['id']}")).json()["tiles"]
    assert [(tile["model"], tile["state"]) for tile in tiles] == [(name, "failed"), ("demo/aurora", "done")]
    assert "lane" in tiles[0]["error"]["message"]
    assert not node.script.names
