"""Draws with a pipeline: in groups as large as the memory allows, telling after every step, stopped after any."""

import inspect
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from PIL import Image

from triptych.imaging.decode import encode, open_picture
from triptych.imaging.diffusion.folder import OpenModel
from triptych.imaging.diffusion.glimpse import Glimpses, unpacked
from triptych.imaging.diffusion.job import DrawError, DrawJob
from triptych.imaging.mask import white_mask

GLIMPSE_S = 0.4  # between two previews
_CLIP = 77  # tokens


class StoppedError(Exception):
    """It was asked to stop."""


@dataclass(slots=True)
class Painter:
    """A loaded model. `tell` hears how much is done and gets previews, `stop` says whether to stop now."""

    model: OpenModel
    pipe: Any
    tell: Callable[[float, bytes | None], None]
    stop: Callable[[], bool]
    ready: Callable[[Any], None]
    glimpses: Glimpses | None = None
    shown: int = 0
    shown_at: float = -math.inf

    def draw(self, job: DrawJob, data: bytes, at_once: int) -> list[bytes | None]:
        """PNG files in the order of the seeds. Raises StoppedError, DrawError, and what diffusers raises."""
        self.shown, self.shown_at = 0, -math.inf
        pipe, given = self._for(job, data)
        made: list[bytes | None] = []
        while len(made) < len(job.seeds):
            group = job.seeds[len(made) : len(made) + at_once]
            try:
                made += self._group(pipe, job, given, group, len(made))
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
                    raise
                if len(group) == 1:
                    raise DrawError("The machine ran out of memory while it drew.",
                                    "Ask for a smaller picture, or choose a smaller model.") from None  # fmt: skip
                at_once = len(group) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return made

    def unread(self, prompt: str) -> int:
        """How many tokens at the end of the prompt none of the model's readers gets to see."""
        known = inspect.signature(type(self.pipe).__call__).parameters.get("max_sequence_length")
        left = []
        for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
            if (tokenizer := getattr(self.pipe, name, None)) is not None:
                most = min(tokenizer.model_max_length, known.default if known is not None else _CLIP)
                left.append(max(0, len(tokenizer(prompt, verbose=False).input_ids) - most))
        return min(left, default=0)

    def _for(self, job: DrawJob, data: bytes) -> tuple[Any, dict[str, Any]]:
        """The pipeline for the task, which shares all its networks, and what only this task takes."""
        first, second = job.lengths
        if not first:
            return self.pipe, {"width": job.width, "height": job.height}
        source = open_picture(data[:first]).convert("RGB").resize((job.width, job.height), Image.Resampling.LANCZOS)
        given: dict[str, Any] = {"image": source, "strength": job.strength, "width": job.width, "height": job.height}
        if second:
            white = open_picture(white_mask(data[first : first + second]))
            given["mask_image"] = white.convert("L").resize((job.width, job.height))
        name = self.model.pipeline.replace("Pipeline", "InpaintPipeline" if second else "Img2ImgPipeline")
        pipe = _sibling(self.pipe, getattr(diffusers, name))
        pipe.set_progress_bar_config(disable=True)
        self.ready(pipe)
        return pipe, given

    def _group(self, pipe: Any, job: DrawJob, given: dict[str, Any], seeds: Sequence[int], before: int) -> list[bytes | None]:  # fmt: skip
        kind, whole = self.model.kind, len(job.seeds)

        def each(pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if self.stop():
                raise StoppedError
            steps = getattr(pipe, "num_timesteps", None) or job.steps
            done = (before + len(seeds) * (step + 1) / (steps + 1)) / whole
            self.tell(min(1.0, done), self._glimpse(pipe, tensors.get("latents"), job))
            return {}

        call: dict[str, Any] = {
            "prompt": job.prompt, "num_inference_steps": job.steps, kind.guidance_name: job.guidance, "num_images_per_prompt": len(seeds),
            "generator": [torch.Generator().manual_seed(seed) for seed in seeds], "output_type": "pil",
            "callback_on_step_end": each, **given,
        }  # fmt: skip
        if self.model.reads_negative(job.guidance) and (
            job.negative is not None or kind.guidance_name == "true_cfg_scale"
        ):
            call["negative_prompt"] = job.negative if job.negative is not None else " "
        takes = inspect.signature(pipe.__call__).parameters
        for name in ("width", "height"):  # pipelines that begin with a picture take its size
            if name not in takes:
                call.pop(name)
        for name in ("clean_caption", "use_resolution_binning"):  # the prompt is read, and the size drawn, as they are
            if name in takes:
                call[name] = False
        found = pipe(**call)
        flagged = getattr(found, "nsfw_content_detected", None) or [False] * len(found.images)
        return [None if bad else encode(one, "image/png") for one, bad in zip(found.images, flagged, strict=True)]

    def _glimpse(self, pipe: Any, latents: Any, job: DrawJob) -> bytes | None:
        now = time.monotonic()
        if self.glimpses is None or latents is None or not job.previews or now - self.shown_at < GLIMPSE_S:
            return None
        self.shown_at = now
        made = self.glimpses.picture(unpacked(pipe, latents, job.width, job.height))
        self.shown += made is not None
        return made


def _sibling(pipe: Any, kind: Any) -> Any:
    """A pipeline of another class over the same networks, as they are: diffusers' own `from_pipe` ends with a cast of them all to one dtype
    (to 32 bits where none is named), which takes the large network out of its 8 bits as well (diffusers 0.42.1, 2026-11-22)."""
    takes = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in {**pipe.config, **pipe.components}.items() if name in takes})
