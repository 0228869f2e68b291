"""Doubles for the router's tests: a clock, models that play a script, a store in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from triptych.router.execute import Router
from triptych.router.registry import Endpoint
from triptych.spec.errors import StorageError, TriptychError
from triptych.spec.image import Adjustment, Billed, Cost, GeneratedImage, ImageRequest, ImageResult
from triptych.spec.model import (
    Accepted,
    CallContext,
    Capabilities,
    JobHandle,
    KeyCheck,
    ModelCard,
    Sent,
    WireRecord,
)  # fmt: skip
from triptych.spec.records import AttemptRecord, LedgerEntry
from triptych.spec.routing import Decision, RouteEvent
from triptych.store.base import Charged, RecordStore, Spend

PRICE = 40_000


class FakeClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return 1_790_000_000_000 + round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.seconds += max(0.0, seconds)


class StuckClock(FakeClock):
    """Time that stands still: a sleep ends only by being stopped."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


@dataclass(frozen=True)
class Step:
    """What a call does: tell that it was sent, tell a job, then raise or make pictures. `charge` is what the provider
    really takes for it."""

    error: Callable[[], TriptychError] | None = None
    charge: int | None = None  # None: the price of the model
    say: Billed | None = None  # what the answer says about billing; None: yes if charged
    tell_cost: bool = True
    sent: bool = True
    accept: bool = False
    hang: bool = False
    crash: bool = False
    seconds: float = 1.0


OK = Step()


def fail(error: type[TriptychError], *, sent: bool = True, charge: int = 0, accept: bool = False, **words: Any) -> Step:
    return Step(
        error=lambda: error(f"{error.code} happened.", **words), sent=sent, charge=charge, accept=accept
    )  # fmt: skip


def card(name: str = "one/a", **changes: Any) -> ModelCard:
    provider, _, model = name.partition("/")
    caps = changes.pop("caps", {})
    base = ModelCard(
        id=name, provider=provider, provider_model_id=f"{model}-v1", family=model, name=name.title(), maker="Maker",
        lane="commercial", capabilities=Capabilities(**{"operations": ("generate", "edit"), "max_input_images": 3, **caps}),
    )  # fmt: skip
    return replace(base, **changes)


class FakeModel:
    """A model that plays one step per call, the last one for ever."""

    def __init__(
        self, card_: ModelCard, *steps: Step, price: int | None = PRICE, clock: FakeClock | None = None
    ) -> None:
        self._card = card_
        self.steps = list(steps) or [OK]
        self.price = price
        self.clock = clock
        self.requests: list[ImageRequest] = []
        self.submitted: list[str] = []
        self.resumed: list[JobHandle] = []
        self.cancelled: list[JobHandle] = []
        self.charged = 0
        self.adjustments: tuple[Adjustment, ...] = ()
        self.plan_error: TriptychError | None = None
        self.agrees_to_cancel = True
        self.started = asyncio.Event()

    @property
    def card(self) -> ModelCard:
        return self._card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        if self.plan_error is not None:
            raise self.plan_error
        return self.adjustments

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        self.requests.append(request)
        self.submitted.append(context.call_id)
        if step.sent:
            await context.tell(Sent(WireRecord(method="POST", url="/x", headers={}, body=None, body_sha256=None)))
        self.charged += self._charge(step, request)
        if step.accept:
            await context.tell(Accepted(self.job()))
        self.started.set()
        return await self._play(step, request)

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        self.resumed.append(job)
        self.requests.append(request)
        return await self._play(self.steps.pop(0) if len(self.steps) > 1 else self.steps[0], request)

    async def cancel(self, job: JobHandle) -> bool:
        self.cancelled.append(job)
        return self.agrees_to_cancel

    async def check(self) -> KeyCheck:
        return KeyCheck(ok=True, message="fine")

    def job(self) -> JobHandle:
        return JobHandle(provider=self._card.provider, endpoint=self._card.id, job_id="job-1", state={})

    def _charge(self, step: Step, request: ImageRequest) -> int:
        return step.charge if step.charge is not None else (self.price or 0) * request.n

    async def _play(self, step: Step, request: ImageRequest) -> ImageResult:
        await asyncio.sleep(0)
        if self.clock is not None:
            self.clock.seconds += step.seconds
        if step.hang:
            await asyncio.Event().wait()
        if step.crash:
            raise RuntimeError("a fault in the model")
        if step.error is not None:
            raise step.error()
        charge = self._charge(step, request)
        images = tuple(GeneratedImage(data=b"%d" % i, seed=request.seed) for i in range(request.n))
        return ImageResult(
            images=images,
            adjustments=self.adjustments,
            cost=Cost(charge, "provider") if step.tell_cost else Cost(None, "unknown"),
            billed=step.say or ("yes" if charge else "no"),
        )


class FakeRegistry:
    """Endpoints by name; `ready`, `enabled` and the like by `set`."""

    def __init__(self, *models: FakeModel) -> None:
        self.known: dict[str, Endpoint] = {model.card.id: Endpoint(model, ready=True) for model in models}

    def endpoints(self) -> Mapping[str, Endpoint]:
        return self.known

    def set(self, name: str, **changes: Any) -> None:
        self.known[name] = replace(self.known[name], **changes)


class FakeStore:
    """The ledger, decisions and attempts of a RecordStore, in memory, with its promises kept."""

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []
        self.decisions: list[tuple[str, Decision]] = []
        self.attempts: dict[str, tuple[AttemptRecord, ...]] = {}
        self.samples: dict[str, tuple[tuple[int, bool], ...]] = {}
        self.snapshots: dict[str, str] = {}
        self.policies: dict[str, str] = {}
        self.fail_close = False
        self.gate: asyncio.Event | None = None
        self.highest: dict[str, int] = {}

    async def save_decision(self, decision: Decision, tile_id: str, snapshot: str | None = None) -> None:
        self.decisions.append((tile_id, decision))
        if snapshot is not None:
            self.snapshots[decision.snapshot_id] = snapshot

    async def keep_policy(self, policy_id: str, body: str, now_ms: int) -> None:
        self.policies[policy_id] = body

    async def attempts_of(self, tile_id: str) -> tuple[AttemptRecord, ...]:
        return self.attempts.get(tile_id, ())

    async def endpoint_samples(self, endpoint: str, limit: int = 50) -> tuple[tuple[int, bool], ...]:
        return self.samples.get(endpoint, ())[:limit]

    async def decisions_of(self, tile_id: str) -> tuple[Decision, ...]:
        return tuple(decision for tile, decision in self.decisions if tile == tile_id)

    async def policy(self, policy_id: str) -> str | None:
        return self.policies.get(policy_id)

    async def reserve(
        self, entry: LedgerEntry, caps: Mapping[str, int], fee: LedgerEntry | None = None
    ) -> Spend | None:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        scopes: dict[str, dict[str, str | None]] = {
            "run": {"run_id": entry.run_id},
            "day": {"day": entry.day},
            "key": {"api_key": entry.api_key},
            "project": {"project": entry.project},
        }
        for name, limit in caps.items():
            spent = self._spend(scopes[name])
            amount = entry.amount_micro_usd + (fee.amount_micro_usd if fee is not None else 0)
            if spent.amount_micro_usd + amount > limit:
                return spent
            self.highest[name] = max(self.highest.get(name, 0), spent.amount_micro_usd + amount)
        self.entries += [one for one in (entry, fee) if one is not None]
        return None

    async def close_reservation(self, entry: LedgerEntry, fee: LedgerEntry | None = None) -> bool:
        await asyncio.sleep(0)
        if self.fail_close:
            raise StorageError("The disk is full.")
        if any(e.reservation == entry.reservation and e.kind != "reserve" for e in self.entries):
            return False
        self.entries += [one for one in (entry, fee) if one is not None]
        return True

    async def spend(
        self,
        *,
        run_id: str | None = None,
        day: str | None = None,
        api_key: str | None = None,
        project: str | None = None,
    ) -> Spend:
        return self._spend({"run_id": run_id, "day": day, "api_key": api_key, "project": project})

    async def charges(self, since_day: str) -> Mapping[str, Charged]:
        held = {e.reservation: e for e in self.of_kind("reserve") if e.known and e.endpoint and e.day >= since_day}
        both = [(held[e.reservation], e) for e in self.of_kind("settle") if e.known and e.reservation in held]
        found: dict[str, Charged] = {}
        for first, last in both:
            assert first.endpoint is not None
            old = found.get(
                first.endpoint, Charged(calls=0, estimated_micro_usd=0, charged_micro_usd=0, unknown=0, released=0)
            )
            amount = first.amount_micro_usd
            ratio = -(-last.amount_micro_usd * 10_000 // amount) if amount else 0
            found[first.endpoint] = replace(
                old, calls=old.calls + 1, estimated_micro_usd=old.estimated_micro_usd + amount,
                charged_micro_usd=old.charged_micro_usd + last.amount_micro_usd, most_bp=max(old.most_bp, ratio),
            )  # fmt: skip
        return found

    async def ledger(self, *, run_id: str | None = None, tile_id: str | None = None) -> tuple[LedgerEntry, ...]:
        wanted = {"run_id": run_id, "tile_id": tile_id}
        return tuple(e for e in self.entries if all(v in {None, getattr(e, name)} for name, v in wanted.items()))

    async def open_reservations(self) -> tuple[LedgerEntry, ...]:
        return tuple(self.open())

    def open(self) -> list[LedgerEntry]:
        closed = {e.reservation for e in self.entries if e.kind != "reserve"}
        return [e for e in self.entries if e.kind == "reserve" and e.reservation not in closed]

    def of_kind(self, kind: str) -> list[LedgerEntry]:
        return [e for e in self.entries if e.kind == kind]

    def known_sum(self) -> int:
        return sum(e.amount_micro_usd for e in self.entries if e.kind == "settle" and e.known)

    def _spend(self, scope: Mapping[str, str | None]) -> Spend:
        counted = [
            e
            for e in (*self.open(), *self.of_kind("settle"))
            if all(value is None or getattr(e, name) == value for name, value in scope.items())
        ]
        return Spend(
            amount_micro_usd=sum(e.amount_micro_usd for e in counted), unknown=sum(not e.known for e in counted)
        )


@dataclass
class Stage:
    """A router with everything around it in plain sight."""

    models: Sequence[FakeModel]
    clock: FakeClock = field(default_factory=FakeClock)
    store: FakeStore = field(default_factory=FakeStore)
    nonce: str = "00ff"
    grace_s: float = 30.0

    def __post_init__(self) -> None:
        self.registry = FakeRegistry(*self.models)
        self.prices = {model.card.id: model for model in self.models}
        self.events: list[RouteEvent] = []
        for model in self.models:
            model.clock = self.clock
        self.router = Router(
            self.registry,
            cast(RecordStore, self.store),
            self.clock,
            self.price,
            nonce=lambda: self.nonce,
            grace_s=self.grace_s,
        )

    def price(self, card_: ModelCard, request: ImageRequest) -> Cost:
        price = self.prices[card_.id].price
        if price is None:
            return Cost(None, "unknown")
        return Cost(price * request.n, "table" if price else "free")

    async def tell(self, event: RouteEvent) -> None:
        self.events.append(event)

    def run(self, request: ImageRequest | None = None, *, model: str = "one/a", **options: Any) -> Awaitable[Any]:
        wanted = request or ImageRequest(prompt="a kettle")
        fixed = {"run_id": "run_1", "tile_id": "tile_1", "tell": self.tell}
        return self.router.run(wanted, model=model, **{**fixed, **options})

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
