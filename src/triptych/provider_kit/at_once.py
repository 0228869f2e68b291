"""What engines have in common that draw within one call and keep no jobs."""

from collections.abc import Awaitable, Callable

from triptych.spec.errors import ExpiredError, TriptychError
from triptych.spec.image import ImageRequest, ImageResult
from triptych.spec.model import CallContext, JobHandle, KeyCheck, ModelCard


class AtOnce:
    """The rest of `ImageModel` for a model of such an engine: `engine` is how a sentence about it begins, `listed` what raises TriptychError
    where it is not there or has no model."""

    def __init__(self, card: ModelCard, engine: str, listed: Callable[[], Awaitable[object]]) -> None:
        self._card, self._engine, self._listed = card, engine, listed

    @property
    def card(self) -> ModelCard:
        return self._card

    async def resume(self, _job: JobHandle, _request: ImageRequest, _context: CallContext) -> ImageResult:
        """It keeps no jobs: always ExpiredError."""
        raise ExpiredError(f"{self._engine} keeps no unfinished work.", hint="Make it again; it costs nothing.", billed="no",
                           provider=self._card.provider)  # fmt: skip

    async def cancel(self, _job: JobHandle) -> bool:
        """There is no job to stop; cancelling the call itself stops it."""
        return False

    async def check(self) -> KeyCheck:
        """See `ImageModel`: whether it is there with a model."""
        try:
            await self._listed()
        except TriptychError as error:
            return KeyCheck(ok=False, message=error.message, code=error.code)
        return KeyCheck(ok=True, message=f"{self._engine} answers.")
