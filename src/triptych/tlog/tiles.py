"""Where a log keeps its hashes and entries: tiles and entry bundles as static files (C2SP tlog-tiles)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from triptych.tlog.errors import TileError
from triptych.tlog.merkle import HASH_SIZE, fold, leaf_hash, nodes_of, perfect_root

WIDTH = 256
HEIGHT = 8  # 2**HEIGHT == WIDTH
MAX_ENTRY = 0xFFFF
CHECKPOINT_PATH = "checkpoint"
Level = int | Literal["entries"]
_PATH = re.compile(
    r"checkpoint|tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])(?:/x[0-9]{3}){0,6}/[0-9]{3}"
    r"(?:\.p/(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)


def is_log_path(path: str) -> bool:
    """Whether `path` is one at which a log has something to serve: its checkpoint, tiles and bundles, nothing else."""
    return _PATH.fullmatch(path) is not None


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The `index`-th tile of a level, `width` hashes wide. At level L, a hash stands for 256**L entries."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where its hashes are."""
        return tile_path(self.level, self.index, self.width)

    @property
    def entries_path(self) -> str:
        """Where the entries under a tile of level 0 are."""
        return tile_path("entries", self.index, self.width)

    @property
    def parent(self) -> "Tile":
        """The full tile above it."""
        return Tile(self.level + 1, self.index // WIDTH)


def tile_path(level: Level, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`, with 1234067 spelled x001/x234/067 (section Merkle Tree)."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def partials_path(level: Level, index: int) -> str:
    """The folder of a tile's partial versions."""
    return f"{tile_path(level, index)}.p/"


def tile_at(level: int, index: int, size: int) -> Tile:
    """The tile as it is in a tree of `size` entries, full or partial. Raises TileError when the tree has none there."""
    width = min((size >> (HEIGHT * level)) - index * WIDTH, WIDTH)
    if width < 1 or index < 0:
        raise TileError("out_of_range", f"A tree of {size} entries has no tile {index} at level {level}.")
    return Tile(level, index, width)


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles at the right edge of a tree, the widest spans first: together they have the whole root."""
    levels = range((max(size, 1).bit_length() - 1) // HEIGHT, -1, -1)
    found = [(level, size >> (HEIGHT * level)) for level in levels]
    return [Tile(level, count // WIDTH, count % WIDTH) for level, count in found if count % WIDTH]


def edge_root(tiles: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a tree from the hashes of its `edge_tiles`, in the same order."""
    return fold(
        perfect_root(hashes[index << height : (index + 1) << height])
        for hashes in tiles
        for height, index in nodes_of(0, len(hashes))
    )


def read_tile(tile: Tile, data: bytes) -> tuple[bytes, ...]:
    """The hashes in a tile's file. A longer file is taken for the full tile of a log that has grown. Raises TileError."""
    if len(data) not in {tile.width * HASH_SIZE, WIDTH * HASH_SIZE}:
        raise TileError("wrong_tile", f"{tile.path} has {len(data)} bytes where {tile.width * HASH_SIZE} belong.")
    return tuple(data[i : i + HASH_SIZE] for i in range(0, tile.width * HASH_SIZE, HASH_SIZE))


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each behind its length in two bytes, big-endian (section Log entries)."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(tile: Tile, data: bytes) -> tuple[bytes, ...]:
    """The first `tile.width` entries of a bundle. Raises TileError."""
    entries = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise TileError("wrong_tile", f"{tile.entries_path} ends in the middle of an entry.")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) not in {tile.width, WIDTH}:
        raise TileError("wrong_tile", f"{tile.entries_path} has {len(entries)} entries where {tile.width} belong.")
    return tuple(entries[: tile.width])


@dataclass(frozen=True, slots=True)
class Edge:
    """All that is needed of a tree to make it grow: its size, the partial tile of every level, the partial bundle."""

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    bundle: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        return edge_root([hashes for hashes in reversed(self.levels) if hashes])


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree with more entries: its new edge, the files to write, and the folders of partial files they replace."""

    edge: Edge
    files: Mapping[str, bytes] = field(default_factory=dict)
    replaced: Sequence[str] = ()


def grow(edge: Edge, entries: Sequence[bytes]) -> Growth:
    """Puts entries at the end of a tree."""
    levels = [list(hashes) for hashes in edge.levels] or [[]]
    counts = [edge.size >> (HEIGHT * level) for level in range(len(levels))]
    bundle, files, replaced = list(edge.bundle), dict[str, bytes](), list[str]()
    for entry in entries:
        bundle.append(entry)
        if len(bundle) == WIDTH:
            files[tile_path("entries", counts[0] // WIDTH)] = write_bundle(bundle)
            replaced.append(partials_path("entries", counts[0] // WIDTH))
            bundle = []
        for level, index, hashes in _add(levels, counts, leaf_hash(entry)):
            files[tile_path(level, index)] = b"".join(hashes)
            replaced.append(partials_path(level, index))
    size = edge.size + len(entries)
    if bundle:
        files[tile_path("entries", size // WIDTH, len(bundle))] = write_bundle(bundle)
    for level, partial in enumerate(levels):
        if partial:
            files[tile_path(level, counts[level] // WIDTH, len(partial))] = b"".join(partial)
    return Growth(Edge(size, tuple(map(tuple, levels)), tuple(bundle)), files, replaced)


def _add(levels: list[list[bytes]], counts: list[int], added: bytes) -> Iterator[tuple[int, int, list[bytes]]]:
    """Adds one leaf hash, and gives every tile that it fills, from the leaves up."""
    level = 0
    while True:
        if level == len(levels):
            levels.append([])
            counts.append(0)
        hashes = levels[level]
        hashes.append(added)
        counts[level] += 1
        if len(hashes) < WIDTH:
            return
        yield level, counts[level] // WIDTH - 1, hashes
        added = perfect_root(hashes)
        levels[level] = []
        level += 1
