"""Bytes by their SHA-256, in a folder or in S3."""

import asyncio
import hashlib
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from triptych.spec.errors import BadRequestError, SettingsError, StorageError
from triptych.store.faults import FULL_HINT, at, os_error

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KIND = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FULL = ("no space left", "os error 28", "quota exceeded", "storage full", "xminiostoragefull")
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_GROUP = 64  # files written together
_UPLOADS = 8  # at once
_WARM_BYTES = 48 << 20


def _sharded(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise BadRequestError(
            "A picture is named by 64 characters of lower-case hex, its SHA-256.", param="sha256"
        )  # fmt: skip
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _derived(sha256: str, kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise BadRequestError("A kind is a short name of lower-case letters and digits.", param="kind")
    return f"derived/{kind}/{_sharded(sha256)}"


class Objects(Protocol):
    """What is needed of a place for objects. A `write` that has returned is there whole, and stays."""

    name: str

    def write(self, path: str, data: bytes) -> None: ...
    def write_all(self, items: Sequence[tuple[str, bytes]]) -> Sequence[Exception | None]: ...
    def read(self, path: str) -> bytes | None: ...
    def exists(self, path: str) -> bool: ...
    def remove(self, path: str) -> None:
        """Does nothing where there is none."""
        ...


class FolderObjects:
    """Files under one folder. Bytes are on the disk before they get their name: after a power cut, a name always has
    its whole content."""

    def __init__(self, folder: Path) -> None:
        self.name = f"The folder {folder}"
        self._folder = folder
        self._held: set[Path] = set()  # folders that this process knows to be on the disk under their names
        with at(self.name):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "incoming").mkdir(exist_ok=True)

    def write(self, path: str, data: bytes) -> None:
        (fault,) = self.write_all([(path, data)])
        if fault is not None:
            raise fault

    def write_all(self, items: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
        """Writes several files, each as a whole or not at all: what went wrong with each. Together they cost hardly more
        waiting for the disk than one does."""
        written = [_try(partial(self._write_incoming, data)) for _, data in items]
        named: list[Path | OSError] = []
        for (path, _), incoming in zip(items, written, strict=True):
            if isinstance(incoming, OSError):
                named.append(incoming)
            else:
                named.append(_try(partial(self._name, incoming, self._folder / path)))
        flushed: dict[Path, OSError | None] = {}
        return [one if isinstance(one, OSError) else self._flush_folders(one, flushed) for one in named]

    def _write_incoming(self, data: bytes) -> Path:
        incoming = self._folder / "incoming" / os.urandom(16).hex()
        handle = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        try:
            with memoryview(data) as view:
                done = 0
                while done < len(view):
                    done += os.write(handle, view[done:])
            if hasattr(os, "posix_fadvise"):
                # Linux begins to write to the disk now and not when it is asked to flush: several files in one go.
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            incoming.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        return incoming

    def _name(self, incoming: Path, final: Path) -> Path:
        try:
            _flush(incoming)
            try:
                incoming.replace(final)
            except FileNotFoundError:
                self._make_folder(final.parent)
                incoming.replace(final)
        finally:
            incoming.unlink(missing_ok=True)
        return final

    def _make_folder(self, folder: Path) -> None:
        missing = folder
        while not missing.exists():
            self._held.discard(missing)  # it was there before, and somebody took it away
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)

    def _flush_folders(self, final: Path, flushed: dict[Path, OSError | None]) -> OSError | None:
        """The folder of a new name, and those above it as far as they may be new themselves: each once for all files of a
        group."""
        folder = final.parent
        way = [folder]
        while folder != self._folder and folder not in self._held:
            folder = folder.parent
            way.append(folder)
        for one in way:
            if one not in flushed:
                flushed[one] = _try(partial(_flush, one))
            if flushed[one] is not None:
                return flushed[one]
        self._held.update(way)
        return None

    def read(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, path: str) -> bool:
        return (self._folder / path).is_file()

    def remove(self, path: str) -> None:
        (self._folder / path).unlink(missing_ok=True)


def _try(work: Callable[[], T]) -> T | OSError:
    try:
        return work()
    except OSError as error:
        return error


def _flush(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps names safe by itself and does not open folders
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def bucket_errors() -> tuple[type[Exception], ...]:
    """What obstore raises by itself. The first bucket loads it; until then nobody can have raised an error of it."""
    loaded = sys.modules.get("obstore.exceptions")
    return () if loaded is None else (loaded.BaseError,)


def _raised() -> tuple[type[Exception], ...]:
    return (OSError, ValueError, *bucket_errors())  # obstore raises Python's own classes where there is one


class BucketObjects:
    """Objects of an S3 bucket, under the prefix of its address. A PUT that was answered is durable there."""

    def __init__(self, store: "S3Store", name: str) -> None:
        self.name = name
        self._store = store

    def write(self, path: str, data: bytes) -> None:
        import obstore

        obstore.put(self._store, path, data, use_multipart=False)

    def write_all(self, items: Sequence[tuple[str, bytes]]) -> list[Exception | None]:
        with ThreadPoolExecutor(max_workers=min(len(items), _UPLOADS)) as pool:
            return list(pool.map(lambda item: self._fault(*item), items))

    def _fault(self, path: str, data: bytes) -> Exception | None:
        try:
            self.write(path, data)
        except _raised() as error:
            return error
        return None

    def read(self, path: str) -> bytes | None:
        import obstore

        try:
            return obstore.get(self._store, path).bytes().to_bytes()
        except FileNotFoundError:
            return None

    def exists(self, path: str) -> bool:
        import obstore

        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def remove(self, path: str) -> None:
        import obstore

        with suppress(FileNotFoundError):
            obstore.delete(self._store, path)


class ObjectBlobs:
    """The blob store over a place for objects: `ab/cd/<sha256>`, and `derived/<kind>/ab/cd/<sha256>`.

    Work is done in threads. Every method may raise StorageError, and BadRequestError for a hash or kind that is none.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._waiting: list[tuple[bytes, str | None, asyncio.Future[str]]] = []
        self._writing: asyncio.Task[list[str | Exception]] | None = None
        self._warm: OrderedDict[str, bytes] = OrderedDict()
        self._warm_bytes = 0

    async def put(self, data: bytes, sha256: str | None = None) -> str:
        """Keeps bytes and returns their SHA-256 in lower-case hex, which is not computed where it is given. Bytes that
        are there already are not written. Those that come while others are being written are then written together."""
        kept: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, sha256, kept))
        if self._writing is None:
            self._start()
        try:
            named = await kept
        except _raised() as error:
            raise _storage_error(error, self._objects.name) from error
        self._remember(named, data)
        return named

    def _start(self) -> None:
        group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
        work = asyncio.to_thread(self._put_all, [(data, known) for data, known, _ in group])
        self._writing = asyncio.get_running_loop().create_task(work)
        self._writing.add_done_callback(lambda finished: self._deliver([kept for *_, kept in group], finished))

    def _put_all(self, group: Sequence[tuple[bytes, str | None]]) -> list[str | Exception]:
        """In a thread: each one's hash, or why it was not kept."""
        hashes = [known or hashlib.sha256(data).hexdigest() for data, known in group]
        paths = {sha256: (_sharded(sha256), data) for sha256, (data, _) in zip(hashes, group, strict=True)}
        new = [sha256 for sha256, (path, _) in paths.items() if not self._objects.exists(path)]
        faults = dict(zip(new, self._objects.write_all([paths[sha256] for sha256 in new]) if new else (), strict=True))
        return [faults.get(sha256) or sha256 for sha256 in hashes]

    def _deliver(self, waiting: "list[asyncio.Future[str]]", finished: "asyncio.Task[list[str | Exception]]") -> None:
        self._writing = None
        if self._waiting:
            self._start()
        failed = finished.exception()
        for kept, outcome in zip(waiting, [failed] * len(waiting) if failed else finished.result(), strict=True):
            if kept.done():  # the caller was cancelled
                continue
            if isinstance(outcome, BaseException):
                kept.set_exception(outcome)
            elif outcome is not None:
                kept.set_result(outcome)

    def _remember(self, sha256: str, data: bytes) -> None:
        """What was just kept is asked for once more at once, for the answer to whoever wanted it."""
        if sha256 not in self._warm and len(data) <= _WARM_BYTES:
            self._warm[sha256] = data
            self._warm_bytes += len(data)
        while self._warm_bytes > _WARM_BYTES:
            self._warm_bytes -= len(self._warm.popitem(last=False)[1])

    async def get(self, sha256: str) -> bytes | None:
        """The bytes, None when they are not kept."""
        path = _sharded(sha256)
        if (warm := self._warm.pop(sha256, None)) is not None:
            self._warm_bytes -= len(warm)
            return warm
        return await self._in_thread(lambda: self._objects.read(path))

    async def has(self, sha256: str) -> bool:
        path = _sharded(sha256)
        return await self._in_thread(lambda: self._objects.exists(path))

    async def remove(self, sha256: str, kinds: Sequence[str] = ()) -> None:
        """Deletes bytes, and what of these kinds was made of them. Who calls it knows that nothing names them any more."""
        paths = (*(_derived(sha256, kind) for kind in kinds), _sharded(sha256))
        if (warm := self._warm.pop(sha256, None)) is not None:
            self._warm_bytes -= len(warm)

        def remove() -> None:
            for path in paths:
                self._objects.remove(path)

        await self._in_thread(remove)

    async def put_derived(self, sha256: str, kind: str, data: bytes) -> None:
        """Keeps or replaces what was made from a blob, e.g. its thumbnail."""
        path = _derived(sha256, kind)
        await self._in_thread(lambda: self._objects.write(path, data))

    async def get_derived(self, sha256: str, kind: str) -> bytes | None:
        path = _derived(sha256, kind)
        return await self._in_thread(lambda: self._objects.read(path))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except _raised() as error:
            raise _storage_error(error, self._objects.name) from error


def _storage_error(error: Exception, name: str) -> StorageError:
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os_error(error, name)
    upstream = text.partition("\n")[0][:300]
    if any(words in text.lower() for words in _FULL):
        return StorageError(f"The disk is full: {name} cannot be written.", hint=FULL_HINT, upstream=upstream)
    return StorageError(
        f"{name} cannot be used.", hint="Check that it is there, and that this user may read and write it.",
        upstream=upstream,
    )  # fmt: skip


def open_blobs(location: str | Path, options: Mapping[str, Any] | None = None) -> ObjectBlobs:
    """Opens the blob store that the `blobs` setting names: a folder, which is made when it is not there, or
    `s3://bucket/prefix`.

    `options` are obstore's settings of S3 by name (`endpoint`, `region`, `access_key_id`, `secret_access_key`, …); what
    is not given is taken from the usual AWS places by obstore. Raises SettingsError for another kind of address, and
    StorageError when the folder cannot be made.
    """
    text = str(location)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return ObjectBlobs(FolderObjects(Path(location).absolute()))
    if scheme == "file":
        return ObjectBlobs(FolderObjects(Path(text.removeprefix("file://")).absolute()))
    if scheme != "s3":
        raise SettingsError(
            f"The `blobs` setting names {scheme!r}, which is not supported.",
            hint="Use a folder or s3://bucket/prefix.", param="blobs",
        )  # fmt: skip
    chosen = dict(options or {})
    client = {"allow_http": True} if str(chosen.get("endpoint", "")).startswith("http://") else None
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    try:
        store = S3Store.from_url(text, config=chosen or None, client_options=client)  # type: ignore[arg-type]
    except (BaseError, ValueError) as error:
        raise SettingsError(
            "The `blobs` setting or its S3 options are wrong.", hint="Use s3://bucket/prefix.", param="blobs",
            upstream=str(error).partition("\n")[0][:300],
        ) from error  # fmt: skip
    return ObjectBlobs(BucketObjects(store, f"The bucket {text}"))
