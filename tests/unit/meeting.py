"""One model at its emulator, through the adapter and the driver that users have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.emulators import Emulator
from tests.emulators.proving import LoopbackClient
from tests.laws.test_adapters import ALL

from triptych.provider_kit.driver import HttpImageModel
from triptych.provider_kit.playback import PlayedClock
from triptych.spec.image import Adjustment, ImageRequest, ImageResult
from triptych.spec.model import CallContext, ModelCard
from triptych.spec.secret import Secret


@dataclass
class Met:
    """Nothing is waited for between two looks at a job."""

    model: HttpImageModel
    clock: PlayedClock

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        return self.model.plan(request)

    async def draw(self, request: ImageRequest) -> ImageResult:
        async def tell(_: object) -> None:
            """Nobody listens."""

        context = CallContext(call_id="met", deadline=self.clock.monotonic() + 600, tell=tell)
        return await self.model.generate(request, context)


@asynccontextmanager
async def met(emulator: Emulator, card: ModelCard) -> AsyncIterator[Met]:
    """A card's model, with the emulator's own key."""
    clock = PlayedClock()

    async def key() -> Secret:
        return Secret(emulator.key)

    async with LoopbackClient(clock) as client:
        model = HttpImageModel(card, ALL[card.provider], client, key, clock, base_url=emulator.base_url)
        yield Met(model, clock)
