"""A request for several pictures as calls that one endpoint takes, and what each of them came to."""

from dataclasses import dataclass

from triptych.router.price import Price
from triptych.spec.errors import TriptychError
from triptych.spec.image import Cost, ImageRequest, ImageResult, later_seed
from triptych.spec.model import ModelCard
from triptych.spec.replacing import replace
from triptych.spec.routing import NO_FEES, Fees


@dataclass(frozen=True, slots=True)
class Part:
    """One call's share of a request: `request.n` pictures from position `offset` on. `one_of_many` when other calls make
    the rest: then its pictures are told as they come (`Arrived`)."""

    offset: int
    request: ImageRequest
    one_of_many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a part in the end: a result or an error, from the endpoint tried last."""

    part: Part
    endpoint: str
    result: ImageResult | None = None
    error: TriptychError | None = None
    tried: bool = True  # False when it was refused before anything was sent, e.g. by a cap
    accepted: bool = False  # the provider had given a job id: whatever follows, the job may still run


def split(part: Part, card: ModelCard) -> tuple[Part, ...]:
    """The calls that a card needs for a part. A seed counts up by position."""
    per_call = max(1, card.capabilities.max_images_per_call)
    request = part.request
    if request.n <= per_call:
        return (part,)
    return tuple(
        Part(
            part.offset + start,
            replace(
                request,
                n=min(per_call, request.n - start),
                seed=None if request.seed is None else later_seed(request.seed, start),
            ),
            one_of_many=True,
        )
        for start in range(0, request.n, per_call)
    )


def fee_before(fees: Fees, card: ModelCard, request: ImageRequest, price: Price) -> int:
    """The router's fee on a request at an endpoint, all its calls together, if each costs what it is estimated at."""
    if fees == NO_FEES:
        return 0
    return sum(fees.on(price(card, part.request).amount_micro_usd) for part in split(Part(0, request), card))


def price_of(card: ModelCard, request: ImageRequest, price: Price) -> Cost:
    """What a request costs at an endpoint, all its calls together (each call pays for the input pictures again)."""
    parts = split(Part(0, request), card)
    first = price(card, parts[0].request)
    if len(parts) == 1 or first.amount_micro_usd is None:
        return first
    last = price(card, parts[-1].request)
    if last.amount_micro_usd is None:
        return last
    return Cost(first.amount_micro_usd * (len(parts) - 1) + last.amount_micro_usd, first.source)
