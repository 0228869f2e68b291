"""Endings: signed words after which nothing more is to be believed of a node's key, and the list of them that a hub gives out.

A node's key ends by its own word, by its owner's (`bond`, kind `revoke`), or because it hands over to another, which both have signed
(`statement`, kind `key`). An owner's word needs a card that says who the owner is. So each ending proves itself, whoever hands it on.

A hub numbers what it took, signs how many there are, and for whom it says so when: a list that becomes shorter is noticed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from triptych.network import bond, card, statement
from triptych.network.bond import BondError
from triptych.network.card import CardError
from triptych.network.jws import JwsError, canonical, peek, read_line, sign_line
from triptych.network.statement import StatementError
from triptych.network.strict import Hash, Strict, StrictError, Whole, body_of
from triptych.spec.json import JsonObject
from triptych.tlog.note import Signer, VerifierKey

FORMAT = "triptych-revocations/1"
TYPE = "triptych-revocations"
SKEW_MS = 60_000
PAGE = 200  # endings in one answer of a hub
_Line = Annotated[str, msgspec.Meta(max_length=card.MAX_BYTES)]


class EndedError(Exception):
    """A word that ends nothing, or a list that does not hold. The message says why."""


class Word(Strict, frozen=True):
    """An ending as it is carried: the signed line, and the card that names the owner where it is the owner's."""

    word: Annotated[str, msgspec.Meta(max_length=4096)]
    card: _Line | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """A word that holds. `by` is the name of the key that signed it, `successor` the id that the node goes on as; both words and
    `why` are for people."""

    node: str
    by: str
    said: Word
    successor: str | None = None

    @property
    def leaf(self) -> bytes:
        """The entry of a hub's log."""
        return self.said.word.encode("ascii")

    @property
    def why(self) -> str:
        if self.successor is not None:
            return f"The node goes on as {self.successor}."
        return f"The node was revoked by {'its own key' if self.by == self.node else 'its owner'}."


def read(said: Word, owner: str | None = None) -> Ending:
    """What a word ends. `owner` is the name of the owner's key where it is known. Raises EndedError."""
    try:
        data = said.word.encode("ascii")
        kind = (peek(data) or ({}, {}))[0].get("typ")
        if kind == statement.TYPE:
            over = statement.read(data)
            if (new := card.successor(over)) is None:
                raise EndedError("The statement hands no key over.")
            return Ending(over.kid, over.kid, Word(word=said.word), new)
        word = bond.read(data)
    except (UnicodeEncodeError, StatementError, BondError) as error:
        raise EndedError(f"It ends no node: {error}") from None
    if word.kind != "revoke":
        raise EndedError(f"A bond of the kind {word.kind} ends no node.")
    if word.kid == word.node:
        return Ending(word.node, word.kid, Word(word=said.word))
    named = owner or _owner_by(said.card, word.node)
    if word.kid != named:
        raise EndedError("It is signed neither by the node nor by its owner.")
    return Ending(word.node, word.kid, said)


def _owner_by(text: str | None, node: str) -> str | None:
    """Whom a card of the node names as its owner; how old it is does not matter."""
    if text is None:
        return None
    try:
        found = card.read(text.encode())
    except CardError:
        return None
    return found.owner if found.id == node else None


class _Head(Strict, frozen=True):
    hub: str
    issued_ms: Whole
    since: Whole
    total: Whole
    sha256: Hash


class Page(msgspec.Struct, frozen=True):
    """A part of a hub's list: `head` is signed, `words` are those from number `since` on."""

    head: Annotated[str, msgspec.Meta(max_length=4096)]
    words: Annotated[list[Word], msgspec.Meta(max_length=PAGE)]


def sign_page(hub: str, since: int, total: int, words: Sequence[Word], signer: Signer, now_ms: int) -> Page:
    """A part of the list of a hub, signed with the key of its log."""
    claims: JsonObject = {
        "format": FORMAT,
        "hub": hub,
        "issued_ms": now_ms,
        "since": since,
        "total": total,
        "sha256": _digest(words),
    }
    return Page(sign_line(claims, signer, TYPE), list(words))


def check_page(page: Page, hub: str, since: int, log_key: str, now_ms: int) -> int:
    """How many endings a hub has in all. Raises EndedError for a part that is not signed by it, for another place or time, or changed."""
    try:
        line = read_line(page.head.encode("ascii", "replace"), TYPE, "list")
        head = body_of(line, FORMAT, _Head, "list")
    except (JwsError, StrictError) as error:
        raise EndedError(f"It is no list of revocations: {error}") from None
    if line.public != VerifierKey.parse(log_key).public:
        raise EndedError("The list is not signed with the key of the hub's log.")
    if (head.hub, head.since) != (hub, since) or abs(head.issued_ms - now_ms) > SKEW_MS:
        raise EndedError("The list is another hub's, another part, or of another time.")
    if head.sha256 != _digest(page.words) or since + len(page.words) > head.total:
        raise EndedError("The list is not the one that was signed.")
    return head.total


def _digest(words: Sequence[Word]) -> str:
    return hashlib.sha256(canonical([msgspec.to_builtins(one) for one in words])).hexdigest()
