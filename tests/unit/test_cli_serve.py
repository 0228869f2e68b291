"""`triptych serve` as a process: start, stop, and what goes wrong at the start. And `generate` beside it."""

import http.client
import json
import signal
import socket
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.emulators import Emulators, Gate, Scenario
from tests.unit.cli_tools import Cli, Program, Said, by_door, cli_on, provider_environment

from triptych.app.container import App
from triptych.app.owners import Owners
from triptych.cli.output import Exit
from triptych.cli.session import run_in_app

__all__ = ["by_door"]
pytestmark = pytest.mark.usefixtures("by_door")
MODEL = "openai/gpt-image-2"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made:
        yield made


def server(data: Path, emulators: Emulators | None = None) -> Program:
    environment = provider_environment(emulators) if emulators is not None else {}
    return Program("serve", "--port", "0", "--no-browser", "--data", str(data), environment=environment)


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=90) as answer:
        return json.load(answer)


def quiet(said: Said) -> bool:
    return "Traceback" not in said.err and "rror" not in said.err


def test_what_is_public_has_a_port_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "triptych.toml").write_text("public_port = 0\n")
    with server(tmp_path / "data") as program:
        private, public = program.address(), program.address()
        assert private != public
        assert get(f"{private}/healthz") == {"status": "ok"}
        assert get(f"{public}/.well-known/triptych/keys")["keys"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"{public}/healthz")
        with refused.value as answer:
            assert (answer.code, json.load(answer)["error"]["code"]) == (404, "not_found")
        assert program.end(signal.SIGTERM).code == Exit.OK


# Stops.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_quick_and_quiet_with_a_page_open(tmp_path: Path, number: signal.Signals) -> None:
    with server(tmp_path / "data") as program:
        address = program.address()
        assert get(f"{address}/healthz") == {"status": "ok"}
        with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=90)) as page:
            page.request("GET", "/api/events?since=0")
            events = page.getresponse()
            assert events.read(6) == b"retry:"
            said = program.end(number)
            events.read()  # ended in order, so at once: one that is waited for is cut in the end, which raises IncompleteRead
    assert said.code == Exit.OK
    assert quiet(said), said.err
    assert said.out == ""


def test_a_stop_tells_those_who_wait_for_a_picture(tmp_path: Path, emulators: Emulators) -> None:
    gate = Gate()
    emulators.openai.play(Scenario(gate=gate))
    answers: list[tuple[int, Any]] = []

    def ask(address: str) -> None:
        with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=90)) as caller:
            body = json.dumps({"model": MODEL, "prompt": "a kettle"})
            caller.request("POST", "/v1/images/generations", body, {"Content-Type": "application/json"})
            answer = caller.getresponse()
            answers.append((answer.status, json.load(answer)))

    with server(tmp_path / "data", emulators) as program:
        asking = threading.Thread(target=ask, args=(program.address(),))
        asking.start()
        gate.wait_reached(60)
        said = program.end(signal.SIGTERM)
        asking.join(60)
    assert said.code == Exit.OK
    assert quiet(said), said.err
    (status, answer), *_ = answers
    assert status >= 400
    assert answer["error"]["triptych"]["billed"] == "unknown"
    gate.release()


# Starts that cannot be.


def refused(said: Said, code: Exit, *words: str) -> None:
    assert said.code == code
    assert said.out == ""
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err


def test_a_port_that_is_taken(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(cli("serve", "--port", str(port), "--no-browser"), Exit.USAGE, f"Port {port}", "hint: ", "--port 0")


def test_a_host_that_others_could_reach(cli: Cli) -> None:
    refused(cli("serve", "--host", "0.0.0.0"), Exit.USAGE, "host is 0.0.0.0")


def test_a_data_folder_that_cannot_be_made(cli: Cli) -> None:
    cli.data.write_text("a file")
    refused(cli("serve", "--port", "0"), Exit.ERROR, str(cli.data), "--data")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 8700", ("'prot' is not a setting", "port")),
        ("port = [", ("not valid TOML",)),
        ("port = 'many'", ("A setting is wrong", "port")),
        ("log_level = 'loud'", ("log_level is 'loud'", "warning")),
        ("[providers.gogle]\nbase_url = 'http://127.0.0.1'", ("[providers.gogle] names no provider", "google")),
    ],
)
def test_a_setting_that_is_wrong(cli: Cli, text: str, words: tuple[str, ...]) -> None:
    cli.data.mkdir()
    (cli.data / "triptych.toml").write_text(text)
    cli.patch.setattr(
        "triptych.cli.commands.run_server", lambda settings, shared: run_in_app(settings, opened_after_all)
    )
    refused(cli("serve"), Exit.USAGE, *words)


def test_a_database_of_a_newer_program(cli: Cli) -> None:
    assert cli("models").code == Exit.OK
    with closing(sqlite3.connect(cli.data / "triptych.db")) as database, database:
        database.execute("UPDATE triptych_version SET version_num = 'r9999'")
    refused(cli("serve", "--port", "0"), Exit.ERROR, "newer Triptych", "r9999", "hint: ")


async def opened_after_all(_: App) -> None:
    """In place of a server, which would go on for ever."""


# Two processes on one data folder.


def test_generate_works_beside_a_server_and_its_run_is_in_the_history(cli: Cli, emulators: Emulators) -> None:
    for name, value in provider_environment(emulators).items():
        cli.patch.setenv(name, value)
    with server(cli.data, emulators) as program:
        address = program.address()
        assert cli("generate", "a kettle", "-m", MODEL, "-o", str(cli.data.parent)).code == Exit.OK
        with urllib.request.urlopen(f"{address}/api/runs", timeout=90) as answer:
            (run,) = json.load(answer)["runs"]
        assert (run["text"], run["tiles"][0]["state"]) == ("a kettle", "done")
        assert program.end(signal.SIGINT).code == Exit.OK


def test_a_server_empties_the_trash_though_nobody_opens_the_gallery(cli: Cli, emulators: Emulators) -> None:
    for name, value in provider_environment(emulators).items():
        cli.patch.setenv(name, value)
    assert cli("generate", "a kettle", "-m", MODEL, "-o", str(cli.data.parent)).code == Exit.OK
    with closing(sqlite3.connect(cli.data / "triptych.db")) as database, database:
        (picture,) = database.execute("SELECT id FROM gallery").fetchone()
        database.execute("UPDATE gallery SET trashed_ms = 1")  # long ago
    with server(cli.data, emulators) as program:
        address, end = program.address(), time.monotonic() + 90
        while _status(f"{address}/api/images/{picture}") != 404:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert program.end(signal.SIGINT).code == Exit.OK


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=90) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_a_server_leaves_the_tiles_of_a_running_generate_alone(tmp_path: Path, emulators: Emulators) -> None:
    gate = Gate()
    emulators.openai.play(Scenario(gate=gate))
    environment = provider_environment(emulators) | {"TRIPTYCH_DATA": str(tmp_path / "data")}
    with Program("generate", "a kettle", "-m", MODEL, "-o", str(tmp_path), environment=environment) as first:
        gate.wait_reached(60)
        with server(tmp_path / "data", emulators) as second:
            (run,) = get(f"{second.address()}/api/runs")["runs"]
            assert run["tiles"][0]["state"] not in {"lost", "failed", "cancelled"}
            second.end(signal.SIGTERM)
        gate.release()
        assert first.end().code == Exit.OK
    assert len(emulators.openai.submits) == 1


def test_a_server_looks_after_the_tiles_of_a_generate_that_was_killed(tmp_path: Path, emulators: Emulators) -> None:
    gate = Gate()
    emulators.openai.play(Scenario(gate=gate))
    environment = provider_environment(emulators) | {"TRIPTYCH_DATA": str(tmp_path / "data")}
    with Program("generate", "a kettle", "-m", MODEL, "-o", str(tmp_path), environment=environment) as first:
        gate.wait_reached(60)
        first.end(signal.SIGKILL)
    with server(tmp_path / "data", emulators) as second:
        (run,) = get(f"{second.address()}/api/runs")["runs"]
        second.end(signal.SIGTERM)
    assert (run["tiles"][0]["state"], run["tiles"][0]["billed"]) == ("lost", "unknown")
    assert len(emulators.openai.submits) == 1
    gate.release()


def test_ctrl_c_ends_the_tiles_and_says_what_was_billed(tmp_path: Path, emulators: Emulators) -> None:
    gate = Gate()
    emulators.openai.play(Scenario(gate=gate))
    environment = provider_environment(emulators) | {"TRIPTYCH_DATA": str(tmp_path / "data")}
    with Program("generate", "a kettle", "-m", MODEL, "-o", str(tmp_path), environment=environment) as program:
        gate.wait_reached(60)
        said = program.end(signal.SIGINT)
    assert said.code == Exit.INTERRUPTED
    assert "may have been billed" in said.err
    assert "Traceback" not in said.err
    gate.release()


# Who holds a tile.


def test_a_name_is_alive_as_long_as_its_process(tmp_path: Path) -> None:
    mine, other = Owners(tmp_path), Owners(tmp_path)
    assert mine.alive(other.name)
    other.close()
    assert not mine.alive(other.name)
    mine.close()


def test_a_process_id_that_is_used_again_is_not_taken_for_the_one_that_is_gone(tmp_path: Path) -> None:
    mine, gone = Owners(tmp_path), Owners(tmp_path)
    host, pid, token = gone.name.split(":")
    gone.close()
    assert int(pid) > 0
    assert not mine.alive(f"{host}:1:{token}")
    assert not mine.alive("")
    mine.close()


def test_the_process_of_another_machine_looks_after_its_own_tiles(tmp_path: Path) -> None:
    mine = Owners(tmp_path)
    assert mine.alive("elsewhere:1:abc-def")
    mine.close()


def test_on_another_data_folder_the_process_id_decides(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mine, other = Owners(tmp_path), Owners(tmp_path / "other")
    host = mine.name.split(":")[0]
    assert mine.alive(f"{host}:1:{other.name.split(':')[2]}")
    assert not mine.alive(f"{host}:{2**30}:{other.name.split(':')[2]}")
    mine.close()
    other.close()
