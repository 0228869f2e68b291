"""The gallery by what its pictures show, on SQLite and on PostgreSQL, over a network that tells colours: looked at once, found, and gone with the picture."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from tests.unit.store.samples import NOW, picture_of, run_of, tile_of

from triptych.imaging.tools.job import ToolDiedError, ToolError
from triptych.spec.gallery import Marks
from triptych.store.blobs import open_blobs
from triptych.store.records import SqlRecordStore
from triptych.studio.meaning import Meanings


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


class Seer:
    """Sees the mean colour. `dies` on pictures with these bytes; `broken` never works; None as its name is one that is not here."""

    def __init__(self) -> None:
        self.network: str | None = "net"
        self.asked: list[int] = []
        self.dies: bytes | None = None
        self.broken = False

    async def embed(self, pictures: Sequence[bytes]) -> tuple[bytes, ...]:
        self.asked.append(len(pictures))
        if self.broken:
            raise ToolError("The weights cannot be loaded.")
        if self.dies in pictures:
            raise ToolDiedError("Its process ended.")
        return tuple(_seen(data) for data in pictures)


def _seen(data: bytes) -> bytes:
    return bytes(value // 2 for value in Image.open(io.BytesIO(data)).tobytes()[:3])


class World:
    def __init__(self, store: SqlRecordStore, folder: Path) -> None:
        self.store, self.blobs, self.seer = store, open_blobs(str(folder / "blobs")), Seer()
        self.meanings = Meanings(store.gallery, self.blobs, self.seer)

    async def add(self, name: str, data: bytes, *, kept: bool = True) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        run = run_of(f"run_{name}", "a colour", NOW)
        tile = tile_of(f"tile_{name}", run.id, created_ms=NOW, state="done", request={"prompt": "a colour"})
        await self.store.save_run(run, [tile])
        await self.store.save_tile(tile, [picture_of(f"img_{name}", tile.id, created_ms=NOW, sha256=sha256)])
        if kept:
            await self.blobs.put(data)
        return sha256

    async def near(self, name: str, sha256: str) -> dict[str, int] | None:
        found = await self.meanings.nearest(f"img_{name}", sha256)
        return None if found is None else dict(found.ids)


@pytest.fixture
async def world(store: SqlRecordStore, tmp_path: Path) -> World:
    return World(store, tmp_path)


async def test_pictures_that_show_the_like_are_found_the_nearest_first(world: World) -> None:
    red = await world.add("red", png("#d01010"))
    await world.add("blue", png("#1010d0"))
    await world.add("wine", png("#901818"))
    await world.add("copy", png("#d01010"))
    assert await world.meanings.waits()
    assert await world.near("red", red) is None
    await world.meanings.catch_up()
    assert world.seer.asked == [3]  # two pictures have the same bytes
    assert not await world.meanings.waits()
    found = await world.near("red", red)
    assert found is not None
    assert list(found) == ["img_copy", "img_wine", "img_blue"]
    assert (found["img_copy"], found["img_wine"] > 980, found["img_blue"] < 300) == (1000, True, True)
    await world.meanings.catch_up()
    assert world.seer.asked == [3]


async def test_one_picture_is_looked_at_before_all_others(world: World) -> None:
    await world.add("blue", png("#1010d0"))
    red = await world.add("red", png("#d01010"))
    await world.meanings.look_now(red)
    await world.meanings.look_now(red)
    assert world.seer.asked == [1]
    assert await world.meanings.unseen(10) == 1
    assert await world.near("red", red) == {}


async def test_a_picture_over_which_the_process_dies_holds_up_no_other(world: World) -> None:
    red, bad = await world.add("red", png("#d01010")), png("#123456")
    poison = await world.add("bad", bad)
    gone = await world.add("gone", png("#654321"), kept=False)
    await world.add("wine", png("#901818"))
    world.seer.dies = bad
    await world.meanings.catch_up()
    assert await world.meanings.unseen(10) == 0
    assert list(await world.near("red", red) or {}) == ["img_wine"]
    assert await world.near("bad", poison) is None
    assert await world.near("gone", gone) is None


async def test_a_network_that_cannot_be_used_leaves_the_pictures_for_another_time(world: World) -> None:
    red = await world.add("red", png("#d01010"))
    world.seer.broken = True
    await world.meanings.catch_up()
    with pytest.raises(ToolError, match="cannot be loaded"):
        await world.meanings.look_now(red)
    assert (world.seer.asked, await world.meanings.unseen(10)) == ([1, 1], 1)
    world.seer.network = None
    assert (await world.meanings.waits(), await world.meanings.unseen(10)) == (False, 0)
    await world.meanings.catch_up()
    assert len(world.seer.asked) == 2


async def test_what_another_network_saw_is_not_compared(world: World) -> None:
    red = await world.add("red", png("#d01010"))
    await world.meanings.catch_up()
    world.seer.network = "another"
    assert await world.near("red", red) is None
    assert await world.meanings.unseen(10) == 1


async def test_what_is_in_the_trash_is_not_found_and_what_is_gone_leaves_nothing(world: World) -> None:
    red = await world.add("red", png("#d01010"))
    wine = await world.add("wine", png("#901818"))
    await world.meanings.catch_up()
    await world.store.gallery.change(["img_wine"], lambda _: Marks(trashed_ms=NOW))
    assert await world.near("red", red) == {}
    assert set((await world.store.gallery.embeddings.all("net"))[0]) == {red, wine}
    await world.store.gallery.embeddings.forget([wine])
    assert (await world.store.gallery.embeddings.all("net"))[0] == (red,)
