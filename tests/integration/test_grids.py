"""Grids as they leave the studio, on a real server: the page in one file, its cells as CSV and JSON."""

import base64
import csv
import io
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from PIL import Image
from tests.integration.place import Place
from tests.integration.test_picks import MODELS, pictures_of

from triptych.studio.grid_out import OutGrid

PICTURE = re.compile(r'<img src="data:image/webp;base64,([^"]+)"\s+alt="([^"]*)" width="(\d+)" height="(\d+)"')
WORDS = {"kind": "words", "name": "heron", "values": ["heron", "=SUM(1,2)", "<b>gull</b>"]}


@pytest.fixture
def grid(place: Place) -> Any:
    """A grid of two models, three words and two shapes, one of which is none."""
    axes = [
        {"kind": "model", "values": list(MODELS)},
        WORDS,
        {"kind": "parameter", "name": "ar", "values": ["1:1", "wide"]},
    ]
    body = {"text": 'a heron, "tea" by the sea', "models": [MODELS[0]], "axes": axes}
    plan = place.post("/api/grids/plan", body)
    assert plan.status_code == 200, plan.text
    run = place.post("/api/grids", body).json()
    for tile in run["tiles"]:
        place.ended(tile["id"])
    return place.get(f"/api/runs/{run['id']}").json()


def file(place: Place, run: Mapping[str, Any], path: str, kind: str, ending: str) -> str:
    answer = place.get(f"/api/grids/{run['id']}/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"].endswith(f'-{run["id"][-6:]}.{ending}"')
    assert "sandbox" in answer.headers["content-security-policy"]
    return answer.text


def test_a_grid_is_one_page_that_asks_nobody(place: Place, grid: Any) -> None:
    html = file(place, grid, "page", "text/html", "html")
    assert not re.search(r"(?:src|href)=\"(?!data:)|https?://|<b>", html)
    assert "default-src 'none'" in html
    assert html.count('<div class="wide"') == 2
    assert re.findall(r'<th scope="row">([^<]+)</th>', html)[:3] == ["heron", "=SUM(1,2)", "&lt;b&gt;gull&lt;/b&gt;"]
    made = [tile for tile in grid["tiles"] if tile["images"]]
    shown = PICTURE.findall(html)
    assert len(shown) == len(made) == 6
    for data, alt, width, height in shown:
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert (image.format, image.size) == ("WEBP", (int(width), int(height)))
        assert "&quot;tea&quot; by the sea" in alt
    assert html.count("$0.0") == len(made)
    assert html.count('class="none"') == 6
    bare = place.get(f"/api/grids/{grid['id']}/page?prices=0").text
    assert "$0" not in bare
    assert place.get(f"/api/grids/{grid['id']}/page?prices=2").status_code == 400


def test_every_cell_is_in_the_files_beside_it(place: Place, grid: Any) -> None:
    told = msgspec.json.decode(file(place, grid, "cells", "application/json", "json"), type=OutGrid)
    assert (told.schema, told.run, len(told.cells)) == ("triptych-grid/1", grid["id"], 12)
    assert [axis.label for axis in told.axes] == ["Model", "“heron”", "--ar"]
    by_tile = {tile["id"]: tile for tile in grid["tiles"]}
    for cell in told.cells:
        tile = by_tile.get(cell.tile or "")
        if tile is None:
            assert cell.reason
            continue
        image = tile["images"][0]
        assert (cell.picture, cell.sha256, cell.width) == (image["id"], image["sha256"], image["width"])
        assert (cell.prompt, cell.cost_micro_usd, cell.billed) == (
            tile["prompt"],
            tile["cost"]["amount_micro_usd"],
            "yes",
        )
        assert cell.model == MODELS[cell.at[0]]
    lines = list(csv.DictReader(io.StringIO(file(place, grid, "cells?type=csv", "text/csv", "csv"))))
    assert len(lines) == 12
    assert [line["“heron”"] for line in lines[:3]] == ["heron", "heron", "'=SUM(1,2)"]
    assert {line["'--ar"] for line in lines} == {"1:1", "wide"}
    assert [line["sha256"] for line in lines] == [cell.sha256 or "" for cell in told.cells]
    assert not any(value.startswith(("=", "+", "-", "@")) for line in lines for value in line.values())


def test_what_is_no_grid_has_no_page(place: Place) -> None:
    run, _ = pictures_of(place, "a heron", MODELS[0])
    for path in ("page", "cells", "cells?type=csv"):
        assert place.get(f"/api/grids/{run['id']}/{path}").json()["error"]["message"] == "This row is no grid."
        assert place.get(f"/api/grids/run_none/{path}").status_code == 404
    assert place.get(f"/api/grids/{run['id']}/cells?type=xml").status_code == 400
