"""What was spent, what is held and what may still be: for each day, API key and project, against the caps; and how far the
catalogue's estimates were from what the providers charged."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from triptych.router.budget import Caps
from triptych.spec.clock import Clock
from triptych.spec.json import Json, JsonObject
from triptych.spec.records import LedgerEntry
from triptych.store.base import Cap, Charged, RecordStore, Spend

MAX_NAMES = 100
"""Names listed of a scope: the newest days, the keys and projects that spent most."""


async def budget_json(store: RecordStore, caps: Caps, clock: Clock, days: int) -> JsonObject:
    """The whole picture, in micro-dollars; estimates against charges over the last `days`. Raises StorageError."""
    open_ones = await store.open_reservations()
    today = datetime.fromtimestamp(clock.now_ms() // 1000, UTC).date()
    limits: Mapping[Cap, int | None] = {"day": caps.day, "key": caps.key, "project": caps.project}
    spent = {scope: await store.balances(scope, MAX_NAMES) for scope in limits}
    spent["day"] = {today.isoformat(): Spend(amount_micro_usd=0, unknown=0), **spent["day"]}
    since = (today - timedelta(days=days - 1)).isoformat()
    whole = await store.spend()
    fees = {scope: await store.fees(scope) for scope in limits}
    return {
        "today": today.isoformat(),
        "caps": {"run": caps.run, "day": caps.day, "key": caps.key, "project": caps.project},
        "all": _line(whole, open_ones, None, (await store.fees()).get("", 0)),
        "days": _lines(spent["day"], open_ones, "day", limits["day"], fees["day"]),
        "keys": _lines(spent["key"], open_ones, "key", limits["key"], fees["key"]),
        "projects": _lines(spent["project"], open_ones, "project", limits["project"], fees["project"]),
        "estimates": {"since": since, "endpoints": _estimates(await store.charges(since))},
    }


def _lines(
    spent: Mapping[str, Spend], open_ones: Iterable[LedgerEntry], scope: Cap, cap: int | None, fees: Mapping[str, int]
) -> list[Json]:
    held: dict[str | None, list[LedgerEntry]] = {}
    for entry in open_ones:
        name = {"day": entry.day, "key": entry.api_key, "project": entry.project}[scope]
        held.setdefault(name, []).append(entry)
    listed = sorted(spent, reverse=True) if scope == "day" else list(spent)
    return [{"name": name, **_line(spent[name], held.get(name, ()), cap, fees.get(name, 0))} for name in listed]


def _line(spend: Spend, held: Iterable[LedgerEntry], cap: int | None, fee: int) -> JsonObject:
    """`spent` is settled, with the estimate standing in for each of the `unknown` charges: `guessed` of it; `reserved` is held for calls
    that are under way. Both count against the cap. `fee` of both together is the router's own."""
    entries = list(held)
    reserved = sum(entry.amount_micro_usd for entry in entries)
    return {
        "spent_micro_usd": spend.amount_micro_usd - reserved,
        "reserved_micro_usd": reserved,
        "reserved_unknown": sum(not entry.known and entry.fee_of is None for entry in entries),
        "unknown": spend.unknown,
        "guessed_micro_usd": spend.guessed_micro_usd,
        "fee_micro_usd": fee,
        "cap_micro_usd": cap,
        "left_micro_usd": None if cap is None else max(0, cap - spend.amount_micro_usd),
    }


def _estimates(charged: Mapping[str, Charged]) -> list[Json]:
    return [
        {
            "endpoint": endpoint, "calls": one.calls, "estimated_micro_usd": one.estimated_micro_usd,
            "charged_micro_usd": one.charged_micro_usd,
            "difference_micro_usd": one.charged_micro_usd - one.estimated_micro_usd,
            "unknown": one.unknown, "released": one.released,
        }
        for endpoint, one in charged.items()
    ]  # fmt: skip
