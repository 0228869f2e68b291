"""Of what a plan asks for, what can start: how many pictures, for how much, and why the rest cannot."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from triptych.router.budget import NO_CAPS, Caps
from triptych.router.choose import Outlook
from triptych.router.merge import total_cost
from triptych.spec.errors import BadRequestError
from triptych.spec.image import UNKNOWN_COST, Adjustment, Cost
from triptych.spec.model import Lane
from triptych.spec.routing import NO_FLOORS, Floors
from triptych.studio.quotes import Quote, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far the prompts of one plan may go, and under which caps."""

    lane_floor: Lane | None = None
    floors: Floors = NO_FLOORS
    caps: Caps = NO_CAPS


ANYWHERE = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What would become of one request: where the router could try it and what that costs; `reason` says why it is not
    started."""

    outlook: Outlook
    quote: Quote
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one model starts: `images` pictures, by the `quotes` of those of its prompts that it can draw; `reason` is why it
    cannot draw the first of the others. `adjustments` are of what it draws, `wait_s` is how long it is waited for first."""

    quotes: tuple[Quote, ...]
    images: int
    reason: str | None
    adjustments: tuple[Adjustment, ...] = ()
    wait_s: float = 0.0

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


def share_of(prospects: Sequence[Prospect], images: int) -> Share:
    """Of a model that is asked for `images` pictures of these prompts."""
    able: list[Quote] = []
    adjustments: dict[tuple[str, str], Adjustment] = {}
    reasons: list[str] = []
    wait_s = 0.0
    for prospect in prospects:
        if prospect.reason is not None:
            reasons.append(prospect.reason)
            continue
        able.append(prospect.quote)
        wait_s = max(wait_s, prospect.outlook.wait_s)
        adjustments |= {(one.feature, one.detail): one for one in prospect.outlook.adjustments if one.kind != "native"}
    return Share(quotes=tuple(able), images=images * len(able) // max(1, len(prospects)), reason=next(iter(reasons), None),
                 adjustments=tuple(item for item in adjustments.values() if item.feature != "previews"), wait_s=wait_s)  # fmt: skip


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


def nobody_can(reasons: Iterable[str | None]) -> BadRequestError:
    """The error of a plan of which nothing starts."""
    return BadRequestError(" ".join(dict.fromkeys(filter(None, reasons))), param="models")
