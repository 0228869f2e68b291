"""Servers of this machine that were added on the Models page, kept in the records as what `[endpoints.NAME]` takes.

There is one way from a table to a provider, whether the table stands in triptych.toml or here: `row_from_settings`, or, where it names an
engine that speaks another language, that engine's. A name that triptych.toml has is the file's.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from triptych.app.engines import engine_from_settings
from triptych.app.models import Models, ProviderState
from triptych.http.client import HttpClient
from triptych.providers.rows import row_from_settings
from triptych.spec.clock import Clock
from triptych.spec.errors import ConflictError, NotFoundError, SettingsError
from triptych.spec.json import Json, JsonObject
from triptych.store.base import RecordStore

_SETTING = "endpoints"
_log = structlog.get_logger("triptych.app")


class OwnRows:
    """The user's own rows of one server. `changed` is awaited after each change, before it is answered."""

    def __init__(self, store: RecordStore, models: Models, client: HttpClient, clock: Clock) -> None:
        self._store, self._models, self._client, self._clock = store, models, client, clock
        self.changed: Callable[[], Awaitable[None]] | None = None

    async def load(self) -> None:
        """Adds all that are kept; to be called before `Models.load`. One that is wrong is left out and reported."""
        for name, table in (await self._kept()).items():
            if name in self._names() or not isinstance(table, Mapping):
                continue
            try:
                await self._take_in(name, table)
            except SettingsError as error:
                _log.warning("an endpoint of your own is left out", name=name, reason=error.message)

    async def add(self, name: str, table: JsonObject) -> None:
        """Keeps a row and makes it usable at once, in the place of one of the same name. Raises ConflictError for the
        name of another provider, SettingsError for a table that is none, and where the policy is bound to the models that
        there are."""
        if name in self._names() and not self._models.provider(name).own:
            raise ConflictError(f"{name} stands in triptych.toml.", hint="Change it there.", param="name")
        kept = await self._kept()
        await self._take_in(name, table)
        try:
            await self._tell()
        except SettingsError:
            self._models.take_out(name)
            if isinstance(before := kept.get(name), Mapping):
                await self._take_in(name, before)
            raise
        await self._store.put_setting(_SETTING, {**kept, name: table})

    async def remove(self, name: str) -> None:
        """Forgets a row. Pictures made with it stay. Raises NotFoundError, and what `Models.take_out` raises."""
        kept = await self._kept()
        if name not in kept:
            raise NotFoundError(f"No endpoint named {name!r} was added here.", param="name")
        await self._store.put_setting(_SETTING, {one: table for one, table in kept.items() if one != name})
        self._models.take_out(name)
        await self._tell()

    async def _take_in(self, name: str, table: Mapping[str, Json]) -> None:
        """Raises SettingsError for a table that is none; then nothing has changed."""
        if "engine" not in table:
            await self._models.take_in(*row_from_settings(name, table))
            return
        found = engine_from_settings(name, table, self._client, self._clock)
        cards = tuple(one.card for one in found.models)
        state = ProviderState(id=name, name=found.name, cards=cards, base_url=found.base_url, own=True)
        await self._models.take_in_models(state, found.models)

    async def table(self, name: str) -> Mapping[str, Json] | None:
        """What is kept under a name; None where nothing is."""
        found = (await self._kept()).get(name)
        return found if isinstance(found, Mapping) else None

    async def _tell(self) -> None:
        if self.changed is not None:
            await self.changed()

    async def _kept(self) -> Mapping[str, Json]:
        kept = await self._store.get_setting(_SETTING)
        return kept if isinstance(kept, Mapping) else {}

    def _names(self) -> set[str]:
        return {state.id for state in self._models.providers()}
