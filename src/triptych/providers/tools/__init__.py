"""Tools of this machine as models: more pixels, or the background away, offered like any other model that does such a task."""

from collections.abc import Callable, Iterable

from triptych.imaging.tools.bench import ToolBench
from triptych.providers.tools.card import ToolCard, WeightsCard
from triptych.providers.tools.model import ToolModel
from triptych.spec.clock import Clock
from triptych.spec.model import ImageModel, ModelCard

__all__ = ["PROVIDER", "ToolCard", "WeightsCard", "tools"]

PROVIDER = "tools"


def tools(
    cards: Iterable[ModelCard], clock: Clock, bench: ToolBench, where: Callable[[WeightsCard], str | None]
) -> tuple[ImageModel, ...]:
    """A model for each card of the provider `tools`; others are passed over. `where` says where weights lie on this
    machine, None while they are not here. Raises SettingsError for a card that names no tool."""
    return tuple(ToolModel(card, ToolCard.of(card), clock, bench, where) for card in cards if card.provider == PROVIDER)
