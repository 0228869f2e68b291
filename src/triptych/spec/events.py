"""What the page is told. State is in the store before an event goes out, so an event may be lost without harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from triptych.spec.json import Json

EventType = Literal["run", "hidden", "tile", "progress", "models", "spend", "lineage", "marks", "picks", "kit", "reset"]
"""`run` a run with all its tiles · `hidden` a run went out of sight · `tile` changed fields of one tile · `progress` how many of a blind row are over · `models` the model list changed ·
`spend` the totals changed · `lineage` a key visual was chosen or dropped, or a branch pinned, hidden or brought back · `marks` what people say
of pictures, none named when there were many · `picks` what is picked of pictures, none named when all was forgotten · `kit` a key-visual kit, or what clients say of it, changed · `reset` what was asked for is gone: load everything anew."""


@dataclass(frozen=True, slots=True)
class AppEvent:
    """One entry of the app-wide event log; ids only grow, across restarts too."""

    id: int
    type: EventType
    data: Mapping[str, Json]
