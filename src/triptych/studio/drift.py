"""Drift watch: saved prompts made again on a schedule, measured, and compared with the last good check.

A check is a run like any other: priced before, reserved, a batch in the queue. It spends nothing that was not agreed to:
who starts one, or switches a schedule on, names the price that was shown; a check that would cost more, or pass the
watch's own cap, does not begin and says why. The schedule runs while the program runs; a check that was missed meanwhile
is made once.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from triptych.router.merge import total_cost
from triptych.router.price import usd
from triptych.router.shielded import finish
from triptych.spec.clock import Clock
from triptych.spec.drift import CheckCell, CheckRecord, Sample, Schedule, WatchRecord
from triptych.spec.errors import BadRequestError, BudgetError, ConflictError, NotFoundError, TriptychError
from triptych.spec.ids import new_id
from triptych.spec.image import UNKNOWN_COST, Cost, ImageRequest
from triptych.spec.json import Json, JsonObject
from triptych.spec.routing import NO_FLOORS
from triptych.store.base import IdempotencyRecord, RecordStore
from triptych.store.drift import DriftStore
from triptych.studio.drifting import FEWEST, compared, moved_since
from triptych.studio.planning import Asked
from triptych.studio.service import Studio
from triptych.studio.terms import routing_settings
from triptych.studio.views import TileView

DAY_MS = 24 * 3600 * 1000
PERIODS: Mapping[str, int] = {"daily": DAY_MS, "weekly": 7 * DAY_MS}
CAP_MS = 30 * DAY_MS
AGAIN_MS = 3600 * 1000  # until a check is tried again for which a model could not start
LOOK_EVERY_S = 60.0
SLACK_PERCENT = 125
"""Of the price agreed to, at which a check stops: what a call costs in the end is the provider's word."""
MOST_TEXTS, MOST_MODELS, MOST_SAMPLES = 12, 12, 6
_log = structlog.get_logger("triptych.drift")


class Sampler(Protocol):
    """What is needed of the workshop."""

    async def sample(self, data: bytes) -> tuple[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one check costs: `made` is what would be started, `reasons` why a model would get a prompt in vain. `total` is
    with the fee, `beyond` what is held above it until the charges are known, in micro-dollars."""

    made: tuple[tuple[str, ImageRequest, Cost], ...]
    total: Cost
    beyond: int
    reasons: Mapping[tuple[int, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """A model that moved: since which check, seen by which watch."""

    watch: str
    since_ms: int

    @property
    def json(self) -> JsonObject:
        day = datetime.fromtimestamp(self.since_ms / 1000, UTC)
        return {"watch": self.watch, "since_ms": self.since_ms, "words": f"moved since {day.day} {day:%b}"}


class Drift:
    """One per process. `changed` is called when a model was found moved, or is not any more. Methods about one watch
    raise NotFoundError; every method may raise StorageError."""

    def __init__(self, studio: Studio, store: RecordStore, kept: DriftStore, sampler: Sampler, clock: Clock) -> None:
        self._studio = studio
        self._store = store
        self._kept = kept
        self._sampler = sampler
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.moved: Mapping[str, Moves] = {}
        self.changed: Callable[[], None] = lambda: None

    # Watches.

    async def save(self, watch: WatchRecord) -> WatchRecord:
        """Keeps a new watch; nothing is made. Raises BadRequestError naming the field."""
        made = await self.checked(watch)
        await self._kept.save_watch(made)
        return made

    async def checked(self, watch: WatchRecord) -> WatchRecord:
        """The same with whole names of models. Raises BadRequestError naming the field, UnknownModelError."""
        if not 1 <= len(watch.texts) <= MOST_TEXTS or not all(text.strip() for text in watch.texts):
            raise BadRequestError(f"texts takes 1 to {MOST_TEXTS} prompts.", param="texts")
        if not 1 <= len(watch.models) <= MOST_MODELS:
            raise BadRequestError(f"models takes 1 to {MOST_MODELS} models.", param="models")
        if not FEWEST <= watch.samples <= MOST_SAMPLES:
            raise BadRequestError(
                f"samples takes {FEWEST} to {MOST_SAMPLES}: fewer say too little about chance.", param="samples"
            )
        names = self._studio.planner.names()
        served = [names.served_by(names.resolve(model)) for model in watch.models]
        if any(len(cards) != 1 for cards in served):
            raise BadRequestError("A watch is about single models: one that stands for several may run on another each time.",
                                  hint="Choose models by provider.", param="models")  # fmt: skip
        models = tuple(dict.fromkeys(cards[0].id for cards in served))
        return replace(watch, name=watch.name.strip()[:80] or watch.texts[0][:40], models=models)

    async def watches(self) -> tuple[WatchRecord, ...]:
        """All of them, oldest first."""
        return await self._kept.watches()

    async def checks(self, watch_id: str) -> tuple[CheckRecord, ...]:
        """Of one watch, newest first."""
        return await self._kept.checks(watch_id)

    async def remove(self, watch_id: str) -> None:
        """Forgets a watch; its pictures stay in the gallery."""
        await self._kept.save_watch(replace(await self.watch(watch_id), deleted=True, schedule="off"))
        await self.learn()

    async def price(self, watch: WatchRecord) -> Price:
        """Reads and prices one check. Nothing is started."""
        planner, made, reasons = self._studio.planner, list[tuple[str, ImageRequest, Cost]](), {}
        costs, beyond = list[Cost](), 0
        for place, text in enumerate(watch.texts):
            for model in watch.models:
                draft = await planner.draft(Asked(text=self._written(watch, text, model), only=model))
                plan = draft.view.per_model.get(model)
                reason = "There is no such model now." if plan is None else plan.reason
                if reason is None and (draft.prompt.total != 1 or draft.n != 1):
                    reason = "A watched prompt is one picture: take out braces, --repeat and --n."
                if reason is None and draft.prompt.errors:
                    reason = draft.prompt.errors[0].message
                if reason is not None:
                    reasons[place, model] = reason
                    continue
                made += [*draft.tiles()] * watch.samples  # the very same request each time
                costs += [draft.view.total] * watch.samples
                beyond += draft.beyond_micro_usd * watch.samples
        total = total_cost(costs) if made else UNKNOWN_COST
        return Price(made=tuple(made), total=total, beyond=beyond, reasons=reasons)

    def _written(self, watch: WatchRecord, text: str, model: str) -> str:
        cards = self._studio.planner.names().served_by(model)
        seed = f" --seed {watch.seed}" if cards and cards[0].capabilities.seed else ""
        return f"{text} {watch.settings}".rstrip() + seed

    async def schedule(
        self,
        watch_id: str,
        schedule: Schedule,
        *,
        agreed_micro_usd: int | None = None,
        cap_micro_usd: int | None = None,
    ) -> WatchRecord:
        """Switches a schedule on or off. On needs the price of a check as it was shown, and a cap for 30 days. Raises
        BadRequestError without them and ConflictError when the price is another one now."""
        watch = await self.watch(watch_id)
        if schedule == "off":
            off = replace(watch, schedule="off", next_ms=None, note=None)
            await self._kept.save_watch(off)
            return off
        if cap_micro_usd is None or cap_micro_usd < 0:
            raise BadRequestError(
                "A schedule needs a cap for 30 days.", hint="Say what it may spend.", param="cap_micro_usd"
            )
        await self._agreed(watch, agreed_micro_usd)
        on = replace(watch, schedule=schedule, agreed_micro_usd=agreed_micro_usd, cap_micro_usd=cap_micro_usd,
                     next_ms=self._clock.now_ms() + PERIODS[schedule], note=None)  # fmt: skip
        await self._kept.save_watch(on)
        return on

    async def mark_good(self, watch_id: str, check_id: str) -> WatchRecord:
        """What is compared with from now on. Raises BadRequestError for a check that is not over."""
        watch, check = await self.watch(watch_id), await self._kept.check(check_id)
        if check is None or check.watch_id != watch_id or check.state != "done":
            raise BadRequestError("This check is not over, or not of this watch.", param="check")
        marked = replace(watch, good=check_id)
        await self._kept.save_watch(marked)
        await self.learn()
        return marked

    # Checks.

    async def check_now(
        self, watch_id: str, agreed_micro_usd: int | None, claim: IdempotencyRecord | None = None
    ) -> CheckRecord:
        """Starts a check for the price that was shown. Raises ConflictError while one is at work or when the price is
        another one now, BudgetError when a cap has no room."""
        watch = await self.watch(watch_id)
        price = await self._agreed(watch, agreed_micro_usd)
        return await finish(self._begin(watch, price, claim))

    async def _agreed(self, watch: WatchRecord, agreed: int | None) -> Price:
        price = await self.price(watch)
        amount = price.total.amount_micro_usd
        if not price.made:
            raise ConflictError(next(iter(price.reasons.values())), param="models")
        if amount is None:
            raise BudgetError("Nobody knows what this check costs, so it is not started by itself.",
                              hint="Take the model without a price out.", param="models")  # fmt: skip
        if agreed != amount:
            if price.reasons:  # a model that cannot start now is why it costs less
                raise ConflictError(next(iter(price.reasons.values())), param="models")
            raise ConflictError(f"A check costs about {usd(amount)} now; {_said(agreed)} was agreed to.",
                                hint="Look at the price and confirm it.", param="agreed_micro_usd")  # fmt: skip
        return price

    async def _begin(self, watch: WatchRecord, price: Price, claim: IdempotencyRecord | None = None) -> CheckRecord:
        """To be called inside of `finish`, so that no check is kept whose run nobody starts."""
        amount = price.total.amount_micro_usd or 0
        refused = await self._studio.planner.over_caps(price.total, None, None, beyond=price.beyond)
        if refused is not None:
            raise refused
        now = self._clock.now_ms()
        check = CheckRecord(id=new_id("chk", now), watch_id=watch.id, created_ms=now, run_id=new_id("run", now))
        if not await self._kept.begin_check(check):
            raise ConflictError("A check of this watch is at work.", hint="Wait for it.", param="id")
        most = max(amount * SLACK_PERCENT // 100, amount + price.beyond)  # what is held has to have room in any case
        settings: dict[str, Json] = {"grammar": False, "watch": watch.id, "check": check.id, "n": 1,
                                       "models": [*watch.models], "budget_micro_usd": most or None,
                                       **routing_settings(NO_FLOORS, None)}  # fmt: skip
        try:
            await self._studio.begin(watch.name, price.made, settings, claim=claim, run_id=check.run_id, hidden=True)
        finally:
            self._follow(check)  # of a run that could not be kept, it finds that the check is lost
        return check

    def _follow(self, check: CheckRecord) -> None:
        task = asyncio.create_task(self._see(check), name=check.id)
        self._tasks[check.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(check.id, None))

    async def _see(self, check: CheckRecord) -> None:
        """Measures a check once its run is over."""
        try:
            run = await self._studio.wait_run(check.run_id)
            done = replace(check, state="done", cells=await self._measure(run.tiles))
        except NotFoundError:  # the process ended before the run was kept: nothing was sent
            done = replace(check, state="lost")
        except TriptychError as error:
            _log.warning("a check was not measured", check=check.id, reason=error.message)
            return
        await self._kept.save_check(done)
        watch = await self._kept.watch(check.watch_id)
        if watch is not None and watch.good is None and any(cell.samples for cell in done.cells):
            await self._kept.save_watch(replace(watch, good=done.id))
        await self.learn()

    async def _measure(self, tiles: Sequence[TileView]) -> tuple[CheckCell, ...]:
        groups: dict[tuple[str, str], list[TileView]] = {}
        for tile in tiles:
            if tile.record.retry_of is None:
                groups.setdefault((str(tile.record.request.get("prompt")), tile.record.model), []).append(tile)
        prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompt for prompt, _ in groups))}
        return tuple([await self._cell(prompts[prompt], model, group) for (prompt, model), group in groups.items()])

    async def _cell(self, text: int, model: str, tiles: Sequence[TileView]) -> CheckCell:
        samples, missing = [], 0
        for tile in tiles:
            if not tile.pictures:
                missing += 1
                continue
            picture = tile.pictures[0]
            shape, look = await self._sampler.sample(await self._studio.pictures.bytes_of(picture.sha256))
            samples.append(Sample(tile_id=tile.record.id, picture_id=picture.id, shape=shape, look=look))
        served = next((tile.record.model_served for tile in tiles if tile.record.model_served), None)
        return CheckCell(text=text, model=model, samples=tuple(samples), served=served, missing=missing)

    # The schedule.

    async def keep(self) -> None:
        """Goes on with what an earlier process began, then makes what is due, until it is cancelled."""
        try:
            for watch in await self._kept.watches():
                for check in await self._kept.checks(watch.id, 3):
                    if check.state == "running" and check.id not in self._tasks:
                        self._follow(check)
            await self.learn()
        except TriptychError as error:
            _log.warning("the watches cannot be read", reason=error.message)
        while True:
            try:
                await self.tick()
            except TriptychError as error:
                _log.warning("the watches cannot be read", reason=error.message)
            await self._clock.sleep(LOOK_EVERY_S)

    async def tick(self) -> int:
        """Starts the checks that are due; returns how many began."""
        begun = 0
        for watch in await self._kept.watches():
            now = self._clock.now_ms()
            if watch.schedule == "off" or watch.next_ms is None or watch.next_ms > now:
                continue
            # Stored first: whatever happens now, this check is not begun twice.
            on = replace(watch, next_ms=now + PERIODS[watch.schedule], note=None)
            await self._kept.save_watch(on)
            try:
                price = await self._agreed(on, on.agreed_micro_usd)
                await self._within_cap(on, price)
                await finish(self._begin(on, price))
                begun += 1
            except TriptychError as error:
                said = " ".join(filter(None, (error.message, error.hint)))
                soon = error.param == "models" and isinstance(
                    error, ConflictError
                )  # such a model is often back before long
                later = now + min(AGAIN_MS, PERIODS[watch.schedule]) if soon else on.next_ms
                await self._kept.save_watch(replace(on, next_ms=later, note=f"Not checked: {said}"))
        return begun

    async def _within_cap(self, watch: WatchRecord, price: Price) -> None:
        spent = await self.spent(watch.id)
        amount, cap = price.total.amount_micro_usd or 0, watch.cap_micro_usd or 0
        if amount and spent + amount + price.beyond > cap:
            held = f"{usd(amount + price.beyond)} is held for this check"
            costs = held if price.beyond else f"this check costs {usd(amount)}"
            raise BudgetError(f"30 days of this watch may cost {usd(cap)}; {usd(spent)} is spent and {costs}.",
                              hint="Raise its cap, or wait.", amount_micro_usd=amount)  # fmt: skip

    async def spent(self, watch_id: str) -> int:
        """What the checks of the last 30 days cost, with what is held for one at work; in micro-dollars."""
        since = self._clock.now_ms() - CAP_MS
        runs = [check.run_id for check in await self._kept.checks(watch_id) if check.created_ms >= since]
        return sum([(await self._store.spend(run_id=run_id)).amount_micro_usd for run_id in runs])

    async def learn(self) -> None:
        """Which models moved, over all watches: the earliest word counts."""
        found: dict[str, Moves] = {}
        for watch in await self._kept.watches():
            checks = [check for check in await self._kept.checks(watch.id) if check.state == "done"]
            good = next((check for check in checks if check.id == watch.good), None)
            if good is None:
                continue
            later = [check for check in reversed(checks) if (check.created_ms, check.id) > (good.created_ms, good.id)]
            for model, since in moved_since(good, later).items():
                if model not in found or since < found[model].since_ms:
                    found[model] = Moves(watch=watch.id, since_ms=since)
        if found != self.moved:
            self.moved = found
            self.changed()

    async def settled(self) -> None:
        """Waits until every check that is at work here was measured."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values())
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Lets go of what is at work; the next process goes on with it."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def verdicts(self, watch: WatchRecord, check: CheckRecord) -> JsonObject | None:
        """A check against the good one, for a page; None where there is nothing to compare."""
        good = await self._kept.check(watch.good) if watch.good else None
        if good is None or good.id == check.id or check.state != "done":
            return None
        return {
            "good": good.id,
            "cells": [
                {"text": one.text, "model": one.model, "moved": one.moved,
                 "shape": None if one.shape is None else {"between": one.shape.between, "within": one.shape.within},
                 "look": None if one.look is None else {"between": one.look.between, "within": one.look.within}}
                for one in compared(good, check)
            ],
        }  # fmt: skip

    async def watch(self, watch_id: str) -> WatchRecord:
        """One that is not deleted."""
        watch = await self._kept.watch(watch_id)
        if watch is None or watch.deleted:
            raise NotFoundError("There is no such watch.", param="id")
        return watch


def _said(amount: int | None) -> str:
    return "no price" if amount is None else usd(amount)
