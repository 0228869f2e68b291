"""The queue: the tiles of a batch take turns, so many at a time, in an order that can be changed; a batch can be paused.

A batch is a run with many tiles. Each of its tiles has its own task, which waits here before anything is reserved or
sent; so a stop, a restart and the caps are what they are for every other tile. What is set by a person, a pause and an
order, is in the store before anybody is told, and outlives the process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

import structlog

from triptych.spec.errors import StorageError, TriptychError
from triptych.spec.json import Json
from triptych.store.base import RecordStore
from triptych.studio.live import Live
from triptych.studio.terms import AT_ONCE

_SETTING = "queue"
_log = structlog.get_logger("triptych.studio")


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a batch stands still, and what to do about it."""

    reason: str
    hint: str | None = None


BY_HAND = Pause("Paused.", "Resume when you want the rest of it.")


@dataclass(slots=True)
class Line:
    """One batch. `order` names the tiles that were put in an order by hand; the others come after them, by place."""

    pause: Pause | None = None
    order: tuple[str, ...] = ()
    clearing: bool = False  # tiles are being taken out: nobody starts meanwhile
    waiting: dict[str, tuple[Live, "asyncio.Future[None]"]] = field(default_factory=dict)
    running: dict[str, Live] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)  # on the way back into the line

    def in_order(self) -> list[Live]:
        """Who waits, the next one first."""
        places = {tile: place for place, tile in enumerate(self.order)}
        lives = [live for live, _ in self.waiting.values()]
        return sorted(lives, key=lambda live: (places.get(live.record.id, len(places)), *_by_itself(live)))


def _by_itself(live: Live) -> tuple[bytes, int]:
    """In a blind batch the order has nothing to do with that of the models."""
    return (sha256(live.record.id.encode()).digest() if live.blind else b"", live.record.position)


class Queue:
    """All batches of this process. `tell` announces what changed about a tile. Every change of a pause or an order may
    raise StorageError."""

    def __init__(self, store: RecordStore, tell: Callable[[Live], None], at_once: int = AT_ONCE) -> None:
        self._store = store
        self._tell = tell
        self.at_once = at_once
        self._lines: dict[str, Line] = {}
        self._closed = self._loading = False

    @asynccontextmanager
    async def taken_up(self) -> AsyncIterator[None]:
        """Takes up the pauses and orders of an earlier process, whose tiles are started again meanwhile."""
        await self._load()
        self._loading = True
        try:
            yield
        finally:
            self._loading = False

    async def _load(self) -> None:
        kept = await self._store.get_setting(_SETTING)
        if not isinstance(kept, Mapping) or not kept:
            return
        unfinished = {tile.run_id for tile in await self._store.unfinished_tiles()}
        for run_id, line in kept.items():
            if run_id in unfinished and isinstance(line, Mapping):
                self._lines[run_id] = _read(line)

    def line(self, run_id: str) -> Line | None:
        """A batch that has tiles waiting or at work, None for any other run."""
        line = self._lines.get(run_id)
        return line if line is not None and (line.waiting or line.running) else None

    def batches(self) -> tuple[str, ...]:
        """The runs that have tiles here, oldest first."""
        return tuple(sorted(run_id for run_id in self._lines if self.line(run_id) is not None))

    @asynccontextmanager
    async def turn(self, live: Live) -> AsyncIterator[None]:
        """Waits until this tile may start, and holds its place while it works. A tile of no batch never waits, nor one
        that is out already: it goes on with its jobs beside the others."""
        if not live.batch:
            yield
            return
        run_id, tile_id = live.record.run_id, live.record.id
        line = self._lines.setdefault(run_id, Line())
        try:
            if live.resumed:
                line.running[tile_id] = live
            else:
                await self._wait(line, live)
            live.now.note = None
            yield
        finally:
            line.waiting.pop(tile_id, None)
            line.running.pop(tile_id, None)
            if not (line.waiting or line.running or line.held or self._closed or self._loading):
                self._lines.pop(run_id, None)  # it is over, and its pause with it
            self._admit(line)

    async def _wait(self, line: Line, live: Live) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.held.discard(live.record.id)
        line.waiting[live.record.id] = (live, turn)
        self._admit(line)
        if not turn.done():
            self._say(line, live)
        await turn

    def _admit(self, line: Line) -> None:
        """Whoever is next starts, while there is room."""
        if self._closed or line.clearing or line.pause is not None:
            return
        room = self.at_once - len(line.running)
        for live in line.in_order()[: max(0, room)]:
            _, turn = line.waiting.pop(live.record.id)
            line.running[live.record.id] = live
            if not turn.done():
                turn.set_result(None)

    def _say(self, line: Line, live: Live) -> None:
        pause = line.pause
        note = " ".join(filter(None, (pause.reason, pause.hint))) if pause else None
        if live.now.note != note:
            live.now.note = note
            self._tell(live)

    # What a person does.

    async def pause(self, run_id: str, pause: Pause = BY_HAND) -> None:
        """No further tile of the batch starts; those at work go on."""
        line = self._lines.setdefault(run_id, Line())
        line.pause = pause
        await self._keep()
        for live in line.in_order():
            self._say(line, live)

    async def hold(self, live: Live, error: TriptychError) -> None:
        """Pauses the batch of a tile for which there is no money; the tile waits in it again. Also when that cannot be
        stored: nothing more is sent."""
        run_id = live.record.run_id
        self._lines[run_id].held.add(live.record.id)
        hint = f"{error.hint} Then resume this batch." if error.hint else "Resume it when there is room."
        try:
            await self.pause(run_id, Pause(error.message, hint))
        except StorageError as failure:
            _log.warning("a pause was not kept", run=run_id, error=failure.message)

    async def resume(self, run_id: str) -> None:
        """The batch goes on where it stood."""
        line = self._lines.get(run_id)
        if line is None or line.pause is None:
            return
        was, line.pause = line.pause, None
        try:
            await self._keep()
        except StorageError:
            line.pause = was
            raise
        for live in line.in_order():
            self._say(line, live)
        self._admit(line)

    async def reorder(self, run_id: str, tiles: Sequence[str]) -> None:
        """These tiles come first, in this order; the others of the batch keep theirs after them."""
        line = self._lines.get(run_id)
        if line is None:
            return
        there = [live.record.id for live in line.in_order()]
        first = [tile for tile in dict.fromkeys(tiles) if tile in line.waiting]
        line.order = (*first, *(tile for tile in there if tile not in set(first)))
        await self._keep()

    @asynccontextmanager
    async def clearing(self, run_id: str) -> AsyncIterator[Line | None]:
        """Nobody of the batch starts while tiles are taken out of it."""
        line = self.line(run_id)
        if line is not None:
            line.clearing = True
        try:
            yield line
        finally:
            if line is not None:
                line.clearing = False
                self._admit(line)

    def close(self) -> None:
        """Nobody starts any more: the process ends, and the next one goes on."""
        self._closed = True

    async def _keep(self) -> None:
        kept: dict[str, Json] = {
            run_id: _json(line) for run_id, line in self._lines.items() if line.pause or line.order
        }
        await self._store.put_setting(_SETTING, kept)


def _json(line: Line) -> Json:
    pause = None if line.pause is None else {"reason": line.pause.reason, "hint": line.pause.hint}
    return {"pause": pause, "order": list(line.order)}


def _read(kept: Mapping[str, Json]) -> Line:
    pause, order = kept.get("pause"), kept.get("order")
    line = Line(order=tuple(str(tile) for tile in order) if isinstance(order, list | tuple) else ())
    if isinstance(pause, Mapping):
        hint = pause.get("hint")
        line.pause = Pause(str(pause.get("reason")), hint if isinstance(hint, str) else None)
    return line
