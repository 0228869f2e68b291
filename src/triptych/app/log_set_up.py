"""The key and the log of a data folder: opened, created, begun anew; each a deliberate act but the first."""

import asyncio
import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path

from triptych.config.settings import Settings
from triptych.network.identity import Identity, load, load_or_create, next_key, retire
from triptych.network.jose import kid_of
from triptych.spec.clock import Clock
from triptych.spec.errors import ConflictError, StorageError
from triptych.store.records import SqlRecordStore
from triptych.tlog.disk import FolderLock
from triptych.tlog.log import Log, LogPlaces
from triptych.tlog.note import Signer

FOLDER = "tlog"
BEGIN = "triptych log create --begin-new"


def places_of(data: Path) -> LogPlaces:
    """Where the log of a data folder is."""
    return LogPlaces.at(data / FOLDER)


def setting_of(settings: Settings) -> str:
    """Under which name the store remembers the log of this data folder. A database of its own belongs to its folder;
    one on a server may be shared by several."""
    if settings.database_url.startswith("sqlite"):
        return "tlog"
    place = f"{socket.gethostname()}\n{settings.data.absolute()}"
    return f"tlog {hashlib.sha256(place.encode()).hexdigest()[:16]}"


async def open_identity(settings: Settings, store: SqlRecordStore, *, exchanging: bool = False) -> Identity:
    """The key of this data folder, made if there has never been one. Raises StorageError when it is lost, another one
    than its log was made with, or, unless it is `exchanging`, when a change of keys was not finished."""
    known = await store.get_setting(setting_of(settings))
    found = await asyncio.to_thread(load, settings.data)
    if known is None:
        return found if found is not None else await asyncio.to_thread(load_or_create, settings.data)
    trusted = [] if found is None else [str(key) for key in (found.key, *found.earlier)]
    if found is None or not isinstance(known, Mapping) or known.get("key") not in trusted:
        raise StorageError(
            f"The signing key in {settings.data} is {'missing' if found is None else 'another one than before'}.",
            hint=f"Restore identity.key from a backup; or, if it is lost, begin anew deliberately with `{BEGIN}`.",
        )
    if known.get("key") != trusted[0]:
        await remember_key(settings, store, found)
    following = await asyncio.to_thread(next_key, settings.data)
    if following is not None and not exchanging and await store.signed.get(hand_over_name(following)) is not None:
        raise StorageError(
            "A change of signing keys was begun and not finished.", hint="Run `triptych log rotate` again."
        )
    return found


def hand_over_name(new: Signer) -> str:
    """The id of the statement by which the key before hands over to `new`."""
    return f"stmt_key_{kid_of(new.key.public)}"


async def remember_key(settings: Settings, store: SqlRecordStore, identity: Identity) -> None:
    """Writes down which key the log of this data folder has. Raises StorageError."""
    await store.put_setting(setting_of(settings), {"key": str(identity.key)})


async def begin_new_log(settings: Settings, store: SqlRecordStore, clock: Clock) -> str:
    """Puts the log and its key aside and creates new ones; returns the new log's name. What was logged before is no
    longer continued. Raises LogRefusedError (`busy`) while a server writes the log, StorageError."""
    stamp = str(clock.now_ms())
    places = places_of(settings.data)

    def put_aside() -> Identity:
        if places.folder.is_dir():
            FolderLock(places.folder).release()  # refused while a server writes it
        for path in (places.folder, places.folder.with_name(f"{FOLDER}.head")):
            if path.exists():
                path.rename(path.with_name(f"{path.name}.{stamp}"))
        retire(settings.data, stamp)
        return load_or_create(settings.data)

    try:
        identity = await asyncio.to_thread(put_aside)
    except OSError as error:
        raise StorageError(f"The old log cannot be put aside: {error.strerror}.",
                           hint="Check that the data folder can be written.") from error  # fmt: skip
    log = await Log.create(places, identity.signer, clock)
    await remember_key(settings, store, identity)
    await log.close()
    return log.origin


async def create_log(settings: Settings, store: SqlRecordStore, clock: Clock) -> str:
    """Creates the log of a data folder that has never had one; returns its name. Raises ConflictError where there is
    one or was one, StorageError."""
    if await store.get_setting(setting_of(settings)) is not None:
        raise ConflictError("This data folder has a log, or has had one.",
                            hint=f"See `triptych log show`. If it is lost: `{BEGIN}`.")  # fmt: skip
    identity = await open_identity(settings, store)
    log = await Log.create(places_of(settings.data), identity.signer, clock)
    await remember_key(settings, store, identity)
    await log.close()
    return log.origin
