"""How many rows the store keeps in a second, every one flushed to the disk before its writer goes on.

`python benchmarks/rows.py [ROWS] [WRITERS]` lets 256 writers (unless told otherwise) each keep one attempt after another,
20,000 in all, on SQLite with `synchronous=FULL`, five times over, and prints the rates and the CPU time for each row. It is no
test: nothing fails here.
"""

import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from triptych.spec.clock import SystemClock
from triptych.spec.records import AttemptRecord, RunRecord, TileRecord
from triptych.store.records import SqlRecordStore, open_store

ROUNDS = 5
_RUN = RunRecord(id="run", created_ms=1, text="x", source="api")
_TILE = TileRecord(id="tile", run_id="run", position=0, model="family", state="working", created_ms=1, updated_ms=1,
                   ratio=1.0, request={})  # fmt: skip
_ATTEMPT = AttemptRecord(id="", tile_id="tile", number=1, endpoint="provider/family", started_ms=1)


async def write(store: SqlRecordStore, numbers: Iterator[int]) -> None:
    for number in numbers:
        await store.save_attempt(replace(_ATTEMPT, id=f"att_{number}"))


async def main(rows: int, writers: int) -> None:
    rates: list[float] = []
    used: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            store = await open_store(f"sqlite:///{folder}/{turn}.db", SystemClock())
            await store.save_run(_RUN, [_TILE])
            numbers = iter(range(rows))
            start, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(write(store, numbers) for _ in range(writers)))
            rates.append(rows / (time.perf_counter() - start))
            used.append((time.process_time() - cpu) / rows * 1e6)
            await store.close()
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}, {writers} writers, "
          f"{ROUNDS} rounds of {rows} rows: {statistics.median(rates):.0f} rows/s ({min(rates):.0f}–{max(rates):.0f}), "
          f"{statistics.median(used):.0f} µs of CPU a row ({min(used):.0f}–{max(used):.0f})")  # fmt: skip


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(arguments + [20_000, 256][len(arguments) :])))
