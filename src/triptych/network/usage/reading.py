"""Counts a log from its files and believes none of them: the checkpoint's signature, the root over every entry that is
counted, and the signature of every entry are checked on the way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from triptych.network.jose import decode_url64
from triptych.network.jws import peek
from triptych.network.usage.report import LEAST, Report, Source, report
from triptych.network.usage.tally import Tally
from triptych.network.usage.weights import table
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.client import Fetch, LogClient, Tree
from triptych.tlog.errors import CheckpointError, TileError, TlogError, TrustError
from triptych.tlog.note import ED25519, Note, VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.tiles import CHECKPOINT_PATH, WIDTH, Edge, grow


def folder(path: Path) -> Fetch:
    """The files of a log in a folder: the one with `checkpoint` in it, or a log's own folder with `public` in it."""
    root = path / "public" if not (path / CHECKPOINT_PATH).exists() else path

    async def fetch(name: str) -> bytes | None:
        try:
            return (root / name).read_bytes()
        except FileNotFoundError:
            return None

    return fetch


async def own_trust(fetch: Fetch) -> TrustPolicy:
    """The policy that believes the key by which the checkpoint and at least one of the entries are signed: then the log is
    whole, but whose it is, is not known. Raises TlogError."""
    note = await fetch(CHECKPOINT_PATH)
    if note is None:
        raise TileError("missing", "There is no log here: it has no checkpoint.")
    read = Note.parse(note)
    checkpoint = Checkpoint.parse(read.text)
    names = {(one.name, one.key_id) for one in read.signatures}
    async for _, entry in Tree(note, checkpoint, fetch).entries():
        public = _public(entry)
        key = None if public is None else VerifierKey(checkpoint.origin, ED25519, public)
        if key is not None and (key.name, key.key_id) in names:
            return TrustPolicy(logs=(key,))
    raise TrustError("unknown_log", "None of its entries has the key that signed its checkpoint; say whom you trust.")


def _public(entry: bytes) -> bytes | None:
    found = peek(entry)
    jwk = None if found is None else found[0].get("jwk")
    public = decode_url64(str(jwk.get("x"))) if isinstance(jwk, dict) else None
    return public if public is not None and len(public) == 32 else None


class Counting:
    """Counts a log as it grows, never an entry twice. What was counted is a beginning of the latest tree, which is
    checked; a log that was rewritten is refused (TlogError)."""

    def __init__(self, fetch: Fetch, trust: TrustPolicy, least: int = LEAST, first: int | None = None) -> None:
        """With `first`, only that many entries from the beginning are counted."""
        self._client = LogClient(fetch, trust)
        self._least, self._first = least, first
        self._tally = Tally()
        self._edge = Edge()  # of what was counted: its root is computed anew from the entries
        self._origin = ""

    @property
    def counted(self) -> int:
        """Entries so far."""
        return self._tally.entries

    async def follow(self, tell: Callable[[int, int], Awaitable[None]] | None = None) -> None:
        """Counts everything up to the latest checkpoint; the work is done beside the event loop, 256 entries at a time.
        `tell` hears how many of how many. Raises TlogError, and what fetching raises."""
        tree = await self._client.latest()
        size = tree.size if self._first is None else self._first
        if size > tree.size:
            raise CheckpointError("out_of_range", f"The log has {tree.size} entries, not {size}.")
        while self._tally.entries < size:
            start = self._tally.entries
            bundle = (await tree.bundle(start // WIDTH))[start % WIDTH :]
            await asyncio.to_thread(self._count, bundle[: size - start])
            if tell is not None:
                await tell(self._tally.entries, size)
        if self._tally.entries == tree.size and self._edge.root != tree.checkpoint.root:
            raise TileError("wrong_tile", "The entries do not have the root that was signed.")
        self._origin = tree.checkpoint.origin

    def _count(self, entries: Sequence[bytes]) -> None:
        self._edge = grow(self._edge, entries).edge
        self._tally.add(entries)

    async def report(self) -> Report:
        """The tables of what was followed."""
        source = Source(origin=self._origin, entries=self._tally.entries, root=self._edge.root.hex())
        return await asyncio.to_thread(report, self._tally, source, table(), self._least)


async def usage(fetch: Fetch, trust: TrustPolicy | None = None, least: int = LEAST, first: int | None = None) -> Report:
    """The tables of a whole log, or of its first entries. Raises TlogError, and what `fetch` raises."""
    counting = Counting(fetch, trust or await own_trust(fetch), least, first)
    await counting.follow()
    return await counting.report()


__all__ = ["Counting", "TlogError", "folder", "own_trust", "usage"]
