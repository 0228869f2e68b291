"""What a model's descriptors promise, its adapter does: every word, both ends of every range, every flag."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from tests.laws.test_adapters import ALL, SERVED
from tests.unit.adapter_kit import large, picture, png

from triptych.catalog.descriptors import descriptors
from triptych.server.openai_fields import read_call
from triptych.spec.image import AspectRatio, ImageRequest, Size
from triptych.spec.model import ModelCard

DRAWING = [card for card in SERVED if card.draws]
PER_CARD = pytest.mark.parametrize("card", DRAWING, ids=[card.id for card in DRAWING])
FEATURES = {"image": "images", "partial_images": "previews"}
"""Fields of the images API that a request has by another name."""
MASK = picture(png("RGBA", (0, 0, 0, 0)))
WISHES: dict[str, Any] = {
    "seed": 7, "quality": "high", "background": "transparent", "previews": 1, "size": Size(1024, 1024),
    "aspect_ratio": AspectRatio(3, 2),
}  # fmt: skip


def asked(card: ModelCard, **fields: Any) -> ImageRequest:
    """The smallest request of a model, with these fields."""
    edits = "generate" not in card.capabilities.operations or "mask" in fields
    return replace(ImageRequest(prompt="a kettle"), **({"images": (large(),)} if edits else {}) | fields)


def told(card: ModelCard, **fields: Any) -> dict[str, str]:
    """What becomes of each feature."""
    made = ALL[card.provider].build(asked(card, **fields), card)
    return {one.feature: one.kind for one in made.adjustments}


def read(name: str, word: str) -> Any:
    return {"size": Size.parse, "aspect_ratio": AspectRatio.parse}.get(name, str)(word)


def tried(name: str, line: dict[str, Any]) -> list[tuple[Any, bool]]:
    """Values of one line, and whether each is native."""
    native = line["native"]
    if line["type"] == "enum":
        words = line["values"]
        return [(read(name, word), word in native if isinstance(native, list) else native) for word in words]
    if name == "image":
        every = tuple(large(png(size=(8, 6 + place)), "style" if place else "edit") for place in range(line["max"]))
        return [(every[:count], native) for count in {1, line["max"]}]
    if name == "aspect_ratio":
        ends = (line["min"], line["max"], 1)
        return [(AspectRatio(*Fraction(end).limit_denominator(64).as_integer_ratio()), native) for end in ends]
    if name == "size":
        return [(size, native) for size in sizes(line)]
    limits: dict[str, list[Any]] = {
        "seed": [line.get("min"), line.get("max")], "n": [line.get("per_call")], "partial_images": [1, line.get("max")],
    }  # fmt: skip
    kinds: dict[str, list[Any]] = {"flag": [MASK], "text": ["fog"]}
    return [(value, native) for value in kinds.get(line["type"]) or limits[name]]


def sizes(line: dict[str, Any]) -> list[Size]:
    """The smallest and the largest square that the range allows."""
    step = line["step"]
    fits = [side for side in range(-(-line["min"] // step) * step, line["max_short_side"] + 1, step)
            if line["min_pixels"] <= side * side <= line["max_pixels"]]  # fmt: skip
    return [Size(fits[0], fits[0]), Size(fits[-1], fits[-1])]


@PER_CARD
def test_every_word_and_both_ends_are_native_where_it_says_so(card: ModelCard) -> None:
    for name, line in descriptors(card).items():
        if name == "prompt":
            continue
        assert isinstance(line, dict)
        feature = FEATURES.get(name, name)
        for value, native in tried(name, line):
            kind = told(card, **{feature: value}).get(feature, "native")  # one picture is no feature
            own_word = name == "quality" and kind == "emulated"  # by another setting of the provider's
            assert (kind == "native" or own_word) == native, (name, value, kind)
            assert native or kind in {"emulated", "adjusted"}, (name, value, kind)


@PER_CARD
def test_what_is_not_there_is_not_the_models(card: ModelCard) -> None:
    described = descriptors(card)
    for feature, value in WISHES.items():
        name = {"previews": "partial_images"}.get(feature, feature)
        if name not in described:
            assert told(card, **{feature: value}).get(feature) in {"adjusted", "unsupported"}, feature


@PER_CARD
def test_what_is_described_can_be_asked_for_here(card: ModelCard) -> None:
    for name, line in descriptors(card).items():
        assert isinstance(line, dict)
        for word in line.get("values", []):
            read_call({"prompt": "x", name: word})
        for end in {line.get("min"), line.get("max")} - {None}:
            if name in {"n", "seed", "partial_images"}:
                read_call({"prompt": "x", "stream": True, name: end})
