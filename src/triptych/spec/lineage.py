"""Where tiles come from: the family that edits, variations and new tries make, and what a person says of its branches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One tile of a family. `origin` is the tile it was made from, else the one it tries again; None for the first.
    `depth` counts from the first. `veiled`: its run is blind and was not opened. `spent_micro_usd` is what its calls were
    charged; `unknown` counts charges that nobody could tell. `pinned` and `pruned` are what a person said, see `TileMarks`."""

    tile: str
    run: str
    origin: str | None
    depth: int
    veiled: bool = False
    pinned: bool = False
    pruned: bool = False
    spent_micro_usd: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The tiles that come from one first tile, that one first, the nearest to it before the others. `whole` is False
    when there are more than were asked for."""

    links: tuple[Link, ...]
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMarks:
    """What a person says of a branch: kept in sight, or out of it with all that comes from it."""

    pinned: bool = False
    pruned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVisual:
    """The one picture that a project or a family is about. `scope` is `project:NAME` or `family:` and the first tile."""

    scope: str
    tile: str
    picture: str
    chosen_ms: int
