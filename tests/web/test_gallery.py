"""The gallery as a person uses it: looked through, searched, marked, thrown away and taken back, culled."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def opened(visit: Opener, size: int = 400, **options: Any) -> Page:
    page = visit(**options)
    page.context.request.post("/fake", data={"gallery": size})
    page.goto("/gallery")
    expect(page.get_by_label("Search the gallery")).to_be_visible()
    if size:
        expect(page.get_by_role("option").first).to_be_visible()
    return page


def cell(page: Page, number: int) -> Any:
    return page.locator(f"#cell-{number}")


def sent(page: Page) -> list[Any]:
    calls = page.context.request.post("/fake", data={}).json()["calls"]
    return [body for method, path, body in calls if (method, path) == ("PATCH", "/api/gallery")]


def test_a_hundred_thousand_pictures_are_few_in_the_page(visit: Opener) -> None:
    page = opened(visit, 100_000)
    expect(page.locator("#found")).to_have_text("100,000 pictures")
    counts = []
    for key in ("End", "PageUp", "Home", "PageDown", "ArrowDown", "End"):
        page.keyboard.press(key)
        counts.append(page.locator(".cell").count())
    expect(cell(page, 99_999)).to_have_attribute("aria-label", re.compile("number 99999"))
    expect(cell(page, 99_999)).to_have_attribute("data-active", "true")
    expect(cell(page, 99_999)).to_be_in_viewport()
    page.set_viewport_size({"width": 2560, "height": 1440})
    expect(page.get_by_role("option").first).to_be_visible()
    counts.append(page.locator(".cell").count())
    assert max(counts) < 150


def test_it_is_the_second_place(visit: Opener) -> None:
    page = visit()
    page.get_by_role("navigation", name="Workspace").get_by_role("link").nth(1).click()
    expect(page).to_have_url(re.compile("/gallery$"))
    expect(page.get_by_text("Everything that you make is kept here.")).to_be_visible()
    expect(page.get_by_role("link", name="Gallery")).to_have_attribute("aria-current", "page")


def test_a_search_with_fields_that_help_and_words_for_what_is_wrong(visit: Opener) -> None:
    page = opened(visit, expected=("400",))
    box = page.get_by_label("Search the gallery")
    box.fill("fox")
    expect(page.locator("#found")).to_have_text("100 pictures")
    expect(page).to_have_url(re.compile(r"q=fox"))
    page.reload()
    expect(page.locator("#found")).to_have_text("100 pictures")
    box.fill("fox st")
    page.get_by_role("button", name="stars:").click()
    expect(box).to_be_focused()
    expect(box).to_have_value("fox stars:")
    expect(page.locator("#wrong")).to_contain_text("stars: has no value. Write stars:yes.")
    expect(box).to_have_attribute("aria-invalid", "true")
    box.press_sequentially("0")
    expect(page.locator("#found")).to_have_text("100 pictures")
    expect(page.locator("#wrong")).to_be_empty()
    box.fill("harbor")
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator("#found")).to_have_text("400 pictures")


def test_pictures_are_marked_by_keyboard_and_taken_back(visit: Opener) -> None:
    page = opened(visit)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("4")
    expect(cell(page, 1)).to_have_attribute("aria-label", re.compile("4 stars"))
    page.keyboard.press("Control+z")
    expect(cell(page, 1)).not_to_have_attribute("aria-label", re.compile("stars"))
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("[data-verdict=rejected]")).to_have_count(3)
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("[data-verdict=rejected]")).to_have_count(0)
    page.locator(".cells").focus()
    page.keyboard.press("Backspace")
    expect(page.locator("#found")).to_have_text("397 pictures")
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#found")).to_have_text("400 pictures")
    assert [sorted(body["pictures"]) for body in sent(page)] == [["img_g1"], *[["img_g1", "img_g2", "img_g3"]] * 2]


def test_pictures_are_chosen_by_mouse_and_tagged(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    cell(page, 2).click(modifiers=["Control"])
    cell(page, 5).click(modifiers=["Shift"])
    expect(page.get_by_role("option", selected=True)).to_have_count(5)
    cell(page, 2).click(modifiers=["Control"])
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tag", exact=True).fill("spring")
    page.keyboard.press("Enter")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("tagged spring"))
    page.get_by_label("Search the gallery").fill("tag:spring")
    expect(page.locator("#found")).to_have_text("4 pictures")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    expect(page.get_by_text("4 chosen")).to_be_visible()


def test_pictures_go_on_to_compare_references_and_their_like(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    cell(page, 3).click(modifiers=["Control"])
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("dialog .plate")).to_have_count(2)
    page.keyboard.press("Escape")
    cell(page, 1).click()
    page.get_by_role("button", name="Find similar").click()
    expect(page.get_by_text("Looks like this one")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("button", name="Back to all").click()
    expect(page.locator("#found")).to_have_text("400 pictures")
    cell(page, 1).click()
    page.get_by_role("button", name="Use as reference").click()
    expect(page.get_by_role("list", name="Pictures that go along").locator("li")).to_have_count(1)


def test_culling_leaves_a_shortlist_and_has_a_second_round(visit: Opener) -> None:
    page = opened(visit, 6)
    page.keyboard.press("u")
    told = page.locator("dialog.cull header [role=status]")
    expect(told).to_have_text("6 left")
    for key, left in (
        (" ", "5 left"),
        ("x", "4 left"),
        ("4", "3 left"),
        ("2", "2 left"),
        ("ArrowLeft", "3 left"),
        ("5", "2 left"),
        ("x", "1 left"),
    ):
        page.keyboard.press(key)
        expect(told).to_have_text(left)
    page.keyboard.press("ArrowRight")
    expect(told).to_have_text("3 pictures on the shortlist")
    page.get_by_role("button", name="Round 2").click()
    expect(told).to_have_text("3 left")
    page.keyboard.press(" ")
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    expect(page.locator("[data-verdict=kept]")).to_have_count(1)


def test_a_gallery_that_cannot_be_read_says_so(visit: Opener) -> None:
    page = opened(visit, expected=("503",))
    page.context.request.post("/fake", data={"broken": True})
    page.get_by_label("Search the gallery").fill("fox")
    expect(page.get_by_role("alert")).to_contain_text("The database is locked. Try again in a moment.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_in_the_way_of_anybody(visit: Opener, axe: str, scheme: str, width: int) -> None:
    page = opened(visit, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert violations(page, axe) == []
    cell(page, 0).click()
    page.keyboard.press("3")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("3 stars"))
    page.get_by_label("Search the gallery").focus()
    expect(page.get_by_role("list", name="Fields")).to_be_visible()
    assert violations(page, axe) == []
    page.locator(".cells").focus()
    page.keyboard.press("u")
    expect(page.get_by_role("dialog", name="Cull")).to_be_visible()
    assert violations(page, axe) == []
