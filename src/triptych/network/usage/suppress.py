"""No small group stands alone, and none can be computed from the others.

Requests are put into *atoms*: sets of at least `least` requests that share no request and are never taken apart. Every
number that is published is a sum over whole atoms. Whatever is added to and subtracted from such numbers is again a sum
over whole atoms; so nothing can be learned of fewer than `least` requests, in whatever tables they are.

Atoms are cut along one tree: month, then model, then day. What is too small at a level is put together there; and if that
is still too small, with the smallest of those that were large enough.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from triptych.network.usage.tally import Cell, Key, merged

T = TypeVar("T", bound=Hashable)
OTHER = "other"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Atom:
    """At least `least` requests. `day` is empty where they are of several days of the month; month, model and lane are
    `other` where several were put together."""

    month: str
    model: str
    lane: str
    day: str
    cell: Cell


def day_name(day: int) -> str:
    """A day since 1970 as an ISO date."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def too_small(sizes: Mapping[T, int], least: int) -> frozenset[T]:
    """Those that must not stand alone: each below `least`, and, so that these together are not below it, as many of the
    smallest others as it takes. Order of size, then of name."""
    ordered = sorted(sizes, key=lambda name: (sizes[name], str(name)))
    count, held = 0, 0
    while count < len(ordered) and (sizes[ordered[count]] < least or 0 < held < least):
        held += sizes[ordered[count]]
        count += 1
    return frozenset(ordered[:count])


def atoms(cells: Mapping[Key, Cell], least: int) -> list[Atom]:
    """The atoms of all requests; none when there are fewer than `least`."""
    if sum(cell.requests for cell in cells.values()) < least:
        return []
    kept, rest = _split(cells, lambda key: day_name(key[0])[:7], least)
    found = [Atom(OTHER, OTHER, OTHER, "", rest)] if rest.requests else []
    for month in sorted(kept):
        found += _of_month(month, kept[month], least)
    return found


def _of_month(month: str, cells: Mapping[Key, Cell], least: int) -> list[Atom]:
    kept, rest = _split(cells, lambda key: key[1:], least)
    found = [Atom(month, OTHER, OTHER, "", rest)] if rest.requests else []
    for model, lane in sorted(kept):
        days, several = _split(kept[model, lane], lambda key: key[0], least)
        found += [Atom(month, model, lane, "", several)] if several.requests else []
        found += [Atom(month, model, lane, day_name(day), merged(days[day].values())) for day in sorted(days)]
    return found


def _split(cells: Mapping[Key, Cell], name: Callable[[Key], T], least: int) -> tuple[dict[T, dict[Key, Cell]], Cell]:
    """The groups that are large enough, and all others in one."""
    groups: dict[T, dict[Key, Cell]] = {}
    for key in sorted(cells):
        groups.setdefault(name(key), {})[key] = cells[key]
    small = too_small({which: sum(c.requests for c in group.values()) for which, group in groups.items()}, least)
    rest = merged(cell for which in sorted(small, key=str) for cell in groups.pop(which).values())
    return groups, rest
