"""Of what a plan asks for, what can start: how many pictures, for how much, and why the rest cannot."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from triptych.router.merge import total_cost
from triptych.spec.errors import BadRequestError
from triptych.spec.image import UNKNOWN_COST, Adjustment, Cost, ImageRequest, Operation
from triptych.spec.model import LANES, Lane, ModelCard
from triptych.studio.models import Names
from triptych.studio.quotes import Quote, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far the prompts of one plan may go. `priced`: only to models whose price is known."""

    floor: Lane | None = None
    no_community: bool = False
    priced: bool = False

    def against(self, card: ModelCard) -> str | None:
        """What they have against a model."""
        if self.floor is not None and LANES.index(card.lane) > LANES.index(self.floor):
            return f"{card.name} is in the lane {card.lane}; the floor is {self.floor}."
        if self.no_community and card.lane == "community":
            return f"{card.name} is drawn by volunteers, and this is not for them."
        return None


ANYWHERE = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one model starts: `images` pictures, by the `quotes` of those of its prompts that it can draw; `reason` is why it
    cannot draw the first of the others. `adjustments` are of what it draws."""

    quotes: tuple[Quote, ...]
    images: int
    reason: str | None
    adjustments: tuple[Adjustment, ...] = ()

    @property
    def whole(self) -> tuple[Cost, int]:
        """What that costs with the fees, and the fees of it."""
        return quoted(self.quotes, self.images)

    def each(self, amount: Callable[[Quote], int]) -> int:
        """A part of all its quotes, over all its pictures."""
        return sum(map(amount, self.quotes)) * self.images // max(1, len(self.quotes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What all models start together, with the fees. `known_micro_usd` is what the pictures with a known price cost, `unknown`
    how many have none; `beyond_micro_usd` is held above these in all."""

    images: int
    total: Cost
    known_micro_usd: int
    unknown: int
    fee_micro_usd: int
    beyond_micro_usd: int


def share_of(
    names: Names, model: str, requests: Sequence[ImageRequest], quotes: Sequence[Quote], images: int, bounds: Bounds
) -> Share:
    """Of a resolved model that is asked for `images` pictures of these prompts, each with its quote."""
    able: list[Quote] = []
    adjustments: dict[tuple[str, str], Adjustment] = {}
    reasons: list[str] = []
    for request, quote in zip(requests, quotes, strict=True):
        found, reason = plan_one(names, model, request, bounds)
        if reason is None and bounds.priced and quote.cost.amount_micro_usd is None:
            reason = "Its price is not known, and there is a spending cap."
        if reason is not None:
            reasons.append(reason)
            continue
        able.append(quote)
        adjustments |= {(item.feature, item.detail): item for item in found if item.kind != "native"}
    return Share(quotes=tuple(able), images=images * len(able) // max(1, len(requests)), reason=next(iter(reasons), None),
                 adjustments=tuple(item for item in adjustments.values() if item.feature != "previews"))  # fmt: skip


def summed(shares: Collection[Share]) -> Sum:
    """Of what no model can start the price is not known."""
    some = [share for share in shares if share.images]
    known = unknown = 0
    for share in some:
        amounts = [a for quote in share.quotes if (a := quote.cost.amount_micro_usd) is not None]
        known += sum(amounts) * share.images // len(share.quotes) + (share.whole[1] if amounts else 0)
        unknown += (len(share.quotes) - len(amounts)) * share.images // len(share.quotes)
    return Sum(
        images=sum(share.images for share in some),
        total=total_cost(share.whole[0] for share in some) if some else UNKNOWN_COST,
        known_micro_usd=known, unknown=unknown, fee_micro_usd=sum(share.whole[1] for share in some),
        beyond_micro_usd=sum(share.each(lambda quote: quote.beyond_micro_usd) for share in some),
    )  # fmt: skip


def plan_one(
    names: Names, model: str, request: ImageRequest, bounds: Bounds = ANYWHERE
) -> tuple[Sequence[Adjustment], str | None]:
    """What the first endpoint that can serve a request makes of it, else why none can."""
    reasons: list[str] = []
    for card in names.served_by(model):
        endpoint = names.endpoints[card.id]
        if not endpoint.ready or not endpoint.enabled:
            reasons.append(endpoint.reason or f"{card.name} cannot be used now.")
        elif (against := bounds.against(card)) is not None:
            reasons.append(against)
        elif request.operation not in card.capabilities.operations:
            reasons.append(_not_offered(card.name, request.operation))
        else:
            try:
                return endpoint.model.plan(request.seen_by(card.id)), None
            except BadRequestError as error:
                reasons.append(error.message)
    return (), reasons[0] if reasons else "No model is there to serve this."


def _not_offered(name: str, operation: Operation) -> str:
    said: dict[Operation, str] = {
        "generate": f"{name} only changes pictures, and none is given.",
        "edit": f"{name} takes no pictures.",
        "upscale": f"{name} enlarges no pictures.",
        "remove_background": f"{name} cuts nothing out of its background.",
    }
    return said[operation]


def nobody_can(reasons: Iterable[str | None]) -> BadRequestError:
    """The error of a plan of which nothing starts."""
    return BadRequestError(" ".join(dict.fromkeys(filter(None, reasons))), param="models")
