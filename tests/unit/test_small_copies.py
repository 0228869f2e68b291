"""Small copies of pictures: how large, made once, in time, and by whom nobody waits."""

import asyncio
import gc
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from structlog.testing import CapturingLogger
from tests.unit.studio_doubles import FakeWorkshop, picture

from triptych.spec.errors import HostileContentError, NotFoundError
from triptych.store.blobs import ObjectBlobs, open_blobs
from triptych.studio.pictures import DERIVED
from triptych.studio.small import SMALL, THUMB, VIEW, SmallCopies


class Shrinker(FakeWorkshop):
    """Shrinks as the workshop does, in this process, and waits where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.go.set()

    async def thumbnail(self, data: bytes, side: int = 256) -> bytes:
        self.thumbs += 1
        await self.go.wait()
        if data.startswith(b"\x89PNG\r\n\x1a\nbroken"):
            raise HostileContentError("This is no picture.")
        image, made = Image.open(io.BytesIO(data)), io.BytesIO()
        image.thumbnail((side, side))
        image.save(made, "WEBP")
        return made.getvalue()


@pytest.fixture
def shrinker() -> Shrinker:
    return Shrinker()


@pytest.fixture
def blobs(tmp_path: Path) -> ObjectBlobs:
    return open_blobs(str(tmp_path / "blobs"))


@pytest.fixture
async def copies(blobs: ObjectBlobs, shrinker: Shrinker) -> AsyncIterator[SmallCopies]:
    made = SmallCopies(blobs, shrinker)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("size", "thumb", "view"),
    [
        ((1920, 1080), (455, 256), (1024, 576)),
        ((1080, 1920), (256, 455), (576, 1024)),
        ((2000, 2000), (256, 256), (1024, 1024)),
        ((6000, 600), (1024, 102), (1024, 102)),  # a panorama is not larger than the view
        ((200, 100), (200, 100), (200, 100)),  # nothing is made larger than it is
    ],
)
async def test_sizes(
    copies: SmallCopies, blobs: ObjectBlobs, size: tuple[int, int], thumb: tuple[int, int], view: tuple[int, int]
) -> None:
    sha256 = await blobs.put(picture(*size))
    for kind, wanted in ((THUMB, thumb), (VIEW, view)):
        found = Image.open(io.BytesIO(await copies.get(sha256, kind)))
        assert (found.format, *(abs(is_ - was) <= 1 for is_, was in zip(found.size, wanted, strict=True))) == (
            "WEBP", True, True,
        ), found.size  # fmt: skip


async def test_what_came_is_made_small_before_anybody_looks_and_once(
    copies: SmallCopies, blobs: ObjectBlobs, shrinker: Shrinker
) -> None:
    names = [await blobs.put(picture(300 + n, 300)) for n in range(3)]
    copies.expect(names[:2])
    copies.expect(names[2:])
    async with asyncio.timeout(60):
        while not all([await blobs.get_derived(name, THUMB) for name in names]):
            await asyncio.sleep(0.01)
    assert shrinker.thumbs == 6
    await copies.get(names[0], VIEW)
    assert shrinker.thumbs == 6


async def test_several_who_look_at_once_share_one_copy_and_one_who_leaves_spoils_nothing(
    copies: SmallCopies, blobs: ObjectBlobs, shrinker: Shrinker
) -> None:
    shrinker.go.clear()
    sha256 = await blobs.put(picture(300, 300))
    copies.expect([sha256])
    looks = [asyncio.create_task(copies.get(sha256, kind)) for kind in (THUMB, VIEW, THUMB)]
    await asyncio.sleep(0.05)
    looks[0].cancel()
    shrinker.go.set()
    assert await looks[2] == await copies.get(sha256, THUMB)
    assert await looks[1] == await copies.get(sha256, VIEW)
    assert shrinker.thumbs == 2


async def test_a_picture_that_cannot_be_opened_holds_up_no_other(
    copies: SmallCopies, blobs: ObjectBlobs, shrinker: Shrinker
) -> None:
    broken, good = await blobs.put(b"\x89PNG\r\n\x1a\nbroken"), await blobs.put(picture(300, 300))
    copies.expect([broken, "ab" * 32, good])
    async with asyncio.timeout(60):
        while await blobs.get_derived(good, THUMB) is None:
            await asyncio.sleep(0.01)
    with pytest.raises(HostileContentError):
        await copies.get(broken, THUMB)
    with pytest.raises(NotFoundError):
        await copies.get("ab" * 32, THUMB)


def test_all_of_them_are_deleted_with_the_picture() -> None:
    assert set(SMALL) < set(DERIVED)


@pytest.mark.parametrize("error", [HostileContentError("This is no picture."), RuntimeError("the workshop is closed")])
async def test_what_fails_after_its_last_waiter_went_is_heard_once(
    copies: SmallCopies, blobs: ObjectBlobs, shrinker: Shrinker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    unheard: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    begun, go = asyncio.Event(), asyncio.Event()

    async def fails(data: bytes, side: int = 256) -> bytes:
        begun.set()
        await go.wait()
        raise error

    monkeypatch.setattr(shrinker, "thumbnail", fails)
    logs = CapturingLogger()  # how the program's own logs are set up is another's matter
    monkeypatch.setattr("triptych.studio.small._log", logs)
    waiter = asyncio.create_task(copies.get(await blobs.put(picture()), THUMB))
    await begun.wait()
    making = next(iter(copies._under_way.values()))
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    go.set()
    await asyncio.wait({making})
    await asyncio.sleep(0)
    del making, waiter
    gc.collect()
    assert unheard == []
    told = "a small copy was not made" + (" yet" if isinstance(error, HostileContentError) else "")
    assert [call.args for call in logs.calls] == [(told,)]
