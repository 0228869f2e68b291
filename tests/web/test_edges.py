"""Edges of the page: words that hold, places that can be reached, on any screen and in forced colours."""

import json
import re

import pytest
from playwright.sync_api import APIResponse, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import heard

pytestmark = pytest.mark.browser
GOOGLE, XAI, AURORA = "google/gemini-3.1-flash-image", "xai/grok-imagine", "demo/aurora"


def test_escape_after_create_goes_to_the_newest_row(visit: Opener) -> None:
    page = visit(runs=[("an old kettle", [AURORA])])
    page.get_by_role("group", name=re.compile("^A, Aurora")).focus()
    page.get_by_role("textbox", name="Prompt").fill("a new kettle")
    page.keyboard.press("Control+Enter")
    row = page.get_by_role("region", name="a new kettle")
    expect(row).to_be_visible()
    page.keyboard.press("Escape")
    expect(row.locator("[role=group]").first).to_be_focused()


def test_the_keys_follow_a_new_row_that_shows_before_its_answer_is_there(visit: Opener) -> None:
    page = visit(runs=[("an old kettle", [AURORA])])
    intercept(page, "**/api/runs", lambda route: answers.append((route, route.fetch())))
    answers: list[tuple[Route, APIResponse]] = []
    page.get_by_role("group", name=re.compile("^A, Aurora")).focus()
    page.get_by_role("textbox", name="Prompt").fill("a new kettle")
    page.keyboard.press("Control+Enter")
    row = page.get_by_role("region", name="a new kettle")
    expect(row).to_be_visible()
    page.keyboard.press("Escape")
    expect(row.locator("[role=group]").first).to_be_focused()
    heard(page, lambda: bool(answers))
    for route, answer in answers:
        route.fulfill(response=answer)


@pytest.mark.parametrize("height", [640, 800, 1100])
def test_the_first_screen_stands_still_while_a_brief_is_read(visit: Opener, height: int) -> None:
    page = visit("first", viewport={"width": 1280, "height": height})
    switch = page.get_by_role("switch", name="Switch on AI Horde")
    expect(page.get_by_label("Add pictures")).to_be_attached()  # the prompt bar's last line stands
    expect(page.locator(".spend")).to_be_visible()
    page.evaluate("document.fonts.ready.then(() => 0)")
    before = switch.bounding_box()
    page.get_by_role("button", name="A product").click()
    expect(page.get_by_role("button", name="Remove --ar 4:5")).to_be_visible()
    assert switch.bounding_box() == before


def test_a_key_that_was_never_tried_is_said_once(visit: Opener) -> None:
    def untested(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for one in (*body["models"], *body["providers"]):
            if one.get("provider", one["id"]) == "google":
                one |= {"state": "limited", "reason_code": "untested", "reason": "The key was never tried."}
        route.fulfill(response=answer, body=json.dumps(body))

    page = visit()
    intercept(page, "**/api/models", untested)
    page.get_by_role("link", name="Models", exact=True).click()
    card = page.get_by_role("region", name="Google")
    expect(card.locator("header")).to_contain_text("Key not tried yet")
    expect(card.get_by_text("The key was never tried.")).to_have_count(1)
    expect(card).not_to_contain_text("limited now")


def test_a_failed_tile_says_when_it_can_be_retried(visit: Opener) -> None:
    page = visit(runs=[("a kettle google!rate", [GOOGLE])])
    tile = page.get_by_role("group", name=re.compile("Gemini"))
    expect(tile).to_contain_text(re.compile(r"You can retry after \d\d:\d\d, in \d+ s"))


def test_the_buttons_of_a_failed_tile_are_in_sight_when_all_is_twice_as_large(visit: Opener) -> None:
    page = visit(runs=[("a kettle google!lost xai!lost", [GOOGLE, XAI])], viewport={"width": 640, "height": 400})
    tile = page.get_by_role("group", name=re.compile("Gemini"))
    expect(tile.get_by_role("button", name="Retry")).to_be_visible()
    box, button = tile.locator(".fail").bounding_box(), tile.get_by_role("button", name="Retry").bounding_box()
    assert box is not None
    assert button is not None
    assert button["y"] + button["height"] <= box["y"] + box["height"]


def test_chosen_models_stand_first_on_a_narrow_screen(visit: Opener) -> None:
    page = visit("many", viewport={"width": 390, "height": 800})
    page.get_by_role("button", name="Models and settings").click()
    models = page.get_by_role("group", name="Models")
    place = models.get_by_text("Woodcut").bounding_box()
    other = models.get_by_text("Seedream 5").bounding_box()
    assert place is not None
    assert other is not None
    assert place["x"] < other["x"]


def test_tabs_and_parts_are_apart_in_the_inspector(visit: Opener) -> None:
    page = visit(runs=[("a kettle", [AURORA])], forced_colors="active")
    page.get_by_role("group", name=re.compile("^A, Aurora")).focus()
    page.keyboard.press("i")
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("tab", selected=True)).to_have_css("outline-style", "solid")
    expect(inspector.get_by_role("tab", selected=False).first).to_have_css("outline-style", "none")
    buttons = inspector.get_by_role("button", name="Use all").bounding_box()
    heading = inspector.get_by_role("heading", name="Adjusted").bounding_box()
    assert buttons is not None
    assert heading is not None
    assert heading["y"] - buttons["y"] - buttons["height"] >= 12
