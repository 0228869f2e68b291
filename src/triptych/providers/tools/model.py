"""A tool as a model: the same interface as every other. It takes one picture and no words, costs nothing and sends nothing."""

import hashlib
import json
from collections.abc import Callable, Mapping

from triptych.imaging.tools.bench import ToolBench
from triptych.imaging.tools.job import ToolError, ToolJob, Weights
from triptych.imaging.tools.runtime import EXTRA, installed, version
from triptych.providers.tools.card import ToolCard, WeightsCard
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ExpiredError, HostileContentError, ProviderFailedError
from triptych.spec.image import FREE, Adjustment, GeneratedImage, ImageRequest, ImageResult, InputImage, Size
from triptych.spec.json import Json
from triptych.spec.model import CallContext, JobHandle, KeyCheck, ModelCard, Progress, Sent, WireRecord
from triptych.spec.sizing import size_allowed

_OWN = frozenset({"images", "size", "output_format"})
_FACTORS = (2, 4)


class ToolModel:
    """One tool. `where` says where its weights lie, None while they are not here."""

    def __init__(
        self,
        card: ModelCard,
        tool: ToolCard,
        clock: Clock,
        bench: ToolBench,
        where: Callable[[WeightsCard], str | None],
    ) -> None:
        self._card = card
        self._tool = tool
        self._clock = clock
        self._bench = bench
        self._where = where

    @property
    def card(self) -> ModelCard:
        return self._card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        """What becomes of each feature; see ImageModel."""
        self._job(request)
        notes = [Adjustment(name, "unsupported", "a tool takes the picture alone")
                 for name in sorted(request.features() - _OWN)]  # fmt: skip
        if len(request.images) > 1:
            notes.append(Adjustment("images", "unsupported", "a tool takes one picture; the others were left out"))
        if self._tool.kind == "resample":
            notes.append(Adjustment("detail", "emulated", "resampled: more pixels, no new detail"))
        elif self._tool.kind == "enlarge":
            notes.append(Adjustment("detail", "emulated", "detail that was not there is made up by the network"))
        return tuple(notes)

    def trouble(self) -> tuple[str, str] | None:
        """Why it cannot be used now, as (message, hint); None when it can."""
        if self._tool.weights is None:
            return None
        if not installed():
            return f"{self._card.name} needs ONNX Runtime, an extra: {EXTRA}", "Install it, then start again."
        if self._where(self._tool.weights) is None:
            megabytes = self._tool.weights.about_bytes / 1e6
            return f"The weights of {self._card.name} are not here yet.", f"Get them once: about {megabytes:.1f} MB."
        return None

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """Does the task in a process of its own. Raises BadRequestError, HostileContentError, or ProviderFailedError when
        the tool fails or the deadline passes; nothing is ever billed."""
        source, job = self._job(request)
        body = json.dumps(self._told(source, job), ensure_ascii=False, sort_keys=True)
        await context.tell(Sent(WireRecord(
            method="RUN", url=self._card.id.replace("/", ":", 1), headers={}, body=body,
            body_sha256=hashlib.sha256(body.encode()).hexdigest(),
        )))  # fmt: skip

        async def hear(share: float) -> None:
            await context.tell(Progress(fraction=min(1.0, share)))

        seconds = max(1.0, context.deadline - self._clock.monotonic())
        try:
            made = await self._bench.run(job, source.data, seconds=seconds, hear=hear)
        except HostileContentError as error:
            error.billed = "no"
            raise
        except ToolError as error:
            raise ProviderFailedError(error.message, hint=error.hint, provider=self._card.provider,
                                      billed="no") from error  # fmt: skip
        return ImageResult(
            images=(GeneratedImage(data=made, media_type="image/png", cost=FREE),), adjustments=self.plan(request),
            cost=FREE, billed="no", model_served=self._card.provider_model_id,
        )  # fmt: skip

    def _told(self, source: InputImage, job: ToolJob) -> Mapping[str, Json]:
        """What is handed to the process, as plain values; the picture and the weights by their hashes."""
        engine = "pillow" if job.weights is None else f"onnxruntime {version()}, processor"
        return {"task": job.kind, "engine": engine, "picture": source.sha256, "size": f"{job.width}x{job.height}",
                "weights": job.weights.sha256 if job.weights else None, "factor": job.factor, "side": job.side,
                "memory_mib": job.memory_mib}  # fmt: skip

    def _job(self, request: ImageRequest) -> tuple[InputImage, ToolJob]:
        """The picture and the job. Raises BadRequestError."""
        card, tool = self._card, self._tool
        source = next((image for image in request.images if image.role == "edit"), None)
        if request.task not in card.capabilities.operations or source is None:
            raise BadRequestError(f"{card.name} takes a picture for {' or '.join(card.capabilities.operations)} alone.",
                                  param="task", provider=card.provider)  # fmt: skip
        if (trouble := self.trouble()) is not None:
            raise BadRequestError(trouble[0], hint=trouble[1], param="model", provider=card.provider)
        size = self._size(source, request.size)
        found = tool.weights and self._where(tool.weights)
        weights = Weights(path=found, sha256=tool.weights.sha256) if tool.weights and found else None
        return source, ToolJob(
            kind=tool.kind, width=size.width, height=size.height, memory_mib=tool.memory_mib, weights=weights,
            factor=tool.factor, side=tool.side, scale=tool.scale,
        )  # fmt: skip

    def _size(self, source: InputImage, asked: Size | None) -> Size:
        """Of the result: the picture's own for what does not enlarge. Raises BadRequestError."""
        own = Size(source.width, source.height)
        if self._tool.kind == "cut_out":
            return own
        sizes = {
            factor: Size(own.width * factor, own.height * factor) for factor in _FACTORS if factor <= self._tool.factor
        }
        if asked is None or asked not in sizes.values():
            words = " or ".join(f"{size} ({factor}×)" for factor, size in sizes.items())
            raise BadRequestError(f"{self._card.name} makes {words} of this picture.", param="size",
                                  provider=self._card.provider)  # fmt: skip
        rule = self._card.capabilities.size_rule
        if rule is not None and not size_allowed(rule, asked):
            raise BadRequestError(f"{asked} is too large: at most {rule.max_pixels // 1_000_000} megapixels and "
                                  f"{rule.max_side} pixels a side.", hint="Use a smaller picture, or 2×.", param="size",
                                  provider=self._card.provider)  # fmt: skip
        return asked

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """Tools keep no jobs: always ExpiredError."""
        raise ExpiredError("A tool keeps no unfinished work.", hint="Do it again; it costs nothing.",
                           provider=self._card.provider, billed="no")  # fmt: skip

    async def cancel(self, job: JobHandle) -> bool:
        """There is no job to stop; cancelling the call itself ends its process."""
        return False

    async def check(self) -> KeyCheck:
        """Whether it can be used now."""
        trouble = self.trouble()
        return KeyCheck(ok=True, message="Works offline.") if trouble is None else KeyCheck(
            ok=False, message=f"{trouble[0]} {trouble[1]}", code="not_here"
        )  # fmt: skip
