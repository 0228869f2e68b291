"""Spending caps over HTTP, and what a full disk or an unusable database does: nothing spent, nothing lost."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2 as httpx
import pytest
from tests.emulators import Gate, Kind, Scenario
from tests.integration.place import Place

from triptych.app import container
from triptych.spec.errors import SettingsError, StorageError
from triptych.store.records import SqlRecordStore
from triptych.store.tables import VERSION_TABLE

XAI, TOGETHER, GEMINI = "xai/grok-imagine-image", "together/flux.1-schnell", "google/gemini-2.5-flash-image"


def caps(place: Place, **amounts: int | None) -> dict[str, Any]:
    answer = place.send("PUT", "/api/caps", amounts)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def over(answer: httpx.Response) -> str:
    assert answer.status_code == 402, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["type"], error["triptych"]["billed"]) == ("budget_exceeded", "budget_error", "no")
    assert answer.headers["x-should-retry"] == "false"
    return str(error["message"])


def test_the_cap_of_a_run_refuses_with_the_numbers_before_anything_is_sent(own_place: Place) -> None:
    place = own_place.open()
    assert caps(place, run=50_000)["caps"] == {"run": 50_000, "day": None}
    asked = {"text": "a kettle", "models": [XAI], "n": 3}
    plan = place.post("/api/plan", asked).json()
    assert (plan["allowed"], plan["total"]["amount_micro_usd"]) == (False, 60_000)
    message = over(place.post("/api/runs", asked))
    assert "$0.06" in message
    assert "$0.05" in message
    order = {"model": XAI, "prompt": "x", "n": 3}
    message = over(place.http.post(f"{place.url}/v1/images/generations", json=order))
    assert "$0.06" in message
    assert "$0.05" in message
    assert place.emulators.xai.requests == []
    assert place.make("a kettle", XAI)["state"] == "done"  # one of them fits
    caps(place, run=None)
    assert place.post("/api/runs", asked).status_code == 202


def test_what_is_held_above_the_price_is_said_before_anything_is_sent(own_place: Place) -> None:
    place = own_place.open()
    asked = {"text": "a kettle", "models": [GEMINI]}
    price = place.post("/api/plan", asked).json()["total"]["amount_micro_usd"]
    caps(place, run=price)
    plan = place.post("/api/plan", asked).json()
    assert not plan["allowed"]
    assert "is held for this until the charge is known; the cap for this run is" in plan["reason"]
    assert "is held for this" in over(place.post("/api/runs", asked))
    assert place.emulators.google.requests == []
    caps(place, run=price + 2_000)
    assert place.make("a kettle", GEMINI)["state"] == "done"


def test_a_budget_in_the_prompt_is_a_cap_too(own_place: Place) -> None:
    place = own_place.open()
    over(place.post("/api/runs", {"text": "a kettle --budget 0.01", "models": [XAI]}))
    over(place.post("/api/runs", {"text": "a kettle", "models": [XAI], "budget_micro_usd": 19_999}))
    assert place.emulators.xai.requests == []


def test_the_cap_of_the_day_counts_what_was_spent_and_what_may_have_been(own_place: Place) -> None:
    place = own_place.open()
    caps(place, day=50_000)
    assert place.make("a kettle", XAI)["state"] == "done"
    place.emulators.xai.play(Kind.CUT_AFTER_READ)
    assert place.make("a kettle", XAI)["billed"] == "unknown"
    spend = place.get("/api/spend").json()
    assert spend["today"] == {"amount_micro_usd": 40_000, "unknown": 1, "guessed_micro_usd": 20_000, "fee_micro_usd": 0}
    assert spend["caps"] == {"run": None, "day": 50_000}
    message = over(place.post("/api/runs", {"text": "a kettle", "models": [XAI]}))
    assert "$0.01" in message
    over(place.http.post(f"{place.url}/v1/images/generations", json={"model": XAI, "prompt": "x"}))
    assert len(place.emulators.xai.submits) == 2
    caps(place, day=60_000)
    assert place.make("a kettle", XAI)["state"] == "done"


def test_what_was_not_billed_does_not_count(own_place: Place) -> None:
    place = own_place.open()
    caps(place, day=20_000)
    place.emulators.xai.play(Kind.WRONG_KEY)
    assert place.make("a kettle", XAI)["billed"] == "no"
    assert place.get("/api/spend").json()["today"] == {
        "amount_micro_usd": 0,
        "unknown": 0,
        "guessed_micro_usd": 0,
        "fee_micro_usd": 0,
    }


def test_tiles_side_by_side_cannot_pass_a_cap_together(own_place: Place) -> None:
    place = own_place.open()
    caps(place, day=50_000)
    gate = Gate()
    place.emulators.xai.play(Scenario(gate=gate, times=0))

    def order() -> httpx.Response:
        return httpx.post(
            f"{place.url}/v1/images/generations", json={"model": XAI, "prompt": "x"}, timeout=90, trust_env=False
        )

    asked: list[Future[httpx.Response]] = [place.start_thread(order) for _ in range(8)]
    for _ in range(2000):
        if sum(one.done() for one in asked) == 6:
            break
        place.http.get(f"{place.url}/healthz")
    gate.release()
    codes = sorted(one.result(60).status_code for one in asked)
    assert codes == [200, 200, 402, 402, 402, 402, 402, 402]
    assert len(place.emulators.xai.submits) == 2
    assert place.get("/api/spend").json()["today"] == {
        "amount_micro_usd": 40_000,
        "unknown": 0,
        "guessed_micro_usd": 0,
        "fee_micro_usd": 0,
    }


def test_a_price_that_nobody_knows_is_refused_under_a_cap(own_place: Place) -> None:
    place = own_place.open()
    caps(place, day=1_000_000)
    answer = place.post("/api/runs", {"text": "a kettle", "models": [TOGETHER]})
    assert answer.status_code in {400, 402}
    assert "Nobody knows what this costs" in answer.json()["error"]["message"]
    over(place.http.post(f"{place.url}/v1/images/generations", json={"model": TOGETHER, "prompt": "x"}))
    assert place.emulators.together.requests == []


def test_a_cap_on_a_programs_key(own_place: Place) -> None:
    own_place.environ = {**own_place.environ, "TRIPTYCH_CAP_KEY_USD": "0.03"}
    place = own_place.open()
    assert place.app.settings.caps.key_usd == Decimal("0.03")

    def order(key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return place.http.post(
            f"{place.url}/v1/images/generations", json={"model": XAI, "prompt": "x"}, headers=headers
        )

    assert order("mine").status_code == 200
    assert "API key" in over(order("mine"))
    assert order("another").status_code == 200


# The disk and the database.


def full(*_: object, **__: object) -> None:
    raise StorageError("The disk is full: the pictures cannot be written.", hint="Free some space and try again.")


def test_a_disk_that_fills_up_under_a_picture_says_so_and_the_bill_is_right(own_place: Place) -> None:
    place = own_place.open()
    kept = place.make("a kettle", XAI)
    with mock.patch.object(type(place.app.studio.pictures.blobs), "put", full):
        tile = place.make("a pot", XAI)
        upload = place.send("POST", "/api/uploads", content=png())
    assert (tile["state"], tile["error"]["code"], tile["billed"]) == ("failed", "storage", "yes")
    assert "disk is full" in tile["error"]["message"]
    assert "space" in tile["error"]["hint"]
    assert place.charged(tile["id"]) == place.emulators.xai.charges[-1].micro_usd
    assert upload.status_code == 507
    assert upload.json()["error"]["code"] == "storage"
    assert place.get(kept["images"][0]["url"]).status_code == 200
    assert place.make("a pan", XAI)["state"] == "done"


def test_a_disk_that_is_full_before_the_call_sends_nothing(own_place: Place) -> None:
    place = own_place.open()
    with mock.patch.object(type(place.app.store), "save_run", full):
        answer = place.post("/api/runs", {"text": "a kettle", "models": [XAI]})
        order = place.http.post(
            f"{place.url}/v1/images/generations", json={"model": XAI, "prompt": "x"}, headers={"Idempotency-Key": "a"}
        )
    for one in (answer, order):
        assert one.status_code == 507
        assert (one.json()["error"]["code"], one.json()["error"]["triptych"]["billed"]) == ("storage", "no")
    assert place.emulators.xai.requests == []
    again = place.http.post(
        f"{place.url}/v1/images/generations", json={"model": XAI, "prompt": "x"}, headers={"Idempotency-Key": "a"}
    )
    assert again.status_code == 200  # the key was freed


def impatient(place: Place) -> Place:
    """A server that waits less long for the lock of another program than usual."""
    with mock.patch.object(container, "open_store", lambda url, clock: SqlRecordStore.open(url, clock, busy_s=0.1)):
        return place.open()


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Another program that writes for a long time."""
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def test_a_database_that_another_program_holds_stops_a_run_before_it_costs(own_place: Place) -> None:
    place = impatient(own_place)
    kept = place.make("a kettle", XAI)
    with held(place.data / "triptych.db"):
        answer = place.post("/api/runs", {"text": "a pot", "models": [XAI]})
        assert answer.status_code == 507
        error = answer.json()["error"]
        assert error["code"] == "storage"
        assert "locked by another program" in error["message"]
        assert "Close the other program" in error["message"]
        assert place.get("/api/state").json()["runs"][0]["id"] == kept["run"]  # reading goes on
    assert len(place.emulators.xai.submits) == 1
    assert place.make("a pot", XAI)["state"] == "done"


def test_a_database_that_is_away_when_a_picture_comes_loses_neither_picture_nor_bill(own_place: Place) -> None:
    place = impatient(own_place)
    gate = Gate()
    place.emulators.xai.play(Scenario(gate=gate))
    tile = place.start("a kettle", XAI)["tiles"][0]
    gate.wait_reached()
    with held(place.data / "triptych.db"):
        gate.release()
        place.do(asyncio.sleep(0.3))
    ended = place.ended(tile["id"])
    assert (ended["state"], ended["billed"]) == ("done", "yes")
    assert place.get(ended["images"][0]["url"]).status_code == 200
    assert len(place.emulators.xai.submits) == 1
    assert place.get("/api/spend").json()["today"]["amount_micro_usd"] == 20_000  # held, until it can be settled
    place.close()
    place.open()
    assert place.charged(tile["id"]) == 20_000
    assert place.get("/api/spend").json()["today"] == {
            "amount_micro_usd": 20_000, "unknown": 0, "guessed_micro_usd": 0, "fee_micro_usd": 0}  # fmt: skip


def test_a_database_of_a_newer_program_is_left_alone(own_place: Place) -> None:
    place = own_place.open()
    place.make("a kettle", XAI)
    place.close()
    database = place.data / "triptych.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    before = database.read_bytes()
    with pytest.raises(StorageError) as newer:
        place.open()
    assert "newer Triptych" in str(newer.value)
    assert "Start that newer version" in str(newer.value)
    assert database.read_bytes() == before


def test_settings_that_are_wrong_name_the_line(own_place: Place) -> None:
    (own_place.data / "triptych.toml").write_text("colour = 3\n")
    with pytest.raises(SettingsError) as wrong:
        own_place.open()
    assert wrong.value.param == "colour"


def png() -> bytes:
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
        "5ef3d9ab0000000049454e44ae426082"
    )
