"""The catalogue as it is published beside a log: of each card what a decision and a price depend on."""

from collections.abc import Mapping

import msgspec

from triptych.spec.model import Capabilities, Lane, ModelCard, PolicyFact, PriceLine


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
        return {one.id: one.card for one in msgspec.json.decode(catalogue, type=tuple[_Card, ...])}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the catalogue cannot be read: {error}") from None
