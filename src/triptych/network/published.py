"""The catalogue as it is published beside a log: of each card what a decision and a price depend on."""

import re
from collections.abc import Mapping

import msgspec

from triptych.spec.model import Capabilities, Lane, ModelCard, PolicyFact, PriceLine

_UNREAD = "the catalogue cannot be read"
_MOST, _MOST_SIDE = 2**53 - 1, 65_536
_SIZE = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}", re.ASCII)
_LIMIT = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


class _Card(msgspec.Struct):
    id: str
    provider: str
    capabilities: Capabilities
    family: str
    lane: Lane
    prices: tuple[PriceLine, ...] = ()
    free: bool = False
    is_ai: bool = True
    policy: tuple[PolicyFact, ...] = ()
    typical_seconds: tuple[int, int] | None = None
    retires: str | None = None

    @property
    def card(self) -> ModelCard:
        return ModelCard(
            id=self.id, provider=self.provider, provider_model_id="", family=self.family, name="", maker="",
            lane=self.lane, capabilities=self.capabilities, prices=self.prices, free=self.free, is_ai=self.is_ai,
            policy=self.policy, typical_seconds=self.typical_seconds, retires=self.retires,
        )  # fmt: skip


def cards_in(catalogue: bytes) -> Mapping[str, ModelCard]:
    """The cards of a published catalogue by their ids; names and notes for people are left out. Raises ValueError."""
    try:
        cards = {one.id: one.card for one in msgspec.json.decode(catalogue, type=tuple[_Card, ...])}
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError(_UNREAD) from None
    if not all(map(_in_bounds, cards.values())):
        raise ValueError(_UNREAD)
    return cards


def _in_bounds(card: ModelCard) -> bool:
    """Whether a price can be computed with its numbers: whoever signs a receipt also makes up the catalogue that it names."""
    caps, rule = card.capabilities, card.capabilities.size_rule
    whole = all(_SIZE.fullmatch(size) for size in caps.sizes)
    whole &= all(0 <= one.micro_usd_per_million <= _MOST and _LIMIT.fullmatch(one.when.get("max_megapixels", "1")) is not None
                 for one in card.prices)  # fmt: skip
    whole &= 0 <= caps.max_images_per_call <= _MOST_SIDE and 0 <= caps.max_input_images <= _MOST_SIDE
    if rule is None:
        return whole
    sides = 1 <= rule.min_side <= rule.max_side <= _MOST_SIDE and 1 <= rule.multiple <= _MOST_SIDE
    sides &= rule.min_side <= rule.max_short_side <= _MOST_SIDE
    pixels = 0 <= rule.min_pixels <= rule.max_pixels <= _MOST_SIDE**2
    return whole and sides and pixels and 0 < rule.min_ratio <= rule.max_ratio <= _MOST_SIDE
