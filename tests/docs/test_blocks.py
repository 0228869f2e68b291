"""Every command block in the README and the docs is run, as a reader would run it."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from triptych.catalog.load import cards_from_toml
from triptych.providers import row_from_settings

ROOT = Path(__file__).parents[2]
STRANGER = ROOT / "docs/guides/verify.md"
"""Its blocks are run by somebody who has a picture, its receipt, a copy of the log and a key, and no server."""
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KNOWN = {"sh", "python", "toml", "json", ""}
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
    if b.language == "sh" and b not in SERVED + ALONE and "./run" not in b.text and "./test" not in b.text
]


def environment(data: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("TRIPTYCH_") and not n.endswith("_API_KEY")}
    return kept | {"TRIPTYCH_DATA": str(data), "TRIPTYCH_BROWSER": "false", "TRIPTYCH_PORT": "0", "NO_COLOR": "1"}


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
    process.communicate(timeout=60)
    return process.returncode


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = started([sys.executable, "-m", "triptych", "serve"], tmp_path_factory.mktemp("data"))
    yield url
    stop(process)


def test_no_block_has_a_language_nobody_checks() -> None:
    assert {b.language for b in ALL} <= KNOWN
    assert len(SERVED) >= 5


@pytest.mark.parametrize("block", SERVED, ids=str)
def test_a_block_that_uses_the_server(block: Block, server: str, tmp_path: Path) -> None:
    text = block.text.replace("http://127.0.0.1:8700", server)
    command = [sys.executable, "-c", text] if block.language == "python" else ["sh", "-euc", text]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert '"error":{' not in done.stdout


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_block(block: Block, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    done = subprocess.run(["sh", "-euc", block.text], cwd=tmp_path, env=environment(tmp_path / "data"), input="AIza-key\n",
                          capture_output=True, text=True, timeout=90, check=False)  # fmt: skip
    asks_a_provider = "keys set" in block.text
    # Without a network the key cannot be tried; it is kept all the same, and the command says so.
    assert done.returncode == (1 if asks_a_provider else 0), done.stderr
    assert done.stderr.strip() or done.stdout.strip()
    assert "Traceback" not in done.stderr


def get(url: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        data: bytes = answer.read()
    return data


def published(log: Path, receipt: str) -> bool:
    """Whether the log has the receipt under its checkpoint, and what it names lies beside it."""
    entries = b"".join(path.read_bytes() for path in log.glob("tile/entries/**/*") if path.is_file())
    return receipt.encode() in entries and any(log.glob("triptych/snapshots/*/*"))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stranger was given; whoever made it has gone."""
    data, folder = tmp_path_factory.mktemp("operator"), tmp_path_factory.mktemp("stranger")
    process, url = started([sys.executable, "-m", "triptych", "serve"], data)
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
    shutil.copytree(data / "tlog" / "public", folder / "their-log")
    shutil.rmtree(data)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.mark.parametrize("block", ALONE, ids=str)
def test_a_block_that_has_nothing_but_files(block: Block, given: Path) -> None:
    command = [sys.executable, "-c", block.text] if block.language == "python" else ["sh", "-euc", block.text]
    done = subprocess.run(
        command, cwd=given, env=environment(given / "none"), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert not (given / "none").exists(), "a check needs no data folder"
    if "triptych verify" in block.text and "--json" not in block.text:
        last = re.search(r"`(Nothing is FALSE: .*?)`", STRANGER.read_text("utf-8"))
        assert last is not None
        assert done.stdout.splitlines()[-1] == last.group(1), done.stdout


@pytest.mark.parametrize(
    "block", [b for b in ALL if b.language == "sh" and b.text.strip().startswith("./run")], ids=str
)
def test_run_serves_the_page(block: Block, tmp_path: Path) -> None:
    process, url = started(["sh", "-euc", block.text], tmp_path)
    with urllib.request.urlopen(url + "/healthz", timeout=10) as answer:
        assert json.load(answer)["status"] == "ok"
    assert stop(process) in (0, 130, -signal.SIGINT)


@pytest.mark.parametrize(
    "block", [b for b in ALL if b.language == "sh" and b.text.strip().startswith("./test")], ids=str
)
def test_test_finds_what_it_names(block: Block) -> None:
    command = block.text.strip() + " --collect-only -q -p no:cacheprovider"
    done = subprocess.run(["sh", "-euc", command], cwd=ROOT, env=environment(ROOT), capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "test_" in done.stdout


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "toml" and "[endpoints." in b.text], ids=str)
def test_a_settings_block_is_understood(block: Block) -> None:
    for name, table in tomllib.loads(block.text)["endpoints"].items():
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
