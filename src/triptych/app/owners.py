"""Which process holds a tile: a server and `triptych generate` may work on one data folder side by side.

A process is named by machine, process id, data folder and a random part, and holds a lock on a file of that name for as
long as it lives. The system lets the lock go however the process ends, so that an id that is used again, or that means
something else in another container, is never taken for the one that is gone.
"""

import contextlib
import hashlib
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import BinaryIO

from triptych.spec.errors import StorageError

if sys.platform != "win32":
    import fcntl


class Owners:
    """The processes at work on one data folder. `name` is this one's."""

    def __init__(self, data: Path) -> None:
        """Takes a name and holds its lock until `close`. Raises StorageError when the folder cannot be written."""
        self._host = socket.gethostname()
        self._folder = data / "running"
        self._place = hashlib.sha256(str(data).encode()).hexdigest()[:12]
        token = f"{self._place}-{secrets.token_hex(6)}"
        self.name = f"{self._host}:{os.getpid()}:{token}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._file: BinaryIO = (self._folder / token).open("xb")
            self._hold()
        except OSError as error:
            raise StorageError(f"The data folder {data} cannot be written: {error.strerror}.",
                               hint="Choose another with --data or TRIPTYCH_DATA.") from None  # fmt: skip

    def _hold(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Gives the name up."""
        self._file.close()
        with contextlib.suppress(OSError):
            Path(self._file.name).unlink()

    def alive(self, name: str) -> bool:
        """Whether the process of that name still runs, as far as this machine can tell.

        Another machine's process counts as alive: it looks after its own tiles. So does one that works on another data
        folder as long as its process id is in use.
        """
        host, _, rest = name.partition(":")
        pid, _, token = rest.partition(":")
        if host != self._host:
            return bool(host)
        if token.partition("-")[0] == self._place:
            return self._held(token)
        return pid.isdigit() and int(pid) != os.getpid() and _in_use(int(pid))

    def others(self) -> int:
        """How many other processes of this machine are at work on this data folder."""
        tokens = [path.name for path in self._folder.iterdir() if path.name != Path(self._file.name).name]
        return sum(self._held(token) for token in tokens)

    def _held(self, token: str) -> bool:
        path = self._folder / Path(token).name
        try:
            if sys.platform == "win32":
                path.unlink()  # refused while another process has it open
                return False
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                path.unlink()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


def _in_use(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
