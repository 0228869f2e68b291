"""What a painter is given, and what it gives back after every step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triptych.providers.demo.canvas import Canvas
from triptych.providers.demo.field import Field
from triptych.providers.demo.scene import Scene

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One picture to be painted. `source` is the picture to start from in an edit (rows, columns, RGB, 0 to 1);
    `framed` leaves a margin where the style has one;
    `strength` is how much of the style is used, 0 to 1 with 0.5 as the plain amount; `seed` decides every accident."""

    scene: Scene
    width: int
    height: int
    seed: int
    strength: float
    source: Field | None = None
    framed: bool = True

    def canvas(self) -> Canvas:
        return Canvas(self.scene, self.width, self.height, np.random.default_rng(self.seed))


class Painter(Protocol):
    """Paints in visible steps: yields the whole sheet after each of them, the finished picture last."""

    @property
    def steps(self) -> int: ...

    def paint(self, job: Job) -> Iterator[Field]: ...


def pixels(picture: Field) -> Pixels:
    """The sheet as bytes of RGB."""
    return (np.clip(picture, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
