"""Several calls into one answer: pictures in order, sums of money and usage, and what became of each thing asked for.

Costs add up over every attempt that was billed or may have been. A sum with one unknown term is unknown: the known
terms stay with their attempts and pictures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from triptych.router.parts import Outcome
from triptych.router.registry import Endpoint
from triptych.spec.errors import FailureClass, TriptychError
from triptych.spec.image import (
    FREE,
    UNKNOWN_COST,
    Adjustment,
    Billed,
    Cost,
    CostSource,
    GeneratedImage,
    ImageRequest,
    ImageResult,
    ItemFailure,
    Usage,
)
from triptych.spec.model import LANES
from triptych.spec.replacing import replace
from triptych.spec.routing import Attempt, Decision, RoutedResult

_TELLING: tuple[FailureClass, ...] = ("ambiguous", "blocked", "failed", "rejected", "overloaded", "not_sent")
_WEAKEST_LAST: tuple[CostSource, ...] = ("free", "provider", "usage", "table", "unknown")


def total_cost(costs: Iterable[Cost]) -> Cost:
    """The sum, with the weakest of the sources; unknown as soon as one of them is."""
    terms = tuple(costs)
    amounts = [cost.amount_micro_usd for cost in terms if cost.amount_micro_usd is not None]
    if len(amounts) < len(terms):
        return UNKNOWN_COST
    sources = {cost.source for cost in terms} or {"free"}
    source = next(source for source in reversed(_WEAKEST_LAST) if source in sources)
    return Cost(sum(amounts), source)


def total_billed(values: Iterable[Billed]) -> Billed:
    """`yes` when anything was billed for certain, else `unknown` when anything may have been, else `no`."""
    seen = set(values)
    return "yes" if "yes" in seen else "unknown" if "unknown" in seen else "no"


def total_usage(usages: Iterable[Usage]) -> Usage:
    """Sums field by field over those that say something."""
    reported = tuple(usages)
    sums: dict[str, int | None] = {}
    for item in fields(Usage):
        values = [value for usage in reported if (value := getattr(usage, item.name)) is not None]
        sums[item.name] = sum(values) if values else None
    return Usage(**sums)


def answer(
    request: ImageRequest,
    outcomes: Sequence[Outcome],
    attempts: tuple[Attempt, ...],
    endpoints: Mapping[str, Endpoint],
    decision: Decision | None,
) -> RoutedResult:
    """The answer out of all parts, given in order of position. Raises the most telling error when no part brought a picture."""
    served = [(outcome, outcome.result) for outcome in outcomes if outcome.result is not None]
    untold = [o.error.billed for o in outcomes if o.error is not None and not o.tried]  # e.g. lost in a restart
    billed = total_billed([*(attempt.billed for attempt in attempts), *untold])
    cost = UNKNOWN_COST if "unknown" in untold else _spent(attempts)
    if not served:
        raise _most_telling(outcomes, attempts, billed, cost)
    first, first_result = served[0]
    cards = [endpoints[outcome.endpoint].model.card for outcome, _ in served]
    several = len({outcome.endpoint for outcome, _ in served}) > 1
    return RoutedResult(
        endpoint=first.endpoint,
        model_served=first_result.model_served or cards[0].provider_model_id,
        lane=max((card.lane for card in cards), key=LANES.index),
        images=tuple(image for outcome, result in served for image in _images(outcome, result, several=several)),
        adjustments=_adjustments(request, [result for _, result in served], calls=len(outcomes)),
        failures=tuple(failure for outcome in outcomes for failure in _failures(outcome)),
        usage=total_usage(result.usage for _, result in served),
        cost=cost,
        billed=billed,
        attempts=attempts,
        decisions=(decision.id,) if decision else (),
    )


def _spent(attempts: tuple[Attempt, ...]) -> Cost:
    """A part that was not billed adds nothing; one that was, or may have been, adds its cost, known or not."""
    counted = [a.cost or UNKNOWN_COST for a in attempts if a.billed != "no"]
    if counted:
        return total_cost(counted)
    free = [a.cost for a in attempts if a.outcome == "done" and a.cost is not None and a.cost.source == "free"]
    return FREE if free else Cost(0, "provider")


def _images(outcome: Outcome, result: ImageResult, *, several: bool) -> Iterable[GeneratedImage]:
    alone = len(result.images) == 1 and not result.failures
    for image in result.images:
        cost = image.cost or (result.cost if alone else None)
        metadata = {**image.metadata, "endpoint": outcome.endpoint} if several else image.metadata
        yield replace(image, cost=cost, metadata=metadata)


def _failures(outcome: Outcome) -> Iterable[ItemFailure]:
    if outcome.result is not None:
        return [replace(f, index=f.index + outcome.part.offset) for f in outcome.result.failures]
    error = outcome.error or TriptychError("No picture came.")
    return [
        ItemFailure(index=outcome.part.offset + i, code=error.code, message=error.message, billed=error.billed)
        for i in range(outcome.part.request.n)
    ]


def _adjustments(request: ImageRequest, results: Sequence[ImageResult], *, calls: int) -> tuple[Adjustment, ...]:
    """What the parts say, each thing once. The number of pictures and the seeds are the router's own doing."""
    said = dict.fromkeys(adjustment for result in results for adjustment in result.adjustments)
    if calls == 1:
        return tuple(said)
    kept = [adjustment for adjustment in said if adjustment.feature != "n"]
    own = [Adjustment("n", "emulated", f"asked for {request.n}, sent as {calls} calls")]
    taken = [a for a in kept if a.feature == "seed" and a.kind != "unsupported"]
    if taken:
        kept = [a for a in kept if a not in taken]
        own.append(Adjustment("seed", "emulated", f"{request.seed} for the first call, counting up by picture"))
    return (*kept, *own)


def _most_telling(
    outcomes: Sequence[Outcome], attempts: tuple[Attempt, ...], billed: Billed, cost: Cost
) -> TriptychError:
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    error = min(errors, key=lambda candidate: _TELLING.index(candidate.failure))
    error.attempts = attempts
    if attempts:
        error.billed = billed
        error.amount_micro_usd = cost.amount_micro_usd if billed != "no" else None
    return error
