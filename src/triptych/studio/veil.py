"""What a page may be told of a blind run before a picture of it is picked: what its tiles are doing and what they drew,
and nothing that tells whose they are: no name, price, time, lane, file name, hash of a file, seed, rewritten prompt or
words of a provider. The pictures themselves are sent as pixels without metadata, all in one format."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar

from triptych.spec.json import Json, JsonObject
from triptych.spec.records import RunRecord

PLAIN_TYPE: Final = "image/png"
"""What pictures are sent as while it is hidden who made them."""
STOPPING: Final = "You stopped it. What came of it is told with the others."
_T = TypeVar("_T")
_BLANK: JsonObject = {
    "position": 0, "model": "", "name": "", "maker": "", "endpoint": None, "model_served": None, "lane": None,
    "progress": None, "queue_position": None, "eta_s": None, "note": None, "preview": None, "started_ms": None,
    "ended_ms": None, "typical_seconds": None, "knows_slow": False, "estimate": None, "cost": None, "difference_micro_usd": None,
    "fee_micro_usd": 0, "fee_estimate_micro_usd": 0,
    "asked": {}, "adjustments": [], "retry": None, "draft": None, "final": False, "imported": None, "doubt": None,
}  # fmt: skip
_NO_ERROR: JsonObject = {"provider": None, "status": None, "upstream": None, "retry_after_s": None, "param": None}
_BLANK_IMAGE: JsonObject = {"media_type": PLAIN_TYPE, "bytes": None, "revised_prompt": None, "seed": None, "cost": None,
                             "restored": None}  # fmt: skip


def is_veiled(run: RunRecord, picked: str | None = None) -> bool:
    """Whether it is hidden who made the pictures of a run: it is blind, and was neither picked from nor opened. A pick
    that is taken back does not hide again what was seen."""
    return run.settings.get("blind") is True and run.settings.get("opened") is not True and picked is None


def veiled_tile(tile: Mapping[str, Json]) -> JsonObject:
    """A tile's JSON without what tells its model. Whether a failure was billed stays: that is the user's money."""
    fields: dict[str, Any] = dict(tile)
    error = fields["error"]
    return {
        **fields, **_BLANK, "billed": error["billed"] if error else "unknown",
        "images": [veiled_image(image) for image in fields["images"]],
        "error": None if error is None else _veiled_error(str(fields["state"]), error),
    }  # fmt: skip


def held_tile(tile: Mapping[str, Json], *, stopping: bool) -> JsonObject:
    """A tile's JSON while not all of its row are over: the same of each, whatever became of it. `stopping` once a person
    asked for its end."""
    return {**veiled_tile(tile), "state": "working", "images": [], "error": None, "billed": "unknown",
            "note": STOPPING if stopping else None, "cancellable": not stopping, "trashed_ms": None}  # fmt: skip


def veiled_image(image: Mapping[str, Json]) -> JsonObject:
    """A picture's JSON without what tells its model."""
    return {**image, **_BLANK_IMAGE, "filename": f"picture-{str(image['id'])[-6:]}.png"}


def _veiled_error(state: str, error: Mapping[str, Json]) -> JsonObject:
    words = {"blocked": "Refused by a content rule.", "waiting": "It was asked to wait.", "cancelled": "Stopped."}
    return {**_NO_ERROR, "code": "hidden", "failure": error["failure"], "billed": error["billed"],
            "message": words.get(state, "No picture came."),
            "hint": "Why is told once one of this row is picked."}  # fmt: skip


def shuffled(tiles: Iterable[JsonObject]) -> list[Json]:
    """In an order that has nothing to do with that of the models."""
    return [*in_chance_order(tiles, lambda tile: str(tile["id"]))]


def in_chance_order(things: Iterable[_T], name: Callable[[_T], str]) -> list[_T]:
    """In an order that has nothing to do with theirs, and is the same each time."""
    return sorted(things, key=lambda thing: sha256(name(thing).encode()).digest())
