"""Drafts: each model by its own cheapest setting, as its card prices them, by one rule for all.

The rule: of the qualities and size classes that the card lists, those are taken for which its price list asks least for this
very request; among equals the one that changes least. What the text sets itself stays as it is. A model that costs nothing
draws at its smallest size class, which is quickest. Where prices are per token, so that nobody knows them before, the lowest
quality of the list is taken. Where nothing is cheaper, a draft is what a final is, and says so.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from triptych.router.parts import price_of
from triptych.router.price import Price
from triptych.spec.image import ImageRequest
from triptych.spec.model import ModelCard
from triptych.spec.sizing import resolution_side

Tier = Literal["draft", "final"]
DraftSettings = Mapping[str, str]
"""What a draft sets, by field of the request: `quality`, `resolution`. Empty where nothing is cheaper."""
_LOWEST = ("draft", "low")
_NAMES = {"quality": "quality", "resolution": "size"}


def draft_settings(card: ModelCard, requests: Sequence[ImageRequest], price: Price) -> DraftSettings:
    """What the draft of a model sets, by the rule of this module. All `requests` of it get the same; the first of them is
    the one that is priced."""
    caps = card.capabilities
    opened = {
        "quality": caps.qualities if all(request.quality is None for request in requests) else (),
        "resolution": caps.resolutions if all(_size_is_open(request) for request in requests) else (),
    }
    if not requests:
        return {}
    if card.free:
        return _smallest(card, opened["resolution"])
    first = requests[0]
    choices = [
        {name: value for name, value in zip(opened, values, strict=True) if value is not None}
        for values in itertools.product(*([None, *(v for v in offered if v != "auto")] for offered in opened.values()))
    ]
    priced = [
        (amount, len(settings), at)
        for at, settings in enumerate(choices)
        if (amount := price_of(card, drafted(first, settings), price).amount_micro_usd) is not None
    ]
    if not priced:
        return {"quality": word} if (word := next((w for w in _LOWEST if w in opened["quality"]), None)) else {}
    return choices[min(priced)[2]]


def drafted(request: ImageRequest, settings: DraftSettings) -> ImageRequest:
    """The request with what the draft sets."""
    return replace(
        request,
        quality=settings.get("quality", request.quality),
        resolution=settings.get("resolution", request.resolution),
    )


def finished(request: ImageRequest, settings: DraftSettings) -> ImageRequest:
    """The request of a draft without what the draft set: as it was asked for."""
    return replace(
        request,
        quality=None if "quality" in settings else request.quality,
        resolution=None if "resolution" in settings else request.resolution,
    )


def draft_words(settings: DraftSettings) -> str:
    """What a draft means, for a person: `quality low, size 512`."""
    said = [f"{_NAMES.get(name, name)} {value}" for name, value in settings.items()]
    return ", ".join(said) or "the same as a final: nothing here is cheaper"


def _size_is_open(request: ImageRequest) -> bool:
    return request.resolution is None and request.size is None


def _smallest(card: ModelCard, resolutions: Sequence[str]) -> DraftSettings:
    default = card.capabilities.default_resolution or "1k"
    least = min(resolutions, key=resolution_side, default=default)
    return {"resolution": least} if resolution_side(least) < resolution_side(default) else {}
