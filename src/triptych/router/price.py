"""What the router asks the catalogue, and how it writes money."""

from collections.abc import Callable

from triptych.spec.image import Cost, ImageRequest
from triptych.spec.model import ModelCard
from triptych.spec.words import usd

__all__ = ["Price", "usd"]

Price = Callable[[ModelCard, ImageRequest], Cost]
"""What one call with this request costs by the card's price lines; an amount of None when nobody knows."""
