"""What is brought to check a receipt with, and what comes of it, line by line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from triptych.network.history import History
from triptych.network.jws import SignedLine
from triptych.spec.image import ImageRequest
from triptych.spec.model import ModelCard
from triptych.tlog.policy import TrustPolicy

Verdict = Literal["proved", "not checked", "FALSE"]
Redecide = Callable[[Mapping[str, Any], bytes, bytes], Sequence[str]]
"""Decides again from the receipt's decision, the policy and the snapshot; returns in words what is not as stated."""
Rederive = Callable[[bytes, Iterable[Mapping[str, Any]]], tuple[Verdict, str]]
"""Counts the numbers of a snapshot again from what the log's payloads tell of events; returns what came of it, and in words why."""

RequestFor = Callable[[ModelCard], ImageRequest | None]
"""The request without its words, as one card prices it; None where what it costs there cannot be known."""
Reclaim = Callable[[Mapping[str, Any], bytes, bytes, RequestFor], tuple[Verdict, str]]
"""Compares the snapshot of a receipt's decision with the catalogue; returns what came of it, and in words why."""

ReadCredentials = Callable[[bytes], Mapping[str, Any] | str]
"""Reads the content credentials of a file (see `triptych.imaging.credentials.read`); in words why, where it cannot."""


class Opening(msgspec.Struct):
    """What opens the commitment to a request: the salt in hex, and the request as the JSON text that was kept."""

    salt: str
    request: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was brought to check a receipt with. `images` are bytes by the name of their file; `keys` are the
    public keys that are trusted; `trust` is a trust policy for the log; `policy`, `snapshot` and `catalogue` are the
    routing policy and the snapshot that the decision names, and the catalogue that the policy names; `opening` is what
    the receipt's owner has to open its commitments; `nonces` are
    what its owner gave for the draw, and what is mixed from it for each tile; `credentials` reads those of the images; `history` is what the whole log says, and
    `log_fault` why a log that was brought could not be believed."""

    receipt: bytes
    images: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    keys: tuple[bytes, ...] = ()
    proof: bytes | None = None
    trust: TrustPolicy | None = None
    policy: bytes | None = None
    snapshot: bytes | None = None
    catalogue: bytes | None = None
    opening: bytes | None = None
    history: History | None = None
    log_fault: str | None = None
    redecide: Redecide | None = None
    rederive: Rederive | None = None
    reclaim: Reclaim | None = None
    nonces: tuple[str, ...] = ()
    credentials: ReadCredentials | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `receipt` is None when the text is no receipt at all; `unprovable` is what none of its kind can prove."""

    lines: tuple[Line, ...]
    receipt: SignedLine | None
    unprovable: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is false."""
        return all(line.verdict != "FALSE" for line in self.lines)
