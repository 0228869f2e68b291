"""Pictures made elsewhere, as tiles beside those made here: compared, edited and ranked with them, and never counted.

An imported tile has no attempts, no charge and no receipt: nothing was done here that could be stated. Its maker is what the
file itself says (see `triptych.imaging.provenance`), which nobody has checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Protocol

from triptych.imaging.header import PictureInfo, header
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, ConflictError, HostileContentError, NotFoundError, TooLargeError
from triptych.spec.ids import new_id
from triptych.spec.json import Json, JsonObject
from triptych.spec.records import PictureRecord, RunRecord, TileRecord, UpstreamCredentials
from triptych.store.base import BlobStore, Bus, RecordStore
from triptych.store.imported import ImportedStore
from triptych.studio.ingest import UPLOAD_LIMIT
from triptych.studio.makers import IMPORTED, maker_name
from triptych.studio.prompt import read_prompt
from triptych.studio.prompt.parameters import PARAMETERS
from triptych.studio.requests import build_request, request_json
from triptych.studio.service import Studio
from triptych.studio.views import RunView, TileView

MOST_TILES = 400
_MOST_NAME = 120
_SEEDS = 2**32
_SPELLINGS: Mapping[str, str] = {
    **{each.name: each.spellings[0] for each in reversed(PARAMETERS)
       if each.scope in {"request", "knob", "reference"} and each.name not in {"seed", "negative_prompt"}},
    "resolution": "size",
}  # fmt: skip
_VALUE = re.compile(r"[\w.:]+(?: [\w.:]+)*")
_SPECIAL = re.compile(r"([{}\\])")


class Workshop(Protocol):
    """What is needed of imaging."""

    async def told(self, data: bytes) -> Mapping[str, Any]: ...


class Credentials(Protocol):
    """What is needed of content credentials."""

    async def upstream(self, data: bytes, *, carried: bool) -> UpstreamCredentials | None: ...


@dataclass(frozen=True, slots=True)
class Imported:
    """The row that a picture came into, and its tile."""

    run: RunView
    tile: TileView


class Imports:
    """One per process. Every method may raise StorageError."""

    def __init__(
        self,
        studio: Studio,
        store: RecordStore,
        imported: ImportedStore,
        blobs: BlobStore,
        workshop: Workshop,
        credentials: Credentials,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._studio, self._store, self._imported, self._blobs = studio, store, imported, blobs
        self._workshop, self._credentials, self._bus, self._clock = workshop, credentials, bus, clock

    async def take(self, data: bytes, *, name: str = "", run_id: str | None = None) -> Imported:
        """Keeps a picture as a tile, in that row or in one of its own. `name` is the file's.

        Raises TooLargeError over 50 MB, BadRequestError for what is no whole picture, NotFoundError for a row that is not
        there, and ConflictError for a blind row that was not picked from and for a full one.
        """
        if len(data) > UPLOAD_LIMIT:
            raise TooLargeError(f"The file has {len(data) / 2**20:.0f} MB; the limit is {UPLOAD_LIMIT // 2**20} MB.",
                                hint="Make it smaller first.", param="image")  # fmt: skip
        row = None if run_id is None else await self._row(run_id)
        try:
            info, told = header(data), await self._workshop.told(data)
        except HostileContentError as error:
            raise BadRequestError(error.message, hint=error.hint, param="image") from error
        upstream = await self._credentials.upstream(data, carried=True)
        sha256 = await self._blobs.put(data)
        maker = maker_name(told["source"], upstream.generator or upstream.issuer if upstream else None)
        text, request = asked_of(told)
        kept: dict[str, Json] = {"maker": maker, "file": file_name(name), **{n: told[n] for n in ("source", "job", "model")},
                                 "seed": None if told["seed"] is None else str(told["seed"])}  # fmt: skip
        now = self._clock.now_ms()
        run = row.record if row is not None else RunRecord(
            id=new_id("run", now), created_ms=now, text=text or PurePath(file_name(name)).stem or "Imported picture",
            source="studio", settings=_settings(),
        )  # fmt: skip
        endpoint = IMPORTED + slug(maker)
        tile = TileRecord(
            id=new_id("tile", now), run_id=run.id, position=0, model=endpoint, endpoint=endpoint, state="done",
            created_ms=now, updated_ms=now, ratio=info.width / info.height, request=request, imported=kept,
        )  # fmt: skip
        picture = _picture(tile, sha256, info, len(data), now, told, upstream)
        await self._imported.save(tile, picture, run if row is None else None)
        return await self._announced(tile.id, run.id, new=row is None)

    async def _row(self, run_id: str) -> RunView:
        row = await self._studio.run(run_id)
        if row.record.deleted:
            raise NotFoundError("There is no such run.", param="run")
        if row.veiled:
            raise ConflictError("This row is blind: a picture that comes from outside would stand out.",
                                hint="Pick one first, or import into a row of its own.", param="run")  # fmt: skip
        if len(row.tiles) >= MOST_TILES:
            raise ConflictError(f"A row has at most {MOST_TILES} pictures.", param="run")
        return row

    async def _announced(self, tile_id: str, run_id: str, *, new: bool) -> Imported:
        run = await self._studio.run(run_id)
        tile = next(view for view in run.tiles if view.record.id == tile_id)
        if new:
            self._bus.publish("run", run.page)
        else:
            self._bus.publish("tile", tile.page)
        return Imported(run, tile)


def asked_of(told: Mapping[str, Any]) -> tuple[str, JsonObject]:
    """The text of the row and the request of the tile, by the prompt grammar. Midjourney's prompts are written in it; of the
    others the settings that it knows are added, and a recipe of ours has them all."""
    prompt = told["prompt"]
    if not prompt:
        return "", {"prompt": "", "n": 1}
    plain = told["source"] != "midjourney"
    body, negative = weighted(told) if told.get("parts") else (prompt, told["negative"])
    text = prompt if not plain else _SPECIAL.sub(r"\\\1", body)
    text += f" --no {negative}" if plain and negative else ""
    text += f" --seed {told['seed']}" if plain and told["seed"] is not None and told["seed"] < _SEEDS else ""
    settings = written(told.get("settings") or {})
    plan = read_prompt(text := text + settings, limit=1)
    moved = told["source"] == "triptych" and plan.prompts and plan.prompts[0].text.split() != prompt.split()
    if plan.errors or plan.total != 1 or moved:  # not written in the grammar after all: words and nothing else
        return _SPECIAL.sub(r"\\\1", prompt), {"prompt": prompt, "n": 1}
    request = build_request(plan.prompts[0])
    return text, request_json(replace(request, previews=0))


def weighted(told: Mapping[str, Any]) -> tuple[str, str]:
    """A prompt with the weights of its parts, and what is not wanted beside those that weigh less than nothing: the
    grammar puts them there by itself."""
    negative, against = told["negative"] or "", ", ".join(text for text, weight in told["parts"] if weight < 0)
    body = " ".join(f"{text}::{weight:g}" for text, weight in told["parts"])
    return body, negative.removesuffix(against).removesuffix(", ") if against else negative


def written(settings: Mapping[str, Any]) -> str:
    """Settings as parameters of the prompt; what the grammar has no word for, and what is no plain value, is left out."""
    words = []
    for name, value in settings.items():
        spelling, said = _SPELLINGS.get(name), str(value)
        if name == "version" and said.startswith("niji"):
            spelling, said = "niji", said.removeprefix("niji").strip()
        if spelling is None or value is False or not _VALUE.fullmatch(said):
            continue
        words.append(f" --{spelling}" if value is True else f" --{spelling} {said}")
    return "".join(words)


def file_name(name: str) -> str:
    """The last part of a file's name as it was given, without what is no letter, short."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(char for char in last if char.isprintable())[:_MOST_NAME].strip()


def slug(maker: str) -> str:
    """A maker's name as a part of an endpoint's."""
    return re.sub(r"[^a-z0-9]+", "-", maker.lower()).strip("-")[:40] or "elsewhere"


def _settings() -> JsonObject:
    """As a run of the studio has them, so that models can be added to the row."""
    return {"grammar": True, "imported": True, "models": [], "n": 1, "repeat": 1, "blind": False, "budget_micro_usd": None,
            "images": [], "mask": None, "notes": [], "project": None, "parent": None, "tier": "final", "drafts": {}}  # fmt: skip


def _picture(
    tile: TileRecord,
    sha256: str,
    info: PictureInfo,
    size: int,
    now: int,
    told: Mapping[str, Any],
    upstream: UpstreamCredentials | None,
) -> PictureRecord:
    seed = told["seed"] if told["seed"] is not None and told["seed"] < _SEEDS else None
    return PictureRecord(
        id=new_id("img", now), tile_id=tile.id, position=0, sha256=sha256, media_type=info.media_type, width=info.width,
        height=info.height, bytes=size, created_ms=now, seed=seed, credentials=upstream,
    )  # fmt: skip
