"""What the router is told about the models there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from triptych.spec.model import ImageModel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model that can be called. `ready` is False without a key, `enabled` False while it is switched off;
    `reason` is the sentence for the user and `reason_code` its short name. `newcomer` names whose it is while that owner is on
    probation, empty otherwise: all endpoints of one newcomer get one job at a time."""

    model: ImageModel
    ready: bool
    enabled: bool = True
    reason: str | None = None
    reason_code: str | None = None
    newcomer: str = ""


class Registry(Protocol):
    """All endpoints at this moment."""

    def endpoints(self) -> Mapping[str, Endpoint]:
        """By card id, `provider/model`."""
        ...
