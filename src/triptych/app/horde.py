"""Workers made for AI Horde as models of this studio: the keys that they come with, and their place among all the others.

A worker is the machine of somebody whom the owner gave a key, so its lane is `pinned`. What it draws it is sent in plain text.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

import structlog

from triptych.app.models import Models, ProviderState
from triptych.node.horde.desk import Worker
from triptych.node.horde.house import House
from triptych.node.horde.model import NAME, PROVIDER, WorkersModel, worker_card
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, SettingsError
from triptych.spec.model import ModelCard
from triptych.store.base import RecordStore

HORDE = "aihorde"
"""The provider whose key a worker of the same person has already."""
SETTING = "workers.keys"
MOST_MODELS = 200
_log = structlog.get_logger("triptych.app")


class HordeHouse(House):
    """The workers of one studio. `changed` is awaited after their models have changed; it raises SettingsError where the policy is bound
    to the models that there were. `known` are cards of the same models elsewhere: their settings and families hold here."""

    def __init__(self, store: RecordStore, models: Models, clock: Clock, known: Iterable[ModelCard]) -> None:
        super().__init__(clock)
        self._store, self._models, self._clock = store, models, clock
        self._known = {card.provider_model_id: card for card in known}
        self._offered: tuple[ModelCard, ...] = ()
        self.changed: Callable[[], Awaitable[None]] | None = None

    def _own_key(self) -> str | None:
        with suppress(NotFoundError):
            own = self._models.provider(HORDE).key
            return None if own is None else own.value
        return None

    async def _kept(self) -> Mapping[str, str]:
        kept = await self._store.get_setting(SETTING)
        return (
            {name: value for name, value in kept.items() if isinstance(value, str)} if isinstance(kept, Mapping) else {}
        )

    async def _keep_keys(self, kept: Mapping[str, str]) -> None:
        await self._store.put_setting(SETTING, {**kept})

    async def refresh(self) -> None:
        """Offers what the workers can do now. A model that was offered once stays, and says why it cannot be used."""
        cards = self._cards()
        if not cards:
            return
        there = any(self.desk.here(one) for one in self.desk.workers())
        state = ProviderState(
            id=PROVIDER, name=NAME, cards=cards, away=None if there else "None of your workers is connected now."
        )
        models = tuple(WorkersModel(card, self.desk, self._clock) for card in cards)
        if not await self._models.take_in_models(state, models) or self.changed is None:
            return
        try:
            await self.changed()
        except SettingsError as error:
            _log.warning("the policy does not take workers", reason=error.message)
            self._models.leave_out(PROVIDER)

    def _cards(self) -> tuple[ModelCard, ...]:
        by_model: dict[str, list[Worker]] = {}
        for worker in self.desk.workers():
            for name in worker.said.models:
                by_model.setdefault(name, []).append(worker)
        before = {card.provider_model_id: card for card in self._offered}
        names = list(dict.fromkeys((*before, *sorted(by_model))))[:MOST_MODELS]
        made: dict[str, ModelCard] = {}
        for name in names:
            card = worker_card(name, by_model[name], self._known.get(name)) if name in by_model else before[name]
            made.setdefault(card.id, card)
        self._offered = tuple(made.values())
        return self._offered
