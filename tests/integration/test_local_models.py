"""Open models by the real way: a tiny pipeline with random weights is loaded by diffusers, draws, is watched and stopped."""

import asyncio
import io
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.integration.node_world import world_of
from tests.integration.test_node_command import asked
from tests.integration.tiny_models import CALM, ROOT, models_folder, needed
from tests.unit.network.card_tools import NOW
from tests.unit.node.job_tools import wanted

from triptych.app.local_models import models_in
from triptych.app.node import HASHES
from triptych.cli.node import serve_node
from triptych.imaging.diffusion.easel import Easel
from triptych.imaging.diffusion.job import Begun, DrawError, DrawJob, News, Step
from triptych.network import node_receipt
from triptych.network.job import Done
from triptych.node.backends.open_models import open_backend
from triptych.node.keys import FOLDER
from triptych.spec.clock import SystemClock
from triptych.spec.errors import NotConfiguredError

pytestmark = needed


def plain() -> DrawJob:
    return DrawJob(
        folder=str(models_folder() / "tiny"), prompt="a fox", seeds=(7,), width=64, height=64, steps=3, guidance=5.0
    )


def picture(mode: str, colour: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(out, "PNG")
    return out.getvalue()


def pixels(data: bytes | None) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data or b"")).convert("RGB"), dtype=int)


async def test_it_draws_is_watched_and_is_stopped() -> None:
    easel = Easel(CALM)
    heard: list[News] = []

    async def hear(news: News) -> None:
        heard.append(news)

    async def drawn(job: DrawJob, data: bytes = b"") -> list[np.ndarray]:
        heard.clear()
        return [pixels(one) for one in (await easel.draw(job, data, seconds=100, hear=hear)).pictures]

    (alone,) = await drawn(replace(plain(), seeds=(8,), previews=True))
    begun = next(one for one in heard if isinstance(one, Begun))
    assert (begun.facts["device"], begun.facts["held"]) == ("cpu", "whole")
    steps = [one for one in heard if isinstance(one, Step)]
    assert [one.done for one in steps] == [0.25, 0.5, 0.75]
    assert Image.open(io.BytesIO(steps[0].preview or b"")).format == "WEBP"
    # Each of a group is the picture that its seed makes alone.
    together = await drawn(replace(plain(), seeds=(7, 8)))
    assert np.abs(together[1] - alone).max() <= 2
    assert np.abs(together[0] - alone).max() > 10
    # From a picture, and within a mask.
    source, mask = picture("RGB", (200, 30, 30)), picture("RGBA", (0, 0, 0, 0))
    changed = replace(plain(), strength=0.7, lengths=(len(source), 0))
    assert (await drawn(changed, source))[0].shape == (64, 64, 3)
    assert len([one for one in heard if isinstance(one, Step)]) == 2
    within = replace(plain(), negative="snow", lengths=(len(source), len(mask)))
    assert (await drawn(within, source + mask))[0].shape == (64, 64, 3)
    # It stops after the step that it is in, and the model stays.
    first, stepping = easel.pid, asyncio.Event()

    async def wait_for_step(news: News) -> None:
        if isinstance(news, Step):
            stepping.set()

    task = asyncio.create_task(easel.draw(replace(plain(), steps=150), b"", seconds=100, hear=wait_for_step))
    await stepping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert np.array_equal((await drawn(replace(plain(), seeds=(8,))))[0], alone)
    assert easel.pid == first
    # What the model does not read of a long prompt is told; a folder that is damaged is, too.
    assert (await easel.draw(replace(plain(), prompt="a fox" * 10), b"", seconds=100, hear=hear)).unread == 12
    with pytest.raises(DrawError, match="cannot be read"):
        await drawn(replace(plain(), folder="/nowhere"))
    assert easel.pid == first
    await easel.aclose()


async def test_a_node_draws_with_it(tmp_path: Path) -> None:
    async with world_of(tmp_path) as world:
        easel = Easel(CALM)
        backend = open_backend(await models_in(models_folder(), easel, SystemClock()), SystemClock())
        node = await world.node(backend, trial="64x64")
        async with world.working(node):
            found = await world.card(node.keys.id)
            (shown,) = found.body.models
            assert (shown.id, shown.caps) == ("tiny", ("t2i", "i2i", "inpaint"))
            assert (shown.engine, shown.precision) == (f"diffusers/{version('diffusers')}", "float32")
            assert (shown.sampler, shown.steps) == ("DDIMScheduler", 25)
            assert shown.digest is not None
            job = wanted(model="tiny", size="64x64", steps=3, prompt="a pot", n=2)
            done = await world.ended(found, await world.sent(found, job))
            assert isinstance(done.news, Done), done.news
            receipt = node_receipt.read(done.news.receipt.encode())
            assert node_receipt.check(receipt, job, found, done.pictures, NOW) == "ok"
            assert (receipt.body.digest, receipt.body.precision) == (shown.digest, shown.precision)
            assert str(models_folder() / "tiny" / "unet") in (tmp_path / "node" / FOLDER / HASHES).read_text()
            assert (receipt.body.steps, receipt.body.sampler) == (3, "DDIMScheduler")
            long = wanted("l" * 22, model="tiny", size="64x64", prompt="a pot " * 20)
            refused = await world.ended(found, await world.sent(found, long))
            assert not refused.pictures
        await easel.aclose()


async def test_a_node_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotConfiguredError, match="no open model"):
        await serve_node(
            asked(tmp_path, "https://hub.example", painters=False, engines=("diffusers",), models=tmp_path)
        )


def test_it_is_loaded_in_every_way_edits_as_it_was_loaded_and_draws_one_by_one_where_there_is_no_room() -> None:
    words = [sys.executable, "-m", "tests.integration.tiny_ways", str(models_folder() / "tiny")]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **CALM}, capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    # An edit leaves the model as it was: with as many bits in each network, and drawing the same picture as before.
    plain, same = "text_encoder=bfloat16 unet=bfloat16 vae=bfloat16", ["as before True True", "pictures 6 True"]
    small = plain.replace("unet=bfloat16", "unet=bfloat16+float8_e4m3fn")
    assert said[:-1] == [
        f"whole bfloat16 {plain}", *same, "halved 2 4 2", f"eighths bfloat16 {small}", *same, "halved 2 4 2",
        f"parts bfloat16 {plain}", *same, f"layers bfloat16 {plain}", *same,
    ], done.stderr[-2000:]  # fmt: skip
    assert "does not fit" in said[-1]


def test_the_command_draws_with_it(tmp_path: Path) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("TRIPTYCH_")}
    given |= CALM | {"TRIPTYCH_DATA": str(tmp_path), "TRIPTYCH_LOCAL_MODELS": str(models_folder())}
    words = ["generate", "a fox", "-m", "local/tiny", "--seed", "7", "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "triptych", *words], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with Image.open(done.stdout.strip()) as made:
        assert made.size == (64, 64)
