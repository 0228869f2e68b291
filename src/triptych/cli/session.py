"""What every command needs: the settings, and an opened application that is closed again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from triptych.app.container import App, open_app
from triptych.config.settings import Settings, load

Answer = TypeVar("Answer")


def settings_for(data: Path | None = None, **overrides: Any) -> Settings:
    """Settings with the options of a command on top. Raises SettingsError."""
    return load({"data": data, **overrides})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    """An application over the data folder, with or without a server running on it."""
    app = await open_app(settings)
    try:
        yield app
    finally:
        await app.close()


def run_in_app(settings: Settings, work: Callable[[App], Coroutine[Any, Any, Answer]]) -> Answer:
    """Opens the application, does the work and closes it."""

    async def whole() -> Answer:
        async with opened(settings) as app:
            return await work(app)

    return asyncio.run(whole())
