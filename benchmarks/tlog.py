"""What the transparency log costs: appends, checkpoints, proofs and their checks.

`python benchmarks/tlog.py [ENTRIES]` appends that many entries of 700 bytes (100,000 unless told) to a new log on the disk
of the temporary folder, with 1, 8, 64 and 512 callers at once, and prints wall and CPU time for each. It is no test: nothing
fails here.
"""

import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from triptych.spec.clock import SystemClock
from triptych.tlog.client import TileCache, Tree
from triptych.tlog.log import Log
from triptych.tlog.note import Signer
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import verify_proof

LEAF = b"x" * 690
SIGNER = Signer.generate("example.com/benchmark")
POLICY = TrustPolicy(logs=(SIGNER.key,))


def report(name: str, count: int, wall: float, used: float) -> None:
    print(f"{name:44}{count:9}{wall / count * 1e6:12.1f}{used / count * 1e6:12.1f}")


async def timed(name: str, count: int, work: Callable[[], Awaitable[None]]) -> None:
    """Wall and CPU microseconds for each of `count`, all threads counted."""
    wall, used = time.perf_counter(), time.process_time()
    await work()
    report(name, count, time.perf_counter() - wall, time.process_time() - used)


async def append(log: Log, callers: int, count: int) -> None:
    async def call(caller: int) -> None:
        for number in range(count // callers):
            await log.append(b"%d/%d " % (caller, number) + LEAF)

    await asyncio.gather(*(call(caller) for caller in range(callers)))


async def prove(log: Log, count: int, cache: Callable[[], TileCache]) -> None:
    tree = await log.tree()
    for number in range(count):
        await Tree(tree.note, tree.checkpoint, log.file, cache()).inclusion(number * 7919 % tree.size)


async def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.machine()}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'':44}{'times':>9}{'wall µs':>12}{'CPU µs':>12}")
    with tempfile.TemporaryDirectory() as folder:
        log = await Log.create(Path(folder) / "log", SIGNER, SystemClock())
        for callers, count in ((1, total // 100), (8, total // 20), (64, total // 5), (512, total)):
            await timed(f"append, {callers} at once", count, lambda c=callers, n=count: append(log, c, n))  # type: ignore[misc]
        waiting = len(log._pending)  # noqa: SLF001 - how many the last checkpoint takes in
        await timed("into the tree, with checkpoint, per entry", max(waiting, 1), log.close)
        log = await Log.open(Path(folder) / "log", SIGNER, SystemClock())
        shared = TileCache()
        await timed("inclusion proof, no tile in memory", 300, lambda: prove(log, 300, TileCache))
        await timed("inclusion proof, tiles in memory", 1000, lambda: prove(log, 1000, lambda: shared))
        index = log.size - 5
        leaf, proof = await (await log.tree()).entry(index), await log.proof(index)
        taken = []
        for _ in range(1000):
            start = time.perf_counter()
            verify_proof(proof, leaf, POLICY)
            taken.append(time.perf_counter() - start)
        report("check of a proof, offline (median)", 1, statistics.median(taken), statistics.median(taken))
        print(f"{log.size} entries, a proof has {len(proof)} bytes")
        await log.close()


if __name__ == "__main__":
    asyncio.run(main())
