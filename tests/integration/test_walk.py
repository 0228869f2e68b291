"""SIGKILL at every step of a picture's life: nothing that was kept is lost, nothing is paid twice, the books balance."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.emulators import Emulator, Emulators, Kind, Scenario
from tests.integration.conftest import make_place
from tests.integration.place import Loop, TlsFront

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Tale:
    """A kind of tile. `submits` is how often it is sent when nothing happens to it; one that is `free` is sent once more
    after a kill before it is written down which job came of it: nothing knows of that job. `sample` is how many of its steps are walked besides the first of each name; all of them for None."""

    order: Mapping[str, Any]
    host: Callable[[Emulators], Emulator]
    play: Callable[[Emulator], None]
    state: str = "done"
    pictures: int = 1
    submits: int = 1
    free: bool = False
    sample: int | None = 4


def nothing(_: Emulator) -> None:
    """The provider does as it is asked."""


LOG_FILES = {"replace checkpoint", "replace tile of the log", "journal append", "logged"}

TALES = {
    "call": Tale({"model": "xai/grok-imagine-image", "prompt": "a kettle"}, lambda e: e.xai, nothing, sample=None),
    "job": Tale({"model": "aihorde/flux.1-schnell", "prompt": "a kettle"}, lambda e: e.aihorde, nothing, sample=None, free=True),
    "several": Tale(
        {"model": "google/gemini-3.1-flash-image", "prompt": "a kettle", "n": 3},
        lambda e: e.google, nothing, pictures=3, submits=3,
    ),
    "blocked": Tale(
        {"model": "xai/grok-imagine-image", "prompt": "a kettle"},
        lambda e: e.xai, lambda e: e.play(Kind.MODERATION_BILLED), state="blocked", pictures=0,
    ),
    "retry": Tale(
        {"model": "openai/gpt-image-2", "prompt": "a kettle"},
        lambda e: e.openai, lambda e: e.play(Scenario(Kind.RATE_LIMIT, retry_after_s=0.01)), submits=2,
    ),
}  # fmt: skip


@dataclass
class Walker:
    """Lives over copies of one data folder, which has seen one start. One process for all tales; `steps` are those of each
    tale that nothing happens to."""

    front: TlsFront
    environ: Mapping[str, str]
    fresh: Path
    folder: Path
    steps: dict[str, list[str]] = field(default_factory=dict)
    process: "subprocess.Popen[str]" = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.walker", str(self.front.certificate)]
        kept = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, data: Path, part: str, order: Mapping[str, Any], end: Any = None) -> tuple[int, dict[str, Any]]:
        """How one life ended, and what it told."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        out = self.folder / "told.json"
        out.unlink(missing_ok=True)
        life = {"data": str(data), "environ": dict(self.environ), "part": part, "order": order, "end": end,
                "out": str(out)}  # fmt: skip
        self.process.stdin.write(json.dumps(life) + "\n")
        self.process.stdin.flush()
        line = "-"
        while not line.strip().removeprefix("-").isdigit():  # a life may say something, too
            line = self.process.stdout.readline()
            assert line, "the walker is gone"
        code = int(line)
        return code, json.loads(out.read_text()) if out.exists() else {}

    def stop(self) -> None:
        self.process.communicate(timeout=90)


@pytest.fixture(scope="module")
def walker(
    emulator_servers: Emulators, other_loop: Loop, front: TlsFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walker]:
    folder = tmp_path_factory.mktemp("walk")
    place = make_place(folder / "data", emulator_servers, other_loop, front).open()
    place.send("PUT", "/api/providers/aihorde/consent", {"given": True})
    place.done()
    made = Walker(front, place.environ, place.data, folder)
    yield made
    made.stop()
    emulator_servers.files.front = None


def walked(names: list[str], sample: int | None) -> list[tuple[str, int]]:
    """The steps to end at, by name and time: all, or the first of each name and some more. Of the log's own files, which
    are written beside the tile and as often as there is time for it, the first two of each name."""
    steps = [(name, names[: place + 1].count(name)) for place, name in enumerate(names)]
    rest = [step for step in steps if step[1] == 2 or (step[1] > 2 and step[0] not in LOG_FILES)]
    kept = rest if sample is None else Random(7).sample(rest, min(sample, len(rest)))
    return [step for step in steps if step[1] == 1 or step in kept]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", TALES)
def test_a_kill_at_any_step_loses_nothing_and_pays_nothing_twice(
    name: str,
    when: str,
    walker: Walker,
    emulators: Emulators,
    tmp_path: Path,
) -> None:
    tale = TALES[name]
    host = tale.host(emulators)

    def life(end: Any) -> tuple[int, dict[str, Any], dict[str, Any], bool]:
        emulators.reset()
        emulators.files.front = walker.front.url
        tale.play(host)
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(walker.fresh, data)
        code, first = walker.live(data, "first", tale.order, end)
        told = knows_its_job(data)
        after, facts = walker.live(data, "next", tale.order)
        assert after == 0, f"the next start failed after {end}"
        return code, first, facts, told

    data = tmp_path / "walked"
    if name not in walker.steps:
        code, first, facts, told = life(None)
        assert code == 0
        walker.steps[name] = first["steps"]
        check(tale, host, facts, data, again=False)
        assert [tile["state"] for tile in facts["tiles"]] == [tale.state]
        assert len(host.submits) == tale.submits
    names = walker.steps[name]
    ends: Counter[str] = Counter()
    problems = []
    steps = walked(names, tale.sample)
    for step, time in steps:
        code, _, facts, told = life({"name": step, "time": time, "when": when})
        ends["killed" if code == -9 else "not reached"] += 1
        for tile in facts["tiles"]:
            ends[tile["state"]] += 1
        try:
            check(tale, host, facts, data, again=tale.free and not told)
        except AssertionError as problem:
            problems.append(f"{when} {step} {time}: {str(problem).splitlines()[0]}")
    assert problems == [], f"{len(names)} steps: {names}; {dict(ends)}"
    sys.stdout.write(f"{name} {when}: {len(names)} steps, {dict(ends)}\n")  # shown with -rP
    assert ends["killed"] * 4 >= len(steps) * 3, f"too few lives ended where they should: {dict(ends)}"


def knows_its_job(data: Path) -> bool:
    """Whether it is written down which job came of the call."""
    with closing(sqlite3.connect(data / "triptych.db")) as db:
        return any(json.loads(body).get("job") for (body,) in db.execute("select body from attempts"))


def check(tale: Tale, host: Emulator, facts: Mapping[str, Any], data: Path, *, again: bool) -> None:
    """The laws. `again`: it may have been sent once more."""
    tiles = facts["tiles"]
    assert len(tiles) == 1, "one order, one tile, even when the client asks again"
    (tile,) = tiles
    assert tile["final"]
    assert len(host.submits) <= tale.submits + again, f"sent {len(host.submits)} times"
    assert not tale.free or host.charged_micro_usd == 0
    books(tile, facts["ledger"], host.charged_micro_usd)
    pictures(tile, tale, data)
    receipts(tile, facts["log"])


def books(tile: Mapping[str, Any], ledger: list[tuple[str, str, int, bool]], charged: int) -> None:
    held = Counter(reservation for reservation, kind, _, _ in ledger if kind == "reserve")
    closed = Counter(reservation for reservation, kind, _, _ in ledger if kind != "reserve")
    assert held == closed, "every reservation is closed"
    assert set(held.values()) <= {1}, "every reservation is closed once"
    known = sum(amount for _, kind, amount, sure in ledger if kind == "settle" and sure)
    unknown = sum(amount for _, kind, amount, sure in ledger if kind == "settle" and not sure)
    assert known <= charged <= known + unknown, f"{known} known, {unknown} unknown, {charged} charged"
    if tile["cost"] is not None and tile["billed"] == "yes":
        assert tile["cost"] == known, f"the tile says {tile['cost']}, the ledger {known}"
    assert tile["billed"] != "no" or charged == 0, "what was charged is not called free"
    assert tile["billed"] != "yes" or charged > 0, "what was not charged is not called billed"


def pictures(tile: Mapping[str, Any], tale: Tale, data: Path) -> None:
    there = {path.name: path for path in (data / "pictures").rglob("*") if len(path.name) == 64}
    for hash_, path in there.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == hash_, "a picture is named by its hash, and whole"
    named = [hash_ for _, hash_, _ in tile["pictures"]]
    assert set(named) <= set(there), "every picture that is known is kept"
    assert set(named) == set(there), f"{len(there)} pictures are kept, {len(named)} are known"
    places = [place for place, _, _ in tile["pictures"]]
    assert len(set(places)) == len(places) <= tale.pictures
    assert (tile["state"] != "done") or named


def receipts(tile: Mapping[str, Any], log: list[str]) -> None:
    receipt = tile["receipt"]
    assert receipt is not None, f"a tile that ended as {tile['state']} has a receipt"
    assert [entry for entry in log if "." in entry].count(receipt["body"]) == 1, "the log has the receipt once"
    assert log[receipt["index"]] == receipt["body"], "at the place that is written down"
