"""Usage on a real server: the page and its files say what anybody computes from a copy of the log."""

import asyncio
import html
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.emulators import Emulators
from tests.emulators.scenario import Kind
from tests.integration.place import Place
from tests.integration.test_receipts import serving, until
from tests.unit.cli_tools import Program, Said, by_door

from triptych.server import usage_api

__all__ = ["by_door"]
pytestmark = pytest.mark.usefixtures("by_door")
OPENAI, DEMO = "openai/gpt-image-1-mini", "demo/woodcut"
ROW = re.compile(r'<tr data-row="([^"]*)">(.*?)</tr>', re.DOTALL)
CELL = re.compile(r'<td data-col="(\w+)"><data value="(\d+)">|<td data-col="(\w+)">–')


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first count is waited for, however long it takes here."""
    monkeypatch.setattr(usage_api, "PATIENCE_S", 60.0)


def stats(*arguments: str) -> Said:
    with Program("stats", *arguments, environment={}) as program:
        return program.end()


def read(place: Place, requests: int) -> dict[str, bytes]:
    """The page and its files, all of one checkpoint under which all that was made is."""
    found: dict[str, bytes] = {}

    def state() -> tuple[int, int]:
        said = place.get("/usage.json").json()
        return said["log"]["entries"], said["models"] + said["painters"]

    async def settled() -> bool:
        entries, counted = await asyncio.to_thread(state)
        if counted < requests:
            return False
        for name in ("/usage", "/usage.json", "/usage.csv", "/usage.parquet"):
            found[name] = (await asyncio.to_thread(place.get, name)).content
        return await asyncio.to_thread(state) == (entries, requests)

    asyncio.run(until(settled))
    return found


@pytest.fixture
def used(own_place: Place, emulators: Emulators) -> Place:
    place = serving(own_place)
    for _ in range(11):
        place.make("a fox", OPENAI)
    emulators.openai.play(Kind.MODERATION_INPUT)
    assert place.make("a fox", OPENAI)["state"] == "blocked"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: place.make("a fox --size 64x64", DEMO), range(11)))
    return place


def test_the_page_the_files_and_a_strangers_computation_agree(used: Place, tmp_path: Path) -> None:
    found = read(used, 23)
    said = json.loads(found["/usage.json"])
    copy = shutil.copytree(used.data / "tlog" / "public", tmp_path / "copy", ignore=shutil.ignore_patterns("incoming"))
    (tmp_path / "trust").write_text(used.get("/.well-known/triptych/log-policy").text)
    entries = str(said["log"]["entries"])
    common = ("--from", str(copy), "--policy", str(tmp_path / "trust"), "--entries", entries)
    assert stats(*common, "--format", "json").out.encode() == found["/usage.json"]
    assert stats(*common, "--format", "csv").out.encode() == found["/usage.csv"]
    assert stats(*common, "--format", "parquet", "--output", str(tmp_path / "p")).code == 0
    assert (tmp_path / "p").read_bytes() == found["/usage.parquet"]
    over_http = stats("--from", f"{used.url}/log", "--entries", entries, "--format", "csv")
    assert over_http.out.encode() == found["/usage.csv"], over_http.err

    assert (said["models"], said["painters"]) == (12, 11)
    rows = {"|".join((r["part"], r["period"], r["by"], r["name"])): r for r in said["rows"]}
    assert (rows[f"models|all|model|{OPENAI}"]["blocked"], rows[f"painters|all|model|{DEMO}"]["requests"]) == (1, 11)
    shown = ROW.findall(found["/usage"].decode())
    assert {f"models|all|model|{OPENAI}", "models|all|weights|closed", f"painters|all|model|{DEMO}"} <= {
        html.unescape(key) for key, _ in shown
    }
    cells = [(html.unescape(key), *cell) for key, line in shown for cell in CELL.findall(line)]
    assert len(cells) > 60
    for key, column, value, empty in cells:
        assert rows[key][column or empty] == (int(value) if column else None), (key, column)
    assert len(cells) == sum(line.count("data-col=") for _, line in shown), "a cell without its number"


def test_a_copy_with_one_changed_byte_is_refused(used: Place, tmp_path: Path) -> None:
    read(used, 23)
    copy = shutil.copytree(used.data / "tlog" / "public", tmp_path / "copy", ignore=shutil.ignore_patterns("incoming"))
    size = (copy / "checkpoint").read_text("utf-8").splitlines()[1]  # the log may have grown while it was copied
    bundle = copy / "tile" / "entries" / "000.p" / size
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    refused = stats("--from", str(copy))
    assert (refused.code, "This log is refused" in refused.err) == (1, True)


def test_the_page_needs_no_script_and_its_policy_allows_no_inline_style(used: Place) -> None:
    answer = used.get("/usage")
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    assert re.findall(r"<script(?! src=)", answer.text) == []
    sheets = re.findall(r'href="(/web/[^"]+\.css)"', answer.text)
    assert len(sheets) == 3
    assert all(used.get(sheet).status_code == 200 for sheet in sheets)


def test_few_requests_show_no_table(own_place: Place) -> None:
    place = serving(own_place)
    place.make("a fox", OPENAI)
    found = read(place, 1)
    said = json.loads(found["/usage.json"])
    assert (said["models"], said["rows"]) == (1, [])
    assert 'fewer than <data value="10">10</data> requests' in found["/usage"].decode()


def test_without_a_log_there_is_nothing_to_count(own_place: Place) -> None:
    place = own_place.open()
    assert place.get("/usage").status_code == 404
    assert place.get("/usage.csv").status_code == 404
