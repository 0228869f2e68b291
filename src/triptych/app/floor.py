"""How far a prompt may go at all, and whether anybody may learn from it, as two switches for everything that this studio asks for."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from triptych.router.data_policy import data_policy
from triptych.spec.errors import BadRequestError
from triptych.spec.json import JsonObject
from triptych.spec.model import LANES, Lane, ModelCard

Reach = Literal["anywhere", "no_community", "known", "here"]
SETTING = "network.reach"
NO_TRAINING = "network.no_training"
ALLOWED: Final[Mapping[Reach, frozenset[Lane]]] = {
    "anywhere": frozenset(LANES),
    "no_community": frozenset(LANES) - {"community"},
    "known": frozenset({"local", "pinned"}),
    "here": frozenset({"local"}),
}
"""Which lanes may be asked. What is known is this machine, and people whose invite was accepted."""
_FLOORS: Final[Mapping[Reach, Lane]] = {"known": "pinned", "here": "local"}
_WORDS: Final[Mapping[Reach, str]] = {
    "anywhere": "anywhere", "no_community": "no community", "known": "only people I know", "here": "only this machine",
}  # fmt: skip


def read_reach(value: object) -> Reach:
    """Raises BadRequestError with the values there are."""
    for one in get_args(Reach):
        if value == one:
            found: Reach = one
            return found
    raise BadRequestError(f"reach takes {', '.join(get_args(Reach))}.", param="reach")


def barred(reach: Reach, lane: Lane, name: str) -> tuple[str, str] | None:
    """Why a model of a lane is not asked, as (code, sentence); None where it may be."""
    if lane in ALLOWED[reach]:
        return None
    return (
        "floor",
        f"{name} is in the lane {lane}, and prompts go to “{_WORDS[reach]}” now. The switch is in the prompt bar and on the Network page.",
    )


def learnt_from(card: ModelCard) -> tuple[str, str] | None:
    """Why a model is not asked where nobody may learn from what is sent, as (code, sentence); None where its card says that nobody does."""
    known = data_policy(card).training
    if known == "no":
        return None
    if known == "yes":
        why = f"{card.name} may learn from what it is sent, and nobody may now. The switch is in the prompt bar."
    else:
        why = f"Whether {card.name} learns from what it is sent is not known, and nobody may now. The switch is in the prompt bar."
    return "training", why


def bounded(reach: Reach, settings: JsonObject, *, no_training: bool = False) -> JsonObject:
    """The settings of a run with how far its prompt may go, or less far where it was asked to, and whether anybody may learn from it. So
    it is kept with the run, decided by, and told in its receipts, also after a switch was turned again."""
    if no_training:
        settings = {**settings, "no_training": True}
    if reach == "no_community":
        return {**settings, "no_community": True}
    if (floor := _FLOORS.get(reach)) is None:
        return dict(settings)
    own = next((one for one in LANES if one == settings.get("lane_floor")), floor)
    return {**settings, "lane_floor": min(own, floor, key=LANES.index)}
