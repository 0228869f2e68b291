"""What networks see in pictures: a vector for the bytes of each."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeVar

from sqlalchemy import Connection, delete, desc, func, select

from triptych.store import tables
from triptych.store.writer import Writer

T = TypeVar("T")
_gallery, _table = tables.gallery, tables.embeddings


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class Embeddings:
    """Of one record store. A network is named by the SHA-256 of its weights, a picture by that of its bytes. Every method may
    raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def unseen(self, network: str, limit: int) -> tuple[str, ...]:
        """Hashes of pictures in the gallery that this network has not seen yet, the newest first."""
        seen = select(_table.c.sha256).where(_table.c.network == network, _table.c.sha256 == _gallery.c.sha256)
        query = select(_gallery.c.sha256).where(_gallery.c.trashed_ms.is_(None), ~seen.exists())
        newest = query.group_by(_gallery.c.sha256).order_by(desc(func.max(_gallery.c.seq))).limit(limit)
        return await self._read(lambda db: tuple(db.execute(newest).scalars()))

    async def save(self, network: str, seen: Mapping[str, bytes]) -> None:
        """Keeps vectors by the hashes of the pictures; an empty one stands for a picture that cannot be seen."""

        def write(db: Connection) -> None:
            mine = (_table.c.network == network, _table.c.sha256.in_(list(seen)))
            db.execute(delete(_table).where(*mine))
            db.execute(_table.insert(), [{"network": network, "sha256": sha, "vector": vector}
                                         for sha, vector in seen.items()])  # fmt: skip

        if seen:
            await self._writer.call(write, locked=True)

    async def of(self, network: str, sha256: str) -> bytes | None:
        """The vector of a picture; None where it was not seen."""
        query = select(_table.c.vector).where(_table.c.network == network, _table.c.sha256 == sha256)
        return await self._read(lambda db: db.execute(query).scalar())

    async def all(self, network: str) -> tuple[tuple[str, ...], bytes]:
        """The hashes of all pictures that this network has seen, and their vectors one behind the other."""
        query = select(_table.c.sha256, _table.c.vector).where(_table.c.network == network, _table.c.vector != b"")

        def read(db: Connection) -> tuple[tuple[str, ...], bytes]:
            rows = db.execute(query).all()
            return tuple(sha256 for sha256, _ in rows), b"".join(vector for _, vector in rows)

        return await self._read(read)

    async def forget(self, hashes: Collection[str]) -> None:
        """Of pictures that are gone for good."""
        if hashes:
            await self._writer.call(
                lambda db: db.execute(delete(_table).where(_table.c.sha256.in_(hashes))), locked=True
            )
