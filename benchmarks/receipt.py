"""What a decision, its receipt and its place in the log cost in CPU time.

`python benchmarks/receipt.py [TILES]` decides among 36 endpoints, keeps the end of that many tiles (2,000 unless told) with
and without a receipt, 1 and 64 at once, takes the receipts into a log, and prints CPU microseconds for each, all threads
counted. It is no test: nothing fails here.
"""

import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from triptych.network.receipt import read
from triptych.router.decide import decide
from triptych.router.policy import CHEAPEST
from triptych.router.sealed import seal
from triptych.spec.clock import SystemClock
from triptych.spec.image import Cost
from triptych.spec.model import WireRecord
from triptych.spec.records import AttemptRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import EndpointState, Features, Snapshot
from triptych.store.records import SqlRecordStore, open_store
from triptych.studio.receipts import ReceiptMaker
from triptych.tlog.log import Log
from triptych.tlog.note import Signer

CLOCK = SystemClock()
SIGNER = Signer.generate("example.com/benchmark")
FEATURES = Features(model="family-3", operation="generate")
WIRE = WireRecord(method="POST", url="https://api.example.com/v1", headers={}, body="{}", body_sha256="ab" * 32)
SNAPSHOT = Snapshot(
    taken_ms=1,
    endpoints=tuple(
        EndpointState(endpoint=f"provider-{i}/family-{i % 9}", family=f"family-{i % 9}", lane="commercial", ready=True,
                      price_micro_usd=40_000 + i, latency_ms=9_000) for i in range(36)
    ),
)  # fmt: skip


def used(name: str, count: int, start: float) -> None:
    print(f"{name:60}{(time.process_time() - start) / count * 1e6:10.0f}")


async def tiles(store: SqlRecordStore, count: int) -> Sequence[TileRecord]:
    """Tiles about to end, each with a decision and an attempt, as the studio has kept them by then."""
    decision = replace(decide(CHEAPEST, SNAPSHOT, FEATURES, "00"), id="dec")
    run = RunRecord(id=f"run_{time.monotonic_ns()}", created_ms=1, text="x", source="api")
    made = [
        TileRecord(id=f"tile_{time.monotonic_ns()}_{i}", run_id=run.id, position=i, model="family-3", state="receiving",
                   created_ms=1, updated_ms=1, ratio=1.0, request={"prompt": "a kettle on basalt, dawn " * 8, "n": 1},
                   endpoint=decision.order[0], lane="commercial", cost=Cost(40_003, "table"), billed="yes")
        for i in range(count)
    ]  # fmt: skip
    await store.save_run(run, made)
    for tile in made:
        await store.save_decision(replace(decision, id=f"dec_{tile.id}"), tile.id)
        await store.save_attempt(AttemptRecord(id=f"att_{tile.id}", tile_id=tile.id, number=1, endpoint=decision.order[0],
                                 started_ms=1, ended_ms=2, outcome="done", wires=(WIRE,), billed="yes"))  # fmt: skip
    return [replace(tile, state="done", decision_id=f"dec_{tile.id}") for tile in made]


def picture(tile: TileRecord) -> PictureRecord:
    return PictureRecord(id=f"img_{tile.id}", tile_id=tile.id, position=0, sha256="ab" * 32, media_type="image/png",
                         width=1024, height=1024, bytes=1_500_000, created_ms=1)  # fmt: skip


async def together(count: int, work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Does the work, `count` at a time."""
    todo = iter(work)

    async def one() -> None:
        for job in todo:
            await job()

    await asyncio.gather(*(one() for _ in range(count)))


async def ends(store: SqlRecordStore, count: int, at_once: int, name: str) -> None:
    ready = await tiles(store, count)
    start = time.process_time()
    await together(at_once, [lambda t=t: store.save_tile(t, [picture(t)]) for t in ready])  # type: ignore[misc]
    used(f"{name}, {at_once} at once", count, start)


async def main(count: int) -> None:
    print(f"{datetime.now(UTC).date()}, Python {platform.python_version()}, {count} tiles; CPU µs for each")
    start = time.process_time()
    for i in range(count):
        decide(CHEAPEST, SNAPSHOT, FEATURES, f"{i:032x}", snapshot_id=seal(SNAPSHOT).id)
    used("decision among 36 endpoints, with the snapshot's hash", count, start)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{folder}/t.db", CLOCK)
        for at_once in (1, 64):
            store.receipts.maker = None
            await ends(store, count, at_once, "end of a tile without a receipt")
            store.receipts.maker = ReceiptMaker(SIGNER, CLOCK)
            await ends(store, count, at_once, "end of a tile with its receipt")
        rows = await store.leaves.unlogged([ReceiptMaker(SIGNER, CLOCK).signer], count)
        log = await Log.create(Path(folder) / "log", SIGNER, CLOCK)
        start = time.process_time()
        for at in range(0, count, 64):
            group = rows[at : at + 64]
            places = await asyncio.gather(*(log.append(row.body.encode()) for row in group))
            await store.leaves.logged(log.origin, {row.id: index for row, index in zip(group, places, strict=True)})
        used("taking a receipt into the log, 64 at once", len(rows), start)
        await log.close()
        used("the same with its checkpoints", len(rows), start)
        start = time.process_time()
        for row in rows:
            read(row.body.encode())
        used("reading and checking a receipt", len(rows), start)
        print(f"a receipt has {sum(len(row.body) for row in rows) // len(rows)} bytes")
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
