"""Models: what a card says, what a call is told, and the interface every model offers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from triptych.spec.image import TASKS, Adjustment, ImageRequest, ImageResult, Operation
from triptych.spec.json import Json

Lane = Literal["local", "pinned", "attested", "community", "commercial"]
LANES: tuple[Lane, ...] = ("local", "pinned", "attested", "community", "commercial")

PriceUnit = Literal["image", "input_image", "megapixel",
                    "input_text_token", "input_image_token", "output_image_token", "output_text_token"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Free pixel sizes within limits. Sides in pixels, ratio as width / height."""

    multiple: int = 1
    min_side: int = 64
    max_side: int = 4096
    max_short_side: int = 1 << 16
    """Of the shorter side, where a model takes no square as wide as its widest picture."""
    min_pixels: int = 0
    max_pixels: int = 1 << 26
    min_ratio: float = 1 / 16
    max_ratio: float = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model takes natively. An empty tuple means that the model has no such setting."""

    operations: tuple[Operation, ...] = ("generate",)
    aspect_ratios: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    size_rule: SizeRule | None = None
    resolutions: tuple[str, ...] = ()
    default_resolution: str | None = None
    qualities: tuple[str, ...] = ()
    default_quality: str | None = None
    backgrounds: tuple[str, ...] = ()
    output_formats: tuple[str, ...] = ()
    max_images_per_call: int = 1
    max_input_images: int = 0
    mask: bool = False
    seed: bool = False
    negative_prompt: bool = False
    previews: bool = False
    progress: bool = False
    cancel: bool = False
    resume: bool = False
    knobs: tuple[str, ...] = ()
    max_prompt_chars: int | None = None
    pictures_option: str | None = None
    """The provider's own option, as a path with dots, by which one call may bring and bill that many pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line of a price list: `micro_usd_per_million` units cost that many micro-dollars.

    `when` names the settings it is for, e.g. `{"resolution": "2k"}` or `{"quality": "low", "size": "1024x1024"}`;
    a line without conditions is for everything that no other line of its unit names.
    """

    unit: PriceUnit
    micro_usd_per_million: int
    when: Mapping[str, str] = field(default_factory=dict)
    source: str
    as_of: str  # ISO date


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFact:
    """One thing a provider says about data it is given, with where and when it was read.

    `value` is the same as one word, where the router can hold a request to it: training `no` or `yes`, retention a
    number of days (0 for none), region a name such as `EU`. None where the statement is no such plain word.
    """

    topic: Literal["training", "retention", "publication", "region", "readers"]
    statement: str
    source: str
    as_of: str  # ISO date
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One endpoint: one provider serving one model. `id` is `provider/model`; `family` names the model itself, so
    that endpoints of several providers that serve the same model can stand in for each other."""

    id: str
    provider: str
    provider_model_id: str
    family: str
    name: str
    maker: str
    lane: Lane
    capabilities: Capabilities
    prices: tuple[PriceLine, ...] = ()
    provider_name: str = ""  # the provider as people know it; empty where its id says it
    free: bool = False
    policy: tuple[PolicyFact, ...] = ()
    typical_seconds: tuple[int, int] | None = None  # p50, p90 before anything was measured here
    license: str | None = None
    is_ai: bool = True
    note: str | None = None
    retires: str | None = None  # ISO date
    successors: tuple[str, ...] | None = (
        None  # the ids that its provider names in its place; () where it names none, None where not known
    )
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def draws(self) -> bool:
        """Whether it makes pictures by words; others only do a task with a picture, and no one chooses them for a prompt."""
        return any(operation not in TASKS for operation in self.capabilities.operations)


Step = Literal["submit", "poll", "fetch", "cancel", "check"]
"""What an outbound call is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRecord:
    """One outbound request as it was sent and how it was answered, safe to store and to show: credentials never reach
    it, and bytes of pictures are replaced by their type, length and hash. `body_sha256` is over the true body."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None
    body_sha256: str | None
    step: Step = "submit"
    status: int | None = None  # of HTTP; None while there is no answer, and where none came
    ms: int | None = None  # from sending to the end of the answer; None while it is under way
    request_id: str | None = None  # by which the provider itself names the call
    calls: int = 1  # polls of one job are one record: how many, with the times added up and the last answer


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHandle:
    """A provider's job that can be asked about later, also after a restart. `state` is the adapter's own, as JSON."""

    provider: str
    endpoint: str
    job_id: str
    state: Mapping[str, Json]


# What a model tells its caller while it works, in this order; any of them may be left out.


@dataclass(frozen=True, slots=True)
class Sent:
    """The request has gone out; from here on it may be billed."""

    wire: WireRecord


@dataclass(frozen=True, slots=True)
class Answered:
    """An outbound call is over: the submit that was told as `Sent`, a poll, or the fetch of a picture."""

    wire: WireRecord


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider gave a job id. The caller stores it before anything else happens."""

    job: JobHandle


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is. `fraction` (0..1) only when the provider gives one; `preview` is an encoded picture."""

    fraction: float | None = None
    queue_position: int | None = None
    eta_s: float | None = None
    note: str | None = None
    preview: bytes | None = field(default=None, repr=False)


CallEvent = Sent | Answered | Accepted | Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What a call is given besides the request. `deadline` is in `Clock.monotonic()` seconds and covers submit, poll
    and fetch together."""

    call_id: str
    deadline: float
    tell: Callable[[CallEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """The outcome of a call that costs nothing and shows whether a provider can be used now."""

    ok: bool
    message: str
    code: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)


class ImageModel(Protocol):
    """A model that can be called: an HTTP adapter in its driver, a local engine, a painter, a node."""

    @property
    def card(self) -> ModelCard: ...

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Pure. Raises BadRequest when the request cannot be served."""
        ...

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """Makes the pictures. Raises a TriptychError and nothing else (besides CancelledError)."""
        ...

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """Waits for a job that was accepted earlier. Raises ExpiredError when the provider no longer knows it."""
        ...

    async def cancel(self, job: JobHandle) -> bool:
        """Asks the provider to stop a job. True when it agreed."""
        ...

    async def check(self) -> KeyCheck:
        """Tries the credentials (or the server) with a call that costs nothing."""
        ...


@runtime_checkable
class TellsModels(Protocol):
    """A model whose provider can be asked which models it has, with a call that costs nothing."""

    async def list_models(self) -> KeyCheck | None:
        """The names in `detail.models`, as requests have them, or in `detail.there` whether this one is there, where its provider tells of
        one at a time; None where it tells nothing."""
        ...
