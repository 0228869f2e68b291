"""Statements, and the way of statements and receipts into the log in one order, on SQLite and on PostgreSQL."""

from dataclasses import replace

from sqlalchemy import Connection
from tests.unit.store.samples import NOW, decision_of, run_of, tile_of

from triptych.store import tables
from triptych.store.records import SqlRecordStore
from triptych.store.signed import StatementRecord


def statement(name: str, at: int, kind: str = "policy", signer: str = "me") -> StatementRecord:
    return StatementRecord(id=name, kind=kind, signer=signer, created_ms=at, body=f"signed {name}")


async def receipt(store: SqlRecordStore, number: int, at: int, signer: str = "me") -> None:
    await store.save_run(run_of(), [replace(tile_of(), id=f"tile_{number}")])

    def insert(db: Connection) -> None:
        row = {"id": f"rcpt_{number}", "tile_id": f"tile_{number}", "signer": signer, "seq": number, "created_ms": at,
               "body": f"receipt {number}", "private": "{}"}  # fmt: skip
        db.execute(tables.receipts.insert(), row)

    await store._writer.call(insert)


async def test_a_statement_is_kept_once(store: SqlRecordStore) -> None:
    assert await store.signed.get("a") is None
    assert await store.signed.keep(statement("a", NOW))
    assert not await store.signed.keep(replace(statement("a", NOW + 1), body="another"))
    assert await store.signed.get("a") == statement("a", NOW)


async def test_the_latest_of_a_kind_come_first(store: SqlRecordStore) -> None:
    for at, kind in enumerate(("policy", "key", "policy", "policy")):
        await store.signed.keep(statement(f"s{at}", NOW + at, kind))
    assert [one.id for one in await store.signed.latest("policy", 2)] == ["s3", "s2"]
    assert await store.signed.latest("pick", 2) == ()


async def test_what_waits_for_the_log_is_in_order_of_time(store: SqlRecordStore) -> None:
    await receipt(store, 0, NOW + 2)
    await receipt(store, 1, NOW)
    await receipt(store, 2, NOW, signer="somebody else")
    await store.signed.keep(statement("s0", NOW + 1))
    await store.signed.keep(statement("s1", NOW + 2))
    await store.signed.keep(statement("s2", NOW, signer="somebody else"))
    waiting = await store.leaves.unlogged(["me"], 10)
    assert [one.id for one in waiting] == [
        "rcpt_1",
        "s0",
        "s1",
        "rcpt_0",
    ]  # a statement before its millisecond's receipts
    assert [one.body for one in waiting[:2]] == ["receipt 1", "signed s0"]
    assert [one.id for one in await store.leaves.unlogged(["me", "somebody else"], 2)] == ["s2", "rcpt_1"]
    assert await store.leaves.waiting() == 6


async def test_places_in_a_log_are_written_down_once(store: SqlRecordStore) -> None:
    await receipt(store, 0, NOW)
    await receipt(store, 1, NOW + 1)
    await store.signed.keep(statement("s0", NOW))
    assert await store.leaves.next_index("log") == 0
    await store.leaves.logged("log", {"s0": 0, "rcpt_0": 1})
    await store.leaves.logged("log", {"s0": 7, "rcpt_1": 2, "nobody": 3})
    found = await store.signed.get("s0")
    assert found is not None
    assert (found.log_origin, found.log_index) == ("log", 0)
    assert await store.leaves.next_index("log") == 3
    assert await store.leaves.next_index("another") == 0
    assert await store.leaves.waiting() == 0
    assert await store.leaves.unlogged(["me"], 10) == ()
    assert [(index, one.id) for index, one in await store.leaves.at("log", 0, 2)] == [(1, "rcpt_0")]
    assert [index for index, _ in await store.leaves.at("log", 0, 9)] == [1, 2]


async def test_bodies_of_snapshots_come_in_the_order_asked_for(store: SqlRecordStore) -> None:
    await store.save_run(run_of(), [tile_of()])
    for number in range(3):
        decision = replace(decision_of(f"dec_{number}", NOW + number), snapshot_id=str(number) * 64)
        await store.save_decision(decision, "tile_1", f'{{"n":{number}}}')
    found = await store.signed.snapshots([str(n) * 64 for n in (2, 9, 0)])
    assert list(found.items()) == [("2" * 64, '{"n":2}'), ("0" * 64, '{"n":0}')]
    assert await store.signed.snapshots([]) == {}
