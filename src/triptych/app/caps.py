"""Spending caps: what was set on the page wins over the settings; what was not stays as they say."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from triptych.config.settings import CapSettings
from triptych.router.budget import Caps
from triptych.spec.errors import BadRequestError
from triptych.spec.json import Json
from triptych.store.base import RecordStore

_SETTING = "caps"
_NAMES = ("run", "day")


def micro_usd(dollars: Decimal | None) -> int | None:
    """Dollars as whole micro-dollars."""
    return None if dollars is None else int((dollars * 1_000_000).to_integral_value(ROUND_HALF_UP))


class CapBook:
    """The caps in force. `load` once before use, and now and then: another process may have set some."""

    def __init__(self, settings: CapSettings, store: RecordStore) -> None:
        self._store = store
        self._settings = Caps(
            run=micro_usd(settings.run_usd), day=micro_usd(settings.day_usd), key=micro_usd(settings.key_usd),
            project=micro_usd(settings.project_usd),
        )  # fmt: skip
        self._set: dict[str, int | None] = {}
        named_only = settings.named_only
        self._wants_key = named_only is not False and settings.key_usd is not None
        self._wants_project = named_only is not False and settings.project_usd is not None

    async def load(self) -> None:
        """Reads what was set on the page. What was not is as in the settings. Raises StorageError."""
        kept = await self._store.get_setting(_SETTING)
        found = kept.items() if isinstance(kept, Mapping) else ()
        self._set = {name: value if isinstance(value, int) else None for name, value in found if name in _NAMES}

    def current(self) -> Caps:
        """The caps for the next run."""
        caps = self._settings
        return replace(caps, run=self._set.get("run", caps.run), day=self._set.get("day", caps.day))

    def require_names(self, api_key: str | None, project: str | None) -> None:
        """Raises BadRequestError for a call of the API that a cap on keys or projects would not count."""
        if self._wants_key and api_key is None:
            raise BadRequestError(
                "This server caps what each API key may spend, and this call names none.", param="Authorization",
                hint="Send `Authorization: Bearer` with your key, or ask for `named_only = false` in [caps].",
            )  # fmt: skip
        if self._wants_project and project is None:
            raise BadRequestError(
                "This server caps what each project may spend, and this call names none.", param="project",
                hint="Name one in the field `project` or the header X-Triptych-Project, or ask for `named_only = false` "
                "in [caps].",
            )  # fmt: skip

    async def set(self, caps: Mapping[str, Json]) -> Caps:
        """Sets the caps that are named; None takes a cap away. Raises BadRequestError for anything but micro-dollars."""
        given: dict[str, int | None] = {}
        for name, value in caps.items():
            if name not in _NAMES:
                raise BadRequestError(f"There is no cap named {name!r}.", hint="Caps are run and day.", param=name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise BadRequestError(f"{name} is {value!r}; it takes whole micro-dollars or null.", param=name)
            given[name] = value
        await self.load()
        kept: dict[str, Json] = {**self._set, **given}
        await self._store.put_setting(_SETTING, kept)
        self._set |= given
        return self.current()
