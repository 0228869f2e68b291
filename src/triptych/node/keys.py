"""The folder of a node: its signing key, the keys that jobs are sealed to, the number of its latest card, its owner's word.

Whatever has left the machine is on the disk before: a node that is killed at any moment comes back as itself, with the keys that are
shown in its cards and with a higher number than any card of it. All files are for their user alone.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from triptych.network import bond, statement
from triptych.network.bond import Bond, BondError
from triptych.network.card import successor
from triptych.network.identity import keep_key, read_key
from triptych.network.jose import kid_of
from triptych.network.known import KEY_LIFE_MS
from triptych.network.ohttp.keys import NodeKey
from triptych.network.statement import StatementError
from triptych.spec.errors import SettingsError, StorageError
from triptych.spec.words import utc
from triptych.store.durable import write_private
from triptych.store.faults import at
from triptych.tlog.note import Signer

FOLDER = "node"
KEY, SEAL, NUMBER, OWNER, FOLLOWS = "node.key", "seal.json", "card.number", "owner.bond", "follows.statement"
CHANGE_MS = KEY_LIFE_MS + 3_600_000  # readers count a day from when they saw the last one, so a little more than a day
WARN_MS = 30 * 86_400_000  # before an owner's word ends
GOING_OUT_MS = 40 * 60_000  # an older key still opens: a card may be a quarter of an hour old, and a job as much


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """A key to seal to: its number, its 32 secret bytes in hex, and when it was made in milliseconds since 1970."""

    id: int
    private: str
    made_ms: int


@dataclass(slots=True)
class NodeKeys:
    """The keys of one node. `id` is the RFC 7638 thumbprint of its signing key; `owner` is its owner's word for it, if any;
    `follows` the hand-over from the key before."""

    folder: Path
    signer: Signer
    owner: str | None = None
    follows: str | None = None
    _kept: list[_Kept] = field(default_factory=list, repr=False)
    _number: int = 0

    @property
    def id(self) -> str:
        return kid_of(self.signer.key.public)

    def owner_fault(self, now_ms: int) -> str | None:
        """What is to be done about its owner's word; None while it counts for a month more, or where there is no owner."""
        ends = 0 if self.owner is None else bond.read(self.owner.encode()).expires_ms or 0
        if self.owner is None or now_ms < ends - WARN_MS:
            return None
        when = "has ended" if now_ms >= ends else f"ends on {utc(ends)}"
        return f"The owner's word for this node {when}. {_again(self.id)}"

    def adopt(self, text: str) -> str:
        """Takes an owner's word for this node; it is in its cards from now on. Returns the owner's name. Raises SettingsError for one that is
        about another node or by another owner than the one that the node has, StorageError."""
        found = read_owner(text, self.id)
        if self.owner is not None and bond.read(self.owner.encode()).kid != found.kid:
            raise SettingsError("This node has another owner, and keeps it: hubs refuse a card whose owner has changed.", param="owner",
                                hint="For another owner, start the node in a new folder.")  # fmt: skip
        path = self.folder / OWNER
        with at(f"The file {path}"):
            write_private(path, found.text.encode(), replace=True)
        self.owner = found.text
        return found.kid

    @property
    def number(self) -> int:
        """The number of the latest card that this node ever had; 0 before the first."""
        return self._number

    def sealing(self, now_ms: int, random: Callable[[int], bytes] = secrets.token_bytes) -> tuple[NodeKey, ...]:
        """The keys to seal to, the current one first; an older one stays while it goes out. Makes one where there is none, and a
        new one when the current one is a little more than a day old. Raises StorageError."""
        newest = self._kept[0] if self._kept else None
        if newest is None or now_ms - newest.made_ms >= CHANGE_MS:
            number = 1 if newest is None else (newest.id + 1) % 256
            self._keep([_Kept(number, random(32).hex(), now_ms), *self._kept[:1]])
        elif len(self._kept) > 1 and now_ms - newest.made_ms >= GOING_OUT_MS:
            self._keep(self._kept[:1])
        return tuple(NodeKey.from_private(one.id, bytes.fromhex(one.private)) for one in self._kept)

    def next_number(self, now_ms: int) -> int:
        """A number for a card that no card of this node had: on the disk before it is used. It is the time in seconds at least, so
        that a folder out of a backup does not go back. Raises StorageError."""
        self._number = max(self._number + 1, now_ms // 1000)
        path = self.folder / NUMBER
        with at(f"The file {path}"):
            write_private(path, f"{self._number}\n".encode(), replace=True)
        return self._number

    def _keep(self, kept: Sequence[_Kept]) -> None:
        path = self.folder / SEAL
        with at(f"The file {path}"):
            write_private(path, msgspec.json.encode(list(kept)), replace=True)
        self._kept = list(kept)


def open_keys(data: Path) -> NodeKeys:
    """The node of a data folder, made where there is none yet. Raises StorageError for files that are none of it."""
    folder = data / FOLDER
    with at(f"The folder {folder}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (signer := read_key(folder / KEY)) is None:
        keep_key(folder / KEY, Signer.generate(f"triptych-node/{secrets.token_hex(8)}"))
        signer = read_key(folder / KEY)
    if signer is None:
        raise StorageError(f"The key {folder / KEY} cannot be made.", hint="Check that the data folder can be written.")
    return NodeKeys(folder, signer, _owner(folder / OWNER, kid_of(signer.key.public)),
                    _follows(folder / FOLLOWS, kid_of(signer.key.public)), _sealing(folder / SEAL),
                    _number(folder / NUMBER))  # fmt: skip


def _text(path: Path) -> str | None:
    with at(f"The file {path}"):
        try:
            return path.read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise _wrong(path) from None


def _sealing(path: Path) -> list[_Kept]:
    if (text := _text(path)) is None:
        return []
    try:
        kept = msgspec.json.decode(text, type=list[_Kept])
        if any(len(bytes.fromhex(one.private)) != 32 or not 0 <= one.id <= 255 for one in kept):
            raise _wrong(path)
    except (msgspec.MsgspecError, ValueError):
        raise _wrong(path) from None
    return kept


def _number(path: Path) -> int:
    text = _text(path)
    if text is not None and not (text.isascii() and text.isdigit()):
        raise _wrong(path)
    return int(text or 0)


def _owner(path: Path, node: str) -> str | None:
    if (text := _text(path)) is None:
        return None
    try:
        found = bond.read(text.encode())
    except BondError as error:
        raise StorageError(f"{path} is no owner's word: {error}", hint=_again(node)) from None
    if (found.kind, found.node) != ("owner", node):
        raise StorageError(f"{path} is about another node.", hint=_again(node))
    return text


def read_owner(text: str, node: str) -> Bond:
    """An owner's word for a node, as `triptych keys owner sign` prints it. Raises SettingsError."""
    try:
        found = bond.read(text.strip().encode())
    except BondError as error:
        raise SettingsError(f"That is no owner's word: {error}", hint=_again(node), param="owner") from None
    if (found.kind, found.node) != ("owner", node):
        raise SettingsError(
            f"The owner's word is about {found.node}, and this node is {node}.", hint=_again(node), param="owner"
        )
    return found


def _again(node: str) -> str:
    """How an owner's word is had."""
    return f"Where the owner's key is: `triptych keys owner sign {node} > FILE`. Here: `triptych node --owner FILE`."


def _follows(path: Path, node: str) -> str | None:
    """The hand-over to this key; one that is to another has been overtaken by a stop in the middle."""
    if (text := _text(path)) is None:
        return None
    try:
        found = statement.read(text.encode())
    except StatementError:
        raise _wrong(path) from None
    return text if successor(found) == node else None


def _wrong(path: Path) -> StorageError:
    return StorageError(f"{path} cannot be read.", hint="Restore it from a backup, or take it away: it is made anew.")
