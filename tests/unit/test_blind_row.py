"""What a blind row would tell by its addresses, by how long an answer takes, and by what is spent."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.studio_doubles import WIRE, bench, hang, model

from triptych.spec.image import ImageRequest, ImageResult
from triptych.spec.model import CallContext, Sent
from triptych.spec.records import Restored
from triptych.studio.planning import Asked
from triptych.studio.service import Studio
from triptych.studio.views import picture_json


@pytest.mark.parametrize(("blind", "end"), [(True, ""), (False, "?as=came")])
async def test_the_address_of_a_blind_picture_does_not_say_that_it_was_restored(
    tmp_path: Path, blind: bool, end: str
) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.start(Asked(text="x", models=("a/one",)))
        tile = await b.studio.wait(run.tiles[0].record.id)
        chosen = replace(tile.pictures[0], restored=Restored(state="restored", source="s", mask="m", unrestored=True))
        told: Any = picture_json(chosen, tile.record, "x", blind=blind)
        assert (told["url"], told["thumb"]) == (f"/api/images/{chosen.id}{end}", f"/api/images/{chosen.id}/thumb{end}")


async def test_stopping_one_answers_at_once_whether_its_call_is_over_or_not(tmp_path: Path) -> None:
    stopping, go = asyncio.Event(), asyncio.Event()

    async def slow_to_stop(request: ImageRequest, context: CallContext) -> ImageResult:
        await context.tell(Sent(WIRE))
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await go.wait()
        raise AssertionError

    models = model("a/quick"), model("b/slow", play=slow_to_stop), model("c/last", play=hang)
    async with bench(tmp_path, *models) as b:
        run = await b.studio.start(Asked(text="x --blind", models=("a/quick", "b/slow", "c/last")))
        quick, slow, last = (tile.record.id for tile in run.tiles)
        await b.studio.wait(quick)
        async with asyncio.timeout(60):
            answers = [(await b.studio.cancel(name)).page for name in (quick, slow)]
        assert {name: value for name, value in answers[0].items() if name != "id"} == {
            name: value for name, value in answers[1].items() if name != "id"
        }
        await stopping.wait()
        assert not (await b.studio.tile(slow)).ended
        go.set()
        assert (await b.studio.wait(slow)).record.state == "cancelled"
        await b.studio.cancel(last)
        assert (await b.studio.wait(last)).record.state == "cancelled"


async def test_what_one_more_in_a_blind_row_costs_is_told_with_the_row(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        price = 67_000
        run = await b.studio.start(Asked(text="x --blind", models=("a/one", "b/two")))
        await b.studio.wait_run(run.record.id)
        assert await _spent(b.studio) == 0
        again = await b.studio.retry(run.tiles[0].record.id)
        await b.studio.wait(again.record.id)
        assert await _spent(b.studio) == 0
        beside = await b.studio.start(Asked(text="y", models=("a/one",)))
        await b.studio.wait_run(beside.record.id)
        assert await _spent(b.studio) == price  # what is open is told meanwhile
        later = b.restarted()
        await later.recover()
        assert await _spent(later) == price
        await b.studio.open(run.record.id)
        assert await _spent(b.studio) == 4 * price


async def _spent(studio: Studio) -> int:
    told: Any = await studio.spend()
    return int(told["today"]["amount_micro_usd"])
