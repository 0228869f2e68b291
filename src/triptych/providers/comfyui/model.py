"""ComfyUI as models: a checkpoint, a model that enlarges, or a user's workflow, each with its card."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from triptych.http.message import HttpRequest
from triptych.http.transport import AnswerLostError
from triptych.imaging.mask import white_mask
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.options import with_options
from triptych.provider_kit.signs import EMBEDDING, ROUND, tell
from triptych.provider_kit.wire import wire_record
from triptych.providers.comfyui.graphs import (
    GUIDANCE,
    SAMPLER,
    SCHEDULER,
    STEPS,
    Graph,
    Painting,
    enlarging,
    painting,
)
from triptych.providers.comfyui.server import Comfy, Heard, understood
from triptych.providers.comfyui.workflow import Workflow
from triptych.spec.clock import Clock
from triptych.spec.errors import (
    AmbiguousError,
    BadRequestError,
    EmptyAnswerError,
    ExpiredError,
    NotSentError,
    ProviderFailedError,
    TriptychError,
)
from triptych.spec.image import (
    FREE,
    SEEDS,
    Adjustment,
    GeneratedImage,
    ImageRequest,
    ImageResult,
    InputImage,
    Operation,
    Size,
)
from triptych.spec.model import (
    Accepted,
    CallContext,
    Capabilities,
    JobHandle,
    KeyCheck,
    Lane,
    ModelCard,
    Progress,
    Sent,
    SizeRule,
)
from triptych.spec.replacing import replace

NAME = "ComfyUI"
LOOK_S = 1.0  # between two looks where nothing is heard
SIDE = 1024
_GRID, _LEAST, _MOST = 8, 64, 2048
_CHANGED = 0.75  # of a picture that is edited by words
_FILE = re.compile(r"\.(safetensors|ckpt|pth|pt|sft|gguf)$", re.IGNORECASE)


class _Tuned(msgspec.Struct, forbid_unknown_fields=True):
    """What a user may set of the sampler, as ComfyUI's KSampler names it."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=10000)] = STEPS
    cfg: Annotated[float, msgspec.Meta(ge=0, le=100)] = GUIDANCE
    sampler_name: Annotated[str, msgspec.Meta(max_length=60)] = SAMPLER
    scheduler: Annotated[str, msgspec.Meta(max_length=60)] = SCHEDULER
    denoise: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The pictures of a request by the names that they have on the server."""

    images: tuple[str, ...] = ()
    mask: str | None = None


def checkpoint_card(provider: str, file: str, lane: Lane = "local", shown: str = NAME) -> ModelCard:
    """The card of a checkpoint: by words, from a picture, within a mask."""
    short = _short(file)
    return ModelCard(
        id=f"{provider}/{short}", provider=provider, provider_model_id=file, family=short, name=_FILE.sub("", file), maker="community",
        lane=lane, provider_name=shown, free=True,
        capabilities=Capabilities(
            operations=("generate", "edit"), max_input_images=1, mask=True, seed=True, negative_prompt=True, previews=True, progress=True,
            cancel=True, resume=True, size_rule=_rule(),
        ),
    )  # fmt: skip


def upscaler_card(provider: str, file: str, lane: Lane = "local", shown: str = NAME) -> ModelCard:
    """The card of a model that enlarges."""
    short = _short(file)
    return ModelCard(
        id=f"{provider}/{short}", provider=provider, provider_model_id=file, family=short, name=_FILE.sub("", file), maker="community",
        lane=lane, provider_name=shown, free=True,
        capabilities=Capabilities(
            operations=("upscale",), max_input_images=1, progress=True, cancel=True, resume=True,
            size_rule=SizeRule(min_side=1, max_side=16384, max_pixels=1 << 26),
        ),
    )  # fmt: skip


def workflow_card(provider: str, name: str, found: Workflow, lane: Lane = "local", shown: str = NAME) -> ModelCard:
    """The card of a workflow: it does what its nodes take."""
    short = _short(name)
    operations: tuple[Operation, ...] = ("edit",) if found.images else ("generate",)
    return ModelCard(
        id=f"{provider}/{short}", provider=provider, provider_model_id=name, family=short, name=name, maker="yourself", lane=lane,
        provider_name=shown, free=True,
        capabilities=Capabilities(
            operations=operations, max_input_images=len(found.images), mask=bool(found.images and found.mask), seed=bool(found.seed),
            negative_prompt=bool(found.negative), previews=True, progress=True, cancel=True, resume=True,
            size_rule=_rule() if found.size else None,
        ),
    )  # fmt: skip


def _rule() -> SizeRule:
    return SizeRule(multiple=_GRID, min_side=_LEAST, max_side=_MOST, max_pixels=_MOST * _MOST)


def _short(name: str) -> str:
    short = re.sub(r"[^a-z0-9._-]+", "-", _FILE.sub("", name).lower()).strip("-._")
    return short or "model"


class ComfyModel:
    """Implements `ImageModel` for one card of a ComfyUI; `workflow` is set for one that a user drew."""

    def __init__(self, card: ModelCard, server: Comfy, clock: Clock, workflow: Workflow | None = None) -> None:
        self._card, self._server, self._clock, self._workflow = card, server, clock, workflow

    @property
    def card(self) -> ModelCard:
        return self._card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request)[0].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. Its pictures go first; then the workflow is sent, once. Raises what `Comfy` raises, and AmbiguousError where
        the time is over."""
        fit, make = self._fitted(request)
        if context.deadline <= self._clock.monotonic():
            raise NotSentError("There was no time left; nothing was sent.", provider=self._card.provider)
        seed = request.seed if request.seed is not None else secrets.randbelow(SEEDS)
        try:
            uploaded = await self._upload(fit.images(), fit.mask(), context.deadline)
            client = secrets.token_hex(16)
            asking = self._server.asking(make(seed, uploaded), client)
            body = await self._server.client.encode(asking)
            await context.tell(Sent(wire_record(asking, asking.url, body)))
            job, pictures = await self._drawn(asking, client, context)
        except TriptychError as error:
            error.provider, error.billed = error.provider or self._card.provider, "no"
            raise
        return await self._result(job, pictures, seed if self._card.capabilities.seed else None, fit.done(), context)

    async def _drawn(self, asking: HttpRequest, client: str, context: CallContext) -> tuple[str, list[Any]]:
        """Sends the workflow and hears how far it is until it is over. Without a connection for that, it looks from time to time."""
        async with AsyncExitStack() as stack:
            try:
                messages = await stack.enter_async_context(self._server.hear(client, context.deadline))
            except NotSentError:
                messages = _silence()
            job = await self._queued(asking, context)
            done: float | None = None
            async for message in messages:
                heard = understood(message, job)
                if heard is None:
                    continue
                if heard.progress is not None:  # a preview comes by itself: it is of the step that was told last
                    done = heard.progress.fraction or done
                    await context.tell(replace(heard.progress, fraction=done))
                if self._over(heard):
                    break
        return job, await self._waited(job, context)

    async def _queued(self, asking: HttpRequest, context: CallContext) -> str:
        job = await self._server.queue(asking, context.deadline)
        await context.tell(
            Accepted(JobHandle(provider=self._card.provider, endpoint=self._card.id, job_id=job, state={}))
        )
        return job

    @staticmethod
    def _over(heard: Heard) -> bool:
        """Whether a job is over. Raises ProviderFailedError for one that failed."""
        if heard.fault is not None:
            raise ProviderFailedError(
                f"ComfyUI could not draw it: {heard.fault}", billed="no", hint="Look at ComfyUI’s own window."
            )
        return heard.over

    async def _waited(self, job: str, context: CallContext) -> list[Any]:
        """Where the pictures of a job lie, once it is over. Raises ExpiredError for one that the server does not know, AmbiguousError."""
        while True:
            try:
                found = await self._server.pictures(job, context.deadline)
                if found is None and not await self._server.waits(job, context.deadline):
                    found = await self._server.pictures(job, context.deadline)  # it may have ended in between
                    if found is None:
                        raise ExpiredError("ComfyUI knows nothing of this job any more.", hint="Make it again.", billed="no",
                                           provider=self._card.provider)  # fmt: skip
            except AnswerLostError:
                found = None
            if found is not None:
                return found
            left = context.deadline - self._clock.monotonic()
            if left <= 0:
                raise AmbiguousError(f"{self._card.name} took the job but did not finish it in time.", billed="no",
                                     hint="It can be picked up again.", provider=self._card.provider)  # fmt: skip
            await context.tell(Progress(note="waiting for ComfyUI"))
            await self._clock.sleep(min(LOOK_S, left))

    async def _result(
        self, job: str, places: list[Any], seed: int | None, adjustments: tuple[Adjustment, ...], context: CallContext
    ) -> ImageResult:  # fmt: skip
        kept = [one for one in places if one.get("type") == "output"] or places
        if not kept:
            raise EmptyAnswerError(
                "ComfyUI ended the workflow without a picture.", billed="no", provider=self._card.provider
            )
        data = await self._server.view(kept[-1], context.deadline)
        return ImageResult(
            images=(GeneratedImage(data=data, seed=seed, cost=FREE),), adjustments=adjustments, cost=FREE, billed="no",
            model_served=self._card.provider_model_id, provider_request_id=job,
        )  # fmt: skip

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. Raises ExpiredError when the server no longer knows it."""
        fit, _ = self._fitted(request)
        places = await self._waited(job.job_id, context)
        return await self._result(job.job_id, places, request.seed, fit.done(), context)

    async def cancel(self, job: JobHandle) -> bool:
        """See `ImageModel`."""
        try:
            await self._server.stop(job.job_id)
        except TriptychError:
            return False
        return True

    async def check(self) -> KeyCheck:
        """See `ImageModel`: whether the server is there."""
        try:
            good = await self._server.there()
        except TriptychError as error:
            return KeyCheck(ok=False, message=error.message, code=error.code)
        return KeyCheck(ok=good, message="ComfyUI answers." if good else "Something else than ComfyUI answers there.")

    async def _upload(self, images: tuple[InputImage, ...], mask: InputImage | None, deadline: float) -> Uploaded:
        names = [await self._server.upload(one.data, deadline) for one in images]
        white = None if mask is None else await asyncio.to_thread(white_mask, mask.data)
        return Uploaded(tuple(names), None if white is None else await self._server.upload(white, deadline))

    # What is sent.

    def _fitted(self, request: ImageRequest) -> tuple[Fit, "Make"]:
        """What becomes of everything, and the workflow once seed and pictures are known. Raises BadRequestError."""
        if self._card.capabilities.operations == ("upscale",):
            return self._enlarging(request)
        fit = Fit(request, self._card)
        prompt, negative = fit.prompt(), fit.negative_prompt()
        if self._workflow is None or self._workflow.weighs:
            tell(fit, (ROUND, EMBEDDING))
        fit.seed(), fit.count()
        fit.native("previews")
        images, mask = fit.images(), fit.mask()
        if mask is not None and not images:
            raise BadRequestError(
                "A mask needs the picture that it is for.", param="mask", provider=self._card.provider
            )
        if self._workflow is not None:
            return fit, self._from_workflow(fit, self._workflow, prompt, negative, images)
        size = fit.engine_size(SIDE)
        tuned = self._tuned(request)
        part = 1.0 if not images or request.mask is not None else _CHANGED
        return fit, lambda seed, names: painting(Painting(
            checkpoint=self._card.provider_model_id, prompt=prompt, negative=negative or "", seed=seed, width=size.width,
            height=size.height, steps=tuned.steps, cfg=tuned.cfg, sampler=tuned.sampler_name, scheduler=tuned.scheduler,
            denoise=tuned.denoise or part, source=names.images[0] if names.images else None, mask=names.mask,
        ))  # fmt: skip

    def _from_workflow(
        self, fit: Fit, workflow: Workflow, prompt: str, negative: str | None, images: tuple[InputImage, ...]
    ) -> "Make":
        if workflow.images and not images:
            raise BadRequestError(
                f"{self._card.name} is a workflow that begins with a picture.",
                param="image",
                provider=self._card.provider,
            )
        chosen = fit.size()
        size = None if chosen is None else (chosen.width, chosen.height)
        return lambda seed, names: workflow.filled(
            prompt=prompt, negative=negative, seed=seed, size=size, images=names.images, mask=names.mask
        )

    def _tuned(self, request: ImageRequest) -> _Tuned:
        try:
            return msgspec.convert(with_options({}, request, self._card.provider), _Tuned)
        except msgspec.ValidationError as error:
            raise BadRequestError(f"A setting for ComfyUI is wrong: {error}.", param=f"options.{self._card.provider}",
                                  provider=self._card.provider) from None  # fmt: skip

    def _enlarging(self, request: ImageRequest) -> tuple[Fit, "Make"]:
        source = next((image for image in request.images if image.role == "edit"), None)
        if request.task != "upscale" or source is None:
            raise BadRequestError(
                f"{self._card.name} takes a picture for upscale alone.", param="task", provider=self._card.provider
            )
        fit = Fit(request, self._card)
        fit.images()
        size = request.size or Size(source.width * 2, source.height * 2)
        fit.native("size")
        fit.record("detail", "emulated", "detail that was not there is made up by the network")
        return fit, lambda _, names: enlarging(self._card.provider_model_id, names.images[0], size.width, size.height)


async def _silence() -> AsyncIterator[str | bytes]:
    """No message at all."""
    nothing: tuple[str, ...] = ()
    for message in nothing:
        yield message


Make = Callable[[int, Uploaded], Graph]
"""A seed and the uploaded pictures to a workflow."""
