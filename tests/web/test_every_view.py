"""Every address and everything that opens over a view, on a real server: axe finds nothing, and no colour alone says a thing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio, create, done

from triptych.web import assets
from triptych.web.shell import PAGES

pytestmark = pytest.mark.browser
VIEWS = [path for path in PAGES if "{" not in path]
OVER = re.findall(r"^  (\w+): part\(", (assets.ROOT / "app" / "over.js").read_text("utf-8"), re.MULTILINE)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    },
}
OPEN = "name => import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js')).then(s => { s.over.value = name; })"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators, browser: Browser) -> Iterator[Studio]:
    """A server that has drawn one row."""
    studio = Studio(tmp_path_factory.mktemp("every") / "data", emulator_servers)
    studio.start()
    page = browser.new_context(service_workers="block").new_page()
    page.goto(studio.url)
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    create(page, "a steel kettle on basalt, dawn --ar 4:5")
    done(page, 2)
    page.context.close()
    yield studio
    studio.stop()


def check(page: Page, axe: str, look: str) -> list[object]:
    """In the dark only contrast can differ from the light."""
    if look != "dark":
        return violations(page, axe)
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['color-contrast'], resultTypes: ['violations']})")["violations"]
    return [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in found]


def opened(browser: Browser, url: str, **look: Any) -> Page:
    page = browser.new_context(reduced_motion="reduce", service_workers="block", **look).new_page()
    page.goto(url)
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    return page


@pytest.mark.parametrize("look", list(LOOKS))
def test_axe_finds_nothing_anywhere(browser: Browser, made: Studio, axe: str, look: str) -> None:
    page = opened(browser, made.url, **LOOKS[look])
    found: dict[str, list[object]] = {}
    for path in VIEWS:
        page.goto(made.url + path)
        expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
        expect(page.locator("main > :nth-child(2)")).to_be_visible()
        found[path] = check(page, axe, look)
    page.goto(made.url)
    done(page, 2)
    for name in OVER:
        page.evaluate(OPEN, name)
        expect(page.locator("dialog[open]")).to_be_visible()
        found[name] = check(page, axe, look)
        page.evaluate(OPEN, "")
        expect(page.locator("dialog[open]")).to_have_count(0)
    page.context.close()
    assert {where: said for where, said in found.items() if said} == {}


def test_forced_colours_show_what_is_chosen(browser: Browser, made: Studio) -> None:
    page = opened(browser, made.url, forced_colors="active", viewport={"width": 1280, "height": 800})
    done(page, 2)
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    chosen = page.locator(".chip:has(:checked)").first
    assert chosen.evaluate("e => getComputedStyle(e).borderTopWidth") == "2px"
    page.locator("#main").focus()
    page.keyboard.press("Control+k")
    option = page.get_by_role("option", selected=True)
    expect(option).to_be_visible()
    assert option.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Escape")
    here = page.locator(".rail [aria-current]")
    assert here.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.context.close()
