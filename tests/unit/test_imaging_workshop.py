"""The workshop decodes in processes that may die without harm."""

import asyncio
import io
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from tests.unit.test_imaging import bomb, picture

from triptych.imaging import worker as worker_module
from triptych.imaging.workshop import Workshop
from triptych.spec.errors import HostileContentError


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    shop = Workshop(processes=1, timeout_s=20)
    yield shop
    await shop.close()


async def test_the_whole_round_in_one_process(workshop: Workshop) -> None:
    data = picture("PNG", (600, 300), "RGBA")
    info = await workshop.inspect(data)
    assert (info.media_type, info.width, info.height, info.has_alpha) == ("image/png", 600, 300, True)
    with Image.open(io.BytesIO(await workshop.thumbnail(data))) as small:
        assert (small.format, small.size) == ("WEBP", (256, 128))
    with Image.open(io.BytesIO(await workshop.convert(data, "image/jpeg", 80))) as jpeg:
        assert (jpeg.format, jpeg.mode) == ("JPEG", "RGB")
    body, media_type = await workshop.display(data)
    assert media_type == "image/webp"
    assert body[8:12] == b"WEBP"


async def test_transparency_lies_on_white_in_a_jpeg(workshop: Workshop) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (16, 16), (200, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(await workshop.convert(out.getvalue(), "image/jpeg", None))) as jpeg:
        assert min(min(band) for band in jpeg.getextrema()) > 250  # type: ignore[arg-type]


async def test_nothing_but_pixels_survives(workshop: Workshop) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "secret-words")
    exif = Image.Exif()
    exif[0x010E] = "secret-words"
    out = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=notes, exif=exif.tobytes(), icc_profile=profile)
    data = out.getvalue()
    assert b"secret-words" in data
    for body in ((await workshop.display(data))[0], await workshop.convert(data, "image/png", None)):
        assert b"secret-words" not in body
        assert b"iCCP" not in body
        assert b"ICCP" not in body


async def test_a_thumbnail_stands_upright(workshop: Workshop) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture("JPEG", (300, 100), exif=exif.tobytes())
    with Image.open(io.BytesIO(await workshop.thumbnail(data, 60))) as small:
        assert small.size == (20, 60)


async def test_hostile_files_are_refused_and_the_worker_lives_on(workshop: Workshop) -> None:
    with pytest.raises(HostileContentError, match="megapixels"):
        await workshop.inspect(bomb(50_000, 50_000))
    lying = bytearray(picture("PNG"))
    lying[60:90] = b"\x55" * 30
    with pytest.raises(HostileContentError, match="damaged"):
        await workshop.inspect(bytes(lying))
    with pytest.raises(HostileContentError, match="damaged"):
        await workshop.display(bomb(900, 900))  # 10 kB of pixels where 810 kB were announced
    first = workshop._idle[0].process.pid
    assert (await workshop.inspect(picture("WEBP"))).width == 40
    assert workshop._idle[0].process.pid == first


async def test_a_worker_that_dies_takes_only_its_own_job_along(workshop: Workshop) -> None:
    await workshop.inspect(picture("PNG"))
    process = workshop._idle[0].process
    process.send_signal(signal.SIGSTOP)
    job = asyncio.create_task(workshop.inspect(picture("PNG", (64, 64))))
    await asyncio.sleep(0.01)
    process.kill()
    with pytest.raises(HostileContentError, match="made the decoder stop"):
        await job
    assert (await workshop.inspect(picture("JPEG"))).height == 24
    assert workshop._idle[0].process.pid != process.pid


async def test_a_job_that_takes_too_long_is_killed() -> None:
    shop = Workshop(processes=1)
    try:
        await shop.inspect(picture("PNG"))
        stuck = shop._idle[0].process
        stuck.send_signal(signal.SIGSTOP)
        shop._timeout_s = 0.05
        with pytest.raises(HostileContentError, match=r"longer than 0\.05 s"):
            await shop.inspect(picture("PNG"))
        assert stuck.returncode == -signal.SIGKILL
        shop._timeout_s = 20
        assert (await shop.inspect(picture("PNG"))).width == 40
    finally:
        await shop.close()


async def test_a_cancelled_job_leaves_no_worker_out_of_step(workshop: Workshop) -> None:
    await workshop.inspect(picture("PNG"))
    process = workshop._idle[0].process
    process.send_signal(signal.SIGSTOP)
    job = asyncio.create_task(workshop.thumbnail(picture("PNG", (500, 500))))
    await asyncio.sleep(0.01)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert process.returncode is not None
    assert (await workshop.inspect(picture("PNG", (33, 22)))).width == 33


async def test_workers_hold_their_limits_and_see_no_environment(workshop: Workshop) -> None:
    await workshop.inspect(picture("PNG"))
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    pid = workshop._idle[0].process.pid
    with Path(f"/proc/{pid}/limits").open() as limits:
        text = limits.read()
    assert f"Max address space         {2048 * 2**20}" in text
    with Path(f"/proc/{pid}/environ").open("rb") as environ:
        names = [entry.partition(b"=")[0] for entry in environ.read().split(b"\0") if entry]
    assert names == [b"PYTHONPATH", b"OPENBLAS_NUM_THREADS"]


async def test_nothing_starts_before_it_is_needed_and_closing_ends_all() -> None:
    shop = Workshop(processes=2)
    assert not shop._idle
    await asyncio.gather(*(shop.thumbnail(picture("PNG"), 16) for _ in range(4)))
    processes = [w.process for w in shop._idle]
    assert 1 <= len(processes) <= 2
    await shop.close()
    assert all(p.returncode == 0 for p in processes)
    with pytest.raises(RuntimeError, match="closed"):
        await shop.inspect(picture("PNG"))


def test_the_jobs_themselves_say_what_they_did() -> None:
    value, body = worker_module._JOBS["inspect"](picture("PNG", mode="L"), {}, bytes)
    assert (value["width"], value["has_alpha"], body) == (40, False, b"")
    _, png = worker_module._JOBS["convert"](picture("GIF"), {"media_type": "image/png", "quality": None}, bytes)
    assert np.asarray(Image.open(io.BytesIO(png))).shape == (24, 40, 3)


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP"])
async def test_two_pictures_are_held_against_each_other_outside(workshop: Workshop, fmt: str) -> None:
    one, other = picture(fmt, (64, 48)), picture(fmt, (32, 24))
    same = await workshop.apart(one, one)
    assert same.found is not None
    assert (same.reference, same.suspect, same.found.pdq_bits) == ((64, 48), (64, 48), 0)
    smaller = await workshop.apart(one, other)
    assert (smaller.reference, smaller.suspect, smaller.found) == ((64, 48), (32, 24), None)
    with pytest.raises(HostileContentError):
        await workshop.apart(one, bomb(900, 900))
    with pytest.raises(HostileContentError):
        await workshop.apart(one, b"<svg/>")
