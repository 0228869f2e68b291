"""What @ai-sdk/black-forest-labs 2.0.41 sends is taken by the emulator: there is no package of the vendor's own."""

import base64
from typing import Any

import httpx2 as httpx
import pytest
from tests.emulators import BlackForestLabs, Emulators, Kind, Scenario
from tests.emulators.client import PIXEL, png

from triptych.imaging.header import header

WISH = {"prompt": "otter", "seed": 1, "width": 1024, "height": 768, "output_format": "png", "safety_tolerance": 2}


@pytest.fixture
def emulator(emulators: Emulators) -> BlackForestLabs:
    return emulators.bfl


def asked(emulator: BlackForestLabs, method: str, url: str, body: Any = None) -> httpx.Response:
    return httpx.request(method, url, json=body, headers={"x-key": emulator.key, "accept": "*/*"}, trust_env=False)


def test_it_submits_asks_twice_and_fetches(emulator: BlackForestLabs) -> None:
    emulator.play(Scenario(polls=1))
    there = asked(emulator, "POST", f"{emulator.url}/v1/flux-2-pro", WISH).json()
    assert (there["cost"], there["output_mp"]) == (3.0, 0.79)
    first, second = (asked(emulator, "GET", there["polling_url"]).json() for _ in range(2))
    assert (first["status"] in {"Pending", "Queued"}, first["result"]) == (True, None)
    assert (second["status"], second["result"]["seed"]) == ("Ready", 1)
    picture = header(httpx.get(second["result"]["sample"], timeout=90, trust_env=False).content)
    assert (picture.media_type, picture.width, picture.height) == ("image/png", 1024, 768)


def test_it_edits_what_is_sent_as_plain_base64(emulator: BlackForestLabs) -> None:
    edit = {"prompt": "at night", "input_image": PIXEL, "input_image_2": base64.b64encode(png(96, 64)).decode()}
    assert asked(emulator, "POST", f"{emulator.url}/v1/flux-2-pro", {**WISH, **edit}).status_code == 200
    halved = {**edit, "input_image_2": edit["input_image_2"][:20]}
    assert asked(emulator, "POST", f"{emulator.url}/v1/flux-2-pro", {**WISH, **halved}).status_code == 422


@pytest.mark.parametrize(("kind", "status", "said"), [
    (Kind.WRONG_KEY, 403, "Not authenticated"), (Kind.NO_CREDIT, 402, "Insufficient credits"), (Kind.UNKNOWN_MODEL, 404, "Not Found"),
])  # fmt: skip
def test_it_says_what_went_wrong(emulator: BlackForestLabs, kind: Kind, status: int, said: str) -> None:
    emulator.play(kind)
    refused = asked(emulator, "POST", f"{emulator.url}/v1/flux-2-pro", WISH)
    assert (refused.status_code, said in refused.json()["detail"]) == (status, True)
