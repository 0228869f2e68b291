"""What a card says of what becomes of prompts and pictures, as far as a request can be held to it."""

from dataclasses import dataclass
from typing import Literal

from triptych.spec.model import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPolicy:
    """None wherever the card does not say it in a word; nothing is taken for granted then."""

    training: Literal["no", "yes"] | None = None
    retention_days: int | None = None
    region: str | None = None


_NOWHERE = DataPolicy(training="no", retention_days=0, region="here")


def data_policy(card: ModelCard) -> DataPolicy:
    """The facts of a card. What is drawn on this machine goes to nobody: no training, nothing kept, region `here`."""
    if card.lane == "local":
        return _NOWHERE
    training = _value(card, "training")
    days = _value(card, "retention")
    return DataPolicy(
        training="no" if training == "no" else "yes" if training == "yes" else None,
        retention_days=int(days) if days is not None and days.isascii() and days.isdigit() and len(days) < 7 else None,
        region=_value(card, "region"),
    )


def _value(card: ModelCard, topic: str) -> str | None:
    """With several facts on a topic that do not agree, none counts."""
    values = {fact.value for fact in card.policy if fact.topic == topic and fact.value is not None}
    return values.pop() if len(values) == 1 else None
