"""Two words with which a prompt asks for what else happens at providers: a refusal, and a picture that takes long.

Each is played by one painter, so that the others of a row paint as always and the tiles can be seen side by side. A painter
says before and after that it only plays.
"""

import re

from triptych.provider_kit.fit import Fit
from triptych.spec.errors import BlockedError

REFUSAL, SLOW = "demo-refusal", "demo-slow"
REFUSAL_AFTER_S = 0.6
SLOW_PAUSE_S = 3.0
"""Between two steps: half a minute in all, five times what is usual."""
_PLAYERS = {REFUSAL: "woodcut", SLOW: "mosaic"}
_PLAYED = {
    REFUSAL: "demo-refusal: refused on purpose, to show what a refusal looks like",
    SLOW: "demo-slow: painted slowly on purpose, in about half a minute",
}
_WORD = re.compile(rf"(?<![\w-])(?:{REFUSAL}|{SLOW})(?![\w-])", re.IGNORECASE)
SLOW_NOTE = "Slow on purpose, as demo-slow in the prompt asks."


def part(fit: Fit) -> str | None:
    """The word in the prompt that this painter plays, None when there is none; what becomes of it is recorded."""
    asked = {word.lower() for word in _WORD.findall(fit.request.prompt)}
    mine = next((word for word in asked if _PLAYERS[word] == fit.card.provider_model_id), None)
    if mine is not None:
        fit.record("demo", "adjusted", _PLAYED[mine])
    elif asked:
        fit.record("demo", "unsupported", "demo-refusal is played by Woodcut, demo-slow by Mosaic")
    return mine


def refusal(name: str) -> BlockedError:
    """What a painter that plays a refusal answers with."""
    return BlockedError(
        f"{name} refused, as demo-refusal in the prompt asks: a demo, no provider’s rule.", provider="demo", billed="no",
        hint="Take demo-refusal out of the prompt, or try another painter.",
    )  # fmt: skip
