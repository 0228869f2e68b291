"""How a node's key ends: it is withdrawn for good, or it hands over to a new one.

Both are written down before anything is said of them, so that a machine that stops at any moment goes on where it was: a withdrawn
key is moved aside with its signed word and the hubs that are still to hear it; a new key comes into its place only with the hand-over that both
have signed.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from triptych.network import bond, statement
from triptych.network.identity import keep_key, read_key
from triptych.network.jose import kid_of
from triptych.network.meeting import Meeting
from triptych.node.keys import FOLDER, FOLLOWS, KEY, NUMBER, OWNER, SEAL, read_owner
from triptych.spec.errors import NotConfiguredError, RejectedError, StorageError, TriptychError
from triptych.store.durable import flush_folder, write_private
from triptych.store.faults import at
from triptych.tlog.note import Signer

ENDED, HUBS, WORD, NEXT = "ended", "hubs.json", "revoke.bond", "node.next"


def remember_hubs(data: Path, hubs: Sequence[str]) -> None:
    """Keeps where a node is registered, so that its key can be withdrawn there. Raises StorageError."""
    folder = data / FOLDER
    with at(f"The file {folder / HUBS}"):
        known = _hubs(folder / HUBS)
        if set(hubs) - set(known):
            write_private(folder / HUBS, msgspec.json.encode(list(dict.fromkeys((*known, *hubs)))), replace=True)


def withdraw(data: Path, now_ms: int) -> str:
    """Ends the key of a data folder: signs the word and moves the key aside. Returns the id that has ended. What the hubs are still to be
    told, `unsaid` has. Raises NotConfiguredError where there is no node, StorageError."""
    folder = data / FOLDER
    signer = _signer(folder)
    node = kid_of(signer.key.public)
    place = folder / ENDED / node
    with at(f"The folder {place}"):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (place / WORD).exists():
            write_private(place / WORD, bond.sign("revoke", node, signer, issued_ms=now_ms).encode(), replace=False)
        if not (place / HUBS).exists():
            write_private(place / HUBS, msgspec.json.encode(_hubs(folder / HUBS)), replace=False)
        _move(folder, place, (SEAL, NUMBER, OWNER, FOLLOWS, KEY))
    return node


def unsaid(data: Path) -> dict[str, tuple[str, ...]]:
    """By signed word, the hubs that have not heard it. Raises StorageError."""
    folder = data / FOLDER / ENDED
    with at(f"The folder {folder}"):
        places = sorted(folder.glob(f"*/{WORD}"))
        return {word.read_text("ascii"): hubs for word in places if (hubs := tuple(_hubs(word.parent / HUBS)))}


async def say(data: Path, meetings: Sequence[Meeting]) -> dict[str, str | None]:
    """Tells those hubs what they have not heard; by hub, why one could not be told. Raises StorageError."""
    said: dict[str, str | None] = {}
    for word, hubs in unsaid(data).items():
        for meeting in (one for one in meetings if one.origin in hubs):
            said[meeting.origin] = fault = await _say(meeting, word)
            if fault is None:
                _heard(data, bond.read(word.encode()).node, meeting.origin)
    return said


async def _say(meeting: Meeting, word: str) -> str | None:
    try:
        await meeting.revoke(word)
    except RejectedError as error:
        return (
            None if error.param == "card.revoked" else error.message
        )  # it never knew this node, so it has nothing to forget
    except TriptychError as error:
        return error.message
    return None


def _heard(data: Path, node: str, hub: str) -> None:
    path = data / FOLDER / ENDED / node / HUBS
    with at(f"The file {path}"):
        write_private(path, msgspec.json.encode([one for one in _hubs(path) if one != hub]), replace=True)


def rotate(data: Path, now_ms: int, word: str | None = None) -> tuple[str, str]:
    """Puts a new signing key in the place of the node's: the ids of the old and of the new one. Its cards carry the hand-over from now on;
    those who have an invite keep it. `word` is the owner's for the new key. May be done again after a stop at any moment.

    Raises NotConfiguredError where there is no node, or one with an owner, who has to sign for the new key first; SettingsError for a word
    that is not for the new key, StorageError.
    """
    folder = data / FOLDER
    old = _signer(folder)
    fresh = read_key(folder / NEXT)
    if fresh is None:
        keep_key(folder / NEXT, Signer.generate(f"triptych-node/{secrets.token_hex(8)}"))
        fresh = read_key(folder / NEXT)
    if fresh is None:
        raise StorageError(
            f"The key {folder / NEXT} cannot be made.", hint="Check that the data folder can be written."
        )
    before, after = kid_of(old.key.public), kid_of(fresh.key.public)
    owned = folder / f"{OWNER}.next"
    if word is not None:
        with at(f"The file {owned}"):
            write_private(owned, read_owner(word, after).text.encode(), replace=True)
    if (folder / OWNER).exists() and not owned.exists():
        raise NotConfiguredError(f"This node has an owner, who has to sign for the new key {after} as well.",
                                 hint=f"Where the owner's key is: `triptych keys owner sign {after} > FILE`. "
                                 "Here: `triptych node --rotate-key --owner FILE`.")  # fmt: skip
    place = folder / ENDED / before
    with at(f"The folder {folder}"):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        over = statement.hand_over(old, fresh, name=secrets.token_hex(8), issued_ms=now_ms)
        _move(
            folder, place, (SEAL, NUMBER, FOLLOWS)
        )  # of the old key: the new one begins with keys to seal to of its own
        if owned.exists():
            owned.replace(folder / OWNER)
        write_private(folder / FOLLOWS, over.encode(), replace=True)
        if not (place / KEY).exists():
            os.link(folder / KEY, place / KEY)
        (folder / NEXT).replace(folder / KEY)
        flush_folder(folder)
    return before, after


def _signer(folder: Path) -> Signer:
    signer = read_key(folder / KEY)
    if signer is None:
        raise NotConfiguredError(
            f"There is no node in {folder}.", hint="Give the --data folder that the node was started with."
        )
    return signer


def _hubs(path: Path) -> list[str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError:
        raise StorageError(f"{path} cannot be read.", hint="Take it away; the node writes it anew.") from None


def _move(folder: Path, place: Path, names: Sequence[str]) -> None:
    """The key last: until then the same may be done again."""
    for name in names:
        if (folder / name).exists():
            (folder / name).replace(place / name)
            flush_folder(place)
    flush_folder(folder)
