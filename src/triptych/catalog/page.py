"""docs/reference/providers.md: every provider's models, prices and data policy in one table, out of the cards and of what was proven of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import resources
from itertools import groupby

import msgspec

from triptych.catalog.retired import Retired, retired_models
from triptych.spec.model import Capabilities, ModelCard, PriceLine, PriceUnit

UNITS: dict[PriceUnit, str] = {
    "image": "a picture", "megapixel": "a megapixel", "input_image": "a picture sent along", "output_image_token": "a million image tokens",
    "input_text_token": "a million tokens of words sent", "input_image_token": "a million tokens of pictures sent",
    "output_text_token": "a million tokens of words",
}  # fmt: skip
"""The part of a bill that counts most first. What is billed by tokens is told by those of the picture that is made."""
TOPICS = {
    "training": "Trains on it", "retention": "Keeps it", "readers": "Can read it", "publication": "Publishes it", "region": "Where",
}  # fmt: skip
NOT_READ = "nothing was read about this"
HEAD = (
    "# Providers and models",
    "",
    "What Triptych knows without asking anybody, out of the [model cards](model-cards.md): what each model takes as it is, what it costs, and",
    "what its provider says about what it is given. Each price and each statement stands with the day on which it was read; prices are the list's,",
    "without tax. What is not in a card is not guessed here. `no training`, days of retention and a region can be demanded in a request or in a",
    "[policy](policy.md): an endpoint about which that was not read is left out then.",
    "",
    "*Shapes* are how a size is asked for: ratios, fixed sizes, or any size in steps of so many pixels. *Pictures* are how many can go along.",
    "Each cell was tried on an emulator of the provider, written from its protocol and not from our adapter: every word, both ends of every range,",
    "and the pictures that came back where it can be seen in them. What stands *in italics* is the card's word alone: there is no emulator, or it was refused.",
    "",
)


Proof = Mapping[str, Mapping[str, Sequence[str] | bool]]
"""By model and field: the words that held, or, of a range, a flag or a text, whether what was tried held."""


def proof() -> Proof:
    """What held when each cell was asked of the provider's emulator by the adapter (`tests/emulators/proving.py`)."""
    raw = resources.files("triptych.catalog").joinpath("proven.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, dict[str, list[str] | bool]])


def providers_page(cards: Iterable[ModelCard]) -> str:
    """The page. Providers and their models are in alphabetical order, the programs that come with Triptych last."""
    ordered = sorted(cards, key=lambda c: (not c.is_ai, named(c).casefold(), c.name.casefold(), c.id))
    parts, proven = [*HEAD], proof()
    for name, group in groupby(ordered, key=named):
        parts += section(name, tuple(group), proven)
    parts += gone(retired_models().values())
    return "\n".join(parts)


def named(card: ModelCard) -> str:
    """The provider as people know it."""
    return card.provider_name or card.provider


def section(name: str, cards: tuple[ModelCard, ...], proven: Proof) -> Iterator[str]:
    """One provider."""
    yield f"## {name}"
    yield ""
    yield f"Lane: {', '.join(sorted({card.lane for card in cards}))}."
    yield ""
    yield "| model | does | shapes | pictures | mask | seed | negative | price | ends |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for card in cards:
        can, held = card.capabilities, proven.get(card.id)
        pictures = cell(held, "image", str(can.max_input_images or "")) or "–"
        flags = (("mask", can.mask), ("seed", can.seed), ("negative_prompt", can.negative_prompt))
        marks = " | ".join(cell(held, field, "yes" if said else "") or "–" for field, said in flags)
        yield (
            f"| **{card.name}** `{card.id}`{'' if card.is_ai else ', no AI'} | {cell(held, 'prompt', words(card))} | {shapes(can, held)} "
            f"| {pictures} | {marks} | {price(card)} | {end(card)} |"
        )
    yield ""
    facts = {(fact.topic, fact.statement): fact for card in cards for fact in card.policy}
    for topic, title in TOPICS.items():
        told = [fact for (of, _), fact in facts.items() if of == topic]
        for fact in told:
            rule = f" Held to: `{topic}` `{fact.value}`." if fact.value is not None else ""
            yield f"- *{title}*: {fact.statement}{rule} ({fact.source}; read {fact.as_of})"
        if not told and topic in {"training", "retention"}:
            yield f"- *{title}*: {NOT_READ}."
    yield ""


def end(card: ModelCard) -> str:
    """The day on which it ends and what its provider names in its place."""
    after = f", then {' or '.join(card.successors)}" if card.successors else ""
    return f"{card.retires}{after}" if card.retires is not None else "–"


def gone(models: Iterable[Retired]) -> Iterator[str]:
    """The models that have ended."""
    yield from (
        "## Models that have ended",
        "",
        "Who asks for one of these is told when it ended and which of the models above came after it.",
        "",
        "| model | ended | in its place | source |",
        "|---|---|---|---|",
    )
    for one in models:
        yield f"| `{one.id}` | {one.ended} | {', '.join(one.successors) or 'nothing is named'} | {one.source}; read {one.as_of} |"
    yield ""


def words(card: ModelCard) -> str:
    """Its operations."""
    return ", ".join(operation.replace("_", " ") for operation in card.capabilities.operations)


def cell(held: Mapping[str, Sequence[str] | bool] | None, field: str, text: str) -> str:
    """As the card says, in italics where no emulator was there to prove it or where it did not hold."""
    return text if not text or (held is not None and held.get(field, False)) else f"*{text}*"


def shapes(can: Capabilities, held: Mapping[str, Sequence[str] | bool] | None) -> str:
    """How a size is asked for: of words as many as held."""
    found = []
    for field, title, said in (("aspect_ratio", "ratios", can.aspect_ratios), ("size", "sizes", can.sizes)):
        if said:
            good = _words(held, field)
            found.append(f"{len(good)} {title}" if good else f"*{len(said)} {title}*")
    if can.size_rule is not None:
        rule = f"any in steps of {can.size_rule.multiple}, sides {can.size_rule.min_side} to {can.size_rule.max_side}"
        shorter = can.size_rule.max_short_side
        rule += f", the shorter to {shorter}" if shorter < can.size_rule.max_side else ""
        found.append(cell(held, "size", rule))
    if can.resolutions:
        good = _words(held, "resolution")
        found.append(" / ".join(word if word in good else f"*{word}*" for word in can.resolutions))
    return ", ".join(found) or "its own"


def _words(held: Mapping[str, Sequence[str] | bool] | None, field: str) -> Sequence[str]:
    good = (held or {}).get(field, ())
    return good if not isinstance(good, bool) else ()


def price(card: ModelCard) -> str:
    """What a picture costs by the list, from the cheapest setting to the dearest, and when that was read."""
    if card.free:
        return "free"
    by_unit = {line.unit: [each for each in card.prices if each.unit == line.unit] for line in card.prices}
    units = [unit for unit in UNITS if unit in by_unit]
    told = units[:2] if units[:2] == ["image", "megapixel"] else units[:1]
    if told:
        sums = " and ".join(f"{span(by_unit[unit])} {UNITS[unit]}" for unit in told)
        return f"{sums} ({max(line.as_of for unit in told for line in by_unit[unit])})"
    return "not known"


def span(lines: Iterable[PriceLine]) -> str:
    """Dollars, exactly."""
    per = [line.micro_usd_per_million for line in lines]
    low, high = (dollars(each, lines) for each in (min(per), max(per)))
    return low if low == high else f"{low} to {high}"


def dollars(micro_per_million: int, lines: Iterable[PriceLine]) -> str:
    """Of one unit, or of a million where those are tokens."""
    tokens = any(line.unit.endswith("_token") for line in lines)
    exact = Decimal(micro_per_million) / (10**6 if tokens else 10**12)
    return f"${exact.normalize():f}"
