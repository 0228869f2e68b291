"""Workflows of our own, in ComfyUI's API format: by words, from a picture, within a mask, and enlarging.

They are made of nodes that every ComfyUI has (`nodes.py` and `comfy_extras/` at commit a125cd8). What comes out is a preview, which ComfyUI
keeps in its temporary folder and forgets at its next start.
"""

from dataclasses import dataclass
from typing import Any

Graph = dict[str, dict[str, Any]]
Link = list[str | int]
LARGEST = 16384
STEPS, GUIDANCE, SAMPLER, SCHEDULER = 25, 7.0, "euler", "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """What is to be drawn with a checkpoint. `source` and `mask` are names of pictures that were uploaded; the mask is white where the
    picture is to change. `denoise` is how much of the picture is drawn anew, 1 for all."""

    checkpoint: str
    prompt: str
    negative: str
    seed: int
    width: int
    height: int
    steps: int = STEPS
    cfg: float = GUIDANCE
    sampler: str = SAMPLER
    scheduler: str = SCHEDULER
    denoise: float = 1.0
    source: str | None = None
    mask: str | None = None


def painting(of: Painting) -> Graph:
    """The workflow of one picture."""
    size = {"width": of.width, "height": of.height}
    graph: Graph = {
        "1": _node("CheckpointLoaderSimple", ckpt_name=of.checkpoint),
        "2": _node("CLIPTextEncode", text=of.prompt, clip=["1", 1]),
        "3": _node("CLIPTextEncode", text=of.negative, clip=["1", 1]),
        "5": _node("KSampler", model=["1", 0], positive=["2", 0], negative=["3", 0], latent_image=["4", 0], seed=of.seed,
                   steps=of.steps, cfg=of.cfg, sampler_name=of.sampler, scheduler=of.scheduler, denoise=of.denoise),
        "6": _node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": _node("PreviewImage", images=["6", 0]),
    }  # fmt: skip
    if of.source is None:
        return graph | {"4": _node("EmptyLatentImage", **size, batch_size=1)}
    graph |= {
        "8": _node("LoadImage", image=of.source),
        "9": _node("ImageScale", image=["8", 0], upscale_method="lanczos", crop="center", **size),
        "4": _node("VAEEncode", pixels=["9", 0], vae=["1", 2]),
    }
    if of.mask is None:
        return graph
    graph |= {
        "10": _node("LoadImage", image=of.mask),
        "11": _node("ImageScale", image=["10", 0], upscale_method="bilinear", crop="center", **size),
        "12": _node("ImageToMask", image=["11", 0], channel="red"),
        "13": _node("SetLatentNoiseMask", samples=["4", 0], mask=["12", 0]),
    }
    graph["5"]["inputs"]["latent_image"] = ["13", 0]
    return graph


def enlarging(model: str, source: str, width: int, height: int) -> Graph:
    """The workflow that enlarges a picture by a model for it, to just this size."""
    return {
        "1": _node("LoadImage", image=source),
        "2": _node("UpscaleModelLoader", model_name=model),
        "3": _node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": _node("ImageScale", image=["3", 0], upscale_method="lanczos", crop="disabled", width=width, height=height),
        "5": _node("PreviewImage", images=["4", 0]),
    }


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}
