"""What the card of a tool says of its engine: the table `[model.extra.tool]`."""

from typing import Literal

import msgspec

from triptych.imaging.tools.cutout import SCALES
from triptych.imaging.tools.job import Kind
from triptych.spec.errors import SettingsError
from triptych.spec.model import ModelCard


class WeightsCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of weights: where it is to be had, by which hash it is known, about how large it is, and where that was read."""

    url: str
    sha256: str
    about_bytes: int
    source: str
    as_of: str


class ToolCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One engine. `factor` is the most that it enlarges, `side` the pixels of the copy that it looks at, prepared as
    `scale` names it; `memory_mib` is all that its process may have."""

    kind: Kind
    memory_mib: int
    factor: Literal[1, 2, 4] = 1
    side: int = 0
    scale: str = "imagenet"
    weights: WeightsCard | None = None

    @classmethod
    def of(cls, card: ModelCard) -> "ToolCard":
        """Raises SettingsError."""
        try:
            found = msgspec.convert(card.extra.get("tool"), cls)
        except msgspec.ValidationError as error:
            raise SettingsError(f"The card {card.id}, [model.extra.tool]: {error}.", param="tool") from error
        if found.scale not in SCALES or (found.kind == "resample") != (found.weights is None):
            raise SettingsError(f"The card {card.id}, [model.extra.tool]: a network has weights, and scale is one of "
                                f"{', '.join(SCALES)}.", param="tool")  # fmt: skip
        return found
