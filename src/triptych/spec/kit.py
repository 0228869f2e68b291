"""Key-visual kits: one approved picture in many formats, what a client is shown of it, and what the client says.

Sizes are pixels, places in a picture thousandths of its width and height, times wall milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Way = Literal["crop", "outpaint", "again"]
"""How a format comes from the key visual: cut out of it, drawn on beyond its edges, or made again with it as reference."""
Vote = Literal["yes", "maybe", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One try at a format. `tile` names the tile that makes it, None for a crop of the key visual itself. `focus` is the
    place (right, down) that the window of the format is laid around."""

    id: str
    way: Way
    created_ms: int
    tile: str | None = None
    focus: tuple[int, int] = (500, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class KitFormat:
    """One format of a kit. `kind` is its row in the table of formats, `own` for one that the user made. `ratio` is as
    shown and asked for, `width` and `height` what is delivered. `chosen` names the take that is delivered."""

    id: str
    kind: str
    ratio: str
    width: int
    height: int
    takes: tuple[Take, ...]
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KitRecord:
    """A kit. `picture` is the key visual; `template` is what its files are named by. `version` grows with each change."""

    id: str
    created_ms: int
    updated_ms: int
    name: str
    project: str | None
    picture: str
    template: str
    formats: tuple[KitFormat, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture on a sheet under its letter. `format` and `take` are of the kit, None for a picture that is beside it."""

    letter: str
    picture: str
    format: str | None = None
    take: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRecord:
    """A sheet that was made for a client: what stood under which letter. `options` is how it was asked for."""

    id: str
    kit_id: str
    created_ms: int
    blind: bool
    shown: tuple[Shown, ...]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a client said about one picture. `rank` counts from 1, the best."""

    letter: str
    vote: Vote | None = None
    rank: int | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotRecord:
    """What came back from a client for a sheet. `ballot` is the client's copy of the sheet: what is saved from it again
    takes the place of what it said before."""

    id: str
    kit_id: str
    sheet_id: str
    ballot: str
    received_ms: int
    client: str
    comment: str
    said: tuple[Said, ...]
