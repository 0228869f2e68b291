"""What a call costs, from the price lines of a card. Exact inside, in millionths and millionths of millionths of a
micro-dollar; whole micro-dollars outside."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from triptych.spec.image import FREE, UNKNOWN_COST, AspectRatio, Cost, ImageRequest, Size, Turn, Usage
from triptych.spec.model import ModelCard, PriceLine, PriceUnit
from triptych.spec.sizing import choose_resolution, choose_size, resolution_side, shape_of_edit, size_within

_MILLION = 1_000_000
_MOST_SHEETS = 2048
_AROUND_WORDS = 32  # tokens that a provider puts around a prompt
_ROUNDED = 500  # half of the tenth of a cent that prices of pictures are given in
FREE_OPTIONS = frozenset({
    "cfg_scale", "enable_safety_checker", "guidance", "guidance_scale", "moderation", "negative_prompt", "safetySettings",
    "safety_checker", "safety_settings", "safety_tolerance", "seed", "user", "watermark",
})  # fmt: skip
"""Options of providers that no price list charges for."""


def estimate(card: ModelCard, request: ImageRequest) -> Cost:
    """What a request would cost by the card's table, before it is sent.

    Settings that are left open count as the card's default; where neither says anything, the dearest line that may
    apply is taken, so that an estimate is never below the charge. Token lines are not used: nobody knows the tokens yet.
    Each call that the request is split into pays for the input pictures, and may bring as many pictures as the user's own
    options allow.
    """
    return _by_table(card, request, most_pictures(card, request))


def at_most(card: ModelCard, request: ImageRequest) -> Cost:
    """What is held for a request: the estimate, and where tokens are charged what it leaves out. The words of the prompt
    and of the earlier turns that this endpoint may be sent come to a token for each byte at most, and the pictures of those
    turns cost what other input pictures cost; prices of decisions are without them, because those know none of it. And what
    is published as the price of one picture is its tokens' price, rounded."""
    cost, sheet = estimate(card, request), _sheet(card, request)
    if not cost.amount_micro_usd:
        return cost
    turns = [turn for turn in request.turns if turn.endpoint == card.id]
    words = sum(len(text.encode()) + _AROUND_WORDS for text in (request.prompt, *(turn.prompt for turn in turns)))
    each = words * (sheet.rate("input_text_token") or 0)
    each += _earlier_pictures(card, request, turns) * (sheet.rate("input_image") or 0)
    more = -(-_calls(card, request) * each // _MILLION)
    if sheet.rate("output_image_token"):
        more += most_pictures(card, request) * _ROUNDED
    return Cost(cost.amount_micro_usd + more, cost.source)


def _earlier_pictures(card: ModelCard, request: ImageRequest, turns: Sequence[Turn]) -> int:
    """The most pictures that these turns add to those of the request; no answer is sent twice."""
    answers = {turn.answer.sha256 for turn in turns}
    groups = [request.images, *(turn.images for turn in turns)]
    together = len(turns) + sum(image.sha256 not in answers for group in groups for image in group)
    most = card.capabilities.max_input_images
    return max(0, min(together, most) - min(len(request.images), most))


def delivered(card: ModelCard, request: ImageRequest, pictures: int) -> Cost:
    """The card's table for the pictures that really came back."""
    return _by_table(card, request, max(1, pictures))


def unpriced_options(card: ModelCard, request: ImageRequest) -> tuple[str, ...]:
    """The user's own options for this provider that may change the price in a way that no card tells: all but those known
    to be free of charge, and the one that the card's `pictures_option` names, with the switch that its name begins with."""
    given = request.options.get(card.provider)
    if not isinstance(given, Mapping):
        return ()
    top, *deeper = (card.capabilities.pictures_option or "").split(".")
    counted = _asked_pictures(card, request) is not None

    def told(name: str, value: object) -> bool:
        if name == top and deeper:
            return counted and isinstance(value, Mapping) and set(value) <= {deeper[0]}
        return name in FREE_OPTIONS or (counted and bool(name) and top.startswith(name))

    return tuple(name for name, value in given.items() if not told(name, value))


def _asked_pictures(card: ModelCard, request: ImageRequest) -> int | None:
    """What the card's `pictures_option` says in this request."""
    found: object = request.options.get(card.provider)
    for name in (card.capabilities.pictures_option or "").split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 1 <= found <= _MILLION:
        return None
    return math.ceil(found)


def most_pictures(card: ModelCard, request: ImageRequest) -> int:
    """The most pictures that a request can bring: `n`, or for each of its calls what the card's `pictures_option` says."""
    found = _asked_pictures(card, request)
    return request.n if found is None else max(request.n, _calls(card, request) * found)


def _calls(card: ModelCard, request: ImageRequest) -> int:
    return -(-request.n // max(1, card.capabilities.max_images_per_call))


def _by_table(card: ModelCard, request: ImageRequest, pictures: int) -> Cost:
    if card.free:
        return FREE
    if unpriced_options(card, request):
        return UNKNOWN_COST
    sheet = _sheet(card, request)
    size, per_image, per_megapixel = sheet.size, sheet.rate("image"), sheet.rate("megapixel")
    if per_image is None and per_megapixel is None:
        return UNKNOWN_COST
    if per_megapixel is not None and size is None:
        return UNKNOWN_COST
    amount = pictures * ((per_image or 0) * _MILLION + (per_megapixel or 0) * (size.pixels if size else 0))
    inputs = min(len(request.images), card.capabilities.max_input_images)
    amount += _calls(card, request) * inputs * (sheet.rate("input_image") or 0) * _MILLION
    return Cost(_whole(amount, _MILLION * _MILLION), "table")


def from_usage(card: ModelCard, usage: Usage, request: ImageRequest) -> Cost | None:
    """The charge for the token counts that a provider reported; None when a count or a rate that matters is missing."""
    counts = _counts(usage, request)
    if counts is None:
        return None
    sheet = _sheet(card, request)
    amount = 0
    for unit, count in counts.items():
        rate = sheet.rate(unit)
        if rate is None and count:
            return None
        amount += count * (rate or 0)
    return Cost(_whole(amount, _MILLION), "usage")


def _counts(usage: Usage, request: ImageRequest) -> Mapping[PriceUnit, int] | None:
    """Tokens by what they are charged as; None when they cannot be told apart."""
    out = usage.output_image_tokens if usage.output_image_tokens is not None else usage.output_tokens
    if not out:
        return None
    text, image = usage.input_text_tokens, usage.input_image_tokens
    if usage.input_tokens is not None:
        if text is None and image is None and not request.images:
            text, image = usage.input_tokens, 0
        text = max(0, usage.input_tokens - image) if text is None and image is not None else text
        image = max(0, usage.input_tokens - text) if image is None and text is not None else image
    if text is None or (image is None and request.images):
        return None
    written = max(0, (usage.output_tokens or out) - out)
    return {"input_text_token": text, "input_image_token": image or 0,
            "output_image_token": out, "output_text_token": written}  # fmt: skip


class _Sheet:
    """What a card charges for one shape of request. `size` is the pixel size that will be sent, as far as the card tells."""

    def __init__(self, card: ModelCard, request: ImageRequest) -> None:
        self.card = card
        self.size = _size(card, request)
        self._settings = _settings(card, request, self.size)
        self._rates: dict[PriceUnit, int | None] = {}

    def rate(self, unit: PriceUnit) -> int | None:
        """Micro-dollars per million units; None when no line applies."""
        if unit not in self._rates:
            self._rates[unit] = _rate(self.card, unit, self._settings)
        return self._rates[unit]


_sheets: dict[tuple[object, ...], _Sheet] = {}


def _sheet(card: ModelCard, request: ImageRequest) -> _Sheet:
    """Worked out once: a request is priced several times on its way, and most are of the same few shapes."""
    key = (id(card), request.size, request.aspect_ratio, request.resolution, request.quality, request.operation,
           request.background, shape_of_edit(request) if request.resolution else None)  # fmt: skip
    found = _sheets.get(key)
    if found is None or found.card is not card:
        if len(_sheets) >= _MOST_SHEETS:
            _sheets.clear()
        found = _sheets[key] = _Sheet(card, request)
    return found


def _whole(amount: int, parts: int) -> int:
    """Of an amount in so many parts of a micro-dollar, half up; a price above zero is at least one micro-dollar."""
    return max(1, (2 * amount + parts) // (2 * parts)) if amount > 0 else 0


def _size(card: ModelCard, request: ImageRequest) -> Size | None:
    """The pixel size that will be sent, as far as the card tells."""
    caps = card.capabilities
    chosen = choose_size(caps, request)
    if chosen is not None:
        return chosen
    if caps.sizes:
        return Size.parse(caps.sizes[0])
    side = resolution_side(choose_resolution(caps, request) or caps.default_resolution or "1k")
    if caps.size_rule is not None:
        return size_within(caps.size_rule, AspectRatio(1, 1), side * side)
    return Size(side, side) if caps.resolutions else request.size


def _settings(card: ModelCard, request: ImageRequest, size: Size | None) -> Mapping[str, str | None]:
    """The value of everything that a line may ask for; None where it is open."""
    caps = card.capabilities
    quality = request.quality if request.quality in caps.qualities and request.quality != "auto" else None
    if quality is None and request.quality in {None, "auto"} and caps.default_quality != "auto":
        quality = caps.default_quality
    return {
        "resolution": choose_resolution(caps, request) or caps.default_resolution,
        "size": str(size) if size else None,
        "quality": quality,
        "operation": request.operation,
        "background": request.background or "auto",
        "max_megapixels": str(size.pixels) if size else None,
    }


def _rate(card: ModelCard, unit: PriceUnit, settings: Mapping[str, str | None]) -> int | None:
    """Micro-dollars per million units by the best line of that unit; None when no line applies."""
    fitting = [(line, _match(line, settings)) for line in card.prices if line.unit == unit]
    applying = [(line, match) for line, match in fitting if match is not None]
    if not applying:
        return None
    if any(is_open for _, (_, is_open) in applying):
        best = max(applying, key=lambda pair: pair[0].micro_usd_per_million)[0]
    else:
        best = max(applying, key=lambda pair: (pair[1][0], -_limit(pair[0])))[0]
    return best.micro_usd_per_million


def _match(line: PriceLine, settings: Mapping[str, str | None]) -> tuple[int, bool] | None:
    """How many conditions hold and whether one of them is open; None when one does not hold."""
    held, is_open = 0, False
    for key, wanted in line.when.items():
        value = settings.get(key)
        if value is None:
            is_open = True
        elif key == "max_megapixels":
            if Fraction(value) > Fraction(wanted) * _MILLION:
                return None
            held += 1
        elif value.lower() != wanted.lower():
            return None
        else:
            held += 1
    return held, is_open


def _limit(line: PriceLine) -> Fraction:
    return Fraction(line.when.get("max_megapixels", _MILLION))
