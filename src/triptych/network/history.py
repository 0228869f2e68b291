"""A whole log, read once for what a check needs of it. Every entry is under the checkpoint that was checked before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from triptych.network import receipt, statement
from triptych.network.jws import peek
from triptych.network.statement import Statement, StatementError
from triptych.tlog.client import Tree
from triptych.tlog.merkle import leaf_hash
from triptych.tlog.policy import Trusted

MERGE_DELAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Told:
    """What one entry says of itself: that `kid` signed it as its `seq`-th receipt (None for a statement) at a time.
    Only the log vouches for it; the signature was not checked."""

    index: int
    kid: str
    seq: int | None
    issued_ms: int


@dataclass(frozen=True, slots=True)
class History:
    """The log up to one checkpoint. `statements` are those whose signature holds; `read_ms` is when its checkpoint was
    fetched by the reader's own clock, None for files that may be older; `trusted` says whether a trust policy named it."""

    trusted_as: Trusted
    told: tuple[Told, ...]
    statements: tuple[tuple[int, Statement], ...]
    hashes: Mapping[bytes, int]
    payloads: Sequence[Mapping[str, Any]] = field(repr=False)
    trusted: bool = True
    read_ms: int | None = None

    @property
    def size(self) -> int:
        return self.trusted_as.checkpoint.size

    @property
    def origin(self) -> str:
        return self.trusted_as.checkpoint.origin

    def find(self, leaf: bytes) -> int | None:
        """The place of an entry; None says that the log does not have it."""
        return self.hashes.get(leaf_hash(leaf))

    def of_kind(self, kind: str) -> tuple[tuple[int, Statement], ...]:
        """The statements of one kind with their places, in the order of the log."""
        return tuple(pair for pair in self.statements if pair[1].kind == kind)


async def read_history(tree: Tree, trusted_as: Trusted, *, trusted: bool = True, read_ms: int | None = None) -> History:
    """Reads every entry of a tree. Raises TlogError, and what the tree's files raise."""
    told: list[Told] = []
    statements: list[tuple[int, Statement]] = []
    hashes: dict[bytes, int] = {}
    payloads: list[Mapping[str, Any]] = []
    async for index, entry in tree.entries():
        hashes.setdefault(leaf_hash(entry), index)
        found = peek(entry)
        if found is None:
            continue
        header, payload = found
        kind, issued, seq = header.get("typ"), payload.get("issued_ms"), payload.get("seq")
        if kind == statement.TYPE:
            try:
                statements.append((index, statement.read(entry)))
            except StatementError:
                continue
            seq = None
        elif kind != receipt.TYPE:
            continue
        if isinstance(issued, int):
            told.append(Told(index, str(header.get("kid")), seq if isinstance(seq, int) else None, issued))
        payloads.append(payload)
    return History(trusted_as, tuple(told), tuple(statements), hashes, payloads, trusted, read_ms)
