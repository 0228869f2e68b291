"""OpenGradient is in the list of models only where its user has named an enclave."""

import json
from pathlib import Path

from tests.emulators.opengradient import Enclave

from triptych.app.container import open_app
from triptych.app.opengradient import FILE
from triptych.config.settings import load


async def test_it_is_offered_where_an_enclave_is_named_and_says_that_it_is_experimental(tmp_path: Path) -> None:
    settings = load({"data": tmp_path}, environ={"TRIPTYCH_SAMPLE": "false"})
    for named in (False, True):
        if named:
            (tmp_path / FILE).write_text(json.dumps(Enclave().file))
        app = await open_app(settings)
        try:
            found = [one for one in app.models.providers() if one.id == "opengradient"]
        finally:
            await app.close()
        assert bool(found) == named
    assert "experimental" in found[0].name
    assert found[0].trouble() is not None  # there is no key yet
    assert all("never tried with the service" in (card.note or "") for card in found[0].cards)
