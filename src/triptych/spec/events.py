"""What the page is told. State is in the store before an event goes out, so an event may be lost without harm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from triptych.spec.json import Json

EventType = Literal["run", "hidden", "tile", "models", "spend", "lineage", "marks", "reset"]
"""`run` a run with all its tiles · `hidden` a run went out of sight · `tile` changed fields of one tile · `models` the model list changed ·
`spend` the totals changed · `lineage` a key visual was chosen or dropped · `marks` what people say
of pictures, none named when there were many · `reset` what was asked for is gone: load everything anew."""


@dataclass(frozen=True, slots=True)
class AppEvent:
    """One entry of the app-wide event log; ids only grow, across restarts too."""

    id: int
    type: EventType
    data: Mapping[str, Json]
