"""The tiles of a blind row are shown together: who came first would tell who made it.

Tiles that are at work at the same time belong together. Until the last of them has ended a page is told of each that it is
at work, and nothing else; then it is told of all of them at once, in an order of chance. Of the row it is told how many
are over, which says of none which one it is: but not once a person has stopped one, because the number would say whether
that one was over before; and not across a restart, which forgets who was stopped. A tile that is added to a row whose
pictures are all there already takes none of them away again.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

import structlog

from triptych.spec.errors import StorageError
from triptych.spec.json import JsonObject
from triptych.spec.records import FINAL_STATES, TileRecord
from triptych.store.base import Bus, RecordStore
from triptych.studio.live import Live
from triptych.studio.veil import STOPPING, in_chance_order
from triptych.studio.views import Held, RunView, TileView, progress

_log = structlog.get_logger("triptych.studio")


def _is_at_work(tile: TileRecord) -> bool:
    return tile.state not in FINAL_STATES


def groups(
    tiles: Iterable[TileRecord], at_work: Callable[[TileRecord], bool] = _is_at_work
) -> list[tuple[frozenset[str], bool]]:
    """The tiles of one row that belong together, by id, and whether one of each group is at work still. Times are whole
    milliseconds, so what begins in the one in which another ends belongs to it."""
    found: list[tuple[set[str], float]] = []
    for tile in sorted(tiles, key=lambda tile: tile.created_ms):
        end = float("inf") if at_work(tile) else tile.ended_ms or tile.updated_ms
        if found and tile.created_ms <= found[-1][1]:
            names, last = found.pop()
            found.append((names | {tile.id}, max(last, end)))
        else:
            found.append(({tile.id}, end))
    return [(frozenset(names), last == float("inf")) for names, last in found]


def held_back(tiles: Iterable[TileRecord], at_work: Callable[[TileRecord], bool] = _is_at_work) -> frozenset[str]:
    """The tiles of one row of which nothing is told yet."""
    return frozenset[str]().union(*(names for names, waits in groups(tiles, at_work) if waits))


class Curtain:
    """Over the blind rows of one studio. `finder` gives what finds a tile at work in this process, `row` a run as it is now."""

    def __init__(
        self,
        store: RecordStore,
        bus: Bus,
        finder: Callable[[], Callable[[str], Live | None]],
        row: Callable[[str], Awaitable[RunView]],
    ) -> None:
        self._store = store
        self._bus = bus
        self._finder = finder
        self._row = row
        self._stopped: set[str] = set()  # by a person; what came of it is told with the others

    def held(self, tile_id: str, among: Collection[str]) -> Held | None:
        """How a tile is shown of which, perhaps, nothing is told yet."""
        return None if tile_id not in among else "stopping" if tile_id in self._stopped else "held"

    def held_now(self, live: Live) -> Held | None:
        """As `held`, of a tile at work."""
        name = live.record.id
        return self.held(name, {name} if live.blind and live.held else ())

    def held_of(self, tiles: Iterable[TileRecord]) -> frozenset[str]:
        """As `held_back`, with what is known of the tiles at work here."""
        return held_back((tile for tile in tiles if not tile.hidden), self._at_work)

    async def held_stored(self, tile: TileRecord) -> Held | None:
        """As `held`, of a tile of a blind row that is not at work here."""
        return self.held(tile.id, self.held_of((await self._store.tiles_of([tile.run_id]))[tile.run_id]))

    def stop(self, tile: TileRecord) -> None:
        """Notes that a person stopped a tile, and tells every page, in the same way whether it has ended meanwhile or not."""
        self._stopped.add(tile.id)
        told: JsonObject = {"run": tile.run_id, "id": tile.id, "note": STOPPING, "cancellable": False}
        self._bus.publish("tile", told)
        self._bus.publish("progress", {"run": tile.run_id, "progress": None})

    async def ended(self, live: Live, others: Sequence[Live]) -> None:
        """After the end of a tile of a blind row: once all of its group are over, the pages are told of them, and until
        then how many are. `others` are the tiles of its row in this process."""
        run_id, last = live.record.run_id, all(one.over for one in others)
        try:
            view = await self._row(run_id)
        except StorageError as error:
            _log.warning("the row cannot be read", run=run_id, error=error.message)
            return
        tiles = {tile.record.id: tile for tile in view.tiles}
        shown = [tile.record for tile in view.tiles]
        names, waits = next(
            (group for group in groups(shown, self._at_work) if live.record.id in group[0]), (frozenset[str](), False)
        )
        if last and not waits:
            self._show([tiles[name] for name in names])
        elif waits and (now := progress(view.tiles)) is not None:
            self._bus.publish("progress", {"run": run_id, "progress": now})

    def _show(self, views: Sequence[TileView]) -> None:
        for view in in_chance_order(views, lambda view: view.record.id):
            self._stopped.discard(view.record.id)
            if (live := self._finder()(view.record.id)) is not None:
                live.held, live.published, live.seen = False, view, None
            self._bus.publish("tile", view.page)

    def _at_work(self, tile: TileRecord) -> bool:
        live = self._finder()(tile.id)
        return _is_at_work(tile) if live is None else not live.over
