"""What is asked for and what comes back: requests, pictures, adjustments, costs.

Money is whole micro-dollars (1 USD = 1,000,000), sizes are pixels, durations are seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from triptych.spec.json import Json

Task = Literal["upscale", "remove_background"]
"""A job that is done on one picture and takes no words. `upscale`: the same picture with more pixels, the request's `size`;
`remove_background`: its subject alone, the rest transparent."""
TASKS: tuple[Task, ...] = get_args(Task)
Operation = Literal["generate", "edit", "upscale", "remove_background"]
Role = Literal["edit", "subject", "style", "layout"]
"""What an input picture is for. `edit` is the picture to be changed; the others are references."""

AdjustmentKind = Literal["native", "emulated", "adjusted", "unsupported"]
Billed = Literal["yes", "no", "unknown"]
CostSource = Literal["provider", "usage", "table", "free", "unknown"]
"""Where an amount comes from: the provider's own figure, its usage times the card's rate, the card's table,
a model that costs nothing, or nobody knows (the amount is then None, never zero)."""

Knob = int | float | str | bool

SEEDS = 2**32
"""Seeds are below this: what every provider with seeds takes."""


def later_seed(seed: int, places: int) -> int:
    """The seed of the picture that many places further on: pictures made together count up, so that they differ and
    each can be made again alone."""
    return (seed + places) % SEEDS


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def ratio(self) -> "AspectRatio":
        divisor = math.gcd(self.width, self.height) or 1
        return AspectRatio(self.width // divisor, self.height // divisor)

    @classmethod
    def parse(cls, text: str) -> "Size":
        """`1536x1024`. Raises ValueError for anything else, zero included."""
        width, cross, height = text.lower().partition("x")
        if not cross or not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
            raise ValueError(f"{text!r} is not a size like 1536x1024")
        if int(width) == 0 or int(height) == 0:
            raise ValueError(f"{text!r} has a side of zero pixels")
        return cls(int(width), int(height))


@dataclass(frozen=True, slots=True)
class AspectRatio:
    """Width to height as whole numbers, e.g. 4:5."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"

    @property
    def value(self) -> float:
        return self.width / self.height

    @classmethod
    def parse(cls, text: str) -> "AspectRatio":
        """`4:5`. Raises ValueError for anything else, zero included."""
        width, colon, height = text.strip().partition(":")
        if not colon or not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
            raise ValueError(f"{text!r} is not a ratio of whole numbers like 4:5")
        if int(width) == 0 or int(height) == 0:
            raise ValueError(f"{text!r} has a side of zero")
        return cls(int(width), int(height))


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture given with a request: always bytes, never an address that a user typed."""

    data: bytes = field(repr=False)
    media_type: str
    sha256: str
    width: int
    height: int
    role: Role = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier step of a conversation with a picture: what was asked, what went along, and the picture that came of it,
    by its own id. `context` is text that its maker's adapter needs to go on from there; only `endpoint` may see it."""

    prompt: str
    picture: str
    answer: InputImage
    endpoint: str
    images: tuple[InputImage, ...] = ()
    context: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WeightedPart:
    """One idea of a prompt written as `idea::weight`. Weights are as written, not normalised."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """One request to one model.

    `mask` is a PNG whose transparent pixels are to be changed (OpenAI's convention); adapters turn it into their own.
    `knobs` are the creative settings of the prompt grammar by canonical name (`stylize`, `chaos`, `weird`, `tile`,
    `raw`, `iw`, `sw`, …). `options` are passed to one provider by its name, as that provider writes them. `turns` are
    earlier steps, the oldest first; the answer of the last one is among `images`. `restore`: what an edit changes outside
    of its mask is put back here, also by a model that takes masks. `task` is a job with the picture to edit in place of one
    by words: `prompt` then only says what the picture shows, and goes nowhere.
    """

    prompt: str
    n: int = 1
    size: Size | None = None
    aspect_ratio: AspectRatio | None = None
    resolution: str | None = None  # "512", "1k", "1.5k", "2k", "3k", "4k"
    quality: str | None = None  # "draft", "low", "medium", "high", "xhigh", "max", "standard", "hd", "auto"
    seed: int | None = None
    negative_prompt: str | None = None
    parts: tuple[WeightedPart, ...] = ()
    background: str | None = None  # "transparent", "opaque", "auto"
    output_format: str | None = None  # "png", "jpeg", "webp"
    output_compression: int | None = None  # 0..100
    moderation: str | None = None  # "auto", "low"
    input_fidelity: str | None = None  # "low", "high"
    previews: int = 0
    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    user: str | None = None
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    restore: bool = False
    task: Task | None = None

    @property
    def operation(self) -> Operation:
        """An edit has a picture to start from; references alone do not make one, but need the same door."""
        return self.task or ("edit" if self.images else "generate")

    def features(self) -> frozenset[str]:
        """The names of everything asked for beyond the prompt: what a model must honour or report."""
        plain = ("size", "aspect_ratio", "resolution", "quality", "seed", "negative_prompt", "background",
                 "output_format", "output_compression", "moderation", "input_fidelity", "mask", "user")  # fmt: skip
        asked = {name for name in plain if getattr(self, name) is not None}
        asked |= {"n"} if self.n != 1 else set()
        asked |= {name for name in ("previews", "images", "parts", "turns") if getattr(self, name)}
        return frozenset(asked | set(self.knobs))

    def seen_by(self, endpoint: str) -> "ImageRequest":
        """As this endpoint may see it: without what others keep of their own turns."""
        if all(turn.context is None or turn.endpoint == endpoint for turn in self.turns):
            return self
        own = tuple(turn if turn.endpoint == endpoint else replace(turn, context=None) for turn in self.turns)
        return replace(self, turns=own)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What became of one thing that was asked for. Everything that is not `native` is shown to the user."""

    feature: str
    kind: AdjustmentKind
    detail: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What something costs. `amount_micro_usd` is None when nobody knows; never zero in its place."""

    amount_micro_usd: int | None
    source: CostSource


FREE = Cost(0, "free")
UNKNOWN_COST = Cost(None, "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the provider reports them; None where it says nothing."""

    input_tokens: int | None = None
    input_text_tokens: int | None = None
    input_image_tokens: int | None = None
    output_tokens: int | None = None
    output_image_tokens: int | None = None
    total_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedImage:
    """One picture as the provider sent it. `media_type` is what it claims; the bytes decide. `context` is what the same
    endpoint needs to go on from this picture, as its adapter writes it: kept, never shown, never sent to another."""

    data: bytes = field(repr=False)
    media_type: str | None = None
    revised_prompt: str | None = None
    seed: int | None = None
    cost: Cost | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    context: str | None = field(default=None, repr=False)
    context_of: str | None = None  # the endpoint that may see it, as the driver says


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFailure:
    """One picture of several that did not come, although others did."""

    index: int
    code: str
    message: str
    billed: Billed = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """Everything one call brought back. At least one image, or the call raises."""

    images: tuple[GeneratedImage, ...]
    adjustments: tuple[Adjustment, ...] = ()
    failures: tuple[ItemFailure, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: Cost = UNKNOWN_COST
    billed: Billed = "unknown"
    model_served: str | None = None
    provider_request_id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
