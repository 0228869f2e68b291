"""The kinds of pipelines that are offered, by the class that their `model_index.json` names.

Read from the signatures and the tables of automatic pipelines of diffusers 0.42.1 on 2026-11-22. Those without a word after each step
(PixArt and the like) are left out: they could be neither watched nor stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind is called. `guidance_name` is its field for how closely the prompt is followed, `side` the pixels of a square where the
    model itself names none, `patch` by how many of its cells a side has to divide. `negative_above` is the guidance above which it reads a
    negative prompt, None where it reads none at all. `begins` is how a picture is begun from another one: with the last part of the
    `steps`, or with a shorter grid of times, which has `steps` of them at any rate."""

    steps: int
    guidance: float
    guidance_name: str = "guidance_scale"
    side: int = 1024
    patch: int = 1
    negative_above: float | None = 1.0
    edits: bool = False
    masks: bool = False
    begins: Literal["part", "grid"] = "part"

    def steps_from(self, steps: int, strength: float) -> int:
        """How many steps there are when so much of a picture is changed; less than one is nothing that can be drawn."""
        if self.begins == "grid":
            return steps if int(_GRID * strength) >= steps else 0
        return min(steps, int(steps * strength))


_GRID = 50
"""Times that a model of consistency was distilled for (LCMScheduler's `original_inference_steps`)."""


KINDS: Mapping[str, Kind] = {
    "StableDiffusionPipeline": Kind(steps=25, guidance=7.5, side=512, edits=True, masks=True),
    "StableDiffusionXLPipeline": Kind(steps=25, guidance=5.0, edits=True, masks=True),
    "StableDiffusion3Pipeline": Kind(steps=28, guidance=7.0, patch=2, edits=True, masks=True),
    "LatentConsistencyModelPipeline": Kind(
        steps=4, guidance=8.5, side=768, negative_above=None, edits=True, begins="grid"
    ),
    "FluxPipeline": Kind(steps=28, guidance=3.5, patch=2, negative_above=None, edits=True, masks=True),
    "Flux2KleinPipeline": Kind(steps=28, guidance=4.0, patch=2, negative_above=None),
    "QwenImagePipeline": Kind(steps=30, guidance=4.0, guidance_name="true_cfg_scale", patch=2, edits=True, masks=True),
    "ZImagePipeline": Kind(steps=28, guidance=5.0, patch=2, negative_above=0.0, edits=True, masks=True),
    "SanaPipeline": Kind(steps=20, guidance=4.5),
    "ChromaPipeline": Kind(steps=35, guidance=5.0, patch=2),
    "Lumina2Pipeline": Kind(steps=30, guidance=4.0, patch=2),
    "CogView4Pipeline": Kind(steps=30, guidance=5.0, patch=2),
    "AuraFlowPipeline": Kind(steps=30, guidance=3.5, patch=2),
}
