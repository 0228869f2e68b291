"""What the page says: a toast leaves time to act on it, and what went by is read and taken back from the list of notices."""

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_studio import PAIR
from tests.web.test_views import violations

pytestmark = pytest.mark.browser
KEPT, STARS, BINNED = "Kept.", "4 stars.", "In the trash for 30 days"


def shown(visit: Opener, **options: object) -> Page:
    """A row, the keyboard on its first tile."""
    page = visit(runs=[("harbour", PAIR)], **options)
    expect(page.locator(".picture.in")).to_have_count(2)
    page.locator(".frame").first.focus()
    return page


def bin_it(page: Page) -> None:
    page.keyboard.press("Backspace")
    expect(page.locator(".toast")).to_have_text(BINNED + "Undo")


def test_a_toast_with_a_way_back_stays_twenty_seconds_and_while_it_is_looked_at(visit: Opener) -> None:
    page = shown(visit)
    page.clock.install()
    bin_it(page)
    toast = page.locator(".toast")
    page.clock.fast_forward(10_000)  # the clock goes on by itself, too
    expect(toast).to_be_visible()
    toast.hover()
    page.clock.fast_forward(60_000)
    expect(toast).to_be_visible()
    toast.get_by_role("button", name="Undo").focus()
    page.mouse.move(700, 10)
    page.clock.fast_forward(60_000)
    expect(toast).to_be_visible()
    page.locator(".frame").first.focus()
    page.clock.fast_forward(10_000)
    expect(toast).to_have_count(0)
    page.keyboard.press("Control+z")  # and then the key still takes it back
    expect(page.get_by_text("In the trash", exact=True)).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(toast).to_have_text("There is nothing to undo.")
    page.clock.fast_forward(10_000)
    expect(toast).to_have_count(0)


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"},
    ],
)
def test_what_went_by_stands_on_the_list_of_notices(visit: Opener, axe: str, options: dict[str, object]) -> None:
    page = shown(visit, **options)
    page.keyboard.press("k")
    expect(page.get_by_role("img", name="Kept", exact=True)).to_be_visible()
    page.keyboard.press("4")
    expect(page.get_by_role("img", name="Kept, 4 stars")).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)  # what is seen on the picture itself is no toast
    bin_it(page)
    rail = page.locator(".rail")
    rail.get_by_role("button", name="Notices").or_(rail.get_by_role("button", name="More")).click()
    if "viewport" in options:
        page.get_by_role("menuitem", name="Notices").click()
    sheet = page.get_by_role("dialog", name="Notices")
    lines = sheet.get_by_role("listitem")
    expect(lines).to_have_count(3)
    for line, text in zip(lines.all(), (BINNED, STARS, KEPT), strict=True):
        expect(line).to_contain_text(text)
    last = lines.first.get_by_role("button")
    expect(last).to_be_focused()
    assert violations(page, axe) == []
    page.keyboard.press("Enter")
    expect(last).to_have_text("Taken back")
    expect(last).to_be_focused()
    expect(page.locator(".toast")).to_have_count(0)  # it no longer offers what was taken
    lines.last.get_by_role("button", name="Undo: Kept.").click()
    expect(lines.last.get_by_role("button")).to_have_text("Taken back")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(page.get_by_role("img", name="4 stars", exact=True)).to_be_visible()
    page.locator(".frame").first.focus()
    page.keyboard.press("Control+z")  # what was taken back there is not taken back twice
    expect(page.get_by_role("img", name="4 stars", exact=True)).to_have_count(0)
    page.keyboard.press("n")
    expect(sheet.get_by_role("button", name="Taken back: 4 stars.")).to_be_visible()


def test_nothing_was_said_yet(visit: Opener) -> None:
    page = visit()
    page.get_by_role("button", name="Notices").click()
    sheet = page.get_by_role("dialog", name="Notices")
    expect(sheet).to_contain_text("Nothing was said yet. Ctrl Z takes back what was done last.")
    expect(sheet.get_by_role("listitem")).to_have_count(0)


def test_a_short_window_has_its_tools_in_a_menu(visit: Opener) -> None:
    page = visit(viewport={"width": 1280, "height": 500})
    more = page.locator(".rail").get_by_role("button", name="More")
    expect(more).to_be_in_viewport(ratio=1)
    more.click()
    for name in ("Notices", "Shortcuts", "Settings", "Switch light and dark"):
        expect(page.get_by_role("menuitem", name=name)).to_be_in_viewport(ratio=1)
