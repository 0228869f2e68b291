"""`triptych node` against a hub on loopback: it says where it stands, gives out an invite, and leaves when it is asked to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.integration.node_world import served, until

from triptych.app.hub import HubRules
from triptych.app.node import accounts_of
from triptych.cli import main
from triptych.cli import node as node_command
from triptych.cli.node import Wanted, serve_node
from triptych.hub.directory import Rules
from triptych.hub.hub import Hub
from triptych.hub.mailbox import Limits as MailLimits
from triptych.network import invite
from triptych.node.admission import Limits
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotConfiguredError, SettingsError


def asked(data: Path, *hubs: str, **changed: object) -> Wanted:
    plain: dict[str, object] = {
        "data": data, "hubs": hubs, "joins": (), "engines": (), "painters": True, "name": "The attic", "limits": Limits(), "nsfw": False,
        "hashes": None, "guest": "me", "owner": True, "once_ready": True, "trial": "64x64",
    }  # fmt: skip
    return Wanted(**{**plain, **changed})  # type: ignore[arg-type]


@asynccontextmanager
async def hub_here(folder: Path, mail: MailLimits) -> AsyncIterator[tuple[str, Hub]]:
    """A hub on loopback, and its address."""
    async with served(folder, HubRules(nodes=Rules(bits=2), mail=mail)) as at:
        yield at.url, at.hub


async def test_the_command_from_start_to_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = SystemClock()
    async with hub_here(tmp_path / "hub", MailLimits()) as (url, hub):
        working = asyncio.create_task(serve_node(asked(tmp_path, url, uninvited=("Mira",))))
        said = heard = ""

        def ready() -> bool:
            nonlocal said, heard
            found = capsys.readouterr()
            said, heard = said + found.out, heard + found.err
            return (said.count("\n") >= 2 and "waiting" in heard) or working.done()

        await until(ready)
        link, node = said.split()
        found = invite.read(link, clock.now_ms())
        assert (found.node, found.name, found.hubs) == (node, "The attic", (url,))
        assert [one.card.id for one in hub.directory.listed()] == [node]
        assert "Mira has no invite." in heard
        assert "waiting · 0 served" in heard
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: ready() and "paused · 0 served" in heard)
        os.kill(os.getpid(), signal.SIGUSR2)
        await until(lambda: ready() and "waiting" in heard[heard.rindex("paused") :])
        os.kill(os.getpid(), signal.SIGINT)
        assert await working == ""


async def test_why_nothing_comes_is_told_off_a_terminal_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_command, "LOOK_S", 0.001)  # it is told as waiting before the hub first says why
    async with hub_here(tmp_path / "hub", MailLimits(poll_s=1)) as (url, _):
        working = asyncio.create_task(serve_node(asked(tmp_path, url)))
        heard = ""

        def says(words: str) -> bool:
            nonlocal heard
            heard += capsys.readouterr().err
            return words in " ".join(heard.split()) or working.done()

        await until(lambda: says("lists it as new: studios send less"))
        os.kill(os.getpid(), signal.SIGINT)
        assert await working == ""
    assert heard.count("waiting · 0 served") >= 2, "the line is the same; what it is told for is the reason below it"
    assert "1 served" not in heard


def test_a_reason_is_told_again_when_it_is_another_and_not_when_its_number_is() -> None:
    before = node_command._kinds(["Turned away: 2 asked for a model that is not here."])
    assert node_command._kinds(["Turned away: 31 asked for a model that is not here."]) == before
    assert node_command._kinds(["Turned away: 2 asked for a picture that is too large."]) != before


def test_the_account_that_it_earns_for_is_read_as_the_page_shows_it() -> None:
    account = "B2sIe-EjC_ldlYXRYBMTkTqGJhAuKOY7kMlkjNBYjBA"
    assert accounts_of([f" https://Hub.example#{account}\n"]) == {"https://hub.example": account}
    for wrong in ("https://hub.example", f"https://hub.example#{account}x", account, f"hub.example#{account}"):
        with pytest.raises(SettingsError) as told:
            accounts_of([wrong])
        assert told.value.hint


async def test_what_is_missing_is_said_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs a hub"):
        await serve_node(asked(tmp_path))
    with pytest.raises(SettingsError, match="not an invite"):
        await serve_node(asked(tmp_path, joins=("https://hub.example/join",)))
    with pytest.raises(NotConfiguredError, match="can be used as an engine"):
        await serve_node(asked(tmp_path, "https://hub.example", painters=False, engines=("http://127.0.0.1:9",)))


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ((), Limits()),
        (("--strangers", "2", "--each-guest", "3", "--queue", "20"), Limits(strangers=2, each_guest=3, queue=20)),
        (("--friends-only", "--strangers", "2", "--each-day", "50"), Limits(strangers=0, each_day=50)),
    ],
)
def test_how_much_is_taken_on_is_as_it_was_asked_for(
    words: tuple[str, ...], limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Wanted] = []

    async def noted(wanted: Wanted) -> str:
        asked.append(wanted)
        return ""

    monkeypatch.setattr(node_command, "serve_node", noted)
    monkeypatch.setattr(
        sys, "argv", ["triptych", "node", "--hub", "https://hub.example", *words, "--data", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert asked[0].limits == limits
