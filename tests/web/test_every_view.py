"""Every address and everything that opens over a view, on a real server: axe finds nothing, and no colour alone says a thing."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.emulators import Emulators
from tests.web.conftest import provider, standing
from tests.web.test_lineage_page import Maker
from tests.web.test_views import violations
from tests.web.test_whole_way import Studio, create, done

from triptych.web import assets
from triptych.web.shell import PAGES

pytestmark = pytest.mark.browser
VIEWS = [path for path in PAGES if "{" not in path]
OVER = re.findall(r"^  (\w+): part\(", (assets.ROOT / "app" / "over.js").read_text("utf-8"), re.MULTILINE)
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
IN_STATE = "import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js'))"
OPEN = f"name => {IN_STATE}.then(s => {{ s.over.value = name; }})"
GO = f"path => {IN_STATE}.then(s => s.go(path))"
# What a picture shows is asked of a picture.
DESCRIBE = "() => import(document.querySelector('script[type=module]').src.replace('main.js', 'alt.js')).then(m => { const { image } = document.querySelector('.frame[data-image]').dataset; m.describe({ prompt: 'a kettle' }, { id: image, thumb: document.querySelector('.picture').src }); })"
BENCH = f"""which => {IN_STATE}.then(s => import(document.querySelector('script[type=module]').src.replace('main.js', 'deeds.js')).then(d => {{
  const tile = s.rows.value[0].tiles.value[0].value, image = tile.images[0];
  which === 'edit' ? d.useImage(image, tile, which) : d.bench(which, image, tile);
}}))"""
BENCHES = ("edit", "continue", "vary", "extend", "upscale", "remove_background")
TABS = ("Picture", "Route", "Sent request")
SIDES = {"g": "figure", "s": "compare-slider", "o": ".pile", "m": ".pile", "f": "figure"}
SHOTS = os.environ.get("SHOTS", "")
"""A folder for pictures of all that is looked at, for a person to look at too: `SHOTS=/tmp/shots ./test tests/web/test_every_view.py`."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
Found = dict[str, list[object]]


class Made(Studio):
    """A server that has drawn one row and made something of one of its pictures, with what axe found while it was empty."""

    tile = ""
    empty: Found


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators, browser: Browser, axe: str
) -> Iterator[Made]:
    studio = Made(tmp_path_factory.mktemp("every") / "data", emulator_servers)
    studio.start()
    try:
        studio.empty = welcome(browser, studio.url, axe)
        page = opened(browser, studio.url, "desktop")
        create(page, "a steel kettle on basalt, dawn --size 256x320")
        done(page, 2)
        maker = Maker(page)
        first = maker.call("GET", "/api/runs")["runs"][0]["tiles"][0]
        studio.tile = maker.make("warmer light", "woodcut", first)["id"]
        page.context.close()
        yield studio
    finally:
        studio.stop()


def welcome(browser: Browser, url: str, axe: str) -> Found:
    found: Found = {}
    for size in SIZES:
        page = opened(browser, url, size)
        expect(page.get_by_role("region", name="Add a model")).to_be_visible()
        look(page, axe, f"welcome, {size}", found)
        page.context.close()
    return found


def look(page: Page, axe: str, where: str, found: Found) -> None:
    """Every rule, in the light and in the dark."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if SHOTS:
            width = (page.viewport_size or {"width": 0})["width"]
            name = re.sub(r"[^a-z0-9]+", "-", f"{where} {width} {scheme}".lower())
            page.screenshot(path=Path(SHOTS) / f"{name}.png")
        if said := violations(page, axe):
            found[f"{where}, {scheme}"] = said


def opened(browser: Browser, url: str, size: str, **more: Any) -> Page:
    page = browser.new_context(
        reduced_motion="reduce", service_workers="block", base_url=url, **SIZES.get(size, {}), **more
    ).new_page()
    page.goto("/")
    expect(standing(page, "Shortcuts")).to_be_visible()
    return page


def views(page: Page, tile: str) -> Iterator[str]:
    """Every address, and the windows of the kit's."""
    for path in [*VIEWS, f"/lineage/{tile}"]:
        page.evaluate(GO, path)
        expect(page.locator("main > :nth-child(2)")).to_be_visible()
        if path == "/":
            done(page, 3)
        elif path.endswith(tile):
            expect(page.get_by_role("treeitem")).to_have_count(2)
        yield path
        if path == "/models":
            provider(page, "Google").get_by_text("What happens to your prompt").click()
            yield "a line of models"
    page.evaluate(GO, "/")
    done(page, 3)
    page.locator(".frame[data-image]").first.focus()
    page.keyboard.press("f")
    expect(page.locator(".formats .card")).not_to_have_count(0)
    yield "/kit/{id}"
    page.get_by_role("button", name="Make formats").click()
    expect(page.get_by_role("dialog", name="Make formats")).to_be_visible()
    yield "make formats"
    page.keyboard.press("Escape")
    page.evaluate(GO, "/")
    done(page, 3)


def sheets(page: Page) -> Iterator[str]:
    """What a command opens by name, and what one picture does."""
    for name in OVER:
        page.evaluate(DESCRIBE if name == "alt" else OPEN, name)
        expect(page.locator("dialog[open]")).to_be_visible()
        yield name
        page.evaluate(OPEN, "")
        expect(page.locator("dialog[open]")).to_have_count(0)
    for which in BENCHES:
        page.evaluate(BENCH, which)
        expect(page.locator("dialog.editor[open]")).to_be_visible()
        expect(page.locator("mask-canvas[aria-busy]")).to_have_count(0)
        yield f"bench {which}"
        page.locator("dialog.editor[open]").get_by_role("button", name="Close").first.click()
        expect(page.locator("dialog[open]")).to_have_count(0)
    page.locator(".frame[data-image]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.compare figure")).to_have_count(2)
    for key, shown in SIDES.items():
        page.keyboard.press(key)
        expect(page.locator(f"dialog.compare {shown}").first).to_be_visible()
        yield f"side by side {key}"
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def panels(page: Page) -> Iterator[str]:
    """What the top line, a tile and a row open, and the prompt bar with something to say."""
    page.get_by_role("button", name=re.compile("^today")).click()
    expect(page.get_by_role("dialog", name="Spending caps")).to_be_visible()
    yield "caps"
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Row:")).first.click()
    expect(page.get_by_role("menu")).to_be_visible()
    yield "menu of a row"
    page.keyboard.press("Escape")
    page.locator(".frame[data-image]").first.focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    for tab in TABS:
        panel.get_by_role("tab", name=tab).click()
        expect(panel.get_by_role("tabpanel", name=tab)).to_be_visible()
        yield f"inspector, {tab}"
    page.get_by_role("button", name="Close the inspector").click()
    page.get_by_label("Prompt", exact=True).fill("a kite --ar 4:5 --stlye --s")
    page.get_by_label("Prompt", exact=True).press("e")
    expect(page.get_by_role("option").first).to_be_visible()
    yield "prompt with suggestions"


def test_the_welcome_stands_in_nobodys_way(made: Made) -> None:
    """Looked at before anything was made, with its ways to add a model."""
    assert made.empty == {}


@pytest.mark.timeout(400)  # every view twice: on a busy machine it takes minutes
@pytest.mark.parametrize("size", list(SIZES))
def test_axe_finds_nothing_in_any_view_light_or_dark(browser: Browser, made: Made, axe: str, size: str) -> None:
    page, found = opened(browser, made.url, size), Found()
    done(page, 3)
    for where in itertools.chain(views(page, made.tile), sheets(page), panels(page)):
        look(page, axe, where, found)
    page.context.close()
    assert found == {}


def test_forced_colours_show_what_is_chosen(browser: Browser, made: Made) -> None:
    page = opened(browser, made.url, "desktop", forced_colors="active")
    done(page, 3)
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


def test_a_narrow_phone_shows_everything_without_scrolling_sideways(browser: Browser, made: Made) -> None:
    page = opened(browser, made.url, "", viewport={"width": 320, "height": 640})
    done(page, 3)
    for path in ("/", "/models"):
        page.goto(path)
        expect(page.get_by_role("main")).to_be_visible()
        sizes = page.locator("html").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert sizes[0] <= sizes[1]
    page.context.close()
