"""Every command block in the README and the docs is run, as a reader would run it."""

import base64
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest
from tests.emulators import held_port
from tests.integration.door import Door
from tests.integration.tiny_models import CALM, models_folder
from tests.unit.network.test_node_receipt import BODY, RED
from tests.unit.network.test_node_receipt import receipt as signed_by_node

from triptych.app.engines import engine_from_settings
from triptych.catalog.load import cards_from_toml
from triptych.cli import main
from triptych.imaging.diffusion.runtime import installed
from triptych.network import card, invite
from triptych.node.keys import open_keys
from triptych.node.owning import make_owner
from triptych.providers import row_from_settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
STRANGER = ROOT / "docs/guides/verify.md"
"""Its blocks are run by somebody who has a picture, its receipt, a copy of the log and a key, and no server."""
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KNOWN = {"sh", "python", "toml", "json", "nginx", "caddy", ""}  # test_hub_front.py has those for web servers
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@dataclass(frozen=True)
class Block:
    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}-{self.number}-{self.language}"


def blocks() -> list[Block]:
    return [
        Block(page, number, found.group(1), found.group(2))
        for page in PAGES
        for number, found in enumerate(FENCE.finditer(page.read_text("utf-8")), 1)
    ]


ALL = blocks()
ALONE = [b for b in ALL if b.page == STRANGER]
SERVED = [b for b in ALL if b not in ALONE and (b.language == "python" or (b.language == "sh" and "curl" in b.text))]
SHELL = [
    b
    for b in ALL
    if b.language == "sh"
    and b not in SERVED + ALONE
    and not any(name in b.text for name in ("./run", "./test", "triptych hub", "triptych node"))
]


def environment(data: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("TRIPTYCH_") and not n.endswith("_API_KEY")}
    return kept | {"TRIPTYCH_DATA": str(data), "TRIPTYCH_BROWSER": "false", "TRIPTYCH_PORT": "0",
                   "TRIPTYCH_SHARE_HOST": "127.0.0.1", "TRIPTYCH_SHARE_PORT": "0", "NO_COLOR": "1"}  # fmt: skip


def started(command: list[str], data: Path) -> tuple[subprocess.Popen[str], str]:
    """A server and its address, once it says that it is up."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment(data), stderr=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return process, found.group()
    pytest.fail(f"{command} ended with {process.wait()} before it was up")


def stop(process: subprocess.Popen[str]) -> int:
    """Ctrl+C, which a terminal sends to all of them."""
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=90)
    return process.returncode


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with Door("openai", "google.genai") as opened:
        yield opened


def environed(folder: Path, door: Door, page: Path | None = None) -> None:
    """Makes a folder one that the commands are run in. Those of the README, and all that `./run` starts, load the program as a reader's
    do; the others share what that takes."""
    if page == README:
        (folder / ".venv").symlink_to(ROOT / ".venv")
    else:
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "triptych").symlink_to(door.program)


def python(block: Block, door: Door) -> list[str]:
    return [sys.executable if block.page == README else str(door.program), "-c", block.text]


@pytest.fixture(scope="module")
def server(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = started([str(door.program), "serve"], tmp_path_factory.mktemp("data"))
    yield url
    stop(process)


def test_no_block_has_a_language_nobody_checks() -> None:
    assert {b.language for b in ALL} <= KNOWN
    assert len(SERVED) >= 5


@pytest.mark.parametrize("block", SERVED, ids=str)
def test_a_block_that_uses_the_server(block: Block, server: str, door: Door, tmp_path: Path) -> None:
    here = replace(block, text=block.text.replace("http://127.0.0.1:8700", server))
    command = python(here, door) if block.language == "python" else ["sh", "-euc", here.text]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert '"error":{' not in done.stdout


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_block(block: Block, door: Door, tmp_path: Path) -> None:
    environed(tmp_path, door, block.page)
    if "local/" in block.text:  # as if it had been fetched
        if not installed():
            pytest.skip("the extra `local` is not installed")
        shutil.copytree(models_folder() / "tiny", tmp_path / "data" / "models" / "sd-turbo")
    done = subprocess.run(["sh", "-euc", block.text], cwd=tmp_path, env=environment(tmp_path / "data") | CALM, input="AIza-key\n",
                          capture_output=True, text=True, timeout=90, check=False)  # fmt: skip
    asks_a_provider = "keys set" in block.text
    # Without a network the key cannot be tried; it is kept all the same, and the command says so.
    assert done.returncode == (1 if asks_a_provider else 0), done.stderr
    assert done.stderr.strip() or done.stdout.strip()
    assert "Traceback" not in done.stderr


def get(url: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(url, timeout=90) as answer:
        data: bytes = answer.read()
    return data


def published(log: Path, receipt: str) -> bool:
    """Whether the log has the receipt under its checkpoint, and what it names lies beside it."""
    entries = b"".join(path.read_bytes() for path in log.glob("tile/entries/**/*") if path.is_file())
    return receipt.encode() in entries and any(log.glob("triptych/snapshots/*/*"))


def node_signed(folder: Path) -> None:
    """A picture that a node drew, what the node signed of it, and the node's id."""
    (folder / "heron.png").write_bytes(RED)
    (folder / "heron.node.jws").write_text(signed_by_node(outputs=BODY.outputs[:1]).line.text)
    (folder / "their-node.id").write_text(f"{BODY.node}\n")


@pytest.fixture(scope="module")
def given(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stranger was given; whoever made it has gone."""
    data, folder = tmp_path_factory.mktemp("operator"), tmp_path_factory.mktemp("stranger")
    process, url = started([str(door.program), "serve"], data)
    try:
        for prompt in ("a fox", "a kettle", "a fox in snow"):
            body = json.dumps({"model": "auto", "prompt": prompt, "size": "256x256"}).encode()
            asked = urllib.request.Request(f"{url}/v1/images/generations", body, {"content-type": "application/json"})
            answer = json.loads(get(asked))
        (folder / "fox.png").write_bytes(base64.b64decode(answer["data"][0]["b64_json"]))
        receipt = answer["triptych"]["receipt"]["jws"]
        (folder / "fox.receipt.jws").write_text(receipt)
        (folder / "operator.key").write_text(json.loads(get(f"{url}/v1/router/log"))["key"] + "\n")
        until = time.monotonic() + 90
        while not published(data / "tlog" / "public", receipt):
            assert time.monotonic() < until, "the log did not take the receipt in"
            time.sleep(0.2)
    finally:
        stop(process)
    node_signed(folder)
    shutil.copytree(data / "tlog" / "public", folder / "their-log")
    shutil.rmtree(data)
    environed(folder, door)
    return folder


@pytest.mark.parametrize("block", ALONE, ids=str)
def test_a_block_that_has_nothing_but_files(block: Block, given: Path, door: Door) -> None:
    command = python(block, door) if block.language == "python" else ["sh", "-euc", block.text]
    done = subprocess.run(
        command, cwd=given, env=environment(given / "none"), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert not (given / "none").exists(), "a check needs no data folder"
    if "node.jws" in block.text:
        assert done.stdout.splitlines()[-1] == "Nothing is FALSE: 4 proved, 2 not checked."
    elif "triptych verify" in block.text and "--json" not in block.text:
        last = re.search(r"`(Nothing is FALSE: .*?)`", STRANGER.read_text("utf-8"))
        assert last is not None
        assert done.stdout.splitlines()[-1] == last.group(1), done.stdout


@pytest.mark.parametrize(
    "block", [b for b in ALL if b.language == "sh" and b.text.strip().startswith("./run")], ids=str
)
def test_run_serves_the_page(block: Block, tmp_path: Path) -> None:
    process, url = started(["sh", "-euc", block.text], tmp_path)
    with urllib.request.urlopen(url + "/healthz", timeout=90) as answer:
        assert json.load(answer)["status"] == "ok"
    if "--share" in block.text:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "Open to the outside" in line or "Nothing is shared" in line)
        door = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert door is not None, said
        assert b"This is an invite" in get(f"{door.group()}/join")
    assert stop(process) in (0, 130, -signal.SIGINT)


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "sh" and "triptych hub" in b.text], ids=str)
def test_a_hub_is_there(block: Block, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    text = re.sub(r"--port \d+", "--port 0", block.text).replace("--host 0.0.0.0", "--host 127.0.0.1")
    process, url = started(["sh", "-euc", f"cd {tmp_path}\n{text}"], tmp_path / "data")
    about = json.loads(get(f"{url}/hub/v1"))
    assert about["hub"] == re.findall(r"--public (\S+)", block.text)[0]
    assert about["nodes"] == 0
    assert [one["hub"] for one in about["peers"]] == re.findall(r"--peer (\S+)", block.text)
    assert stop(process) in (0, 130, -signal.SIGINT)


NODES = [b for b in ALL if b.language == "sh" and "triptych node" in b.text]
ENDS = ("--withdraw", "--rotate-key")
NODE_ID = re.compile(r"[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def meeting_points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The hubs that the pages name, and where they are: two hubs of this machine that ask for next to no work."""
    running, places = [], {}
    with ExitStack() as held:
        for name in ("https://hub.example", "https://second.example"):
            port = held.enter_context(held_port())
            places[name] = f"http://127.0.0.1:{port}"
            command = [
                sys.executable,
                "-m",
                "triptych",
                "hub",
                "--public",
                places[name],
                "--port",
                str(port),
                "--stamp-bits",
                "1",
            ]
            running.append(started(command, tmp_path_factory.mktemp("hub"))[0])
        yield places
        for process in running:
            stop(process)


@pytest.fixture
def workers_port() -> Iterator[int]:
    """A port for workers."""
    with held_port() as port:
        yield port


def lists(hub: str, node: str) -> bool:
    shown = json.loads(get(f"{hub}/hub/v1/cards"))["cards"]
    return any(one["here"] and card.read(one["card"].encode()).id == node for one in shown)


@pytest.mark.parametrize("block", [b for b in NODES if not any(one in b.text for one in ENDS)], ids=str)
def test_a_node_is_there_for_others(
    block: Block, meeting_points: dict[str, str], workers_port: int, door: Door, tmp_path: Path
) -> None:
    """The painters draw in it, whatever else the block names: there is no model for it here that is not slow."""
    environed(tmp_path, door)
    text = block.text
    for name, place in meeting_points.items():
        text = text.replace(name, place)
    text = text.replace("--engine diffusers", "")
    words = shlex.split(re.sub(r"--workers \S+", f"--workers 127.0.0.1:{workers_port}", text))
    if (named := re.search(r"--owner (\S+)", text)) is not None:
        word = make_owner(tmp_path / "laptop").sign(open_keys(tmp_path / "data").id, int(time.time() * 1000))
        (tmp_path / named.group(1)).write_text(word)
    said = tmp_path / "said"
    with said.open("w") as errors:
        process = subprocess.Popen([*words, "--painters", "--once-ready"], cwd=tmp_path, env=environment(tmp_path / "data") | CALM,
                                   stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)  # fmt: skip
    assert process.stdout is not None
    try:
        lines = (line.strip() for line in process.stdout)
        before = list(itertools.takewhile(lambda line: not NODE_ID.fullmatch(line), lines))
        node = open_keys(tmp_path / "data").id
        for hub in (place for name, place in meeting_points.items() if name in block.text):
            until = time.monotonic() + 90
            while not lists(hub, node):
                assert process.poll() is None, said.read_text()
                assert time.monotonic() < until, said.read_text()
                time.sleep(0.1)
    finally:
        ended = stop(process)
    assert ended == 0, said.read_text()
    if "--invite" in block.text:
        assert invite.read("".join(before), int(time.time() * 1000)).node == node
    if "--workers" in block.text:
        assert "Workers join at http://127.0.0.1:" in said.read_text()


@pytest.mark.parametrize("block", [b for b in NODES if any(one in b.text for one in ENDS)], ids=str)
def test_a_node_ends_its_key_as_it_is_written(block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = open_keys(tmp_path).id
    monkeypatch.setattr(sys, "argv", ["triptych", *shlex.split(block.text)[1:], "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert open_keys(tmp_path).id != before


def test_every_block_about_a_node_is_run() -> None:
    assert len(NODES) >= 8
    assert all("https://hub.example" in b.text or any(one in b.text for one in ENDS) for b in NODES)


@pytest.mark.parametrize(
    "block", [b for b in ALL if b.language == "sh" and b.text.strip().startswith("./test")], ids=str
)
def test_test_finds_what_it_names(block: Block) -> None:
    """Without a name it is the whole suite, which the gate runs; here a part of it is looked for in the same way."""
    named = bool(re.search(r"\./test \S", block.text))
    more = "--collect-only -q -p no:cacheprovider" + ("" if named else " tests/docs/test_reference.py")
    done = subprocess.run(["sh", "-euc", block.text], cwd=ROOT, env=environment(ROOT) | {"PYTEST_ADDOPTS": more},
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "test_" in done.stdout


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "toml" and "[endpoints." in b.text], ids=str)
def test_a_settings_block_is_understood(block: Block) -> None:
    for name, table in tomllib.loads(block.text)["endpoints"].items():
        if "engine" in table:
            assert engine_from_settings(name, table, mock.Mock(), mock.Mock()).models
        else:
            assert row_from_settings(name, table)[1]


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "toml" and "[[model]]" in b.text], ids=str)
def test_a_model_card_block_is_understood(block: Block) -> None:
    assert cards_from_toml(block.text, str(block))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_checks_would_see_a_broken_page() -> None:
    assert LINK.findall("[a](gone.md) [b](https://example.org) [c](x.md#part)") == ["gone.md", "x.md"]
    assert FENCE.findall("```sh\n./run\n```\n") == [("sh", "./run\n")]
