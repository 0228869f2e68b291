"""The tables of usage, from a tally. Whole numbers in an order that depends on nothing but the log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

import msgspec

from triptych.network.usage.suppress import OTHER, Atom, atoms, too_small
from triptych.network.usage.tally import Cell, Key, Tally, merged
from triptych.network.usage.weights import Table

FORMAT = "triptych-usage/1"
LEAST = 10
"""Requests below which no group stands alone."""
NOBODY = "none"
"""The model of requests that ended before anybody was asked."""
_Z2 = 38_416  # 1.96 squared, in ten-thousandths: 95 %
_BP = 10_000


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the tables. `part` is models, painters or preferences; `period` is all, a month, a day, or other;
    `by` says what `name` names. Shares and rates are basis points (hundredths of a percent), money is micro-dollars,
    times are milliseconds. What does not apply, or would rest on nothing, is None."""

    part: str
    period: str
    by: str
    name: str
    weights: str | None = None
    requests: int
    share_bp: int | None = None
    done: int | None = None
    blocked: int | None = None
    failed: int | None = None
    lost: int | None = None
    cancelled: int | None = None
    done_bp: int | None = None
    blocked_bp: int | None = None
    failed_bp: int | None = None
    attempts: int | None = None
    fallbacks: int | None = None
    spend_micro_usd: int | None = None
    spend_share_bp: int | None = None
    spend_unknown: int | None = None
    fee_micro_usd: int | None = None
    p50_ms: int | None = None
    p95_ms: int | None = None
    comparisons: int | None = None
    wins: int | None = None
    win_bp: int | None = None
    low_bp: int | None = None
    high_bp: int | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The log that was read: its name, the entries of its checkpoint that were counted, and the root over them."""

    origin: str
    entries: int
    root: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `requests` of models and painters are whole, also where too few to say more; `others` are the entries
    that are no counted request, by kind; `missing` are numbers that receipts skip, by signer."""

    format: str = FORMAT
    log: Source
    least: int
    models: int
    painters: int
    picks: int
    others: dict[str, int]
    signers: list[str]
    missing: dict[str, int]
    weights_as_of: str
    weights_sha256: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _View:
    """One way to name the requests of an atom."""

    by: str
    name: Callable[[Atom], str]


def report(tally: Tally, source: Source, table: Table, least: int = LEAST) -> Report:
    """The tables of what was counted."""
    models: dict[Key, Cell] = {}
    painters: dict[Key, Cell] = {}
    for (day, model, lane), cell in tally.cells.items():
        kind = painters if table.of(model) == "painter" else models
        kind[day, model or NOBODY, lane or NOBODY] = cell
    rows = (
        *_part("models", atoms(models, least), table),
        *_part("painters", atoms(painters, least), table),
        *preferences(tally, table, least),
    )
    missing = {name: numbers.missing for name, numbers in sorted(tally.signers.items())}
    return Report(
        log=source, least=least, models=_count(models), painters=_count(painters), picks=tally.picks,
        others=dict(sorted(tally.others.items())), signers=sorted(tally.signers),
        missing={name: count for name, count in missing.items() if count},
        weights_as_of=table.as_of, weights_sha256=table.sha256, rows=rows,
    )  # fmt: skip


def _count(cells: Mapping[Key, Cell]) -> int:
    return sum(cell.requests for cell in cells.values())


def _part(part: str, found: list[Atom], table: Table) -> list[Row]:
    views = (
        _View("all", lambda _: "all"),
        _View("weights", lambda atom: OTHER if atom.model == OTHER else table.of(atom.model)),
        _View("lane", lambda atom: atom.lane),
        _View("provider", lambda atom: atom.model.partition("/")[0]),
        _View("model", lambda atom: atom.model),
    )
    rows: list[Row] = []
    for period, chosen in _periods(found):
        for view in views if part == "models" else (views[0], views[-1]):
            rows += _rows(part, period, view, chosen, table)
    return rows


def _periods(found: list[Atom]) -> Iterable[tuple[str, list[Atom]]]:
    """All time, then each month, then each day, in order."""
    if found:
        yield "all", found
    for name in sorted({atom.month for atom in found}):
        yield name, [atom for atom in found if atom.month == name]
    for name in sorted({atom.day for atom in found if atom.day}):
        yield name, [atom for atom in found if atom.day == name]


def _rows(part: str, period: str, view: _View, found: list[Atom], table: Table) -> list[Row]:
    groups: dict[str, list[Cell]] = {}
    for atom in found:
        groups.setdefault(view.name(atom), []).append(atom.cell)
    cells = {name: merged(parts) for name, parts in groups.items()}
    requests, spend = sum(c.requests for c in cells.values()), sum(c.spend for c in cells.values())
    order = sorted(cells, key=lambda name: (name == OTHER, -cells[name].requests, name))
    return [
        _row(
            cells[name], requests, spend, part=part, period=period, by=view.by, name=name,
            weights=table.of(name) if view.by == "model" and name != OTHER else None,
        )
        for name in order
    ]  # fmt: skip


def _row(
    cell: Cell, requests: int, spend: int, *, part: str, period: str, by: str, name: str, weights: str | None
) -> Row:
    times = cell.in_order()
    ends, failed = cell.ends, cell.ends["failed"] + cell.ends["lost"]
    return Row(
        part=part, period=period, by=by, name=name, weights=weights,
        requests=cell.requests, share_bp=share(cell.requests, requests),
        done=ends["done"], blocked=ends["blocked"], failed=ends["failed"], lost=ends["lost"],
        cancelled=ends["cancelled"],
        done_bp=share(ends["done"], cell.requests), blocked_bp=share(ends["blocked"], cell.requests),
        failed_bp=share(failed, cell.requests),
        attempts=cell.attempts, fallbacks=cell.fallbacks,
        spend_micro_usd=cell.spend, spend_share_bp=share(cell.spend, spend), spend_unknown=cell.spend_unknown,
        fee_micro_usd=cell.fee, p50_ms=percentile(times, 50), p95_ms=percentile(times, 95),
    )  # fmt: skip


def preferences(tally: Tally, table: Table, least: int) -> list[Row]:
    """How often a model's picture was preferred to another model's, with the 95 % interval of Wilson (1927)."""
    small = too_small(dict(tally.shown), least)
    groups: dict[str, list[str]] = {}
    for name in sorted(tally.shown):
        groups.setdefault(OTHER if name in small else name, []).append(name)
    rows: list[Row] = []
    for name, names in groups.items():
        picks, pairs, wins = (sum(count[one] for one in names) for count in (tally.shown, tally.pairs, tally.wins))
        if picks < least:
            continue
        low, high = wilson(wins, pairs) if pairs else (None, None)
        rows.append(Row(
            part="preferences", period="all", by="model", name=name, weights=None if name == OTHER else table.of(name),
            requests=picks, comparisons=pairs, wins=wins, win_bp=share(wins, pairs), low_bp=low, high_bp=high,
        ))  # fmt: skip
    return sorted(rows, key=lambda row: (row.name == OTHER, -(row.win_bp or 0), row.name))


def share(part: int, whole: int) -> int | None:
    """Basis points, rounded half up; None of nothing."""
    return (2 * _BP * part + whole) // (2 * whole) if whole else None


def percentile(ordered: Sequence[int], per_cent: int) -> int | None:
    """By nearest rank: the smallest value that at least `per_cent` of all do not exceed."""
    return ordered[(per_cent * len(ordered) + 99) // 100 - 1] if ordered else None


def wilson(wins: int, of: int) -> tuple[int, int]:
    """The interval of a rate at 95 %, in basis points, rounded outwards. Everything is multiplied by 2 * 10,000."""
    whole = 2 * (_BP * of + _Z2)
    middle = 2 * _BP * wins + _Z2
    half = isqrt((_Z2 * _Z2 + 4 * _Z2 * _BP * wins * (of - wins) // of) * _BP * _BP)
    return max(0, (_BP * middle - half) // whole), min(_BP, -((-_BP * middle - half) // whole))
