"""A whole log, read once for what the check of one receipt needs of it, so that a long log takes little memory. Every entry
is under the checkpoint that was checked before."""

import hashlib
from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import msgspec

from triptych.network import receipt, statement
from triptych.network.jws import JwsError, SignedLine, read_line
from triptych.network.receipt import Receipt
from triptych.network.statement import Statement, StatementError
from triptych.tlog.client import Tree
from triptych.tlog.policy import Trusted

MERGE_DELAY_MS = 60_000
_MOST = 2**53 - 1  # what every JSON reader takes as a whole number


@dataclass(slots=True)
class Numbers:
    """What the receipts that one key has signed say of themselves, in the order of the log: their numbers, their places,
    and when they were signed. What only bears the name of the key is not among them."""

    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    places: "array[int]" = field(default_factory=lambda: array("q"))
    issued_ms: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, seq: int, place: int, issued_ms: int) -> None:
        for row, value in ((self.seqs, seq), (self.places, place), (self.issued_ms, issued_ms)):
            row.append(value)


class Outcomes:
    """The payloads of a log by the names of the keys that signed them, cut down to what tells of events at endpoints."""

    def __init__(self) -> None:
        self._kept: dict[str, list[bytes]] = {}

    def add(self, kid: str, payload: Mapping[str, Any]) -> None:
        if payload.get("kind") == "health":
            self._keep(kid, payload)
            return
        told = {name: found for name in ("attempts", "earlier") if (found := _eventful(payload.get(name)))}
        if told:
            self._keep(kid, {"id": payload.get("id"), **told})

    def _keep(self, kid: str, payload: Mapping[str, Any]) -> None:
        self._kept.setdefault(kid, []).append(msgspec.json.encode(payload))

    def of(self, kids: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """What these keys have signed, key by key, each in the order of the log; read anew each time."""
        return (msgspec.json.decode(one) for kid in self._kept if kid in kids for one in self._kept[kid])


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
    place, and `ahead` the latest that is not believed, because the reader's clock or a cosignature is earlier; `statements`
    are all but those of health; `read_ms` is when the checkpoint was fetched by the reader's own clock, None for files that
    may be older; `trusted` says whether a trust policy named it. Of entries without a signature that holds, nothing is
    here."""

    trusted_as: Trusted
    place: int | None
    numbers: Numbers
    newest: tuple[int, int] | None
    ahead: tuple[int, int] | None
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
    """Entries one after the other. What says that it was signed after `until_ms` was signed by a clock that is wrong."""

    def __init__(self, wanted: Receipt, until_ms: int) -> None:
        self.kid, self.leaf, self.until_ms = wanted.kid, wanted.leaf, until_ms
        self.place: int | None = None
        self.numbers = Numbers()
        self.seen: set[bytes] = set()
        self.newest: tuple[int, int] | None = None
        self.ahead: tuple[int, int] | None = None
        self.statements: list[tuple[int, Statement]] = []
        self.outcomes = Outcomes()

    def entry(self, index: int, entry: bytes) -> None:
        if self.place is None and entry == self.leaf:
            self.place = index
        found = self._receipt(index, entry) or self._statement(index, entry)
        if found is None:
            return
        issued = found.payload.get("issued_ms")
        if _is_number(issued):
            self._signed(issued, index)
        self.outcomes.add(found.kid, found.payload)

    def _receipt(self, index: int, entry: bytes) -> SignedLine | None:
        try:
            # Of any format: a later one is numbered, too.
            found = read_line(entry, receipt.TYPE, "receipt")
        except JwsError:
            return None
        seq, issued = found.payload.get("seq"), found.payload.get("issued_ms")
        if found.kid == self.kid and _is_number(seq) and _is_number(issued):
            # The same bytes twice are one receipt that was handed in twice, as after a fault of the disk.
            mark = hashlib.blake2b(entry, digest_size=16).digest()
            if mark not in self.seen:
                self.seen.add(mark)
                self.numbers.add(seq, index, issued)
        return found

    def _statement(self, index: int, entry: bytes) -> Statement | None:
        try:
            found = statement.read(entry)
        except StatementError:
            return None
        if found.kind != "health":
            self.statements.append((index, found))
        return found

    def _signed(self, issued_ms: int, index: int) -> None:
        if issued_ms > self.until_ms:
            self.ahead = max(self.ahead or (0, 0), (issued_ms, index))
        elif self.newest is None or issued_ms > self.newest[0]:
            self.newest = issued_ms, index


async def read_history(
    tree: Tree, trusted_as: Trusted, wanted: Receipt, *, now_ms: int, trusted: bool = True, fetched: bool = False
) -> History:
    """Reads every entry of a tree for what it says of one receipt, and checks the signature of each. `now_ms` is the
    reader's clock before the checkpoint was read, `fetched` says that it came from the log itself just then. Raises
    TlogError, and what the tree's files raise."""
    cosigned = (s.time * 1000 + 999 for s in trusted_as.cosigned if s.time)  # of the whole second that it names
    reading = _Reading(wanted, min((now_ms, *cosigned)))
    async for index, entry in tree.entries():
        reading.entry(index, entry)
    return History(
        trusted_as, reading.place, reading.numbers, reading.newest, reading.ahead, tuple(reading.statements),
        reading.outcomes, trusted, now_ms if fetched else None,
    )  # fmt: skip
