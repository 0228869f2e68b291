"""Open models of this machine: found in their folder, offered like any other model, drawn with by one process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import structlog

from triptych.app.models import Models, ProviderState
from triptych.config.machine import driver_environment
from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.folder import INDEX, find_models
from triptych.imaging.diffusion.job import DrawError
from triptych.imaging.diffusion.memory import Machine
from triptych.imaging.diffusion.runtime import installed, main_memory
from triptych.providers.local import NAME, NO_EXTRA, PROVIDER, LocalModel, local_card
from triptych.spec.clock import Clock
from triptych.spec.errors import NotConfiguredError

_log = structlog.get_logger("triptych.app")


async def models_in(place: Path, easel: Easel, clock: Clock) -> tuple[LocalModel, ...]:
    """A model for each folder that can be used; of two with one name the first. The others are reported."""
    found, left = await asyncio.to_thread(find_models, place)
    for reason in left:
        _log.warning("an open model was left out", reason=reason)
    made = [LocalModel(local_card(model), model, easel, clock) for model in found]
    return tuple({one.card.id: one for one in reversed(made)}.values())[::-1]


async def look_around() -> Machine:
    """What this machine has to draw with: as the process that draws sees it, or its main memory where the extra is not there. Raises
    NotConfiguredError where that process ends at once."""
    if not installed():
        return main_memory()
    async with aclosing(Easel(driver_environment())) as easel:
        try:
            return await easel.look()
        except DrawError as error:
            raise NotConfiguredError(error.message, hint=error.hint) from error


class LocalModels:
    """The models in one folder. `load` takes over what lies there now."""

    def __init__(self, place: Path, models: Models, clock: Clock) -> None:
        self.place = place
        self._models, self._clock = models, clock
        self.easel = Easel(driver_environment())
        self.changed: Callable[[], Awaitable[None]] | None = None
        self._stamp: frozenset[tuple[str, int]] = frozenset()

    async def load(self) -> bool:
        """Offers what is in the folder. Returns whether there are other models than before."""
        self._stamp = await asyncio.to_thread(_stamp, self.place)
        made = await models_in(self.place, self.easel, self._clock)
        if not made:
            was = any(state.id == PROVIDER for state in self._models.providers())
            self._models.leave_out(PROVIDER)
            return was
        state = ProviderState(
            id=PROVIDER, name=NAME, cards=tuple(one.card for one in made), away=None if installed() else NO_EXTRA
        )
        return await self._models.take_in_models(state, made)

    async def notice(self) -> None:
        """Takes over what was fetched or removed meanwhile. Raises what `changed` raises."""
        if (
            await asyncio.to_thread(_stamp, self.place) != self._stamp
            and await self.load()
            and self.changed is not None
        ):
            await self.changed()

    async def close(self) -> None:
        """Ends the process that draws."""
        await self.easel.aclose()


def _stamp(place: Path) -> frozenset[tuple[str, int]]:
    """Which folders there are, and since when."""
    try:
        return frozenset(
            (one.name, (one / INDEX).stat().st_mtime_ns) for one in place.iterdir() if (one / INDEX).is_file()
        )
    except OSError:
        return frozenset()
