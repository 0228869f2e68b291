"""A model that workers have, as a model of this program: what at least one of them does, and pictures by way of the desk."""

import asyncio
import re
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated

import msgspec

from triptych.http.message import HttpRequest
from triptych.http.transport import EncodedBody
from triptych.imaging.mask import white_mask
from triptych.node.horde.desk import Desk, Step, Worker
from triptych.node.horde.wire import GRID, SIDES, Asked, job_body
from triptych.provider_kit.fit import Fit, resolution_side
from triptych.provider_kit.options import with_options
from triptych.provider_kit.upstream import as_object
from triptych.provider_kit.wire import wire_record
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ExpiredError
from triptych.spec.image import FREE, SEEDS, Adjustment, GeneratedImage, ImageRequest, ImageResult, Size
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
)
from triptych.spec.replacing import replace

PROVIDER, NAME = "workers", "Your workers"
READERS = "Whoever runs the worker can read the prompt, and it goes there in plain text. You gave them the key."
SAMPLER, STEPS = "k_euler_a", 30
"""Where neither the model nor the job says otherwise."""


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    """What may be set of the sampler, as the Horde names and bounds it."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=500)] = STEPS
    cfg_scale: Annotated[float, msgspec.Meta(ge=0, le=100)] = 7.0
    sampler_name: Annotated[str, msgspec.Meta(max_length=40)] = ""
    karras: bool = True
    clip_skip: Annotated[int, msgspec.Meta(ge=1, le=12)] = 1
    denoising_strength: Annotated[float, msgspec.Meta(ge=0.01, le=1)] = 1.0


def worker_card(name: str, workers: Iterable[Worker], known: ModelCard | None) -> ModelCard:
    """What the studio and the router are told of a model on workers: what at least one of them does."""
    said = [one.said for one in workers]
    pictures = any(one.allow_img2img is not False for one in said)
    short = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "model"
    side = SIDES[1]
    plain = known is None or known.capabilities.negative_prompt
    return ModelCard(
        id=f"{PROVIDER}/{short}", provider=PROVIDER, provider_model_id=name, family=short if known is None else known.family,
        name=f"{name if known is None else known.name} on your workers", maker="community" if known is None else known.maker, lane="pinned",
        provider_name=NAME, free=True, license=None if known is None else known.license,
        capabilities=Capabilities(
            operations=("generate", "edit") if pictures else ("generate",), max_input_images=1 if pictures else 0,
            size_rule=SizeRule(multiple=GRID, min_side=SIDES[0], max_side=side,
                               max_pixels=max(GRID * GRID, min(side * side, max(one.max_pixels for one in said)))),
            mask=pictures and any(bool(one.allow_painting) for one in said), seed=True, negative_prompt=plain, progress=True,
            knobs=("tile",),
        ),
        policy=(PolicyFact(topic="readers", statement=READERS, source="AI Horde's worker protocol", as_of="2026-11-20"),),
        extra={} if known is None else {"params": dict(as_object(known.extra.get("params")))},
    )  # fmt: skip


class WorkersModel:
    """Implements `ImageModel` for one model that workers have."""

    def __init__(self, card: ModelCard, desk: Desk, clock: Clock) -> None:
        self._card, self._desk, self._clock = card, desk, clock

    @property
    def card(self) -> ModelCard:
        return self._card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What would become of each asked-for feature. Raises BadRequestError."""
        return self._fitted(request, 0)[1].done()

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """See `ImageModel`. Raises what `Desk.draw` raises."""
        asked, fit = self._fitted(request, secrets.randbelow(SEEDS) if request.seed is None else request.seed)
        if asked.mask is not None:
            asked = replace(asked, mask=await asyncio.to_thread(white_mask, asked.mask))
        given: list[str] = []
        found = await self._desk.draw(asked, context.deadline, partial(_heard, context, asked, given))
        names: list[Json] = [*given]
        notes: list[Json] = [*found.notes]
        mark: dict[str, Json] = {"worker": found.worker, "given_to": names, "notes": notes}
        picture = GeneratedImage(data=found.picture, seed=found.seed, cost=FREE, metadata=mark)
        return ImageResult(images=(picture,), adjustments=fit.done(), cost=FREE, billed="no", metadata=mark,
                           model_served=self._card.provider_model_id)  # fmt: skip

    async def resume(self, _job: JobHandle, _request: ImageRequest, _context: CallContext) -> ImageResult:
        """The desk forgets its jobs when the studio ends: always ExpiredError."""
        raise ExpiredError("What workers were drawing ended with the studio.", hint="Make it again; it costs nothing.",
                           provider=PROVIDER, billed="no")  # fmt: skip

    async def cancel(self, _job: JobHandle) -> bool:
        """There is no job apart from its call; who stops the call takes it off the desk."""
        return False

    async def check(self) -> KeyCheck:
        """See `ImageModel`: whether a worker with this model is here, and no call."""
        rule = self._card.capabilities.size_rule or SizeRule()
        side = rule.min_side
        asked = Asked(model=self._card.provider_model_id, prompt="", negative=None, seed=0, width=side, height=side)
        why = self._desk.why_nobody(asked)
        return (
            KeyCheck(ok=True, message="A worker is connected.")
            if why is None
            else KeyCheck(ok=False, message=why, code="not_sent")
        )

    def _fitted(self, request: ImageRequest, seed: int) -> tuple[Asked, Fit]:
        fit = Fit(request, self._card)
        prompt, negative = fit.prompt(), fit.negative_prompt()
        if "###" in prompt:
            raise BadRequestError("Workers take what follows ### for the negative prompt.", param="prompt", provider=PROVIDER,
                                  hint="Leave ### out; use --no for it.")  # fmt: skip
        fit.seed(), fit.count()
        params = self._params(request)
        if request.knobs.get("tile"):
            fit.native("tile")
            params["tiling"] = True
        size = fit.size(default=_square(self._card)) or _square(self._card)
        images, mask = fit.images(), fit.mask()
        asked = Asked(
            model=self._card.provider_model_id, prompt=prompt, negative=negative, seed=seed, width=size.width, height=size.height,
            params=params, source=images[0].data if images else None, mask=None if mask is None else mask.data,
        )  # fmt: skip
        return asked, fit

    def _params(self, request: ImageRequest) -> dict[str, Json]:
        """The settings of the sampler: the model's own, and the user's by `options`. Raises BadRequestError."""
        strength: Mapping[str, Json] = {"denoising_strength": 0.75} if request.images and request.mask is None else {}
        tuned = dict(as_object(self._card.extra.get("params")))
        found = with_options({}, request, PROVIDER, open_defaults={**strength, **tuned})
        try:
            msgspec.convert(found, _Params)
        except msgspec.ValidationError as error:
            raise BadRequestError(
                f"A setting for workers is wrong: {error}.", param=f"options.{PROVIDER}", provider=PROVIDER
            ) from None
        return found


def _square(card: ModelCard) -> Size:
    rule = card.capabilities.size_rule or SizeRule()
    side = resolution_side("1k")
    while side > GRID and side * side > rule.max_pixels:
        side -= GRID
    return Size(side, side)


async def _heard(context: CallContext, asked: Asked, given: list[str], step: Step) -> None:
    if step.worker is None:
        await context.tell(Progress(queue_position=step.place, note="waiting for a worker"))
        return
    if not given:
        body = job_body(asked, "<job>", "<upload>", 0)
        shown = HttpRequest(url="/api/v2/generate/pop", json=body)
        await context.tell(
            Sent(wire_record(shown, shown.url, EncodedBody(msgspec.json.encode(body), "application/json")))
        )
    given.append(step.worker)
    await context.tell(Progress(note=f"{step.worker} is drawing"))
