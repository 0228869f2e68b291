"""A painter as a model: the same interface as every other, with progress and previews after every step."""

import asyncio
import hashlib
from collections.abc import Iterator

from triptych.providers.demo.commission import Commission, as_text, settle
from triptych.providers.demo.job import Painter
from triptych.providers.demo.rehearsal import REFUSAL, REFUSAL_AFTER_S, SLOW, SLOW_NOTE, SLOW_PAUSE_S, refusal
from triptych.providers.demo.studio import INNER_PIXELS, Materials, Sheet, open_materials, paint, scene_of
from triptych.spec.clock import Clock
from triptych.spec.errors import ExpiredError, ProviderFailedError
from triptych.spec.image import FREE, Adjustment, GeneratedImage, ImageRequest, ImageResult
from triptych.spec.model import CallContext, JobHandle, KeyCheck, ModelCard, Progress, Sent, WireRecord

_PAUSE_S = 0.11  # between steps, so that a picture can be watched while it comes about


class PaintedModel:
    """One painter. `easel` limits how many steps are painted at the same time."""

    def __init__(self, card: ModelCard, clock: Clock, painter: Painter, easel: asyncio.Semaphore) -> None:
        self._card = card
        self._clock = clock
        self._painter = painter
        self._easel = easel

    @property
    def card(self) -> ModelCard:
        return self._card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What becomes of each feature; see ImageModel."""
        return _noted(settle(request, self._card))

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """Paints the pictures one after the other. Raises BadRequestError, HostileContentError, ProviderFailedError
        when the deadline passes, or BlockedError where the prompt asks for it; nothing is ever billed."""
        commission = settle(request, self._card)
        body = as_text(commission.parameters(self._card.id))
        await context.tell(Sent(WireRecord(
            method="PAINT", url=f"demo:{self._card.provider_model_id}", headers={}, body=body,
            body_sha256=hashlib.sha256(body.encode()).hexdigest(),
        )))  # fmt: skip
        if commission.part == REFUSAL:
            await self._clock.sleep(REFUSAL_AFTER_S)
            raise refusal(self._card.name)
        materials = await asyncio.to_thread(open_materials, commission)
        images = [await self._picture(commission, materials, index, context) for index in range(len(commission.seeds))]
        return ImageResult(
            images=tuple(images), adjustments=_noted(commission), cost=FREE, billed="no",
            model_served=self._card.provider_model_id,
        )  # fmt: skip

    async def _picture(
        self, commission: Commission, materials: Materials, index: int, context: CallContext
    ) -> GeneratedImage:
        steps = paint(self._painter, self._card.id, commission, materials, index)
        pause, note = (SLOW_PAUSE_S, SLOW_NOTE) if commission.part == SLOW else (_PAUSE_S, None)
        done = 0
        finished: bytes | None = None
        while (sheet := await self._step(steps, context)) is not None:
            done += 1
            finished = sheet.finished or finished
            share = (index + min(done / (self._painter.steps + 1), 1.0)) / len(commission.seeds)
            await context.tell(Progress(fraction=share, preview=sheet.preview, note=note))
            if sheet.finished is None:
                await self._clock.sleep(pause)
        if finished is None:
            raise ProviderFailedError("The painter put down the brush before the end.", provider="demo", billed="no")
        scene = scene_of(commission, materials, index)
        return GeneratedImage(
            data=finished, media_type=commission.media_type, seed=commission.seeds[index], cost=FREE,
            metadata={"hour": scene.hour, "ground": scene.ground, "things": list(scene.known),
                      "weather": sorted(scene.weathers)},
        )  # fmt: skip

    async def _step(self, steps: Iterator[Sheet], context: CallContext) -> Sheet | None:
        """The next step in a thread; a cancelled call ends after the step it is in."""
        if self._clock.monotonic() >= context.deadline:
            raise ProviderFailedError(
                "The picture was not finished in the time allowed.", provider="demo", billed="no",
                hint="Ask for a smaller size or fewer pictures, or allow more time.",
            )  # fmt: skip
        async with self._easel:
            return await asyncio.to_thread(next, steps, None)

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """Painters keep no jobs: always ExpiredError."""
        raise ExpiredError("A painter keeps no unfinished pictures.", hint="Run the prompt again; it costs nothing.",
                           provider="demo", billed="no")  # fmt: skip

    async def cancel(self, job: JobHandle) -> bool:
        """There is no job to stop; cancelling the call itself stops it after its step."""
        return False

    async def check(self) -> KeyCheck:
        """Always ready."""
        return KeyCheck(ok=True, message="Works offline; nothing to set up.")


def _noted(commission: Commission) -> tuple[Adjustment, ...]:
    """The adjustments, with a word about pictures that are painted smaller and enlarged."""
    size = commission.size
    if size is None or size.pixels <= INNER_PIXELS:
        return commission.adjustments
    note = f"{size}, painted at {INNER_PIXELS / 1e6:g} megapixels and enlarged"
    return tuple(
        Adjustment(a.feature, "emulated", note) if a.feature in {"size", "resolution"} else a
        for a in commission.adjustments
    )
