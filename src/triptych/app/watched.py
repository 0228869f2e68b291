"""A model that tells when a picture came, so that a key nobody could try before counts as accepted."""

from collections.abc import Callable
from dataclasses import dataclass

from triptych.spec.image import Adjustment, ImageRequest, ImageResult
from triptych.spec.model import CallContext, ImageModel, JobHandle, KeyCheck, ModelCard, TellsModels
from triptych.spec.secret import Secret


@dataclass(frozen=True, slots=True)
class Watched:
    """`model` as it is; `worked` is called with the provider and the key that was in use when pictures came."""

    model: ImageModel
    key: Callable[[], Secret | None]
    worked: Callable[[str, Secret | None], None]

    @property
    def card(self) -> ModelCard:
        return self.model.card

    def plan(self, request: ImageRequest) -> tuple[Adjustment, ...]:
        return self.model.plan(request)

    async def generate(self, request: ImageRequest, context: CallContext) -> ImageResult:
        """As the model does."""
        key = self.key()
        result = await self.model.generate(request, context)
        self.worked(self.card.provider, key)
        return result

    async def resume(self, job: JobHandle, request: ImageRequest, context: CallContext) -> ImageResult:
        """As the model does."""
        key = self.key()
        result = await self.model.resume(job, request, context)
        self.worked(self.card.provider, key)
        return result

    async def cancel(self, job: JobHandle) -> bool:
        return await self.model.cancel(job)

    async def list_models(self) -> KeyCheck | None:
        """As the model, where its provider can be asked."""
        return await self.model.list_models() if isinstance(self.model, TellsModels) else None

    async def check(self) -> KeyCheck:
        return await self.model.check()
