"""Picks in a real browser on the real server: from a blind row to the ranking and into the next decision."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import watched
from tests.web.test_whole_way import Studio, create, done

from triptych.studio.terms import tile_nonce

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, tmp_path: Path, emulators: Emulators) -> Iterator[Page]:
    """A page on a server of its own."""
    studio = Studio(tmp_path / "data", emulators)
    studio.environment["TRIPTYCH_POLICY"] = "best-for-me"  # the one whose snapshots have a taste
    studio.start()
    with watched(browser, studio.url) as opened:
        yield opened
    studio.stop()


def get(page: Page, path: str) -> Any:
    return page.request.get(path).json()


def test_a_blind_pick_is_ranked_and_known_to_the_next_decision(page: Page) -> None:
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/api/runs")) as sent:
        create(page, "a steel kettle on basalt --blind --m aurora,mosaic --size 256x256")
    done(page, 2)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    with page.expect_response("**/api/picks") as kept:
        page.keyboard.press("2")
    assert kept.value.status == 201
    heading = page.get_by_role("heading", name=re.compile("^You picked B: "))
    expect(heading).to_be_visible()
    pick = kept.value.json()
    assert (pick["blind"], pick["task"], pick["winner"]) == (True, "generate", 1)
    first = get(page, "/api/ranking?task=generate")["models"][0]
    assert first["model"] == pick["shown"][1]["family"]
    assert first["name"] in heading.inner_text()
    assert (first["wins"], first["comparisons"], first["separated"]) == (1, 1, False)

    run = get(page, "/api/runs")["runs"][0]
    assert run["picked"] == pick["shown"][1]["picture_id"]
    nonce = sent.value.headers["x-triptych-nonce"]
    for tile in run["tiles"]:
        (decision,) = get(page, f"/api/tiles/{tile['id']}")["decisions"]
        assert (decision["nonce"], decision["nonce_from"]) == (tile_nonce(nonce, tile["position"]), "client")

    page.keyboard.press("Escape")
    create(page, "a pot --m aurora --size 256x256")
    done(page, 3)
    (decision,) = get(page, f"/api/tiles/{get(page, '/api/runs')['runs'][0]['tiles'][0]['id']}")["decisions"]
    snapshot = get(page, f"/.well-known/triptych/snapshot/{decision['snapshot_id']}")
    aurora = next(state for state in snapshot["endpoints"] if state["endpoint"] == "demo/aurora")
    assert aurora["taste"] == first["strength"] * (1 if first["endpoints"] == ["demo/aurora"] else -1)
    page.reload()
    expect(page.locator(".rows").get_by_text("Mosaic").first).to_be_visible()
