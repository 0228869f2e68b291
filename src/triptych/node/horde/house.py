"""Where workers are at home: their desk, the addresses for what they draw, and the keys that let them in. What becomes of their models is
the matter of whoever has the house."""

import asyncio
import hashlib
import hmac
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress

from triptych.node.horde.desk import Desk
from triptych.node.horde.uploads import Uploads
from triptych.node.horde.wire import HordeError
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, NotFoundError

OWNER = "me"
MOST_KEYS = 64
REFRESH_S = 10.0
_NAME = re.compile(r"[\w .-]{1,40}")


class House(ABC):
    """The workers of one owner. `address` is where they are heard now; None while they are not."""

    def __init__(self, clock: Clock) -> None:
        self._bell = asyncio.Event()
        self.desk = Desk(clock)
        self.desk.changed = self._bell.set
        self.uploads = Uploads(clock)
        self.address: str | None = None

    # Keys.

    async def keys(self) -> tuple[str, ...]:
        """The names that keys were made for."""
        return tuple(sorted(await self._kept()))

    async def new_key(self, name: str) -> str:
        """A key for the worker of one person, in place of the one that they had. It is shown this once: only its hash is kept. Raises
        BadRequestError, StorageError."""
        if not _NAME.fullmatch(name):
            raise BadRequestError("A name has at most 40 letters, figures, spaces, dots and dashes.", param="name")
        kept = await self._kept()
        if name not in kept and len(kept) >= MOST_KEYS:
            raise BadRequestError(f"There are {MOST_KEYS} keys already.", hint="Take one back.", param="name")
        key = secrets.token_urlsafe(16)
        await self._keep_keys({**kept, name: _hash(key)})
        return key

    async def take_back(self, name: str) -> None:
        """From now on nobody comes in with this key. Raises NotFoundError, StorageError."""
        kept = await self._kept()
        if name not in kept:
            raise NotFoundError("There is no key of that name.", param="name")
        await self._keep_keys({one: value for one, value in kept.items() if one != name})
        for worker in [one for one in self.desk.workers() if one.owner == name]:
            self.desk.forget(worker)

    async def owner_of(self, key: str) -> str:
        """Whose key it is. The owner's own key for AI Horde counts as well, where it is known here, so that a worker needs no other.
        Raises HordeError (401), StorageError."""
        for name, value in (await self._kept()).items():
            if hmac.compare_digest(_hash(key), value):
                return name
        own = self._own_key()
        if own is not None and hmac.compare_digest(own.encode(), key.encode()):
            return OWNER
        raise HordeError(401, "InvalidAPIKey", "No key like this was given out here.")

    @abstractmethod
    async def _kept(self) -> Mapping[str, str]:
        """The hashes of the keys that were made, by name. Raises StorageError."""

    @abstractmethod
    async def _keep_keys(self, kept: Mapping[str, str]) -> None:
        """Raises StorageError."""

    @abstractmethod
    def _own_key(self) -> str | None:
        """The owner's own key for AI Horde."""

    # Their models.

    async def keep(self) -> None:
        """Takes over what workers offer as they come and go, until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), REFRESH_S)
            self._bell.clear()
            await self.refresh()

    @abstractmethod
    async def refresh(self) -> None:
        """Offers what the workers can do now."""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
