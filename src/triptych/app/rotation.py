"""A change of signing keys: the old key hands over to a new one, in the log, for everybody to see.

The log keeps its name, which is its identity (C2SP tlog-checkpoint), and both receipts and checkpoints are signed by the
new key from then on. The old key's last entry is the hand-over, which both have signed. A stop at any moment is made good
by doing it again; until then no server starts with the old key.
"""

import asyncio
from dataclasses import dataclass

from triptych.app.log_set_up import hand_over_name, open_identity, places_of, remember_key
from triptych.app.owners import Owners
from triptych.app.receipts import ReceiptDesk
from triptych.config.settings import Settings
from triptych.network.identity import NEXT_NAME, Identity, exchange, keep_key, next_key
from triptych.network.statement import hand_over, read
from triptych.spec.clock import Clock
from triptych.spec.errors import ConflictError, StorageError
from triptych.store.records import SqlRecordStore
from triptych.store.signed import StatementRecord
from triptych.tlog.disk import FolderLock
from triptych.tlog.log import Log
from triptych.tlog.note import Signer


@dataclass(frozen=True, slots=True)
class Rotated:
    """The names of the keys, and where the log has the hand-over."""

    old: str
    new: str
    origin: str
    index: int


async def rotate_key(settings: Settings, store: SqlRecordStore, clock: Clock) -> Rotated:
    """Changes the signing key of a data folder. Raises ConflictError while another process is at work there or when
    there is no log yet, LogRefusedError (`busy`) while a server writes the log, StorageError."""
    owners = await asyncio.to_thread(Owners, settings.data)
    try:
        return await _rotate(settings, store, clock, owners)
    finally:
        owners.close()


async def _rotate(settings: Settings, store: SqlRecordStore, clock: Clock, owners: Owners) -> Rotated:
    places = places_of(settings.data)
    if await asyncio.to_thread(places.head.load) is None:
        raise ConflictError("This data folder has no log yet, so its key has nothing to hand over.",
                            hint="The first `triptych serve` creates the log.")  # fmt: skip
    if others := await asyncio.to_thread(owners.others):
        raise ConflictError(f"{others} other processes are at work on {settings.data}; they sign with the old key.",
                            hint="Stop the server and every `triptych generate`, then try again.")  # fmt: skip
    await asyncio.to_thread(lambda: FolderLock(places.folder).release())
    identity = await open_identity(settings, store, exchanging=True)
    desk = ReceiptDesk(settings, identity, store, clock)  # what the old key has signed goes in before it hands over
    await desk.start()
    await desk.stop()
    if waiting := await store.leaves.waiting():
        raise StorageError(f"{waiting} entries still wait for the log.", hint="See `triptych log show`.")
    new = await _new_key(settings, identity)
    record = await _agree(store, identity, new, clock)
    index = record.log_index
    if index is None:
        index = await _append(settings, store, identity, record, clock)
    made = await asyncio.to_thread(exchange, settings.data, str(record.created_ms))
    await remember_key(settings, store, made)
    return Rotated(identity.kid, made.kid, made.key.name, index)


async def _new_key(settings: Settings, identity: Identity) -> Signer:
    await asyncio.to_thread(keep_key, settings.data / NEXT_NAME, Signer.generate(identity.key.name))
    new = await asyncio.to_thread(next_key, settings.data)
    if new is None or new.key.name != identity.key.name:
        raise StorageError(
            f"{settings.data / NEXT_NAME} is no key for this log.", hint="Remove the file, and try again."
        )
    return new


async def _agree(store: SqlRecordStore, identity: Identity, new: Signer, clock: Clock) -> StatementRecord:
    """The hand-over as it is kept: the one of an earlier try, if there was one."""
    name, now = hand_over_name(new), clock.now_ms()
    if (there := await store.signed.get(name)) is not None:
        return there
    body = hand_over(identity.signer, new, name=name, issued_ms=now)
    record = StatementRecord(id=name, kind=read(body.encode()).kind, signer=identity.kid, created_ms=now, body=body)
    await store.signed.keep(record)
    return record


async def _append(
    settings: Settings, store: SqlRecordStore, identity: Identity, record: StatementRecord, clock: Clock
) -> int:
    log = await Log.open(places_of(settings.data), identity.signer, clock, previous=identity.earlier)
    try:
        index = int(await log.append(record.body.encode()))
        await store.leaves.logged(log.origin, {record.id: index})
    finally:
        await log.close()
    return index
