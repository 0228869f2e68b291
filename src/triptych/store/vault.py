"""Provider keys, encrypted at rest: one file for each, and the master key in a file of its own."""

import asyncio
import base64
import binascii
import re
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from triptych.spec.errors import BadRequestError, StorageError
from triptych.store.durable import flush_folder, write_private
from triptych.store.faults import at

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAGIC = b"triptych-vault-1\n"
_NONCE = 12  # bytes: what AES-GCM takes (NIST SP 800-38D, section 8.2)
_KEY = 32  # bytes: AES-256
_SUFFIX = ".sealed"


class FileVault:
    """Keys under `folder`, each sealed with AES-256-GCM for its own name, so that files cannot be swapped.

    The master key is made when it is first needed, at `<folder>.key` with mode 0600, unless one is passed in. It guards
    against a copied folder or backup, not against somebody who reads as this user. Several programs may use one vault.
    No value is ever in a message, a log or a repr.
    """

    def __init__(self, folder: Path, *, master_key: bytes | None = None) -> None:
        """`master_key` is 32 random bytes. Raises StorageError when it has another length."""
        self._folder = folder.absolute()
        self._key_file = self._folder.with_name(self._folder.name + ".key")
        self._given = master_key
        if master_key is not None and len(master_key) != _KEY:
            raise StorageError(f"The vault's master key has {len(master_key)} bytes and not {_KEY}.",
                               hint="Pass the 32 bytes it was made with.")  # fmt: skip

    def __repr__(self) -> str:
        return f"FileVault({str(self._folder)!r})"

    async def put(self, name: str, value: str) -> None:
        """Keeps or replaces the key of a provider; when this returns it is on the disk. Raises BadRequestError for a
        name that is no provider id and for an empty value, StorageError when it cannot be written."""
        path = self._path(name)
        if not value:
            raise BadRequestError("The key is empty.", hint="Paste the whole key.", param="value")
        if not value.isprintable():
            raise BadRequestError("The key holds a line break or another unprintable character.",
                                  hint="Paste the key alone.", param="value")  # fmt: skip
        await asyncio.to_thread(self._put, path, name, value.encode())

    async def get(self, name: str) -> str | None:
        """The key, None when there is none. Raises StorageError when the vault is damaged."""
        return await asyncio.to_thread(self._get, self._path(name), name)

    async def remove(self, name: str) -> bool:
        """Forgets a key. False when there was none."""
        return await asyncio.to_thread(self._remove, self._path(name))

    async def names(self) -> tuple[str, ...]:
        """The providers that have a key, in alphabetical order. Whether the keys can be read is not looked at."""
        return await asyncio.to_thread(self._names)

    async def stamp(self) -> int:
        """When the folder last changed, in nanoseconds; 0 before there is one. A key is replaced by a new file, so every
        change shows."""
        return await asyncio.to_thread(self._stamp)

    def _stamp(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadRequestError("A key is kept under a provider id: lower-case letters, digits, dots and dashes.",
                                  param="name")  # fmt: skip
        return self._folder / (name + _SUFFIX)

    def _put(self, path: Path, name: str, value: bytes) -> None:
        with at(f"The vault {self._folder}"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            nonce = secrets.token_bytes(_NONCE)
            sealed = AESGCM(self._master_key(make=True)).encrypt(nonce, value, _MAGIC + name.encode())
            write_private(path, _MAGIC + base64.b64encode(nonce + sealed) + b"\n", replace=True)

    def _get(self, path: Path, name: str) -> str | None:
        with at(f"The vault {self._folder}"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return None
            if not content.startswith(_MAGIC):
                raise self._damaged(name)
            try:
                raw = base64.b64decode(content[len(_MAGIC) :].strip(), validate=True)
                opened = AESGCM(self._master_key(make=False)).decrypt(
                    raw[:_NONCE], raw[_NONCE:], _MAGIC + name.encode()
                )  # fmt: skip
                return opened.decode()
            except (InvalidTag, binascii.Error, ValueError):
                # From nothing: the causes may quote what they were given.
                raise self._damaged(name) from None

    def _remove(self, path: Path) -> bool:
        with at(f"The vault {self._folder}"):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            flush_folder(self._folder)
            return True

    def _names(self) -> tuple[str, ...]:
        with at(f"The vault {self._folder}"):
            if not self._folder.is_dir():
                return ()
            found = (file.name.removesuffix(_SUFFIX) for file in self._folder.iterdir() if file.suffix == _SUFFIX)
            return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def _master_key(self, *, make: bool) -> bytes:
        if self._given is not None:
            return self._given
        if make and not self._key_file.exists():
            # A program that started beside this one may have made the key, and kept something, since it was looked for.
            if self._names() and not self._key_file.exists():
                raise self._keyless()
            write_private(self._key_file, base64.b64encode(secrets.token_bytes(_KEY)) + b"\n", replace=False)
        try:
            key = base64.b64decode(self._key_file.read_bytes().strip(), validate=True)
        except FileNotFoundError:
            raise self._keyless() from None
        except binascii.Error:
            key = b""
        if len(key) != _KEY:
            raise StorageError(
                f"The vault's master key {self._key_file} is damaged.",
                hint=f"Restore it from a backup, or delete it together with {self._folder} and enter your keys again.",
            )
        return key

    def _keyless(self) -> StorageError:
        return StorageError(
            f"The vault {self._folder} has keys in it, but its master key {self._key_file} is gone.",
            hint=f"Restore that file from a backup, or delete {self._folder} and enter your keys again.",
        )

    def _damaged(self, name: str) -> StorageError:
        return StorageError(
            f"The stored key of {name} cannot be opened: it is damaged or was sealed with another master key.",
            hint=f"Enter the key again, or restore {self._folder} and {self._key_file} from the same backup.",
        )
