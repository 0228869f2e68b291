"""From a wish to a stored decision with something to try."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from triptych.router.book import PolicyBook
from triptych.router.decide import decide
from triptych.router.health import Health
from triptych.router.price import Price
from triptych.router.refusal import known_or_raise, no_route
from triptych.router.registry import Endpoint, Registry
from triptych.router.snapshot import NO_LIKING, Sight, Taste, in_question, take
from triptych.router.waits import Waits
from triptych.spec.clock import Clock
from triptych.spec.errors import OverloadedError, TriptychError
from triptych.spec.ids import new_id
from triptych.spec.image import Adjustment, ImageRequest
from triptych.spec.replacing import replace
from triptych.spec.routing import Decided, Decision, Features, Policy, Reason, Tell, Waiting
from triptych.store.base import RecordStore


def random_nonce() -> str:
    """Sixteen random bytes as hex."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be decided about."""

    request: ImageRequest
    features: Features
    policy: Policy
    nonce: str
    nonce_from: Literal["client", "router"] = "router"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What would become of a request now: it is tried at the first of `able`, which makes these `adjustments`, once `wait_s` is
    over where all that are able are cooling down. Or it is tried nowhere, for the reason in `refusal`."""

    able: tuple[str, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    wait_s: float = 0.0
    refusal: TriptychError | None = None


_ABLE: frozenset[Reason] = frozenset({"picked", "ranked_lower", "probation"})


@dataclass(frozen=True, slots=True)
class _Rest:
    """The endpoint whose cooldown ends first, and how long that is."""

    seconds: float
    endpoint: str


class Chooser:
    """Decides on the endpoints as they are now."""

    def __init__(
        self,
        registry: Registry,
        store: RecordStore,
        clock: Clock,
        price: Price,
        *,
        health: Health,
        waits: Waits,
        policies: PolicyBook,
        taste: Taste,
    ) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._price = price
        self._health = health
        self._policies = policies
        self._waits = waits
        self._taste = taste

    def decide(self, wish: Wish) -> tuple[Decision, Sight]:
        """The decision now, and what it was made on. Raises UnknownModelError."""
        endpoints = self._registry.endpoints()
        known_or_raise(wish.features.model, endpoints)
        return self._decide(wish, endpoints)

    def _decide(self, wish: Wish, endpoints: Mapping[str, Endpoint]) -> tuple[Decision, Sight]:
        now_ms = self._health.now_ms()
        # Snapshots are public, and a taste is personal: it goes into those that need it.
        liking = self._taste(wish.features.operation) if wish.policy.strategy == "thompson" else NO_LIKING
        sight = take(
            endpoints, wish.request, wish.features, wish.policy,
            health=self._health, price=self._price, taken_ms=now_ms, liking=liking,
        )  # fmt: skip
        decision = decide(
            wish.policy, sight.snapshot, wish.features, wish.nonce,
            decision_id=new_id("dec", now_ms), snapshot_id=sight.sealed.id,
        )  # fmt: skip
        return replace(decision, nonce_from=wish.nonce_from), sight

    def foresee(self, wish: Wish, time_s: float) -> Outlook:
        """What would become of a wish that has `time_s` seconds; nothing is stored, told, or waited for. It is decided as by
        `choose`, but that endpoints of other models, which could not be picked, are not looked at."""
        endpoints = self._registry.endpoints()
        decision, sight = self._decide(wish, in_question(endpoints, wish.features, wish.policy))
        able = tuple(one.endpoint for one in decision.candidates if one.reason in _ABLE)
        if able:
            return Outlook(able=able, adjustments=sight.adjustments[able[0]])
        pause = self._pause(decision, wish.policy, time_s)
        if pause is None:
            return Outlook(refusal=self._refusal(decision, sight))
        cooling = tuple(one.endpoint for one in decision.candidates if one.reason == "unhealthy")
        return Outlook(able=cooling, adjustments=sight.adjustments[pause.endpoint], wait_s=pause.seconds)

    async def choose(
        self, wish: Wish, tile_id: str, tell: Tell, deadline: float
    ) -> tuple[Decision, Mapping[str, Endpoint]]:
        """A decision with something to try, stored and told, and the endpoints it is about. When everything possible is only cooling down, it waits
        for the first to recover. Raises the error that helps most when there is nothing to try; that decision is
        stored too."""
        operation, limit = wish.features.operation, wish.policy.retry.max_attempts
        decision, sight = self.decide(wish)
        for number in range(1, limit):
            rest = self._pause(decision, wish.policy, deadline - self._clock.monotonic())
            if rest is None:
                break
            cooling = OverloadedError(f"{rest.endpoint} is cooling down after failures.", retry_after_s=rest.seconds)
            why = self._health.last_error(rest.endpoint, operation) or cooling
            await tell(Waiting(rest.seconds, number, limit, why))
            if await self._waits.wait(tile_id, rest.seconds):
                self._health.allow_probe(rest.endpoint, operation)
            decision, sight = self.decide(wish)
        await self._policies.keep(wish.policy)
        await self._store.save_decision(decision, tile_id, sight.sealed.body.decode())
        await tell(Decided(decision))
        if not decision.order:
            raise self._refusal(decision, sight)
        return decision, sight.endpoints

    def _refusal(self, decision: Decision, sight: Sight) -> TriptychError:
        rest = self._rest(decision)
        last = self._health.last_error(rest.endpoint, decision.features.operation) if rest else None
        return no_route(decision, sight, wait_s=rest.seconds if rest else None, last=last)

    def _pause(self, decision: Decision, policy: Policy, time_s: float) -> _Rest | None:
        """What is waited for before it is decided again; None where there is something to try, or nothing worth a wait."""
        rest = None if decision.order or policy.retry.max_attempts < 2 else self._rest(decision)
        return (
            rest if rest is not None and rest.seconds <= policy.retry.wait_limit_s and rest.seconds < time_s else None
        )

    def _rest(self, decision: Decision) -> _Rest | None:
        operation = decision.features.operation
        cooling = [c.endpoint for c in decision.candidates if c.reason == "unhealthy"]
        waits = sorted((self._health.wait_s(name, operation), name) for name in cooling)
        return _Rest(*waits[0]) if waits else None
