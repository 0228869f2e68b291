"""Several pictures of one prompt by a model that paints the same words the same way each time.

A painter that takes a seed and is no AI model makes the very same picture again when no seed is given. So every picture
after the first gets a seed derived from its words: the pictures differ, and a second run makes the same ones again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from triptych.spec.image import SEEDS, ImageRequest, later_seed
from triptych.spec.model import ModelCard

_MOST = 100_000  # seeds counted up from the first one of a prompt that are known as derived


def repeats_itself(cards: Sequence[ModelCard]) -> bool:
    """Whether these cards make the same picture each time unless there is a seed."""
    return bool(cards) and all(card.capabilities.seed and not card.is_ai for card in cards)


def varied(request: ImageRequest, place: int) -> ImageRequest:
    """The request for the picture at a place of its row, counted from 0; a seed that was asked for stays."""
    if not place or (request.seed is not None and not is_derived(request)):
        return request
    return replace(request, seed=later_seed(_first(request.prompt), place))


def is_derived(request: ImageRequest) -> bool:
    """Whether the seed of a request was derived here and not asked for."""
    return request.seed is not None and 0 < (request.seed - _first(request.prompt)) % SEEDS < _MOST


def _first(prompt: str) -> int:
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big")
