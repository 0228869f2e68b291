"""Every write of a log's life fails once: alone or with the program, before or after it has reached the disk.

Whatever happens, the log opens and goes on; every entry that was confirmed is at its index; every checkpoint that was ever
shown or signed is a beginning of the tree.
"""

import asyncio
import contextlib
import itertools
import sys
from pathlib import Path

import pytest
from tests.unit.tlog import reference
from tests.unit.tlog.tools import LOG, POLICY, Clock, Faults, World, grown, leaves

from triptych.spec.errors import StorageError
from triptych.tlog import journal
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.disk import LogRefusedError
from triptych.tlog.log import Log, LogPlaces
from triptych.tlog.note import Note
from triptych.tlog.proof import verify_proof

STEPS = (3, 254, 2, 1)  # appended together each, with a checkpoint after each: 257 of them fill a tile


async def begin(places: LogPlaces, clock: Clock) -> Log:
    """As a program does at its first start, and at a start after a first start that did not end."""
    try:
        return await Log.create(places, LOG, clock)
    except LogRefusedError as error:
        if error.reason != "exists":
            raise
        return await Log.open(places, LOG, clock)


async def life(places: LogPlaces, faults: Faults, confirmed: dict[int, bytes]) -> None:
    """What one program does. Raises StorageError when it is killed."""
    clock = Clock()
    log = None
    for _ in range(3):
        with contextlib.suppress(StorageError):
            log = await begin(places, clock)
            break
    if log is None:
        raise StorageError("killed")
    number = 0
    try:
        for count in STEPS:
            for _ in range(3):
                entries = leaves(count, number)
                number += count
                found = await asyncio.gather(*map(log.append, entries), return_exceptions=True)
                confirmed |= {i: e for i, e in zip(found, entries, strict=True) if isinstance(i, int)}
                if all(isinstance(i, int) for i in found):
                    break
            if faults.kill and faults.at and faults.count >= faults.at:
                raise StorageError("killed")
            await grown(log, clock, max(confirmed) + 1) if not faults.kill else await settle(log, clock, faults)
    finally:
        await log.close()


async def settle(log: Log, clock: Clock, faults: Faults) -> None:
    """Until there is a checkpoint, or the program is dead."""
    async with asyncio.timeout(60):
        while log._pending and not (faults.at and faults.count >= faults.at):
            clock.advance(10)
            await asyncio.sleep(0.001)


async def check(world: World, folder: Path, confirmed: dict[int, bytes]) -> None:
    """A new program on what is left."""
    clock = Clock()
    log = await begin(world.places(folder), clock)
    tree = await log.tree()
    entries = [e async for _, e in tree.entries()]
    assert {i: entries[i] for i in confirmed} == confirmed
    assert await log.append(b"after") == len(entries)
    await grown(log, clock, len(entries) + 1)
    assert verify_proof(await log.proof(len(entries)), b"after", POLICY).checkpoint.size == len(entries) + 1
    await log.close()
    entries.append(b"after")
    for data in [*world.shown, *world.head]:
        head = Checkpoint.parse(Note.parse(data).text)
        assert head.root == reference.mth(entries[: head.size])


async def run(folder: Path, faults: Faults) -> int:
    world = World()
    confirmed: dict[int, bytes] = {}
    with contextlib.suppress(StorageError):
        await life(world.places(folder, faults), faults, confirmed)
        if not faults.kill:
            assert len(confirmed) >= sum(STEPS)
    await check(world, folder, confirmed)
    return faults.count


@pytest.mark.parametrize("kill", [False, True], ids=["goes on", "killed"])
@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize("full", [4 << 20, 1], ids=["one segment", "many segments"])
async def test_every_write_fails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: bool, persisted: bool, full: int
) -> None:
    monkeypatch.setattr(journal, "_FULL", full)
    for at in itertools.count(1):
        if await run(tmp_path, Faults(at, persisted, kill)) < at:
            break  # a whole life has fewer writes: how many depends on which entries share one
    assert at > 25


async def test_a_program_that_dies_again_and_again_at_its_start(tmp_path: Path) -> None:
    """Recovery itself is interrupted at each of its writes, and what it had begun does no harm."""
    for at in range(1, 12):
        world, confirmed = World(), dict[int, bytes]()
        log = await begin(world.places(tmp_path), Clock())
        await log.append(b"before")
        await grown(log, Clock(), 1)
        confirmed[0] = b"before"
        log._clock.seconds = -1000.0  # type: ignore[attr-defined]
        for entry in leaves(260):
            confirmed[await log.append(entry)] = entry
        left = World(dict(world.public), dict(world.journal), list(world.head), list(world.shown))
        await log.close()
        faults = Faults(at, kill=True)
        with contextlib.suppress(StorageError):
            await (await Log.open(left.places(tmp_path, faults), LOG, Clock())).close()
        await check(left, tmp_path, confirmed)


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.unit.tlog.tools import LOG
from triptych.spec.clock import SystemClock
from triptych.tlog import log
log.CHECKPOINT_EVERY_S = 0.01
async def main():
    one = await (log.Log.open if Path(sys.argv[1]).exists() else log.Log.create)(Path(sys.argv[1]), LOG, SystemClock())
    async def write(name):
        while True:
            index = await one.append(name)
            print(index, name.decode(), flush=True)
    await asyncio.gather(*(write(b"writer %d" % i) for i in range(8)))
asyncio.run(main())
"""


async def test_kill_9(tmp_path: Path) -> None:
    """A real program on real files, killed in the middle of its work, three times over."""
    confirmed: dict[int, bytes] = {}
    for lines in (40, 300, 700):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
        )
        assert program.stdout is not None
        said = [await program.stdout.readline() for _ in range(lines)]
        program.kill()
        said += (await program.stdout.read()).splitlines(keepends=True)
        await program.wait()
        pairs = [line.rstrip(b"\n").split(b" ", 1) for line in said if line.endswith(b"\n")]
        new = {int(index): leaf for index, leaf in pairs}
        assert len(new) == len(pairs)
        assert not new.keys() & confirmed.keys()
        confirmed |= new
    log = await Log.open(tmp_path / "log", LOG, Clock())
    entries = [e async for _, e in (await log.tree()).entries()]
    assert {i: entries[i] for i in confirmed} == confirmed
    await log.close()
