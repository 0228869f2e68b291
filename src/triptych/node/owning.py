"""The key of a person who runs nodes: it says which nodes are theirs, and ends one from anywhere.

It lies apart from the nodes, so that whoever takes a node's machine has not got it. Its folder also remembers which nodes it has spoken for,
since each of those words ends some day and has to be said again.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from triptych.network import bond
from triptych.network.bond import MAX_LIFE_MS
from triptych.network.identity import keep_key, read_key
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting
from triptych.spec.errors import BadRequestError, NotConfiguredError, StorageError, TriptychError
from triptych.store.durable import write_private
from triptych.store.faults import at
from triptych.tlog.note import Signer

FOLDER, KEY, NODES = "owner", "owner.key", "nodes.json"
DAY_MS = 86_400_000
MOST_DAYS = MAX_LIFE_MS // DAY_MS


class Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner has said of one node: until when it is theirs, in milliseconds since 1970, and the word that has ended it."""

    until_ms: int
    ended: str | None = None


class OwnerKey:
    """The owner's key of a data folder. `id` is its RFC 7638 thumbprint, as cards and the counts of studios have it."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        """Use `make_owner` or `open_owner`."""
        self._folder, self._signer = folder, signer

    @property
    def id(self) -> str:
        return kid_of(self._signer.key.public)

    @property
    def path(self) -> Path:
        return self._folder / KEY

    def nodes(self) -> dict[str, Spoken]:
        """By id, the nodes that it has spoken for. Raises StorageError."""
        path = self._folder / NODES
        with at(f"The file {path}"):
            try:
                return msgspec.json.decode(path.read_bytes(), type=dict[str, Spoken])
            except FileNotFoundError:
                return {}
            except msgspec.MsgspecError:
                raise StorageError(
                    f"{path} cannot be read.", hint="Restore it from a backup, or take it away."
                ) from None

    def sign(self, node: str, now_ms: int, days: int = MOST_DAYS) -> str:
        """The word that a node is this owner's, for so many days: one line for `triptych node --owner`. Raises BadRequestError for what is no
        node's id and for a node that it has ended, StorageError."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", node):
            raise BadRequestError(f"{node[:80]!r} is no node's id.", param="node",
                                  hint="`triptych node --id` prints it on the node's machine.")  # fmt: skip
        known = self.nodes()
        if node in known and known[node].ended is not None:
            raise BadRequestError(f"You have ended {node} for good.", param="node",
                                  hint="Start the node in another folder: it has another key there.")  # fmt: skip
        until = now_ms + days * DAY_MS
        word = bond.sign("owner", node, self._signer, issued_ms=now_ms, expires_ms=until)
        self._keep({**known, node: Spoken(until)})
        return word

    def end(self, node: str, now_ms: int) -> str:
        """The word that ends a node for good, the same each time; whoever has it can tell any hub. Raises BadRequestError for a node that this
        key has not spoken for, StorageError."""
        known = self.nodes()
        if (spoken := known.get(node)) is None:
            raise BadRequestError(f"This key has not spoken for {node[:80]!r}.", param="node",
                                  hint="`triptych keys owner list` shows your nodes.")  # fmt: skip
        if spoken.ended is not None:
            return spoken.ended
        word = bond.sign("revoke", node, self._signer, issued_ms=now_ms)
        self._keep({**known, node: msgspec.structs.replace(spoken, ended=word)})
        return word

    def _keep(self, nodes: Mapping[str, Spoken]) -> None:
        path = self._folder / NODES
        with at(f"The file {path}"):
            write_private(path, msgspec.json.encode(dict(nodes)), replace=True)


def make_owner(data: Path) -> OwnerKey:
    """The owner's key of a data folder, made where there is none yet. Raises StorageError."""
    folder = data / FOLDER
    with at(f"The folder {folder}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_key(folder / KEY, Signer.generate(f"triptych-owner/{secrets.token_hex(8)}"))
    return open_owner(data)


def open_owner(data: Path) -> OwnerKey:
    """The owner's key of a data folder. Raises NotConfiguredError where there is none, StorageError."""
    folder = data / FOLDER
    signer = read_key(folder / KEY)
    if signer is None:
        raise NotConfiguredError(f"There is no owner's key in {folder}.", hint="Make one: `triptych keys owner make`.")
    return OwnerKey(folder, signer)


async def tell(word: str, meetings: Sequence[Meeting]) -> dict[str, str | None]:
    """Tells hubs that a node has ended; by hub, why one does not take it."""
    said: dict[str, str | None] = {}
    for meeting in meetings:
        try:
            await meeting.revoke(word)
            said[meeting.origin] = None
        except TriptychError as error:
            said[meeting.origin] = error.message
    return said
