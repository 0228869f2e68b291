"""Many tiles cost little: what is far from sight has no toolbar yet, and icons are a part of the page."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect
from tests.web.conftest import Opener, intercept

pytestmark = pytest.mark.browser
MANY = 40


def draw(page: Page, tiles: int) -> None:
    """A row of so many tiles comes while the page stands open, and every one of them has its picture."""
    expect(page.locator(".spend")).to_be_visible()  # with it comes what is under a tile
    run = {"text": "harbour", "models": ["demo/aurora"] * tiles}
    page.context.request.post("/fake", data=json.dumps({"runs": [run]}))
    expect(page.locator(".tile[data-state=done]")).to_have_count(tiles)


def test_a_toolbar_waits_until_its_tile_comes_near_or_has_the_focus(visit: Opener) -> None:
    page = visit()
    draw(page, MANY)
    tiles = page.locator(".tile")
    expect(tiles.last.locator(".acts")).to_have_count(1)  # the page stands at its end
    expect(tiles.nth(1).locator(".acts")).to_have_count(0)
    tiles.nth(1).locator(".frame").evaluate("e => e.focus({ preventScroll: true })")
    expect(tiles.nth(1).locator(".acts")).to_have_count(1)
    expect(tiles.nth(2).locator(".acts")).to_have_count(0)
    page.locator(".rows").evaluate("e => { e.scrollTop = 0 }")
    expect(tiles.nth(2).locator(".acts")).to_have_count(1)


def test_where_a_finger_points_every_tile_has_its_toolbar_at_once(visit: Opener) -> None:
    page = visit(has_touch=True, is_mobile=True)  # there it takes a place of its own: nothing may move when it comes
    draw(page, MANY)
    expect(page.locator(".acts")).to_have_count(MANY)


def test_icons_are_drawn_from_the_page_itself(visit: Opener) -> None:
    page = visit()
    expect(page.locator("symbol").first).to_be_attached()  # an icon that is drawn before is drawn from its file
    draw(page, 1)
    expect(page.locator(".acts use")).not_to_have_count(0)
    icons = page.locator(".acts use").evaluate_all("all => all.map(e => e.getAttribute('href'))")
    assert icons
    assert all(icon.startswith("#i-") for icon in icons)
    assert page.evaluate("all => all.filter(one => !document.querySelector(`symbol${one}`))", icons) == []


def test_icons_that_cannot_be_brought_are_drawn_from_their_file(visit: Opener) -> None:
    def fail(route: Route) -> None:
        if route.request.resource_type == "fetch":
            route.fulfill(status=500)
        else:
            route.continue_()

    page = visit(expected=("icons.svg",))
    intercept(page, "**/icons.svg", fail)
    page.reload()
    draw(page, 1)
    first = page.locator(".acts use").first
    expect(first).to_have_attribute("href", re.compile(r"/icons\.svg#columns-2$"))
