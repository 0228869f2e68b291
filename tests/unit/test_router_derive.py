"""What snapshots say of endpoints, worked out again from receipts alone."""

import asyncio
import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from tests.unit.receipt_tools import FACTS, TILE, WIRE, made
from tests.unit.router_doubles import OK, FakeModel, Stage, Step, card, fail

from triptych.network.receipt import MAX_BYTES, read
from triptych.router.derive import Derived, derive, derive_all, event_json, outcomes_in
from triptych.router.limits import LimitRules, Limits
from triptych.router.sealed import unseal
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BlockedError,
    EmptyAnswerError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    TriptychError,
)  # fmt: skip
from triptych.spec.image import Adjustment, ImageRequest, InputImage
from triptych.spec.records import AttemptRecord, TileError
from triptych.spec.routing import Attempt, AttemptEnded, AttemptEvent, AttemptStarted, Candidate, RouteEvent, Snapshot
from triptych.store.receipts import Facts
from triptych.studio.failures import attempt_error
from triptych.studio.receipts import MAX_ATTEMPTS, MAX_EARLIER, facts_of

PICTURE = InputImage(data=b"x", media_type="image/png", sha256="0" * 64, width=8, height=8)
SHARED = {item.name for item in fields(Attempt)} & {item.name for item in fields(AttemptRecord)}
FRESH = """
import json, sys
from triptych.router.derive import derive_all, outcomes_in
from triptych.router.sealed import unseal
told = json.load(sys.stdin)
found = derive_all(outcomes_in(told["payloads"]), {name: unseal(body.encode()) for name, body in told["snapshots"].items()})
json.dump({name: [one.verdict, one.differences, one.missing] for name, one in found.items()}, sys.stdout)
"""
FAULTS = (
    fail(NotSentError, sent=False), fail(OverloadedError), fail(RateLimitedError, retry_after_s=3.5),
    fail(ProviderFailedError), fail(EmptyAnswerError, status=200), fail(AmbiguousError), fail(BlockedError, status=400),
    fail(AuthError, status=401),
)  # fmt: skip


def steps(chance: random.Random, count: int) -> list[Step]:
    """Calls that take between 0.2 and 40 seconds, one in four of which fails."""
    played = (chance.choice(FAULTS) if chance.random() < 0.25 else OK for _ in range(count))
    return [replace(step, seconds=round(0.2 * 200 ** chance.random(), 3)) for step in played]


class Load:
    """A router under a mixed load, and what is published of it."""

    def __init__(self) -> None:
        self.chance = random.Random(7)
        names = (("one/a", "a"), ("two/a", "a"), ("three/b", "b"), ("four/b", "b"))
        self.stage = Stage([FakeModel(card(name, family=family), *steps(self.chance, 400)) for name, family in names])
        self.stage.store.samples = {"one/a": ((900, True), (60_000, False), (4100, True)), "four/b": ((77, True),)}
        router = self.stage.router
        router.limits = router._attempts._limits = Limits(self.stage.clock, LimitRules(first=2, most=2))
        self.payloads: list[Mapping[str, Any]] = []
        router.health.publish_to(
            lambda epoch, event: self.payloads.append({"kind": "health", **event_json(epoch, event)})
        )

    async def one(self, number: int) -> None:
        attempts: dict[str, Attempt] = {}

        async def tell(event: RouteEvent) -> None:
            if isinstance(event, AttemptStarted | AttemptEnded):
                attempts[event.attempt.id] = event.attempt
            if isinstance(event, AttemptEvent) and number % 10 == 7:
                task.cancel()

        images = (PICTURE,) if number % 3 == 0 else ()
        quality = self.chance.choice(("low", "high", None))
        request = ImageRequest(prompt="a kettle", images=images, quality=quality, n=1 + number % 2)
        model = ("a", "b", "auto", "one/a")[number % 4]
        options = {"tile_id": f"tile_{number}", "nonce": str(number), "tell": tell, "deadline_s": 900.0}
        task = asyncio.ensure_future(self.stage.run(request, model=model, **options))
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() or task.exception() is None or isinstance(task.exception(), TriptychError)
        records = [AttemptRecord(tile_id="tile", error=attempt_error(one), **{name: getattr(one, name) for name in SHARED})
                   for one in attempts.values()]  # fmt: skip
        facts = Facts(seq=number, run=None, attempts=tuple(records), decisions=())
        self.payloads.append({"id": f"rcpt_{number}", **facts_of(TILE, [], facts, b"salt")})

    async def run(self, count: int) -> None:
        await self.stage.router.load_health()
        numbers = iter(range(count))
        for wave in itertools.count():
            together = list(itertools.islice(numbers, self.chance.choice((1, 2, 4, 16))))
            if not together:
                break
            await asyncio.gather(*map(self.one, together))
            if wave % 10 == 5:
                self.stage.router.health.forget("two/a")
                self.stage.router.health.allow_probe("three/b", "generate")
            self.stage.clock.seconds += self.chance.random() * 20
        self.chance.shuffle(self.payloads)

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        return {name: unseal(body.encode()) for name, body in self.stage.store.snapshots.items()}


@pytest.fixture(scope="module")
def load() -> Load:
    made = Load()
    asyncio.run(made.run(360))
    return made


def test_every_snapshot_of_a_mixed_load_is_the_same_in_a_fresh_process(load: Load) -> None:
    snapshots = load.snapshots
    told = json.dumps({"payloads": load.payloads, "snapshots": load.stage.store.snapshots})
    fresh = subprocess.run([sys.executable, "-c", FRESH], input=told, capture_output=True, text=True, check=True)
    found = json.loads(fresh.stdout)
    wrong = {name: answer for name, answer in found.items() if answer != ["proved", [], []]}
    assert wrong == {}
    assert len(found) == len(snapshots) > 300
    states = [state for one in snapshots.values() for state in one.endpoints]
    assert {state.breaker for state in states} == {"closed", "open", "half_open"}
    assert {state.latency_from for state in states} == {None, "endpoint", "here"}
    assert any(state.in_flight > 2 for state in states)  # some of them wait for their turn
    assert any((state.peak_ms or 0) > (state.latency_ms or 0) for state in states)
    assert {one.operation for one in snapshots.values()} == {"generate", "edit"}
    said = [attempt["events"] for payload in load.payloads for attempt in payload.get("attempts", ())]
    assert {one.get("sign") for one in said} >= {"worked", "refused", "overloaded", "empty", "answered", "none"}


def altered(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """The same with one endpoint changed, that was measured."""
    at = next(i for i, state in enumerate(snapshot.endpoints) if state.latency_from and state.ready)
    states = list(snapshot.endpoints)
    states[at] = replace(states[at], **changes)
    return replace(snapshot, endpoints=tuple(states))


def measured(load: Load) -> Snapshot:
    late = [one for one in load.snapshots.values() if one.events > 200]
    return next(one for one in late if any(state.latency_from and state.ready for state in one.endpoints))


@pytest.mark.parametrize("change", [
    {"latency_ms": 1}, {"p95_ms": 1}, {"peak_ms": 1}, {"success_per_mille": 1001}, {"in_flight": 90},
    {"breaker": "open", "open_until_ms": 2**50}, {"latency_from": "card", "latency_ms": 1},
])  # fmt: skip
def test_a_snapshot_that_favours_an_endpoint_is_found(load: Load, change: dict[str, Any]) -> None:
    honest = measured(load)
    outcomes = outcomes_in(load.payloads)
    assert derive(outcomes, honest).verdict == "proved"
    found = derive(outcomes, altered(honest, **change))
    assert found.verdict == "FALSE"
    assert any(name in " ".join(found.differences) for name in change)


def test_a_snapshot_cannot_leave_out_the_news_it_does_not_like(load: Load) -> None:
    honest = measured(load)
    found = derive(outcomes_in(load.payloads), replace(honest, events=honest.events - 40))
    assert "which leaves it out" in found.differences[0]


def gaps(found: Derived) -> Iterable[int]:
    return (number for first, last in found.missing for number in range(first, last + 1))


def test_what_is_not_published_is_named_and_nothing_is_guessed(load: Load) -> None:
    snapshot = measured(load)
    kept, dropped = load.payloads[:-5], load.payloads[-5:]
    hidden = {event["began"] for payload in dropped for attempt in payload.get("attempts", ())
              for event in [attempt["events"]]}  # fmt: skip
    latest = max(load.snapshots.values(), key=lambda one: one.events)
    found = derive(outcomes_in(kept), latest)
    assert found.verdict == "not checked"
    assert hidden <= set(gaps(found))
    assert derive(outcomes_in(()), snapshot).missing == ((1, snapshot.events),)
    old = replace(snapshot, epoch="", events=0)
    assert derive(outcomes_in(load.payloads), old).verdict == "not checked"


@pytest.mark.parametrize(("change", "words"), [
    ({"took_ms": 1}, "told in two ways"), ({"sign": "none"}, "done and counted as none"),
    ({"began": "x"}, "cannot be read"), ({"ended_ms": 1}, "told as earlier"),
])  # fmt: skip
def test_receipts_that_cannot_all_be_true_are_found(load: Load, change: dict[str, Any], words: str) -> None:
    whole = next(p for p in load.payloads if any(a["outcome"] == "done" for a in p.get("attempts", ())))
    attempts = [{**a, "events": a["events"] | (change if a["outcome"] == "done" else {})} for a in whole["attempts"]]
    lie = {**whole, "attempts": attempts}
    both = [*load.payloads, lie] if "took_ms" in change else [lie if p is whole else p for p in load.payloads]
    found = derive_all(outcomes_in(both), load.snapshots)
    assert all(one.verdict == "FALSE" and words in " ".join(one.differences) for one in found.values())


def test_attempts_that_a_receipt_does_not_list_are_counted_all_the_same_and_it_fits_into_an_entry() -> None:
    one = AttemptRecord(
        id="att", tile_id="tile_1", number=1, endpoint=f"provider/{'m' * 40}", started_ms=2**41, ended_ms=2**41,
        outcome="failed", error=TileError(code="rate_limited", failure="overloaded", message="m", hint=None, billed="no"),
        epoch="epo_" + "0" * 26, operation="generate", share="large/medium", began_ms=2**41, sign="overloaded",
        retry_after_ms=0, hedge=True, wires=(WIRE,) * 6,
    )  # fmt: skip
    attempts = tuple(replace(one, number=number, began=2 * number, ended=2 * number + 1) for number in range(1, 81))
    crowd = tuple(Candidate(endpoint=f"provider-{i}/{'m' * 40}", rank=i, reason="ranked_lower", price_micro_usd=2**40,
                            latency_ms=2**31, points=2**50) for i in range(40))  # fmt: skip
    tile = replace(TILE, adjustments=(Adjustment("size", "adjusted", "x" * 500),) * 20)
    decisions = (replace(FACTS.decisions[0], candidates=crowd),)
    record = made(tile, replace(FACTS, attempts=attempts, decisions=decisions))
    assert len(record.body) <= MAX_BYTES
    outcomes = outcomes_in([read(record.body.encode()).payload])
    assert sorted(outcomes.epochs[one.epoch]) == list(range(162 - 2 * (MAX_ATTEMPTS + MAX_EARLIER), 162))
    assert outcomes.faults == {}
    assert outcomes.epochs[one.epoch][161].retry_after_ms == 0  # a word of the provider, unlike none
