"""The writing side: durable appends in groups, checkpoints in time, and logs that are refused."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import cast

import obstore
import pytest
from obstore.store import MemoryStore, S3Store
from tests.unit.tlog import reference
from tests.unit.tlog.tools import LOG, POLICY, W1, W2, Clock, Faults, World, grown, leaves

from triptych.spec.errors import StorageError
from triptych.tlog import journal
from triptych.tlog.client import LogClient
from triptych.tlog.cosign import ask_witness
from triptych.tlog.disk import BucketFiles, HeadFile, LogRefusedError
from triptych.tlog.errors import TlogError
from triptych.tlog.log import Log, LogBehindError, LogPlaces
from triptych.tlog.note import Note, Signer
from triptych.tlog.proof import verify_proof
from triptych.tlog.witness import Witness


async def refused(folder: Path | LogPlaces, signer: Signer = LOG, *, create: bool = False) -> str:
    with pytest.raises(LogRefusedError) as caught:
        await (Log.create if create else Log.open)(folder, signer, Clock())
    assert caught.value.hint
    return caught.value.reason


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


async def test_on_disk(tmp_path: Path) -> None:
    """Append, prove, close, open: on real files."""
    folder, clock, entries = tmp_path / "log", Clock(), leaves(300)
    log = await Log.create(folder, LOG, clock)
    assert (log.size, log.origin) == (0, "example.com/log")
    assert await asyncio.gather(*map(log.append, entries[:290])) == list(range(290))
    await grown(log, clock, 290)
    assert verify_proof(await log.proof(7), entries[7], POLICY).checkpoint.size == 290
    assert [await log.append(e) for e in entries[290:]] == list(range(290, 300))
    await log.close()
    await log.close()
    log = await Log.open(folder, LOG, clock)
    assert log.size == 300
    assert await log.append(b"next") == 300
    await grown(log, clock, 301)
    client = LogClient(log.file, POLICY)
    tree = await client.latest()
    assert [e async for _, e in tree.entries()] == [*entries, b"next"]
    assert tree.note == log.checkpoint() == (folder / "public" / "checkpoint").read_bytes()
    assert not (folder / "public/tile/0/000.p").exists()
    assert await log.file("../log.head") is None
    await log.close()


async def test_checkpoints_come_at_most_every_ten_seconds(tmp_path: Path) -> None:
    world, clock = World(), Clock()
    log = await Log.create(world.places(tmp_path), LOG, clock)
    await log.append(b"first")
    await log.covered(0)
    assert (log.size, clock.seconds) == (1, 0)
    await log.append(b"second")
    clock.advance(9.5)
    await asyncio.sleep(0.03)  # long enough for a checkpoint that should not be made
    assert log.size == 1
    clock.advance(0.5)
    await log.covered(1)
    assert len(world.shown) == 3  # of 0, 1 and 2 entries
    await log.close()
    assert len(world.shown) == 3


async def test_an_entry_that_waits_for_its_checkpoint_says_so(tmp_path: Path) -> None:
    clock = Clock()
    log = await Log.create(World().places(tmp_path), LOG, clock)
    await log.append(b"first")
    await log.covered(0)
    await log.append(b"second")
    for index, reason in [(1, "pending"), (2, "out_of_range"), (-1, "out_of_range")]:
        with pytest.raises(TlogError) as caught:
            await log.proof(index)
        assert caught.value.reason == reason
    waiting = asyncio.create_task(log.covered(5))
    await asyncio.sleep(0)
    await log.close()
    with pytest.raises(StorageError, match="closed"):
        await waiting
    with pytest.raises(StorageError, match="closed"):
        await log.append(b"late")


async def test_entries_of_the_largest_size_and_none_larger(tmp_path: Path) -> None:
    clock = Clock()
    log = await Log.create(tmp_path / "log", LOG, clock)
    await log.append(b"")
    await log.append(b"x" * 65_535)
    with pytest.raises(TlogError) as caught:
        await log.append(b"x" * 65_536)
    assert caught.value.reason == "too_large"
    await grown(log, clock, 2)
    for index, leaf in enumerate([b"", b"x" * 65_535]):
        assert verify_proof(await log.proof(index), leaf, POLICY).index == index
    await log.close()


async def test_many_writers_and_readers_at_once(tmp_path: Path) -> None:
    """Each entry has one index, indices have no gap, and every proof on the way holds."""
    clock = Clock()
    log = await Log.create(tmp_path / "log", LOG, clock)
    given: dict[int, bytes] = {}

    async def write(writer: int) -> None:
        for number in range(40):
            leaf = b"%d/%d" % (writer, number)
            given[await log.append(leaf)] = leaf

    async def read() -> None:
        while len(given) < 800:
            clock.advance(10)
            await asyncio.sleep(0.001)
            if size := log.size:
                index = size * 7 // 11
                assert verify_proof(await log.proof(index), given[index], POLICY).index == index

    await asyncio.gather(read(), *map(write, range(20)))
    await log.close()
    assert sorted(given) == list(range(800))
    log = await Log.open(tmp_path / "log", LOG, clock)
    assert [e async for _, e in (await log.tree()).entries()] == [given[i] for i in range(800)]
    await log.close()


async def test_the_event_loop_runs_while_the_disk_is_slow(tmp_path: Path) -> None:
    world, clock, gate, written = World(), Clock(), threading.Event(), list[int]()
    places = world.places(tmp_path)
    log = await Log.create(places, LOG, clock)
    original = places.journal.append

    def slow(name: str, data: bytes) -> None:
        gate.wait(60)
        written.append(len(data))
        original(name, data)

    places.journal.append = slow  # type: ignore[method-assign]
    appends = [asyncio.create_task(log.append(b"%d" % i)) for i in range(50)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(t.done() for t in appends)
    appends[3].cancel()
    gate.set()
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(results[3], asyncio.CancelledError)
    assert [r for r in results if isinstance(r, int)] == [i for i in range(50) if i != 3]
    assert len(written) == 3  # a new segment, the one entry that came first, and all that came meanwhile
    await log.close()
    assert log.size == 50  # what was cancelled while it was written is there all the same


async def test_a_log_that_cannot_keep_its_promise_takes_no_more(tmp_path: Path) -> None:
    world, clock, faults = World(), Clock(), Faults()
    log = await Log.create(world.places(tmp_path, faults), LOG, clock)
    await log.append(b"first")
    await log.covered(0)
    await log.append(b"second")
    faults.always = True
    async with asyncio.timeout(60):
        while "fails" not in str(log.fault):
            clock.advance(1)
            await asyncio.sleep(0.001)
    clock.advance(100)
    with pytest.raises(LogBehindError, match="fails"):
        await log.append(b"third")
    faults.always = False
    await grown(log, clock, 2)
    assert log.fault is None
    assert await log.append(b"third") == 2
    await log.close()


async def test_missing_logs_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    assert await refused(folder) == "missing"
    assert not folder.exists()
    folder.mkdir()
    assert await refused(folder) == "missing"
    await (await Log.create(folder, LOG, Clock())).close()
    assert await refused(folder, create=True) == "exists"
    shutil.rmtree(folder)
    assert await refused(folder) == "missing"
    assert await refused(folder, create=True) == "exists"  # its head remembers it


async def with_entries(folder: Path, count: int) -> None:
    log = await (Log.open if folder.exists() else Log.create)(folder, LOG, Clock())
    for entry in leaves(count, log.size):
        await log.append(entry)
    await log.close()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("log.head", "missing"), ("log/journal", "missing"), ("log/public/checkpoint", "missing"),
        ("log/public", "missing"), ("log/public/tile/0/001.p/14", "shorter"), ("log/public/tile/1/000.p/1", "shorter"),
        ("log/public/tile/entries/001.p/14", "shorter"),
    ],
)  # fmt: skip
async def test_a_log_that_lacks_something_is_refused_and_left_as_it_is(tmp_path: Path, path: str, reason: str) -> None:
    await with_entries(tmp_path / "log", 270)
    gone = tmp_path / path
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    before = snapshot(tmp_path)
    assert await refused(tmp_path / "log") == reason
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "path", ["log.head", "log/public/checkpoint", "log/public/tile/0/001.p/14", "log/public/tile/1/000.p/1",
             "log/public/tile/entries/001.p/14"],
)  # fmt: skip
async def test_a_log_with_a_changed_byte_is_refused(tmp_path: Path, path: str) -> None:
    await with_entries(tmp_path / "log", 270)
    data = bytearray((tmp_path / path).read_bytes())
    data[-7] ^= 1
    (tmp_path / path).write_bytes(data)
    assert await refused(tmp_path / "log") == "different"


async def test_an_old_copy_of_a_log_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    await with_entries(folder, 5)
    shutil.copytree(folder, tmp_path / "copy")
    await with_entries(folder, 3)
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    assert await refused(folder) == "shorter"


async def test_another_log_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    await with_entries(folder, 5)
    assert await refused(folder, Signer.generate("example.com/log")) == "different"
    assert await refused(folder, Signer.from_seed("example.com/other", bytes(range(32)))) == "different"
    await with_entries(tmp_path / "other", 9)
    shutil.rmtree(folder / "public")
    shutil.copytree(tmp_path / "other" / "public", folder / "public")
    assert await refused(folder) == "different"  # it has more than the head knows of
    shutil.copy(tmp_path / "other.head", tmp_path / "log.head")
    assert await refused(folder) == "shorter"  # the journal is the old one


async def test_two_programs_cannot_write_to_one_log(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = await Log.create(folder, LOG, Clock())
    assert await refused(folder) == "busy"
    await log.close()
    world = World()  # the same head from two machines: the lock does not reach so far
    one = await Log.create(world.places(tmp_path / "a"), LOG, Clock())
    other = World(dict(world.public), dict(world.journal), world.head)
    (tmp_path / "b").mkdir()
    two = await Log.open(other.places(tmp_path / "b"), LOG, Clock())
    await one.append(b"one")
    await one.close()
    await two.append(b"two")
    await two.close()
    assert two.fault is not None
    assert "another writer" in str(two.fault)
    assert two.size == 0
    assert len(world.head) == 2


async def test_a_new_key_takes_over(tmp_path: Path) -> None:
    folder, clock = tmp_path / "log", Clock()
    await with_entries(folder, 3)
    fresh = Signer.generate("example.com/log")
    log = await Log.open(folder, fresh, clock, previous=[LOG.key])
    await log.append(b"rotated")
    await log.close()
    log = await Log.open(folder, fresh, clock)
    assert Note.parse(log.checkpoint()).verified([fresh.key])
    await log.close()


async def test_a_journal_with_a_broken_middle_is_refused_and_with_a_torn_end_is_not(tmp_path: Path) -> None:
    world = World()
    log = await Log.create(world.places(tmp_path), LOG, Clock())
    for entry in leaves(3):
        await log.append(entry)
    before = dict(world.journal)
    public, head = {"checkpoint": world.shown[0]}, [world.shown[0]]  # as it was before its first checkpoint
    await log.close()
    name = max(before, key=lambda n: len(before[n]))
    data = before[name]

    torn = World(dict(public), {**before, name: data[:-3]}, list(head))
    log = await Log.open(torn.places(tmp_path), LOG, Clock())
    assert (log.size, await log.append(b"again")) == (2, 2)
    await log.close()
    for at in (0, 4, 12, 16, 20, 26):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert await refused(World(dict(public), {**before, name: broken}, list(head)).places(tmp_path)) == "damaged"
    assert await refused(World(dict(public), {}, list(head)).places(tmp_path)) == "missing"


async def test_what_was_not_confirmed_gives_way_to_what_was(tmp_path: Path) -> None:
    """A failed append reaches the disk; the next one has the same index, and is the one that counts."""
    world = World()
    places = world.places(tmp_path)
    log = await Log.create(places, LOG, Clock())
    assert await log.append(b"first") == 0
    await log.covered(0)
    original = places.journal.append

    def fail(name: str, data: bytes) -> None:
        original(name, data)
        places.journal.append = original  # type: ignore[method-assign]
        raise StorageError("The disk fails, and has kept it all the same.", hint="It is a test.")

    places.journal.append = fail  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        await log.append(b"lost")
    assert await log.append(b"second") == 1
    left = World(dict(world.public), dict(world.journal), list(world.head))
    await log.close()
    log = await Log.open(left.places(tmp_path), LOG, Clock())
    assert [e async for _, e in (await log.tree()).entries()] == [b"first", b"second"]
    await log.close()


async def test_the_journal_is_emptied_as_the_tree_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_FULL", 40)
    world, clock = World(), Clock()
    log = await Log.create(world.places(tmp_path), LOG, clock)
    for number, entry in enumerate(leaves(30)):
        await log.append(entry)
        if number % 10 == 9:
            await grown(log, clock, number + 1)
    await log.close()
    assert len(world.journal) <= 3
    log = await Log.open(world.places(tmp_path), LOG, clock)
    assert (log.size, await log.append(b"next")) == (30, 30)
    await log.close()


async def test_cosignatures_are_published_with_the_checkpoint(tmp_path: Path) -> None:
    clock = Clock()
    log = await Log.create(tmp_path / "log", LOG, clock)
    witness = await Witness.open(tmp_path / "w", W1, {"example.com/log": [LOG.key]}, clock)
    await witness.watch("example.com/log")

    async def post(body: bytes) -> tuple[int, bytes]:
        answer = await witness.add_checkpoint(body)
        return answer.status, answer.body.encode()

    await log.append(b"first")
    await grown(log, clock, 1)
    found = await ask_witness(await log.tree(), W1.key, 0, post)
    assert await log.cosign(found.signatures, [W1.key])
    assert await log.cosign(found.signatures, [W1.key])  # twice is once
    assert len(Note.parse(log.checkpoint()).signatures) == 2
    assert not await log.cosign(found.signatures, [W2.key])
    assert not await log.cosign([W1.sign("another\n", 5)], [W1.key])
    await log.close()
    log = await Log.open(tmp_path / "log", LOG, clock)
    policy = type(POLICY)(logs=(LOG.key,), witnesses={"w": W1.key}, quorum="w")
    assert verify_proof(await log.proof(0), b"first", policy).cosigned[0].key == W1.key
    await log.append(b"second")
    await grown(log, clock, 2)
    assert not await log.cosign(found.signatures, [W1.key])  # they are for the one before
    assert len(Note.parse(log.checkpoint()).signatures) == 1
    await log.close()
    await witness.close()


async def test_the_root_is_that_of_the_entries(tmp_path: Path) -> None:
    await with_entries(tmp_path / "log", 260)
    log = await Log.open(tmp_path / "log", LOG, Clock())
    assert (await log.tree()).checkpoint.root == reference.mth(leaves(260))
    await log.close()


async def test_public_files_in_a_bucket(tmp_path: Path) -> None:
    store, clock = MemoryStore(), Clock()
    bucket = BucketFiles(cast("S3Store", store), "A bucket")
    places = LogPlaces.at(tmp_path / "log", files=bucket)
    log = await Log.create(places, LOG, clock)
    for start, end in ((0, 200), (200, 300)):
        await asyncio.gather(*map(log.append, leaves(end - start, start)))
        await grown(log, clock, end)
    await log.close()
    paths = {item["path"] for found in obstore.list(store) for item in found}
    assert {"checkpoint", "tile/0/000", "tile/entries/000", "tile/entries/001.p/44"} <= paths
    assert not {p for p in paths if "000.p" in p and not p.startswith("tile/1")}
    log = await Log.open(places, LOG, clock)
    assert [e async for _, e in (await log.tree()).entries()] == leaves(300)
    await log.close()
    assert not (tmp_path / "log" / "public").exists()
    with pytest.raises(StorageError):
        bucket.write("a/../b", b"")


async def test_the_head_is_only_changed_by_who_knows_it(tmp_path: Path) -> None:
    head = HeadFile(tmp_path / "log.head")
    head.swap({None}, b"one")
    head.swap({b"zero", b"one"}, b"two")
    with pytest.raises(LogRefusedError) as caught:
        head.swap({None, b"one"}, b"three")
    assert (caught.value.reason, head.load()) == ("busy", b"two")


async def test_partial_files_that_a_crash_has_left_are_removed(tmp_path: Path) -> None:
    await with_entries(tmp_path / "log", 256)
    for left in ("tile/0/000.p/9", "tile/entries/000.p/9"):
        (tmp_path / "log" / "public" / left).parent.mkdir()
        (tmp_path / "log" / "public" / left).write_bytes(b"left")
    await (await Log.open(tmp_path / "log", LOG, Clock())).close()
    assert not list((tmp_path / "log" / "public").glob("tile/*/000.p/9"))
