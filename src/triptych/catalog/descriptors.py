"""What each field of a request may be for one model, as a program reads it before it asks: a list of words, a range, a flag.

Worked out from the card alone. `tests/laws/test_descriptors.py` holds every line against what the model's adapter makes of it.
"""

import math
from collections.abc import Iterable

from triptych.spec.image import Size
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import Capabilities, ModelCard
from triptych.spec.sizing import resolution_side

MOST_PICTURES = 10
"""`n` of one call to the images API; what a model does not make at once is asked for in several calls."""
MOST_PREVIEWS = 3
MOST_SEED = 2**31 - 1
"""Every model with seeds takes those from 1 to here as they are; of a larger one some take what is left of a division, and to some 0 is any seed."""
FORMATS = ("png", "jpeg", "webp")
_NEAR = 0.9  # of the side that a size class stands for: less is another class


def descriptors(card: ModelCard) -> JsonObject:
    """Fields of the images API by name. `native` says what reaches the model as it was asked for, or in its provider's own
    word: true, or false for what is brought about here, or of an enum those words. A field that is not here is one that the model has not."""
    caps = card.capabilities
    made: dict[str, Json] = {
        "prompt": {"type": "text", "native": True, "max_chars": caps.max_prompt_chars},
        "n": {"type": "range", "native": True, "min": 1, "max": MOST_PICTURES, "per_call": caps.max_images_per_call},
        "negative_prompt": {"type": "text", "native": caps.negative_prompt},
        "output_format": {"type": "enum", "values": list(FORMATS), "default": None,
                          "native": [word for word in FORMATS if word in caps.output_formats]},
    }  # fmt: skip
    made |= _shape(caps)
    if caps.resolutions:
        most = caps.size_rule.max_pixels if caps.size_rule else math.inf
        native = [word for word in caps.resolutions if (_NEAR * resolution_side(word)) ** 2 <= most]
        made["resolution"] = {
            "type": "enum",
            "values": list(caps.resolutions),
            "native": native,
            "default": caps.default_resolution,
        }
    made |= {
        name: {"type": "enum", "values": list(words), "native": True, "default": default}
        for name, words, default in (
            ("quality", caps.qualities, caps.default_quality),
            ("background", caps.backgrounds, None),
        )
        if words
    }
    if caps.seed:
        made["seed"] = {"type": "range", "native": True, "min": 1, "max": MOST_SEED}
    if caps.max_input_images:
        least = 0 if "generate" in caps.operations else 1
        made["image"] = {"type": "range", "native": True, "min": least, "max": caps.max_input_images}
        made["mask"] = {"type": "flag", "native": caps.mask}
    if caps.previews:
        made["partial_images"] = {"type": "range", "native": True, "min": 0, "max": MOST_PREVIEWS}
    return made


def _shape(caps: Capabilities) -> JsonObject:
    """`size` in pixels and `aspect_ratio`, which are width by height. A range of sizes is of one side."""
    made: dict[str, Json] = {}
    ratios, rule = [text for text in caps.aspect_ratios if text != "auto"], caps.size_rule
    if ratios:
        made["aspect_ratio"] = _words(ratios)
    elif rule is not None:
        widest = rule.max_side / rule.min_side
        made["aspect_ratio"] = {
            "type": "range",
            "native": True,
            "min": max(rule.min_ratio, 1 / widest),
            "max": min(rule.max_ratio, widest),
        }
    elif caps.sizes:
        made["aspect_ratio"] = _words(dict.fromkeys(str(Size.parse(text).ratio) for text in caps.sizes))
    if rule is not None:
        made["size"] = {
            "type": "range", "native": True, "min": rule.min_side, "max": rule.max_side, "step": rule.multiple,
            "max_short_side": min(rule.max_side, rule.max_short_side), "min_pixels": rule.min_pixels, "max_pixels": rule.max_pixels,
            "min_ratio": rule.min_ratio, "max_ratio": rule.max_ratio,
        }  # fmt: skip
    elif caps.sizes:
        made["size"] = _words(caps.sizes)
    return made


def _words(values: Iterable[str]) -> JsonObject:
    return {"type": "enum", "values": list(values), "native": True, "default": None}
