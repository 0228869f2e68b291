"""What a worker of AI Horde sends and is sent, API version 2.5.

Field names are the server's: `horde/apis/models/stable_v2.py` of Haidra-Org/AI-Horde at commit fbd5ed4, read on 2026-11-20, by way of
the notes on it; what the official SDK 0.18.0 takes is held by a test. Whatever else a worker sends is let be.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import msgspec
import pybase64

from triptych.spec.json import Json

State = Literal["ok", "censored", "csam", "faulted"]
Processing = Literal["txt2img", "img2img", "inpainting"]
_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
MOST_MODELS = 1000
GRID = 64
SIDES = (64, 3072)
"""Sides are multiples of `GRID` pixels within these."""
KUDOS: Final = 10 / (512 * 512 * 50)
"""Of one step of one pixel: what the Horde counts. It buys nothing here; workers show it."""


class HordeError(Exception):
    """What a worker is told in the Horde's own words: `rc` is one of its return codes, `status` that of HTTP."""

    def __init__(self, status: int, rc: str, message: str) -> None:
        super().__init__(message)
        self.status, self.rc, self.message = status, rc, message


class Pop(msgspec.Struct, frozen=True):
    """`POST /generate/pop`: what a worker can do now."""

    name: _Name
    models: Annotated[list[_Name], msgspec.Meta(max_length=MOST_MODELS)]
    bridge_agent: _Text | None = None
    max_pixels: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] = 512 * 512
    threads: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = 1
    blacklist: list[_Text] | None = None
    allow_img2img: bool | None = True
    allow_painting: bool | None = False


class Note(msgspec.Struct, frozen=True):
    """One line of `gen_metadata`."""

    type: _Text = ""
    value: _Text = ""
    ref: _Text | None = None


class Submit(msgspec.Struct, frozen=True):
    """`POST /generate/submit`: how a job ended. `generation` is `R2` where the picture was uploaded, else the picture as base64."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    generation: str | None = None
    state: State | None = None
    seed: int | str | None = None
    censored: bool | None = False
    gen_metadata: list[Note] | None = None


class Change(msgspec.Struct, frozen=True):
    """`PUT /workers/{id}`: what its owner sets."""

    maintenance: bool | None = None
    maintenance_msg: _Text | None = None
    paused: bool | None = None
    info: _Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One picture that is wanted. `params` are settings of the sampler as the Horde names them; `source` and `mask` encoded pictures,
    the mask white where the picture is to change."""

    model: str
    prompt: str
    negative: str | None
    seed: int
    width: int
    height: int
    params: dict[str, Json] = field(default_factory=dict)
    source: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)

    @property
    def processing(self) -> Processing:
        if self.source is None:
            return "txt2img"
        return "img2img" if self.mask is None else "inpainting"

    @property
    def steps(self) -> int:
        found = self.params.get("steps")
        return found if isinstance(found, int) else 30

    @property
    def kudos(self) -> float:
        """What the Horde would count for it."""
        return round(KUDOS * self.width * self.height * self.steps, 2)

    def payload(self) -> dict[str, Json]:
        """The part of a job that says what to draw."""
        tuned = {name: value for name, value in self.params.items() if name != "steps"}
        return {
            "sampler_name": "k_euler_a", "cfg_scale": 7.0, "karras": True, "clip_skip": 1, **tuned,
            "prompt": self.prompt if self.negative is None else f"{self.prompt}###{self.negative}", "seed": str(self.seed),
            "width": self.width, "height": self.height, "ddim_steps": self.steps, "n_iter": 1, "post_processing": [],
            "hires_fix": False, "use_nsfw_censor": False,
        }  # fmt: skip


def job_body(asked: Asked, job: str, upload: str, ttl_s: int) -> dict[str, Json]:
    """The answer to a pop that found work. Pictures are in it, so that a worker fetches nothing from elsewhere."""
    return {
        "id": job, "ids": [job], "payload": asked.payload(), "model": asked.model, "skipped": {}, "messages": [], "ttl": ttl_s,
        "r2_upload": upload, "r2_uploads": [upload], "source_processing": asked.processing,
        "source_image": None if asked.source is None else pybase64.b64encode(asked.source).decode(),
        "source_mask": None if asked.mask is None else pybase64.b64encode(asked.mask).decode(),
        "extra_source_images": None,
    }  # fmt: skip


def idle_body(skipped: Mapping[str, int], message: str | None) -> dict[str, Json]:
    """The answer to a pop that found none: how many jobs wait that this worker cannot do, by the reason why."""
    said: list[Json] = [] if message is None else [{"message": message, "origin": "triptych"}]
    return {"id": None, "ids": [], "payload": {}, "model": None, "skipped": dict(skipped), "messages": said,
            "r2_upload": None, "r2_uploads": [], "source_image": None, "source_mask": None,
            "source_processing": "txt2img", "ttl": None}  # fmt: skip
