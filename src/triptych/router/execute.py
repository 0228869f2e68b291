"""The router: the way of one request from a decision through its attempts to an answer.

    decide ─▶ spread over calls ─▶ each: try, wait, try again ─▶ go on at the next endpoint ─▶ answer

What may follow a failure is said in `retry`, what it costs in `verdict` and `budget`.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from triptych.router.attempt import Attempts, stop_job
from triptych.router.book import PolicyBook, fees_of_tile
from triptych.router.budget import NO_CAPS, Budget, Caps, Hold, Payer
from triptych.router.choose import Chooser, Outlook, Wish, random_nonce
from triptych.router.decide import other_models
from triptych.router.errand import Errand, Journal
from triptych.router.features import features_of
from triptych.router.health import Health, HealthView
from triptych.router.hedge import Hedges
from triptych.router.latency import share_of
from triptych.router.legs import ended_before, left_out, leg_part
from triptych.router.limits import LimitRules, Limits
from triptych.router.merge import answer
from triptych.router.parts import Outcome, Part, fee_before, price_of, split
from triptych.router.policy import CHEAPEST
from triptych.router.price import Price
from triptych.router.registry import Registry
from triptych.router.retry import onward, retry_wait_s
from triptych.router.snapshot import NO_LIKING, Taste
from triptych.router.verdict import Ending, interrupted
from triptych.router.waits import Waits
from triptych.spec.clock import Clock
from triptych.spec.errors import AmbiguousError, ExpiredError, TriptychError
from triptych.spec.image import ImageRequest
from triptych.spec.model import JobHandle, Lane, ModelCard
from triptych.spec.routing import NO_FLOORS, Decision, Features, Fees, Floors, Leg, Policy, RoutedResult, Tell, Waiting
from triptych.store.base import RecordStore

_log = structlog.get_logger(__name__)
_FORESEEN = "foreseen"  # a nonce of no request: the same plan reads the same each time


class Router:
    """Sends requests to endpoints. One per process; every method may be called concurrently.

    `price` is what one call costs by its card, `hold` what is held for it where that may be more, `nonce` where each request's random draw comes from, `taste` how much the
    user likes each model, `grace_s` how long after its deadline a call is given up that did not end by itself.
    """

    def __init__(
        self,
        registry: Registry,
        store: RecordStore,
        clock: Clock,
        price: Price,
        *,
        hold: Price | None = None,
        policy: Policy = CHEAPEST,
        nonce: Callable[[], str] = random_nonce,
        health: Health | None = None,
        limits: LimitRules | None = None,
        taste: Taste = lambda _: NO_LIKING,
        grace_s: float = 30.0,
    ) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._price = price
        self.hold = hold or price
        self._nonce = nonce
        self.policies = PolicyBook(store, clock, policy)
        self.health = health or Health(clock)
        self.limits = Limits(clock, limits)
        self.budget = Budget(store, clock)
        self._waits = Waits(clock)
        self._chooser = Chooser(
            registry, store, clock, price,
            health=self.health, waits=self._waits, policies=self.policies, taste=taste,
        )  # fmt: skip
        self._attempts = Attempts(self.budget, self.health, self.limits, clock, self.hold, grace_s)
        self._hedges = Hedges(self._attempts, self.health, self.limits, clock, price)

    async def run(
        self,
        request: ImageRequest,
        *,
        model: str,
        run_id: str,
        tile_id: str,
        tell: Tell,
        caps: Caps = NO_CAPS,
        policy: Policy | None = None,
        lane_floor: Lane | None = None,
        max_price_micro_usd: int | None = None,
        allow_model_failover: bool = False,
        floors: Floors = NO_FLOORS,
        nonce: str | None = None,
        deadline_s: float = 300.0,
        api_key: str | None = None,
        hedge: bool = False,
        project: str | None = None,
    ) -> RoutedResult:
        """Makes the pictures. Raises a TriptychError, with `attempts` and `billed` over all of them, when none came.

        Parts of a request that needs several calls run side by side, and one that fails becomes an ItemFailure. The
        decision is stored before the first attempt. On cancellation everything reserved is closed before it returns,
        and accepted jobs are cancelled at the provider where it can do that; with the message DETACH they are left.
        With `hedge`, and a policy that has it, what takes long is also asked of a second endpoint (see `hedge`).
        """
        deadline = self._clock.monotonic() + deadline_s
        features = features_of(
            request, model, lane_floor=lane_floor, max_price_micro_usd=max_price_micro_usd,
            other_models=allow_model_failover, floors=floors,
        )  # fmt: skip
        wish = self._wish(request, features, policy, nonce)
        decision, endpoints = await self._chooser.choose(wish, tile_id, tell, deadline)
        errand = Errand(
            payer=Payer(run_id=run_id, tile_id=tile_id, api_key=api_key, project=project, caps=caps),
            endpoints=endpoints,
            operation=request.operation,
            share=_share(request),
            policy=wish.policy,
            other_models=other_models(wish.policy, wish.features),
            nonce=wish.nonce,
            deadline=deadline,
            tell=tell,
            journal=Journal(tell),
            hedge=wish.policy.hedge if hedge else None,
        )
        await self._afford(errand, request, decision.order[0])
        outcomes = await self._spread(errand, Part(0, request), decision.order)
        return answer(request, outcomes, errand.journal.attempts, endpoints, decision)

    async def resume(
        self,
        legs: Sequence[Leg],
        request: ImageRequest,
        *,
        run_id: str,
        tile_id: str,
        tell: Tell,
        deadline_s: float = 300.0,
        api_key: str | None = None,
        project: str | None = None,
    ) -> RoutedResult:
        """Goes on with jobs that providers accepted before a restart, each on its own reservation; nothing is submitted.

        Pictures of the same request that were in calls without a job, and did not end, are lost and come back as
        failures that may have been billed. What ended before counts in the answer's cost. Raises ExpiredError when
        every job, or its endpoint, is gone.
        """
        endpoints = self._registry.endpoints()
        fees = await fees_of_tile(self._store, tile_id)
        holds = [await self.budget.adopt(tile_id, leg.job.endpoint, leg.reservation, fees) for leg in legs]
        there = [hold for leg, hold in zip(legs, holds, strict=True) if leg.job.endpoint in endpoints]
        await self.budget.reconcile(tile_id, kept=there)
        parts = [leg_part(leg, request, endpoints) for leg in legs]
        made = await self._store.attempts_of(tile_id)
        errand = Errand(
            payer=Payer(run_id=run_id, tile_id=tile_id, api_key=api_key, project=project),
            endpoints=endpoints,
            operation=request.operation,
            share=_share(request),
            policy=self.policies.active,
            other_models=False,
            nonce=self._nonce(),
            deadline=self._clock.monotonic() + deadline_s,
            tell=tell,
            journal=Journal(tell, first_number=len(made) + 1),
        )
        ways = (self._go_on(errand, *one) for one in zip(parts, legs, holds, strict=True))
        ends = await asyncio.gather(*ways, return_exceptions=True)
        outcomes = _gathered(tuple(parts), legs[0].job.endpoint, ends)
        lost = [_lost(part, legs[0].job) for part in left_out(request, parts, made)]
        attempts = (*ended_before(made), *errand.journal.attempts)
        return answer(request, [*outcomes, *lost], attempts, endpoints, None)

    async def _go_on(self, errand: Errand, part: Part, leg: Leg, hold: Hold | None) -> list[Outcome]:
        if leg.job.endpoint in errand.endpoints:
            return [await self._attempts.resume(errand, part, leg.job, hold)]
        gone = ExpiredError(
            f"The endpoint {leg.job.endpoint} is no longer configured; its job cannot be asked about.",
            provider=leg.job.provider,
            hint="It may have been billed. Look at the provider's own list before trying again.",
        )
        return [Outcome(part=part, endpoint=leg.job.endpoint, error=gone, tried=False)]

    async def give_up(self, leg: Leg, tile_id: str) -> tuple[Ending, int]:
        """Ends a job from before a restart that nobody has gone on with: its provider is asked to stop it, and its
        reservation is closed. Returns what it came to and the fee in micro-dollars. Raises StorageError."""
        endpoint = self._registry.endpoints().get(leg.job.endpoint)
        confirmed = endpoint is not None and await stop_job(endpoint.model, leg.job)
        fees = await fees_of_tile(self._store, tile_id)
        hold = await self.budget.adopt(tile_id, leg.job.endpoint, leg.reservation, fees)
        free = hold is not None and hold.estimate.amount_micro_usd == 0
        ending = interrupted(sent=True, free=free, confirmed=confirmed, stopped=True)
        fee = await self.budget.close(hold, ending.billed, ending.cost) if hold is not None else 0
        return ending, fee

    def decide_for(
        self,
        request: ImageRequest,
        model: str,
        *,
        policy: Policy | None = None,
        lane_floor: Lane | None = None,
        max_price_micro_usd: int | None = None,
        allow_model_failover: bool = False,
    ) -> Decision:
        """What `run` would decide now. Nothing is stored or sent. Raises UnknownModelError."""
        features = features_of(
            request, model, lane_floor=lane_floor, max_price_micro_usd=max_price_micro_usd,
            other_models=allow_model_failover,
        )  # fmt: skip
        return self._chooser.decide(self._wish(request, features, policy, None))[0]

    def foresee(
        self,
        request: ImageRequest,
        model: str,
        *,
        lane_floor: Lane | None = None,
        floors: Floors = NO_FLOORS,
        deadline_s: float = 300.0,
    ) -> Outlook:
        """What `run` would do now with a request to a model that there is: where it could try, after which wait, or why
        nowhere. Nothing is stored or sent. What the nonce draws may stand in another order."""
        features = features_of(request, model, lane_floor=lane_floor, floors=floors)
        return self._chooser.foresee(self._wish(request, features, None, _FORESEEN), deadline_s)

    def fees(self) -> Fees:
        """The fee schedule of the active policy."""
        return self.policies.active.fees

    def health_view(self) -> tuple[HealthView, ...]:
        """How every endpoint that was called is doing, per operation."""
        return self.health.view()

    def typical_seconds(self, card: ModelCard) -> tuple[int, int] | None:
        """How long a picture usually takes, p50 and p90: as measured here, else as the card says."""
        return self.health.typical_seconds(card.id) or card.typical_seconds

    def retry_now(self, tile_id: str) -> bool:
        """Ends a tile's wait for its next attempt; False when it is not waiting."""
        return self._waits.end(tile_id)

    async def load_health(self) -> None:
        """Takes latency and success from the stored attempts, once after a start."""
        for name, endpoint in self._registry.endpoints().items():
            samples = await self._store.endpoint_samples(name)
            if samples:
                self.health.seed(name, endpoint.model.card.capabilities.operations[0], samples)

    def _wish(self, request: ImageRequest, features: Features, policy: Policy | None, nonce: str | None) -> Wish:
        return Wish(
            request=request,
            features=features,
            policy=policy or self.policies.active,
            nonce=self._nonce() if nonce is None else nonce,
            nonce_from="router" if nonce is None else "client",
        )

    async def _afford(self, errand: Errand, request: ImageRequest, first: str) -> None:
        """Several calls are refused together when a cap has no room for all of them."""
        card = errand.endpoints[first].model.card
        if len(split(Part(0, request), card)) > 1:
            fee = fee_before(errand.policy.fees, card, request, self.hold)
            await self.budget.check(errand.payer, first, price_of(card, request, self.hold), fee)

    async def _spread(self, errand: Errand, part: Part, order: tuple[str, ...]) -> list[Outcome]:
        """Splits a part into the calls that the first endpoint takes, and sees each through: side by side, or one after
        another where a cap is near."""
        card = errand.endpoints[order[0]].model.card
        parts = split(part, card)
        if len(parts) == 1:
            return await self._see_through(errand, part, order)
        fee = fee_before(errand.policy.fees, card, part.request, self.hold)
        roomy = await self.budget.roomy(errand.payer, order[0], price_of(card, part.request, self.hold), fee)
        ends: list[list[Outcome] | BaseException] = []
        for several in (parts,) if roomy else ((single,) for single in parts):
            walks = (self._see_through(errand, single, order) for single in several)
            ends += await asyncio.gather(*walks, return_exceptions=True)
        return _gathered(parts, order[0], ends)

    async def _see_through(self, errand: Errand, part: Part, order: tuple[str, ...]) -> list[Outcome]:
        """One call at the first endpoint, and after a failure that allows it at the others."""
        outcome = await self._try(errand, part, order)
        left = tuple(name for name in order[1:] if name not in errand.in_vain)
        rest = onward(outcome, left, errand.endpoints, other_models=errand.other_models)
        if not rest or self._clock.monotonic() >= errand.deadline:
            return [outcome]
        further = await self._spread(errand, part, rest)
        if outcome.error is not None and not any(end.tried for end in further):
            why = "; ".join(sorted({f"{end.endpoint}: {end.error.message}" for end in further if end.error}))
            outcome.error.detail = f"Not tried elsewhere. {why}"
            return [outcome]
        return further

    async def _try(self, errand: Errand, part: Part, order: tuple[str, ...]) -> Outcome:
        """Attempts at the first endpoint until one works, or may not be repeated."""
        tries, endpoint = 0, order[0]
        while True:
            outcome = await self._hedges.generate(errand, part, endpoint, order[1:])
            tries += 1
            wait = retry_wait_s(
                outcome,
                tries=tries,
                policy=errand.policy,
                nonce=errand.nonce,
                time_left_s=errand.deadline - self._clock.monotonic(),
                not_before_s=self.health.wait_s(endpoint, errand.operation),
                paused=not self.health.may_retry(endpoint),
            )
            if wait is None or outcome.error is None:
                return outcome
            await errand.tell(Waiting(wait, tries + 1, errand.policy.retry.max_attempts, outcome.error))
            await self._waits.wait(errand.payer.tile_id, wait)


def _share(request: ImageRequest) -> str:
    features = features_of(request, "")
    return share_of(features.megapixels_x100, features.quality)


def _gathered(parts: tuple[Part, ...], endpoint: str, ends: Sequence[list[Outcome] | BaseException]) -> list[Outcome]:
    """What all calls came to. A fault in one of them is raised only when no other brought a picture: what was paid for is
    not thrown away."""
    outcomes: list[Outcome] = []
    faults: list[BaseException] = []
    for part, end in zip(parts, ends, strict=True):
        if isinstance(end, list):
            outcomes += end
        elif isinstance(end, TriptychError):
            outcomes.append(Outcome(part=part, endpoint=endpoint, error=end, tried=False))
        else:
            faults.append(end)
            broken = AmbiguousError("Something broke inside Triptych during this call; it may have been billed.")
            outcomes.append(Outcome(part=part, endpoint=endpoint, error=broken))
    for fault in faults:
        if not isinstance(fault, Exception) or not any(outcome.result for outcome in outcomes):
            raise fault
        _log.error("internal error in one of several calls", endpoint=endpoint, exc_info=fault)
    return outcomes


def _lost(part: Part, job: JobHandle) -> Outcome:
    error = ExpiredError("It was in flight when the server stopped; it may have been billed.", provider=job.provider)
    return Outcome(part=part, endpoint=job.endpoint, error=error, tried=False)
