"""Everything without a mouse, and nothing that moves by itself."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_studio import FOUR, PAIR, fake, tile, until

pytestmark = pytest.mark.browser
SEEN = """() => { const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
  const near = e.closest('.chip, .tool') ?? e, o = getComputedStyle(near);
  const ring = x => x.outlineStyle !== 'none' && parseFloat(x.outlineWidth) >= 1.5;
  return [e.id || e.ariaLabel || e.textContent.slice(0, 30), ring(s) || ring(o) || e.id === 'prompt', near.getBoundingClientRect().width > 0 && box.bottom > 0 && box.top < innerHeight]; }"""


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Tabs until the element with this name has the focus; every stop on the way shows where it is."""
    for _ in range(40):
        page.keyboard.press(key)
        label, ring, there = page.evaluate(SEEN)
        assert ring, label
        assert there, label
        if re.match(name, label):
            return
    pytest.fail(f"{name} is not reached by {key}")


def test_from_the_first_letter_to_a_key_without_a_mouse(visit: Opener) -> None:
    page = visit()
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.keyboard.type("harbour xai!failed --m aurora,grok")
    expect(page.locator("#plan")).to_contain_text("2 images")
    press(page, "Control+Enter")
    expect(tile(page, "Grok Imagine")).to_contain_text("It may have been billed.")
    press(page, "Escape")  # from the prompt to the pictures
    expect(tile(page, "Aurora")).to_be_focused()
    press(page, "i")
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("heading", name="Aurora")).to_be_visible()
    press(page, "ArrowRight")
    expect(inspector.get_by_role("heading", name="Grok Imagine")).to_be_visible()
    press(page, "Escape")  # closes the inspector, keeps the place
    expect(inspector).to_have_count(0)
    expect(tile(page, "Grok Imagine")).to_be_focused()
    tab_to(page, "Retry")
    press(page, "Enter")
    expect(tile(page, "Grok Imagine")).to_contain_text("Another one costs ~$0.02 more.")
    expect(page.get_by_role("button", name="Send again")).to_be_focused()
    press(page, "Enter")
    expect(tile(page, "Grok Imagine")).to_be_focused()
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    press(page, "c ArrowLeft c Enter")
    view = page.get_by_role("dialog", name="Side by side")
    expect(view.locator("figure").first).to_be_focused()
    tab_to(page, "Flicker", "Shift+Tab")
    press(page, "Enter Escape")
    expect(view).to_have_count(0)
    expect(tile(page, "Aurora")).to_be_focused()
    tab_to(page, "Models", "Shift+Tab")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    expect(page.get_by_label("Any provider’s key")).to_be_visible()
    tab_to(page, "any-key")
    page.keyboard.type("AIzaSy-good-key-9f3c")
    press(page, "Enter")
    expect(page.get_by_text("The key works. 1 model is ready.")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()


def test_pictures_and_a_mask_go_along_by_keyboard(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    press(page, "e")
    expect(page.locator("mask-canvas")).to_be_focused()
    press(page, "Escape")
    expect(tile(page, "Aurora")).to_be_focused()
    press(page, "/")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_label("What picture 1 is for")).to_be_visible()
    tab_to(page, "Attach a mask", "Shift+Tab")
    with page.expect_file_chooser() as chosen:
        press(page, "Enter")
    chosen.value.set_files({"name": "m.png", "mimeType": "image/png", "buffer": b"\x89PNG mask"})
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
    page.get_by_role("button", name="Remove the mask").focus()
    press(page, "Enter")
    expect(page.get_by_text("Its transparent part is changed")).to_have_count(0)
    until(lambda: page.evaluate("document.activeElement.closest('.ref, #prompt') !== null"))
    page.get_by_role("button", name="Remove picture 1").focus()
    press(page, "Enter")
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    tab_to(page, "Add pictures")


def test_the_focus_stays_where_the_work_is_when_its_place_goes_away(visit: Opener) -> None:
    page = visit(runs=[("harbour demo!hold", PAIR), ("second", PAIR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    aurora = tile(page, "Aurora").first
    aurora.focus()
    tab_to(page, "Stop Aurora")
    press(page, "Enter")
    expect(aurora).to_contain_text("Stopped on request.")
    expect(aurora).to_be_focused()
    page.get_by_role("button", name="Row: second").focus()
    press(page, "ArrowDown")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    press(page, "End Enter")
    expect(page.get_by_role("heading", name="second")).to_have_count(0)
    until(lambda: page.evaluate("document.activeElement !== document.body"))


def test_x_rejects_a_picture_and_never_stops_one_that_is_being_made(visit: Opener) -> None:
    page = visit(runs=[("harbour demo!hold", PAIR)])
    expect(page.locator(".tile[data-state=working]")).to_have_count(2)
    aurora, woodcut = tile(page, "Aurora"), tile(page, "Woodcut")
    aurora.focus()
    press(page, "x")
    press(page, ".")
    expect(aurora).to_contain_text("Stopped on request.")
    expect(woodcut).not_to_contain_text("Stopped")
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Shortcuts")
    expect(sheet.get_by_role("button", name="Key for Stop what is being made: .")).to_be_visible()


def test_one_tile_is_a_tab_stop_and_escape_goes_one_step_out(visit: Opener) -> None:
    page = visit(runs=[("harbour", FOUR), ("second", FOUR)])
    expect(page.locator(".tile[data-state=done] .acts")).to_have_count(8)  # what Tab goes to
    expect(page.locator(".frame[tabindex='0']")).to_have_count(1)
    page.locator(".frame").nth(2).focus()
    press(page, "Tab")
    expect(page.locator(".frame").nth(2).get_by_role("button", name="Keep")).to_be_focused()
    press(page, "Escape")
    expect(page.locator(".frame").nth(2)).to_be_focused()
    expect(page.locator(".frame[tabindex='0']")).to_have_count(1)
    press(page, "/")
    page.keyboard.type(" --a")
    expect(page.get_by_role("option").first).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    press(page, "Escape")
    expect(page.locator(".frame").nth(2)).to_be_focused()


WATCH = """() => { window.shifts = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) window.shifts += e.value; })
  .observe({ type: 'layout-shift', buffered: true }); }"""


def under(page: Page, found: Any) -> Any:
    return found.evaluate("e => { const b = e.getBoundingClientRect(); return [Math.round(b.x), Math.round(b.y)]; }")


def test_nothing_moves_under_the_pointer(visit: Opener) -> None:
    page = visit(runs=[(f"thing {n} --ar 4:5", PAIR) for n in range(4)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(8)
    page.evaluate(WATCH)
    watched = tile(page, "Woodcut").last
    watched.hover()
    before = under(page, watched)
    fake(page, runs=[{"text": "made elsewhere demo!adjust --ar 4:5", "models": FOUR}])
    expect(page.locator(".tile[data-state=done]")).to_have_count(12)
    expect(page.get_by_role("button", name="1 new row")).to_be_visible()
    assert under(page, watched) == before
    assert page.evaluate("window.shifts") < 0.01
    page.mouse.move(700, 5)
    page.get_by_role("button", name="1 new row").click()
    expect(page.get_by_role("heading", name="made elsewhere")).to_be_in_viewport()
    created = page.get_by_label("Prompt", exact=True)
    created.fill("a quiet one demo!adjust google!adjust --ar 2:1")
    expect(page.get_by_role("button", name="Remove --ar 2:1")).to_be_visible()
    press(page, "Control+Enter")
    expect(page.locator(".tile")).to_have_count(14)
    expect(page.locator(".tile").last).to_be_in_viewport()
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    place = under(page, page.locator(".plate").last)
    expect(page.locator(".tile[data-state=done]")).to_have_count(14)
    page.wait_for_timeout(100)
    after = under(page, page.locator(".plate").last)
    assert abs(after[1] - place[1]) < 30  # a caption may say in one more line what was fitted
    assert page.evaluate("window.shifts") < 0.01
