"""Open models that lie on this machine, drawn with by a process of the program itself: no server, no account, nothing sent."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.folder import OpenModel
from triptych.imaging.diffusion.job import Begun, DrawError, Drawing, DrawJob, Loading, News, Step
from triptych.imaging.diffusion.runtime import EXTRA, installed
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, BlockedError, ExpiredError, HostileContentError, ProviderFailedError
from triptych.spec.image import (
    FREE,
    SEEDS,
    Adjustment,
    GeneratedImage,
    ImageRequest,
    ImageResult,
    InputImage,
    ItemFailure,
    Operation,
    later_seed,
)
from triptych.spec.json import Json
from triptych.spec.model import (
    CallContext,
    Capabilities,
    JobHandle,
    KeyCheck,
    ModelCard,
    PolicyFact,
    Progress,
    Sent,
    SizeRule,
    WireRecord,
)
from triptych.spec.replacing import replace

PROVIDER, NAME, ENGINE = "local", "Open models here", "diffusers"
STEPS_MAX, CHANGED, AT_ONCE = 150, 0.75, 4
MOST_SIDE = 2048
NO_EXTRA = f"Open models need PyTorch and diffusers, an extra: {EXTRA}"
BLANK = "The filter that comes with this model took the picture away."
_READ = {"source": "src/triptych/imaging/diffusion", "as_of": "2026-11-22"}
_POLICY = (
    PolicyFact(topic="readers", statement="Drawn by a process of this program; nothing leaves this machine.", **_READ),
    PolicyFact(topic="training", statement="Nothing is learnt from it.", value="no", **_READ),
    PolicyFact(topic="retention", statement="Nothing is kept but the result, here.", value="0", **_READ),
)


class Tuned(msgspec.Struct, forbid_unknown_fields=True):
    """What a user may set: steps, how closely the words are followed, and how much of a picture is changed."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=STEPS_MAX)]
    guidance: Annotated[float, msgspec.Meta(ge=0, le=100)]
    strength: Annotated[float, msgspec.Meta(gt=0, le=1)] = CHANGED


def local_card(model: OpenModel) -> ModelCard:
    """The card of a model, from its folder and what was kept beside it when it was fetched."""
    short = re.sub(r"[^a-z0-9._-]+", "-", model.folder.name.lower()).strip("-._") or "model"
    kind, told = model.kind, model.told
    operations: tuple[Operation, ...] = ("generate", "edit") if kind.edits else ("generate",)
    return ModelCard(
        id=f"{PROVIDER}/{short}", provider=PROVIDER, provider_model_id=model.folder.name, family=short, name=_text(told, "name") or model.folder.name,
        maker=_text(told, "maker") or "community", lane="local", provider_name=NAME, free=True, policy=_POLICY, license=_text(told, "license"),
        capabilities=Capabilities(
            operations=operations, max_input_images=1 if kind.edits else 0, mask=kind.masks, seed=True, negative_prompt=model.reads_negative(sampling(model).guidance),
            previews=model.glimpses, progress=True, max_images_per_call=AT_ONCE,
            size_rule=SizeRule(multiple=model.grid, min_side=64, max_side=MOST_SIDE, max_pixels=MOST_SIDE * MOST_SIDE),
        ),
    )  # fmt: skip


def _text(told: Mapping[str, Json], name: str) -> str | None:
    found = told.get(name)
    return found if isinstance(found, str) and found.isprintable() and len(found) <= 120 else None


def _learnt(fit: Fit, job: DrawJob, made: Drawing) -> None:
    """What only drawing tells of what became of a request."""
    if made.unread:
        told = f"the model did not read the last {made.unread} tokens: the prompt is too long for it"
        fit.record("prompt", "adjusted", told)
    if job.previews and not made.shown:
        fit.record("previews", "unsupported", "no preview could be made of this model on this machine")


def sampling(model: OpenModel) -> Tuned:
    """The steps and the guidance that a model is drawn with where nobody says otherwise."""
    plain = {"steps": model.kind.steps, "guidance": model.kind.guidance}
    try:
        return msgspec.convert({name: model.told.get(name, value) for name, value in plain.items()}, Tuned)
    except msgspec.ValidationError:
        return Tuned(**plain)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class LocalModel:
    """Implements `ImageModel` for one folder. All models share one easel. `exact` is for a node that has said how it reckons."""

    card: ModelCard
    model: OpenModel
    easel: Easel
    clock: Clock
    there: Callable[[], bool] = installed
    exact: str | None = None

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request)[0].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. A call that is stopped stops the drawing after its step; nothing is ever billed. Raises BadRequestError,
        HostileContentError, BlockedError where the model's own filter left nothing, and ProviderFailedError."""
        fit, job, given = self._fitted(request)
        if not self.there():
            raise BadRequestError(NO_EXTRA, hint="Install it, then start again.", param="model", provider=PROVIDER)

        async def hear(news: News) -> None:
            if isinstance(news, Begun):
                await context.tell(Sent(self._record(job, given, news.facts)))
            elif isinstance(news, Loading):
                await context.tell(Progress(note="loading the model"))
            elif isinstance(news, Step):
                await context.tell(Progress(fraction=news.done, preview=news.preview))

        seconds = max(1.0, context.deadline - self.clock.monotonic())
        try:
            made = await self.easel.draw(job, b"".join(one.data for one in given), seconds=seconds, hear=hear)
        except HostileContentError as error:
            error.billed = "no"
            raise
        except DrawError as error:
            raise ProviderFailedError(error.message, hint=error.hint, provider=PROVIDER, billed="no") from error
        _learnt(fit, job, made)
        images = tuple(GeneratedImage(data=one, media_type="image/png", seed=seed, cost=FREE)
                       for one, seed in zip(made.pictures, job.seeds, strict=True) if one is not None)  # fmt: skip
        if not images:
            raise BlockedError(BLANK, hint="Change the words, or try another seed.", provider=PROVIDER, billed="no")
        failures = tuple(ItemFailure(index=place, code=BlockedError.code, message=BLANK, billed="no")
                         for place, one in enumerate(made.pictures) if one is None)  # fmt: skip
        return ImageResult(images=images, failures=failures, adjustments=fit.done(), cost=FREE, billed="no",
                           model_served=self.card.provider_model_id)  # fmt: skip

    def _record(self, job: DrawJob, given: tuple[InputImage, ...], facts: Mapping[str, Json]) -> WireRecord:
        """What is handed to the process, as plain values: pictures and weights by their hashes, and how it draws."""
        body = json.dumps({
            "model": self.card.provider_model_id, "pipeline": self.model.pipeline, "prompt": job.prompt, "negative_prompt": job.negative,
            "seeds": list(job.seeds), "size": f"{job.width}x{job.height}", "steps": job.steps, "guidance": job.guidance,
            "strength": job.strength, "pictures": [one.sha256 for one in given],
            "repository": _text(self.model.told, "repository"), "revision": _text(self.model.told, "revision"), **facts,
        }, ensure_ascii=False, sort_keys=True)  # fmt: skip
        return WireRecord(method="RUN", url=self.card.id.replace("/", ":", 1), headers={}, body=body,
                          body_sha256=hashlib.sha256(body.encode()).hexdigest())  # fmt: skip

    def _fitted(self, request: ImageRequest) -> tuple[Fit, DrawJob, tuple[InputImage, ...]]:
        """What becomes of everything, the job, and the picture and the mask that go along. Raises BadRequestError."""
        tuned = self._tuned(request)
        fit, negative = self._guided(request, tuned.guidance)
        prompt, count = fit.prompt(), fit.count()
        fit.seed()
        if self.card.capabilities.previews:
            fit.native("previews")
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError("A mask needs the picture that it is for.", param="mask", provider=PROVIDER)
        size = fit.engine_size(self.model.side)
        first = request.seed if request.seed is not None else secrets.randbelow(SEEDS)
        part = 1.0 if not images or mask is not None else tuned.strength
        self._begun(tuned.steps, part)
        return fit, DrawJob(
            folder=str(self.model.folder), prompt=prompt, negative=negative, seeds=tuple(later_seed(first, place) for place in range(count)),
            width=size.width, height=size.height, steps=tuned.steps, guidance=tuned.guidance, strength=part, previews=request.previews > 0 and self.card.capabilities.previews,
            lengths=(len(images[0].data) if images else 0, len(mask.data) if mask is not None else 0), exact=self.exact,
        ), (*images, mask) if mask is not None else images  # fmt: skip

    def _guided(self, request: ImageRequest, guidance: float) -> tuple[Fit, str | None]:
        """What is to be left out, where a model reads that at all with so much guidance. It is not said in the prompt otherwise: readers
        of open models take a word that is to be avoided for one that is wanted."""
        can = replace(self.card.capabilities, negative_prompt=True)
        fit, model = Fit(request, replace(self.card, capabilities=can)), self.model
        if model.reads_negative(guidance):
            return fit, fit.negative_prompt()
        if request.negative_prompt is not None:
            above = model.kind.negative_above
            why = ("this model reads no negative prompt" if above is None or model.distilled else
                   f"this model reads a negative prompt only with a guidance above {above:g}; it is drawn with {guidance:g}")  # fmt: skip
            fit.record("negative_prompt", "unsupported", why)
        return fit, None

    def _begun(self, steps: int, strength: float) -> None:
        """Raises BadRequestError where so little of a picture would be changed that there is no step left to draw."""
        kind = self.model.kind
        if kind.steps_from(steps, strength) >= 1:
            return
        least = next((one / 100 for one in range(1, 101) if kind.steps_from(steps, one / 100) >= 1), 1.0)
        raise BadRequestError(
            f"A strength of {strength:g} with steps set to {steps} would change nothing of the picture.",
            hint=f"Set options.{PROVIDER}.strength to {least:g} or more, or other steps.", param=f"options.{PROVIDER}.strength",
            provider=PROVIDER,
        )  # fmt: skip

    def _tuned(self, request: ImageRequest) -> Tuned:
        own = sampling(self.model)
        try:
            return msgspec.convert(with_options({}, request, PROVIDER, open_defaults=msgspec.to_builtins(own)), Tuned)
        except msgspec.ValidationError as error:
            raise BadRequestError(f"A setting for {self.card.name} is wrong: {error}.", param=f"options.{PROVIDER}",
                                  provider=PROVIDER) from None  # fmt: skip

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """Nothing unfinished is kept: always ExpiredError."""
        raise ExpiredError("A model of this machine keeps no unfinished pictures.", hint="Make it again; it costs nothing.",
                           provider=PROVIDER, billed="no")  # fmt: skip

    async def cancel(self, job: JobHandle) -> bool:
        """There is no job to stop; cancelling the call itself stops it."""
        return False

    async def check(self) -> KeyCheck:
        """Whether what it needs is there."""
        return (
            KeyCheck(ok=True, message="It lies on this machine.")
            if self.there()
            else KeyCheck(ok=False, message=NO_EXTRA, code="not_here")
        )
