"""A whole log, read once for what the check of one receipt needs of it, so that a long log takes little memory. Every entry
is under the checkpoint that was checked before."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import msgspec

from triptych.network import receipt, statement
from triptych.network.jws import peek
from triptych.network.receipt import Receipt
from triptych.network.statement import Statement, StatementError
from triptych.tlog.client import Tree
from triptych.tlog.policy import Trusted

MERGE_DELAY_MS = 60_000
_MOST = 2**53 - 1  # what every JSON reader takes as a whole number


@dataclass(slots=True)
class Numbers:
    """What the receipts of one key say of themselves, in the order of the log: their numbers, their places, and when they
    were signed. Only the log vouches for it; the signatures were not checked."""

    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    places: "array[int]" = field(default_factory=lambda: array("q"))
    issued_ms: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, seq: int, place: int, issued_ms: int) -> None:
        for row, value in ((self.seqs, seq), (self.places, place), (self.issued_ms, issued_ms)):
            row.append(value)


class Outcomes:
    """The payloads of a log cut down to what tells of events at endpoints; each time they are walked through they are read
    anew."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def add(self, payload: Mapping[str, Any]) -> None:
        if payload.get("kind") == "health":
            self._kept.append(msgspec.json.encode(payload))
            return
        told = {name: found for name in ("attempts", "earlier") if (found := _eventful(payload.get(name)))}
        if told:
            self._kept.append(msgspec.json.encode({"id": payload.get("id"), **told}))

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (msgspec.json.decode(one) for one in self._kept)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value <= _MOST


def _eventful(attempts: object) -> list[dict[str, Any]]:
    """The attempts that tell of events, without the rest of them."""
    listed = attempts if isinstance(attempts, list) else []
    names = ("endpoint", "outcome", "events")
    return [
        {name: one[name] for name in names if name in one}
        for one in listed
        if isinstance(one, dict) and "events" in one
    ]


@dataclass(frozen=True, slots=True)
class History:
    """The log up to one checkpoint, as far as one receipt goes. `place` is where it has the receipt, None where it does not;
    `numbers` are those of the receipt's key; `newest` is the latest moment that an entry says it was signed at, with its
    place; `statements` are those whose signature holds, but for health; `read_ms` is when the checkpoint was fetched by the
    reader's own clock, None for files that may be older; `trusted` says whether a trust policy named it."""

    trusted_as: Trusted
    place: int | None
    numbers: Numbers
    newest: tuple[int, int] | None
    statements: tuple[tuple[int, Statement], ...]
    outcomes: Outcomes = field(repr=False)
    trusted: bool = True
    read_ms: int | None = None

    @property
    def size(self) -> int:
        return self.trusted_as.checkpoint.size

    @property
    def origin(self) -> str:
        return self.trusted_as.checkpoint.origin

    def of_kind(self, kind: str) -> tuple[tuple[int, Statement], ...]:
        """The statements of one kind with their places, in the order of the log."""
        return tuple(pair for pair in self.statements if pair[1].kind == kind)


class _Reading:
    """Entries one after the other."""

    def __init__(self, wanted: Receipt) -> None:
        self.kid, self.leaf = wanted.kid, wanted.leaf
        self.place: int | None = None
        self.numbers = Numbers()
        self.newest: tuple[int, int] | None = None
        self.statements: list[tuple[int, Statement]] = []
        self.outcomes = Outcomes()

    def entry(self, index: int, entry: bytes) -> None:
        if self.place is None and entry == self.leaf:
            self.place = index
        found = peek(entry)
        if found is None:
            return
        header, payload = found
        if header.get("typ") == receipt.TYPE:
            self._receipt(index, str(header.get("kid")), payload)
        elif header.get("typ") != statement.TYPE or not self._statement(index, entry):
            return
        issued = payload.get("issued_ms")
        if isinstance(issued, int) and (self.newest is None or issued > self.newest[0]):
            self.newest = issued, index
        self.outcomes.add(payload)

    def _receipt(self, index: int, kid: str, payload: Mapping[str, Any]) -> None:
        seq, issued = payload.get("seq"), payload.get("issued_ms")
        if kid == self.kid and _is_number(seq) and _is_number(issued):
            self.numbers.add(seq, index, issued)

    def _statement(self, index: int, entry: bytes) -> bool:
        try:
            found = statement.read(entry)
        except StatementError:
            return False
        if found.kind != "health":
            self.statements.append((index, found))
        return True


async def read_history(
    tree: Tree, trusted_as: Trusted, wanted: Receipt, *, trusted: bool = True, read_ms: int | None = None
) -> History:
    """Reads every entry of a tree for what it says of one receipt. Raises TlogError, and what the tree's files raise."""
    reading = _Reading(wanted)
    async for index, entry in tree.entries():
        reading.entry(index, entry)
    return History(trusted_as, reading.place, reading.numbers, reading.newest, tuple(reading.statements), reading.outcomes,
                   trusted, read_ms)  # fmt: skip
