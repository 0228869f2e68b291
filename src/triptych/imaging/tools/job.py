"""What a tool is told to do, as values that cross to its process as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Net = Callable[[Floats], Floats]
"""A network over pictures: one picture, channels, rows, columns."""
Told = Callable[[float], None]
"""Hears how much is done, 0 to 1."""
Kind = Literal["resample", "enlarge", "cut_out", "embed"]


class ToolError(Exception):
    """Why a tool brought nothing: what happened, and what to do next."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ToolDiedError(ToolError):
    """The process of a tool ended, or was ended, before its work was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A file of weights on this machine, which is read only when its SHA-256 is this one."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolJob:
    """One job. `width` and `height` are of the result, in pixels. `memory_mib` is all that the process may have.

    `resample` and `enlarge` bring the picture to that size; `enlarge` by `weights` whose network makes it `factor` times as
    large. `cut_out` finds the subject in a copy of `side` x `side` pixels, `scale` naming how its numbers are prepared.
    `embed` takes several pictures, `lengths` bytes long, and makes a vector of each.
    """

    kind: Kind
    width: int
    height: int
    memory_mib: int
    weights: Weights | None = None
    factor: int = 1
    side: int = 0
    scale: str = ""
    lengths: tuple[int, ...] = ()
