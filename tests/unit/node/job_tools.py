"""Jobs for a node, and an engine that does what a test says."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from tests.unit.network.card_tools import NOW

from triptych.network.card import CardModel
from triptych.network.job import Job, Submit
from triptych.node.backends.base import Drawn, Glimpse, Tell
from triptych.node.hashes import Hashes
from triptych.spec.errors import BadRequestError, TriptychError

WORDS = "a heron over the weir"
SHOWN = CardModel(
    id="sdxl", family="sdxl", engine="test/1", precision="fp16", max_px=1 << 20, steps_max=50, caps=("t2i",),
    sampler="euler", steps=3,
)  # fmt: skip


def wanted(nonce: str = "n" * 22, pictures: Sequence[bytes] = (), **changed: Any) -> Submit:
    return Submit.of(
        Job(**{"model": "sdxl", "prompt": WORDS, "seed": 7, "nonce": nonce, "sent_ms": NOW, **changed}), pictures
    )


def picture(size: str = "64x64", shade: int = 90, kind: str = "PNG") -> bytes:
    width, height = (int(one) for one in size.split("x"))
    out = io.BytesIO()
    Image.new("RGB", (width, height), (shade % 256, 120, 40)).save(out, kind)
    return out.getvalue()


@dataclass
class Easel:
    """An engine that draws when it is let, in three steps with a preview after the first. `fails` is raised after the first step,
    `gives` is handed out in the place of what was asked for."""

    fails: TriptychError | None = None
    gives: tuple[bytes, ...] | None = None
    name: str = "the easel"
    offered: tuple[CardModel, ...] = (SHOWN,)
    begun: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    drawn: int = 0

    async def prepare(self, hashes: Hashes) -> None:
        del hashes

    async def models(self) -> tuple[CardModel, ...]:
        return self.offered

    def check(self, asked: Submit) -> None:
        if asked.job.guidance is not None:
            raise BadRequestError("guidance cannot be set here.", param="guidance")

    async def draw(self, asked: Submit, tell: Tell) -> Drawn:
        self.begun.append(asked.job.nonce)
        size = asked.job.size or "64x64"
        try:
            await tell(Glimpse(1, 3, picture(size, 200)))
            await self.free.wait()
            if self.fails is not None:
                raise self.fails
            await tell(Glimpse(3, 3))
        except asyncio.CancelledError:
            self.stopped.append(asked.job.nonce)
            raise
        self.drawn += 1
        pictures = tuple(picture(size, 10 * asked.job.seed + one) for one in range(asked.job.n))
        return Drawn(
            pictures=self.gives if self.gives is not None else pictures, steps=asked.job.steps or 3, sampler="euler"
        )
