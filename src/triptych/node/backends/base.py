"""What every engine of a node offers: its models as the card lists them, and drawing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from triptych.network.card import CardModel
from triptych.network.job import Submit
from triptych.node.hashes import Hashes


@dataclass(frozen=True, slots=True)
class Glimpse:
    """How far a drawing is: so many of so many steps, with an encoded picture of it where there is one."""

    step: int
    steps: int
    preview: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What came of a job: encoded pictures, the steps that were done (0 where the engine has none) and its sampler."""

    pictures: tuple[bytes, ...] = field(repr=False)
    steps: int = 0
    sampler: str | None = None


Tell = Callable[[Glimpse], Awaitable[None]]


class Backend(Protocol):
    """An engine. It never adds to, leaves out or changes what a job asks for: what it cannot do exactly, it refuses."""

    @property
    def name(self) -> str:
        """What it is called in messages to the operator."""
        ...

    async def prepare(self, hashes: Hashes) -> None:
        """Looks at what takes long and what only a node has to state: the hashes of weights, and in which precision it draws. What cannot be
        known stays unstated. Called once, before `models` goes onto a card."""
        ...

    async def models(self) -> tuple[CardModel, ...]:
        """What it can draw with now. Raises TriptychError when it does not answer."""
        ...

    def check(self, asked: Submit) -> None:
        """Raises BadRequestError, whose `param` is the field, for a job that it would not do exactly. Without I/O."""
        ...

    async def draw(self, asked: Submit, tell: Tell) -> Drawn:
        """Draws a job that `check` has passed. One that is cancelled stops the engine as well. Raises TriptychError."""
        ...
