"""The queue: so many tiles of a batch at a time, in an order that a person sets; pauses, caps, stops and restarts."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.unit.studio_doubles import WIRE, bench, model, picture, result, until

from triptych.router.budget import Caps
from triptych.spec.image import ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.studio.batches import Batches
from triptych.studio.planning import Asked
from triptych.studio.service import Studio
from triptych.studio.terms import AT_ONCE

WORDS = [f"w{number}" for number in range(12)]
TEXT = f"a {{{', '.join(WORDS)}}} kite"


class Gate:
    """A painter that says whom it drew for, and draws when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.seen: list[str] = []
        self.at_once = self.most = 0

    async def play(self, request: ImageRequest, context: CallContext) -> ImageResult:
        self.seen.append(request.prompt.split()[1])
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await context.tell(Sent(WIRE))
            await self.open.wait()
        finally:
            self.at_once -= 1
        return result(picture())


async def started(studio: Studio, text: str = TEXT) -> str:
    return (await studio.start(Asked(text=text, models=("a/one", "b/two")))).record.id


async def seen_of(batches: Batches) -> list[Any]:
    """The batches as the page gets them."""
    view: Any = await batches.view()
    return list(view["batches"])


async def states(studio: Studio, run_id: str) -> Sequence[str]:
    return [tile.record.state for tile in (await studio.run(run_id)).tiles]


async def test_a_batch_takes_turns_and_a_small_run_does_not(tmp_path: Path) -> None:
    gate = Gate()
    async with bench(tmp_path, model("a/one", play=gate.play), model("b/two", play=gate.play)) as b:
        run_id = await started(b.studio)
        await until(lambda: gate.at_once == AT_ONCE)
        small = await b.studio.start(Asked(text="a small kite", models=("a/one",)))
        await until(lambda: "small" in gate.seen)
        (batch,) = await seen_of(Batches(b.studio))
        assert (batch["run"], batch["total"], len(batch["running"]), len(batch["waiting"])) == (run_id, 24, 8, 16)
        assert (batch["known_micro_usd"], batch["unknown"], batch["seconds"]) == (24 * 67_000, 0, [24, 60])
        gate.open.set()
        await b.studio.wait_run(run_id)
        await b.studio.wait(small.tiles[0].record.id)
        assert set(await states(b.studio, run_id)) == {"done"}
        assert gate.most == AT_ONCE + 1
        assert await seen_of(Batches(b.studio)) == []


async def test_a_pause_and_an_order_hold_through_a_restart_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    gate = Gate()
    one, two = model("a/one", play=gate.play), model("b/two", play=gate.play)
    async with bench(tmp_path, one, two) as b:
        run_id = await started(b.studio)
        await until(lambda: gate.at_once == AT_ONCE)
        batches = Batches(b.studio)
        await batches.pause(run_id)
        (batch,) = await seen_of(batches)
        assert batch["pause"] == {"reason": "Paused.", "hint": "Resume when you want the rest of it."}
        last = [tile["id"] for tile in batch["waiting"]][::-1]
        await batches.reorder(run_id, last)
        (batch,) = await seen_of(batches)
        assert [tile["id"] for tile in batch["waiting"]] == last
        assert {tile["note"] for tile in batch["waiting"]} == {"Paused. Resume when you want the rest of it."}
        gate.open.set()
        for tile in batch["running"]:
            await b.studio.wait(tile["id"])
        await b.studio.shutdown()

        second = b.restarted()
        assert await second.recover() == 16
        await asyncio.sleep(0.05)  # whoever would start by mistake has had time for it
        assert len(gate.seen) == 8
        assert (await states(second, run_id)).count("queued") == 16
        again = Batches(second)
        (batch,) = await seen_of(again)
        assert [tile["id"] for tile in batch["waiting"]] == last
        gate.open.clear()
        await again.resume(run_id)
        await until(lambda: gate.at_once == AT_ONCE)
        running = {tile["id"] for tile in (await seen_of(again))[0]["running"]}
        assert running == set(last[:8])
        gate.open.set()
        await second.wait_run(run_id)
        assert set(await states(second, run_id)) == {"done"}
        assert len(gate.seen) == 24
        spent: Any = await second.spend()
        assert spent["today"]["amount_micro_usd"] == 24 * 67_000


async def test_a_cap_pauses_the_batch_and_fails_no_tile(tmp_path: Path) -> None:
    gate = Gate()
    async with bench(tmp_path, model("a/one", play=gate.play), model("b/two", play=gate.play)) as b:
        b.caps[0] = Caps(day=24 * 67_000)
        run_id = await started(b.studio)
        await until(lambda: gate.at_once == AT_ONCE)
        b.caps[0] = Caps(day=24 * 67_000)
        other = await b.studio.start_single(
            ImageRequest(prompt="one more"), model="a/one"
        )  # takes the room of one tile
        gate.open.set()
        await b.studio.wait(other.tiles[0].record.id)
        batches = Batches(b.studio)

        async def paused() -> bool:
            (batch,) = await seen_of(batches)
            return batch["pause"] is not None and not batch["running"]

        async with asyncio.timeout(60):
            while not await paused():
                await asyncio.sleep(0.005)
        found = await states(b.studio, run_id)
        assert (found.count("done"), found.count("queued")) == (23, 1)
        (batch,) = await seen_of(batches)
        assert "The spending cap for the day is $1.608" in batch["pause"]["reason"]
        assert batch["pause"]["hint"].endswith("Then resume this batch.")
        await batches.resume(run_id)  # there is still no room: it pauses again, with the same words
        async with asyncio.timeout(60):
            while not await paused():
                await asyncio.sleep(0.005)
        run = await b.studio.run(run_id)
        assert {tile.record.error for tile in run.tiles} == {None}


async def test_more_money_and_a_word_of_a_person_let_it_go_on(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        b.caps[0] = Caps(day=24 * 67_000)
        spent = await b.studio.start_single(ImageRequest(prompt="before"), model="a/one")
        await b.studio.wait(spent.tiles[0].record.id)
        b.caps[0] = Caps()
        b.studio.queue.at_once = 1
        run = b.studio.start(Asked(text=TEXT, models=("a/one", "b/two")))
        run_id = (await run).record.id
        await b.studio.queue.pause(run_id)
        assert (await states(b.studio, run_id)).count("queued") >= 23
        await Batches(b.studio).resume(run_id)
        await b.studio.wait_run(run_id)
        assert set(await states(b.studio, run_id)) == {"done"}


async def test_cancel_one_all_but_one_and_the_rest(tmp_path: Path) -> None:
    gate = Gate()
    async with bench(tmp_path, model("a/one", play=gate.play), model("b/two", play=gate.play)) as b:
        batches = Batches(b.studio)
        run_id = await started(b.studio)
        await until(lambda: gate.at_once == AT_ONCE)
        (batch,) = await seen_of(batches)
        gone = await b.studio.cancel(batch["waiting"][0]["id"])
        assert (gone.record.state, gone.record.billed) == ("cancelled", "no")
        assert await batches.cancel(run_id) == 15  # what waits; nothing of it was sent
        assert len(gate.seen) == AT_ONCE
        assert (await states(b.studio, run_id)).count("cancelled") == 16

        second = await started(b.studio, TEXT.replace("kite", "boat"))
        await until(lambda: gate.at_once == 2 * AT_ONCE or len(gate.seen) == 2 * AT_ONCE)
        (batch,) = [one for one in await seen_of(batches) if one["run"] == second]
        kept = batch["waiting"][3]["id"]
        assert await batches.cancel(second, keep=kept, running=True) == 23
        gate.open.set()
        await b.studio.wait_run(second)
        found = await states(b.studio, second)
        assert (found.count("cancelled"), found.count("done")) == (23, 1)
        assert (await b.studio.tile(kept)).record.state == "done"


async def test_a_run_of_64_keeps_the_loop_free(tmp_path: Path) -> None:
    async with bench(tmp_path, *(model(f"m/{name}") for name in "abcd")) as b:
        run = await b.studio.start(
            Asked(text=TEXT.replace("w0, ", "w0, x1, x2, x3, x4, "), models=("m/a", "m/b", "m/c", "m/d"))
        )
        assert len(run.tiles) == 64
        answered = await b.studio.run(run.record.id)  # at once, while it works
        assert len(answered.tiles) == 64
        await b.studio.wait_run(run.record.id)
        assert set(await states(b.studio, run.record.id)) == {"done"}


async def test_a_blind_batch_tells_no_order_price_or_name(tmp_path: Path) -> None:
    gate = Gate()
    async with bench(tmp_path, model("a/one", play=gate.play), model("b/two", play=gate.play)) as b:
        run_id = await started(b.studio, f"{TEXT} --blind")
        await until(lambda: gate.at_once == AT_ONCE)
        by_place = [tile.record.id for tile in (await b.studio.run(run_id)).tiles]
        (batch,) = await seen_of(Batches(b.studio))
        assert (batch["known_micro_usd"], batch["seconds"], batch["run"]) == (None, None, run_id)
        every = batch["running"]
        assert (len(every), batch["waiting"], batch["done"]) == (len(by_place), [], 0)
        assert {tile["name"] for tile in every} == {""}
        assert {tile["estimate"] for tile in every} == {None}
        assert [tile["id"] for tile in every] != by_place
        assert sorted(tile["id"] for tile in every) == sorted(by_place)
        assert {tile["state"] for tile in every} == {"working"}
        gate.open.set()
        await b.studio.wait_run(run_id)
