"""A grid as it leaves the studio: one HTML page with its pictures in it, and its cells as CSV or JSON."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from triptych import __version__
from triptych.imaging.workshop import Workshop
from triptych.spec.clock import Clock
from triptych.spec.errors import NotFoundError, TooLargeError
from triptych.spec.image import UNKNOWN_COST, AdjustmentKind, Billed, CostSource
from triptych.spec.records import PictureRecord, TileState
from triptych.studio.alt import Alt, alt_text
from triptych.studio.grid_page import PageAxis, PageCell, grid_html
from triptych.studio.kit_names import slug
from triptych.studio.naming import title
from triptych.studio.papers import ENGLISH, Words
from triptych.studio.prompt.split import split_parameters
from triptych.studio.service import Studio
from triptych.studio.views import RunView, TileView

SCHEMA: Final = "triptych-grid/1"
SIDES: Final = (1600, 1200, 900, 640, 480, 320)
"""Pixels of the long side of the pictures in the page: the first that fits."""
MOST_BYTES: Final = 16 << 20
"""Of a page: what a mail program takes."""
_QUALITY, _AT_A_TIME = 82, 8
_BYTES_OF_PIXELS = 0.08  # bytes in the file for each pixel of the square of its long side, about
_RISKY = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("prompt", "model", "model_served", "lane", "state", "reason", "width", "height", "seed", "cost_micro_usd",
            "cost_source", "billed", "alt", "tile", "picture", "sha256")  # fmt: skip


class OutAxis(msgspec.Struct, frozen=True, kw_only=True):
    """One axis: what it is called, its values as they were asked for, and what a person reads for each."""

    label: str
    values: tuple[str, ...]
    labels: tuple[str, ...]


class OutFitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a model could not take as asked."""

    feature: str
    kind: AdjustmentKind
    detail: str


class OutCell(msgspec.Struct, frozen=True, kw_only=True):
    """One picture, or why a cell has none. `at` are indexes into the values of each axis. Money is micro-dollars, None where
    nobody knows. `state` is None for a cell that could not be made."""

    at: tuple[int, ...]
    reason: str | None
    prompt: str | None = None
    model: str | None = None
    model_served: str | None = None
    lane: str | None = None
    state: TileState | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    cost_micro_usd: int | None = None
    cost_source: CostSource | None = None
    billed: Billed | None = None
    adjustments: tuple[OutFitted, ...] = ()
    alt: str | None = None
    tile: str | None = None
    picture: str | None = None
    sha256: str | None = None


class OutGrid(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a grid's JSON. Times are milliseconds since 1970."""

    schema: Literal["triptych-grid/1"]
    program: str
    run: str
    text: str
    made_ms: int
    axes: tuple[OutAxis, ...]
    cells: tuple[OutCell, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A cell with one of its tiles, and the tile's first picture."""

    at: tuple[int, ...]
    reason: str | None
    view: TileView | None = None

    @property
    def picture(self) -> PictureRecord | None:
        return next(iter(self.view.pictures), None) if self.view is not None else None


class GridOut:
    """One per process. Every method may raise StorageError, and NotFoundError for a run that is not there or no grid."""

    def __init__(self, studio: Studio, workshop: Workshop, clock: Clock, alt: Alt) -> None:
        self._studio, self._workshop, self._clock, self._alt = studio, workshop, clock, alt

    async def page(self, run_id: str, *, prices: bool = True, words: Words = ENGLISH) -> tuple[str, str]:
        """The name of the file without an ending, and the file. Its pictures are made smaller until all of it is below the
        cap. Raises TooLargeError where even the smallest are too much."""
        run, axes = await self._grid(run_id)
        shown = _cells(run)
        out = await self._out(run, axes, shown)
        count = sum(each.picture is not None for each in shown)
        names = [None if each.view is None else str(each.view.json["name"]) for each in shown]
        title = run.record.text.strip()
        for side in SIDES:
            if side != SIDES[-1] and count * side * side * _BYTES_OF_PIXELS > MOST_BYTES:
                continue
            data = await self._pictures(shown, side)
            cells = [
                PageCell(at=cell.at, alt=cell.alt or "", data=picture, size=(cell.width or 0, cell.height or 0), name=name or "",
                         cost=_cost(cell, words) if prices else "", reason=cell.reason or "",
                         adjusted=tuple(fitted.detail for fitted in cell.adjustments))
                for cell, picture, name in zip(out.cells, data, names, strict=True)
            ]  # fmt: skip
            shown_axes = [PageAxis(label=axis.label, labels=axis.labels) for axis in axes]
            made = await asyncio.to_thread(
                grid_html, title, shown_axes, cells, made_ms=out.made_ms, prices=prices, words=words
            )
            if len(made) <= MOST_BYTES:
                return _name(run), made
        raise TooLargeError(
            f"This grid is larger than {MOST_BYTES >> 20} MB.", hint="Make it of fewer values.", param="id"
        )

    async def json(self, run_id: str) -> tuple[str, bytes]:
        """The name of the file without an ending, and every cell as JSON."""
        run, axes = await self._grid(run_id)
        out = await self._out(run, axes, _cells(run))
        return _name(run), msgspec.json.format(msgspec.json.encode(out), indent=1)

    async def csv(self, run_id: str) -> tuple[str, str]:
        """The name of the file without an ending, and one line for each picture (RFC 4180, section 2), a column for each axis
        first. A text that a spreadsheet would reckon with has an apostrophe before it."""
        run, axes = await self._grid(run_id)
        out = await self._out(run, axes, _cells(run))
        file = io.StringIO()
        lines = csv.writer(file, lineterminator="\r\n")
        lines.writerow([*(_harmless(axis.label) for axis in axes), *_COLUMNS, "adjustments"])
        for cell in out.cells:
            labels = [axis.labels[place] for axis, place in zip(axes, cell.at, strict=True)]
            told = [getattr(cell, name) for name in _COLUMNS]
            adjusted = "; ".join(fitted.detail for fitted in cell.adjustments)
            lines.writerow([_harmless(value) for value in (*labels, *told, adjusted)])
        return _name(run), file.getvalue()

    # Inside.

    async def _grid(self, run_id: str) -> tuple[RunView, tuple[OutAxis, ...]]:
        run = await self._studio.run(run_id)
        grid = run.record.settings.get("grid")
        if not isinstance(grid, Mapping):
            raise NotFoundError("This row is no grid.", param="id")
        axes: Any = grid["axes"]
        return run, tuple(
            OutAxis(label=str(axis["label"]), values=tuple(axis["values"]), labels=tuple(axis["labels"]))
            for axis in axes
        )

    async def _out(self, run: RunView, axes: tuple[OutAxis, ...], shown: Sequence[_Shown]) -> OutGrid:
        return OutGrid(schema=SCHEMA, program=f"Triptych {__version__}", run=run.record.id, text=run.record.text,
                       made_ms=self._clock.now_ms(), axes=axes, cells=tuple([await self._cell(each) for each in shown]))  # fmt: skip

    async def _cell(self, shown: _Shown) -> OutCell:
        if shown.view is None:
            return OutCell(at=shown.at, reason=shown.reason)
        tile, picture = shown.view.record, shown.picture
        cost = tile.cost or UNKNOWN_COST
        prompt = str(tile.request.get("prompt", ""))
        return OutCell(
            at=shown.at, reason=shown.reason, prompt=prompt, model=tile.endpoint or tile.model, model_served=tile.model_served,
            lane=tile.lane, state=tile.state, width=picture.width if picture else None, height=picture.height if picture else None,
            seed=picture.seed if picture else None, cost_micro_usd=cost.amount_micro_usd, cost_source=cost.source,
            billed=tile.billed,
            adjustments=tuple(OutFitted(feature=a.feature, kind=a.kind, detail=a.detail) for a in tile.adjustments if a.kind != "native"),
            alt=alt_text(await self._alt(picture.id), prompt) if picture else None, tile=tile.id,
            picture=picture.id if picture else None, sha256=picture.sha256 if picture else None,
        )  # fmt: skip

    async def _pictures(self, shown: Sequence[_Shown], side: int) -> list[bytes]:
        made: list[bytes] = []
        for start in range(0, len(shown), _AT_A_TIME):
            made += await asyncio.gather(*(self._picture(each, side) for each in shown[start : start + _AT_A_TIME]))
        return made

    async def _picture(self, shown: _Shown, side: int) -> bytes:
        picture = shown.picture
        if picture is None:
            return b""
        scale = min(1.0, side / max(picture.width, picture.height))
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        data = await self._studio.pictures.bytes_of(picture.sha256)
        return await self._workshop.reframe(data, None, size, "image/webp", quality=_QUALITY)


def _cells(run: RunView) -> list[_Shown]:
    """Every cell, one entry for each of its tiles: of a tile that was tried again the newest try with a picture, else the
    newest."""
    by_id = {tile.record.id: tile for tile in run.tiles}
    tries: dict[int, list[TileView]] = {}
    for tile in run.tiles:
        first = tile
        while first.record.retry_of in by_id:
            first = by_id[first.record.retry_of]
        tries.setdefault(first.record.position, []).append(tile)
    grid: Any = run.record.settings["grid"]
    found: list[_Shown] = []
    for cell in grid["cells"]:
        at = tuple(int(place) for place in cell["at"])
        shown = [_newest(tries[place]) for place in cell["tiles"] if tries.get(place)]
        found += [_Shown(at, _why(view), view) for view in shown]
        if not shown:
            found.append(_Shown(at, str(cell["reason"] or "Not made.")))
    return found


def _newest(tries: Sequence[TileView]) -> TileView:
    ordered = sorted(tries, key=lambda view: (view.record.created_ms, view.record.id))
    return next((view for view in reversed(ordered) if view.pictures), ordered[-1])


def _why(view: TileView) -> str | None:
    """Why there is no picture; None where there is one."""
    if view.pictures:
        return None
    if not view.ended:
        return "Still being made."
    error = view.record.error
    return error.message if error is not None else "There is no picture."


def _cost(cell: OutCell, words: Words) -> str:
    if cell.state is None or (cell.picture is None and cell.billed == "no"):
        return ""
    return words.cost(cell.cost_micro_usd)


def _harmless(value: object) -> object:
    """What a spreadsheet shows and does not run (OWASP, CSV Injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value


def _name(run: RunView) -> str:
    return f"grid-{slug(title(split_parameters(run.record.text)[0]))}-{run.record.id[-6:]}"
