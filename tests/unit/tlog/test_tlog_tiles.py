"""Tiles, bundles and the client that believes none of them."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.tlog import reference
from tests.unit.tlog.tools import LOG, POLICY, Faults, Files, World, leaves

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import LogClient, TileCache, Tree
from triptych.tlog.errors import TileError, TlogError
from triptych.tlog.merkle import check_consistency, check_inclusion, leaf_hash
from triptych.tlog.note import Note, Signer
from triptych.tlog.proof import verify_proof
from triptych.tlog.tiles import (
    Edge,
    Tile,
    edge_tiles,
    grow,
    is_log_path,
    partials_path,
    read_bundle,
    read_tile,
    tile_at,
    tile_path,
    write_bundle,
)


def built(sizes: list[int], entries: list[bytes]) -> tuple[Edge, dict[str, bytes]]:
    """A log's files after checkpoints at `sizes`."""
    edge, files = Edge(), dict[str, bytes]()
    for size in sizes:
        growth = grow(edge, entries[edge.size : size])
        files |= growth.files
        for folder in growth.replaced:
            files = {p: d for p, d in files.items() if not p.startswith(folder)}
        edge = growth.edge
    return edge, files


def tree(files: dict[str, bytes], entries: list[bytes], size: int, signer: Signer = LOG) -> Tree:
    head = Checkpoint("example.com/log", size, reference.mth(entries[:size]))
    return Tree(Note.signed(head.text, signer).encode(), head, Fetcher(files))


class Fetcher:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []

    async def __call__(self, path: str) -> bytes | None:
        assert is_log_path(path)
        self.asked.append(path)
        await asyncio.sleep(0)
        return self.files.get(path)


def test_paths() -> None:
    """The examples of C2SP tlog-tiles."""
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 1234067, 8) == "tile/entries/x001/x234/067.p/8"
    assert tile_path(63, 0) == "tile/63/000"
    assert tile_path(1, 1000) == "tile/1/x001/000"
    assert partials_path(0, 5) == "tile/0/005.p/"
    assert Tile(0, 273, 112).path == "tile/0/273.p/112"


def test_tiles_of_70000_entries() -> None:
    """The example of C2SP tlog-tiles."""
    assert edge_tiles(70_000) == [Tile(2, 0, 1), Tile(1, 1, 17), Tile(0, 273, 112)]
    assert edge_tiles(256) == [Tile(1, 0, 1)]
    assert edge_tiles(0) == []
    assert tile_at(0, 272, 70_000) == Tile(0, 272)
    assert tile_at(1, 0, 70_000) == Tile(1, 0, 256)
    for level, index in [(0, 274), (1, 2), (2, 1), (3, 0), (0, -1)]:
        with pytest.raises(TileError):
            tile_at(level, index, 70_000)


@pytest.mark.parametrize("path", [
    "tile/0/00", "tile/0/1000", "tile/64/000", "tile/00/000", "tile/0/x000", "tile/0/000.p/0", "tile/0/000.p/256",
    "tile/0/000.p/01", "tile/0/../../head", "/checkpoint", "checkpoint\n", "tile/entries/x1/000", "incoming/1", "",
])  # fmt: skip
def test_only_paths_of_logs_are_served(path: str) -> None:
    assert not is_log_path(path)


def test_bundles() -> None:
    entries = (b"", b"a", b"x" * 65_535)
    data = write_bundle(entries)
    assert data[:5] == b"\0\0\0\x01a"
    assert read_bundle(Tile(0, 0, 3), data) == entries
    for wrong in (data[:-1], data + b"\0", data + b"\0\0", data[:1]):
        with pytest.raises(TileError):
            read_bundle(Tile(0, 0, 3), wrong)
    with pytest.raises(TileError):
        read_tile(Tile(0, 0, 3), b"x" * 95)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 1200), min_size=1, max_size=6))
def test_a_log_is_the_same_however_it_grew(sizes: set[int]) -> None:
    entries = leaves(1200)
    steps = sorted(sizes)
    edge, files = built(steps, entries)
    at_once, final = built(steps[-1:], entries)
    assert edge == at_once
    assert edge.root == reference.mth(entries[: edge.size])
    assert {p: files[p] for p in final} == final


async def test_every_proof_from_tiles() -> None:
    entries = leaves(700)
    for size in (1, 2, 255, 256, 257, 511, 512, 700):
        _, files = built([size], entries)
        now = tree(files, entries, size)
        for index in {0, 1, size // 3, size // 2, size - 1} & set(range(size)):
            proof = await now.inclusion(index)
            assert list(proof) == reference.path(index, entries[:size])
            check_inclusion(leaf_hash(entries[index]), index, size, proof, now.checkpoint.root)
            assert await now.entry(index) == entries[index]
            assert verify_proof(await now.proof(index), entries[index], POLICY).index == index
        for old in {0, 1, 2, 255, 256, 300, size - 1, size} & set(range(size + 1)):
            root = reference.mth(entries[:old])
            check_consistency(old, size, await now.consistency(old), root, now.checkpoint.root)
        assert [e async for e in now.entries(size // 2)] == list(enumerate(entries[:size]))[size // 2 :]


async def test_three_levels_of_tiles() -> None:
    entries = [i.to_bytes(3, "big") for i in range(65_536 + 300)]
    edge, files = built([len(entries)], entries)
    head = Checkpoint("example.com/log", edge.size, edge.root)
    now = Tree(b"", head, Fetcher(files))
    for index in (0, 65_535, 65_536, 65_835):
        check_inclusion(leaf_hash(entries[index]), index, edge.size, await now.inclusion(index), edge.root)
    half = grow(Edge(), entries[:40_000]).edge.root
    check_consistency(40_000, edge.size, await now.consistency(40_000), half, edge.root)
    with pytest.raises(TlogError):
        await now.inclusion(edge.size)


async def test_find_says_when_an_entry_is_not_there() -> None:
    entries = leaves(600)
    _, files = built([600], entries)
    now = tree(files, entries, 600)
    assert [await now.find(entries[i]) for i in (0, 255, 256, 599)] == [0, 255, 256, 599]
    assert await now.find(b"omitted") is None


async def test_every_changed_file_is_noticed() -> None:
    entries = leaves(600)
    _, files = built([600], entries)
    for path in files:
        for at in (0, len(files[path]) // 2, len(files[path]) - 1):
            data = bytearray(files[path])
            data[at] ^= 1
            with pytest.raises(TileError):
                _ = [e async for e in tree({**files, path: bytes(data)}, entries, 600).entries()]
        with pytest.raises(TileError) as caught:
            _ = [e async for e in tree({p: d for p, d in files.items() if p != path}, entries, 600).entries()]
        assert caught.value.reason == "missing"


async def test_tiles_and_entries_that_agree_with_each_other_only_are_noticed() -> None:
    entries = leaves(600)
    _, files = built([600], entries)
    _, other = built([600], [b"rewritten", *entries[1:]])
    for swapped in ({"tile/0/000", "tile/entries/000"}, {"tile/0/000", "tile/entries/000", "tile/1/000.p/2"}):
        mixed = {**files, **{path: other[path] for path in swapped}}
        for read in (Tree.bundle, Tree.leaf_hashes, Tree.inclusion):
            with pytest.raises(TileError) as caught:
                await read(tree(mixed, entries, 600), 0)
            assert caught.value.reason == "wrong_tile"


async def test_an_older_tree_is_read_from_a_log_that_has_grown() -> None:
    """Partial files give way to full ones; who still has an old checkpoint reads those."""
    entries = leaves(600)
    _, files = built([200, 600], entries)
    old = tree(files, entries, 200)
    assert "tile/0/000.p/200" not in files
    assert [e async for _, e in old.entries()] == entries[:200]


async def test_tiles_are_read_once() -> None:
    entries = leaves(600)
    _, files = built([600], entries)
    now = tree(files, entries, 600)
    await now.inclusion(3)
    count = len(now._fetch.asked)  # type: ignore[attr-defined]
    await now.inclusion(200)
    assert len(now._fetch.asked) == count  # type: ignore[attr-defined]
    cache = TileCache(1)
    cache.put(Tile(0, 0), (b"a",))
    cache.put(Tile(0, 1), (b"b",))
    assert cache.get(Tile(0, 0)) is None
    assert cache.get(Tile(0, 1)) == (b"b",)


def follower(world: World, known: Checkpoint | None = None) -> LogClient:
    files = Files(world, Faults())

    async def fetch(path: str) -> bytes | None:
        return files.read(path)

    return LogClient(fetch, POLICY, known)


def publish(world: World, entries: list[bytes], signer: Signer = LOG) -> None:
    edge, world.public = built([len(entries)], entries)
    world.public["checkpoint"] = Note.signed(Checkpoint("example.com/log", edge.size, edge.root).text, signer).encode()


async def test_a_follower_notices_a_rollback_and_a_rewrite() -> None:
    world, entries = World(), leaves(300)
    client = follower(world)
    with pytest.raises(TileError, match="no checkpoint"):
        await client.latest()
    publish(world, entries[:280])
    assert (await client.latest()).size == 280
    publish(world, entries)
    assert (await client.latest()).size == 300
    known = client.known

    for wrong, reason in [
        (entries[:290], "rollback"),
        ([b"rewritten", *entries[1:]], "inconsistent"),
        ([b"rewritten", *leaves(400)[1:]], "inconsistent"),
    ]:
        publish(world, wrong)
        for one in (client, follower(world, known)):
            with pytest.raises(TlogError) as caught:
                await one.latest()
            assert caught.value.reason == reason
            assert one.known == known
    publish(world, leaves(400), Signer.generate("example.com/log"))
    with pytest.raises(TlogError) as caught:
        await client.latest()
    assert caught.value.reason == "unsigned"
    publish(world, leaves(400))
    assert [e async for _, e in (await client.latest()).entries()] == leaves(400)


async def test_an_older_answer_that_comes_after_a_newer_one_is_no_rollback() -> None:
    world, entries, slow = World(), leaves(300), asyncio.Event()
    files, asked = Files(world, Faults()), list[str]()

    async def fetch(path: str) -> bytes | None:
        data = files.read(path)
        asked.append(path)
        if asked == ["checkpoint"]:
            await slow.wait()
        return data

    publish(world, entries[:280])
    client = LogClient(fetch, POLICY)
    first, second = (asyncio.create_task(client.latest()) for _ in range(2))
    await asyncio.sleep(0)
    publish(world, entries)
    for _ in range(50):
        await asyncio.sleep(0)
    slow.set()
    assert [one.size for one in await asyncio.gather(first, second)] == [280, 300]
    assert client.known is not None
    assert client.known.size == 300
