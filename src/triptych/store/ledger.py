"""Money: reservations, charges, and what they add up to.

A charge counts for the run, the day, the key and the project of its reservation, so that a picture that is reserved before midnight
and settled after it never passes the cap of a day that was not asked.

The router's own fee is reserved and settled with its call, in one transaction, and in entries of its own: what a
provider charged and what the router took never mix.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, func, literal, literal_column, or_, select

from triptych.spec.errors import BadRequestError, StorageError
from triptych.spec.records import LedgerEntry
from triptych.store import tables
from triptych.store.base import Cap, Charged, Spend
from triptych.store.prepared import Prepared
from triptych.store.statements import insert_into

CAPS: tuple[Cap, ...] = get_args(Cap)
_NAME_FIELDS = {"run": "run_id", "key": "api_key"}
_CHUNK = 500  # names in one IN (…)
_NOTHING = Spend(amount_micro_usd=0, unknown=0)
_ledger, _balances = tables.ledger, tables.balances
_FIELDS = [column for column in _ledger.c if column.name != "seq"]

# Statements are made once: making one takes longer than running it.
_INSERT = Prepared(_ledger.insert().values({column.name: bindparam(column.name) for column in _FIELDS}))
_OF_RESERVATION = Prepared(select(*_FIELDS).where(_ledger.c.reservation == bindparam("reservation")))
_UNDER = Prepared(
    select(_balances.c.scope, _balances.c.amount_micro_usd, _balances.c.unknown).where(
        or_(
            *(
                and_(_balances.c.scope == literal_column(f"'{scope}'"), _balances.c.name == bindparam(scope))
                for scope in ("all", *CAPS)
            )
        )
    )
)

_LAST_FEE = Prepared(select(func.max(_ledger.c.fee_of)).where(_ledger.c.fee_of.is_not(None)))


def _moving(dialect: str) -> Any:
    insert = insert_into(_balances, dialect).values({column.name: bindparam(column.name) for column in _balances.c})
    return insert.on_conflict_do_update(
        index_elements=["scope", "name"],
        set_={
            "amount_micro_usd": _balances.c.amount_micro_usd + insert.excluded.amount_micro_usd,
            "unknown": _balances.c.unknown + insert.excluded.unknown,
        },
    )


_MOVE = {dialect: Prepared(_moving(dialect)) for dialect in ("sqlite", "postgresql")}


def entry_of(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _entry(row: Sequence[Any]) -> LedgerEntry:
    values = dict(zip((column.name for column in _FIELDS), row, strict=True))
    return LedgerEntry(**values | {"known": bool(values["known"])})


def check_entry(entry: LedgerEntry, caps: Mapping[str, int], *, reserve: bool) -> None:
    """Raises BadRequestError for what would make the books wrong."""
    if (entry.kind == "reserve") is not reserve:
        wanted = "reserve" if reserve else "settle or release"
        raise BadRequestError(f"A ledger entry of kind {entry.kind!r} does not fit here: use {wanted}.", param="kind")
    if entry.amount_micro_usd < 0:
        raise BadRequestError("An amount of money is never negative.", param="amount_micro_usd")
    if entry.kind == "release" and entry.amount_micro_usd:
        raise BadRequestError("A release charges nothing: its amount is zero.", param="amount_micro_usd")
    if unknown := sorted(set(caps) - set(CAPS)):
        raise BadRequestError(f"There is no cap named {unknown[0]!r}: use {', '.join(CAPS)}.", param="caps")


def _scopes(entry: LedgerEntry) -> dict[str, str]:
    named = {"run": entry.run_id, "day": entry.day, "key": entry.api_key, "project": entry.project}
    return {"all": ""} | {scope: name for scope, name in named.items() if name is not None}


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {column.name: getattr(entry, column.name) for column in _FIELDS}


def _under(connection: Connection, scopes: Mapping[str, str]) -> dict[str, Spend]:
    """What was spent under each scope that has seen money."""
    names = {scope: scopes.get(scope) for scope in ("all", *CAPS)}
    return {
        scope: Spend(amount_micro_usd=amount, unknown=unknown)
        for scope, amount, unknown in _UNDER.rows(connection, names)
    }


def _move(connection: Connection, entry: LedgerEntry, amount: int, unknown: int) -> None:
    rows = [
        {"scope": scope, "name": name, "amount_micro_usd": amount, "unknown": unknown}
        for scope, name in _scopes(entry).items()
    ]
    _MOVE[connection.dialect.name].run(connection, rows)


def reserve(
    connection: Connection, entry: LedgerEntry, caps: Mapping[str, int], fee: LedgerEntry | None = None
) -> Spend | None:
    """See RecordStore.reserve. The caller holds the lock."""
    if _OF_RESERVATION.rows(connection, {"reservation": entry.reservation}):
        raise StorageError(
            f"The reservation {entry.reservation!r} is in the books already.",
            hint="Make a new id for each reservation.",
        )
    scopes = _scopes(entry)
    limits = [(cap, caps[cap]) for cap in CAPS if cap in caps and cap in scopes]
    spent = _under(connection, scopes) if limits else {}
    amount = entry.amount_micro_usd + (fee.amount_micro_usd if fee is not None else 0)
    for cap, limit in limits:
        so_far = spent.get(cap, _NOTHING)
        if so_far.amount_micro_usd + amount > limit:
            return Spend(amount_micro_usd=so_far.amount_micro_usd, unknown=so_far.unknown, cap=cap)
    _INSERT.run(connection, [_row(one) for one in (entry, fee) if one is not None])
    _move(connection, entry, amount, 0)
    return None


def close(connection: Connection, entry: LedgerEntry, fee: LedgerEntry | None = None) -> bool:
    """See RecordStore.close_reservation. The caller holds the lock."""
    closed = _close(connection, entry)
    if closed and fee is not None:
        _close(connection, fee)
    return closed


def _close(connection: Connection, entry: LedgerEntry) -> bool:
    written = [_entry(row) for row in _OF_RESERVATION.rows(connection, {"reservation": entry.reservation})]
    if any(other.kind != "reserve" for other in written):
        return False
    held = next(iter(written), None)
    if held is None and entry.kind == "release":
        return False  # nothing was held
    _INSERT.run(connection, [_row(entry)])
    # A charge that nothing was reserved for is money all the same: it is kept, and counts under its own names.
    change = entry.amount_micro_usd - (held.amount_micro_usd if held else 0)
    untold = entry.kind == "settle" and not entry.known and entry.fee_of is None  # its charge says so already
    _move(connection, held or entry, change, int(untold))
    return True


def spend(
    connection: Connection,
    *,
    run_id: str | None = None,
    day: str | None = None,
    api_key: str | None = None,
    project: str | None = None,
) -> Spend:
    """See RecordStore.spend. One name is looked up; several together are added up from the ledger."""
    given = {"run": run_id, "day": day, "key": api_key, "project": project}
    named = [(scope, name) for scope, name in given.items() if name is not None]
    if len(named) > 1:
        return added_up(connection, run_id=run_id, day=day, api_key=api_key, project=project)
    scope, name = named[0] if named else ("all", "")
    found = _under(connection, {scope: name}).get(scope, _NOTHING)
    guessed = _guessed(connection, scope, name)[name] if found.unknown else 0
    of = None if scope == "all" else scope
    has_any = _LAST_FEE.rows(connection, {})[0][0] is not None  # most servers take none, and are told so at once
    fee = fees(connection, of, name).get(name, 0) if has_any else 0
    return replace(found, guessed_micro_usd=guessed, fee_micro_usd=fee)


def balances(connection: Connection, scope: Cap, limit: int) -> dict[str, Spend]:
    """See RecordStore.balances."""
    order = _balances.c.name.desc() if scope in {"run", "day"} else _balances.c.amount_micro_usd.desc()
    query = select(_balances.c.name, _balances.c.amount_micro_usd, _balances.c.unknown)
    rows = connection.execute(query.where(_balances.c.scope == scope).order_by(order, _balances.c.name).limit(limit))
    found = {name: Spend(amount_micro_usd=amount, unknown=unknown) for name, amount, unknown in rows}
    guessed = _guessed(connection, scope) if any(one.unknown for one in found.values()) else {}
    return {name: replace(one, guessed_micro_usd=guessed.get(name, 0)) for name, one in found.items()}


def _guessed(connection: Connection, scope: str, name: str | None = None) -> dict[str, int]:
    """The part of what was spent under each name of a scope that is an estimate, because nobody could tell the charge."""
    first, closing = _ledger.alias("first"), _ledger.alias("closing")
    field = _NAME_FIELDS.get(scope, scope)
    # A charge that nothing was reserved for counts under its own names.
    of = literal("") if scope == "all" else case((first.c.id.is_(None), closing.c[field]), else_=first.c[field])
    held = and_(first.c.reservation == closing.c.reservation, first.c.kind == "reserve")
    query = (
        select(of.label("name"), func.sum(closing.c.amount_micro_usd))
        .select_from(closing.outerjoin(first, held))
        .where(closing.c.kind == "settle", closing.c.known.is_(False))
        .group_by("name")
    )
    rows = connection.execute(query if name is None else query.where(of == name))
    return {str(one): int(amount) for one, amount in rows if one is not None}


def fees(connection: Connection, scope: str | None = None, name: str | None = None) -> dict[str, int]:
    """See RecordStore.fees; with `name` of that one alone."""
    first, closing = _ledger.alias("first"), _ledger.alias("closing")
    of = literal("") if scope is None else first.c[_NAME_FIELDS.get(scope, scope)]
    ends = and_(closing.c.reservation == first.c.reservation, closing.c.kind != "reserve")
    amount = case((closing.c.id.is_(None), first.c.amount_micro_usd), else_=closing.c.amount_micro_usd)
    query = (
        select(of.label("name"), func.sum(amount))
        .select_from(first.outerjoin(closing, ends))
        .where(first.c.fee_of.is_not(None), or_(first.c.kind == "reserve", ~_reserved(first).exists()))
        .group_by("name")
    )
    rows = connection.execute(query if name is None else query.where(of == name))
    return {str(one): int(total) for one, total in rows if one is not None and total}


def _reserved(first: Any) -> Any:
    """The reserve entry of a reservation, if there is one."""
    earlier = _ledger.alias("earlier")
    return select(earlier.c.id).where(earlier.c.reservation == first.c.reservation, earlier.c.kind == "reserve")


def charges(connection: Connection, since_day: str) -> dict[str, Charged]:
    """See RecordStore.charges."""
    first, closing = _ledger.alias("first"), _ledger.alias("closing")
    released = closing.c.kind == "release"
    both = and_(closing.c.kind == "settle", closing.c.known, first.c.known)

    def total(which: ColumnElement[bool], value: ColumnElement[int] | int) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((which, value), else_=0)), 0)

    # Rounded up. The estimate is never zero where this is looked at, but a database may divide before it looks.
    whole = func.coalesce(func.nullif(first.c.amount_micro_usd, 0), 1)
    ratio = (closing.c.amount_micro_usd * 10_000 + whole - 1) // whole
    query = (
        select(
            first.c.endpoint,
            total(both, 1),
            total(both, first.c.amount_micro_usd),
            total(both, closing.c.amount_micro_usd),
            total(and_(closing.c.kind == "settle", or_(~closing.c.known, ~first.c.known)), 1),
            total(released, 1),
            func.coalesce(func.max(case((and_(both, first.c.amount_micro_usd > 0), ratio), else_=0)), 0),
        )
        .select_from(
            first.join(closing, and_(closing.c.reservation == first.c.reservation, closing.c.kind != "reserve"))
        )
        .where(first.c.kind == "reserve", first.c.day >= since_day, first.c.endpoint.is_not(None))
        .group_by(first.c.endpoint)
        .order_by(first.c.endpoint)
    )
    return {
        endpoint: Charged(calls=int(calls), estimated_micro_usd=int(estimated), charged_micro_usd=int(charged),
                          unknown=int(unknown), released=int(free), most_bp=int(most))
        for endpoint, calls, estimated, charged, unknown, free, most in connection.execute(query)
    }  # fmt: skip


def added_up(
    connection: Connection,
    *,
    run_id: str | None = None,
    day: str | None = None,
    api_key: str | None = None,
    project: str | None = None,
) -> Spend:
    """The same as the balances say, from the entries themselves."""
    wanted = {"run_id": run_id, "day": day, "api_key": api_key, "project": project}
    found = _summed(connection, wanted)
    return Spend(amount_micro_usd=found.amount_micro_usd, unknown=found.unknown)


def spend_outside(connection: Connection, day: str, runs: Collection[str]) -> Spend:
    """See RecordStore.spend_outside."""
    told, names = spend(connection, day=day), [*runs]
    for start in range(0, len(names), _CHUNK):
        theirs = _summed(connection, {"day": day}, names[start : start + _CHUNK])
        told = Spend(
            amount_micro_usd=told.amount_micro_usd - theirs.amount_micro_usd, unknown=told.unknown - theirs.unknown,
            guessed_micro_usd=told.guessed_micro_usd - theirs.guessed_micro_usd,
            fee_micro_usd=told.fee_micro_usd - theirs.fee_micro_usd,
        )  # fmt: skip
    return told


def _summed(connection: Connection, wanted: Mapping[str, str | None], runs: Sequence[str] | None = None) -> Spend:
    """Over the entries that reservations begin with of what is wanted, and of these runs alone where they are given."""
    first, closing = _ledger.alias("first"), _ledger.alias("closing")
    ends = and_(closing.c.reservation == first.c.reservation, closing.c.kind != "reserve")
    amount = case((closing.c.id.is_(None), first.c.amount_micro_usd), else_=closing.c.amount_micro_usd)
    guessed = and_(closing.c.kind == "settle", closing.c.known.is_(False))
    sums = (
        amount,
        case((and_(guessed, closing.c.fee_of.is_(None)), 1), else_=0),
        case((guessed, closing.c.amount_micro_usd), else_=0),
        case((first.c.fee_of.is_not(None), amount), else_=0),
    )
    query = (
        select(*(func.coalesce(func.sum(one), 0) for one in sums))
        .select_from(first.outerjoin(closing, ends))
        # An entry that a reservation begins with: the reserve itself, or a charge that nothing was reserved for.
        .where(or_(first.c.kind == "reserve", ~_reserved(first).exists()))
        .where(*(first.c[name] == value for name, value in wanted.items() if value is not None))
    )
    if runs is not None:
        query = query.where(first.c.run_id.in_(runs))
    spent, unknown, estimates, fee = map(int, connection.execute(query).one())
    return Spend(amount_micro_usd=spent, unknown=unknown, guessed_micro_usd=estimates, fee_micro_usd=fee)


def entries(connection: Connection, run_id: str | None, tile_id: str | None) -> tuple[LedgerEntry, ...]:
    """The entries of a run or a tile in the order they were written; all of them when neither is given."""
    wanted = {"run_id": run_id, "tile_id": tile_id}
    query = select(*_FIELDS).where(*(_ledger.c[name] == value for name, value in wanted.items() if value is not None))
    return tuple(entry_of(row) for row in connection.execute(query.order_by(_ledger.c.seq)))


def open_reservations(connection: Connection) -> tuple[LedgerEntry, ...]:
    """Reservations without a settle or release, oldest first."""
    closing = _ledger.alias("closing")
    ended = select(closing.c.id).where(closing.c.reservation == _ledger.c.reservation, closing.c.kind != "reserve")
    query = select(*_FIELDS).where(_ledger.c.kind == "reserve", ~ended.exists()).order_by(_ledger.c.seq)
    return tuple(entry_of(row) for row in connection.execute(query))
