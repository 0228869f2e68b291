"""Snapshots as canonical JSON with a hash, and back.

Fields that say nothing (unknown, or as an endpoint is by default) are left out; so an endpoint that a request cannot
reach takes three fields.
"""

from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Any

import msgspec

from triptych.router.canonical import canonical, digest
from triptych.spec.errors import BadRequestError
from triptych.spec.image import Operation
from triptych.spec.routing import EndpointState, Snapshot

FORMAT = "triptych-snapshot/1"
_SEEN = ("operation", "share", "epoch", "events")  # what the latencies are of, and up to which event
_DEFAULTS = {item.name: item.default for item in fields(EndpointState)}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A snapshot's canonical bytes and their SHA-256, which is its name."""

    id: str
    body: bytes


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    taken_ms: int
    endpoints: tuple[EndpointState, ...]
    operation: Operation | None = None
    share: str = ""
    epoch: str = ""
    events: int = 0


_decoder = msgspec.json.Decoder(_Body)


def seal(snapshot: Snapshot) -> Sealed:
    """Writes a snapshot, its endpoints by name, so that their order makes no other snapshot."""
    states = sorted(snapshot.endpoints, key=lambda state: state.endpoint)
    seen = {name: getattr(snapshot, name) for name in _SEEN} if snapshot.epoch else {}
    plain = {"format": FORMAT, "taken_ms": snapshot.taken_ms, "endpoints": [_written(s) for s in states], **seen}
    body = canonical(plain)
    return Sealed(digest(body), body)


def unseal(body: bytes) -> Snapshot:
    """The snapshot that `seal` wrote. Raises BadRequestError for anything else."""
    try:
        read = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise BadRequestError(f"This is not a snapshot: {error}.", param="snapshot") from None
    if read.format != FORMAT:
        raise BadRequestError(f"The format of this snapshot is {read.format!r}; known is {FORMAT}.", param="snapshot")
    seen = {name: getattr(read, name) for name in _SEEN}
    return Snapshot(taken_ms=read.taken_ms, endpoints=read.endpoints, **seen)


@lru_cache(maxsize=512)
def _written(state: EndpointState) -> msgspec.Raw:
    """One endpoint's canonical bytes. Most endpoints of a snapshot are as they were in the one before."""
    return msgspec.Raw(canonical(_plain(state)))


def _plain(state: EndpointState) -> dict[str, Any]:
    plain = {}
    for name, default in _DEFAULTS.items():
        value = getattr(state, name)
        if default is MISSING or value != default:
            plain[name] = value
    return plain
