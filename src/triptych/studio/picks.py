"""The user's own picks: kept, listed, exported and forgotten, and what they say of the models."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec
import structlog

from triptych.router.registry import Registry
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, NotFoundError, TriptychError
from triptych.spec.ids import new_id
from triptych.spec.image import Operation
from triptych.spec.json import JsonObject
from triptych.spec.records import PickRecord, Question, RunRecord, ShownPicture, TileRecord
from triptych.store.base import RecordStore
from triptych.studio.makers import imported_name, is_imported
from triptych.studio.ranking import Ranking, rank
from triptych.studio.veil import is_veiled

MIXED = "mixed"
"""The task of a pick among pictures of several kinds of task, where nobody said which it is about."""
MOST_SHOWN = 6
_SWITCHES = "picks"
Publish = Callable[[PickRecord], Awaitable[None]]
Taste = Mapping[str, tuple[int, int]]
"""By model family: strength and its standard deviation, in milli-logits."""
_NOTHING: Taste = {}
_log = structlog.get_logger("triptych.picks")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPick:
    """A choice as it is told: pictures by id in the order shown, and indexes into them. Without `task` it is that of
    the pictures: `generate`, or `edit` where there was a picture to start from."""

    pictures: tuple[str, ...]
    winner: int | None = None
    rejected: tuple[int, ...] = ()
    question: Question = "prettier"
    blind: bool = False
    task: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingView:
    """A ranking with the names of its models. `question` is the one it is about, None for both; `tasks` are those that
    there are picks of."""

    ranking: Ranking
    question: Question | None
    tasks: tuple[str, ...]
    names: Mapping[str, str]
    endpoints: Mapping[str, tuple[str, ...]]
    learning: bool
    ordering: bool
    publishing: bool

    def _name(self, model: str) -> str:
        return imported_name(model) if is_imported(model) else self.names.get(model, model)

    @property
    def json(self) -> JsonObject:
        return {
            "task": self.ranking.task, "question": self.question, "tasks": list(self.tasks),
            "picks": self.ranking.picks, "verdict": self.ranking.verdict, "learning": self.learning,
            "ordering": self.ordering, "publishing": self.publishing,
            "models": [
                {**msgspec.to_builtins(each), "name": self._name(each.model), "imported": is_imported(each.model),
                 "endpoints": list(self.endpoints.get(each.model, ()))}
                for each in self.ranking.models
            ],
        }  # fmt: skip


class Picks:
    """One per process. With `learn`, what the picks say is the router's `taste`, until a page switches that; `publish`
    is handed each pick after it was kept, None where none leave this machine. Every method may raise StorageError."""

    def __init__(
        self,
        store: RecordStore,
        registry: Registry,
        clock: Clock,
        *,
        learn: bool = True,
        publish: Publish | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._learn = learn
        self._ordering = False
        self._publish = publish
        self._learned: Mapping[str, Taste] = {}
        self._learning = asyncio.Lock()

    async def load(self) -> None:
        """Learns from all picks there are, where that is not switched off. To be called once before `taste` is asked."""
        kept = await self._store.get_setting(_SWITCHES)
        if isinstance(kept, Mapping):
            self._learn, self._ordering = kept.get("learning") is True, kept.get("ordering") is True
        if not (self._learn or self._ordering):
            self._learned = {}
            return
        async with self._learning:
            picks = await self._store.picks()
            self._learned = await asyncio.to_thread(_tastes, picks)  # ten thousand picks take half a second

    def taste(self, operation: Operation) -> Taste:
        """What the router may know of the user's taste. Models never compared are not in it, and none are while
        learning is switched off."""
        return self._learned.get(operation, _NOTHING) if self._learn else _NOTHING

    @property
    def switches(self) -> JsonObject:
        """Whether the router learns from the picks, and whether models stand in their order."""
        return {"learning": self._learn, "ordering": self._ordering}

    async def switch(self, *, learning: bool | None = None, ordering: bool | None = None) -> None:
        """Switches what is given, for good; it goes before the settings."""
        now = {"learning": self._learn if learning is None else learning,
               "ordering": self._ordering if ordering is None else ordering}  # fmt: skip
        await self._store.put_setting(_SWITCHES, now)
        await self.load()

    def in_order(self, ids: Sequence[str]) -> Sequence[str]:
        """Endpoints in the order of the picks of pictures from words, where that is switched on: those never compared
        count as average, and what is even stays as it stood."""
        if not self._ordering:
            return ids
        strengths = self._learned.get("generate", _NOTHING)
        return sorted(ids, key=lambda name: -strengths.get(self._family(name), (0, 0))[0])

    async def blind_runs(self, pick: PickRecord) -> Sequence[str]:
        """The runs among the pictures of a pick whose makers are still hidden."""
        tiles = [await self._tile_of(shown.picture_id) for shown in pick.shown]
        runs = [await self._store.run(run_id) for run_id in dict.fromkeys(tile.run_id for tile in tiles)]
        return [run.id for run in runs if run is not None and is_veiled(run)]

    async def save(self, asked: AskedPick) -> PickRecord:
        """Keeps a pick. Makers, run and task are looked up, not believed.

        Raises BadRequestError naming the field, and NotFoundError for a picture that is not there.
        """
        _check(asked)
        tiles = [await self._tile_of(picture) for picture in asked.pictures]
        runs = {tile.run_id: await self._store.run(tile.run_id) for tile in tiles}
        now = self._clock.now_ms()
        pick = PickRecord(
            id=new_id("pick", now), created_ms=now, run_id=tiles[0].run_id if len(runs) == 1 else None,
            task=asked.task or _task_of(tiles), question=asked.question,
            blind=asked.blind and all(run is not None and is_veiled(run) for run in runs.values()),
            shown=tuple(map(self._shown, tiles, asked.pictures)), winner=asked.winner, rejected=asked.rejected,
        )  # fmt: skip
        await self._store.save_pick(pick)
        await self.load()
        await self._tell(pick)
        return pick

    async def all(self) -> tuple[PickRecord, ...]:
        """Every pick, oldest first."""
        return await self._store.picks()

    async def page(self, pick: PickRecord) -> JsonObject:
        """A pick as a page may be told: without makers where a row is still blind, from which one was rejected."""
        body: dict[str, Any] = msgspec.to_builtins(pick)
        if pick.blind and pick.winner is None and await self.blind_runs(pick):
            body["shown"] = [each | {"endpoint": "", "family": ""} for each in body["shown"]]
        return body

    async def forget(self, pick_id: str) -> None:
        """Forgets one. Raises NotFoundError."""
        if not await self._store.delete_pick(pick_id):
            raise NotFoundError("There is no such pick.", param="id")
        await self.load()

    async def forget_all(self) -> int:
        """Forgets everything that was ever picked. Returns how many picks those were."""
        count = await self._store.delete_picks()
        await self.load()
        return count

    async def ranking(self, task: str, question: Question | None = None) -> RankingView:
        """Every model that there is or was compared, by the picks of one kind of task."""
        picks = await self._store.picks()
        asked = [pick for pick in picks if question is None or pick.question == question]
        cards = [endpoint.model.card for endpoint in self._registry.endpoints().values()]
        endpoints: dict[str, tuple[str, ...]] = {}
        for card in cards:
            endpoints[card.family] = (*endpoints.get(card.family, ()), card.id)
        return RankingView(
            ranking=await asyncio.to_thread(rank, task, asked, endpoints), question=question, tasks=tuple(sorted({pick.task for pick in picks})),
            names={card.family: card.name for card in reversed(cards)}, endpoints=endpoints, learning=self._learn,
            ordering=self._ordering, publishing=self._publish is not None,
        )  # fmt: skip

    async def _tile_of(self, picture_id: str) -> TileRecord:
        picture = await self._store.picture(picture_id)
        tile = await self._store.tile(picture.tile_id) if picture is not None else None
        if tile is None:
            raise NotFoundError(f"There is no picture {picture_id[:40]!r}.", param="pictures")
        return tile

    def _shown(self, tile: TileRecord, picture_id: str) -> ShownPicture:
        endpoint = tile.endpoint or tile.model
        return ShownPicture(endpoint=endpoint, family=self._family(endpoint), tile_id=tile.id, picture_id=picture_id)

    def _family(self, endpoint: str) -> str:
        known = self._registry.endpoints().get(endpoint)
        if is_imported(endpoint):
            return endpoint
        return known.model.card.family if known is not None else endpoint.partition("/")[2] or endpoint

    async def _tell(self, pick: PickRecord) -> None:
        if self._publish is None or any(is_imported(shown.endpoint) for shown in pick.shown):
            return  # what was made elsewhere is nothing that was asked for here
        try:
            await self._publish(pick)
        except TriptychError as error:
            _log.warning("a pick could not be published", pick=pick.id, reason=error.message)


async def picked_of(store: RecordStore, runs: Iterable[RunRecord]) -> Mapping[str, str]:
    """By blind run, the picture that was picked last. Raises StorageError."""
    blind = [run.id for run in runs if run.settings.get("blind")]
    picks = await store.picks_of(blind) if blind else {}
    return {
        run_id: pick.shown[pick.winner].picture_id
        for run_id, group in picks.items()
        for pick in group
        if pick.winner is not None
    }


def made_here(picks: Sequence[PickRecord]) -> Sequence[PickRecord]:
    """The picks without what was made elsewhere, which no router can choose: of a pick that it won nothing is left."""
    found: list[PickRecord] = []
    for pick in picks:
        left = [at for at, shown in enumerate(pick.shown) if not is_imported(shown.endpoint)]
        if len(left) == len(pick.shown):
            found.append(pick)
        elif len(left) > 1 and (pick.winner is None or pick.winner in left):
            winner = None if pick.winner is None else left.index(pick.winner)
            rejected = tuple(left.index(at) for at in pick.rejected if at in left)
            if winner is not None or rejected:
                shown = tuple(pick.shown[at] for at in left)
                found.append(replace(pick, shown=shown, winner=winner, rejected=rejected))
    return found


def _tastes(every: Sequence[PickRecord]) -> Mapping[str, Taste]:
    picks = made_here(every)
    return {
        operation: {each.model: (each.strength, each.sd) for each in rank(operation, picks).models}
        for operation in get_args(Operation)
    }


def _task_of(tiles: Sequence[TileRecord]) -> str:
    tasks = {"edit" if tile.request.get("images") else "generate" for tile in tiles}
    return tasks.pop() if len(tasks) == 1 else MIXED


def _check(asked: AskedPick) -> None:
    count = len(asked.pictures)
    if not 2 <= count <= MOST_SHOWN or len(set(asked.pictures)) != count:
        raise BadRequestError(f"A pick is among 2 to {MOST_SHOWN} different pictures.",
                              hint="Name each picture that was shown once.", param="pictures")  # fmt: skip
    if asked.winner is not None and not 0 <= asked.winner < count:
        raise BadRequestError(f"winner is {asked.winner}; it takes 0 to {count - 1}, or null.", param="winner")
    if len(set(asked.rejected)) != len(asked.rejected) or not all(0 <= at < count for at in asked.rejected):
        raise BadRequestError(f"rejected takes different indexes from 0 to {count - 1}.", param="rejected")
    if (asked.winner is None) == (not asked.rejected):
        raise BadRequestError("A pick has either a winner or some that were rejected.",
                              hint="Give winner, or winner null and rejected.", param="winner")  # fmt: skip
