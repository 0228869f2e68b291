"""What the process of open models is told and what it tells, as values that cross to it as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from triptych.spec.json import Json


class DrawError(Exception):
    """Why nothing was drawn: what happened, and what to do next."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DrawDiedError(DrawError):
    """The process ended, or was ended, before its work was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawJob:
    """Pictures by one prompt, a seed for each. `folder` is the model's, sizes are in pixels, `lengths` are the bytes of the picture to
    change and of its mask (0 for none), which go along. `strength` is how much of that picture is changed, 0 to 1; `exact` how it has to
    reckon, as `Placement.exact` says, or anyhow."""

    folder: str
    prompt: str = field(repr=False)
    negative: str | None = field(default=None, repr=False)
    seeds: tuple[int, ...]
    width: int
    height: int
    steps: int
    guidance: float
    strength: float = 1.0
    previews: bool = False
    exact: str | None = None
    lengths: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Loading:
    """The model is being read from the disk."""


@dataclass(frozen=True, slots=True)
class Begun:
    """It draws from here on: on what, how exactly, and with which versions."""

    facts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Step:
    """How much of the whole job is done, 0 to 1, with a small picture of it where one was made."""

    done: float
    preview: bytes | None = field(default=None, repr=False)


News = Loading | Begun | Step
Hear = Callable[[News], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What came of a job. `pictures` are PNG files in the order of the seeds, None for one that the model's own filter took away;
    `unread` says how many tokens at the end of the prompt the model did not read, `shown` how many previews there were."""

    pictures: tuple[bytes | None, ...] = field(repr=False)
    unread: int = 0
    shown: int = 0
