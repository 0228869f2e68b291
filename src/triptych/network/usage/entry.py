"""What one entry of the log says of usage. An entry that cannot be read is named, never skipped in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triptych.network import receipt, statement
from triptych.network.jws import peek

DAY_MS = 86_400_000
_LAST_DAY = 2_932_896  # 9999-12-31, counted from 1970-01-01
_MISSING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as its receipt tells it. `day` is counted from 1970-01-01 (UTC), by the moment it was signed; `model`
    is the endpoint that was asked last, as `provider/model`, empty when nobody was. `ms` is how long the call took that
    served it. `spend` is None when nobody knows it."""

    signer: str
    seq: int
    day: int
    model: str
    lane: str
    state: str
    ms: int | None
    attempts: int
    fallback: bool
    spend: int | None
    fee: int


@dataclass(frozen=True, slots=True)
class Pick:
    """One choice among pictures: the models that were preferred, and those they were preferred to."""

    better: tuple[str, ...]
    worse: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """An entry that is counted by its kind and nothing more."""

    kind: str


def read_entry(data: bytes) -> Request | Pick | Other:
    """Reads one entry and checks its signature."""
    found = peek(data)
    kind = None if found is None else found[0].get("typ")
    try:
        if kind == receipt.TYPE:
            return _request(receipt.read(data))
        if kind == statement.TYPE:
            return _statement(statement.read(data))
    except (receipt.ReceiptError, statement.StatementError, _OddError):
        return Other(f"broken {str(kind).removeprefix('triptych-')}")
    return Other("unknown")


class _OddError(Exception):
    """A field that is there and has another shape than the format says."""


def _request(found: receipt.Receipt) -> Request:
    said = found.payload
    served, decision = _object(said, "served"), _object(said, "decision")
    attempts = _objects(said, "attempts")
    model = str(served.get("endpoint") or "")
    done = said["state"] == "done"
    last = next((one for one in reversed(attempts) if one.get("outcome") == "done"), _MISSING)
    firsts = {str(one.get("endpoint")) for one in attempts} | (
        {str(decision["picked"])} if decision.get("picked") else set()
    )
    return Request(
        signer=found.kid,
        seq=_whole(said["seq"]),
        day=_day(said["issued_ms"]),
        model=model,
        lane=str(served.get("lane") or ""),
        state=str(said["state"]),
        ms=_whole(last["ms"]) if done and last.get("ms") is not None else None,
        attempts=_whole(said.get("attempts_in_all", 0)),
        fallback=done and bool(firsts - {model}),
        spend=_spend(said),
        fee=_whole(said["fee_micro_usd"]),
    )


def _spend(said: Mapping[str, Any]) -> int | None:
    """What was charged, in micro-dollars: nothing where nothing was billed, None where that is not known."""
    if said["billed"] == "no":
        return 0
    amount = _object(said, "cost").get("amount_micro_usd")
    return None if amount is None or said["billed"] != "yes" else _whole(amount)


def _statement(found: statement.Statement) -> Pick | Other:
    if found.kind != "pick":
        return Other(f"statement {found.kind}")
    said = found.payload
    shown = [str(one.get("family", "")) for one in _objects(said, "shown")]
    winner, rejected = said.get("winner"), said.get("rejected") or ()
    if not isinstance(rejected, Sequence) or not all(shown):
        raise _OddError
    better = {_whole(winner)} if winner is not None else set(range(len(shown))) - {_whole(at) for at in rejected}
    return Pick(
        tuple(name for at, name in enumerate(shown) if at in better),
        tuple(name for at, name in enumerate(shown) if at not in better),
    )


def _day(ms: Any) -> int:
    day = _whole(ms) // DAY_MS
    if day > _LAST_DAY:
        raise _OddError
    return day


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _OddError
    return value


def _object(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    if value is None:
        return _MISSING
    if not isinstance(value, dict):
        raise _OddError
    return value


def _objects(said: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = said.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _OddError
    return value
