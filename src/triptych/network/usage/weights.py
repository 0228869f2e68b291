"""Which models have open weights, by the table that comes with the program."""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Weights = Literal["open", "closed", "unknown", "painter"]


@dataclass(frozen=True, slots=True)
class Table:
    """The table, and the SHA-256 of its file, so that two people know that they used the same."""

    as_of: str
    sha256: str
    open: frozenset[str]
    closed: frozenset[str]
    painters: frozenset[str]

    def of(self, model: str) -> Weights:
        """Of a `provider/model`."""
        name = model.rpartition("/")[2]
        if model in self.painters:
            return "painter"
        return "open" if name in self.open else "closed" if name in self.closed else "unknown"


@cache
def table() -> Table:
    """The table of this version of the program."""
    data = Path(__file__).with_name("weights.toml").read_bytes()
    raw = tomllib.loads(data.decode())
    return Table(
        str(raw["as_of"]), hashlib.sha256(data).hexdigest(),
        frozenset(raw["open"]), frozenset(raw["closed"]), frozenset(raw["painters"]),
    )  # fmt: skip
