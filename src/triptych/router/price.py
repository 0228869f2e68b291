"""What the router asks the catalogue, and how it writes money."""

from collections.abc import Callable

from triptych.spec.image import Cost, ImageRequest
from triptych.spec.model import ModelCard

Price = Callable[[ModelCard, ImageRequest], Cost]
"""What one call with this request costs by the card's price lines; an amount of None when nobody knows."""


def usd(amount_micro_usd: int) -> str:
    """Micro-dollars as people write them: at least two decimals, as many as needed."""
    dollars, rest = divmod(amount_micro_usd, 1_000_000)
    return f"${dollars}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"
