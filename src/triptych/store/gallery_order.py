"""The orders of the gallery: by what its pictures are walked through, and from where on."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, asc, desc, func, literal, literal_column, null, select, tuple_

from triptych.spec.gallery import GallerySearch, Order, Place
from triptych.store import tables

_table = tables.gallery
# Written as the index has it, without a bound value.
_COST: ColumnElement[int] = literal_column("coalesce(gallery.cost_micro_usd, -1)")
_VALUES: dict[Order, ColumnElement[int]] = {"stars": _table.c.stars, "cost": _COST}
# With the plus SQLite sorts what it found, and does not walk an index to find it (sqlite.org/optoverview.html, section 8).
_SORTED: dict[Order, ColumnElement[int]] = {
    "stars": literal_column("+gallery.stars"), "cost": literal_column("+coalesce(gallery.cost_micro_usd, -1)"),
}  # fmt: skip


def by_value(search: GallerySearch) -> bool:
    """Whether the order is by something else than time."""
    return search.order in _VALUES


def value_of(search: GallerySearch) -> ColumnElement[Any]:
    """What the order goes by; NULL for time."""
    return _VALUES.get(search.order, null())


def onwards(search: GallerySearch, start: Place | None) -> Iterator[ColumnElement[bool]]:
    """What holds for the picture that a list begins with, and for all that follow it."""
    if start is None:
        return
    if by_value(search):
        yield tuple_(value_of(search), _table.c.seq) <= tuple_(literal(start.value), literal(start.seq))
        yield _table.c.seq <= start.top
    else:
        yield _table.c.seq >= start.seq if search.order == "oldest" else _table.c.seq <= start.seq


def in_order(query: Select[Any], search: GallerySearch, seq: ColumnElement[int], *, sort: bool = False) -> Select[Any]:
    """The query in its order; with `sort` what it finds is few."""
    if by_value(search):
        values = _SORTED if sort else _VALUES
        return query.order_by(desc(values[search.order]), desc(seq))
    return query.order_by(asc(seq) if search.order == "oldest" else desc(seq))


def newest() -> Select[Any]:
    """The place of the newest picture that there is."""
    return select(func.max(_table.c.seq))
