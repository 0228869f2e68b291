"""What a picture shows, in words: a person's own, else how its prompt begins."""

from collections.abc import Awaitable, Callable
from typing import Final

MOST_OF_PROMPT: Final = 120
Alt = Callable[[str], Awaitable[str | None]]
"""What a person says that a picture shows, by its id; None where nobody said anything."""


def alt_text(own: str | None, prompt: str) -> str:
    """The words that stand for a picture where it cannot be seen, of one line each."""
    return " ".join((own or prompt[:MOST_OF_PROMPT]).split())
