"""Files that are on the disk when a call returns, and names that stay after a power cut."""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Writes a file that only this user may read (mode 0600), whole or not at all. Without `replace`, a file that is
    there already is left as it is: whoever came first has made it. Raises OSError."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            new.replace(path)
        else:
            with suppress(FileExistsError):
                path.hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Makes names in a folder durable. Windows does that by itself and does not open folders."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
