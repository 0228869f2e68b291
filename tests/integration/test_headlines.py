"""Headlines over HTTP on a real server: of a picture, of a format as it is delivered, and where nothing can read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.place import Place
from tests.integration.test_kits import kit_of

from triptych.imaging.ocr import Ocr
from triptych.studio.headline import Headlines

SCRIPT = """#!/bin/sh
if [ "$1" = --list-langs ]; then printf "List:\\neng\\n"; exit 0; fi
echo "TEA at Dawn"; cat > /dev/null
"""
PROMPT = 'a poster that says "Tea at Dawn" and "at Dawn" and "Dusk"'


class Counted(Ocr):
    """Counts the pictures that were read."""

    pictures = 0

    async def read(self, png: bytes) -> str:
        self.pictures += 1
        return await super().read(png)


@pytest.fixture
def read_by(place: Place, tmp_path: Path) -> Iterator[Counted]:
    """The place with a reader that sees one line in every picture."""
    made = tmp_path / "tesseract"
    made.write_text(SCRIPT)
    made.chmod(0o755)
    yield from swapped(place, Counted(str(made)))


def swapped(place: Place, ocr: Ocr) -> Iterator[Any]:
    app, before = place.app, place.app.headlines
    object.__setattr__(app, "headlines", Headlines(app.studio, app.workshop, app.kits.kits, app.kits.files, ocr))
    yield ocr
    object.__setattr__(app, "headlines", before)


def test_a_headline_is_looked_for_in_the_picture_and_in_what_is_delivered(place: Place, read_by: Counted) -> None:
    kit = kit_of(place, PROMPT, "1x1", "9x16")
    picture, first = kit["picture"]["id"], kit["formats"][0]
    told = place.post(f"/api/images/{picture}/headline").json()
    assert [(each["text"], each["state"], each["words"]) for each in told["headlines"]] == [
        ("Tea at Dawn", "capitals", "found, but with other capitals"),
        ("at Dawn", "found", "found letter for letter"),
        ("Dusk", "missing", "not found"),
    ]
    assert (told["read"], told["why"]) == ("TEA at Dawn", None)
    assert place.post(f"/api/images/{picture}/headline").json() == told
    assert read_by.pictures == 1  # read once
    path = f"/api/kits/{kit['id']}/formats/{first['id']}"
    assert place.post(f"{path}/headline").json() == told
    high = f"/api/kits/{kit['id']}/formats/{kit['formats'][1]['id']}"
    for focus in ([500, 500], [900, 900]):  # another window is another picture
        place.send("PATCH", f"{high}/takes/{kit['formats'][1]['takes'][0]['id']}", {"focus": focus})
        assert place.post(f"{high}/headline").status_code == 200
    assert read_by.pictures == 4
    for wrong in ("/api/images/img_none/headline", f"/api/kits/{kit['id']}/formats/fmt_none/headline"):
        assert place.post(wrong).status_code == 404
    assert place.http.post(f"{place.url}/api/images/{picture}/headline").status_code == 403


def test_without_a_reader_it_says_so_and_without_a_headline_nothing(place: Place, tmp_path: Path) -> None:
    for _ in swapped(place, Ocr(str(tmp_path / "none"))):
        kit = kit_of(place, PROMPT, "1x1")
        told = place.post(f"/api/images/{kit['picture']['id']}/headline").json()
        assert {each["words"] for each in told["headlines"]} == {"not checked"}
        assert (told["read"], told["why"]) == (None, "no OCR on this machine")
        plain = kit_of(place, "a quiet meadow", "1x1")
        told = place.post(f"/api/images/{plain['picture']['id']}/headline").json()
        assert told == {"headlines": [], "read": None, "why": None}
