"""A hub behind a web server: whose calls it counts, and what it says where it cannot tell."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.unit.network.remote_tools import Hand

from triptych.app.hub import HubRules, open_hub
from triptych.cli.hub_process import HubWanted, run_hub
from triptych.cli.plain import say
from triptych.hub.hub import Hub
from triptych.hub.quota import Allowance
from triptych.server.door import HubDoor
from triptych.server.forwarded import ENOUGH, faces_the_world, proxy_of, served
from triptych.server.hub_app import hub_app
from triptych.spec.errors import SettingsError

URL = "https://hub.example"
ADA, BOB = "198.41.7.7", "198.41.8.8"


@dataclass
class Front:
    """A hub as it is served, and the web server in front of it."""

    hub: Hub

    async def call(
        self, at: str, whose: str | None, *, url: str = URL, proxies: tuple[str, ...] = (), times: int = 1
    ) -> list[int]:
        """The statuses of cards that are handed in by `at` as those of `whose`."""
        config = served(hub_app(self.hub), url, proxies, say)
        config.load()
        transport = httpx.ASGITransport(config.loaded_app, client=(at, 1))
        headers = {} if whose is None else {"x-forwarded-for": whose}
        async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as client:
            return [(await client.put("/hub/v1/cards", content=b"x")).status_code for _ in range(times)]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    hub = await open_hub(tmp_path, URL, Hand(), HubRules(guests=Allowance(writes=2)))
    yield Front(hub)
    await hub.close()


@pytest.mark.parametrize(
    ("at", "proxies"),
    [("127.0.0.1", ()), ("::1", ()), ("172.17.0.1", ("172.17.0.1",)), ("10.0.0.9", ("192.0.2.1", "10.0.0.0/24"))],
)
async def test_whose_calls_they_are_is_believed_of_this_machine_and_of_who_was_named(
    front: Front, at: str, proxies: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await front.call(at, ADA, proxies=proxies, times=3) == [400, 400, 429]
    assert await front.call(at, BOB, proxies=proxies) == [400], "another network has its own"
    assert await front.call(at, f"{BOB}, {ADA}", proxies=proxies) == [429], (
        "what the guest says itself counts for nothing"
    )
    assert capsys.readouterr().err == ""


async def test_who_was_not_named_is_not_believed_and_the_line_says_what_to_do(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await front.call("172.17.0.1", ADA, times=2) == [400, 400]
    assert capsys.readouterr().err.splitlines() == [
        (
            "WARNING: 172.17.0.1 hands on calls and says whose they are, and it is not believed. If it is your web server, name it "
            "with --proxy 172.17.0.1. Until then all guests share what is meant for one network. See *Run a hub*."
        )
    ]
    assert await front.call("172.17.0.1", BOB) == [429], "all of them are one network"
    assert await front.call("198.41.9.9", "198.41.6.6", times=1) == [400]
    assert "198.41" not in capsys.readouterr().err, "nobody elsewhere brings such a line about"


async def test_a_hub_that_sees_this_machine_alone_says_so_once(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    await front.call("127.0.0.1", None, times=ENOUGH - 1)
    assert capsys.readouterr().err == ""
    await front.call("127.0.0.1", None, times=3 * ENOUGH)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"WARNING: All of {ENOUGH} calls came from 127.0.0.1. The web server there does not say whose"
    )
    assert "let it send X-Forwarded-For" in line


async def test_a_hub_that_knows_its_callers_or_is_at_home_says_nothing(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    await front.call(ADA, None, times=2 * ENOUGH)
    await front.call("127.0.0.1", "192.168.1.5", times=2 * ENOUGH)  # from the house itself, by its public name
    for url in ("http://192.168.1.5:8750", "http://127.0.0.1:8750", "http://localhost:8750", "http://tower.local:8750"):
        assert not faces_the_world(url)
        await front.call("127.0.0.1", None, url=url, times=2 * ENOUGH)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("proxies", "third"),
    [((), 429), (("127.0.0.9", "10.1.0.0/16"), 429), (("127.0.0.7",), 400), (("127.0.0.0/8",), 400)],
)
async def test_the_door_of_what_is_shared_believes_who_was_named(
    front: Front, proxies: tuple[str, ...], third: int
) -> None:
    lines: list[str] = []
    door = HubDoor(proxies, lines.append)
    listener = door.listen("127.0.0.1", 0)
    close = await door.open(listener, front.hub)
    way = httpx.AsyncHTTPTransport(local_address="127.0.0.7")
    async with httpx.AsyncClient(transport=way, base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        told = [
            (await client.post("/hub/v1/tokens", json={}, headers={"x-forwarded-for": whose})).status_code
            for whose in (ADA, ADA, BOB)
        ]
    await close()
    assert told == [400, 400, third], "one network may hand in two"
    assert ["name it with --proxy 127.0.0.7" in one for one in lines] == [True] * (third == 429)


def test_a_proxy_is_an_address() -> None:
    assert proxy_of(" 172.17.0.1 ") == "172.17.0.1"
    assert proxy_of("10.0.0.0/24") == "10.0.0.0/24"
    for wrong in ("*", "proxy.example", "10.0.0.1/24", ""):
        with pytest.raises(SettingsError) as told:
            run_hub(HubWanted(public=URL, proxies=[wrong]))
        assert (told.value.param, bool(told.value.hint)) == ("proxy", True)
        with pytest.raises(SettingsError):
            HubDoor([wrong])
