"""Works out again what snapshots say of endpoints, from nothing but the outcomes in a log.

    receipts and health statements ─▶ outcomes_in ─▶ events by epoch ─▶ derive(outcomes, snapshot) ─▶ differences

Needs no clock, no network and none of the program's state, so that a stranger can do it. Events that nobody published are
named as missing; nothing is guessed for them. What a snapshot says of prices and models is not looked at here.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Literal

import msgspec

from triptych.router.fold import EndpointHealth, EventKind, Fold, HealthEvent, HealthRules
from triptych.spec.image import Operation
from triptych.spec.json import JsonObject
from triptych.spec.routing import EndpointState, Sign, Snapshot

Verdict = Literal["proved", "not checked", "FALSE"]
_RULES = HealthRules()


class _Told(msgspec.Struct):
    """What a receipt tells of one attempt."""

    epoch: str
    operation: Operation
    began: int
    began_ms: int
    share: str = ""
    ended: int | None = None
    ended_ms: int | None = None
    sign: Sign | None = None
    took_ms: int | None = None
    retry_after_ms: int | None = None


class _Stated(msgspec.Struct):
    """What a statement of kind `health` tells: one event that is no receipt's."""

    epoch: str
    number: int
    at_ms: int
    act: EventKind
    endpoint: str
    operation: Operation | None = None
    share: str = ""
    sign: Sign | None = None
    took_ms: int | None = None
    retry_after_ms: int | None = None
    samples: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The events of each epoch by their numbers, and in words what cannot be as it is told."""

    epochs: Mapping[str, Mapping[int, HealthEvent]]
    faults: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What came of one snapshot. `differences` are in words; `missing` are the numbers of events that were not found,
    from the first to the last of each gap: with any of them nothing is compared. `why` says what was not checked."""

    differences: tuple[str, ...] = ()
    missing: tuple[tuple[int, int], ...] = ()
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        return "FALSE" if self.differences else "not checked" if self.missing or self.why else "proved"


def event_json(epoch: str, event: HealthEvent) -> JsonObject:
    """An event as a statement of kind `health` states it; `outcomes_in` reads it again."""
    plain: dict[str, Any] = msgspec.to_builtins(event)
    kept = {name: value for name, value in plain.items() if name != "kind" and value not in (None, "", [])}
    return {"epoch": epoch, "act": event.kind, **kept}


def outcomes_in(payloads: Iterable[Mapping[str, Any]], epoch: str | None = None) -> Outcomes:
    """The events that receipts and health statements tell of, in any order, or only those of one epoch. What is neither is
    passed over."""
    found = _Found(epoch)
    for payload in payloads:
        if payload.get("kind") == "health":
            found.statement(payload)
        for attempt in (*(payload.get("attempts") or ()), *(payload.get("earlier") or ())):
            if isinstance(attempt, Mapping) and "events" in attempt:
                found.attempt(attempt, str(payload.get("id")))
    found.check_times()
    return Outcomes(found.epochs, {epoch: tuple(faults) for epoch, faults in found.faults.items()})


def derive(outcomes: Outcomes, snapshot: Snapshot, rules: HealthRules = _RULES) -> Derived:
    """Counts the events that a snapshot says it has seen, and compares every number with what they come to."""
    return derive_all(outcomes, {"": snapshot}, rules)[""]


def derive_all(
    outcomes: Outcomes, snapshots: Mapping[str, Snapshot], rules: HealthRules = _RULES
) -> Mapping[str, Derived]:
    """`derive` for many snapshots by name; the events of an epoch are counted once."""
    answers: dict[str, Derived] = {}
    counts: dict[str, _Count] = {}
    for name, snapshot in sorted(snapshots.items(), key=lambda item: item[1].events):
        if not snapshot.epoch or snapshot.operation is None:
            answers[name] = Derived(why="It was taken before outcomes were numbered.")
            continue
        if snapshot.epoch not in counts:
            counts[snapshot.epoch] = _Count(outcomes, snapshot.epoch, rules)
        answers[name] = counts[snapshot.epoch].compare(snapshot, snapshot.operation)
    return answers


@dataclass(slots=True)
class _Found:
    only: str | None = None
    epochs: dict[str, dict[int, HealthEvent]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def statement(self, payload: Mapping[str, Any]) -> None:
        """A health statement without a number is of a kind from before there were events."""
        if "number" not in payload or self._elsewhere(payload.get("epoch")):
            return
        try:
            told = msgspec.convert(payload, _Stated)
        except msgspec.ValidationError as error:
            self._fault(payload.get("epoch"), f"the statement {payload.get('id')} cannot be read: {error}")
            return
        values = {item.name: getattr(told, item.name) for item in fields(HealthEvent) if item.name != "kind"}
        self._add(told.epoch, HealthEvent(kind=told.act, **values))

    def attempt(self, attempt: Mapping[str, Any], receipt: str) -> None:
        events = attempt["events"]
        if isinstance(events, Mapping) and self._elsewhere(events.get("epoch")):
            return
        try:
            told = msgspec.convert(events, _Told)
            endpoint = msgspec.convert(attempt.get("endpoint"), str)
        except msgspec.ValidationError as error:
            epoch = events.get("epoch") if isinstance(events, Mapping) else None
            self._fault(epoch, f"an attempt in the receipt {receipt} cannot be read: {error}")
            return
        base: dict[str, Any] = {"endpoint": endpoint, "operation": told.operation}
        self._add(told.epoch, HealthEvent(number=told.began, at_ms=told.began_ms, kind="began", **base))
        if told.ended is None or told.ended_ms is None:
            return
        if (told.sign == "worked") != (attempt.get("outcome") == "done"):
            said = f"is {attempt.get('outcome')} and counted as {told.sign}"
            self._fault(told.epoch, f"an attempt in the receipt {receipt} {said}")
        share = told.share if told.sign == "worked" else ""
        self._add(told.epoch, HealthEvent(
            number=told.ended, at_ms=told.ended_ms, kind="ended", share=share, sign=told.sign, took_ms=told.took_ms,
            retry_after_ms=told.retry_after_ms, **base,
        ))  # fmt: skip

    def check_times(self) -> None:
        """Time never goes back from one event to the next."""
        for epoch, events in self.epochs.items():
            before: HealthEvent | None = None
            for number in sorted(events):
                event = events[number]
                if before is not None and event.at_ms < before.at_ms:
                    self._fault(epoch, f"event {number} is told as earlier than event {before.number}")
                before = event

    def _elsewhere(self, epoch: object) -> bool:
        return self.only is not None and epoch != self.only

    def _add(self, epoch: str, event: HealthEvent) -> None:
        known = self.epochs.setdefault(epoch, {}).setdefault(event.number, event)
        if known != event:
            self._fault(epoch, f"event {event.number} is told in two ways")

    def _fault(self, epoch: object, words: str) -> None:
        self.faults.setdefault(str(epoch), []).append(words)


class _Count:
    """The events of one epoch on their way through the fold; snapshots come in the order of their events."""

    def __init__(self, outcomes: Outcomes, epoch: str, rules: HealthRules) -> None:
        self._events = outcomes.epochs.get(epoch, {})
        self._numbers = sorted(self._events)
        self._faults = outcomes.faults.get(epoch, ())
        self._fold = Fold(rules)
        self._counted = 0

    def compare(self, snapshot: Snapshot, operation: Operation) -> Derived:
        if self._faults:
            return Derived(differences=self._faults)
        if missing := self._missing(snapshot.events):
            return Derived(missing=missing)
        for number in range(self._counted + 1, snapshot.events + 1):
            self._fold.apply(self._events[number])
        self._counted = max(self._counted, snapshot.events)
        differences = self._untimely(snapshot)
        for state in snapshot.endpoints:
            now = self._fold.project(state.endpoint, operation, snapshot.share, snapshot.taken_ms)
            differences += _differences(state, now)
        return Derived(differences=tuple(differences))

    def _missing(self, last: int) -> tuple[tuple[int, int], ...]:
        """The gaps among the numbers from 1 to `last`."""
        seen = [0, *self._numbers[: bisect_right(self._numbers, last)], last + 1]
        return tuple((a + 1, b - 1) for a, b in pairwise(seen) if b - a > 1)

    def _untimely(self, snapshot: Snapshot) -> list[str]:
        """A snapshot has seen what came before it, and nothing else; so none can leave out the news it does not like."""
        last, after = self._events.get(snapshot.events), self._events.get(snapshot.events + 1)
        found = []
        if last is not None and last.at_ms > snapshot.taken_ms:
            found.append(f"event {last.number} is later than the snapshot that has seen it")
        if after is not None and after.at_ms < snapshot.taken_ms:
            found.append(f"event {after.number} is earlier than the snapshot, which leaves it out")
        return found


def _differences(state: EndpointState, now: EndpointHealth) -> list[str]:
    stated = _health_in(state)
    if not state.ready and stated == EndpointHealth():
        return []  # out of the question for this request, so nothing was noted of it
    return [
        f"{state.endpoint}: {item.name} is {getattr(stated, item.name)}, its outcomes come to {getattr(now, item.name)}"
        for item in fields(EndpointHealth)
        if getattr(stated, item.name) != getattr(now, item.name)
    ]


def _health_in(state: EndpointState) -> EndpointHealth:
    """What a snapshot says was measured. A latency that is the card's own word is none."""
    measured = state.latency_from in {"here", "endpoint"}
    return EndpointHealth(
        latency_ms=state.latency_ms if measured else None,
        p95_ms=state.p95_ms,
        peak_ms=state.peak_ms,
        here=state.latency_from == "here",
        success_per_mille=state.success_per_mille,
        in_flight=state.in_flight,
        breaker=state.breaker,
        open_until_ms=state.open_until_ms,
    )
