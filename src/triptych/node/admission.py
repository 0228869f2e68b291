"""For whom a node draws, how much, and when.

Its owner comes first, then those who have an invite, then strangers; a stranger is never told apart from another, because
nothing about them is known here.
"""

import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from triptych.network.job import capability
from triptych.network.ohttp.seal import Random
from triptych.spec.errors import SettingsError, StorageError
from triptych.store.durable import write_private
from triptych.store.faults import at

GUESTS = "guests.json"
_DAY_MIN = 24 * 60
_DAY_MS = _DAY_MIN * 60_000
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


class Guest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with an invite. `owner`: the node is theirs, so they come first, and its hours are not for them. `made_ms` is when
    the invite was made, in milliseconds since 1970; 0 where that was not kept."""

    name: str
    owner: bool = False
    made_ms: int = 0

    @property
    def rank(self) -> int:
        return 0 if self.owner else 1


STRANGER_RANK = 2


@dataclass(slots=True)
class Guests:
    """Those who have an invite, by the word that is in it."""

    path: Path
    known: dict[str, Guest] = field(default_factory=dict, repr=False)

    def invite(self, name: str, *, owner: bool = False, now_ms: int = 0, random: Random = secrets.token_bytes) -> str:
        """A new word for an invite, kept before it is given away. Raises StorageError."""
        word = capability(random)
        self._keep({**self.known, word: Guest(name, owner, now_ms)})
        return word

    def word_of(self, name: str, *, owner: bool = False) -> str | None:
        """The word that somebody has already; None for a name that is new."""
        return next((word for word, one in self.known.items() if (one.name, one.owner) == (name, owner)), None)

    def forget_all(self) -> int:
        """Takes back every invite; how many there were. Raises StorageError."""
        gone = len(self.known)
        if gone:
            self._keep({})
        return gone

    def forget(self, name: str) -> int:
        """Takes back every invite of that name; how many there were. Raises StorageError."""
        left = {word: one for word, one in self.known.items() if one.name != name}
        gone = len(self.known) - len(left)
        if gone:
            self._keep(left)
        return gone

    def _keep(self, known: dict[str, Guest]) -> None:
        with at(f"The file {self.path}"):
            write_private(self.path, msgspec.json.encode(known), replace=True)
        self.known = known


def open_guests(folder: Path) -> Guests:
    """The guests of a node's folder. Raises StorageError."""
    path = folder / GUESTS
    with at(f"The file {path}"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return Guests(path)
    try:
        return Guests(path, msgspec.json.decode(data, type=dict[str, Guest]))
    except msgspec.MsgspecError:
        raise StorageError(
            f"{path} cannot be read.", hint="Restore it, or take it away: then nobody is invited."
        ) from None


def utc_minute(now_ms: int) -> int:
    """The minute of the day in UTC."""
    return now_ms // 60_000 % _DAY_MIN


def local_minute(now_ms: int) -> int:
    """The minute of the day on this machine's clock on the wall."""
    found = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    return found.hour * 60 + found.minute


@dataclass(frozen=True, slots=True)
class Hours:
    """When a node draws for others: minutes of the day, from `opens` to `closes`, over midnight where that is earlier."""

    opens: int
    closes: int
    minute: Callable[[int], int] = local_minute

    @classmethod
    def read(cls, text: str) -> "Hours":
        """`22:00-07:00`. Raises SettingsError."""
        found = _HOURS.fullmatch(text.strip())
        if found is None:
            raise SettingsError(f"{text!r} are no hours.", hint="Write them as 22:00-07:00.", param="hours")
        first, second, third, fourth = (int(one) for one in found.groups())
        return cls(first * 60 + second, third * 60 + fourth)

    def wait_ms(self, now_ms: int) -> int:
        """How long until it opens, in milliseconds; 0 while it is open. Hours of no length are the whole day."""
        minute = self.minute(now_ms)
        span = (self.closes - self.opens) % _DAY_MIN or _DAY_MIN
        return 0 if (minute - self.opens) % _DAY_MIN < span else (self.opens - minute) % _DAY_MIN * 60_000

    def __str__(self) -> str:
        return f"{self.opens // 60:02}:{self.opens % 60:02} to {self.closes // 60:02}:{self.closes % 60:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a node takes on. `max_px` is width times height, on top of what each model allows; jobs that wait and are drawn count for
    `queue`, `each_guest` and `strangers`; with no `strangers` it draws for those with an invite alone. `each_day` are the jobs that each guest,
    and all strangers together, may hand in on a day of UTC; None is no limit."""

    at_once: int = 1
    queue: int = 16
    each_guest: int = 8
    strangers: int = 8
    each_day: int | None = None
    max_px: int = 1 << 26
    hours: Hours | None = None
    kept_bytes: int = 256 << 20  # results that are kept for who has not fetched them


class Days:
    """How many jobs each guest has handed in today, by UTC. It begins anew with the process."""

    def __init__(self) -> None:
        self._day, self._taken = 0, Counter[str]()

    def take(self, who: str, most: int | None, now_ms: int) -> int:
        """Counts a job where there is one left today, and returns 0; how long until tomorrow in milliseconds where there is none."""
        day, into = divmod(now_ms, _DAY_MS)
        if day != self._day:
            self._day, self._taken = day, Counter()
        if most is not None and self._taken[who] >= most:
            return _DAY_MS - into
        self._taken[who] += 1
        return 0
