"""fal's own package before its emulator: what the package sends is taken, and what the emulator answers is understood."""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from fal_client import FalClientHTTPError, SyncClient, client
from tests.emulators import Emulators, Fal, Kind, Scenario
from tests.emulators.client import data_uri, png

from triptych.imaging.header import header

FLUX = "fal-ai/flux/schnell"
WISH = {"prompt": "otter", "seed": 1, "image_size": {"width": 1024, "height": 768}, "num_images": 2}
"""What @ai-sdk/fal 3.0.41 sends to `fal-ai/qwen-image` for 1024x768, two pictures and a seed."""


@pytest.fixture
def emulator(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> Fal:
    """Both hosts in the place of the real ones, which the package knows with `https` before them."""
    found = emulators.fal
    monkeypatch.setattr(client, "QUEUE_URL_FORMAT", f"{found.url}/")
    monkeypatch.setattr(client, "RUN_URL_FORMAT", f"{found.run_url}/")
    return found


@pytest.fixture
def theirs(emulator: Fal) -> Iterator[Any]:
    made = SyncClient(key=emulator.key)
    yield made
    made._client.close()


def sizes(made: Any) -> list[tuple[int, int]]:
    with httpx.Client(timeout=90, trust_env=False) as http:
        heads = [header(http.get(one["url"]).content) for one in made["images"]]
    return [(head.width, head.height) for head in heads]


def test_it_generates_by_the_queue(theirs: Any, emulator: Fal) -> None:
    emulator.play(Scenario(polls=2))
    made = theirs.subscribe(FLUX, arguments=WISH)
    assert (sizes(made), made["seed"]) == ([(1024, 768)] * 2, 1)
    assert emulator.charged_micro_usd == 6_000
    assert [one.step for one in emulator.requests] == ["submit", "status", "status", "status", "result"]


def test_it_runs_at_once(theirs: Any, emulator: Fal) -> None:
    assert sizes(theirs.run(FLUX, arguments={"prompt": "otter", "image_size": "square"})) == [(512, 512)]
    assert emulator.submits[0].path == f"/run/{FLUX}"


def test_it_edits(theirs: Any) -> None:
    wish = {"prompt": "at night", "image_urls": [data_uri(png(96, 64))]}
    assert sizes(theirs.subscribe("fal-ai/nano-banana/edit", arguments=wish)) == [(96, 64)]


def test_it_takes_a_job_back(theirs: Any, emulator: Fal) -> None:
    emulator.play(Kind.JOB_ENDLESS)
    handle = theirs.submit(FLUX, arguments=WISH)
    handle.cancel()
    assert emulator.cancelled == [handle.request_id]


@pytest.mark.parametrize(("kind", "status", "said"), [
    (Kind.WRONG_KEY, 401, "Authentication"), (Kind.NO_CREDIT, 403, "Exhausted balance"), (Kind.UNKNOWN_MODEL, 404, "not found"),
    (Kind.MODERATION_INPUT, 422, "content checker"),
])  # fmt: skip
def test_it_raises_what_went_wrong(theirs: Any, emulator: Fal, kind: Kind, status: int, said: str) -> None:
    emulator.play(kind)
    with pytest.raises(FalClientHTTPError, match=said) as caught:
        theirs.subscribe(FLUX, arguments=WISH)
    assert caught.value.status_code == status


def test_what_the_js_package_sends_is_taken(emulator: Fal) -> None:
    there = f"{emulator.run_url}/fal-ai/qwen-image"
    with httpx.Client(headers={"authorization": f"Key {emulator.key}"}, trust_env=False, timeout=90) as http:
        made = http.post(there, json=WISH)
        assert (made.status_code, sizes(made.json())) == (200, [(1024, 768)] * 2)
        assert http.post(there, json={**WISH, "n": 2}).status_code == 422
