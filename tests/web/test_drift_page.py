"""Drift watch in a real browser on the real server: a provider that draws otherwise one day is seen, by keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.integration.test_drift import another_style
from tests.web.test_batches import NANO, choose, clean, opened
from tests.web.test_whole_way import Studio

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, tmp_path: Path, emulators: Emulators) -> Iterator[Page]:
    studio = Studio(tmp_path / "data", emulators)
    studio.environment["GEMINI_API_KEY"] = emulators.google.key
    studio.start()
    context, made, errors = opened(browser, studio)
    yield made
    context.close()
    studio.stop()
    assert errors == []


def check(page: Page, says: str) -> None:
    button = page.get_by_role("button", name=re.compile("^Check now, about"))
    expect(button).to_be_enabled()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text(says, timeout=90_000)  # paintings on a busy machine


def test_a_watch_is_saved_checked_and_says_what_moved(page: Page, axe: str) -> None:
    choose(page, NANO)
    page.get_by_label("Prompt", exact=True).fill("a steel kettle")
    page.goto("/drift")
    form = page.get_by_role("form", name="Watch your first prompts")
    expect(form.get_by_label("Prompts, one on each line")).to_have_value("a steel kettle")
    expect(form.get_by_role("status")).to_contain_text("One check makes 4 pictures: about $0.268.")
    clean(page, axe, "a new watch")
    form.get_by_role("button", name="Save the watch").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("Not checked yet.")
    check(page, "This is the last good one")
    check(page, "Nothing moved.")
    with another_style():
        check(page, "Gemini 3.1 Flash Image moved.")
    row = page.get_by_role("row", name=re.compile("a steel kettle"))
    expect(row).to_contain_text("moved")
    clean(page, axe, "moved")

    page.get_by_role("button", name=re.compile("^Side by side: a steel kettle")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Side by side")).to_be_visible()
    expect(page.get_by_role("dialog", name="Side by side").locator("img")).not_to_have_count(0)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Check every day…").focus()
    page.keyboard.press("Enter")
    ask = page.get_by_role("group", name="Switch the schedule on?")
    expect(ask).to_contain_text("A check costs about $0.268, every day")
    ask.get_by_role("button", name="Switch on").click()
    expect(page.locator(".facts")).to_contain_text("checked every day, next")

    page.goto("/")
    chip = page.locator(".chip", has_text="Gemini 3.1 Flash Image").filter(has_text="moved since")
    expect(chip).to_have_count(1)
    chip.get_by_role("link", name=re.compile("^moved since")).click()
    expect(page.get_by_role("heading", name="Drift", level=1)).to_be_visible()
    page.get_by_role("button", name="More: a steel kettle").click()
    page.get_by_role("menuitem", name=re.compile("Mark the latest as good")).click()
    expect(page.locator(".said")).to_contain_text("This is the last good one")
    page.goto("/")
    expect(page.locator(".chip", has_text="Gemini 3.1 Flash Image").first).to_be_visible()
    expect(page.locator(".chip", has_text="moved since")).to_have_count(0)
