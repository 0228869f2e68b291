"""What the evidence of a node's hardware earns it in this studio: by the programs that its user trusts, checked again each minute."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from triptych.config.settings import Settings
from triptych.network.attestation.standing import Standing, Trust, standing
from triptych.network.card import Card
from triptych.spec.clock import Clock
from triptych.spec.errors import SettingsError

FOLDER: Final = "attestation"
AGAIN_MS: Final = 60_000
MAX_COLLATERAL: Final = 256 * 1024
_MOST: Final = 2_000  # cards that are remembered; the one checked longest ago is forgotten first
_PROGRAM: Final = re.compile(r"(nitro|tdx|sgx):[0-9a-f]{64}")


class Attested:
    """Gives the standing of cards. `programs` are names as `network.attestation.standing.Trust` has them; what Intel says of its machines
    is read from `tdx.json` and `sgx.json` in `folder`. Raises SettingsError for a name that is none."""

    def __init__(self, programs: Iterable[str], folder: Path, clock: Clock) -> None:
        trusted = frozenset(programs)
        for one in trusted:
            if _PROGRAM.fullmatch(one) is None:
                raise SettingsError(f"trusted_programs has {one[:100]!r}; each is nitro:, tdx: or sgx: and 64 letters of hex.",
                                    param="trusted_programs")  # fmt: skip
        self._trust = Trust(trusted, self._collateral)
        self._folder, self._clock = folder, clock
        self._found: dict[str, tuple[int, Standing]] = {}

    def of(self, card: Card) -> Standing:
        """What the card's evidence is worth now; at most a minute old."""
        now, digest = self._clock.now_ms(), card.digest
        known = self._found.pop(digest, None)
        if known is None or now - known[0] >= AGAIN_MS:
            known = (now, standing(card, now, self._trust))
        self._found[digest] = known
        if len(self._found) > _MOST:
            del self._found[next(iter(self._found))]
        return known[1]

    def _collateral(self, kind: str) -> str | None:
        path = self._folder / f"{kind}.json"
        try:
            return path.read_text("utf-8") if path.stat().st_size <= MAX_COLLATERAL else None
        except (OSError, UnicodeDecodeError):
            return None


def open_attested(settings: Settings, clock: Clock) -> Attested:
    """As the settings have it. Raises SettingsError."""
    return Attested(settings.trusted_programs, settings.data / FOLDER, clock)
