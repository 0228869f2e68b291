"""The gallery: what a person says about a picture, what is looked for, and what is found. Times are wall milliseconds."""

from dataclasses import dataclass
from typing import Literal

from triptych.spec.image import AspectRatio
from triptych.spec.records import TileRecord

Verdict = Literal["kept", "open", "rejected"]
"""What was decided about a picture; `open`: nothing yet."""
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
    `failed` asks for pictures of rows in which a model failed (or none did); `trashed` looks into the trash instead."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry:
    """One picture of the gallery. `seq` is its place: larger is newer. `cost_micro_usd` None: not known."""

    seq: int
    id: str
    tile: TileRecord
    sha256: str
    created_ms: int
    width: int
    height: int
    cost_micro_usd: int | None
    tone: str | None
    marks: Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPage:
    """Some entries, newest first; `next_seq` is where the page after them starts, None at the end."""

    entries: tuple[GalleryEntry, ...]
    next_seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was deleted for good: pictures by id, and the hashes of bytes that nothing else uses."""

    pictures: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
