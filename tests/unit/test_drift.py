"""Drift watch: outputs that change between checks are seen, chance is not called drift, and nothing is spent unasked."""

import asyncio
import io
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from PIL import Image, ImageDraw, ImageEnhance
from tests.unit.studio_doubles import WIRE, Bench, FakeModel, bench, model, result

from triptych.imaging.decode import open_picture
from triptych.imaging.looks import look_distance, look_of
from triptych.imaging.prints import print_of
from triptych.router.budget import Caps
from triptych.spec.drift import CheckRecord, Sample, WatchRecord
from triptych.spec.errors import (
    BadRequestError,
    BudgetError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    StorageError,
)
from triptych.spec.image import Cost, ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.store.records import SqlRecordStore
from triptych.studio.drift import AGAIN_MS, DAY_MS, Drift
from triptych.studio.drifting import LOOK_MARGIN, SHAPE_MARGIN, look_apart, measured, shape_distance

DAY_S = DAY_MS / 1000
CALL = 67_000


def scene(seed: int, *, sky: str = "steelblue", blobs: int = 14) -> Image.Image:
    """A picture with a layout of its own for each seed."""
    draw_from = random.Random(seed)
    image = Image.new("RGB", (160, 160), sky)
    pen = ImageDraw.Draw(image)
    for _ in range(blobs):
        x, y, size = (draw_from.randrange(0, 160) for _ in range(3))
        pen.ellipse((x, y, x + size / 2, y + size / 2), fill=tuple(draw_from.randrange(256) for _ in range(3)))
    return image


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@dataclass
class Painter:
    """Draws by the seed it gets, else by chance; `style` is what its maker changes behind the same name."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    style: dict[str, Any] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)

    async def play(self, request: ImageRequest, context: CallContext) -> ImageResult:
        self.prompts.append(request.prompt)
        await context.tell(Sent(WIRE))
        seed = request.seed if request.seed is not None else self.dice.randrange(10**6)
        return result(png(scene(seed, **self.style)), cost=Cost(CALL, "table"), model_served="one-2026")


class RealSampler:
    """What the guarded process does, in this one."""

    async def sample(self, data: bytes) -> tuple[str, str]:
        image = open_picture(data)
        return print_of(image).shape, look_of(image)


@dataclass
class Watching:
    bench: Bench
    drift: Drift
    seeded: Painter
    chance: Painter

    async def checked(self, watch: WatchRecord) -> None:
        """One more check, a day later."""
        price = (await self.drift.price(watch)).total.amount_micro_usd
        await self.drift.check_now(watch.id, price)
        await self.drift.settled()
        self.bench.clock.advance(DAY_S)

    async def moved(self, watch_id: str) -> Sequence[bool | None]:
        """What the newest check says, by cell."""
        watch = await self.drift.watch(watch_id)
        verdicts: Any = await self.drift.verdicts(watch, (await self.drift.checks(watch_id))[0])
        return [cell["moved"] for cell in verdicts["cells"]]


def drift_of(b: Bench) -> Drift:
    store: SqlRecordStore = b.store
    return Drift(b.studio, store, store.drift, RealSampler(), b.clock)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[Watching]:
    seeded, chance = Painter(), Painter()
    models: tuple[FakeModel, ...] = (
        model("a/seeded", play=seeded.play, seed=True),
        model("b/chance", play=chance.play),
    )
    async with bench(tmp_path, *models) as b:
        drift = drift_of(b)
        yield Watching(b, drift, seeded, chance)
        await drift.close()


def a_watch(*models: str, samples: int = 3, **more: Any) -> WatchRecord:
    return WatchRecord(
        samples=samples, id="wat_1", name="", created_ms=1, texts=("a kettle", "a fox"), models=models, **more
    )


async def test_unchanged_models_are_never_called_moved(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded", "b/chance", samples=4))
    for _ in range(4):
        await w.checked(watch)
        assert w.drift.moved == {}
    assert await w.moved(watch.id) == [False] * 4
    good = await w.drift.watch(watch.id)
    first = (await w.drift.checks(watch.id))[-1]
    assert good.good == first.id  # the first check is what others are compared with
    assert {cell.served for cell in first.cells} == {"one-2026"}
    assert w.seeded.prompts[:8] == ["a kettle"] * 4 + ["a fox"] * 4


async def test_a_model_that_takes_seeds_is_seen_to_move_at_once_and_since_when(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded", "b/chance", seed=11))
    await w.checked(watch)
    await w.checked(watch)
    w.seeded.style = {"blobs": 20}  # the same seed draws another picture
    at = w.bench.clock.now_ms()
    told = list[str]()
    w.drift.changed = lambda: told.append("told")
    await w.checked(watch)
    assert await w.moved(watch.id) == [True, False, True, False]
    assert list(w.drift.moved) == ["a/seeded"]
    assert w.drift.moved["a/seeded"].since_ms == at
    assert told == ["told"]
    await w.checked(watch)
    assert w.drift.moved["a/seeded"].since_ms == at  # since the first time, not the last
    assert str(w.drift.moved["a/seeded"].json["words"]).startswith("moved since ")


async def test_another_palette_is_seen_through_the_chance_of_a_model_without_seeds(w: Watching) -> None:
    watch = await w.drift.save(a_watch("b/chance"))
    await w.checked(watch)
    w.chance.style = {"sky": "black", "blobs": 3}
    await w.checked(watch)
    assert await w.moved(watch.id) == [True, True]
    check = (await w.drift.checks(watch.id))[0]
    await w.drift.mark_good(watch.id, check.id)  # that is how it is now
    assert w.drift.moved == {}
    await w.checked(watch)
    assert await w.moved(watch.id) == [False, False]
    w.chance.style = {}
    await w.checked(watch)
    assert await w.moved(watch.id) == [True, True]  # back to what it was is a move too


def test_chance_is_hardly_ever_called_drift() -> None:
    """Pictures of one and the same distribution, by two measures with many and with few dimensions."""
    dice, alarms = random.Random(3), 0
    for _ in range(80):
        days = [sample_of(scene(dice.randrange(10**9))) for _ in range(8)]
        for distance, margin in ((shape_distance, SHAPE_MARGIN), (look_apart, LOOK_MARGIN)):
            found = measured(days[:4], days[4:], distance, margin)
            assert found is not None
            alarms += found.moved
    assert alarms <= 1  # of 160


async def test_a_model_that_is_back_is_not_called_moved_any_more(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    await w.checked(watch)
    w.seeded.style = {"sky": "black"}
    await w.checked(watch)
    assert list(w.drift.moved) == ["a/seeded"]
    w.seeded.style = {}
    await w.checked(watch)
    assert w.drift.moved == {}


async def test_nothing_is_spent_that_was_not_agreed_to(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    price = await w.drift.price(watch)
    assert price.total == Cost(6 * CALL, "table")
    for agreed in (None, 1, 6 * CALL - 1):
        with pytest.raises(ConflictError, match=r"A check costs about \$0.402 now"):
            await w.drift.check_now(watch.id, agreed)
        with pytest.raises(ConflictError):
            await w.drift.schedule(watch.id, "daily", agreed_micro_usd=agreed, cap_micro_usd=10**6)
    with pytest.raises(BadRequestError, match="needs a cap"):
        await w.drift.schedule(watch.id, "daily", agreed_micro_usd=6 * CALL)
    w.bench.clock.advance(40 * DAY_S)
    assert await w.drift.tick() == 0
    assert w.seeded.prompts == []
    w.bench.caps[0] = Caps(day=5 * CALL)
    with pytest.raises(BudgetError):
        await w.drift.check_now(watch.id, 6 * CALL)
    assert w.seeded.prompts == []
    assert (await w.drift.checks(watch.id)) == ()


async def test_the_schedule_checks_once_a_period_within_its_own_cap(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    on = await w.drift.schedule(watch.id, "daily", agreed_micro_usd=6 * CALL, cap_micro_usd=13 * CALL)
    assert on.next_ms == w.bench.clock.now_ms() + DAY_MS
    assert await w.drift.tick() == 0
    w.bench.clock.advance(DAY_S)
    assert await w.drift.tick() == 1
    assert await w.drift.tick() == 0
    await w.drift.settled()
    w.bench.clock.advance(5 * DAY_S)  # the program was not running: one check, not five
    assert await w.drift.tick() == 1
    await w.drift.settled()
    assert await w.drift.spent(watch.id) == 12 * CALL
    w.bench.clock.advance(DAY_S)
    assert await w.drift.tick() == 0
    note = (await w.drift.watch(watch.id)).note
    assert note is not None
    assert note.startswith("Not checked: 30 days of this watch may cost $0.871; $0.804 is spent")
    w.bench.clock.advance(31 * DAY_S)
    assert await w.drift.tick() == 1
    await w.drift.settled()
    await w.drift.schedule(watch.id, "off")
    w.bench.clock.advance(31 * DAY_S)
    assert await w.drift.tick() == 0
    assert len(w.seeded.prompts) == 18


async def test_a_check_for_which_a_model_cannot_start_says_so_and_is_tried_again_within_the_hour(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded", "b/chance"))
    await w.drift.schedule(watch.id, "weekly", agreed_micro_usd=12 * CALL, cap_micro_usd=10**7)
    w.bench.clock.advance(7 * DAY_S)
    health = w.bench.studio._router.health
    health.begin("b/chance", "generate")
    health.failed("b/chance", "generate", RateLimitedError("Too many.", retry_after_s=300))
    assert await w.drift.tick() == 0
    waiting = await w.drift.watch(watch.id)
    assert waiting.note is not None
    assert waiting.note.startswith("Not checked: Chance (b/chance) is not called for now")
    assert waiting.next_ms == w.bench.clock.now_ms() + AGAIN_MS
    w.bench.clock.advance(AGAIN_MS / 1000)
    assert await w.drift.tick() == 1
    await w.drift.settled()
    again = await w.drift.watch(watch.id)
    assert (again.note, again.next_ms) == (None, w.bench.clock.now_ms() + 7 * DAY_MS)
    assert (len(w.seeded.prompts), len(w.chance.prompts)) == (6, 6)


async def test_a_check_is_gone_on_with_after_a_restart_and_its_run_is_in_no_list(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    await w.drift.check_now(watch.id, 6 * CALL)
    with pytest.raises(ConflictError, match="at work"):
        await w.drift.check_now(watch.id, 6 * CALL)
    assert (await w.bench.studio.runs()).runs == ()
    await w.drift.close()
    (check,) = await w.drift.checks(watch.id)
    assert check.state == "running"
    await w.bench.studio.wait_run(check.run_id)
    again = drift_of(w.bench)
    again._follow(check)
    await again.settled()
    (done,) = await again.checks(watch.id)
    assert (done.state, [len(cell.samples) for cell in done.cells]) == ("done", [3, 3])


async def test_the_loop_takes_up_what_was_begun_and_starts_what_is_due(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    check = await w.drift.check_now(watch.id, 6 * CALL)
    await w.drift.close()
    await w.bench.studio.wait_run(check.run_id)
    await w.drift.schedule(watch.id, "daily", agreed_micro_usd=6 * CALL, cap_micro_usd=10**7)
    again = drift_of(w.bench)
    loop = asyncio.create_task(again.keep())

    async def states() -> list[str]:
        return [each.state for each in await again.checks(watch.id)]

    async with asyncio.timeout(60):
        while await states() != ["done"]:
            await asyncio.sleep(0.005)
        w.bench.clock.advance(DAY_S)
        while await states() != ["done", "done"]:
            await asyncio.sleep(0.005)
            w.bench.clock.advance(1)  # whoever sleeps a minute wakes up
    loop.cancel()
    await again.close()
    assert len(w.seeded.prompts) == 12


async def test_checks_begun_at_once_for_one_agreed_price_are_one(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    await w.drift.schedule(watch.id, "daily", agreed_micro_usd=6 * CALL, cap_micro_usd=10**7)
    w.bench.clock.advance(DAY_S)
    other = drift_of(w.bench)  # as another process over the same records
    clicks = [drift.check_now(watch.id, 6 * CALL) for drift in (w.drift, other, w.drift)]
    *found, due = await asyncio.gather(*clicks, w.drift.tick(), return_exceptions=True)
    begun = [one for one in found if isinstance(one, CheckRecord)]
    assert isinstance(due, int)
    assert len(begun) + due == 1
    assert all("at work" in str(one) for one in found if not isinstance(one, CheckRecord))
    await w.drift.settled()
    await other.settled()
    assert [check.state for check in await w.drift.checks(watch.id)] == ["done"]
    assert len(w.seeded.prompts) == 6
    assert (await w.bench.store.spend()).amount_micro_usd == 6 * CALL
    await w.drift.check_now(watch.id, 6 * CALL)  # that one is over
    await w.drift.settled()
    assert len(w.seeded.prompts) == 12


async def test_a_check_that_cannot_be_started_stands_in_no_way(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    with (
        mock.patch.object(w.bench.store, "save_run", mock.AsyncMock(side_effect=StorageError("The disk is full."))),
        pytest.raises(StorageError),
    ):
        await w.drift.check_now(watch.id, 6 * CALL)
    await w.drift.settled()
    assert [check.state for check in await w.drift.checks(watch.id)] == ["lost"]
    w.bench.clock.advance(1)
    await w.drift.check_now(watch.id, 6 * CALL)
    await w.drift.settled()
    assert [check.state for check in await w.drift.checks(watch.id)] == ["done", "lost"]
    assert len(w.seeded.prompts) == 6


async def test_a_check_whose_run_was_never_kept_is_lost(w: Watching) -> None:
    watch = await w.drift.save(a_watch("a/seeded"))
    await w.drift.check_now(watch.id, 6 * CALL)
    await w.drift.settled()
    (check,) = await w.drift.checks(watch.id)
    w.drift._follow(type(check)(id="chk_2", watch_id=watch.id, created_ms=check.created_ms + 1, run_id="run_none"))
    await w.drift.settled()
    assert (await w.drift.checks(watch.id))[0].state == "lost"


@pytest.mark.parametrize(
    ("field", "watch"),
    [
        ("texts", {"texts": ()}),
        ("texts", {"texts": ("a", " ")}),
        ("models", {"models": ()}),
        ("models", {"models": ("auto",)}),
        ("samples", {"samples": 2}),
    ],
)
async def test_what_is_no_watch(w: Watching, field: str, watch: dict[str, Any]) -> None:
    made = WatchRecord(
        **{"id": "wat_1", "name": "", "created_ms": 1, "texts": ("a",), "models": ("a/seeded",), **watch}
    )
    with pytest.raises(BadRequestError) as raised:
        await w.drift.save(made)
    assert raised.value.param == field


async def test_braces_and_counts_are_no_watched_prompt_and_removed_is_gone(w: Watching) -> None:
    watch = await w.drift.save(
        WatchRecord(id="w", name="", created_ms=1, texts=("a {red, blue} kite",), models=("a/seeded",))
    )
    price = await w.drift.price(watch)
    assert price.made == ()
    assert set(price.reasons.values()) == {"A watched prompt is one picture: take out braces, --repeat and --n."}
    await w.drift.remove("w")
    assert await w.drift.watches() == ()
    with pytest.raises(NotFoundError):
        await w.drift.watch("w")


def sample_of(image: Image.Image) -> Sample:
    return Sample(tile_id="t", picture_id="p", shape=print_of(image).shape, look=look_of(image))


def test_one_picture_alone_has_no_spread() -> None:
    one = sample_of(scene(1))
    assert measured([one], [one, one], shape_distance, SHAPE_MARGIN) is None


def test_a_re_encoding_is_within_the_margins_and_a_grade_is_not() -> None:
    image = scene(3)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    again, graded = open_picture(out.getvalue()), ImageEnhance.Color(image).enhance(0.2)
    one, other, grey = sample_of(image), sample_of(again), sample_of(graded)
    assert shape_distance(one, other) <= SHAPE_MARGIN
    assert look_distance(one.look, other.look) <= 5
    assert look_distance(one.look, grey.look) > 20
    assert look_distance(one.look, one.look) == 0
