"""Pictures that show the like, by a network of this machine: what it sees is kept, and looked through."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import structlog

from triptych.imaging.tools.embed import likeness
from triptych.imaging.tools.job import ToolDiedError, ToolError
from triptych.store.base import BlobStore
from triptych.store.gallery import GalleryStore

_AT_ONCE, _MOST_BYTES = 32, 64 << 20  # pictures for one process
_MOST = 60
_log = structlog.get_logger("triptych.gallery")


class Embedder(Protocol):
    """What is needed of a network that looks at pictures."""

    @property
    def network(self) -> str | None:
        """The SHA-256 of its weights; None while it cannot be used here."""
        ...

    async def embed(self, pictures: Sequence[bytes]) -> tuple[bytes, ...]:
        """A vector for each picture, empty for one that cannot be opened. Raises ToolError."""
        ...


@dataclass(frozen=True, slots=True)
class Nearest:
    """Ids of pictures with how alike they are, 0 to 1000, the nearest first."""

    ids: Mapping[str, int]


class Meanings:
    """Of one gallery."""

    def __init__(self, store: GalleryStore, blobs: BlobStore, embedder: Embedder) -> None:
        self._store, self._blobs, self._embedder = store, blobs, embedder

    async def waits(self) -> bool:
        """Whether there is a picture that the network could look at and has not."""
        network = self._embedder.network
        return network is not None and bool(await self._store.embeddings.unseen(network, 1))

    async def unseen(self, most: int) -> int:
        """How many pictures the network has not looked at, `most` at most; none while there is no network."""
        network = self._embedder.network
        return len(await self._store.embeddings.unseen(network, most)) if network else 0

    async def catch_up(self) -> None:
        """Looks at everything that was not looked at, newest first. A network that cannot be used ends it with a line in the
        log. Raises StorageError."""
        while (network := self._embedder.network) and (
            hashes := await self._store.embeddings.unseen(network, _AT_ONCE)
        ):
            found = [(sha256, await self._blobs.get(sha256)) for sha256 in hashes]
            there = [(sha256, data) for sha256, data in found if data is not None]
            seen = dict.fromkeys((sha256 for sha256, data in found if data is None), b"")
            try:
                for part in _parts(there):
                    seen |= await self._see(part)
            except ToolError as error:
                _log.warning("the pictures cannot be looked at", reason=error.message, hint=error.hint)
                return
            await self._store.embeddings.save(network, seen)

    async def look_now(self, sha256: str) -> None:
        """Looks at one picture, before all others. Raises ToolError and StorageError."""
        network, data = self._embedder.network, await self._blobs.get(sha256)
        if network and data is not None and await self._store.embeddings.of(network, sha256) is None:
            await self._store.embeddings.save(network, await self._see([(sha256, data)]))

    async def nearest(self, picture_id: str, sha256: str) -> Nearest | None:
        """The pictures that show the like; None where the network did not see this one, or there is none."""
        network = self._embedder.network
        mine = await self._store.embeddings.of(network, sha256) if network else None
        if not network or not mine:
            return None
        hashes, vectors = await self._store.embeddings.all(network)
        cosines = await asyncio.to_thread(likeness, mine, vectors)
        alike = dict(zip(hashes, (cosines * 1000).round().astype(int).tolist(), strict=True))
        shown = [(alike[sha], id_) for id_, sha in await self._store.hashes() if sha in alike and id_ != picture_id]
        order = np.argsort([-score for score, _ in shown], kind="stable")[:_MOST]
        return Nearest({shown[at][1]: max(0, shown[at][0]) for at in order})

    async def _see(self, pictures: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
        """Vectors by hash. A picture over which the process dies counts as one that cannot be seen. Raises ToolError."""
        names = [sha256 for sha256, _ in pictures]
        try:
            return dict(zip(names, await self._embedder.embed([data for _, data in pictures]), strict=True))
        except ToolDiedError as error:
            if len(pictures) > 1:
                return {sha: vector for one in pictures for sha, vector in (await self._see([one])).items()}
            _log.warning("a picture cannot be looked at", sha256=names[0], reason=error.message)
            return {names[0]: b""}


def _parts(pictures: Sequence[tuple[str, bytes]]) -> list[list[tuple[str, bytes]]]:
    """As many at a time as one process is given."""
    parts: list[list[tuple[str, bytes]]] = []
    size = 0
    for sha256, data in pictures:
        if not parts or size + len(data) > _MOST_BYTES:
            parts.append([])
            size = 0
        parts[-1].append((sha256, data))
        size += len(data)
    return parts
