"""A value that must never be printed."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Wraps a key or token. Every way of printing it shows the last four characters at most."""

    value: str = field(repr=False)

    def hint(self) -> str:
        """What a person may see: `…4f2a`, or `…` when the value is too short to show any of it."""
        return f"…{self.value[-4:]}" if len(self.value) >= 12 else "…"

    def __repr__(self) -> str:
        return f"Secret({self.hint()})"

    def __str__(self) -> str:
        return self.hint()
