"""A run made from a picture says so: in its settings, in its tiles, in those added later, and after a restart."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.studio_doubles import bench, model

from triptych.spec.errors import BadRequestError, NotFoundError
from triptych.spec.records import Parent
from triptych.studio.planning import Asked, PictureRef


async def test_tiles_keep_the_picture_they_were_made_from(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one"), model("b/two")) as b:
        first = await b.studio.wait_run((await b.studio.start(Asked(text="a kettle", models=("a/one",)))).record.id)
        assert first.tiles[0].json["parent"] is None
        shot = first.tiles[0].pictures[0]
        parent = Parent(tile=shot.tile_id, picture=shot.id)
        asked = Asked(text="make it night", models=("a/one",), images=(PictureRef(sha256=shot.sha256),), parent=parent)
        run = await b.studio.wait_run((await b.studio.start(asked)).record.id)
        said = {"tile": shot.tile_id, "picture": shot.id}
        assert run.json["settings"]["parent"] == said  # type: ignore[call-overload, index]
        assert run.tiles[0].json["parent"] == said
        added = await b.studio.add_model(run.record.id, "b/two")
        again = await b.studio.retry(run.tiles[0].record.id)
        assert [tile.record.parent for tile in (*added, again)] == [parent, parent]
        await b.studio.wait_run(run.record.id)
        assert (await b.studio.tile(again.record.id)).record.parent == parent


async def test_a_parent_must_be_there_and_of_its_tile(tmp_path: Path) -> None:
    async with bench(tmp_path, model("a/one")) as b:
        run = await b.studio.wait_run((await b.studio.start(Asked(text="a kettle", models=("a/one",)))).record.id)
        shot = run.tiles[0].pictures[0]
        asked = Asked(text="x", models=("a/one",), parent=Parent(tile="tile_other", picture=shot.id))
        with pytest.raises(BadRequestError, match="not of the tile"):
            await b.studio.start(asked)
        with pytest.raises(NotFoundError):
            await b.studio.start(replace(asked, parent=Parent(tile=shot.tile_id, picture="img_none")))
