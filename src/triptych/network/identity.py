"""The signing key of an installation: one Ed25519 key in one file of the data folder, made when it is first needed.

It signs receipts (as JWS) and the checkpoints of the transparency log (as signed notes). The two can never be taken for
each other: what a JWS signs has no line break in it, and every note ends with one.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from triptych.network.jose import kid_of
from triptych.spec.errors import StorageError
from triptych.store.durable import flush_folder, write_private
from triptych.store.faults import at
from triptych.tlog.errors import NoteError
from triptych.tlog.note import Signer, VerifierKey

FILE_NAME = "identity.key"
NEXT_NAME = "identity.next"


@dataclass(frozen=True, slots=True)
class Identity:
    """This installation's key. `signer` has the name of the log and the private key; `retired` are the public keys
    that were used before, newest first."""

    signer: Signer
    kid: str
    retired: tuple[VerifierKey, ...] = ()

    @property
    def key(self) -> VerifierKey:
        return self.signer.key

    @property
    def earlier(self) -> tuple[VerifierKey, ...]:
        """The keys that this one has taken over from: those of the same log."""
        return tuple(key for key in self.retired if key.name == self.key.name)

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of this key and of those before it."""
        return (self.kid, *(kid_of(key.public) for key in self.retired))


def load(folder: Path) -> Identity | None:
    """The identity in a data folder, None when there is none yet. Raises StorageError for a file that is no key."""
    signer = read_key(folder / FILE_NAME)
    if signer is None:
        return None
    with at(f"The keys in {folder}"):
        older = sorted(folder.glob("identity.*.pub"), reverse=True)
        retired = tuple(VerifierKey.parse(one.read_text("ascii").strip()) for one in older)
    return Identity(signer, kid_of(signer.key.public), retired)


def load_or_create(folder: Path) -> Identity:
    """The identity in a data folder, made if there is none: mode 0600, on the disk before it is used. When two
    processes start together, both get the same one. Raises StorageError."""
    if (found := load(folder)) is not None:
        return found
    keep_key(folder / FILE_NAME, Signer.generate(f"triptych/{secrets.token_hex(8)}"))
    made = load(folder)
    if made is None:
        raise StorageError(f"The signing key in {folder} cannot be made.",
                           hint="Check that the data folder can be written.")  # fmt: skip
    return made


def keep_key(path: Path, signer: Signer) -> None:
    """Writes a private key to a file of its own: mode 0600, on the disk when this returns. A key that is there already
    stays. Raises StorageError."""
    with at(f"The signing key {path}"):
        write_private(path, signer.secret().encode("ascii") + b"\n", replace=False)


def read_key(path: Path) -> Signer | None:
    """The private key in a file, None when there is no file. Raises StorageError for a file that is no key."""
    with at(f"The signing key {path}"):
        try:
            return Signer.parse(path.read_text("ascii").strip())
        except FileNotFoundError:
            return None
        except (UnicodeDecodeError, NoteError):
            raise StorageError(f"{path} is not a signing key.", hint="Restore the file from a backup.") from None


def next_key(folder: Path) -> Signer | None:
    """The key that is to take over, while a change of keys is under way. Raises StorageError."""
    return read_key(folder / NEXT_NAME)


def exchange(folder: Path, stamp: str) -> Identity:
    """Puts the next key in the place of the identity, whose public key stays published and whose private key is kept
    under another name. May be done again after a stop at any moment. Raises StorageError."""
    found, path = load(folder), folder / FILE_NAME
    if found is None or next_key(folder) is None:
        raise StorageError(f"There are no two keys in {folder} to be exchanged.", hint="Look for identity.next there.")
    with at(f"The signing key in {folder}"):
        (folder / f"identity.{stamp}.pub").write_text(f"{found.key}\n", "ascii")
        with suppress(FileExistsError):
            os.link(path, folder / f"identity.{stamp}.retired")
        (folder / NEXT_NAME).replace(path)
        flush_folder(folder)
    made = load(folder)
    if made is None:
        raise StorageError(f"The signing key in {folder} is gone.", hint="Restore it from a backup.")
    return made


def retire(folder: Path, stamp: str) -> None:
    """Puts the identity aside: its public key stays published, its private key is kept under another name, and the next
    `load_or_create` makes a new one. Does nothing when there is none. Raises StorageError."""
    found = load(folder)
    if found is None:
        return
    with at(f"The signing key in {folder}"):
        (folder / f"identity.{stamp}.pub").write_text(f"{found.key}\n", "ascii")
        (folder / FILE_NAME).rename(folder / f"identity.{stamp}.retired")
