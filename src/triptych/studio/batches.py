"""Batches as a person sees them: what is at work, what waits, what the rest costs and takes; and their orders to it."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from triptych.spec.errors import ConflictError, NotFoundError
from triptych.spec.json import Json, JsonObject
from triptych.spec.records import FINAL_STATES
from triptych.studio.queue import Line, Pause
from triptych.studio.service import Studio
from triptych.studio.veil import shuffled
from triptych.studio.views import RunView, TileView

_BRIEF = ("id", "name", "prompt", "state", "progress", "note", "started_ms", "estimate", "ratio")
_WORDS = 120  # characters of a prompt in the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is still to come of a batch. `known_micro_usd` is over the tiles with a known price, `unknown` counts the
    others; `seconds` are p50 and p90, None while a model's times are not known."""

    known_micro_usd: int
    unknown: int
    seconds: tuple[int, int] | None


def rest_of(tiles: Sequence[TileView], at_once: int) -> Rest:
    """The cost and the time of tiles that take turns, so many at once."""
    amounts = [tile.record.estimate.amount_micro_usd if tile.record.estimate else None for tile in tiles]
    times: list[Any] = [tile.json["typical_seconds"] for tile in tiles]
    seconds = None
    if tiles and all(times):
        low, high = (math.ceil(sum(time[at] for time in times) / min(at_once, len(tiles))) for at in (0, 1))
        longest = [max(time[at] for time in times) for at in (0, 1)]
        seconds = (math.ceil(max(low, longest[0])), math.ceil(max(high, longest[1])))
    return Rest(known_micro_usd=sum(filter(None, amounts)), unknown=amounts.count(None), seconds=seconds)


class Batches:
    """The queue of one studio. Every method may raise StorageError, and NotFoundError for a run that has no tile in the
    queue."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._queue = studio.queue

    async def view(self) -> JsonObject:
        """Every batch that has tiles waiting or at work, oldest first."""
        shown = []
        for run_id in self._queue.batches():
            run, line = await self._studio.run(run_id), self._queue.line(run_id)
            if line is not None:
                shown.append(self._shown(run, line))
        return {"at_once": self._queue.at_once, "batches": shown}

    def _shown(self, run: RunView, line: Line) -> JsonObject:
        """One batch. Of a veiled one nobody is told which tiles wait and which are over: who takes how long tells who it
        is."""
        views = {tile.record.id: tile for tile in run.tiles}
        hidden = run.veiled
        waiting = [views[live.record.id] for live in line.in_order() if live.record.id in views]
        running = [tile for name, tile in views.items() if name in line.running]
        over = [tile.record.state for tile in run.tiles if tile.ended]
        rest = rest_of([*running, *waiting], self._queue.at_once)
        told = (
            shuffled(_brief(tile.page) for tile in views.values())
            if hidden
            else [_brief(tile.page) for tile in running]
        )
        return {
            "run": run.record.id, "text": run.record.text, "created_ms": run.record.created_ms, "veiled": hidden,
            "watch": run.record.settings.get("watch"), "grid": run.record.settings.get("grid") is not None,
            "pause": _pause(line.pause), "total": len(run.tiles), "done": 0 if hidden else over.count("done"),
            "ended": 0 if hidden else len(over) - over.count("done"),
            "running": [*told], "waiting": [] if hidden else [_brief(tile.page) for tile in waiting],
            "known_micro_usd": None if hidden else rest.known_micro_usd, "unknown": 0 if hidden else rest.unknown,
            "seconds": None if hidden or rest.seconds is None else list(rest.seconds),
        }  # fmt: skip

    async def pause(self, run_id: str) -> None:
        """No further tile starts; those at work go on."""
        self._line(run_id)
        await self._queue.pause(run_id)

    async def resume(self, run_id: str) -> None:
        """Goes on where it stood."""
        self._line(run_id)
        await self._queue.resume(run_id)

    async def reorder(self, run_id: str, tiles: Sequence[str]) -> None:
        """These waiting tiles come first, in this order. What does not wait any more is passed over."""
        self._line(run_id)
        await self._queue.reorder(run_id, tiles)

    async def cancel(self, run_id: str, *, keep: str | None = None, running: bool = False) -> int:
        """Stops what waits, and with `running` what is at work too; all but the tile `keep`. Returns how many ended."""
        self._line(run_id)
        async with self._queue.clearing(run_id) as line:
            if line is None:
                return 0
            names = [live.record.id for live in line.in_order()]
            stopped = await self._stop(name for name in names if name != keep)
            if running:  # only now: their places would go to tiles that are to be stopped too
                stopped += await self._stop(name for name in [*line.running] if name != keep)
            return stopped

    async def _stop(self, names: Iterable[str]) -> int:
        async def stop(name: str) -> bool:
            try:
                return (await self._studio.cancel(name)).record.state in FINAL_STATES
            except ConflictError:  # it ended meanwhile, or is another process's
                return False

        return sum(await asyncio.gather(*map(stop, [*names])))

    def _line(self, run_id: str) -> Line:
        line = self._queue.line(run_id)
        if line is None:
            raise NotFoundError(
                "Nothing of this run is in the queue.", hint="It is over, or was never in it.", param="id"
            )
        return line


def _brief(tile: JsonObject) -> JsonObject:
    return {**{name: tile[name] for name in _BRIEF}, "prompt": str(tile["prompt"])[:_WORDS]}


def _pause(pause: Pause | None) -> Json:
    return None if pause is None else {"reason": pause.reason, "hint": pause.hint}
