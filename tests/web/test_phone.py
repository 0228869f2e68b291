"""On a phone: nothing scrolls sideways, fingers find their targets, a row is a deck with a strip, a long press flickers."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_gallery import opened
from tests.web.test_studio import FOUR, PAIR, tile, until

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
WIDE = """() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth,
  ...[...document.querySelectorAll('main, .scroll, .composer, dialog[open]')].map(e => e.scrollWidth))"""
LEAST = 40
SMALL = """least => [...document.querySelectorAll('button, a[href], select, summary, label.chip, label.tool, label.switch')]
  .filter(e => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !e.closest('.skip, .vh, p.sub, p.rule, .toasts, [popover]'))
  .map(e => [e.ariaLabel || e.textContent.trim().slice(0, 40), e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height < least - .5)
  .map(([name, b]) => `${name}: ${Math.round(b.width)}x${Math.round(b.height)}`)"""


def fits(page: Page) -> None:
    assert page.evaluate(WIDE) <= 360
    assert page.evaluate(SMALL, LEAST) == []


def test_a_row_is_swiped_and_its_strip_leads_to_each_tile(visit: Opener) -> None:
    page = visit(runs=[("harbour --ar 4:5", FOUR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    film = page.get_by_role("group", name="Tiles of this row")
    expect(film.get_by_role("button")).to_have_count(4)
    expect(film.get_by_role("button").first).to_have_attribute("aria-current", "true")
    fits(page)
    film.get_by_role("button", name="C, Gemini").tap()
    expect(tile(page, "Gemini 3.1 Flash Image")).to_be_in_viewport(ratio=0.9)
    expect(film.get_by_role("button", name="C, Gemini")).to_have_attribute("aria-current", "true")
    assert page.locator(".tiles").evaluate("e => getComputedStyle(e).scrollSnapType") == "x mandatory"


@pytest.mark.parametrize("path", ["/gallery", "/models", "/router", "/ranking"])
def test_views_fit(visit: Opener, path: str) -> None:
    page = opened(visit, 30, **PHONE) if path == "/gallery" else visit(path=path, **PHONE)
    expect(page.locator("main > :nth-child(2)")).to_be_visible()
    assert page.evaluate(WIDE) <= 360


def press(page: Page, kind: str, place: Any) -> None:
    place.dispatch_event(
        kind, {"pointerType": "touch", "isPrimary": True, "clientX": 90, "clientY": 300, "bubbles": True}
    )


def test_a_long_press_flickers_between_two(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").locator(".picture").tap()
    view = page.get_by_role("dialog", name="Side by side")
    assert page.evaluate(WIDE) <= 360
    view.get_by_role("button", name="Flicker").tap()
    expect(view.locator("figcaption")).to_contain_text("B Woodcut")
    stage = view.locator("zoom-stage")
    press(page, "pointerdown", stage)
    expect(view.locator("figcaption")).to_contain_text("A Aurora")
    press(page, "pointerup", stage)
    expect(view.locator("figcaption")).to_contain_text("B Woodcut")


def test_a_picture_is_shared_by_the_system(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], **PHONE)
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    page.evaluate(
        """() => { window.shared = []; navigator.canShare = () => true; navigator.share = async d => { window.shared.push(d.files.map(f => [f.type, f.size > 100])); }; }"""
    )
    tile(page, "Aurora").get_by_role("button", name="More").tap()
    page.get_by_role("menuitem", name="Share…").tap()
    until(lambda: page.evaluate("window.shared.length") == 1)
    assert page.evaluate("window.shared") == [[["image/png", True]]]
