"""Two studios and nobody else: one shares what draws on its machine, the other takes the link and draws there."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from tests.integration.node_world import until

from triptych.app import lan
from triptych.app.container import App, open_app
from triptych.app.shared import Chosen
from triptych.cli.share import ShareWanted, share
from triptych.config.settings import load
from triptych.network import invite
from triptych.server.application import build
from triptych.server.door import HubDoor
from triptych.spec.errors import (
    BadRequestError,
    ConflictError,
    NotConfiguredError,
    NotFoundError,
    SettingsError,
    TriptychError,
)
from triptych.spec.image import ImageRequest
from triptych.studio.views import TileView

PAINTERS = Chosen(name="Mira's attic", engines=("the painters",))


@asynccontextmanager
async def studio(data: Path, **environ: str) -> AsyncIterator[App]:
    plain = {"TRIPTYCH_SHARE_HOST": "127.0.0.1", "TRIPTYCH_SHARE_PORT": "0", "TRIPTYCH_SAMPLE": "false"}
    app = await open_app(load({"data": data}, environ=plain | environ))
    app.sharing.door, app.sharing.trial = HubDoor(), None
    try:
        yield app
    finally:
        await app.close()


async def draw(app: App, model: str) -> TileView:
    request = ImageRequest(prompt="a heron", seed=7)
    run = await app.studio.start_single(request, model=model, source="studio", lane_floor="pinned")
    return (await app.studio.wait_run(run.record.id)).tiles[0]


async def shared(app: App, chosen: Chosen = PAINTERS) -> str:
    await app.sharing.start(chosen)
    await until(lambda: state(app) == "on" and all(one.state == "open" for one in hubs(app)))
    found = app.sharing.now
    assert found is not None
    return found.url


def state(app: App) -> str:
    return app.sharing.state


def hubs(app: App) -> Any:
    found = app.sharing.now
    return () if found is None or found.node is None else found.node.worker.hubs


async def test_two_machines_by_a_link_and_nobody_else(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira, studio(tmp_path / "ada") as ada:
        url = await shared(mira)
        link = await mira.sharing.invite("Ada")
        said = invite.read(link, mira.clock.now_ms())
        assert (said.hubs, said.name) == ((url,), "Mira's attic")
        node = await ada.neighbours.accept(link)
        one = next(one for one in ada.neighbours.nodes() if one.id == node)
        assert (one.lane, one.name, one.away(ada.clock.now_ms())) == ("pinned", "Mira's attic", None)
        tile = await draw(ada, next(name for name in ada.neighbours.endpoints(node) if name.endswith("aurora")))
        assert tile.record.error is None
        assert tile.pictures
        totals = mira.sharing.totals()
        assert (totals.served, totals.guests["Ada"][0]) == (1, 1)
        assert totals.guests["Ada"][1] > 0
        assert await mira.sharing.stop() == 1
        assert (state(mira), mira.sharing.totals().served) == ("off", 1)
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))),
        ):
            pass
        # Begun again, the old link leads to a node that knows its word no more.
        await shared(mira)
        assert (await mira.sharing.guests()).known == {}


async def test_what_is_shared_earns_for_the_studio_that_shares_it(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira:
        await shared(mira)
        found = mira.sharing.now
        assert found is not None
        assert found.node is not None
        assert found.node.worker._post.earns == mira.neighbours.purse.account


async def test_behind_the_door_is_what_a_friend_needs_and_nothing_else(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira:
        url = await shared(mira)
        async with httpx.AsyncClient(base_url=url, timeout=90) as outside:
            assert (await outside.get("/hub/v1")).json()["nodes"] == 1
            page = await outside.get("/join")
            assert "This is an invite" in page.text
            assert page.headers["content-security-policy"] == "default-src 'none'"
            for method, path in (
                ("GET", "/"), ("GET", "/network"), ("GET", "/api/network/share"), ("POST", "/api/runs"), ("GET", "/v1/models"),
                ("POST", "/v1/images/generations"), ("GET", "/usage"), ("PUT", "/hub/v1/cards"), ("GET", "/hub/v1/mailbox"),
                ("PUT", "/hub/v1/mailbox/x"), ("POST", "/hub/v1/revocations"),
            ):  # fmt: skip
                found = await outside.request(method, path)
                assert found.status_code in {404, 405}, (method, path)


async def test_a_guest_is_withdrawn_and_others_stay(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira, studio(tmp_path / "ada") as ada:
        await shared(mira)
        link = await mira.sharing.invite("Ada")
        await mira.sharing.invite("Bo")
        again = await mira.sharing.invite("Ada")
        assert invite.read(link, mira.clock.now_ms()).pass_ == invite.read(again, mira.clock.now_ms()).pass_
        node = await ada.neighbours.accept(link)
        await mira.sharing.withdraw("Ada")
        assert [one.name for one in (await mira.sharing.guests()).known.values()] == ["Bo"]
        tile = await draw(ada, ada.neighbours.endpoints(node)[0])
        assert "taken back" in str(tile.record.error)
        with pytest.raises(NotFoundError):
            await mira.sharing.withdraw("Ada")


async def test_what_is_paid_for_is_never_shared(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira", GEMINI_API_KEY="AIza-not-a-real-key") as mira:
        with pytest.raises(BadRequestError, match="paid for with your key"):
            await mira.sharing.start(Chosen(engines=("google",)))
        assert state(mira) == "off"
        offered = {name for one in await mira.sharing.look() for name in one.models}
        cards = {card.provider_model_id for one in mira.models.providers() if one.key is not None for card in one.cards}
        assert cards
        assert not offered & cards


async def test_what_stands_in_the_way_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with studio(tmp_path / "mira") as mira:
        with pytest.raises(NotFoundError):
            await mira.sharing.invite("Ada")
        with pytest.raises(NotFoundError):
            mira.sharing.pause(paused=True)
        for wrong in (
            Chosen(public="mira"),
            Chosen(hours="late"),
            Chosen(name=" "),
            Chosen(strangers=True),
            Chosen(engines=("x",)),
        ):
            with pytest.raises(TriptychError) as said:
                await mira.sharing.start(wrong)
            assert isinstance(said.value, BadRequestError | SettingsError)
        mira.lan._air = None
        with monkeypatch.context() as none, pytest.raises(NotConfiguredError, match="extra"):
            none.setattr(lan, "find_spec", lambda _: None)
            await mira.sharing.start(Chosen(engines=PAINTERS.engines, lan=True))
        assert state(mira) == "off"  # and what was opened on the way is closed again: it can begin now
        await shared(mira)
        with pytest.raises(ConflictError):
            await mira.sharing.start(PAINTERS)
        mira.sharing.pause(paused=True)
        assert state(mira) == "paused"
        mira.sharing.pause(paused=False)
        assert state(mira) == "on"
        mira.sharing.door = None
        await mira.sharing.close()
        with pytest.raises(NotConfiguredError, match="running studio"):
            await mira.sharing.start(PAINTERS)


async def test_the_address_is_the_one_found_or_the_one_given(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira:
        await shared(mira, Chosen(engines=PAINTERS.engines, public="https://mira.example/"))
        found = mira.sharing.now
        assert found is not None
        assert (found.url, found.listens.rpartition(":")[0]) == ("https://mira.example", "http://127.0.0.1")
        assert hubs(mira)[0].origin == "https://mira.example"  # though nothing is there: the node is beside its hub


async def test_the_page_speaks_with_it(tmp_path: Path) -> None:
    async with studio(tmp_path / "mira") as mira:
        transport = httpx.ASGITransport(build(mira))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as page:
            mine = {"x-triptych-session": mira.session}
            assert (await page.post("/api/network/share", json={})).status_code == 403
            off = (await page.get("/api/network/share")).json()
            assert (off["state"], off["url"], off["invites"]) == ("off", None, [])
            looked = (await page.post("/api/network/share/look", headers=mine)).json()
            assert "the painters" in [one["name"] for one in looked["engines"]]
            for wrong, param in (({"hours": "late"}, "hours"), ({"name": 7}, "body"), ({"x": 1}, "x")):
                refused = await page.post("/api/network/share", json=wrong, headers=mine)
                assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
            began = await page.post("/api/network/share", json={"engines": ["the painters"]}, headers=mine)
            assert began.json()["state"] in {"trying", "on"}
            made = (await page.post("/api/network/share/invites", json={"name": "Ada"}, headers=mine)).json()
            assert made["link"].startswith(made["url"])
            assert made["qr"].startswith("M")
            assert [(one["name"], one["jobs"]) for one in made["invites"]] == [("Ada", 0)]
            await until(lambda: state(mira) == "on")
            paused = (await page.put("/api/network/share", json={"paused": True}, headers=mine)).json()
            assert (paused["state"], paused["standing"]["state"]) == ("paused", "paused")
            gone = await page.request("DELETE", "/api/network/share/invites", json={"name": "Ada"}, headers=mine)
            assert gone.json()["invites"] == []
            assert (await page.request("DELETE", "/api/network/share", headers=mine)).json()["withdrawn"] == 0


async def test_the_command_says_what_is_shared_with_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with studio(tmp_path / "mira", GEMINI_API_KEY="AIza-not-a-real-key") as mira:
        await share(mira, ShareWanted(guest="Ada", public="not an address"))
        assert "Nothing is shared: " in capsys.readouterr().err
        await share(mira, ShareWanted(guest="Ada"))
        said = capsys.readouterr()
        assert invite.read(said.out, mira.clock.now_ms()).name == "A friend's models"
        for words in (
            "Shared with Ada",
            "Not shared, because you pay for them",
            "They do not see",
            "Open to the outside: http://127.0.0.1:",
        ):
            assert words in said.err
