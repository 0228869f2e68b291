"""Pictures judged where they were drawn: kept, rejected, rated and thrown away in their row, which is culled, chosen and compared blind."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_keyboard import press
from tests.web.test_studio import FOUR, PAIR, fake, heard, tile, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def rows(visit: Opener, models: list[str] = PAIR, text: str = "harbour", **options: Any) -> Page:
    page = visit(runs=[(text, models)], **options)
    expect(page.locator(".tile[data-state=done] .acts")).to_have_count(len(models))
    page.locator(".frame").first.focus()
    return page


def mark(frame: Any) -> Any:
    """What stands in the corner of a tile's picture."""
    return frame.locator(".corner")


def asked(page: Page) -> list[Any]:
    return [body for method, path, body in fake(page)["calls"] if (method, path) == ("PATCH", "/api/gallery")]


def test_keys_judge_a_picture_in_its_row_and_undo_takes_it_back(visit: Opener, axe: str) -> None:
    page = rows(visit, color_scheme="dark")
    aurora, other = tile(page, "Aurora"), tile(page, "Woodcut")
    again = page.context.new_page()
    again.goto("/")
    press(page, "k")
    for each in (page, again):
        expect(mark(tile(each, "Aurora"))).to_have_accessible_name("Kept")
    expect(aurora).to_have_accessible_description("Kept")
    expect(aurora.get_by_role("button", name="Keep")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".toast")).to_have_count(0)
    press(page, "4")
    expect(mark(aurora)).to_have_accessible_name("Kept, 4 stars")
    press(page, "x")
    expect(mark(aurora)).to_have_accessible_name("Rejected, 4 stars")
    assert violations(page, axe) == []
    press(page, "0 x")
    expect(mark(aurora)).to_have_count(0)
    expect(aurora).to_have_accessible_description("")
    with page.expect_response("**/api/gallery/undo"):  # "Kept" stands there once before it
        press(page, "k k Control+z")  # the second takes back the first, before either is answered; undo waits for both
    for each in (page, again):
        expect(mark(tile(each, "Aurora"))).to_have_accessible_name("Kept")
    expect(aurora).to_be_focused()
    expect(mark(other)).to_have_count(0)
    page.reload()
    expect(mark(aurora)).to_have_accessible_name("Kept")


def test_a_picture_goes_into_the_trash_from_its_row_and_comes_back(visit: Opener) -> None:
    page = rows(visit)
    aurora = tile(page, "Aurora")
    press(page, "Backspace")
    expect(aurora.get_by_text("In the trash")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(aurora.get_by_text("In the trash")).to_have_count(0)
    aurora.focus()
    press(page, "Delete")
    expect(aurora.get_by_text("In the trash")).to_be_visible()
    press(page, "Backspace")
    expect(aurora.get_by_text("In the trash")).to_have_count(0)


def test_a_failed_tile_goes_into_the_trash_from_its_row_and_comes_back(visit: Opener, axe: str) -> None:
    page = visit(runs=[("harbour openai!blocked", ["demo/aurora", "openai/gpt-image-2"])], color_scheme="dark")
    failed = tile(page, "GPT Image 2")
    expect(failed.get_by_text("Refused by a content rule")).to_be_visible()
    again = page.context.new_page()
    again.goto("/")
    failed.focus()
    press(page, "Backspace")
    for each in (page, again):
        expect(tile(each, "GPT Image 2").get_by_text("In the trash")).to_be_visible()
    expect(failed.get_by_role("button", name="Retry")).to_have_count(0)
    assert violations(page, axe) == []
    page.get_by_role("button", name="Undo").click()
    for each in (page, again):
        expect(tile(each, "GPT Image 2").get_by_text("In the trash")).to_have_count(0)
    failed.get_by_role("button", name="Trash").click()
    expect(failed.get_by_text("In the trash")).to_be_visible()
    page.reload()
    failed.get_by_role("button", name="Take back").click()
    expect(failed.get_by_text("Refused by a content rule")).to_be_visible()
    assert [body for _, path, body in fake(page)["calls"] if path.endswith("/trash")] == [
        {"trashed": value} for value in (True, False, True, False)
    ]


def test_keep_is_the_first_button_and_the_menu_says_the_rest(visit: Opener) -> None:
    page = rows(visit)
    aurora = tile(page, "Aurora")
    press(page, "Tab")
    expect(aurora.get_by_role("button", name="Keep")).to_be_focused()
    press(page, "Enter")
    expect(mark(aurora)).to_have_accessible_name("Kept")
    choose(aurora, "Keep no longer")
    expect(mark(aurora)).to_have_count(0)
    choose(aurora, "Stars…")
    page.get_by_role("menuitem", name="★★★", exact=True).or_(
        page.get_by_role("menuitem", name="★★★ 3", exact=True)
    ).click()
    expect(mark(aurora)).to_have_accessible_name("3 stars")
    choose(aurora, "Reject")
    expect(mark(aurora)).to_have_accessible_name("Rejected, 3 stars")
    choose(aurora, "Trash")
    expect(aurora.get_by_text("In the trash")).to_be_visible()


def choose(frame: Any, name: str) -> None:
    frame.get_by_role("button", name="More").click()
    frame.page.get_by_role("menuitem", name=re.compile(rf"^{name}( ?[A-Z1⌫].{{0,2}})?$")).click()


def test_letters_that_are_switched_off_judge_nothing(visit: Opener) -> None:
    page = rows(visit)
    page.evaluate("localStorage.letters = 'off'")
    page.reload()
    expect(page.locator(".tile[data-state=done] .acts")).to_have_count(2)
    tile(page, "Aurora").focus()
    press(page, "k x 3 u b Control+a")
    expect(page.get_by_role("group", name="Side by side").get_by_role("button", name="Compare 2")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert asked(page) == []


def test_a_row_is_chosen_and_culled_by_one_key_each(visit: Opener) -> None:
    page = rows(visit, FOUR)
    tray = page.get_by_role("group", name="Side by side")
    press(page, "Control+a")
    expect(tray.get_by_role("button", name="Compare 4")).to_be_visible()
    press(page, "Control+a")
    expect(tray).to_have_count(0)
    press(page, "ArrowRight Backspace")
    here = page.locator(".frame").nth(1)
    expect(here.get_by_text("In the trash")).to_be_visible()
    press(page, "u")
    left = page.locator("dialog.cull header [role=status]")
    expect(left).to_have_text("3 left")  # without what is in the trash
    press(page, "Space x")
    expect(left).to_have_text("1 left")
    press(page, "4")
    expect(left).to_have_text("2 pictures on the shortlist")
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(here).to_be_focused()
    expect(tray.get_by_role("button", name="Compare 2")).to_be_visible()
    said = "es => es.map(e => e.getAttribute('aria-label'))"
    until(lambda: page.locator(".frame .corner").evaluate_all(said) == ["Kept", "Rejected", "4 stars"])


def test_a_row_is_compared_blind_by_one_key(visit: Opener) -> None:
    page = rows(visit, FOUR)
    press(page, "b")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figcaption .called")).to_have_text(["A", "B", "C", "D"])
    assert not re.search("Aurora|Seedream|Grok|Gemini", view.inner_html())
    press(page, "2")
    expect(view.get_by_role("heading")).to_have_text(re.compile(r"^You picked [A-D]: \w"))
    assert page.request.get("/api/picks").json()["picks"][0]["blind"] is True
    press(page, "Escape")
    expect(page.locator(".frame").first).to_be_focused()


def test_one_picture_alone_is_not_compared_blind(visit: Opener) -> None:
    page = rows(visit, PAIR[:1])
    press(page, "b")
    expect(page.get_by_text("There is only one picture: nothing to compare.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_would_tell_a_maker_waits_for_the_pick(visit: Opener) -> None:
    page = rows(visit, FOUR, "harbour --blind")
    for key in "fszo":
        press(page, key)
        expect(page.get_by_text("Pick one of this row first.")).to_be_visible()
        page.get_by_role("button", name="Dismiss").click()
        page.locator(".frame").first.focus()
    assert not [path for _, path, _ in fake(page)["calls"] if re.search("/kits|similar|tasks", path)]
    press(page, "k")  # judging is what a blind row is for
    expect(mark(page.locator(".frame").first)).to_have_accessible_name("Kept")


def test_what_is_typed_before_the_cull_is_there_is_meant_for_it(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR)])
    held: list[Any] = []
    intercept(page, re.compile(r"/app/cull\.js"), lambda route: held.append(route))
    expect(page.locator(".tile[data-state=done] .acts")).to_have_count(4)
    page.locator(".frame").first.focus()
    press(page, "u Space x 4 ArrowRight ArrowLeft")  # each means something on a tile, too
    heard(page, lambda: bool(held))
    for route in held:
        route.continue_()
    left = page.locator("dialog.cull header [role=status]")
    expect(left).to_have_text("1 left")
    press(page, "x")
    expect(left).to_have_text("2 pictures on the shortlist")
    until(lambda: len(asked(page)) == 4)
    assert [body.get("verdict") or body["stars"] for body in asked(page)] == ["kept", "rejected", 4, "rejected"]
    assert len({picture for body in asked(page) for picture in body["pictures"]}) == 4


def test_escape_gives_up_a_cull_that_is_on_its_way(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    held: list[Any] = []
    intercept(page, re.compile(r"/app/cull\.js"), lambda route: held.append(route))
    expect(page.locator(".tile[data-state=done] .acts")).to_have_count(2)
    page.locator(".frame").first.focus()
    press(page, "u x Escape k")
    expect(mark(page.locator(".frame").first)).to_have_accessible_name("Kept")
    intercept(page, re.compile(r"/app/cull\.js"), lambda route: route.continue_())
    for route in held:  # it may have been asked for already
        route.continue_()
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "u")
    expect(page.locator("dialog.cull header [role=status]")).to_have_text("2 left")
    assert [body["verdict"] for body in asked(page)] == ["kept"]


def test_the_sheet_of_shortcuts_has_them(visit: Opener) -> None:
    page = rows(visit)
    press(page, "?")
    part = page.get_by_role("dialog", name="Shortcuts").locator(
        "section", has=page.get_by_role("heading", name="On a picture")
    )
    expect(part).to_be_visible()
    keys = dict(
        part.locator("dl > div").evaluate_all(
            "all => all.map(d => [d.querySelector('dd').textContent, d.querySelector('dt').textContent])"
        )
    )
    told = {"Keep, and back": "K", "Reject, and back": "X", "Trash, or take back": "⌫", "Stars": "1–5, 0", "Put the row side by side": "Ctrl A",
            "Compare blind": "B", "Cull this row": "U", "Enlarge": "Z", "Remove the background": "O"}  # fmt: skip
    assert {name: keys.get(name) for name in told} == told, json.dumps(keys)
