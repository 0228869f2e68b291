"""Drafts in a real browser on the real server: one switch, what it means for each model, and a final by key and by menu."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import watched
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser
DONE = ".tile[data-state=done]"
LONG = 60_000  # milliseconds for a painting on a busy machine


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    made = Studio(Path(tmp_path_factory.mktemp("drafts")) / "data", emulator_servers)
    made.start()
    yield made
    made.stop(signal.SIGTERM)


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    with watched(browser, studio.url) as opened:
        yield opened


def test_one_switch_drafts_and_one_key_makes_it_final(page: Page, axe: str) -> None:
    switch = page.get_by_role("group", name="Draft or final")
    switch.get_by_role("button", name="Draft").click()
    page.get_by_label("Prompt", exact=True).fill("a lighthouse --ar 3:2 --m aurora")
    means = page.get_by_role("button", name="What a draft is")
    expect(means).to_be_visible()
    expect(page.locator("#plan")).to_contain_text("1 image")
    means.click()
    expect(page.get_by_role("menuitem", name=re.compile("Aurora: size 512"))).to_contain_text("final free")
    page.keyboard.press("Escape")
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator(DONE)).to_have_count(1, timeout=LONG)
    draft = page.locator(DONE).first
    expect(draft).to_contain_text("Draft: size 512")
    assert violations(page, axe) == []
    frame = draft.locator(".frame")
    frame.focus()
    expect(frame).to_be_focused()
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator(DONE)).to_have_count(2, timeout=LONG)
    final = page.locator(DONE).nth(1)
    expect(final).to_contain_text("Final of a draft")
    wide = [page.locator(f"{DONE} img.picture").nth(n).get_attribute("width") for n in (0, 1)]
    assert int(wide[0] or 0) < int(wide[1] or 0)
    frame.focus()
    page.keyboard.press("l")
    expect(page.get_by_role("treeitem", name=re.compile("made final"))).to_be_visible()
    page.goto("/")
    expect(page.locator(DONE).first).to_contain_text("Draft: size 512")  # also after a reload
    expect(switch.get_by_role("button", name="Draft")).to_have_attribute("aria-pressed", "true")


def test_another_model_makes_the_final_by_a_menu_with_prices(page: Page) -> None:
    page.get_by_role("group", name="Draft or final").get_by_role("button", name="Draft").click()
    expect(page.locator(DONE)).to_have_count(2)
    page.get_by_label("Prompt", exact=True).fill("a pier --m woodcut")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".row")).to_have_count(2)
    row = page.locator(".row").last
    expect(row.locator(DONE)).to_have_count(1, timeout=LONG)
    tile = row.locator(DONE).first
    tile.locator(".frame").focus()
    tile.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=re.compile("Make final on")).click()
    menu = page.get_by_role("menu", name="Make final on")
    expect(menu.get_by_role("menuitem", name=re.compile("^Woodcut.*free"))).to_be_visible()
    menu.get_by_role("menuitem", name=re.compile("^Aurora")).click()
    final = row.locator(".tile").nth(1)  # a painting at its full size: that it comes is looked at above
    expect(final).to_contain_text("Aurora")
    expect(final).to_contain_text("Final of a draft")


def test_the_prompt_bar_makes_a_final_with_the_same_key_whatever_the_switch_says(page: Page) -> None:
    page.get_by_role("group", name="Draft or final").get_by_role("button", name="Draft").click()
    page.get_by_label("Prompt", exact=True).fill("a buoy --size 256x256 --m aurora")
    with page.expect_request(lambda r: r.method == "POST" and r.url.endswith("/api/runs")) as sent:
        page.keyboard.press("Control+Shift+Enter")
    assert (sent.value.post_data_json or {}).get("tier") == "final"
