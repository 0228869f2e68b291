"""What a call costs by its card: before it is sent, and from the usage that the provider reports."""

from triptych.spec.price import at_most, estimate, from_usage

__all__ = ["at_most", "estimate", "from_usage"]
