"""Lives of Triptych that end by SIGKILL at a step that the test names. A step is one write of the store, one file
operation of pictures or log, or one call to a provider; a life ends before a step is done, or after it and before anybody
hears of it.

    python -m tests.integration.walker CERTIFICATE

One process with everything loaded reads a line of JSON for each life, and lives it in a fork.
"""

import asyncio
import base64
import functools
import gc
import hashlib
import inspect
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec
from tests.integration.place import HurriedClock, ToLoopback, public, trusting

from triptych.app import container
from triptych.app.container import App, open_app
from triptych.catalog import load_cards
from triptych.config.settings import load
from triptych.http.client import HttpClient
from triptych.providers import load_plugins, row_cards
from triptych.router.policy import catalogue_body
from triptych.server.application import build
from triptych.spec.image import ImageRequest
from triptych.spec.model import ModelCard
from triptych.spec.price import estimate
from triptych.spec.records import FINAL_STATES
from triptych.store.records import SqlRecordStore
from triptych.store.signed import Leaves
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import TileCache, Tree
from triptych.tlog.disk import FolderJournal
from triptych.tlog.note import Note
from triptych.tlog.tiles import CHECKPOINT_PATH

STORE = ("save_run", "save_tile", "save_attempt", "save_decision", "keep_policy", "claim_tile", "reserve",
         "close_reservation", "add_tiles", "begin_idempotent", "finish_idempotent", "put_setting")  # fmt: skip
KEY = {"Idempotency-Key": "walk"}


class Steps:
    """Names the steps of a life from `begin` on, and ends it at one of them: at the step `name` for the time number
    `time`, so that it does not matter how often others happen between."""

    def __init__(self, end: Mapping[str, Any] | None) -> None:
        self._end = None if end is None else (str(end["name"]), int(end["time"]), str(end["when"]))
        self.names: list[str] = []
        self._begun = False

    def begin(self) -> None:
        self._begun = True

    def watch(self, owner: Any, name: str, *, title: str | None = None) -> None:
        """Makes a function of a class or a module a step."""
        done = getattr(owner, name)
        label = title or name

        def step(args: tuple[Any, ...]) -> tuple[str, int]:
            if not self._begun:
                return "", 0
            told = len(args) > 1 and (name == "replace" or not isinstance(args[1], str))
            named = f"{label} {_detail(args[1])}".strip() if told else label
            self.names.append(named)
            return named, self.names.count(named)

        @functools.wraps(done)
        async def later(*args: Any, **more: Any) -> Any:
            mine = step(args)
            self._ends(mine, "before")
            answer = await done(*args, **more)
            self._ends(mine, "after")
            return answer

        @functools.wraps(done)
        def now(*args: Any, **more: Any) -> Any:
            mine = step(args)
            self._ends(mine, "before")
            answer = done(*args, **more)
            self._ends(mine, "after")
            return answer

        setattr(owner, name, later if inspect.iscoroutinefunction(done) else now)

    def _ends(self, step: tuple[str, int], when: str) -> None:
        if self._end == (*step, when):
            os.kill(os.getpid(), signal.SIGKILL)


def _detail(about: Any) -> str:
    """What a step is about: the state of a tile, the kind of an entry, the folder of a file."""
    if isinstance(about, str | Path):
        name = Path(about).name
        return "picture" if len(name) == 64 else name if name.isalpha() else "tile of the log"
    if hasattr(about, "method"):
        return str(about.method)
    coming = " coming" if getattr(about, "coming", ()) else ""
    return str(getattr(about, "state", "") or getattr(about, "outcome", "") or getattr(about, "kind", "")) + coming


def watch_all(steps: Steps) -> None:
    for name in STORE:
        steps.watch(SqlRecordStore, name)
    steps.watch(Leaves, "logged")
    steps.watch(FolderJournal, "append", title="journal append")
    steps.watch(os, "replace")
    steps.watch(HttpClient, "send", title="http send")


async def opened(life: Mapping[str, Any]) -> App:
    settings = load({"data": Path(life["data"])}, environ=life["environ"])
    app = await open_app(settings, HurriedClock())
    await app.receipts.start()
    await app.studio.recover(app.owners.alive)
    return app


async def ordered(app: App, order: Mapping[str, Any]) -> tuple[int, Any]:
    """What a client gets for an order under its key."""
    transport = httpx.ASGITransport(build(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=90) as client:
        answer = await client.post("/v1/images/generations", json=order, headers=KEY)
    return answer.status_code, answer.json()


async def first_life(life: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """Takes an order, sees it through and stops in order, as far as it comes."""
    app = await opened(life)
    steps.begin()
    status, _ = await ordered(app, life["order"])
    await app.close()
    return {"status": status, "steps": steps.names}


async def next_life(life: Mapping[str, Any]) -> dict[str, Any]:
    """Starts again, waits until nothing is under way, hears the client once more, and tells what there is."""
    app = await opened(life)
    found = await app.store.runs(limit=10)
    tiles = [tile for of_run in (await app.store.tiles_of([r.id for r in found.runs])).values() for tile in of_run]
    for tile in tiles:
        await app.studio.wait(tile.id)
    again = await ordered(app, life["order"])
    await app.receipts.stop()
    facts = await told(app)
    await app.close()
    return {"again": {"status": again[0], "body": _short(again[1])}, **facts}


def _short(body: Any) -> Any:
    """An answer with its pictures as hashes."""
    if isinstance(body, list):
        return [_short(one) for one in body]
    if not isinstance(body, dict):
        return body
    short = {name: _short(value) for name, value in body.items() if name != "b64_json"}
    if body.get("b64_json"):
        short["sha256"] = hashlib.sha256(base64.b64decode(body["b64_json"])).hexdigest()
    return short


async def told(app: App) -> dict[str, Any]:
    """Tiles with everything of theirs, the ledger, and the log's entries in order."""
    tiles = []
    for run in (await app.store.runs(limit=10)).runs:
        for tile in (await app.store.tiles_of([run.id]))[run.id]:
            receipt = await app.store.receipts.of_tile(tile.id)
            pictures = (await app.store.pictures_of([tile.id])).get(tile.id, ())
            tiles.append({
                "id": tile.id, "state": tile.state, "final": tile.state in FINAL_STATES, "billed": tile.billed,
                "cost": tile.cost.amount_micro_usd if tile.cost else None,
                "error": tile.error.message if tile.error else None,
                "pictures": [(one.position, one.sha256, one.bytes) for one in pictures],
                "attempts": [(one.outcome, one.billed) for one in await app.store.attempts_of(tile.id)],
                "receipt": None if receipt is None else {"body": receipt.body, "index": receipt.log_index},
            })  # fmt: skip
    ledger = [(one.reservation, one.kind, one.amount_micro_usd, one.known) for one in await app.store.ledger()]
    return {"tiles": tiles, "ledger": ledger, "log": await logged(app)}


async def logged(app: App) -> list[str]:
    """What the public files of the log say, each entry proved by its hashes."""
    note = await app.receipts.file(CHECKPOINT_PATH)
    assert note is not None
    tree = Tree(note, Checkpoint.parse(Note.parse(note).text), app.receipts.file, TileCache())
    return [entry.decode() async for _, entry in tree.entries()]


def rehearse(life: Mapping[str, Any]) -> None:
    """Over a copy of the first life's data folder."""
    with tempfile.TemporaryDirectory() as folder:
        data = shutil.copytree(life["data"], Path(folder) / "data")
        asyncio.run(rehearsed({**life, "data": str(data)}))
    gc.collect()
    gc.freeze()  # a fork that looked for garbage here would copy all of it


def live(life: Mapping[str, Any]) -> None:
    """One life, in a process of its own. What it has to tell is in the file `out`."""
    steps = Steps(life.get("end"))
    work: Callable[[], Any]
    if life["part"] == "first":
        watch_all(steps)
        work = functools.partial(first_life, life, steps)
    else:
        work = functools.partial(next_life, life)
    Path(life["out"]).write_text(json.dumps(asyncio.run(work())))


def load_once() -> None:
    """Everything that is the same in every life and takes long: cards, plug-ins, what the cards charge, and how they are
    published."""
    cards, rows, plugins = load_cards(), row_cards(), load_plugins()
    published: dict[bytes, bytes] = {}

    def body(cards: Iterable[ModelCard]) -> bytes:
        all_cards = tuple(cards)
        named = msgspec.json.encode(all_cards)
        if named not in published:
            published[named] = catalogue_body(all_cards)
        return published[named]

    vars(container).update({"load_cards": lambda: cards, "row_cards": lambda: rows, "load_plugins": lambda: plugins,
                            "catalogue_body": body})  # fmt: skip
    for card in (*cards, *rows):
        estimate(card, ImageRequest(prompt=""))


async def rehearsed(life: Mapping[str, Any]) -> None:
    """A life without a call to anybody: what it loads for good, no other has to."""
    app = await opened(life)
    await ordered(app, {"model": "demo/aurora", "prompt": "a kettle", "size": "128x128"})
    await app.close()


def main() -> None:
    load_once()
    client = functools.partial(HttpClient, resolver=ToLoopback, tls=trusting(Path(sys.argv[1])), public=public)
    vars(container)["HttpClient"] = client
    fresh = True
    for line in sys.stdin:
        if fresh:
            fresh = False
            rehearse(json.loads(line))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                live(json.loads(line))
                code = 0
            except BaseException:  # whatever it is: the fork must not go on with the loop
                traceback.print_exc()
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
