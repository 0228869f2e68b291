"""The law of small groups: nothing that is published, nor anything computed from it, tells of fewer than `least` requests."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from triptych.network.usage.report import Source, report
from triptych.network.usage.suppress import OTHER, atoms, day_name, too_small
from triptych.network.usage.tally import Cell, Key, Tally
from triptych.network.usage.weights import table

DAYS = (20_758, 20_759, 20_760, 20_788, 20_789)  # three of one month, two of the next
MODELS = (("one/a", "commercial"), ("one/b", "commercial"), ("two/c", "community"))
KEYS: tuple[Key, ...] = tuple((day, *model) for day, model in product(DAYS, MODELS))
LEAST = 5
COUNTS = st.lists(st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6, 9, 14]), min_size=len(KEYS), max_size=len(KEYS))


def tally(counts: list[int]) -> Tally:
    made = Tally()
    for key, count in zip(KEYS, counts, strict=True):
        if count:
            made.cells[key] = Cell(requests=count, spend=count * 7, fee=0)
    return made


def published(made: Tally) -> list[tuple[NDArray[np.int64], int]]:
    """What somebody can know: for each row, which cells it is about (by its labels, and for `other` by what is shown
    beside it), and its number."""
    rows = report(made, Source(origin="o", entries=0, root=""), table(), LEAST).rows
    shown = {(r.period, r.by, r.name) for r in rows}
    months = {day_name(key[0])[:7] for key in KEYS}
    return [(covered(r.period, r.by, r.name, shown, months), r.requests) for r in rows]


def covered(period: str, by: str, name: str, shown: set[tuple[str, str, str]], months: set[str]) -> NDArray[np.int64]:
    found = []
    for day, model, lane in KEYS:
        month = day_name(day)[:7]
        home = month if (month, "all", "all") in shown else OTHER
        known = (month, "model", model) in shown
        of = {"all": "all", "model": model, "provider": model.partition("/")[0], "lane": lane, "weights": "unknown"}
        label = of[by] if by == "all" or known else OTHER
        # A day's row is about the models that show that day, and about no other.
        at_day = (day_name(day), "model", model) in shown
        within = period in {"all", home} or (period == day_name(day) and at_day)
        found.append(within and label == name)
    return np.array(found, dtype=np.int64)


@settings(max_examples=300, deadline=None)
@given(COUNTS)
def test_no_small_group_is_shown_or_can_be_computed(counts: list[int]) -> None:
    made = tally(counts)
    known = published(made)
    truth = np.array(counts)
    for cells, number in known:
        assert number >= LEAST
        assert cells @ truth == number, "the reading of the labels is the right one"
    matrix = np.array([cells for cells, _ in known], dtype=np.int64).reshape(len(known), len(KEYS))
    # Cells that are empty are as good as known to whoever guesses: they may not help either.
    matrix = matrix[:, truth > 0]
    rank = np.linalg.matrix_rank(matrix) if matrix.size else 0
    for group in groups():
        size = int(group @ truth)
        if 0 < size < LEAST:
            more = np.vstack([matrix, group[truth > 0]])
            assert np.linalg.matrix_rank(more) > rank, "a small group is a sum of what is published"


def groups() -> list[NDArray[np.int64]]:
    """Every group that a table could have a line for."""
    names: list[Mapping[str, Any]] = [
        {"day": day_name(day), "month": day_name(day)[:7], "model": model, "provider": model[:3], "lane": lane}
        for day, model, lane in KEYS
    ]
    wanted = [("day", "model"), ("month", "model"), ("model",), ("day",), ("month",), ("lane",), ("provider",),
              ("day", "lane"), ("month", "lane"), ("day", "provider"), ("month", "provider")]  # fmt: skip
    made = []
    for by in wanted:
        for values in {tuple(one[name] for name in by) for one in names}:
            made.append(np.array([tuple(one[name] for name in by) == values for one in names], dtype=np.int64))
    return made


@given(COUNTS, st.integers(1, 20))
def test_atoms_are_large_enough_and_lose_nobody(counts: list[int], least: int) -> None:
    cells = tally(counts).cells
    found = atoms(cells, least)
    whole = sum(counts)
    assert all(atom.cell.requests >= least for atom in found)
    assert sum(atom.cell.requests for atom in found) == (whole if whole >= least else 0)
    assert sum(atom.cell.spend for atom in found) == (7 * whole if whole >= least else 0)


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 30)), st.integers(1, 20))
def test_what_is_put_together_is_large_enough_and_no_more_than_needed(sizes: dict[str, int], least: int) -> None:
    put = too_small(sizes, least)
    assert {name for name, size in sizes.items() if size < least} <= put
    together = sum(sizes[name] for name in put)
    assert not put or together >= least or put == set(sizes)
    large = [name for name in put if sizes[name] >= least]
    assert len(large) <= 1


def test_the_test_would_see_a_leak() -> None:
    """A total beside all cells but one: that one is a sum of what is published."""
    matrix = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0]])
    assert np.linalg.matrix_rank(np.vstack([matrix, [0, 0, 1]])) == np.linalg.matrix_rank(matrix)
