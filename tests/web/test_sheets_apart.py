"""No style sheet of one view changes what another one shows: each stays in the page once its view was opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.web.test_every_view import BENCH, OPEN, Made, made, opened
from tests.web.test_whole_way import done

from triptych.web import assets

__all__ = ["made"]
pytestmark = pytest.mark.browser
FIRST = {"tokens", "app", "phone"}  # there from the first paint
ALONE = {"usage", "offline"}  # of pages of their own
LAZY = sorted({path.stem for path in Path(assets.ROOT / "style").glob("*.css")} - FIRST - ALONE)
SHOWN = """() => [...document.querySelectorAll('main *, dialog *, [role=menu] *')].filter(e => !e.closest('svg') || e.tagName === 'svg').map(e => {
  const { left, top, width, height } = e.getBoundingClientRect(), { color, backgroundColor } = getComputedStyle(e);
  return [`${e.tagName}.${e.getAttribute('class') ?? ''}`, ...[left, top, width, height].map(Math.round), color, backgroundColor].join(' ');
})"""
ADD = """name => new Promise(done => {
  const href = document.querySelector('script[type=module]').src.replace('app/main.js', `style/${name}.css`);
  if ([...document.styleSheets].some(s => s.href === href)) { done(false); return; }
  document.head.append(Object.assign(document.createElement('link'), { id: 'added', rel: 'stylesheet', href, onload: () => done(true), onerror: () => done(null) }));
})"""


def side_by_side(page: Page) -> None:
    page.locator(".frame[data-image]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.compare figure")).to_have_count(2)


def formats(page: Page) -> None:
    page.locator(".frame[data-image]").first.focus()
    page.keyboard.press("f")
    expect(page.locator(".formats .card")).not_to_have_count(0)
    page.get_by_role("button", name="Make formats").click()
    expect(
        page.get_by_role("dialog", name="Make formats").get_by_role("button", name="Make", exact=True)
    ).to_be_enabled()


def suggestions(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("a kite --s")
    page.get_by_label("Prompt", exact=True).press("e")
    expect(page.get_by_role("option").first).to_be_visible()


def over(name: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.evaluate(OPEN, name)
        expect(page.locator("dialog[open]")).to_be_visible()

    return show


def edit(page: Page) -> None:
    page.evaluate(BENCH, "edit")
    expect(page.locator("dialog.editor[open]")).to_be_visible()
    expect(page.locator("mask-canvas[aria-busy]")).to_have_count(0)


def view(path: str) -> Callable[[Page], None]:
    """By its address: the studio brings sheets of its own."""

    def show(page: Page) -> None:
        page.goto(path)
        expect(page.locator("main > :nth-child(2)")).to_be_visible()

    return show


PLACES: dict[str, Callable[[Page], None]] = {
    "compare": side_by_side, "formats": formats, "suggestions": suggestions, "help": over("help"), "settings": over("settings"),
    "edit": edit, "ranking": view("/ranking"), "queue": view("/queue"), "drift": view("/drift"), "models": view("/models"),
    "gallery": view("/gallery"), "kit": view("/kit"), "lineage": view("/lineage"), "network": view("/network"), "router": view("/router"),
}  # fmt: skip


def settled(page: Page) -> Any:
    """What is shown once nothing moves any more."""
    last, now = None, page.evaluate(SHOWN)
    while now != last:
        page.evaluate("document.fonts.ready.then(() => new Promise(done => setTimeout(done, 120)))")
        last, now = now, page.evaluate(SHOWN)
    return now


@pytest.mark.parametrize("name", PLACES)
def test_no_sheet_of_another_view_changes_this_one(browser: Browser, made: Made, name: str) -> None:
    page = opened(browser, made.url, "desktop")
    done(page, 3)
    PLACES[name](page)
    before, changed, left = settled(page), dict[str, list[str]](), LAZY[:]
    while left:
        added = page.evaluate(ADD, left[0])
        assert added is not None, left[0]
        if added:
            page.evaluate("new Promise(requestAnimationFrame)")
            now = page.evaluate(SHOWN)
            page.evaluate("document.getElementById('added').remove()")
            if (after := settled(page)) != before:  # something came meanwhile: once more
                before = after
                continue
            if now != before:
                changed[left[0]] = sorted(set(now) ^ set(before))[:6]
        left.pop(0)
    page.context.close()
    assert changed == {}
