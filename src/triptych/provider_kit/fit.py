"""Fits a request to what a card offers, and writes down what became of every feature.

An adapter takes each value through one of the methods; what it takes no interest in ends as `unsupported` in `done()`,
so that nothing can be dropped without a word.
"""

import math
from collections.abc import Callable, Sequence

from triptych.spec.errors import BadRequestError
from triptych.spec.image import SEEDS, Adjustment, AdjustmentKind, AspectRatio, ImageRequest, InputImage, Size, Turn
from triptych.spec.model import ModelCard
from triptych.spec.references import chosen_first, names_of
from triptych.spec.replacing import replace
from triptych.spec.sizing import (
    choose_resolution,
    choose_size,
    nearest_ratio,
    resolution_side,
    size_allowed,
    size_within,
)

__all__ = ["Fit", "nearest_ratio", "resolution_side", "size_allowed", "size_within"]

_RATIO_SLACK = 0.01  # relative difference under which two ratios count as the same shape
_WRITTEN = {
    "aspect_ratio": "--ar", "size": "--size", "resolution": "--size", "negative_prompt": "--no", "seed": "--seed",
    "quality": "--quality", "background": "--bg", "version": "--v",
}  # fmt: skip
"""Features by the names that people write them with."""
MASK_EMULATED = "this model takes no mask: the picture goes to it whole, and what it changes outside is put back here"
TURNS_UNSENT = "the earlier turns are not sent: this model gets the picture and this instruction"
_CLASS_RANGE = (0.9, 1.25)  # how the side of a picture may differ from the side that its size class stands for


class Fit:
    """One request on its way into one body. Use once."""

    def __init__(self, request: ImageRequest, card: ModelCard) -> None:
        self.request = request
        self.card = card
        self._records: dict[str, Adjustment] = {}

    def record(self, feature: str, kind: AdjustmentKind, detail: str) -> None:
        """Notes what became of a feature; the last word on a feature holds."""
        self._records[feature] = Adjustment(feature, kind, detail)

    def native(self, *features: str) -> None:
        """These features, where asked for, are sent as they are."""
        for feature in features:
            if feature in self.request.features():
                self.record(feature, "native", "sent as asked")

    def prompt(self) -> str:
        """The prompt. Byte-identical, but for an `Avoid:` sentence where the model has no negative prompt."""
        request = self.request
        text = request.prompt
        if request.parts:
            self.record("parts", "emulated", "weights are expressed by the order of the words only")
        if request.negative_prompt is not None and not self.card.capabilities.negative_prompt:
            self.record("negative_prompt", "emulated", f"added to the prompt: “Avoid: {request.negative_prompt}.”")
            text = f"{text}\n\nAvoid: {request.negative_prompt}."
        limit = self.card.capabilities.max_prompt_chars
        if limit is not None and len(text) > limit:
            raise BadRequestError(
                f"The prompt has {len(text)} characters; {self.card.name} takes {limit}.",
                hint="Shorten the prompt or choose another model.", param="prompt", provider=self.card.provider,
            )  # fmt: skip
        return text

    def negative_prompt(self) -> str | None:
        """The negative prompt for a model that has the field."""
        if self.request.negative_prompt is not None and self.card.capabilities.negative_prompt:
            self.native("negative_prompt")
            return self.request.negative_prompt
        return None

    def seed(self, below: int = SEEDS, *, zero_is_any: bool = False) -> int | None:
        """The seed where the model takes one; where it takes only those `below` a number, the rest of a division by it. Where
        `zero_is_any`, 0 is not sent, and no other seed becomes 0."""
        asked = self.request.seed
        if not self.card.capabilities.seed or asked is None:
            return None
        if zero_is_any and asked == 0:
            self.record("seed", "unsupported", "0 means any seed to this model")
            return None
        first = int(zero_is_any)
        sent = first + (asked - first) % (below - first)
        if sent == asked:
            self.native("seed")
        else:
            self.record("seed", "adjusted", f"asked for {asked}, sent {sent}")
        return sent

    def count(self) -> int:
        """How many pictures this one call is asked for; more than the model takes at once is an error here, because
        requests are split before they reach an adapter."""
        if self.request.n > self.card.capabilities.max_images_per_call:
            raise BadRequestError(
                f"{self.card.name} makes {self.card.capabilities.max_images_per_call} per call, {self.request.n} asked for.",
                param="n", provider=self.card.provider,
            )  # fmt: skip
        self.native("n")
        return self.request.n

    def choice(self, feature: str, allowed: tuple[str, ...], aliases: dict[str, str] | None = None) -> str | None:
        """One of a list of words, by an alias where the model's word differs."""
        value = getattr(self.request, feature)
        if value is None or not allowed:
            return None
        chosen = value if value in allowed else (aliases or {}).get(value)
        if chosen is None or chosen not in allowed:
            if feature == "output_format":  # it is converted, see `done`
                return None
            self.record(feature, "unsupported", f"{value} is not offered here; it has {', '.join(allowed)}")
            return None
        if chosen == value:
            self.native(feature)
        else:
            self.record(feature, "adjusted", f"asked for {value}, sent {chosen}")
        return chosen

    def aspect_ratio(self) -> AspectRatio | None:
        """The nearest ratio from the card's list, for a ratio or a pixel size that was asked for."""
        wanted = self.request.aspect_ratio or (self.request.size.ratio if self.request.size else None)
        if wanted is None or not self.card.capabilities.aspect_ratios:
            return None
        ratio = nearest_ratio(wanted, self.card.capabilities.aspect_ratios)
        if self.request.aspect_ratio is not None:
            if abs(ratio.value / wanted.value - 1) <= _RATIO_SLACK:
                self.native("aspect_ratio")
            else:
                self.record("aspect_ratio", "adjusted", f"asked for {wanted}, the nearest this model offers is {ratio}")
        if self.request.size is not None:
            self.record("size", "adjusted", f"asked for {self.request.size}; this model takes a shape, sent {ratio}")
        return ratio

    def resolution(self) -> str | None:
        """The size class from the card's list: as asked, else the smallest that covers a pixel size, else None."""
        asked = self.request.resolution
        chosen = choose_resolution(self.card.capabilities, self.request)
        if chosen is not None and asked is not None:
            same = chosen.lower() == asked.lower()
            self.record("resolution", "native" if same else "adjusted",
                        "sent as asked" if same else f"asked for {asked}, sent {chosen}")  # fmt: skip
        return chosen

    def size(self, *, default: Size | None = None) -> Size | None:
        """A pixel size for a card that lists sizes or has a rule for them; `default` when nothing was asked for."""
        request = self.request
        if request.size is None and request.aspect_ratio is None and request.resolution is None:
            return default
        chosen = choose_size(self.card.capabilities, request)
        if chosen is not None:
            self._record_size(chosen)
        return chosen

    def followed(self) -> Size | None:
        """The shape of the picture that is to be changed, as large as the model draws by itself; None for references alone, and for a card
        without sizes. For a host whose least size nobody knows."""
        caps, source = self.card.capabilities, next((one for one in self.request.images if one.role == "edit"), None)
        if source is None:
            return None
        made = choose_size(caps, replace(self.request, resolution=caps.default_resolution or "1k"))
        if made is not None and (made.width, made.height) != (source.width, source.height):
            self.record("size", "adjusted", f"the picture has {source.width}x{source.height}, sent {made}")
        return made

    def follow(self, image: InputImage) -> Size | None:
        """The size nearest to that of a picture, for a call in which nobody asked for another; None for a card without sizes."""
        own = Size(image.width, image.height)
        made = choose_size(self.card.capabilities, replace(self.request, size=own, aspect_ratio=None, resolution=None))
        if made is not None and made != own:
            self.record("size", "adjusted", f"the picture has {own}, sent {made}")
        return made

    def engine_size(self, side: int) -> Size:
        """For an engine whose card has a rule of sizes: as asked, else as large as the picture to be changed on the rule's grid, else a
        square of `side` pixels."""
        if (chosen := self.size()) is not None:
            return chosen
        rule = self.card.capabilities.size_rule
        if not self.request.images or rule is None:
            return Size(side, side)
        own = self.request.images[0]
        part, grid = min(1.0, rule.max_side / max(own.width, own.height)), rule.multiple
        made = Size(*(max(rule.min_side, round(length * part / grid) * grid) for length in (own.width, own.height)))
        if (made.width, made.height) != (own.width, own.height):
            self.record("size", "adjusted", f"the picture has {own.width}x{own.height}, sent {made}")
        return made

    def _record_size(self, chosen: Size) -> None:
        request = self.request
        if request.size is not None:
            same = chosen == request.size
            self.record("size", "native" if same else "adjusted",
                        "sent as asked" if same else f"asked for {request.size}, sent {chosen}")  # fmt: skip
        if request.aspect_ratio is not None:
            same = abs(chosen.width / chosen.height / request.aspect_ratio.value - 1) <= 2 * _RATIO_SLACK
            self.record("aspect_ratio", "native" if same else "adjusted",
                        f"sent as {chosen}" if same else f"asked for {request.aspect_ratio}, sent {chosen}")  # fmt: skip
        if request.resolution is not None and request.size is not None:
            self.record(
                "resolution", "adjusted", f"asked for {request.resolution}; the pixel size decides, sent {chosen}"
            )
        elif request.resolution is not None:
            off = math.sqrt(chosen.pixels) / resolution_side(request.resolution)
            same = _CLASS_RANGE[0] <= off <= _CLASS_RANGE[1]
            self.record("resolution", "native" if same else "adjusted",
                        f"sent as {chosen}" if same else f"asked for {request.resolution}, sent {chosen}")  # fmt: skip

    def images(self) -> tuple[InputImage, ...]:
        """The input pictures, cut at the model's limit: the picture to edit first, then subject, layout, style. What the
        others are for goes unsaid, because no field holds it: an adapter that can say it records `roles` anew. One of which
        a side is shorter than the card's `extra.least_input_side` is an error."""
        images, limit = self.request.images, self.card.capabilities.max_input_images
        if not images:
            return ()
        if limit == 0:
            raise BadRequestError(
                f"{self.card.name} takes no pictures as input.", param="image", provider=self.card.provider,
                hint="Choose a model that can edit, or remove the pictures.",
            )  # fmt: skip
        sent, left = chosen_first(images, limit)
        self._large_enough(images, sent)
        if left:
            self.record("images", "adjusted",
                        f"{limit} of {len(images)} pictures sent; left out: {names_of(images, left)}")  # fmt: skip
        else:
            self.native("images")
        unsaid = [index for index in sent if images[index].role != "edit"]
        if unsaid:
            self.record("roles", "unsupported", f"no field says what a picture is for: {names_of(images, unsaid)} "
                        f"{'goes' if len(unsaid) == 1 else 'go'} without it")  # fmt: skip
        return tuple(images[index] for index in sent)

    def _large_enough(self, images: Sequence[InputImage], sent: Sequence[int]) -> None:
        least = self.card.extra.get("least_input_side")
        small = [i for i in sent if isinstance(least, int) and min(images[i].width, images[i].height) < least]
        if small:
            first = images[small[0]]
            raise BadRequestError(
                f"{self.card.name} takes pictures of {least} pixels a side or more; {names_of(images, small[:1])} has "
                f"{first.width}x{first.height}.",
                param="image", provider=self.card.provider, hint="Give a larger one, or enlarge it first.",
            )  # fmt: skip

    def turns(self, able: Callable[[Turn], bool]) -> tuple[Turn, ...]:
        """Earlier turns of the conversation that this very model made and that are `able` to be sent, as many of the last
        ones as there is room for; their answers then need not be sent once more."""
        own: list[Turn] = []
        for turn in reversed(self.request.turns):
            if turn.endpoint != self.card.id or turn.context is None or not able(turn):
                break
            own.insert(0, turn)
        limit = self.card.capabilities.max_input_images
        sent = [self.request.images[index] for index in chosen_first(self.request.images, limit)[0]]
        while own and _pictures(own, sent) > limit:
            own.pop(0)
        if own and len(own) == len(self.request.turns):
            self.native("turns")
        elif own:
            self.record("turns", "adjusted", f"the last {len(own)} of {len(self.request.turns)} earlier turns sent: "
                        "the others are another model's, or too many pictures")  # fmt: skip
        return tuple(own)

    def mask(self) -> InputImage | None:
        """The mask, for a model that takes one. Any other model that edits gets the picture whole, and what it changes
        outside of the mask is put back once its answer is here; one that takes no pictures is an error."""
        mask = self.request.mask
        if mask is None:
            return None
        if not self.card.capabilities.mask:
            if not self.request.images or not self.card.capabilities.max_input_images:
                raise BadRequestError(
                    f"{self.card.name} takes no mask without a picture to edit.", param="mask",
                    provider=self.card.provider, hint="Add the picture, and choose a model that can edit.",
                )  # fmt: skip
            self.record("mask", "emulated", MASK_EMULATED)
            return None
        self.native("mask")
        return mask

    def done(self) -> tuple[Adjustment, ...]:
        """What became of everything that was asked for, in a fixed order."""
        for feature in self.request.features() - set(self._records):
            if feature == "output_format":
                self.record(feature, "emulated", f"converted to {self.request.output_format} after it arrived")
            elif feature == "turns":
                self.record(feature, "adjusted", TURNS_UNSENT)
            elif feature == "previews":
                self.record(feature, "unsupported", "this model sends no previews")
            else:
                name = _WRITTEN.get(feature, f"--{feature}" if feature in self.request.knobs else None)
                self.record(feature, "unsupported", f"this model has no {name or feature.replace('_', ' ')}")
        return tuple(self._records[feature] for feature in sorted(self._records))


def _pictures(turns: Sequence[Turn], images: Sequence[InputImage]) -> int:
    """With how many pictures these turns and then these images are sent: no answer is sent twice."""
    answers = [turn.answer.sha256 for turn in turns]
    groups = [*((turn.images, answers[:place]) for place, turn in enumerate(turns)), (images, answers)]
    return len(turns) + sum(image.sha256 not in known for group, known in groups for image in group)
