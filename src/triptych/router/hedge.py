"""A second request beside one that takes long: the first picture counts, the other is stopped.

    one/a ──sent────────── p95 passes ────────────────────▶ stopped, or in vain
                               └─▶ two/a ──────▶ picture

Only where the policy has it and the user asked for it, to another endpoint that serves the same model, within the policy's
cost and the user's caps, and never after anybody said that it is too much. Each is an attempt like all others: reserved,
told, in the receipt. What was sent and then stopped may have been billed, and is shown so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from triptych.router.attempt import Attempts
from triptych.router.errand import Errand
from triptych.router.health import Health
from triptych.router.limits import Limits
from triptych.router.parts import Outcome, Part
from triptych.router.price import Price
from triptych.router.shielded import finish
from triptych.spec.clock import Clock

_Call = asyncio.Task[Outcome]


@dataclass(frozen=True, slots=True)
class _Other:
    """Whom a second request may go to, and what it costs by the card, with its fee."""

    endpoint: str
    micro_usd: int


class Hedges:
    """Makes single calls, with a second one beside those that take long."""

    def __init__(self, attempts: Attempts, health: Health, limits: Limits, clock: Clock, price: Price) -> None:
        self._attempts = attempts
        self._health = health
        self._limits = limits
        self._clock = clock
        self._price = price

    async def generate(self, errand: Errand, part: Part, endpoint: str, rest: tuple[str, ...]) -> Outcome:
        """One call at an endpoint; `rest` are those that may stand in for it, best first."""
        after_ms = self._health.p95_ms(endpoint, errand.operation, errand.share) if errand.hedge else None
        if after_ms is None or self._other(errand, part, endpoint, rest) is None:
            return await self._attempts.generate(errand, part, endpoint)
        under_way, words = asyncio.Event(), ()
        calls = [asyncio.ensure_future(self._attempts.generate(errand, part, endpoint, under_way=under_way))]
        try:
            await self._patience(calls[0], under_way, after_ms / 1000)
            other = None if calls[0].done() else self._other(errand, part, endpoint, rest)
            if other is not None:
                errand.hedged.append(other.micro_usd)
                calls.append(asyncio.ensure_future(self._attempts.generate(errand, part, other.endpoint, hedge=True)))
            return await _race(errand, calls)
        except asyncio.CancelledError as stop:
            words = stop.args
            raise
        finally:
            await finish(_stop(calls, *words))

    async def _patience(self, call: _Call, under_way: asyncio.Event, seconds: float) -> None:
        """Waits until a call is over, or has been under way for so long."""
        begun = asyncio.ensure_future(under_way.wait())
        timer: asyncio.Future[None] | None = None
        try:
            await asyncio.wait({call, begun}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                timer = asyncio.ensure_future(self._clock.sleep(seconds))
                await asyncio.wait({call, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
            if timer is not None:
                timer.cancel()

    def _other(self, errand: Errand, part: Part, endpoint: str, rest: tuple[str, ...]) -> _Other | None:
        """Whom to ask besides, None for nobody."""
        hedge = errand.hedge
        pushed_back = any(attempt.sign == "overloaded" for attempt in errand.journal.attempts)
        if hedge is None or pushed_back or len(errand.hedged) >= hedge.most:
            return None
        left = hedge.extra_micro_usd - sum(errand.hedged)
        fit = (name for name in rest if name != endpoint and self._fits(errand, part, endpoint, name))
        priced = ((name, self._price(errand.endpoints[name].model.card, part.request).amount_micro_usd) for name in fit)
        costs = ((name, None if price is None else price + errand.policy.fees.on(price)) for name, price in priced)
        return next((_Other(name, cost) for name, cost in costs if cost is not None and cost <= left), None)

    def _fits(self, errand: Errand, part: Part, endpoint: str, name: str) -> bool:
        """Whether an endpoint makes the same in one call, and has room for it."""
        card, here = errand.endpoints[name].model.card, errand.endpoints[endpoint].model.card
        return (
            (card.family == here.family or errand.other_models)
            and part.request.n <= max(1, card.capabilities.max_images_per_call)
            and self._health.wait_s(name, errand.operation) == 0
            and self._health.may_retry(name)
            and not self._limits.crowded(name, errand.operation)
        )


async def _race(errand: Errand, calls: list[_Call]) -> Outcome:
    """The first outcome with a picture. Without one the outcome that says most about the money: so what may have been
    billed at one of them is sent nowhere else."""
    waiting = set(calls)
    while waiting:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        won = next((call for call in calls if call.done() and call.exception() is None and call.result().result), None)
        if won is not None:
            return won.result()
    first, *others = (call.result() for call in calls)
    errand.in_vain.update(other.endpoint for other in others if other.tried)
    owed = (one for one in (first, *others) if one.error is not None and one.error.billed != "no")
    return next(owed, first)


async def _stop(calls: Sequence[_Call], *words: str) -> None:
    """Stops calls and waits until their money is closed."""
    for call in calls:
        call.cancel(*words)  # nothing to one that is over
    await asyncio.gather(*calls, return_exceptions=True)
