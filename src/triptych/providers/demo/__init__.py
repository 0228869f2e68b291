"""Three painters that work offline: procedural, not AI models, and named as such wherever they are shown."""

import asyncio
from collections.abc import Callable, Iterable

from triptych.providers.demo.aurora import Aurora
from triptych.providers.demo.job import Painter
from triptych.providers.demo.model import PaintedModel
from triptych.providers.demo.mosaic import Mosaic
from triptych.providers.demo.woodcut import Woodcut
from triptych.spec.clock import Clock
from triptych.spec.errors import SettingsError
from triptych.spec.model import ImageModel, ModelCard

_PAINTERS: dict[str, Callable[[], Painter]] = {"aurora": Aurora, "woodcut": Woodcut, "mosaic": Mosaic}
_AT_ONCE = 2


def painters(cards: Iterable[ModelCard], clock: Clock) -> tuple[ImageModel, ...]:
    """A model for each card of the provider `demo`; others are passed over. Raises SettingsError for a painter that
    does not exist. All of them share two places at the easel, so that many tiles at once take turns step by step."""
    easel = asyncio.Semaphore(_AT_ONCE)
    made: list[ImageModel] = []
    for card in cards:
        if card.provider != "demo":
            continue
        if card.provider_model_id not in _PAINTERS:
            raise SettingsError(
                f"There is no painter {card.provider_model_id!r}.", hint=f"The painters are {', '.join(_PAINTERS)}."
            )
        made.append(PaintedModel(card, clock, _PAINTERS[card.provider_model_id](), easel))
    return tuple(made)
