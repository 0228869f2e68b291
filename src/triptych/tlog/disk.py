"""The places a log keeps its files in, and the promise each of them makes: what a call has written, stays.

The public files (tiles, bundles, checkpoint) may be in a folder or in a bucket. The journal, the lock and the head are
small, private and local to the one writer.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from triptych.spec.errors import StorageError
from triptych.store.blobs import BucketObjects, FolderObjects, bucket_errors
from triptych.store.durable import flush_folder
from triptych.store.faults import at

if TYPE_CHECKING:
    from obstore.store import S3Store

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class LogRefusedError(StorageError):
    """A log that is missing, shorter than it was, another one, damaged, or in use. Nothing was changed, and nothing
    will be repaired. `reason` is missing, exists, shorter, different, damaged or busy."""

    code = "log_refused"

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class LogFiles(Protocol):
    """The public files. A `write` that has returned is there whole, and stays. Every method may raise StorageError."""

    name: str

    def read(self, path: str) -> bytes | None: ...
    def write(self, path: str, data: bytes) -> None: ...
    def clear(self, folder: str) -> None:
        """Removes every file whose path begins with `folder`."""
        ...


class Head(Protocol):
    """The latest checkpoint that was signed, kept apart from the log, so that a log which is put back from an old copy
    is noticed. Written before a checkpoint is published."""

    name: str

    def load(self) -> bytes | None: ...
    def swap(self, expected: Collection[bytes | None], new: bytes) -> None:
        """Keeps `new` if one of `expected` is kept now (None: nothing). Raises LogRefusedError otherwise: another
        writer is at work."""
        ...


class JournalFiles(Protocol):
    """The journal's files. An `append` that has returned is durable; one that has raised may be there or not, whole or
    in part."""

    name: str

    def names(self) -> list[str]: ...
    def read(self, name: str) -> bytes: ...
    def append(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...
    def close(self) -> None: ...


def _bucket_faults() -> tuple[type[Exception], ...]:
    return (ValueError, *bucket_errors())


@contextmanager
def storing(place: str) -> Iterator[None]:
    """Turns what obstore or the file system raises inside into a StorageError that names `place`."""
    try:
        with at(place):
            yield
    except _bucket_faults() as error:
        raise StorageError(
            f"{place} cannot be used.", hint="Check that it is there, and that this user may read and write it.",
            upstream=str(error).partition("\n")[0][:300],
        ) from error  # fmt: skip


class FolderFiles:
    """Public files in a folder, ready to be served as they are."""

    def __init__(self, folder: Path) -> None:
        self.name = f"The log in {folder}"
        self._folder = folder
        self._objects: FolderObjects | None = None  # made with the first write: a look does not make a folder

    def read(self, path: str) -> bytes | None:
        with storing(self.name):
            try:
                return (self._folder / path).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        with storing(self.name):
            self._objects = self._objects or FolderObjects(self._folder)
            self._objects.write(path, data)

    def clear(self, folder: str) -> None:
        with storing(self.name), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder / folder)


class BucketFiles:
    """Public files in a bucket. S3 promises that a PUT it has answered is durable and seen by the next reader."""

    def __init__(self, store: "S3Store", name: str) -> None:
        self.name = name
        self._store = store
        self._objects = BucketObjects(store, name)

    def read(self, path: str) -> bytes | None:
        with storing(self.name):
            return self._objects.read(path)

    def write(self, path: str, data: bytes) -> None:
        with storing(self.name):
            self._objects.write(path, data)

    def clear(self, folder: str) -> None:
        import obstore

        with storing(self.name):
            for found in obstore.list(self._store, prefix=folder):
                obstore.delete(self._store, [item["path"] for item in found])


class HeadFile:
    """The head in a file of its own. It stands beside the log's folder and not in it: who removes the folder, or puts
    back an old one, does not remove what was promised."""

    def __init__(self, path: Path) -> None:
        self.name = f"The log's head {path}"
        self._path = path

    def load(self) -> bytes | None:
        with storing(self.name):
            try:
                return self._path.read_bytes()
            except FileNotFoundError:
                return None

    def swap(self, expected: Collection[bytes | None], new: bytes) -> None:
        if self.load() not in expected:
            raise LogRefusedError("busy", f"{self.name} was changed by another writer.",
                                  "Only one program may write to a log. Stop the other one.")  # fmt: skip
        with storing(self.name):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_name(f"{self._path.name}.new")
            with temporary.open("wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            flush_folder(self._path.parent)


class FolderJournal:
    """The journal's files in a folder. The file that grows stays open."""

    def __init__(self, folder: Path) -> None:
        self.name = f"The journal in {folder}"
        self._folder = folder
        self._open: tuple[str, BinaryIO] | None = None

    def names(self) -> list[str]:
        with storing(self.name):
            return sorted(p.name for p in self._folder.iterdir()) if self._folder.is_dir() else []

    def read(self, name: str) -> bytes:
        with storing(self.name):
            return (self._folder / name).read_bytes()

    def append(self, name: str, data: bytes) -> None:
        with storing(self.name):
            file, fresh = self._file(name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fresh:
                flush_folder(self._folder)
                flush_folder(self._folder.parent)

    def _file(self, name: str) -> tuple[BinaryIO, bool]:
        if self._open and self._open[0] == name:
            return self._open[1], False
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (self._folder / name).open("ab")
        self._open = name, file
        return file, True

    def remove(self, name: str) -> None:
        with storing(self.name):
            (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        if self._open:
            file = self._open[1]
            self._open = None
            with contextlib.suppress(OSError):  # what could not be flushed was never promised
                file.close()


class FolderLock:
    """One program at a time. The system lets the lock go however the program ends."""

    def __init__(self, folder: Path) -> None:
        """Raises LogRefusedError when another program has the lock."""
        with storing(f"The folder {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "lock").open("a+b")
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise LogRefusedError("busy", f"{folder} is in use by another program.",
                                  "Only one program may write there. Stop the other one.") from None  # fmt: skip

    def release(self) -> None:
        self._file.close()
