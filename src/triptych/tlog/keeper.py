"""A log's files, brought from one consistent state to the next. Runs in one thread; knows no event loop and no clock.

The order of writes is what makes a crash harmless at every step: tiles and bundles, then the head, then the checkpoint.
Nobody looks at tiles that no checkpoint asks for; the head is what may never be contradicted; the checkpoint follows it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triptych.spec.errors import StorageError
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.disk import Head, LogFiles, LogRefusedError
from triptych.tlog.errors import NoteError, TileError, TlogError
from triptych.tlog.merkle import leaf_hash
from triptych.tlog.note import Note, Signature, Signer, VerifierKey
from triptych.tlog.tiles import (
    CHECKPOINT_PATH,
    HEIGHT,
    WIDTH,
    Edge,
    Tile,
    edge_root,
    edge_tiles,
    grow,
    partials_path,
    read_bundle,
    read_tile,
)

_log = logging.getLogger("triptych.tlog")
_OLDER = "Restore the whole log from a copy that is not older than its head, or begin a new log under another name."
_OTHER = "Check the folder and the key. A log is known by its name and key; another one cannot take its place."


@dataclass(frozen=True, slots=True)
class Places:
    """Where the public files are, and where the head is."""

    files: LogFiles
    head: Head


class Keeper:
    """The tree as it was published last, and the one who makes it grow."""

    def __init__(self, places: Places, signer: Signer, edge: Edge, note: Note, kept: bytes) -> None:
        self._places = places
        self._signer = signer
        self._edge = edge
        self._heads: set[bytes | None] = {kept}  # what the head may be: a failed write may have persisted
        self.note = note

    @property
    def size(self) -> int:
        return self._edge.size

    @staticmethod
    def refuse_old(places: Places) -> None:
        """Raises LogRefusedError when a log is here or was here before, and StorageError."""
        if places.head.load() is not None or places.files.read(CHECKPOINT_PATH) is not None:
            raise LogRefusedError(
                "exists", f"{places.files.name} exists, or has existed and is known to {places.head.name}.",
                "Open it; or choose another folder and name for a new log.",
            )  # fmt: skip

    @staticmethod
    def create(places: Places, signer: Signer) -> None:
        """Signs and publishes the empty tree. Raises StorageError."""
        edge = Edge()
        data = Note.signed(Checkpoint(signer.key.name, 0, edge.root).text, signer).encode()
        places.head.swap({None}, data)
        places.files.write(CHECKPOINT_PATH, data)

    @classmethod
    def open(cls, places: Places, signer: Signer, previous: Iterable[VerifierKey]) -> "Keeper":
        """Reads the state of a log, and publishes the checkpoint of its head if only that had not been done.

        Raises StorageError, and LogRefusedError when the log is not the one that the head remembers.
        """
        keys = (signer.key, *previous)
        kept, public = places.head.load(), places.files.read(CHECKPOINT_PATH)
        if kept is None:
            raise LogRefusedError(
                "missing", f"{places.head.name} is not there.", "Create the log, or restore its head."
            )
        note, head = _read(kept, keys, places.head.name)
        if public is None:
            if head.size:
                raise LogRefusedError("missing", f"{places.files.name} has no checkpoint.", _OLDER)
            published, shown = head, Note(note.text, ())  # creation was interrupted before its last step
        else:
            shown, published = _read(public, keys, places.files.name)
        if published.size > head.size or (published.size == head.size and published.root != head.root):
            raise LogRefusedError(
                "different", f"{places.files.name} has {published.size} entries that its head does not know of.", _OTHER
            )
        edge = _edge(places.files, head)
        keeper = cls(places, signer, edge, shown, kept)
        if not shown.signatures or shown.text != note.text:
            places.files.write(CHECKPOINT_PATH, kept)
            keeper.note = note
        keeper.clean()
        return keeper

    def grow(self, entries: Sequence[bytes]) -> None:
        """Puts entries into the tree and publishes its checkpoint. Raises StorageError: then the same entries, and more
        behind them, are to be given again."""
        growth = grow(self._edge, entries)
        for path, data in growth.files.items():
            self._places.files.write(path, data)
        note = Note.signed(Checkpoint(self._signer.key.name, growth.edge.size, growth.edge.root).text, self._signer)
        data = note.encode()
        allowed = set(self._heads)
        self._heads.add(data)
        self._places.head.swap(allowed | {data}, data)
        self._places.files.write(CHECKPOINT_PATH, data)
        # The note first: another thread that sees the new size must find its checkpoint.
        self.note, self._edge, self._heads = note, growth.edge, {data}
        self._clear(growth.replaced)

    def cosign(self, cosignatures: Iterable[Signature], witnesses: Sequence[VerifierKey]) -> bool:
        """Publishes the checkpoint with verified cosignatures of witnesses on it; the newest of each witness stays.
        False when they are not for this checkpoint. Raises StorageError."""
        names = {(k.name, k.key_id) for k in witnesses}
        fresh = {(s.name, s.key_id): s for s in cosignatures if (s.name, s.key_id) in names}
        try:
            Note(self.note.text, tuple(fresh.values())).verified(witnesses)
        except NoteError:
            return False
        kept = (s for s in self.note.signatures if (s.name, s.key_id) not in fresh)
        note = Note(self.note.text, (*kept, *fresh.values()))
        self._places.files.write(CHECKPOINT_PATH, note.encode())
        self.note = note
        return True

    def clean(self) -> None:
        """Removes partial files of the tiles that were filled last, which a crash may have left."""
        full = [(level, (self.size >> (HEIGHT * level)) // WIDTH) for level in range(len(self._edge.levels))]
        folders = [partials_path(level, count - 1) for level, count in full if count]
        if self.size >= WIDTH:
            folders.append(partials_path("entries", self.size // WIDTH - 1))
        self._clear(folders)

    def _clear(self, folders: Iterable[str]) -> None:
        for folder in folders:
            try:
                self._places.files.clear(folder)
            except StorageError as error:  # they cost space and nothing else
                _log.warning("partial tiles stay", extra={"about": {"folder": folder, "error": str(error)}})


def _read(data: bytes, keys: Sequence[VerifierKey], place: str) -> tuple[Note, Checkpoint]:
    try:
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
        note.verified(keys)
    except TlogError as error:
        raise LogRefusedError("different", f"{place} is not signed by this key: {error}", _OTHER) from error
    if checkpoint.origin != keys[0].name:
        raise LogRefusedError("different", f"{place} is {checkpoint.origin}, not {keys[0].name}.", _OTHER)
    return note, checkpoint


def _edge(files: LogFiles, head: Checkpoint) -> Edge:
    """The edge of the tree of `head`, checked against its root. The entries at the edge are checked, too."""
    try:
        hashes, bundle = _checked(files, head)
    except TileError as error:
        raise LogRefusedError(
            "shorter" if error.reason == "missing" else "different",
            f"{files.name} is not the log of {head.size} entries that its head remembers: {error}", _OLDER,
        ) from error  # fmt: skip
    by_level = {tile.level: found for tile, found in hashes.items()}
    count = max(head.size.bit_length() - 1, 0) // HEIGHT + 1
    return Edge(head.size, tuple(by_level.get(level, ()) for level in range(count)), bundle)


def _checked(files: LogFiles, head: Checkpoint) -> tuple[dict[Tile, tuple[bytes, ...]], tuple[bytes, ...]]:
    tiles = edge_tiles(head.size)
    hashes = {tile: read_tile(tile, _there(files, tile.path)) for tile in tiles}
    if edge_root([hashes[tile] for tile in tiles]) != head.root:
        raise TileError("wrong_tile", "the tiles at its right edge do not have the root that was signed.")
    bottom = Tile(0, head.size // WIDTH, head.size % WIDTH)
    bundle = read_bundle(bottom, _there(files, bottom.entries_path)) if bottom.width else ()
    if tuple(map(leaf_hash, bundle)) != hashes.get(bottom, ()):
        raise TileError("wrong_tile", f"{bottom.entries_path} has other entries than were signed.")
    return hashes, bundle


def _there(files: LogFiles, path: str) -> bytes:
    data = files.read(path)
    if data is None:
        raise TileError("missing", f"{path} is not there.")
    return data
