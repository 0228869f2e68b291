"""The words of documents that leave the studio: what a client opens, what is printed, what everybody may read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from triptych.router.price import usd

_PART = re.compile(r"\{(\d)\}")
_TURNED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Words:
    """One language: called with an English text it says it there, `{0}` and `{1}` standing for the parts. A text that the
    catalogue has not stays English."""

    language: str = "en"
    catalogue: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, text: str, *parts: object) -> str:
        said = self.catalogue.get(text, text)
        return _PART.sub(lambda found: str(parts[int(found[1])]), said) if parts else said

    def number(self, value: float, digits: int = 0) -> str:
        """With a mark for every thousand: 1,234.5 in English, 1.234,5 elsewhere."""
        return self._turned(f"{value:,.{digits}f}")

    def money(self, micro_usd: int) -> str:
        """In dollars."""
        return self._turned(usd(micro_usd))

    def day(self, at_ms: int) -> str:
        """The day in UTC: 2026-11-22 in English, 22.11.2026 elsewhere."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d" if self._english else "%d.%m.%Y")

    def cost(self, micro_usd: int | None) -> str:
        """What a picture cost."""
        if micro_usd is None:
            return self("price not known")
        return self.money(micro_usd) if micro_usd else self("free")

    @property
    def _english(self) -> bool:
        return self.language == "en"

    def _turned(self, text: str) -> str:
        return text if self._english else text.translate(_TURNED)


ENGLISH = Words()
