"""The ledger: caps hold whatever happens at the same time, and the books add up."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.unit.store.samples import FixedClock, entry_of

from triptych.spec.errors import BadRequestError, StorageError
from triptych.store import ledger
from triptych.store.base import Charged, Spend
from triptych.store.records import SqlRecordStore

DAY = "2026-11-21"
_example = count()


def _spend(amount: int, unknown: int = 0) -> Spend:
    return Spend(amount_micro_usd=amount, unknown=unknown)


async def test_a_reservation_counts_until_it_is_closed(store: SqlRecordStore) -> None:
    assert await store.spend() == _spend(0)
    first = entry_of("res_1", amount=70, run_id="run_1", api_key="key_1", tile_id="tile_1", endpoint="demo/aurora")
    assert await store.reserve(first, {"day": 100, "run": 100, "key": 100}) is None
    refused = await store.reserve(entry_of("res_2", amount=31), {"day": 100})
    assert refused == _spend(70)
    assert refused.cap == "day"
    assert await store.reserve(entry_of("res_2", amount=30), {"day": 100}) is None
    assert await store.spend(day=DAY) == _spend(100)
    assert await store.spend(run_id="run_1") == _spend(70)
    assert [entry.reservation for entry in await store.open_reservations()] == ["res_1", "res_2"]
    settled = entry_of("res_1", "settle", 40, run_id="run_1", api_key="key_1", tile_id="tile_1")
    assert await store.close_reservation(settled) is True
    assert await store.close_reservation(entry_of("res_1", "release")) is False
    assert await store.close_reservation(entry_of("res_1", "settle", 99)) is False
    assert await store.close_reservation(entry_of("res_2", "release")) is True
    assert await store.spend(day=DAY) == _spend(40)
    assert await store.spend() == _spend(40)
    assert await store.spend(run_id="run_1", api_key="key_1", day=DAY) == _spend(40)
    assert await store.spend(run_id="run_1", api_key="key_9") == _spend(0)
    assert await store.open_reservations() == ()
    assert await store.ledger(run_id="run_1") == (first, settled)
    assert await store.ledger(tile_id="tile_1") == (first, settled)
    assert len(await store.ledger()) == 4


async def test_charges_are_held_against_estimates_by_endpoint(store: SqlRecordStore) -> None:
    closed = [
        ("a", 30, entry_of("res_0", "settle", 100)),
        ("a", 50, entry_of("res_1", "settle", 40)),
        ("a", 0, entry_of("res_2", "settle", 7)),
        ("b", 30, entry_of("res_3", "settle", 900, known=False)),
        ("b", 30, entry_of("res_4", "release")),
        (None, 30, entry_of("res_5", "release")),
    ]
    for endpoint, amount, end in closed:
        await store.reserve(entry_of(end.reservation, amount=amount, endpoint=endpoint), {})
        await store.close_reservation(end)
    assert await store.charges(DAY) == {
        "a": Charged(calls=3, estimated_micro_usd=80, charged_micro_usd=147, unknown=0, released=0, most_bp=33_334),
        "b": Charged(calls=0, estimated_micro_usd=0, charged_micro_usd=0, unknown=1, released=1),
    }
    assert await store.charges("2026-11-22") == {}


async def test_a_fee_is_reserved_and_closed_with_its_call_and_kept_apart(store: SqlRecordStore) -> None:
    one = {"run_id": "run_1", "project": "Acme"}
    call, fee = entry_of("res_1", amount=40, endpoint="a", **one), entry_of("fee_1", amount=5, fee_of="res_1", **one)
    refused = await store.reserve(call, {"day": 44}, fee)
    assert refused == _spend(0)
    assert await store.ledger() == ()
    assert await store.reserve(call, {"day": 45}, fee) is None
    assert await store.fees() == {"": 5}
    end = entry_of("res_1", "settle", 60, known=False, endpoint="a", **one)
    assert (
        await store.close_reservation(end, entry_of("fee_1", "settle", 7, known=False, fee_of="res_1", **one)) is True
    )
    assert await store.close_reservation(end, entry_of("fee_1", "settle", 9, fee_of="res_1", **one)) is False
    other = (
        entry_of("res_2", amount=30, run_id="run_2", endpoint="a"),
        entry_of("fee_2", amount=3, run_id="run_2", fee_of="res_2"),
    )
    await store.reserve(other[0], {}, other[1])
    await store.close_reservation(
        entry_of("res_2", "release", run_id="run_2"), entry_of("fee_2", "release", run_id="run_2", fee_of="res_2")
    )
    spent = await store.spend()
    assert (spent.amount_micro_usd, spent.unknown, spent.guessed_micro_usd) == (67, 1, 67)
    assert await store._read(ledger.added_up) == spent
    assert spent.fee_micro_usd == 7
    assert (await store.spend(day=DAY)).fee_micro_usd == 7
    assert (await store.spend(day="2026-11-22")).fee_micro_usd == 0
    assert (await store.spend(run_id="run_2")).fee_micro_usd == 0
    assert await store.fees("project") == {"Acme": 7}
    assert await store.fees("run") == {"run_1": 7}
    assert await store.fees("day") == {DAY: 7}
    assert (await store.charges(DAY))["a"] == Charged(
        calls=0, estimated_micro_usd=0, charged_micro_usd=0, unknown=1, released=1
    )
    assert await store.open_reservations() == ()


async def test_each_cap_refuses_and_writes_nothing(store: SqlRecordStore) -> None:
    assert await store.reserve(entry_of("res_1", amount=10, run_id="run_1", api_key="key_1"), {}) is None
    for caps, cap in (
        ({"run": 19, "day": 20, "key": 20}, "run"),
        ({"run": 20, "day": 19}, "day"),
        ({"key": 19}, "key"),
    ):
        refused = await store.reserve(entry_of("res_2", amount=10, run_id="run_1", api_key="key_1"), caps)
        assert refused == _spend(10)
        assert refused.cap == cap
    assert len(await store.ledger()) == 1
    assert await store.spend() == _spend(10)
    # Another run, day and key have spent nothing.
    other = entry_of("res_2", amount=19, run_id="run_2", api_key="key_2", day="2026-11-22")
    assert await store.reserve(other, {"run": 19, "day": 19, "key": 19}) is None


async def test_a_cap_of_zero_lets_free_pictures_through(store: SqlRecordStore) -> None:
    assert await store.reserve(entry_of("res_1", amount=0), {"day": 0}) is None
    assert await store.reserve(entry_of("res_2", amount=1), {"day": 0}) == _spend(0)


async def test_an_unknown_charge_holds_its_estimate(store: SqlRecordStore) -> None:
    await store.reserve(entry_of("res_1", amount=50, run_id="run_1"), {})
    await store.close_reservation(entry_of("res_1", "settle", 50, known=False, run_id="run_1"))
    assert await store.spend(run_id="run_1") == _spend(50, 1)
    assert await store.spend(run_id="run_1", day=DAY) == _spend(50, 1)
    assert await store.reserve(entry_of("res_2", amount=1), {"day": 50}) == _spend(50, 1)


async def test_how_much_of_what_was_spent_is_an_estimate(store: SqlRecordStore) -> None:
    for number, known in enumerate((True, False, False)):
        name = f"res_{number}"
        await store.reserve(entry_of(name, amount=50, run_id="run_1", api_key="key_1"), {})
        await store.close_reservation(entry_of(name, "settle", 30, known=known, day="2026-11-22"))
    await store.close_reservation(entry_of("res_9", "settle", 7, known=False, run_id="run_2"))  # nothing was reserved
    said = [
        await store.spend(),
        await store.spend(day=DAY),
        await store.spend(run_id="run_1"),
        await store.spend(run_id="run_2"),
    ]
    assert [(one.amount_micro_usd, one.guessed_micro_usd) for one in said] == [(97, 67), (97, 67), (90, 60), (7, 7)]
    assert (await store.balances("day"))[DAY].guessed_micro_usd == 67
    assert (await store.balances("key"))["key_1"].guessed_micro_usd == 60


async def test_a_charge_counts_for_the_day_it_was_reserved_on(store: SqlRecordStore) -> None:
    await store.reserve(entry_of("res_1", amount=50), {"day": 50})
    await store.close_reservation(entry_of("res_1", "settle", 40, day="2026-11-22"))
    assert await store.spend(day=DAY) == _spend(40)
    assert await store.spend(day="2026-11-22") == _spend(0)


async def test_a_charge_that_nothing_was_reserved_for_is_kept(store: SqlRecordStore) -> None:
    assert await store.close_reservation(entry_of("res_1", "release")) is False
    assert await store.close_reservation(entry_of("res_1", "settle", 30, run_id="run_1")) is True
    assert await store.spend(run_id="run_1") == _spend(30)
    assert await store.spend(run_id="run_1", day=DAY) == _spend(30)
    assert await store.close_reservation(entry_of("res_1", "settle", 30, run_id="run_1")) is False
    with pytest.raises(StorageError, match="in the books already"):
        await store.reserve(entry_of("res_1", amount=1), {})


async def test_a_reservation_is_made_once(store: SqlRecordStore) -> None:
    results = await asyncio.gather(
        *(store.reserve(entry_of("res_1", amount=10), {}) for _ in range(5)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert all(isinstance(result, StorageError) for result in results if result is not None)
    assert await store.spend() == _spend(10)


@pytest.mark.parametrize("closings", [("settle", "release"), ("settle", "settle"), ("release", "release")])
async def test_a_reservation_is_closed_once(store: SqlRecordStore, closings: tuple[str, str]) -> None:
    await store.reserve(entry_of("res_1", amount=10), {})
    amounts = {"settle": 7, "release": 0}
    closed = await asyncio.gather(
        *(store.close_reservation(entry_of("res_1", kind, amounts[kind])) for kind in closings * 3)
    )
    assert closed.count(True) == 1
    assert await store.spend() in {_spend(7), _spend(0)}
    assert len(await store.ledger()) == 2


async def test_bad_entries_are_refused(store: SqlRecordStore) -> None:
    with pytest.raises(BadRequestError, match="never negative"):
        await store.reserve(entry_of("res_1", amount=-5), {"day": 10})
    with pytest.raises(BadRequestError, match="no cap named 'month': use run, day, key"):
        await store.reserve(entry_of("res_1", amount=5), {"month": 10})
    with pytest.raises(BadRequestError, match="does not fit"):
        await store.reserve(entry_of("res_1", "settle", 5), {})
    with pytest.raises(BadRequestError, match="does not fit"):
        await store.close_reservation(entry_of("res_1", amount=5))
    with pytest.raises(BadRequestError, match="charges nothing"):
        await store.close_reservation(entry_of("res_1", "release", 5))
    assert await store.ledger() == ()


@dataclass(frozen=True)
class Job:
    """What one tile does with its money: reserve `amount`, then `end` with `charge` of it."""

    run: int
    day: int
    key: int
    amount: int
    end: str
    charge: int
    pause: int


_jobs = st.builds(
    Job,
    run=st.integers(0, 2),
    day=st.integers(0, 1),
    key=st.integers(0, 1),
    amount=st.integers(0, 40),
    end=st.sampled_from(["settle", "guess", "release", "leave"]),
    charge=st.integers(0, 100),
    pause=st.integers(0, 3),
)


def _added_up(named: dict[str, str | None], db: Connection) -> Spend:
    return ledger.added_up(db, run_id=named["run_id"], day=named["day"], api_key=named["api_key"],
                           project=named["project"])  # fmt: skip


_caps = st.fixed_dictionaries({}, optional={name: st.integers(0, 120) for name in ledger.CAPS})


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(jobs=st.lists(_jobs, min_size=1, max_size=24), caps=_caps)
async def test_no_interleaving_passes_a_cap(
    store: SqlRecordStore, database: str, jobs: list[Job], caps: dict[str, int]
) -> None:
    example = f"example{next(_example)}"
    second = await SqlRecordStore.open(database, FixedClock())  # another program on the same books
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    async def within_caps(names: dict[str, str]) -> None:
        fields = {"run": "run_id", "day": "day", "key": "api_key", "project": "project"}
        for cap, limit in caps.items():
            assert (await store.spend(**{fields[cap]: names[fields[cap]]})).amount_micro_usd <= limit

    async def work(number: int, job: Job) -> None:
        mine = (store, second)[number % 2]
        names = {"run_id": f"{example}r{job.run}", "day": f"{example}d{job.day}", "api_key": f"{example}k{job.key}",
                 "project": f"{example}p{(job.run + job.key) % 2}"}  # fmt: skip
        reservation = f"{example}-{number}"
        refused = await mine.reserve(entry_of(reservation, amount=job.amount, **names), caps)
        if refused is not None:
            assert refused.cap is not None
            assert refused.amount_micro_usd + job.amount > caps[refused.cap]
            return
        await within_caps(names)
        for _ in range(job.pause):
            await asyncio.sleep(0)
        charge = job.amount * job.charge // 100
        counts = {"settle": charge, "guess": charge, "release": 0, "leave": job.amount}[job.end]
        if job.end != "leave":
            kind = "release" if job.end == "release" else "settle"
            closing = entry_of(reservation, kind, counts, known=job.end != "guess", **names)
            assert await mine.close_reservation(closing)
        await within_caps(names)
        for key in names.items():
            expected[key][0] += counts
            expected[key][1] += job.end == "guess"

    await asyncio.gather(*(work(number, job) for number, job in enumerate(jobs)))
    for (field, name), (amount, unknown) in expected.items():
        said = await store.spend(**{field: name})
        assert said == _spend(amount, unknown)
        named = {"run_id": None, "day": None, "api_key": None, "project": None, field: name}
        added = await store._read(partial(_added_up, named))
        assert added == said
    runs = [name for field, name in expected if field == "run_id"]
    for day in (name for field, name in expected if field == "day"):
        assert await store.spend_outside(day=day, runs=runs) == Spend(amount_micro_usd=0, unknown=0)
        assert await store.spend_outside(day=day, runs=()) == await store.spend(day=day)
    assert await store.spend() == await store._read(ledger.added_up)
    await second.close()
