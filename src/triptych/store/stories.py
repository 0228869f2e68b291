"""What this process wrote of the tiles at work, so that their receipts need not read it back.

A story begins with a new run and is whole as long as every write of its tile succeeded. One that is not, or is gone, is read
from the database, as that of every tile from before a restart.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from triptych.spec.model import JobHandle
from triptych.spec.records import AttemptRecord, RunRecord, TileRecord
from triptych.spec.routing import Decision

_MOST = 1024  # a few kilobytes each


@dataclass(slots=True)
class Story:
    """One tile's. `job` is the one that the tile has at a provider as it was written last."""

    run: RunRecord | None
    job: JobHandle | None = None
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    whole: bool = True
    writing: int = 0

    def attempts_in_order(self) -> tuple[AttemptRecord, ...]:
        """As `reads.attempts_of` has them."""
        return tuple(sorted(self.attempts.values(), key=lambda one: (one.number, one.id)))

    def decisions_in_order(self) -> tuple[Decision, ...]:
        """As `reads.decisions_of` has them."""
        return tuple(sorted(self.decisions.values(), key=lambda one: (one.taken_ms, one.id)))


class Stories:
    """Those of the tiles that began here. Used from one event loop."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, Story] = OrderedDict()

    def begin(self, run: RunRecord, tiles: Sequence[TileRecord]) -> None:
        """A run was written, with these new tiles; without any it was changed."""
        if not tiles:
            for name in [
                name for name, story in self._stories.items() if story.run is not None and story.run.id == run.id
            ]:
                del self._stories[name]
        for tile in tiles:
            self._stories[tile.id] = Story(run, tile.job)
        while len(self._stories) > _MOST:
            self._stories.popitem(last=False)

    @contextmanager
    def writing(self, tile_id: str) -> Iterator[Story | None]:
        """While something of a tile is being written; what was written is noted inside, after that. Left by an exception,
        nobody can tell what is in the database."""
        story = self._stories.get(tile_id)
        if story is None:
            yield None
            return
        written = False
        story.writing += 1
        try:
            yield story
            written = True
        finally:
            story.writing -= 1
            story.whole = story.whole and written

    def told(self, tile_id: str) -> Story | None:
        """The whole story of a tile, None where it must be read."""
        story = self._stories.get(tile_id)
        return story if story is not None and story.whole and story.writing == 0 else None

    def end(self, tile_id: str) -> None:
        """It is over."""
        self._stories.pop(tile_id, None)
