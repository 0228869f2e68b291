"""Drift watch: prompts made again and again by the same models, and how far what comes out has moved."""

from dataclasses import dataclass
from typing import Literal

Schedule = Literal["off", "daily", "weekly"]
"""How often a watch is checked by itself, while the program runs."""
CheckState = Literal["running", "done", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRecord:
    """A saved set of prompts. Every text goes to every model, `samples` times with the same request: with `settings`
    (parameters, as they are typed) and, to a model that takes one, with `seed`.

    `agreed_micro_usd` is the price of a check that was shown when the schedule was switched on, `cap_micro_usd` the most
    that 30 days of checks may cost. `good` is the check that others are compared with. `note` says why the last check
    that was due did not begin.
    """

    id: str
    name: str
    created_ms: int
    texts: tuple[str, ...]
    models: tuple[str, ...]
    settings: str = ""
    seed: int = 1
    samples: int = 4
    schedule: Schedule = "off"
    agreed_micro_usd: int | None = None
    cap_micro_usd: int | None = None
    next_ms: int | None = None
    good: str | None = None
    note: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture of a check. `shape` is its difference hash, `look` its 8 by 8 mean colours in OKLab, both in hex."""

    tile_id: str
    picture_id: str
    shape: str
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCell:
    """What one model made of one text (by its place). `served` is what the provider says it ran, `missing` how many of
    the samples did not come."""

    text: int
    model: str
    samples: tuple[Sample, ...]
    served: str | None = None
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """One check of a watch: a run, and what was measured of it once it was over."""

    id: str
    watch_id: str
    created_ms: int
    run_id: str
    state: CheckState = "running"
    cells: tuple[CheckCell, ...] = ()
