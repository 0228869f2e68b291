"""Reads a log from its public files, believing none of them: every hash and every entry that is given out leads to the
root of a checkpoint which the trust policy accepts."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import CheckpointError, TileError
from triptych.tlog.merkle import (
    Range,
    check_consistency,
    consistency_ranges,
    hashes_of,
    inclusion_ranges,
    leaf_hash,
    nodes_of,
    perfect_root,
)
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import TlogProof
from triptych.tlog.tiles import (
    CHECKPOINT_PATH,
    HEIGHT,
    WIDTH,
    Level,
    Tile,
    edge_root,
    edge_tiles,
    read_bundle,
    read_tile,
    tile_at,
    tile_path,
)

Fetch = Callable[[str], Awaitable[bytes | None]]
"""Gives the file at a path of the log, e.g. `tile/0/000.p/5`; None when there is none."""


class TileCache:
    """Full tiles that were authenticated, the most recently used ones."""

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._tiles: OrderedDict[Tile, tuple[bytes, ...]] = OrderedDict()

    def get(self, tile: Tile) -> tuple[bytes, ...] | None:
        if tile in self._tiles:
            self._tiles.move_to_end(tile)
        return self._tiles.get(tile)

    def put(self, tile: Tile, hashes: tuple[bytes, ...]) -> None:
        self._tiles[tile] = hashes
        while len(self._tiles) > self._limit:
            self._tiles.popitem(last=False)


class Tree:
    """A log at one size. Every method may raise TlogError, and what `fetch` raises."""

    def __init__(self, note: bytes, checkpoint: Checkpoint, fetch: Fetch, cache: TileCache | None = None) -> None:
        """`checkpoint`, the content of `note`, is believed: check it first (TrustPolicy.check). `cache` may come from
        another size of the same log, once it is known to be consistent."""
        self.note = note
        self.checkpoint = checkpoint
        self.size = checkpoint.size
        self.cache = cache or TileCache()
        self._fetch = fetch
        self._edge: dict[Tile, tuple[bytes, ...]] | None = None

    async def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The hashes that prove the entry at `index`, leaf's sibling first."""
        return await self._hashes(inclusion_ranges(index, self.size))

    async def consistency(self, old: int) -> tuple[bytes, ...]:
        """The hashes that prove that this tree begins with its first `old` entries."""
        return await self._hashes(consistency_ranges(old, self.size))

    async def proof(self, index: int, extra: bytes | None = None) -> bytes:
        """A self-contained proof file for the entry at `index` (C2SP tlog-proof)."""
        return TlogProof(index, await self.inclusion(index), self.note, extra).encode()

    async def leaf_hashes(self, number: int) -> tuple[bytes, ...]:
        """The leaf hashes of entries `256 * number` and following."""
        tile = tile_at(0, number, self.size)
        return (await self._load([tile]))[tile]

    async def bundle(self, number: int) -> tuple[bytes, ...]:
        """Entries `256 * number` and following."""
        tile = tile_at(0, number, self.size)
        hashes, data = await asyncio.gather(self.leaf_hashes(number), self._file("entries", tile))
        entries = read_bundle(tile, data)
        if tuple(map(leaf_hash, entries)) != hashes:
            raise TileError("wrong_tile", f"{tile.entries_path} has other entries than were signed.")
        return entries

    async def entry(self, index: int) -> bytes:
        return (await self.bundle(index // WIDTH))[index % WIDTH]

    async def entries(self, start: int = 0) -> AsyncIterator[tuple[int, bytes]]:
        """Every entry from `start` on with its index."""
        for number in range(start // WIDTH, -(-self.size // WIDTH)):
            for at, entry in enumerate(await self.bundle(number), number * WIDTH):
                if at >= start:
                    yield at, entry

    async def find(self, leaf: bytes) -> int | None:
        """The index of the first entry that is `leaf`; None says that the log does not have it."""
        wanted = leaf_hash(leaf)
        for number in range(-(-self.size // WIDTH)):
            hashes = await self.leaf_hashes(number)
            if wanted in hashes:
                return number * WIDTH + hashes.index(wanted)
        return None

    async def _hashes(self, ranges: list[Range]) -> tuple[bytes, ...]:
        nodes = [node for start, end in ranges for node in nodes_of(start, end)]
        tiles = await self._load({self._tile_of(*node)[0] for node in nodes})

        def node(height: int, index: int) -> bytes:
            tile, first = self._tile_of(height, index)
            return perfect_root(tiles[tile][first : first + (1 << height % HEIGHT)])

        return hashes_of(ranges, node)

    def _tile_of(self, height: int, index: int) -> tuple[Tile, int]:
        """The tile that has a node under it, and where its first hash is there."""
        level, first = height // HEIGHT, index << (height % HEIGHT)
        return tile_at(level, first // WIDTH, self.size), first % WIDTH

    async def _load(self, wanted: Iterable[Tile]) -> dict[Tile, tuple[bytes, ...]]:
        """The hashes of tiles. A full tile is believed when its root is in the tile above it, up to the right edge,
        whose tiles together have the root of the checkpoint."""
        found = dict(await self._edge_hashes())
        todo, missing = set(wanted) - found.keys(), set[Tile]()
        while todo:
            tile = todo.pop()
            if hashes := self.cache.get(tile):
                found[tile] = hashes
                continue
            missing.add(tile)
            above = self._above(tile)
            todo |= {above} - missing - found.keys()
        for tile, hashes in (await self._read(missing)).items():
            if perfect_root(hashes) != found[self._above(tile)][tile.index % WIDTH]:
                raise TileError("wrong_tile", f"{tile.path} has other hashes than were signed.")
            found[tile] = hashes
            self.cache.put(tile, hashes)
        return found

    def _above(self, tile: Tile) -> Tile:
        return tile_at(tile.level + 1, tile.index // WIDTH, self.size)

    async def _edge_hashes(self) -> dict[Tile, tuple[bytes, ...]]:
        if self._edge is None:
            tiles = edge_tiles(self.size)
            hashes = await self._read(tiles)
            if edge_root([hashes[tile] for tile in tiles]) != self.checkpoint.root:
                raise TileError("wrong_tile", "The tiles at the right edge do not have the root that was signed.")
            self._edge = hashes
        return self._edge

    async def _read(self, tiles: Iterable[Tile]) -> dict[Tile, tuple[bytes, ...]]:
        """What the files of tiles say, from the top of the tree down. Nothing is checked yet."""
        ordered = sorted(tiles, reverse=True)
        files = await asyncio.gather(*(self._file(tile.level, tile) for tile in ordered))
        return {tile: read_tile(tile, data) for tile, data in zip(ordered, files, strict=True)}

    async def _file(self, level: Level, tile: Tile) -> bytes:
        """A tile or bundle. A partial file may have been replaced by the full one since."""
        path = tile_path(level, tile.index, tile.width)
        data = await self._fetch(path)
        if data is None and tile.width < WIDTH:
            data = await self._fetch(tile_path(level, tile.index))
        if data is None:
            raise TileError("missing", f"The log has no {path}.")
        return data


class LogClient:
    """Follows a log from checkpoint to checkpoint, and notices when it forgets or rewrites something."""

    def __init__(self, fetch: Fetch, policy: TrustPolicy, known: Checkpoint | None = None) -> None:
        """`known` is a checkpoint that was believed before, e.g. at the last run; keep the latest one."""
        self._fetch = fetch
        self._policy = policy
        self._cache = TileCache()
        self._one = asyncio.Lock()
        self.known = known

    async def latest(self) -> Tree:
        """The log as it is now. Raises TlogError (`rollback`, `inconsistent`, …), and what `fetch` raises."""
        async with self._one:  # of two answers on their way the older could come last, and would look like a rollback
            return await self._latest()

    async def _latest(self) -> Tree:
        note = await self._fetch(CHECKPOINT_PATH)
        if note is None:
            raise TileError("missing", "The log has no checkpoint.")
        checkpoint = self._policy.check(note).checkpoint
        tree = Tree(note, checkpoint, self._fetch)
        if self.known:
            await extends(tree, self.known)
            # Full tiles never change in a log that only grew.
            tree.cache = self._cache
        self.known, self._cache = checkpoint, tree.cache
        return tree


async def extends(tree: Tree, known: Checkpoint) -> None:
    """Raises CheckpointError or ProofError unless `tree` begins with all that `known` has."""
    now = tree.checkpoint
    if now.origin != known.origin:
        raise CheckpointError("unknown_log", f"This is the log {now.origin}, not {known.origin}.")
    if now.size < known.size:
        raise CheckpointError("rollback", f"The log had {known.size} entries before, and now shows {now.size}.")
    if now.size == known.size and now.root != known.root:
        raise CheckpointError("inconsistent", f"The log shows two different trees of {now.size} entries.")
    check_consistency(known.size, now.size, await tree.consistency(known.size), known.root, now.root)
