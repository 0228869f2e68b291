"""Which language the page is first drawn in. `app/words.js` decides by the same rule, from what the browser tells scripts."""

import json
from collections.abc import Iterable
from functools import cache

from triptych.studio.papers import ENGLISH, Words
from triptych.web import assets

LANGUAGES = ("en", "de")
COOKIE = "triptych-language"
"""Keeps what was chosen in the page's settings, for the frame before any script; nothing else reads it."""


def language(accepted: str, chosen: str | None = None) -> str:
    """The one that was chosen, else the first of the browser's that there is, else English.

    `accepted` is the header Accept-Language (RFC 9110, section 12.5.4), e.g. `de-DE,de;q=0.9,en;q=0.8`.
    """
    return next((tag for tag in (chosen, *_ranked(accepted)) if tag in LANGUAGES), "en")


def _ranked(accepted: str) -> Iterable[str]:
    ranges = [part.strip().partition(";") for part in accepted.split(",")]
    weighted = [(_weight(parameter), tag.strip()[:2].lower()) for tag, _, parameter in ranges]
    return [tag for weight, tag in sorted(weighted, key=lambda one: -one[0]) if weight > 0]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@cache
def words_of(tag: str) -> Words:
    """The words of documents in this language; English for any other than there is."""
    path = assets.ROOT / "lang" / "papers" / f"{tag}.json"
    if tag == "en" or tag not in LANGUAGES:
        return ENGLISH
    return Words(tag, json.loads(path.read_text("utf-8")))
