"""What servers of open models read inside of a prompt besides its words: told before it is sent, and used where it is the only way in."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from triptych.provider_kit.fit import Fit
from triptych.spec.errors import BadRequestError
from triptych.spec.json import Json

Words = Literal["plain", "bar", "extra_args"]
"""What a host takes apart in a prompt: nothing; at `|`, behind which stands what to leave out; settings between tags of its own."""
_TAG = "sd_cpp_extra_args"


@dataclass(frozen=True, slots=True)
class Sign:
    """`name` as it is shown."""

    name: str
    found: re.Pattern[str]


ROUND = Sign("( )", re.compile(r"(?<!\\)[()]"))
SQUARE = Sign("[ ]", re.compile(r"(?<!\\)[\[\]]"))
BREAK = Sign("BREAK", re.compile(r"\bBREAK\b"))
AND = Sign("AND", re.compile(r"\bAND\b"))
NETWORK = Sign("< : >", re.compile(r"<(?:lora|lyco|hypernet):[^>]*>", re.IGNORECASE))
TAG = Sign("< >", re.compile(r"<[a-z]\w*(?:\[[^\]]*\])?(?::[^>]*)?>", re.IGNORECASE))
EMBEDDING = Sign("embedding:", re.compile(r"\bembedding:", re.IGNORECASE))
_BESIDE_TAGS = (ROUND, SQUARE, BREAK, NETWORK)


def tell(fit: Fit, signs: Sequence[Sign]) -> None:
    """Says which of these stand in the prompt, or in what is to be left out: they weigh, part or load there, and are not drawn."""
    texts = f"{fit.request.prompt}\n{fit.request.negative_prompt or ''}"
    if found := [sign.name for sign in signs if sign.found.search(texts)]:
        fit.record("prompt", "adjusted", f"this server reads these as signs, not as words: {' '.join(found)}")


def behind_bar(fit: Fit, prompt: str) -> str:
    """The prompt with what is to be left out behind a `|`. Raises BadRequestError where one of the two has a `|` of its own: its second
    half would be left out, and a third would be dropped."""
    negative = fit.negative_prompt()
    for name, text in (("prompt", prompt), ("negative_prompt", negative or "")):
        if "|" in text:
            raise BadRequestError("This server takes what follows | for the negative prompt.", param=name, provider=fit.card.provider,
                                  hint="Leave | out; use --no for what is to be left out.")  # fmt: skip
    return prompt if negative is None else f"{prompt}|{negative}"


def with_extra_args(fit: Fit, prompt: str) -> str:
    """The prompt with a seed and what is to be left out between tags that the server takes out of it again. Raises BadRequestError for a
    prompt with such tags of its own."""
    tell(fit, _BESIDE_TAGS)
    if f"<{_TAG}>" in prompt:
        raise BadRequestError(f"This server takes what stands between <{_TAG}> out of the prompt.", param="prompt",
                              provider=fit.card.provider, hint="Leave it out; use --seed and --no.")  # fmt: skip
    wanted: Mapping[str, Json] = {"seed": fit.seed(), "negative_prompt": fit.negative_prompt()}
    if not (given := {name: value for name, value in wanted.items() if value is not None}):
        return prompt
    written = json.dumps(given, ensure_ascii=False).replace("<", "\\u003c")  # the tag ends at the first `</`
    return f"{prompt}<{_TAG}>{written}</{_TAG}>"
