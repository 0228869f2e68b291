"""What is remembered of nodes, hubs and tokens between two starts: small texts by scope and name."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from sqlalchemy import Connection, delete, select

from triptych.store import tables
from triptych.store.statements import insert_into
from triptych.store.writer import Writer

T = TypeVar("T")
_memory = tables.network_memory


class Reader(Protocol):
    """What is needed of the readers."""

    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class NetworkMemory:
    """A memory of one record store. A save that has returned is durable. Every method may raise StorageError."""

    def __init__(self, writer: Writer, read: Reader) -> None:
        self._writer, self._read = writer, read

    async def save(self, scope: str, bodies: Mapping[str, str], now_ms: int) -> None:
        """Keeps a text under each name, in the place of what was there."""
        rows = [{"scope": scope, "name": name, "updated_ms": now_ms, "body": body} for name, body in bodies.items()]

        def save(db: Connection) -> None:
            insert = insert_into(_memory, db.dialect.name)
            kept = {name: insert.excluded[name] for name in ("updated_ms", "body")}
            db.execute(insert.on_conflict_do_update(index_elements=["scope", "name"], set_=kept), rows)

        if rows:
            await self._writer.call(save)

    async def once(self, scope: str, name: str, body: str, now_ms: int) -> bool:
        """Keeps a text unless there is one under that name; whether it did. Look and write are one transaction."""
        row = {"scope": scope, "name": name, "updated_ms": now_ms, "body": body}

        def save(db: Connection) -> bool:
            insert = insert_into(_memory, db.dialect.name).values(**row)
            kept = insert.on_conflict_do_nothing(index_elements=["scope", "name"]).returning(_memory.c.name)
            return db.execute(kept).first() is not None

        return await self._writer.call(save)

    async def take(self, scope: str, name: str) -> str | None:
        """Removes a text and gives it; None when it is not there, or somebody else took it. Look and removal are one transaction."""
        gone = delete(_memory).where(_memory.c.scope == scope, _memory.c.name == name).returning(_memory.c.body)

        def work(db: Connection) -> str | None:
            found: str | None = db.execute(gone).scalar()
            return found

        return await self._writer.call(work)

    async def times(self, scope: str) -> dict[str, int]:
        """The names of a scope, each with the time that its text was kept under."""
        query = select(_memory.c.name, _memory.c.updated_ms).where(_memory.c.scope == scope)
        return {row.name: row.updated_ms for row in await self._read(lambda db: db.execute(query).all())}

    async def all(self, scope: str) -> dict[str, str]:
        """Every text of a scope by its name."""
        query = select(_memory.c.name, _memory.c.body).where(_memory.c.scope == scope).order_by(_memory.c.name)
        return {row.name: row.body for row in await self._read(lambda db: db.execute(query).all())}

    async def get(self, scope: str, name: str) -> str | None:
        query = select(_memory.c.body).where(_memory.c.scope == scope, _memory.c.name == name)
        found: str | None = await self._read(lambda db: db.execute(query).scalar())
        return found

    async def forget(self, scope: str, *names: str) -> None:
        """Forgets some names of a scope, or all of it."""
        some = delete(_memory).where(_memory.c.scope == scope)
        if names:
            some = some.where(_memory.c.name.in_(names))

        def work(db: Connection) -> None:
            db.execute(some)

        await self._writer.call(work)
