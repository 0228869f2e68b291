"""The gallery: what a person says about a picture, what is looked for, and what is found. Times are wall milliseconds."""

import re
from dataclasses import dataclass
from typing import Literal

from triptych.spec.image import AspectRatio
from triptych.spec.records import PictureRecord, TileRecord

OF_A_NODE = re.compile(r"node/([\w-]{10})/(.+)", re.ASCII | re.IGNORECASE | re.DOTALL)
"""A model of a node. The second part begins the id of its key: letters by chance, in which words would be found."""

Verdict = Literal["kept", "open", "rejected"]
"""What was decided about a picture; `open`: nothing yet."""
ByTime = Literal["newest", "oldest"]
Order = Literal[ByTime, "stars", "cost"]
"""What comes first: the newest, the oldest, those with the most stars or those that cost most (then those of which that is not
known); of equal ones the newest."""
Between = tuple[int, int]
"""The least and the largest value, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a person says about a picture. `trashed_ms` is when it was thrown away, None while it is not; `alt` says in
    words what it shows, None where the prompt does."""

    stars: int = 0  # 0 to 5
    verdict: Verdict = "open"
    tags: tuple[str, ...] = ()
    project: str | None = None
    trashed_ms: int | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """What a picture looks like. `shape` is a difference hash as 16 hex digits, empty for a picture that cannot be opened;
    `tone` its mean colour as `#rrggbb`; `colours` a word for each of its main colours, see `imaging.prints`."""

    shape: str
    tone: str
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GallerySearch:
    """What is looked for; everything that is named must hold. `costs` are micro-dollars, `times` milliseconds.
    `references` are beginnings of hashes of pictures to start from; each of `colours` is words of which one is enough;
    `failed` asks for pictures of rows in which a model failed (or none did); `trashed` looks into the trash instead; `keyed` asks for key
    visuals; `watched` for what drift checks made, and `checks` for that of one watch or check, by id."""

    text: str = ""
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    ratios: tuple[AspectRatio, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    stars: tuple[Between, ...] = ()
    costs: tuple[Between, ...] = ()
    times: tuple[Between, ...] = ()
    references: tuple[str, ...] = ()
    colours: tuple[tuple[str, ...], ...] = ()
    referring: bool | None = None
    failed: bool | None = None
    trashed: bool = False
    keyed: bool | None = None
    watched: bool | None = None
    checks: tuple[str, ...] = ()
    order: Order = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a list begins: at the picture with this `seq`. In an order by something else than time `value` is what that
    picture has of it (a cost that is not known is -1), and `top` the newest picture that counts, so that what comes
    meanwhile moves nothing."""

    seq: int
    value: int | None = None
    top: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The drift watch that a picture was made for, by id and name, and the check that it belongs to."""

    watch: str
    name: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry:
    """One picture of the gallery. `seq` is its place: larger is newer. `cost_micro_usd` None: not known. `watch` None: it
    was made for no drift watch."""

    seq: int
    id: str
    tile: TileRecord
    picture: PictureRecord
    sha256: str
    created_ms: int
    width: int
    height: int
    cost_micro_usd: int | None
    tone: str | None
    marks: Marks
    watch: Watched | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPage:
    """Some entries in their order. `start` is the place of the first one, None where there is none; `next` is where the
    page after them starts, None at the end."""

    entries: tuple[GalleryEntry, ...]
    start: Place | None
    next: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was deleted for good: pictures by id, and the hashes of bytes that nothing else uses."""

    pictures: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
