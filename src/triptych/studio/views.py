"""What the page is told: docs/reference/studio-api.md in code. Also what other callers get back from the studio."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from triptych.spec.errors import TriptychError
from triptych.spec.image import Adjustment, Cost
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import ModelCard
from triptych.spec.records import FINAL_STATES, AttemptRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision
from triptych.store.base import Spend
from triptych.studio.amounts import amounts
from triptych.studio.naming import title
from triptych.studio.outside import restored_json
from triptych.studio.prompt import Chip, PromptNote
from triptych.studio.references import NO_REFERENCES, ReferencePlan
from triptych.studio.requests import asked_json
from triptych.studio.tiers import draft_words
from triptych.studio.veil import held_tile, is_veiled, shuffled, veiled_tile

_EXTENSIONS = {"image/jpeg": "jpg", "image/svg+xml": "svg"}
_ARTICLES = frozenset({"a", "an", "the"})
_NOT_SHOWN = frozenset({"notes", "api_key", "drafts"})
Held = Literal["held", "stopping"]
"""Nothing is told yet of a tile of a blind row, perhaps but that a person stopped it."""
_SAFE_INTEGER = 2**53 - 1  # what a number in JavaScript holds exactly


@dataclass(frozen=True, kw_only=True)
class TileView:
    """A tile with its pictures. `error` is the exception behind a failure while this process still has it; `make` writes
    `json`, which few ask for while a tile is at work, from values that do not change."""

    record: TileRecord
    pictures: tuple[PictureRecord, ...]
    make: Callable[[], JsonObject] = field(repr=False, compare=False)
    error: TriptychError | None = None
    veiled: bool = False
    held: Held | None = None

    @cached_property
    def json(self) -> JsonObject:
        return self.make()

    @cached_property
    def page(self) -> JsonObject:
        """What a page may be told: all of it, unless it is hidden who made the pictures of its run."""
        if self.veiled and self.held:
            return held_tile(self.json, stopping=self.held == "stopping")
        return veiled_tile(self.json) if self.veiled else self.json

    @property
    def ended(self) -> bool:
        return self.record.state in FINAL_STATES


def progress(views: Iterable[TileView]) -> JsonObject | None:
    """How many of those that nothing is told of yet are over; None where there is none, or where it would tell of one."""
    held = [view for view in views if view.held]
    if any(view.held == "stopping" for view in held) or len({view.record.owner for view in held}) != 1:
        return None
    return {"over": sum(view.ended for view in held), "of": len(held)}


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run with its tiles, by position. `picked` is the picture of a blind run that was picked, None until then."""

    record: RunRecord
    tiles: tuple[TileView, ...]
    picked: str | None = None

    @cached_property
    def json(self) -> JsonObject:
        run = self.record
        settings = {name: value for name, value in run.settings.items() if name not in _NOT_SHOWN}
        return {
            "id": run.id, "created_ms": run.created_ms, "text": run.text, "source": run.source,
            "tiles": [tile.json for tile in self.tiles], "notes": run.settings.get("notes", []), "settings": settings,
            "picked": self.picked, "veiled": self.veiled, "progress": None,
        }  # fmt: skip

    @property
    def veiled(self) -> bool:
        """Whether it is hidden who made the pictures."""
        return is_veiled(self.record, self.picked)

    @property
    def page(self) -> JsonObject:
        """What a page may be told. Tiles of a veiled run come in an order of their own."""
        if not self.veiled:
            return self.json
        return {**self.json, "tiles": shuffled(tile.page for tile in self.tiles), "progress": progress(self.tiles)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """Some runs, newest first."""

    runs: tuple[RunView, ...]
    next_before: str | None

    @property
    def json(self) -> JsonObject:
        return {"runs": [run.json for run in self.runs], "next_before": self.next_before}

    @property
    def page(self) -> JsonObject:
        """What a page may be told."""
        return {"runs": [run.page for run in self.runs], "next_before": self.next_before}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPlan:
    """What a draft means for one model, in words, and what one picture of its would cost as a final."""

    words: str
    final: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """What one model would make of a plan. `cost` is for all the `images` that are asked of it, `fee_micro_usd` of it the
    router's own; `starts` are those of them that can start, `reason` is why the others cannot. `ok`: any can."""

    ok: bool
    reason: str | None
    images: int
    starts: int
    cost: Cost
    fee_micro_usd: int = 0
    adjustments: tuple[Adjustment, ...] = ()
    references: ReferencePlan = NO_REFERENCES
    draft: DraftPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A prompt read and priced, nothing started. All sums are of what can start. `seconds` are p50 and p90 of the slowest model, None when unknown.
    `known_micro_usd` is what the pictures with a known price cost, `unknown_count` how many have none. In all amounts
    is the router's own fee: `fee_micro_usd` in all."""

    prompts: int
    images: int
    total: Cost
    known_micro_usd: int
    unknown_count: int
    seconds: tuple[int, int] | None
    chips: tuple[Chip, ...]
    notes: tuple[PromptNote, ...]
    models: tuple[str, ...]
    per_model: Mapping[str, ModelPlan]
    allowed: bool
    reason: str | None
    fee_micro_usd: int = 0

    @property
    def json(self) -> JsonObject:
        body: dict[str, Json] = msgspec.to_builtins(self)
        return body | {"prompts": min(self.prompts, _SAFE_INTEGER), "images": min(self.images, _SAFE_INTEGER),
                       "known_micro_usd": min(self.known_micro_usd, _SAFE_INTEGER),
                       "unknown_count": min(self.unknown_count, _SAFE_INTEGER)}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadView:
    """A picture that was given. `alpha`: whether it can be transparent anywhere."""

    sha256: str
    width: int
    height: int
    media_type: str
    alpha: bool

    @property
    def json(self) -> JsonObject:
        return {"sha256": self.sha256, "width": self.width, "height": self.height, "media_type": self.media_type,
                "alpha": self.alpha, "url": f"/api/uploads/{self.sha256}"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TileDetail:
    """Everything about one tile: what was asked, how it was routed, what was sent. Only here its adjustments say, too, what
    went as asked."""

    tile: TileView
    attempts: tuple[AttemptRecord, ...]
    decisions: tuple[Decision, ...]

    @property
    def json(self) -> JsonObject:
        return {
            "tile": {**self.tile.json, "adjustments": [msgspec.to_builtins(a) for a in self.tile.record.adjustments]},
            "attempts": [_attempt_json(attempt) for attempt in self.attempts],
            "decisions": [msgspec.to_builtins(decision) for decision in self.decisions],
            "request": self.tile.record.request,
            "amounts": [msgspec.to_builtins(one) for one in amounts(self.tile.record.request, self.tile.pictures)],
        }

    @property
    def page(self) -> JsonObject:
        """What a page may be told."""
        if not self.tile.veiled:
            return self.json
        asked = {"prompt": self.tile.json["prompt"]}
        return {"tile": self.tile.page, "attempts": [], "decisions": [], "request": asked, "amounts": []}


@dataclass(slots=True)
class Now:
    """What a tile at work shows besides its record; kept in memory only."""

    progress: float | None = None
    queue_position: int | None = None
    eta_s: float | None = None
    note: str | None = None
    preview: str | None = None
    retry: JsonObject | None = None

    def still(self) -> "Now":
        """As it is at this moment."""
        return Now(self.progress, self.queue_position, self.eta_s, self.note, self.preview, self.retry)


NOTHING_NOW = Now()


def tile_view(
    record: TileRecord,
    pictures: Sequence[PictureRecord] = (),
    *,
    card: Callable[[], ModelCard | None],
    now: Now = NOTHING_NOW,
    blind: bool = False,
    held: Held | None = None,
    error: TriptychError | None = None,
    slow: Callable[[str], bool] = lambda _: False,
) -> TileView:
    """A tile as the page shows it; `blind` while it is hidden who made it, `held` while not all of its row are over. `card` gives the card of the endpoint, or of the
    model asked for before there is one; `slow` says of an endpoint whether enough was timed there to call one slower than usual."""
    kept, still = tuple(pictures), now.still()
    return TileView(record=record, pictures=kept, error=error, veiled=blind, held=held,
                    make=lambda: _tile_json(record, kept, card(), still, blind=blind, slow=slow))  # fmt: skip


def _tile_json(
    record: TileRecord,
    pictures: Sequence[PictureRecord],
    card: ModelCard | None,
    now: Now,
    *,
    blind: bool,
    slow: Callable[[str], bool],
) -> JsonObject:
    prompt = str(record.request.get("prompt", ""))
    return {
        "id": record.id, "run": record.run_id, "position": record.position, "model": record.model,
        "name": str((record.imported or {}).get("maker") or (card.name if card else _plain_name(record.model))), "maker": card.maker if card else "",
        "prompt": prompt, "ratio": record.ratio, "state": record.state,
        "endpoint": record.endpoint, "model_served": record.model_served, "lane": record.lane,
        "asked": asked_json(record.request, record.draft or ()),
        "progress": now.progress, "queue_position": now.queue_position, "eta_s": now.eta_s, "note": now.note,
        "preview": now.preview, "started_ms": record.started_ms, "ended_ms": record.ended_ms,
        "typical_seconds": list(card.typical_seconds) if card and card.typical_seconds else None,
        "knows_slow": card is not None and slow(card.id),
        "estimate": msgspec.to_builtins(record.estimate), "cost": msgspec.to_builtins(record.cost),
        "billed": record.billed, "difference_micro_usd": difference(record),
        "fee_micro_usd": record.fee_micro_usd, "fee_estimate_micro_usd": record.fee_estimate_micro_usd,
        "images": [picture_json(picture, record, prompt, blind=blind) for picture in pictures],
        "adjustments": [msgspec.to_builtins(a) for a in record.adjustments if a.kind != "native"],
        "error": msgspec.to_builtins(record.error), "retry": now.retry, "retry_of": record.retry_of,
        "parent": msgspec.to_builtins(record.parent),
        "draft": None if record.draft is None else draft_words(record.draft), "final": record.final,
        "imported": record.imported, "task": record.request.get("task"), "doubt": record.doubt,
        "trashed_ms": record.trashed_ms,
        "cancellable": record.state not in FINAL_STATES and record.state != "receiving",
    }  # fmt: skip


def difference(record: TileRecord) -> int | None:
    """What a tile was charged beyond its estimate, in micro-dollars, below 0 when it was less; None while either of the
    two is not known."""
    charged = 0 if record.billed == "no" else record.cost.amount_micro_usd if record.cost is not None else None
    estimated = record.estimate.amount_micro_usd if record.estimate is not None else None
    over = record.state in FINAL_STATES and record.billed != "unknown"
    return charged - estimated if over and charged is not None and estimated is not None else None


def _plain_name(model: str) -> str:
    return "Automatic" if model == "auto" else model.rpartition("/")[2]


def run_view(run: RunRecord, tiles: Sequence[TileView], picked: str | None = None) -> RunView:
    """A run as the page shows it."""
    return RunView(record=run, tiles=tuple(tiles), picked=picked)


def picture_json(picture: PictureRecord, tile: TileRecord, prompt: str, *, blind: bool) -> JsonObject:
    """A picture as the page shows it. The address of a blind one does not tell, either, whether it was restored."""
    which = "" if blind else _which(picture)
    return {
        "id": picture.id, "sha256": picture.sha256, "url": f"/api/images/{picture.id}{which}",
        "thumb": f"/api/images/{picture.id}/thumb{which}", "view": f"/api/images/{picture.id}/view{which}", "width": picture.width, "height": picture.height,
        "media_type": picture.media_type, "bytes": picture.bytes, "revised_prompt": picture.revised_prompt,
        "seed": picture.seed, "cost": msgspec.to_builtins(picture.cost),
        "filename": file_name(picture, None if blind else tile.endpoint or tile.model, prompt),
        "restored": restored_json(picture),
    }  # fmt: skip


def _which(picture: PictureRecord) -> str:
    """So that a browser that keeps one of a picture's two files for ever asks for the other."""
    return "?as=came" if picture.restored is not None and picture.restored.unrestored else ""


def file_name(picture: PictureRecord, model: str | None, prompt: str) -> str:
    """`steel-kettle-on-basalt_gemini-3.1-flash-image_7c2m.png`: words, model (left out while nobody is to know it),
    seed or the end of the id. Nothing in it needs quoting on any system."""
    mark = str(picture.seed) if picture.seed is not None else picture.id[-6:]
    kind = _EXTENSIONS.get(picture.media_type, picture.media_type.rpartition("/")[2])
    pieces = [_slug(prompt), re.sub(r"[^a-z0-9.-]+", "-", (model or "").rpartition("/")[2].lower()), mark]
    return f"{'_'.join(piece for piece in pieces if piece)}.{kind}"


def _slug(prompt: str) -> str:
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", title(prompt)).lower())
    return "-".join(word for word in words if word not in _ARTICLES) or "image"


def spend_json(today: Spend, run: int | None, day: int | None) -> JsonObject:
    """What is spent today, `guessed` of it by estimates in place of unknown charges and `fee` of it the router's own; and
    the caps."""
    return {"today": {"amount_micro_usd": today.amount_micro_usd, "unknown": today.unknown,
                      "guessed_micro_usd": today.guessed_micro_usd, "fee_micro_usd": today.fee_micro_usd},
            "caps": {"run": run, "day": day}}  # fmt: skip


def _attempt_json(attempt: AttemptRecord) -> JsonObject:
    body: dict[str, Any] = msgspec.to_builtins(attempt)
    del body["tile_id"]
    return body


@dataclass(frozen=True, slots=True)
class TileNews:
    """Something new about a tile: the fields that changed, a new preview's bytes, or its end."""

    fields: JsonObject = field(default_factory=dict)
    preview: bytes | None = field(default=None, repr=False)
    ended: TileView | None = None
