"""Models that are there already, as an engine of a node: the painters, and every server that speaks OpenAI's Images API."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from triptych import __version__
from triptych.catalog.load import load_cards
from triptych.http.message import HttpRequest
from triptych.http.transport import Transport
from triptych.imaging.header import header
from triptych.network.card import CardModel
from triptych.network.job import Job, Picture, Submit
from triptych.node.backends.base import Drawn, Glimpse, Tell
from triptych.node.hashes import Hashes
from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.upstream import as_list, as_object, as_text, read_json
from triptych.providers.demo import painters
from triptych.providers.demo.studio import INNER_PIXELS
from triptych.providers.rows import row_from_settings
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, HostileContentError, NotConfiguredError, ProviderFailedError
from triptych.spec.image import SEEDS, ImageRequest, InputImage, Size, later_seed
from triptych.spec.json import Json
from triptych.spec.model import CallContext, CallEvent, ImageModel, Progress

DRAW_S = 600.0  # for one picture
ASK_S = 10.0
MAX_PX = 4_194_304
PARTS = 100  # of a whole, for models that say how far they are and not in how many steps
_MOST_MODELS = 64
_EXACT = frozenset({"size", "quality", "output_format", "negative_prompt", "seed", "n", "mask", "images"})
"""Features of a job that are done as asked, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a model samples, where it is known: its steps where a job names none, and by which options of its own steps, guidance and
    strength are set. `fixed` are options that every job of a node has, so that two nodes draw alike whatever their servers are set to."""

    steps: int
    sampler: str | None
    options: Mapping[str, str]
    fixed: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, and what is stated of it beside how it samples."""

    stated: CardModel
    model: ImageModel
    sampling: Sampling | None = None

    @property
    def shown(self) -> CardModel:
        """As the card lists it: with the sampler and the steps that receipts will name."""
        if (own := self.sampling) is None:
            return self.stated
        return msgspec.structs.replace(self.stated, sampler=own.sampler, steps=own.steps)


Weigh = Callable[[Sequence[Offer], Hashes], Awaitable[Iterable[Offer]]]


class ModelBackend:
    """Draws by models of the program's own interface, one call for each picture. `weigh` gives the same offers with what a card should
    state of their weights."""

    def __init__(self, name: str, offers: Sequence[Offer], clock: Clock, weigh: Weigh | None = None) -> None:
        self._name, self._clock, self._weigh = name, clock, weigh
        self._offers = {one.shown.id: one for one in offers}

    @property
    def name(self) -> str:
        return self._name

    async def prepare(self, hashes: Hashes) -> None:
        """See `Backend.prepare`."""
        if self._weigh is not None:
            self.take_in(await self._weigh(tuple(self._offers.values()), hashes))

    async def models(self) -> tuple[CardModel, ...]:
        """See `Backend.models`."""
        return tuple(one.shown for one in self._offers.values())

    def take_in(self, offers: Iterable[Offer]) -> None:
        """Draws with these as well from now on, or with them as they are now. None is taken away: a job that was taken is still tried."""
        self._offers |= {one.shown.id: one for one in offers}

    def check(self, asked: Submit) -> None:
        """See `Backend.check`."""
        request, model = self._request(asked), self._offers[asked.job.model].model
        for one in model.plan(request):
            if one.feature in _EXACT and one.kind != "native":
                raise BadRequestError(f"{one.feature} is not done as asked: {one.detail}.", param=one.feature)

    def _request(self, asked: Submit) -> ImageRequest:
        """The first picture of a job, as a request. Raises BadRequestError."""
        job = asked.job
        tuned = self._tuned(job)
        if job.seed >= SEEDS:
            raise BadRequestError(f"Seeds are below {SEEDS} here.", param="seed")
        images = [_input(one, data) for one, data in zip(job.images, asked.pictures, strict=True)]
        masks = [image for one, image in zip(job.images, images, strict=True) if one.role == "mask"]
        if len(masks) > 1:
            raise BadRequestError("A job has one mask at most.", param="images")
        return ImageRequest(
            prompt=job.prompt, seed=job.seed, size=None if job.size is None else Size.parse(job.size),
            quality=job.quality, output_format=job.output_format, negative_prompt=job.negative_prompt, previews=job.previews,
            options={self._offers[job.model].model.card.provider: tuned} if tuned else {},
            images=tuple(image for image in images if image not in masks), mask=masks[0] if masks else None,
        )  # fmt: skip

    def _tuned(self, job: Job) -> dict[str, Json]:
        """What a job says of the sampler, in the words of its model. Raises BadRequestError for what the model cannot set."""
        offer = self._offers[job.model]
        known: Mapping[str, str] = {} if offer.sampling is None else offer.sampling.options
        tuned: dict[str, Json] = {} if offer.sampling is None else dict(offer.sampling.fixed)
        for name, value in (("steps", job.steps), ("guidance", job.guidance), ("strength", job.strength)):
            if value is None:
                continue
            if (own := known.get(name)) is None or (name == "strength" and not job.images):
                raise BadRequestError(f"{name} cannot be set here: leave it out.", param=name)
            tuned[own] = value
        return tuned

    async def draw(self, asked: Submit, tell: Tell) -> Drawn:
        """See `Backend.draw`."""
        job, first = asked.job, self._request(asked)
        model, sampling = self._offers[job.model].model, self._offers[job.model].sampling
        steps = 0 if sampling is None else job.steps or sampling.steps
        made: list[bytes] = []
        for place in range(job.n):
            request = replace(first, seed=later_seed(job.seed, place))
            context = CallContext(
                call_id=f"node-{secrets.token_hex(8)}", deadline=self._clock.monotonic() + DRAW_S,
                tell=partial(_passed_on, job, place, steps, tell),
            )  # fmt: skip
            found = await model.generate(request, context)
            if found.images[0].seed not in {None, request.seed}:
                raise ProviderFailedError(
                    f"The engine drew with seed {found.images[0].seed}; {request.seed} was asked for."
                )
            late = next((one for one in found.adjustments if one.feature == "prompt" and one.kind == "adjusted"), None)
            if late is not None:  # known only once it has been read
                raise BadRequestError(f"prompt is not done as asked: {late.detail}.", param="prompt")
            made.append(found.images[0].data)
        return Drawn(pictures=tuple(made), steps=steps, sampler=None if sampling is None else sampling.sampler)


async def _passed_on(job: Job, place: int, steps: int, tell: Tell, event: CallEvent) -> None:
    if isinstance(event, Progress) and event.fraction is not None:
        parts = steps * job.n or PARTS
        done = round((place + event.fraction) / job.n * parts)
        await tell(Glimpse(min(done, parts), parts, event.preview if job.previews else None))


def _input(one: Picture, data: bytes) -> InputImage:
    try:
        info = header(data)
    except HostileContentError as error:
        raise BadRequestError(f"A picture of the job cannot be opened: {error.message}", param="images") from None
    return InputImage(data, info.media_type, one.sha256, info.width, info.height,
                      "subject" if one.role == "reference" else "edit")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Brisk:
    """A clock on which the painters do not pause between their steps: nobody stands behind them here."""

    clock: Clock

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0)


def painter_backend(clock: Clock) -> ModelBackend:
    """The three painters: no models of AI, and the card's engine says that it is this program."""
    offers = [
        Offer(
            CardModel(id=one.card.provider_model_id, family=one.card.family, engine=f"triptych/{__version__}", precision="float64",
                      max_px=INNER_PIXELS, steps_max=0, caps=("t2i", "i2i", "inpaint")),
            one,
        )
        for one in painters(load_cards(), _Brisk(clock))
    ]  # fmt: skip
    return ModelBackend("the painters", offers, clock)


async def openai_backend(url: str, client: Transport, clock: Clock) -> ModelBackend:
    """A server that speaks OpenAI's Images API at `url`, with every model that it lists; it may be at home. Raises
    NotConfiguredError for one that lists none, SettingsError, TriptychError."""
    base = url.rstrip("/")
    base = base if base.endswith("/v1") else f"{base}/v1"
    asked = HttpRequest(method="GET", url=f"{base}/models", headers={"Accept": "application/json"}, step="check")
    answer = await client.send(asked, deadline=clock.monotonic() + ASK_S, allow_private=True, max_bytes=1 << 20)
    listed = [as_text(as_object(one).get("id")) for one in as_list(as_object(read_json(answer)).get("data"))]
    names = [name for name in listed if name and name.isprintable() and len(name) <= 120][:_MOST_MODELS]
    if answer.status != 200 or not names:
        raise NotConfiguredError(f"{base} lists no models (status {answer.status}).",
                                 hint="Give the address of a server that speaks OpenAI's Images API.")  # fmt: skip
    return images_backend(base, names, client, clock)


def images_backend(
    base: str, names: Sequence[str], client: Transport, clock: Clock, *, like: str | None = None
) -> ModelBackend:
    """These models of a server that speaks OpenAI's Images API. `like` takes the ways of a row that comes with the program.
    Raises SettingsError."""
    models: list[Json] = [{"id": name, "seed": True, "price_usd": 0} for name in names]
    ways: dict[str, Json] = {"like": like} if like else {"quirks": {"fields": ["seed"]}}
    adapter, cards = row_from_settings("engine", {"base_url": base, "lane": "local", "models": models, **ways})

    async def no_key() -> None:
        return None

    offers = [
        Offer(
            CardModel(id=card.provider_model_id, family=card.family, engine="openai-compatible", precision="unknown",
                      max_px=MAX_PX, steps_max=0, caps=("t2i",)),
            HttpImageModel(card, adapter, client, no_key, clock, base_url=base),
        )
        for card in cards
    ]  # fmt: skip
    return ModelBackend(f"the server at {base}", offers, clock)
