"""What a request costs, before it is sent: the provider's price, the router's fee on it, and what is held beyond the two."""

from collections.abc import Iterable
from dataclasses import dataclass

from triptych.router.merge import total_cost
from triptych.router.parts import fee_before, price_of
from triptych.router.price import Price
from triptych.spec.image import Cost, ImageRequest
from triptych.spec.model import ModelCard
from triptych.spec.routing import Fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """For one request, in micro-dollars. `cost` is the provider's price alone, `beyond_micro_usd` what is held above price
    and fee until the charge is known, with the fee on that."""

    cost: Cost
    fee_micro_usd: int = 0
    beyond_micro_usd: int = 0

    @property
    def whole(self) -> Cost:
        """Price and fee: what a person agrees to. Unknown where the price is."""
        amount = self.cost.amount_micro_usd
        return self.cost if amount is None else Cost(amount + self.fee_micro_usd, self.cost.source)

    @property
    def held_micro_usd(self) -> int | None:
        """What caps need room for. None where the price is not known."""
        amount = self.whole.amount_micro_usd
        return None if amount is None else amount + self.beyond_micro_usd


def quote_of(card: ModelCard, request: ImageRequest, price: Price, hold: Price, fees: Fees) -> Quote:
    """The quote of one endpoint, all calls of the request together. `hold` is what is held for a call, `price` what it is
    thought to cost."""
    cost, held = price_of(card, request, price), price_of(card, request, hold).amount_micro_usd
    fee = fee_before(fees, card, request, price)
    more = 0 if held is None else held + fee_before(fees, card, request, hold) - (cost.amount_micro_usd or 0) - fee
    return Quote(cost=cost, fee_micro_usd=fee, beyond_micro_usd=max(0, more))


def quoted(quotes: Iterable[Quote], images: int) -> tuple[Cost, int]:
    """What `images` pictures cost with their fees, and the fees of it, when these are the quotes of one for each prompt."""
    each = tuple(quotes)
    cost, fee = total_cost(quote.cost for quote in each), sum(quote.fee_micro_usd for quote in each)
    fee = fee * images // max(1, len(each))
    if cost.amount_micro_usd is None or not each:
        return cost, fee
    return Cost(cost.amount_micro_usd * images // len(each) + fee, cost.source), fee
