"""The user's own picks: kept, listed, exported and forgotten, and what they say of the models."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
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
from triptych.spec.records import PickRecord, PickSource, Question, RunRecord, ShownPicture, TileRecord
from triptych.store.base import RecordStore
from triptych.studio.looks import looks, pictures_of, rejected_of, says_again, winner_of, without
from triptych.studio.makers import imported_name, is_imported
from triptych.studio.ranking import Ranking, rank
from triptych.studio.veil import is_veiled

MIXED = "mixed"
"""The task of a pick among pictures of several kinds of task, where nobody said which it is about."""
MOST_SHOWN = 6
FIRST_QUESTION: Question = "prettier"
"""The question that counts for the router and for the order of the models until a page chooses the other."""
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
class Wanted:
    """One choice out of what a client said: pictures by id, and indexes into them as in a pick."""

    pictures: tuple[str, ...]
    winner: int | None = None
    rejected: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingView:
    """A ranking with the names of its models. `question` is the one it is about, `counts` the one that the router and the
    order of the models go by, and `source` whose picks count, None for all; `tasks` and `sources` are those that there are picks of."""

    ranking: Ranking
    question: Question
    counts: Question
    source: PickSource | None
    sources: tuple[PickSource, ...]
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
            "task": self.ranking.task, "question": self.question, "counts": self.counts, "source": self.source,
            "sources": list(self.sources), "tasks": list(self.tasks),
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
    is handed each pick under the name of its `statement` once it is hidden of none of its pictures who made it, None where
    no pick leaves this machine. Every method may raise StorageError."""

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
        self._question = FIRST_QUESTION
        self._publish = publish
        self._learned: Mapping[str, Taste] = {}
        self._learning = asyncio.Lock()

    async def load(self) -> None:
        """Learns from all picks there are but those of veiled rows, where that is not switched off, and hands on what is to
        be published of them. To be called once before `taste` is asked, and after a row was opened."""
        kept = await self._store.get_setting(_SWITCHES)
        if isinstance(kept, Mapping):
            self._learn, self._ordering = kept.get("learning") is True, kept.get("ordering") is True
            self._question = "closer" if kept.get("question") == "closer" else FIRST_QUESTION
        async with self._learning:
            picks = await self._countable()
            for pick in picks:
                if pick.statement is not None:
                    await self._tell(pick)
            if not (self._learn or self._ordering):
                self._learned = {}
                return
            asked = [pick for pick in picks if pick.question == self._question]
            self._learned = await asyncio.to_thread(_tastes, asked)  # ten thousand picks take half a second

    def taste(self, operation: Operation) -> Taste:
        """What the router may know of the user's taste, by the picks of one question. Models never compared are not in it, and
        none are while learning is switched off."""
        return self._learned.get(operation, _NOTHING) if self._learn else _NOTHING

    @property
    def question(self) -> Question:
        """The question whose picks the router and the order of the models go by."""
        return self._question

    @property
    def switches(self) -> JsonObject:
        """Whether the router learns from the picks, whether models stand in their order, and the question that both go by."""
        return {"learning": self._learn, "ordering": self._ordering, "question": self._question}

    async def switch(
        self, *, learning: bool | None = None, ordering: bool | None = None, question: Question | None = None
    ) -> None:
        """Switches what is given, for good; it goes before the settings."""
        now = {"learning": self._learn if learning is None else learning,
               "ordering": self._ordering if ordering is None else ordering,
               "question": question or self._question}  # fmt: skip
        await self._store.put_setting(_SWITCHES, now)
        await self.load()

    def in_order(self, ids: Sequence[str]) -> Sequence[str]:
        """Endpoints in the order of the picks of pictures from words for one question, where that is switched on: those never compared
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
        """Keeps a pick, in the place of an earlier one of the same look. Makers, run and task are looked up, not believed.

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
        # What was made elsewhere is nothing that was asked for here.
        if self._publish is not None and not any(is_imported(shown.endpoint) for shown in pick.shown):
            pick = replace(pick, statement=f"stmt_pick_{secrets.token_hex(9)}")
        async with self._learning:  # of two that are told at once the later one stands
            earlier = [old.id for old in await self._store.picks_among(asked.pictures) if says_again(pick, old)]
            await self._store.save_pick(pick)
            if earlier:
                await self._store.delete_picks(earlier)
        await self.load()
        return pick

    async def answered(self, pictures: Sequence[str]) -> tuple[PickRecord, ...]:
        """The user's own picks among just these pictures, oldest first. Pictures that are gone have none."""
        asked = frozenset(pictures)
        return tuple(
            pick
            for pick in await self._store.picks_among(pictures)
            if pick.source == "own" and pictures_of(pick) == asked
        )

    async def picked(self, pictures: Collection[str]) -> Mapping[str, Sequence[Question]]:
        """By picture, of those that are there, the questions for which the user's own picks have it in front; none while it is
        hidden who made it."""
        among, veiled = await self._store.picks_among(list(pictures)), await self._veiled()
        found: dict[str, list[Question]] = {picture: [] for picture in pictures}
        for pick in looks(each for each in among if each.source == "own"):
            won = found.get(winner_of(pick) or "")
            if won is not None and pick.question not in won and veiled.isdisjoint(each.tile_id for each in pick.shown):
                won.append(pick.question)
        return found

    async def let_go(self, pictures: Collection[str]) -> bool:
        """Forgets that these pictures were rejected side by side: they are not rejected any more. Says whether any was."""
        gone, changed = frozenset(pictures), list[PickRecord]()
        async with self._learning:
            for pick in await self._store.rejections():
                if pick.source == "own" and not gone.isdisjoint(rejected_of(pick)):
                    changed.append(without(pick, gone))
            for pick in changed:
                if pick.rejected:
                    await self._store.save_pick(pick)
            empty = [pick.id for pick in changed if not pick.rejected]
            if empty:
                await self._store.delete_picks(empty)
        if changed:
            await self.load()
        return bool(changed)

    async def take(
        self, wanted: Sequence[Wanted], *, ballot: str, question: Question, blind: bool
    ) -> Sequence[PickRecord]:
        """Keeps what a client said, in place of what was taken from the same answers before. It opens no row, and none of it
        is published: it is not the user's to state. Raises NotFoundError for a picture that is not there."""
        now, made = self._clock.now_ms(), list[PickRecord]()
        for each in wanted:
            tiles = [await self._tile_of(picture) for picture in each.pictures]
            made.append(PickRecord(
                id=new_id("pick", now), created_ms=now, run_id=None, task=_task_of(tiles), question=question, blind=blind,
                shown=tuple(map(self._shown, tiles, each.pictures)), winner=each.winner, rejected=each.rejected,
                source="client", ballot=ballot,
            ))  # fmt: skip
        await self._forget_if(lambda pick: pick.ballot == ballot)
        for pick in made:
            await self._store.save_pick(pick)
        await self.load()
        return made

    async def taken(self) -> Mapping[str, int]:
        """How many picks were taken, by the answers that they are from."""
        return Counter(pick.ballot for pick in await self._store.picks() if pick.ballot is not None)

    async def forget_taken(self, ballots: Sequence[str]) -> int:
        """Forgets what was taken from these answers. Returns how many picks those were."""
        count = await self._forget_if(lambda pick: pick.ballot in ballots)
        await self.load()
        return count

    async def _forget_if(self, which: Callable[[PickRecord], bool]) -> int:
        async with self._learning:  # a pick that is being handed on is written again
            ids = [pick.id for pick in await self._store.picks() if which(pick)]
            return await self._store.delete_picks(ids) if ids else 0

    async def all(self, source: PickSource | None = None) -> tuple[PickRecord, ...]:
        """Every pick, or those of one source, oldest first."""
        return tuple(pick for pick in await self._store.picks() if source in {None, pick.source})

    async def pages(self, picks: Iterable[PickRecord]) -> list[JsonObject]:
        """Picks as a page may be told, and as they are given out: without the makers of pictures whose row is veiled."""
        veiled = await self._veiled()
        return [_page(pick, veiled) for pick in picks]

    async def _veiled(self) -> frozenset[str]:
        """The tiles of which it is hidden who made them."""
        return frozenset[str]().union(*(await self._store.veiled()).values())

    async def _countable(self) -> Sequence[PickRecord]:
        """Every pick but those among pictures of veiled rows: what moves with them would tell a maker. They count once
        the row is opened."""
        veiled = await self._veiled()
        return [pick for pick in await self._store.picks() if veiled.isdisjoint(each.tile_id for each in pick.shown)]

    async def forget(self, pick_id: str) -> PickRecord:
        """Forgets one, and returns what it was. Raises NotFoundError."""
        async with self._learning:
            pick = next((each for each in await self._store.picks() if each.id == pick_id), None)
            if pick is None or not await self._store.delete_pick(pick_id):
                raise NotFoundError("There is no such pick.", param="id")
        await self.load()
        return pick

    async def forget_all(self, source: PickSource | None = None) -> int:
        """Forgets everything that was ever picked, or that of one source. Returns how many picks those were."""
        if source is None:
            async with self._learning:
                count = await self._store.delete_picks()
        else:
            count = await self._forget_if(lambda pick: pick.source == source)
        await self.load()
        return count

    async def ranking(
        self, task: str, question: Question | None = None, source: PickSource | None = None
    ) -> RankingView:
        """Every model that there is or was compared, by the looks of one kind of task and one question, that which counts
        where none is asked for, of one source or all; those of veiled rows do not count yet."""
        picks, about = await self._countable(), question or self._question
        asked = looks(pick for pick in picks if pick.question == about and source in {None, pick.source})
        cards = [endpoint.model.card for endpoint in self._registry.endpoints().values()]
        endpoints: dict[str, tuple[str, ...]] = {}
        for card in cards:
            endpoints[card.family] = (*endpoints.get(card.family, ()), card.id)
        return RankingView(
            ranking=await asyncio.to_thread(rank, task, asked, endpoints), question=about, counts=self._question, source=source,
            sources=tuple(sorted({pick.source for pick in picks})), tasks=tuple(sorted({pick.task for pick in picks})),
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
        """Hands a pick on, and notes that it was: one that could not be is handed on later, under the same name. What is no
        longer to be published when its row is opened stays here."""
        try:
            if self._publish is not None:
                await self._publish(pick)
            await self._store.save_pick(replace(pick, statement=None))
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


def _page(pick: PickRecord, veiled: Collection[str]) -> JsonObject:
    body: dict[str, Any] = msgspec.to_builtins(pick)
    del body["statement"]
    shown = [each | {"endpoint": "", "family": ""} if each["tile_id"] in veiled else each for each in body["shown"]]
    return body | {"shown": shown}


def _tastes(every: Sequence[PickRecord]) -> Mapping[str, Taste]:
    picks = made_here(looks(every))
    return {
        operation: {each.model: (each.strength, each.sd) for each in rank(operation, picks).models}
        for operation in get_args(Operation)
    }


def _task_of(tiles: Sequence[TileRecord]) -> str:
    tasks = {str(tile.request.get("task") or ("edit" if tile.request.get("images") else "generate")) for tile in tiles}
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
