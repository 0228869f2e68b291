"""Picks side by side: told to the server, known to every page, handed over once; and the page's own numbers for draws."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import FOUR, PAIR

from triptych.web import VERSION

pytestmark = pytest.mark.browser
HAND_OVER = f"import('/web/{VERSION}/app/picks.js').then(m => m.handOver())"


@pytest.fixture
def elsewhere(browser: Browser, server: str) -> Iterator[BrowserContext]:
    """Another browser on the same server."""
    context = browser.new_context(base_url=server, reduced_motion="reduce", service_workers="block")
    yield context
    context.close()


def posted(page: Page) -> list[Request]:
    """Every call that is made to keep a pick, from now on."""
    calls: list[Request] = []
    page.on("request", lambda request: calls.append(request) if request.url.endswith("/api/picks") else None)
    return calls


def pictures(page: Page) -> list[str]:
    found: list[str] = page.locator(".tile[data-state=done] .frame").evaluate_all("es => es.map(e => e.dataset.image)")
    return found


def test_a_pick_goes_to_the_server_and_opens_the_row_for_everybody(visit: Opener, elsewhere: BrowserContext) -> None:
    page = visit(runs=[("harbour --blind", FOUR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    other = elsewhere.new_page()
    other.goto("/")
    rows = other.locator(".rows")
    expect(rows.locator(".tile[data-state=done]")).to_have_count(4)
    expect(rows.get_by_text("ByteDance")).to_have_count(0)

    shown = pictures(page)
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    with page.expect_request("**/api/picks") as told:
        page.keyboard.press("3")
    assert told.value.method == "POST"
    assert told.value.post_data_json == {"pictures": shown, "winner": 2, "question": "prettier", "blind": True}
    expect(page.get_by_role("heading", name=re.compile("^You picked"))).to_be_visible()
    expect(rows.get_by_text("ByteDance")).to_be_visible()
    other.reload()
    expect(rows.get_by_text("ByteDance")).to_be_visible()


def test_picks_of_an_earlier_browser_are_handed_over_once(visit: Opener) -> None:
    two, many = "harbour --blind", "a {red, green, blue, grey} kettle --blind"
    page = visit(runs=[(two, PAIR), (many, PAIR), ("forest --blind", PAIR)], expected=("404",))
    expect(page.locator(".tile[data-state=done]")).to_have_count(12)
    page.wait_for_function("localStorage.handed === 'yes'")
    ids: list[str] = page.locator(".row").evaluate_all("es => es.map(e => e.getAttribute('aria-labelledby').slice(2))")
    of_run: dict[str, Any] = {run: page.request.get(f"/api/runs/{run}").json() for run in ids}
    images = {run: [tile["images"][0]["id"] for tile in found["tiles"]] for run, found in of_run.items()}
    page.evaluate(
        """picks => { localStorage.removeItem('handed'); for (const [run, image] of picks) localStorage[`pick-${run}`] = image; }""",
        [(ids[0], images[ids[0]][1]), (ids[1], images[ids[1]][0]), ("run_gone", "img_gone")],
    )
    calls = posted(page)
    page.evaluate(HAND_OVER)
    assert [call.post_data_json for call in calls] == [
        {"pictures": images[ids[0]], "winner": 1, "question": "prettier", "blind": True}
    ]
    page.evaluate("localStorage.removeItem('handed')")
    page.evaluate(HAND_OVER)  # the server has it now, whatever this browser remembers
    assert page.evaluate("localStorage.handed") == "yes"
    page.evaluate("run => { localStorage[`pick-${run}`] = 'late'; }", ids[2])
    page.evaluate(HAND_OVER)
    assert len(calls) == 1


def test_a_pick_that_the_server_does_not_take_is_said_and_the_row_stays_hidden(visit: Opener) -> None:
    page = visit(runs=[("harbour --blind", PAIR)], expected=("507",))
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    full = {"error": {"message": "The disk is full.", "code": "storage", "triptych": {"hint": "Make room."}}}
    intercept(page, "**/api/picks", lambda route: route.fulfill(status=507, json=full))
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_have_text("The disk is full. Make room.")
    expect(page.get_by_role("heading", name="Pick one")).to_be_visible()
    page.unroute("**/api/picks")
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name=re.compile("^You picked A: "))).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_every_run_and_retry_carries_a_number_of_the_pages_own(visit: Opener) -> None:
    page = visit(runs=[("kettle", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    nonces = []
    page.get_by_label("Prompt", exact=True).fill("harbour")
    for path, act in (("**/api/runs", "Control+Enter"), ("**/api/tiles/*/retry", "")):
        with page.expect_request(path) as told:
            if act:
                page.keyboard.press(act)
            else:
                page.locator(".tile[data-state=done]").first.hover()
                page.get_by_role("button", name="More").first.click()
                page.get_by_role("menuitem", name=re.compile("^Make another")).click()
        nonces.append(told.value.headers["x-triptych-nonce"])
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)
    assert nonces[0] != nonces[1]
