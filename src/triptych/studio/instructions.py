"""Texts that the studio proposes for an edit. They are published, shown before anything is sent, and can be changed: what is
sent is what the person then sees, and nothing else."""

from typing import Final

EXTEND: Final = (
    "Continue this picture into the plain grey area around it, seamlessly: the same scene, light, colours and style. "
    "Keep the rest as it is."
)
VARY_SUBTLE: Final = "Make a subtle variation of this picture: the same subject, composition and style, with small changes in the details."
VARY_STRONG: Final = (
    "Make a strong variation of this picture: the same subject and mood, with a new composition, viewpoint and details."
)
INSTRUCTIONS: Final = {"extend": EXTEND, "vary_subtle": VARY_SUBTLE, "vary_strong": VARY_STRONG}
"""By the names that `GET /api/instructions` gives them."""
