"""A click whose answer is lost on the way: the next one of the same kind carries the same key."""

import re

from playwright.sync_api import Page, expect
from tests.web.conftest import Opener

KEY = "idempotency-key"


def key_of_run(page: Page) -> str:
    with page.expect_request("**/api/runs") as told:
        page.keyboard.press("Control+Enter")
    return str(told.value.headers[KEY])


def test_asked_again_after_a_lost_answer_it_has_the_same_key(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    page.get_by_label("Prompt", exact=True).fill("harbour")
    page.route("**/api/runs", lambda route: route.abort("connectionreset"))
    with page.expect_event("requestfailed"):
        first = key_of_run(page)
    assert re.fullmatch("[0-9a-f]{32}", first)
    page.unroute("**/api/runs")
    assert key_of_run(page) == first
    expect(page.get_by_role("heading", name="harbour")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("harbour")
    assert key_of_run(page) != first, "what was answered is over: the same again is a new run"
